//! Which of a site's keys running processes use: each holds a lock for its key as long as it has the site open.
//!
//! The lock lies on a file that is named after the public key, and not on that of the secret key, which is replaced when
//! its passphrase changes. The system takes it back from a process that ends, however it ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use sluis_crypt4gh::PublicKey;

use crate::AccessError;

/// For whom a new object is sealed, so that every process of the site can open it.
pub(crate) struct Recipients {
    /// Their keys.
    pub keys: Vec<PublicKey>,
    /// Keeps the old key from being given up before the object is whole.
    pub(super) _hold: Option<File>,
}

/// The file of a key's lock.
pub(super) fn path(folder: &Path, key: &PublicKey) -> PathBuf {
    folder.join(format!("in-use.{}", &hex::encode(key.as_bytes())[..16]))
}

fn open(path: &Path) -> Result<File, AccessError> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    file.map_err(AccessError::file(path, "opened"))
}

/// Says that this process uses the key, until the file is dropped.
pub(super) fn hold(folder: &Path, key: &PublicKey) -> Result<File, AccessError> {
    let path = path(folder, key);
    // Where nothing can be written the lock of others will do: it can be shared by who only reads it.
    let file = open(&path).or_else(|error| File::open(&path).map_err(|_| error))?;
    file.lock_shared().map_err(AccessError::file(&path, "locked"))?;
    Ok(file)
}

/// Keeps a key from being given up, until the file is dropped; `None` if that was begun already.
pub(super) fn hold_old(folder: &Path, key: &PublicKey) -> Option<File> {
    let file = File::open(path(folder, key)).ok()?;
    file.try_lock_shared().ok()?;
    // Gone before the lock was taken, if its secret is gone.
    folder.join(super::files::OLD_SECRET).exists().then_some(file)
}

/// Makes sure that no process uses the key, until the file is dropped; `None` if one does and this does not wait.
pub(super) fn alone(folder: &Path, key: &PublicKey, waits: bool) -> Result<Option<File>, AccessError> {
    let path = path(folder, key);
    let file = open(&path)?;
    match if waits { file.lock().map_err(TryLockError::Error) } else { file.try_lock() } {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(AccessError::file(&path, "locked")(error)),
    }
}
