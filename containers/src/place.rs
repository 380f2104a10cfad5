//! Where archives and packages are kept: the workspace's target folder.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
};

use crate::ContainersError;

/// The folder for what this crate keeps; made if needed.
pub(crate) fn folder() -> Result<PathBuf, ContainersError> {
    let target = match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) if Path::new(&folder).is_absolute() => PathBuf::from(folder),
        _ => Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target"),
    };
    let folder = target.join("containers");
    fs::create_dir_all(&folder).map_err(ContainersError::io("make the folder", &folder))?;
    Ok(folder)
}

/// Waits until no other thread or process works on `name` in this folder; the lock ends when the result is dropped.
pub(crate) fn lock(folder: &Path, name: &str) -> Result<File, ContainersError> {
    let path = folder.join(format!("{name}.lock"));
    let file = File::create(&path).map_err(ContainersError::io("write", &path))?;
    file.lock().map_err(ContainersError::io("lock", &path))?;
    Ok(file)
}
