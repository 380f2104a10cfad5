//! The sample itself: where it stands, and that nobody changed it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// How many tests it has.
pub const TESTS: usize = 236;

/// The digest of all its files, as [`digest`] makes it.
pub const DIGEST: &str = "9dae09b5770eeaf258e0b563da8ff64a18eb5d74016805ccdd01dfa0e746650b";

/// The folder of the sample.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("testdata").join("cwl-v1.2")
}

/// SHA-256 over every file's path, whether it may be executed, its length and its content, in the order of the paths;
/// without the two files that were added here.
pub fn digest() -> String {
    let folder = folder();
    let mut files = Vec::new();
    add_files(&folder, &mut files);
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let path = file.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
        if ![".gitattributes", "ORIGIN.md"].contains(&path.as_str()) {
            let is_executable = fs::metadata(&file).unwrap().permissions().mode() & 0o100 != 0;
            let content = fs::read(&file).unwrap();
            hash.update(format!("{path}\n{is_executable} {}\n", content.len()));
            hash.update(content);
        }
    }
    hex::encode(hash.finalize())
}

fn add_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_files(&path, files);
        } else {
            files.push(path);
        }
    }
}
