//! The store: finding objects and task entries among the blobs, adding to them.

use std::{
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use sluis_crypt4gh::{HeaderPacket, PublicKey};
use sluis_model::{Address, TaskKey};

use crate::{
    BodyId, NewObject, StoreError, StoredObject,
    backend::{Backend, Content, Mode, Name, NewBlob, Put, directory::Directory},
    layout::{self, FORMAT, FORMAT_NAME},
    object,
};

/// What becomes of a part of a damaged object that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// It stays where it is.
    Kept,
    /// It is deleted.
    GivenUp,
}

/// A store over a backend. Threads share it; other processes may use the same place at the same time.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) backend: Arc<dyn Backend>,
}

impl Store {
    /// Makes a store in a folder that has none, and opens it.
    ///
    /// # Errors
    /// If the folder cannot be written, or has a store of another format.
    pub fn create(root: &Path) -> Result<Self, StoreError> {
        Self::create_on(Arc::new(Directory::open(root)?))
    }

    /// Makes a store in a place that has none, and opens it.
    ///
    /// # Errors
    /// If the place cannot be written, or has a store of another format.
    pub fn create_on(backend: Arc<dyn Backend>) -> Result<Self, StoreError> {
        let store = Self { backend };
        store.put_one(Name::composed(FORMAT_NAME.to_owned()), format!("{FORMAT}\n").into_bytes(), Mode::Create)?;
        store.checked()
    }

