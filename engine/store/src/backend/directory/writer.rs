//! Each process's own folder for what it has not finished.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::StoreError;

/// The folder in which each writer has a folder.
pub(super) const UNFINISHED: &str = "unfinished";

/// The file in a writer's folder that is locked while the writer lives.
const LOCK: &str = "lock";

/// This process's folder. The lock in it tells others that the process lives.
#[derive(Debug)]
pub(super) struct Writer {
    folder: PathBuf,
    _lock: File,
    next: AtomicU64,
}

impl Writer {
    pub(super) fn begin(unfinished: &Path) -> Result<Self, StoreError> {
        let own = tempfile::Builder::new().prefix("writer-").tempdir_in(unfinished);
        let folder = own.map_err(StoreError::io(unfinished, "written"))?.keep();
        let lock = make_lock(&folder).map_err(StoreError::io(&folder, "locked"))?;
        Ok(Self { folder, _lock: lock, next: AtomicU64::new(0) })
    }

    pub(super) fn next_path(&self) -> PathBuf {
        self.folder.join(self.next.fetch_add(1, Ordering::Relaxed).to_string())
    }

    /// Removes the folders of writers that live no more.
    pub(super) fn sweep(&self) -> Result<(), StoreError> {
        let unfinished = self.folder.parent().unwrap_or(&self.folder);
        for entry in fs::read_dir(unfinished).map_err(StoreError::io(unfinished, "read"))? {
            let path = entry.map_err(StoreError::io(unfinished, "read"))?.path();
            if path != self.folder && is_abandoned(&path)? {
                fs::remove_dir_all(&path).or_else(ignore_missing).map_err(StoreError::io(&path, "removed"))?;
            }
        }
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Only a leftover folder would remain, and the next sweep takes it away.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Makes the lock under another name and moves it into place when it is held: no sweep ever sees it free while this
/// writer lives.
fn make_lock(folder: &Path) -> io::Result<File> {
    let new = folder.join("lock.new");
    let lock = File::create_new(&new)?;
    lock.lock()?;
    fs::rename(&new, folder.join(LOCK))?;
    Ok(lock)
}

/// Whether the writer that made a folder lives no more. One that is just beginning has no lock file yet, and is left
/// alone for a minute.
fn is_abandoned(folder: &Path) -> Result<bool, StoreError> {
    let failed = |error| StoreError::io(folder, "looked at")(error);
    match File::open(folder.join(LOCK)) {
        Ok(lock) => match lock.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let age = fs::metadata(folder).and_then(|facts| facts.modified()).map(|time| time.elapsed());
            Ok(age.is_ok_and(|age| age.is_ok_and(|age| age.as_secs() > 60)))
        }
        Err(error) => Err(failed(error)),
    }
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
