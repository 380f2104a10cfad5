//! Why a site's key cannot be opened, changed or given up.

use std::{io, path::PathBuf};

use sluis_crypt4gh::{PacketError, SecretKeyError};

use super::{kms::KmsKeyError, token::TokenError};

/// Why a site's key cannot be opened, changed or given up.
#[derive(Debug, thiserror::Error)]
pub enum KeyChangeError {
    /// The passphrase could not be had.
    #[error("the site's key {path} is protected, and its passphrase cannot be had", path = path.display())]
    Passphrase {
        /// The secret key's file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The token does not open or protect it.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The key in Cloud KMS does not open or protect it.
    #[error(transparent)]
    Kms(#[from] KmsKeyError),
    /// A passphrase without a character protects nothing.
    #[error("a passphrase cannot be empty; `sluis key passphrase --remove` takes the protection away")]
    Empty,
    /// The key could not be encrypted.
    #[error("the site's key cannot be encrypted")]
    Locking(#[source] SecretKeyError),
    /// A data key could not be sealed for the new key.
    #[error("a data key cannot be sealed for the site's new key")]
    Sealing(#[source] PacketError),
    /// Two processes would change the same.
    #[error(
        "objects are being removed, or the site's key is being changed, by another process; try again when it ended"
    )]
    UnderWay,
    /// The key was changed by another process since the site was opened.
    #[error("the site's key was changed meanwhile; try again")]
    Changed,
    /// A rotation was begun and is not finished.
    #[error("the site's key is being rotated; `sluis key rotate` goes on with it and must finish first")]
    Rotating,
    /// The one who was told of the progress said so.
    #[error("the rotation was stopped; `sluis key rotate` goes on with it")]
    Stopped,
}