    /// Opens the store in a folder.
    ///
    /// # Errors
    /// If there is none, it is of another format, or cannot be written.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        if !root.join(FORMAT_NAME).exists() {
            return Err(StoreError::Missing(root.display().to_string()));
        }
        Self::open_on(Arc::new(Directory::open(root)?))
    }

    /// Opens the store in a place.
    ///
    /// # Errors
    /// If there is none, it is of another format, or cannot be read.
    pub fn open_on(backend: Arc<dyn Backend>) -> Result<Self, StoreError> {
        Self { backend }.checked()
    }

    fn checked(self) -> Result<Self, StoreError> {
        let place = self.backend.place();
        let format = self.backend.read(&Name::composed(FORMAT_NAME.to_owned()))?;
        let format = format.ok_or_else(|| StoreError::Missing(place.clone()))?;
        let found = String::from_utf8_lossy(&format).trim().to_owned();
        if found == FORMAT { Ok(self) } else { Err(StoreError::Format { place, found, expected: FORMAT }) }
    }

    /// Begins a new object; its sealed body is written into what this gives.
    ///
    /// # Errors
    /// If nothing can be written.
    pub fn begin_object(&self) -> Result<NewObject<'_>, StoreError> {
        NewObject::begin(self)
    }

    /// Whether there is an object at an address.
    ///
    /// # Errors
    /// If that cannot be told.
    pub fn contains(&self, address: &Address) -> Result<bool, StoreError> {
        Ok(self.backend.look(&layout::record(address))?.is_some())
    }

    /// The object at an address.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn object(&self, address: &Address) -> Result<Option<StoredObject>, StoreError> {
        StoredObject::read(&self.backend, *address)
    }

    /// If there is an object at the address, adds a label set to it, unless it has it already, and counts the object as
    /// used just now; `false` if there is none.
    ///
    /// # Errors
    /// If it cannot be written; it is [`StoreError::Damaged`] if the record is no record.
    pub fn adopt(&self, address: &Address, labels: &[u8]) -> Result<bool, StoreError> {
        self.adopt_after(address, labels, || Ok(()))
    }

    /// As [`Store::adopt`]; calls `announce` before, if there is an object.
    ///
    /// # Errors
    /// As [`Store::adopt`], and those of `announce`: then nothing was done.
    pub fn adopt_after<E: From<StoreError>>(
        &self,
        address: &Address,
        labels: &[u8],
        announce: impl Fn() -> Result<(), E>,
    ) -> Result<bool, E> {
        self.use_object(address, |body| {
            announce()?;
            let name = layout::labels(address, body, labels);
            if !self.backend.keep(&name)? {
                self.put_one(name, labels.to_vec(), Mode::Create)?;
            }
            Ok(true)
        })
    }

    /// Counts an object as used just now, so that it stays for whoever is about to refer to it; `false` if there is none
    /// that could be used.
    ///
    /// # Errors
    /// As [`Store::adopt`].
    pub fn touch(&self, address: &Address) -> Result<bool, StoreError> {
        self.use_object(address, |body| {
            for listed in self.backend.list(&layout::labels_prefix(address, body))? {
                let name = listed?.name;
                if self.backend.keep(&name)? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    /// Freshens one of an object's label sets by `freshen`, and confirms that the object is still there.
    ///
    /// Whoever removes an object looks at its label sets once more after the record is gone: so if the record is still
    /// there after a label set was freshened, the object stays.
    fn use_object<E: From<StoreError>>(
        &self,
        address: &Address,
        freshen: impl Fn(BodyId) -> Result<bool, E>,
    ) -> Result<bool, E> {
        let mut body = self.body_of(address)?;
        while let Some(used) = body {
            // Its writer may not have come so far.
            self.backend.confirm(&layout::record(address))?;
            let is_fresh = freshen(used)?;
            body = self.body_of(address)?;
            if body == Some(used) {
                return Ok(is_fresh);
            }
            // It is gone, or was made again meanwhile with another body.
        }
        Ok(false)
    }

    /// The body that an object's record names.
    pub(crate) fn body_of(&self, address: &Address) -> Result<Option<BodyId>, StoreError> {
        let name = layout::record(address);
        let Some(kept) = self.backend.read(&name)? else { return Ok(None) };
        let (body, _) = object::split_record(&kept).ok_or_else(|| StoreError::Damaged(name.to_string()))?;
        Ok(Some(body))
    }

    /// Adds a header packet, so that the recipient can read the body.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put_packet(&self, body: BodyId, recipient: &PublicKey, packet: &HeaderPacket) -> Result<(), StoreError> {
        self.put_one(layout::packet(body, recipient), packet.as_bytes().to_vec(), Mode::Replace).map(drop)
    }

    /// Deletes a recipient's header packet, durably.
    ///
    /// # Errors
    /// If it cannot be deleted.
    pub fn remove_packet(&self, body: BodyId, recipient: &PublicKey) -> Result<(), StoreError> {
        self.backend.delete(&[layout::packet(body, recipient)])
    }

    /// Takes a damaged object out of sight, to `damaged/`, so that its content can be put again. Its body stays where it
    /// is, for whoever wants to look at it, until the garbage collection.
    ///
    /// # Errors
    /// If it cannot be moved, or a part that should be kept cannot be read.
    pub fn set_aside(&self, address: &Address, unreadable: Unreadable) -> Result<(), StoreError> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        let parts = self.backend.list(&layout::object_prefix(address))?;
        let mut names = parts.map(|part| part.map(|part| part.name)).collect::<Result<Vec<_>, _>>()?;
        // The record last: as long as it is there, the object can be set aside again.
        names.sort_by_key(|name| layout::address_of_record(name).is_some());
        for name in names {
            let bytes = match (self.backend.read(&name), unreadable) {
                (Err(_), Unreadable::GivenUp) => None,
                (outcome, _) => outcome?,
            };
            if let Some(bytes) = bytes {
                self.put_one(layout::damaged(address, time, &name), bytes, Mode::Replace)?;
            }
            self.backend.delete(&[name])?;
        }
        Ok(())
    }

    /// Keeps a task's entry; an earlier one is replaced.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put_task(&self, key: &TaskKey, entry: &[u8]) -> Result<(), StoreError> {
        loop {
            self.put_one(layout::task(key), entry.to_vec(), Mode::Replace)?;
            if self.claim_task(key, entry)? {
                return Ok(());
            }
        }
    }

    /// A task's entry.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn task(&self, key: &TaskKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.backend.read(&layout::task(key))
    }

    /// Removes what writers that live no more left unfinished.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn sweep_unfinished(&self) -> Result<(), StoreError> {
        self.backend.sweep_unfinished()
    }

    pub(crate) fn put_one(&self, name: Name, bytes: Vec<u8>, mode: Mode) -> Result<Put, StoreError> {
        let put = self.backend.put(vec![vec![NewBlob { name, content: Content::Bytes(bytes), mode }]])?;
        Ok(put.into_iter().flatten().next().unwrap_or(Put::Written))
    }
}
