//! The store's folder: opening it, finding objects and task entries in it.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use sluis_model::{Address, TaskKey};

use crate::{NewObject, StoreError, StoredObject, durable, object};

/// The content of the format file.
const FORMAT: &str = "sluis-store 1";

/// A store over a local directory. Threads and processes may use one folder at the same time.
#[derive(Debug)]
pub struct Store {
    pub(crate) root: PathBuf,
    writer: Writer,
}

/// This process's own folder for unfinished files. The lock on it tells others that the process lives.
#[derive(Debug)]
struct Writer {
    folder: PathBuf,
    _lock: File,
    next: AtomicU64,
}

impl Store {
    /// Makes a store in a folder that has none, and opens it.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn create(root: &Path) -> Result<Self, StoreError> {
        for folder in [root, &root.join("objects"), &root.join("tasks"), &root.join("unfinished")] {
            durable::make_folder(folder)?;
        }
        let format = root.join("format");
        if !format.exists() {
            durable::write_file(&format, format!("{FORMAT}\n").as_bytes())?;
            durable::sync_folder(root)?;
        }
        Self::open(root)
    }

    /// Opens the store in a folder.
    ///
    /// # Errors
    /// If there is none, it is of another format, or cannot be written.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let format = durable::read_if_there(&root.join("format"))?;
        let format = format.ok_or_else(|| StoreError::Missing(root.to_owned()))?;
        let found = String::from_utf8_lossy(&format).trim().to_owned();
        if found != FORMAT {
            return Err(StoreError::Format { path: root.to_owned(), found, expected: FORMAT });
        }
        Ok(Self { root: root.to_owned(), writer: Writer::begin(&root.join("unfinished"))? })
    }

    /// Begins a new object; its sealed body is written into what this gives.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn begin_object(&self) -> Result<NewObject<'_>, StoreError> {
        NewObject::begin(self, self.writer.next_path())
    }

    /// Whether there is an object at an address.
    ///
    /// # Errors
    /// If that cannot be told.
    pub fn contains(&self, address: &Address) -> Result<bool, StoreError> {
        let path = self.object_path(address);
        path.join(object::RECORD).try_exists().map_err(StoreError::io(&path, "looked at"))
    }

    /// The object at an address.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn object(&self, address: &Address) -> Result<Option<StoredObject>, StoreError> {
        StoredObject::read(*address, self.object_path(address))
    }

    /// Adds one more label set to an object; nothing happens if it has it already.
    ///
    /// # Errors
    /// If there is no such object, or it cannot be written.
    pub fn add_labels(&self, address: &Address, labels: &[u8]) -> Result<(), StoreError> {
        let folder = self.object_path(address);
        let path = folder.join(object::labels_name(labels));
        if path.exists() {
            return Ok(());
        }
        self.put_file(&path, labels)
    }

    /// Takes a damaged object out of sight, to `damaged/`, so that its content can be put again; gives its new place.
    ///
    /// # Errors
    /// If it cannot be moved.
    pub fn set_aside(&self, address: &Address) -> Result<PathBuf, StoreError> {
        let folder = self.root.join("damaged");
        durable::make_folder(&folder)?;
        let place = tempfile::Builder::new().prefix(&format!("{}-", address.hex())).tempdir_in(&folder);
        let place = place.map_err(StoreError::io(&folder, "written"))?.keep();
        let from = self.object_path(address);
        // An empty folder is replaced by the rename.
        fs::rename(&from, &place).map_err(StoreError::io(&from, "moved"))?;
        Ok(place)
    }

    /// Keeps a task's entry; an earlier one is replaced.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put_task(&self, key: &TaskKey, entry: &[u8]) -> Result<(), StoreError> {
        let path = self.task_path(key);
        if let Some(folder) = path.parent() {
            durable::make_folder(folder)?;
        }
        self.put_file(&path, entry)
    }

    /// A task's entry.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn task(&self, key: &TaskKey) -> Result<Option<Vec<u8>>, StoreError> {
        durable::read_if_there(&self.task_path(key))
    }

    /// Removes what writers that live no more left unfinished.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn sweep_unfinished(&self) -> Result<(), StoreError> {
        let unfinished = self.root.join("unfinished");
        for entry in fs::read_dir(&unfinished).map_err(StoreError::io(&unfinished, "read"))? {
            let path = entry.map_err(StoreError::io(&unfinished, "read"))?.path();
            if path != self.writer.folder && is_abandoned(&path)? {
                fs::remove_dir_all(&path).or_else(ignore_missing).map_err(StoreError::io(&path, "removed"))?;
            }
        }
        Ok(())
    }

    /// Writes a file under another name first, so that it appears whole.
    fn put_file(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let unfinished = self.writer.next_path();
        let outcome = durable::write_file(&unfinished, bytes).and_then(|()| durable::rename(&unfinished, path));
        if outcome.is_err() {
            // The sweep takes it away if this does not.
            let _ = fs::remove_file(&unfinished);
        }
        outcome
    }

    pub(crate) fn object_path(&self, address: &Address) -> PathBuf {
        let hex = address.hex();
        self.root.join("objects").join(&hex[..2]).join(&hex[2..])
    }

    fn task_path(&self, key: &TaskKey) -> PathBuf {
        let hex = key.hex();
        self.root.join("tasks").join(&hex[..2]).join(&hex[2..])
    }
}

impl Writer {
    fn begin(unfinished: &Path) -> Result<Self, StoreError> {
        durable::make_folder(unfinished)?;
        let own = tempfile::Builder::new().prefix("writer-").tempdir_in(unfinished);
        let folder = own.map_err(StoreError::io(unfinished, "written"))?.keep();
        let lock = durable::create(&folder.join("lock")).map_err(StoreError::io(&folder, "written"))?;
        lock.lock().map_err(StoreError::io(&folder, "locked"))?;
        Ok(Self { folder, _lock: lock, next: AtomicU64::new(0) })
    }

    fn next_path(&self) -> PathBuf {
        self.folder.join(self.next.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Only a leftover folder would remain, and the next sweep takes it away.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Whether the writer that made a folder lives no more. One that is just beginning has no lock file yet, and is left
/// alone for a minute.
fn is_abandoned(folder: &Path) -> Result<bool, StoreError> {
    let failed = |error| StoreError::io(folder, "looked at")(error);
    match File::open(folder.join("lock")) {
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
