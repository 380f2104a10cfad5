//! Where a store keeps its content: blobs with names, in a local directory or an object store.
//!
//! The contract, which holds for every backend:
//! - a blob appears whole or not at all, whenever its writer dies, and what [`Backend::put`] acknowledged survives a
//!   power loss;
//! - of several writers that create one name at the same time exactly one is told [`Put::Written`];
//! - blobs of a later stage of a [`Backend::put`] are not visible before those of the earlier ones are durable;
//! - no blob's name is the beginning of another's up to a `/`: nobody puts both, and nobody asks for such a beginning.

use std::{
    fmt,
    io::{self, Read, Seek, Write},
    time::SystemTime,
};

use crate::StoreError;

pub mod directory;
pub mod disk;
mod group;

/// The most bytes that [`Backend::read`] gives: everything but bodies is far smaller.
pub const SMALL: u64 = 64 << 20;

/// A name of a blob: parts of lower-case letters, digits, `-`, `_` and `.`, with `/` between them, none of them
/// beginning with a dot. So it is a path on every file system, and means itself in every object store.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name(String);

impl Name {
    /// A name from its text.
    ///
    /// # Errors
    /// If the text is none; gives it back.
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        let text = text.into();
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(fits);
        if text.len() <= 500 && text.split('/').all(is_part) { Ok(Self(text)) } else { Err(text) }
    }

    /// For names that this crate composes of names, hexadecimal digits and constants.
    pub(crate) fn composed(text: String) -> Self {
        debug_assert!(Self::new(text.clone()).is_ok(), "{text}");
        Self(text)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a new blob is to hold.
#[derive(Debug)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What was written to an upload of the same backend, which was begun for the blob's name. The blob is created: with
    /// [`Mode::Replace`] it cannot be put.
    Upload(Box<dyn Upload>),
}

/// A blob to put.
#[derive(Debug)]
pub struct NewBlob {
    /// Its name.
    pub name: Name,
    /// What it holds.
    pub content: Content,
    /// What happens if there is one of this name.
    pub mode: Mode,
}

/// What happens if there is a blob of that name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// It stays.
    Create,
    /// It is replaced.
    Replace,
}

/// What became of a new blob.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Put {
    /// It is there.
    Written,
    /// There was one of this name, which stays as it was.
    Existing,
}

/// A blob as a listing names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Its name.
    pub name: Name,
    /// Its bytes.
    pub size: u64,
    /// When it was last written or freshened, by the backend's clock.
    pub modified: SystemTime,
}

/// Content that is being written and has no name yet; dropped, it is gone.
pub trait Upload: Write + Send + fmt::Debug {
    /// For the backend that began it, to finish it.
    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any + Send>;
}

/// A blob that is open, to be read from any place.
pub trait OpenBlob: Read + Seek + Send + fmt::Debug {}

impl<T: Read + Seek + Send + fmt::Debug> OpenBlob for T {}

/// The blobs of a listing, in the order of their names.
pub type Listing<'a> = Box<dyn Iterator<Item = Result<Listed, StoreError>> + Send + 'a>;

/// A place for blobs. Threads share it; other processes may use the same place at the same time. Every method blocks.
pub trait Backend: Send + Sync + fmt::Debug {
    /// Where it is, for people.
    fn place(&self) -> String;

    /// Puts blobs in stages: those of one stage are durable before any of the next is visible. Gives what became of each,
    /// in the same order. Calls of several threads share the work that makes them durable.
    ///
    /// # Errors
    /// If one cannot be put. Blobs of earlier stages may then be there, those of later ones are not.
    fn put(&self, stages: Vec<Vec<NewBlob>>) -> Result<Vec<Vec<Put>>, StoreError>;

    /// Begins to write the content of a blob of this name, whose size is not known. The name is the writer's own: a random
    /// one that nobody else uses, since not every object store can finish a large upload on a condition.
    ///
    /// # Errors
    /// If nothing can be written.
    fn begin(&self, name: &Name) -> Result<Box<dyn Upload>, StoreError>;

    /// The content of a small blob; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read, or is larger than 64 MiB.
    fn read(&self, name: &Name) -> Result<Option<Vec<u8>>, StoreError>;

    /// Opens a blob of any size; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be opened.
    fn open(&self, name: &Name) -> Result<Option<Box<dyn OpenBlob>>, StoreError>;

    /// Says of a blob whether it is there, how large and how old; `None` if there is none.
    ///
    /// # Errors
    /// If that cannot be told.
    fn look(&self, name: &Name) -> Result<Option<Listed>, StoreError>;

    /// Makes a small blob as young as a new one, within a minute; `false` if there is none.
    ///
    /// # Errors
    /// If that cannot be done.
    fn freshen(&self, name: &Name) -> Result<bool, StoreError>;

    /// Returns when a blob that another writer may just be putting is durable; `false` if it is not there. A backend
    /// that shows only what is durable has nothing to wait for.
    ///
    /// # Errors
    /// If it cannot be made durable.
    fn confirm(&self, _name: &Name) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// [`Backend::confirm`] and [`Backend::freshen`] in one; `false` if the blob is not there.
    ///
    /// # Errors
    /// As these.
    fn keep(&self, name: &Name) -> Result<bool, StoreError> {
        Ok(self.confirm(name)? && self.freshen(name)?)
    }

    /// Takes blobs away, durably; those that are not there count as taken away.
    ///
    /// # Errors
    /// If one cannot be taken away. Others may be gone then.
    fn delete(&self, names: &[Name]) -> Result<(), StoreError>;

    /// The blobs whose names begin with `prefix`, a name or parts of one, in order.
    ///
    /// # Errors
    /// If they cannot be listed; what goes wrong on the way is an error of the iterator.
    fn list(&self, prefix: &str) -> Result<Listing<'_>, StoreError>;

    /// The folders right below a prefix, each with the time at which a blob in it last appeared, went or was replaced;
    /// `None` if the backend has no such folders.
    ///
    /// # Errors
    /// If they cannot be looked at.
    fn folders(&self, _prefix: &str) -> Result<Option<Vec<(String, SystemTime)>>, StoreError> {
        Ok(None)
    }

    /// Removes what writers that live no more left unfinished.
    ///
    /// # Errors
    /// If it cannot be removed.
    fn sweep_unfinished(&self) -> Result<(), StoreError>;
}

/// A text for the `io::Error` of an upload that is given to another backend than its own.
pub fn foreign_upload() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the upload was begun in another store")
}
