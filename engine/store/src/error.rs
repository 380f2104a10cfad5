//! What can go wrong with the store.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
};

/// Why the store cannot do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder could not be read or written.
    #[error("{path} cannot be {doing}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// An object store's server did not do what it was asked for.
    #[error("{name} cannot be {doing}")]
    Remote {
        /// The blob or bucket.
        name: String,
        /// What was tried.
        doing: &'static str,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The place is not where it should be, or it cannot be told where it is; nothing was read from it or written to it.
    #[error("{place} must not be used: {reason}")]
    Forbidden {
        /// The place.
        place: String,
        /// Why, and what to do.
        reason: String,
    },
    /// There is no store at the place.
    #[error("there is no store at {0}")]
    Missing(String),
    /// The store is of another format.
    #[error("the store at {place} has the format `{found}`, this version of sluis reads `{expected}`")]
    Format {
        /// The store.
        place: String,
        /// What its format blob says.
        found: String,
        /// What it should say.
        expected: &'static str,
    },
    /// A part of an object is not what it should be.
    #[error("{0} is damaged")]
    Damaged(String),
    /// No object's address begins so.
    #[error("no object's address begins with `{0}`; `sluis ls` lists the objects")]
    Unknown(String),
    /// Several objects' addresses begin so.
    #[error("several objects' addresses begin with `{0}`; give more of the address")]
    Ambiguous(String),
}

impl StoreError {
    /// For `map_err`: names the path and what was tried.
    pub(crate) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, doing, source }
    }

    /// Whether it says that there is no room left.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}
