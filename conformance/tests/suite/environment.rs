//! The virtual environment that holds the standard's test tool.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The packages and their versions.
const REQUIREMENTS: &str = include_str!("../../requirements.txt");

/// The folder of a virtual environment with exactly the required packages; made if it is not there yet.
pub fn environment() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cwltest");
    let lock = fs::File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let complete = folder.join("complete");
    if fs::read_to_string(&complete).ok().as_deref() != Some(REQUIREMENTS) {
        let _ = fs::remove_dir_all(&folder);
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        let requirements = concat!(env!("CARGO_MANIFEST_DIR"), "/requirements.txt");
        run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", "--requirement", requirements]));
        fs::write(complete, REQUIREMENTS).unwrap();
    }
    folder
}

/// Runs a command that must succeed.
pub fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
}
