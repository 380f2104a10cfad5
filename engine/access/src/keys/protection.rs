//! What protects the site's secret key, and asking for what opens it.

use std::{io, path::Path};

use sluis_crypt4gh::{KeyFileError, SecretKey, SecretKeyError, key_file};
use zeroize::Zeroizing;

use super::{KeyChangeError, files};
use crate::AccessError;

/// What is asked for before a site's secret key can be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyPrompt {
    /// The passphrase of the site's secret key, which is in this file.
    Passphrase(std::path::PathBuf),
}

/// Gives what a protected secret key is opened with; is not called for one that is not protected.
pub type Unlock<'a> = dyn Fn(&KeyPrompt) -> io::Result<Zeroizing<String>> + 'a;

/// For whoever has nothing to open a protected key with.
pub(crate) fn nothing(_: &KeyPrompt) -> io::Result<Zeroizing<String>> {
    Err(io::Error::other("there is nobody to ask"))
}

/// How the secret key is kept.
pub(crate) enum Protection {
    /// As it is: file rights alone keep others from it.
    Plain,
    /// Encrypted under a key that is made of a passphrase.
    Passphrase(Zeroizing<String>),
}

impl Protection {
    /// The text of a file that keeps the key so.
    pub(super) fn keep(&self, key: &SecretKey) -> Result<Zeroizing<String>, AccessError> {
        match self {
            Self::Plain => Ok(key_file::write_secret_key(key)),
            Self::Passphrase(passphrase) => {
                key_file::lock_secret_key(key, passphrase).map_err(|error| KeyChangeError::Locking(error).into())
            }
        }
    }

    /// The key in the text of a file that is kept so.
    pub(super) fn open(&self, path: &Path, text: &str) -> Result<SecretKey, AccessError> {
        match self {
            Self::Plain => key_file::read_secret_key(text),
            Self::Passphrase(passphrase) => key_file::unlock_secret_key(text, passphrase),
        }
        .map_err(|error| unusable(path, &error))
    }
}

/// The secret key in the text of its file, and how it is protected.
pub(super) fn open(path: &Path, text: &str, unlock: &Unlock<'_>) -> Result<(SecretKey, Protection), AccessError> {
    match key_file::read_secret_key(text) {
        Err(SecretKeyError::File(KeyFileError::Passphrase(_))) => {
            let asked = unlock(&KeyPrompt::Passphrase(path.to_owned()));
            let passphrase = asked.map_err(|source| KeyChangeError::Passphrase { path: path.to_owned(), source })?;
            let protection = Protection::Passphrase(passphrase);
            Ok((protection.open(path, text)?, protection))
        }
        read => Ok((read.map_err(|error| unusable(path, &error))?, Protection::Plain)),
    }
}

/// Whether the text of a secret key's file says that it is protected.
pub(super) fn is_protected(text: &str) -> bool {
    matches!(key_file::read_secret_key(text), Err(SecretKeyError::File(KeyFileError::Passphrase(_))))
}

/// The text of a secret key's file, if only its owner can read it.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<String>>, AccessError> {
    if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(None);
    }
    files::refuse_if_shared(path, 0o077, "600")?;
    files::read_text(path)
}

fn unusable(path: &Path, error: &SecretKeyError) -> AccessError {
    AccessError::Key { path: path.to_owned(), reason: error.to_string() }
}
