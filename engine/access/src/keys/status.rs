//! What can be told of the site's key.

use super::{
    KeyProtection,
    files::{self, OLD_PUBLIC, SITE_SECRET},
    in_use, protection,
    rotate::Stage,
};
use crate::{AccessError, Site};

/// What can be told of the site's key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyStatus {
    /// The public key with which the site was opened, in hexadecimal digits.
    pub public_key: String,
    /// How the secret key is kept.
    pub protection: KeyProtection,
    /// The rotation that is not finished, if there is one.
    pub rotation: Option<RotationStatus>,
}

/// How far a rotation has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RotationStatus {
    /// The new key is not in force yet.
    Begun,
    /// The new key is in force, the old one is not given up.
    Switched {
        /// The old public key, in hexadecimal digits.
        old_key: String,
        /// Whether a running process knows only the old key.
        is_in_use: bool,
        /// How many bodies are sealed for the old key still.
        packets: usize,
    },
}

impl Site {
    /// What can be told of the site's key. Nothing is asked for or decided.
    ///
    /// # Errors
    /// If a file or the store cannot be read.
    pub fn key_status(&self) -> Result<KeyStatus, AccessError> {
        let folder = self.keys_dir();
        let text = protection::read(&folder.join(SITE_SECRET))?;
        let rotation = match (Stage::of(&folder), files::read_public(&folder.join(OLD_PUBLIC))) {
            (Stage::Switched, Some(old)) => Some(RotationStatus::Switched {
                old_key: hex::encode(old.as_bytes()),
                is_in_use: in_use::alone(&folder, &old, false)?.is_none(),
                packets: self.store().bodies_for(&old)?.len(),
            }),
            (Stage::Begun, _) => Some(RotationStatus::Begun),
            (Stage::Settled | Stage::Switched, _) => None,
        };
        Ok(KeyStatus {
            public_key: hex::encode(self.keys().recipient().as_bytes()),
            protection: text.map_or(Ok(KeyProtection::Plain), |text| protection::kind(&text))?,
            rotation,
        })
    }
}
