//! The file `index.sqlite`: who may use it when, and how it is known to be as sluis left it.
//!
//! Everybody who has the file open holds the lock file `index.lock` shared; who replaces a damaged file holds it alone,
//! so that no file is taken away from under its users.
//!
//! SQLite does not notice every byte that something else changes in the file. So the file is marked when it is closed:
//! the nanoseconds of its modification time are a number that stands in it. Whoever writes into the file destroys the
//! mark, and a file without it is compared with itself, entry by entry, before it is used.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, utimensat};

use crate::error::Trouble;

/// The index, beside `site.yaml`.
pub(crate) const FILE: &str = "index.sqlite";
const LOCK: &str = "index.lock";

/// How long another process is waited for before the answer is worked out without the file.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(5);

/// The right to use the file, or to replace it.
#[derive(Debug)]
pub(crate) struct Hold {
    path: PathBuf,
    lock: File,
}

impl Hold {
    /// The right to use the file together with others.
    pub fn shared(folder: &Path) -> Result<Self, Trouble> {
        let hold = Self::over(folder)?;
        wait_for(|| hold.lock.try_lock_shared())?;
        Ok(hold)
    }

    /// The right to replace it.
    pub fn alone(folder: &Path) -> Result<Self, Trouble> {
        let hold = Self::over(folder)?;
        wait_for(|| hold.lock.try_lock())?;
        Ok(hold)
    }

    /// Lets others use the file, too.
    pub fn share(self) -> Result<Self, Trouble> {
        self.lock.unlock()?;
        wait_for(|| self.lock.try_lock_shared())?;
        Ok(self)
    }

    fn over(folder: &Path) -> Result<Self, Trouble> {
        let mut options = OpenOptions::new();
        let lock = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(folder.join(LOCK));
        // Absolute, so that SQLite cannot take its beginning for that of a URI.
        let path = std::path::absolute(folder.join(FILE))?;
        Ok(Self { path, lock: lock? })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the file and makes an empty one, for its owner alone. Only for who holds the lock alone.
    ///
    /// What a killed process left beside the file SQLite removes when it opens an empty one.
    pub fn replace(&self) -> Result<(), Trouble> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path)?;
        Ok(())
    }

    /// Whether nobody else has written into the file since it was marked.
    pub fn is_marked(&self, mark: i64) -> bool {
        fs::metadata(&self.path).is_ok_and(|facts| facts.mtime_nsec() == mark)
    }

    /// Marks the file.
    pub fn mark(&self, mark: i64) -> io::Result<()> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec { tv_sec: now.as_secs().cast_signed(), tv_nsec: mark },
        };
        Ok(utimensat(CWD, &self.path, &times, AtFlags::empty())?)
    }
}

/// Tries to lock until it works or patience ends.
fn wait_for(mut lock: impl FnMut() -> Result<(), TryLockError>) -> Result<(), Trouble> {
    let begun = Instant::now();
    loop {
        match lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => thread::sleep(BETWEEN_ATTEMPTS),
            Err(TryLockError::WouldBlock) => return Err(Trouble::Unusable("another process keeps it locked".into())),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
}
