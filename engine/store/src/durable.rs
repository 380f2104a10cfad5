//! Writing so that what was acknowledged survives a killed process and a power loss.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::StoreError;

/// Creates a file that must not exist yet, for its owner alone.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Writes a new file and flushes it to the disk.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || {
        let mut file = create(path)?;
        file.write_all(bytes)?;
        file.sync_data()
    };
    write().map_err(StoreError::io(path, "written"))
}

/// Flushes a folder's entries to the disk.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(StoreError::io(folder, "flushed to the disk"))
}

/// Makes a folder and, where they are missing, those above it, and flushes the one in which it appears.
pub(crate) fn make_folder(folder: &Path) -> Result<(), StoreError> {
    match fs::create_dir(folder) {
        Ok(()) => folder.parent().map_or(Ok(()), sync_folder),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(parent) = folder.parent() {
                make_folder(parent)?;
            }
            fs::create_dir(folder).or_else(ignore_existing).map_err(StoreError::io(folder, "made"))
        }
        Err(error) => Err(StoreError::io(folder, "made")(error)),
    }
}

fn ignore_existing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
}

/// Renames and flushes the folder in which the new name appears.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(StoreError::io(to, "put in place"))?;
    to.parent().map_or(Ok(()), sync_folder)
}

/// The content of a file; `None` if there is none.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io(path, "read")(error)),
    }
}
