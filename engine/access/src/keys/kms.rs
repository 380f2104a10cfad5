//! Protecting the site's key by a key in Google Cloud KMS.
//!
//! The key's file is encrypted under 32 random bytes, written in hexadecimal digits, as under a passphrase. They are in the
//! file's first line, after the name of the key that encrypted them, as that key encrypted them. They open in the context of
//! this site alone, which is its audit key: that stays when the site gets another key. `keys/kms.yaml` may name another
//! server than that of the key's region.

mod error;

use std::{io, path::Path};

use sluis_bucket::Endpoint;
use sluis_kms::{Encrypted, KeyName, KeyVersion, Kms, KmsError, PATIENCE};
use sluis_yaml::{Diagnostics, Fields};
use zeroize::Zeroizing;

use super::{AUDIT_PUBLIC, KeyChangeError, files, fill_random};
use crate::{AccessError, config::parsed};
pub use error::KmsKeyError;

const CONFIG: &str = "kms.yaml";
const LENGTH: usize = 32;
/// What the first line of a secret key's file begins with if a key in Cloud KMS protects it: its name and what it encrypted,
/// in hexadecimal digits, follow.
const WRAPPED: &str = "kms-wrapped-key: ";

/// What a key in Cloud KMS encrypted.
pub(super) struct Wrapped {
    /// The key.
    pub key: KeyName,
    ciphertext: Vec<u8>,
}

impl Wrapped {
    /// What the first line of a file says; `None` if it speaks of no key in Cloud KMS.
    pub fn of(text: &str) -> Option<Result<Self, KmsKeyError>> {
        let line = text.strip_prefix(WRAPPED)?.lines().next().unwrap_or_default();
        Some(line.rsplit_once(' ').ok_or(KmsKeyError::Wrapped).and_then(|(name, ciphertext)| {
            let ciphertext = hex::decode(ciphertext).map_err(|_| KmsKeyError::Wrapped)?;
            Ok(Self { key: name.parse().map_err(KmsKeyError::Name)?, ciphertext })
        }))
    }

    /// The first line that says so.
    pub fn line(&self) -> String {
        format!("{WRAPPED}{} {}", self.key, hex::encode(&self.ciphertext))
    }

    /// What was encrypted, as a passphrase.
    pub fn open(&self, folder: &Path) -> Result<Zeroizing<String>, AccessError> {
        let context = context(folder)?;
        let opened = client(folder, &self.key)?.decrypt(&self.ciphertext, &context);
        let bytes = opened.map_err(|source| failed("open", source))?;
        if bytes.len() != LENGTH {
            return Err(KeyChangeError::Kms(KmsKeyError::Wrapped).into());
        }
        Ok(Zeroizing::new(hex::encode(&**bytes)))
    }
}

/// New random bytes as the key encrypted them, what they are as a passphrase, and which version of the key it was.
pub(super) fn wrap_new(folder: &Path, key: &KeyName) -> Result<(Wrapped, Zeroizing<String>, KeyVersion), AccessError> {
    let mut bytes = Zeroizing::new([0; LENGTH]);
    fill_random(&mut *bytes)?;
    let encrypted = client(folder, key)?.encrypt(&*bytes, &context(folder)?);
    let Encrypted { ciphertext, version } = encrypted.map_err(|source| failed("protect", source))?;
    let (wrapped, passphrase) = (Wrapped { key: key.clone(), ciphertext }, Zeroizing::new(hex::encode(*bytes)));
    // Who may encrypt with a key and not decrypt would lock everybody out.
    if *wrapped.open(folder)? != *passphrase {
        return Err(KeyChangeError::Kms(KmsKeyError::Wrapped).into());
    }
    Ok((wrapped, passphrase, version))
}

fn failed(doing: &'static str, source: KmsError) -> AccessError {
    KeyChangeError::Kms(KmsKeyError::Use { doing, source: Box::new(source) }).into()
}

fn client(folder: &Path, key: &KeyName) -> Result<Kms, AccessError> {
    Kms::new(key.clone(), endpoint(folder)?, PATIENCE).map_err(|source| failed("open", source))
}

/// The site for which something is encrypted.
fn context(folder: &Path) -> Result<Vec<u8>, AccessError> {
    let path = folder.join(AUDIT_PUBLIC);
    let text = files::read_text(&path)?;
    let text = text.ok_or_else(|| AccessError::file(&path, "read")(io::ErrorKind::NotFound.into()))?;
    Ok(format!("sluis 1 site key of the site with the audit key {}", text.trim()).into_bytes())
}

/// The server that `kms.yaml` names, if there is such a file.
fn endpoint(folder: &Path) -> Result<Option<Endpoint>, AccessError> {
    let path = folder.join(CONFIG);
    if !path.try_exists().map_err(AccessError::file(&path, "read"))? {
        return Ok(None);
    }
    // Whoever can write it can have tokens sent elsewhere.
    files::refuse_if_shared(&path, 0o022, "600")?;
    let mut problems = Diagnostics::default();
    let node = sluis_yaml::read(&path, &mut problems);
    let fields = node.as_ref().and_then(|node| Fields::of(node, "the settings of Cloud KMS", &mut problems));
    let endpoint = fields.and_then(|fields| {
        fields.check_known(&["endpoint"], &mut problems);
        parsed(fields, "endpoint", &mut problems)
    });
    match endpoint {
        Some(endpoint) if !problems.has_errors() => Ok(Some(endpoint)),
        _ => Err(KeyChangeError::Kms(KmsKeyError::Config(problems)).into()),
    }
}
