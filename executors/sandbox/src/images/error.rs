//! Why an image could not be loaded, fetched or removed.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
};

/// Why an image could not be loaded, fetched or removed.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file or folder could not be made, read or removed.
    #[error("{path} cannot be {doing}", path = path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The folder of images could be changed by others.
    #[error(
        "{folder} is not a folder that only this user can write to, so others could change what tools do; give it to \
         this user with mode 700 or name another folder", folder = folder.display()
    )]
    Foreign {
        /// The folder.
        folder: PathBuf,
    },
    /// The file is no archive of images.
    #[error(
        "{path} is no image: {reason}; it has to be an archive as `docker save` or `skopeo copy … oci-archive:` writes \
         it, not compressed, or an OCI layout", path = path.display()
    )]
    NotAnImage {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An image's configuration cannot be understood.
    #[error("the configuration of the image is not one: {reason}")]
    Configuration {
        /// What is wrong with it.
        reason: String,
    },
    /// Content does not have the digest that it should have.
    #[error("{what} of the image is damaged: its digest is {found} and should be {expected}; get the image anew")]
    Damaged {
        /// Which part.
        what: String,
        /// The digest that it should have.
        expected: String,
        /// The digest that it has.
        found: String,
    },
    /// A layer cannot be unpacked.
    #[error("layer {number} of the image cannot be unpacked at `{path}`", path = path.display())]
    Layer {
        /// Its number, from 1.
        number: usize,
        /// Where in the image.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No image stands under the name.
    #[error("there is no image `{name}` here; `sluis image list` shows those there are")]
    Unknown {
        /// The name.
        name: String,
    },
    /// Commands run in the image.
    #[error("the image `{name}` is in use by a command that runs, or an engine that may start one; try again later")]
    InUse {
        /// The name.
        name: String,
    },
    /// The name is no image's.
    #[error("`{name}` is no name of an image")]
    Name {
        /// The name.
        name: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The registry does not have the image or cannot be reached.
    #[error("the image `{name}` cannot be fetched from its registry")]
    Registry {
        /// The name.
        name: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl ImageError {
    /// For `map_err`: names a file and what was tried.
    pub(crate) fn file(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, doing, source }
    }
}
