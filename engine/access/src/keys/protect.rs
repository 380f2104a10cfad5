//! Setting, changing and removing what protects the site's key: a passphrase, a token, or a key in Cloud KMS.

use std::collections::BTreeMap;

use sluis_kms::{KeyName, KeyVersion};
use zeroize::Zeroizing;

use super::{
    KeyChangeError, Unlock,
    files::{self, SITE_SECRET},
    kms,
    protection::Protection,
    rotate::Stage,
    token::Token,
};
use crate::{AccessError, Site, audit::Entry};

impl Site {
    /// Protects the site's secret key with a passphrase from now on, in the place of what protects it now; with nothing if
    /// there is `None`. The file is replaced as a whole, and the earlier one is gone.
    ///
    /// # Errors
    /// The refusal, or [`KeyChangeError`] if the key is being rotated or the passphrase is empty, or what kept the file
    /// from being written.
    pub fn protect_key(&self, passphrase: Option<Zeroizing<String>>) -> Result<(), AccessError> {
        match passphrase {
            Some(passphrase) if passphrase.is_empty() => Err(KeyChangeError::Empty.into()),
            Some(passphrase) => self.keep_key("protect-key", || Ok(Protection::Passphrase(passphrase))),
            None => self.keep_key("unprotect-key", || Ok(Protection::Plain)),
        }
    }

    /// Protects the site's secret key by the token that `keys/token.yaml` names, in the place of what protects it now. The
    /// token's key is made if there is none.
    ///
    /// # Errors
    /// As [`Site::protect_key`], and [`TokenError`](super::TokenError).
    pub fn protect_key_by_token(&self, pin: &str) -> Result<(), AccessError> {
        self.keep_key("protect-key-by-token", || {
            let (wrapped, passphrase) = Token::of(&self.keys_dir())?.wrap_new(pin)?;
            Ok(Protection::Token(wrapped, passphrase))
        })
    }

    /// Protects the site's secret key by a key in Google Cloud KMS, in the place of what protects it now, and says which
    /// version of it that was. The key must be there already.
    ///
    /// # Errors
    /// As [`Site::protect_key`], and [`KmsKeyError`](super::KmsKeyError), also if the key encrypts and does not decrypt
    /// again.
    pub fn protect_key_by_kms(&self, key: &KeyName) -> Result<KeyVersion, AccessError> {
        let mut used = None;
        self.keep_key("protect-key-by-kms", || {
            let (wrapped, passphrase, version) = kms::wrap_new(&self.keys_dir(), key)?;
            self.note_kms(key, &version)?;
            used = Some(version);
            Ok(Protection::Kms(wrapped, passphrase))
        })?;
        Ok(used.ok_or(KeyChangeError::Changed)?)
    }

    /// Writes down by which version of a key in Cloud KMS the site's key is about to be protected.
    fn note_kms(&self, key: &KeyName, version: &KeyVersion) -> Result<(), AccessError> {
        let mut entry = Entry::new("protected-key-by-kms");
        entry.recipient = Some(hex::encode(self.keys().recipient().as_bytes()));
        entry.region = key.region().to_string();
        let facts = [
            ("kms-key", key.to_string()),
            ("kms-version", version.number.clone()),
            ("kms-protection", version.protection.to_string()),
        ];
        entry.facts = BTreeMap::from_iter(facts.map(|(name, value)| (name.to_owned(), value)));
        self.audit().record(&entry)
    }

    fn keep_key(
        &self,
        action: &str,
        protection: impl FnOnce() -> Result<Protection, AccessError>,
    ) -> Result<(), AccessError> {
        let _lock = self.lock_keys()?;
        let folder = self.keys_dir();
        if Stage::of(&folder) != Stage::Settled {
            return Err(KeyChangeError::Rotating.into());
        }
        self.check_key_in_force()?;
        self.decide_key_change(action, "change how the site's key is protected", &self.keys().recipient())?;
        files::replace(&folder, SITE_SECRET, protection()?.keep(&self.keys().site)?.as_bytes())
    }

    /// The site's key as it is kept now, asking for what opens it: whoever changes it must know that.
    pub(super) fn protection(&self, unlock: &Unlock<'_>) -> Result<Protection, AccessError> {
        let path = self.keys_dir().join(SITE_SECRET);
        let text = super::protection::read(&path)?.ok_or(KeyChangeError::Changed)?;
        let (key, protection) = super::protection::open(&path, &text, unlock)?;
        if key.public_key() == self.keys().recipient() { Ok(protection) } else { Err(KeyChangeError::Changed.into()) }
    }
}
