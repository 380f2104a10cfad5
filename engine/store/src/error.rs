//! What can go wrong with the store.

use std::{
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
    /// There is no store in the folder.
    #[error("there is no store at {path}", path = _0.display())]
    Missing(PathBuf),
    /// The store is of another format.
    #[error("the store at {path} has the format `{found}`, this version of sluis reads `{expected}`", path = path.display())]
    Format {
        /// The store.
        path: PathBuf,
        /// What its format file says.
        found: String,
        /// What it should say.
        expected: &'static str,
    },
    /// A file of an object is not what it should be.
    #[error("{path} is damaged", path = _0.display())]
    Damaged(PathBuf),
    /// No object's address begins so.
    #[error("no object's address begins with `{0}`; `sluis ls` lists the objects")]
    Unknown(String),
    /// Several objects' addresses begin so.
    #[error("several objects' addresses begin with `{0}`; give more of the address")]
    Ambiguous(String),
}

impl StoreError {
    /// For `map_err`: names the path and what was tried.
    pub(crate) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, doing, source }
    }
}
