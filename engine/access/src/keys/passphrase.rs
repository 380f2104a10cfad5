//! Setting, changing and removing the passphrase of the site's key.

use zeroize::Zeroizing;

use super::{
    KeyChangeError, KeyPrompt, Unlock,
    files::{self, SITE_SECRET},
    protection::Protection,
    rotate::Stage,
};
use crate::{AccessError, Site};

impl Site {
    /// Protects the site's secret key with a passphrase from now on, in the place of the one that it may have; without
    /// one if there is `None`. The file is replaced as a whole, and the earlier one is gone.
    ///
    /// # Errors
    /// The refusal, or [`KeyChangeError`] if the key is being rotated or the passphrase is empty, or what kept the file
    /// from being written.
    pub fn protect_key(&self, passphrase: Option<Zeroizing<String>>) -> Result<(), AccessError> {
        let _lock = self.lock_keys()?;
        let folder = self.keys_dir();
        if Stage::of(&folder) != Stage::Settled {
            return Err(KeyChangeError::Rotating.into());
        }
        self.check_key_in_force()?;
        let (action, protection) = match passphrase {
            Some(passphrase) if passphrase.is_empty() => return Err(KeyChangeError::Empty.into()),
            Some(passphrase) => ("protect-key", Protection::Passphrase(passphrase)),
            None => ("unprotect-key", Protection::Plain),
        };
        self.decide_key_change(action, "change how the site's key is protected", &self.keys().recipient())?;
        files::replace(&folder, SITE_SECRET, protection.keep(&self.keys().site)?.as_bytes())
    }

    /// The site's key as it is kept now, asking for what opens it: whoever changes it must know that.
    pub(super) fn protection(&self, unlock: &Unlock<'_>) -> Result<Protection, AccessError> {
        let path = self.keys_dir().join(SITE_SECRET);
        let text = super::protection::read(&path)?.ok_or(KeyChangeError::Changed)?;
        let (key, protection) = super::protection::open(&path, &text, unlock)?;
        if key.public_key() == self.keys().recipient() { Ok(protection) } else { Err(KeyChangeError::Changed.into()) }
    }
}

impl KeyPrompt {
    /// The question, for people.
    pub fn question(&self) -> String {
        match self {
            Self::Passphrase(path) => format!("Passphrase of {}: ", path.display()),
        }
    }
}
