//! A new object: its body is written first, the rest when its address is known.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use sluis_crypt4gh::{HeaderPacket, PublicKey};
use sluis_model::Address;

use crate::{Store, StoreError, durable, object};

/// What belongs to an object beside its body.
#[derive(Clone, Copy, Debug)]
pub struct ObjectParts<'a> {
    /// What `access` needs to verify it.
    pub record: &'a [u8],
    /// The data key, sealed for each recipient.
    pub packets: &'a [(PublicKey, HeaderPacket)],
    /// The first label set.
    pub labels: &'a [u8],
}

/// How a commit went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Commit {
    /// The object is new.
    New,
    /// The address was there already: the new body was dropped, the label set added.
    Existing,
}

/// An object that is not visible yet; dropped without a commit, it is gone.
#[derive(Debug)]
pub struct NewObject<'a> {
    store: &'a Store,
    folder: PathBuf,
    body: File,
}

impl<'a> NewObject<'a> {
    pub(crate) fn begin(store: &'a Store, folder: PathBuf) -> Result<Self, StoreError> {
        fs::create_dir(&folder).map_err(StoreError::io(&folder, "made"))?;
        let path = folder.join(object::BODY);
        let body = durable::create(&path).map_err(StoreError::io(&path, "made"))?;
        Ok(Self { store, folder, body })
    }

    /// Flushes everything to the disk and makes the object visible at its address, by one rename.
    ///
    /// # Errors
    /// If it cannot be written; nothing is visible then.
    pub fn commit(self, address: &Address, parts: ObjectParts<'_>) -> Result<Commit, StoreError> {
        if self.store.contains(address)? {
            return self.drop_for_existing(address, parts.labels);
        }
        self.write_parts(parts)?;
        let path = self.store.object_path(address);
        if let Some(folder) = path.parent() {
            durable::make_folder(folder)?;
        }
        match fs::rename(&self.folder, &path) {
            Ok(()) => {
                path.parent().map_or(Ok(()), durable::sync_folder)?;
                Ok(Commit::New)
            }
            // Another writer was faster: a folder that is not empty is never replaced.
            Err(error) if is_occupied(&error) => self.drop_for_existing(address, parts.labels),
            Err(error) => Err(StoreError::io(&path, "put in place")(error)),
        }
    }

    fn write_parts(&self, parts: ObjectParts<'_>) -> Result<(), StoreError> {
        self.body.sync_data().map_err(StoreError::io(&self.folder, "flushed to the disk"))?;
        durable::write_file(&self.folder.join(object::RECORD), parts.record)?;
        durable::write_file(&self.folder.join(object::labels_name(parts.labels)), parts.labels)?;
        for (recipient, packet) in parts.packets {
            durable::write_file(&self.folder.join(object::packet_name(recipient)), packet.as_bytes())?;
        }
        durable::sync_folder(&self.folder)
    }

    fn drop_for_existing(self, address: &Address, labels: &[u8]) -> Result<Commit, StoreError> {
        self.store.add_labels(address, labels)?;
        Ok(Commit::Existing)
    }

    /// The unfinished object's folder, for messages.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

fn is_occupied(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists)
}

impl Write for NewObject<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.body.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.body.flush()
    }
}

impl Drop for NewObject<'_> {
    fn drop(&mut self) {
        // After a commit there is nothing here any more; otherwise the sweep takes away what this does not.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
