//! What protects the site's secret key, and asking for what opens it.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use sluis_crypt4gh::{KeyFileError, SecretKey, SecretKeyError, key_file};
use sluis_kms::KeyName;
use zeroize::Zeroizing;

use super::{
    KeyChangeError, files,
    kms::Wrapped,
    token::{Token, TokenError},
};
use crate::AccessError;

/// What the first line of a secret key's file begins with if a token protects it.
const WRAPPED: &str = "wrapped-key: ";

/// More bytes than a secret key's file has.
const ROOM: usize = 4096;

/// What is asked for before a site's secret key can be used.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum KeyPrompt {
    /// The passphrase of the site's secret key, which is in this file.
    Passphrase(PathBuf),
    /// The PIN of the token with this label.
    Pin(String),
}

impl KeyPrompt {
    /// The question, for people.
    pub fn question(&self) -> String {
        match self {
            Self::Passphrase(path) => format!("Passphrase of {}: ", path.display()),
            Self::Pin(token) => format!("PIN of the token {token}: "),
        }
    }
}

/// Gives what a protected secret key is opened with; is not called for one that is not protected.
pub type Unlock<'a> = dyn Fn(&KeyPrompt) -> io::Result<Zeroizing<String>> + 'a;

/// For whoever has nothing to open a protected key with.
pub(crate) fn nothing(_: &KeyPrompt) -> io::Result<Zeroizing<String>> {
    Err(io::Error::other("there is nobody to ask"))
}

/// How a secret key is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyProtection {
    /// As it is: file rights alone keep others from it.
    Plain,
    /// Encrypted under a passphrase.
    Passphrase,
    /// Encrypted under random bytes that a token encrypted.
    Token,
    /// Encrypted under random bytes that this key in Google Cloud KMS encrypted.
    Kms(KeyName),
}

/// How the secret key is kept, with what opens it.
pub(crate) enum Protection {
    Plain,
    Passphrase(Zeroizing<String>),
    /// What the token encrypted, and what it is as a passphrase.
    Token(Vec<u8>, Zeroizing<String>),
    /// What a key in Cloud KMS encrypted, and what it is as a passphrase.
    Kms(Wrapped, Zeroizing<String>),
}

impl Protection {
    /// The text of a file that keeps the key so.
    pub(super) fn keep(&self, key: &SecretKey) -> Result<Zeroizing<String>, AccessError> {
        let lock = |passphrase: &str| {
            key_file::lock_secret_key(key, passphrase).map_err(|error| KeyChangeError::Locking(error).into())
        };
        match self {
            Self::Plain => Ok(key_file::write_secret_key(key)),
            Self::Passphrase(passphrase) => lock(passphrase),
            Self::Token(wrapped, passphrase) => {
                let locked = lock(passphrase)?;
                Ok(Zeroizing::new(format!("{WRAPPED}{}\n{}", hex::encode(wrapped), *locked)))
            }
            Self::Kms(wrapped, passphrase) => {
                let locked = lock(passphrase)?;
                Ok(Zeroizing::new(format!("{}\n{}", wrapped.line(), *locked)))
            }
        }
    }

    /// The key in the text of a file that is kept so.
    pub(super) fn open(&self, path: &Path, text: &str) -> Result<SecretKey, AccessError> {
        match self {
            Self::Plain => key_file::read_secret_key(text),
            Self::Passphrase(passphrase) | Self::Token(_, passphrase) | Self::Kms(_, passphrase) => {
                key_file::unlock_secret_key(text, passphrase)
            }
        }
        .map_err(|error| AccessError::Key { path: path.to_owned(), reason: error.to_string() })
    }
}

/// How a file keeps its key, as its text says.
enum Kept {
    Plain,
    Passphrase,
    Token(Vec<u8>),
    Kms(Wrapped),
}

impl Kept {
    fn of(text: &str) -> Result<Self, KeyChangeError> {
        if let Some(wrapped) = Wrapped::of(text) {
            return Ok(Self::Kms(wrapped?));
        }
        if let Some(rest) = text.strip_prefix(WRAPPED) {
            let wrapped = hex::decode(rest.lines().next().unwrap_or_default());
            return Ok(Self::Token(wrapped.map_err(|_| TokenError::Wrapped)?));
        }
        Ok(match key_file::read_secret_key(text) {
            Err(SecretKeyError::File(KeyFileError::Passphrase(_))) => Self::Passphrase,
            _ => Self::Plain,
        })
    }
}

/// The secret key in the text of its file, and how it is protected.
pub(super) fn open(path: &Path, text: &str, unlock: &Unlock<'_>) -> Result<(SecretKey, Protection), AccessError> {
    let ask = |prompt: &KeyPrompt| {
        unlock(prompt).map_err(|source| KeyChangeError::Passphrase { path: path.to_owned(), source })
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let protection = match Kept::of(text)? {
        Kept::Plain => Protection::Plain,
        Kept::Passphrase => Protection::Passphrase(ask(&KeyPrompt::Passphrase(path.to_owned()))?),
        Kept::Token(wrapped) => {
            let token = Token::of(folder)?;
            let pin = ask(&KeyPrompt::Pin(token.token.clone()))?;
            let passphrase = token.unwrap(&wrapped, &pin).map_err(KeyChangeError::Token)?;
            Protection::Token(wrapped, passphrase)
        }
        Kept::Kms(wrapped) => {
            let passphrase = wrapped.open(folder)?;
            Protection::Kms(wrapped, passphrase)
        }
    };
    Ok((protection.open(path, text)?, protection))
}

/// How the key in the text of a file is kept.
pub(super) fn kind(text: &str) -> Result<KeyProtection, KeyChangeError> {
    Ok(match Kept::of(text)? {
        Kept::Plain => KeyProtection::Plain,
        Kept::Passphrase => KeyProtection::Passphrase,
        Kept::Token(_) => KeyProtection::Token,
        Kept::Kms(wrapped) => KeyProtection::Kms(wrapped.key),
    })
}

/// The text of a secret key's file, if it is there; it must be one that only its owner can read.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<String>>, AccessError> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        outcome => outcome.map_err(AccessError::file(path, "read"))?,
    };
    let facts = file.metadata().map_err(AccessError::file(path, "read"))?;
    files::refuse_shared(path, &facts, 0o077, "600")?;
    // Room for the whole text from the start: a buffer that grows would leave a copy behind.
    let mut text = Zeroizing::new(String::with_capacity(ROOM));
    file.read_to_string(&mut text).map_err(AccessError::file(path, "read"))?;
    Ok(Some(text))
}
