//! Keys of signed notes: Ed25519, with a name (C2SP signed-note, "Signatures" and "Verifier keys").

use std::{fmt, str::FromStr, sync::Arc};

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};

/// The type of Ed25519 signatures.
const ED25519: u8 = 1;

/// The text is not a verifier key, or the name not a key's name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// A key cannot be called so.
    #[error("`{0}` is not a key's name: it is empty, or has a space, a plus sign or a control character in it")]
    Name(String),
    /// The text is not a key.
    #[error("it is not a verifier key of the form NAME+HASH+KEY with an Ed25519 key")]
    Form,
    /// The hash in the text is not that of name and key.
    #[error("the hash in the verifier key {0} is not that of its name and key: it was mistyped or changed")]
    Hash(String),
}

/// A public key with its name. Its text is a C2SP verifier key, `name+hash+base64`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    public: [u8; 32],
}

impl VerifierKey {
    /// An Ed25519 public key, by a name.
    ///
    /// # Errors
    /// If the name cannot be one.
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self, KeyError> {
        if !is_key_name(name) {
            return Err(KeyError::Name(name.to_owned()));
        }
        let mut id = [0; 4];
        let hash = digest(&SHA256, &[name.as_bytes(), b"\n", &[ED25519], &public].concat());
        // A SHA-256 hash is longer.
        id.copy_from_slice(&hash.as_ref()[..4]);
        Ok(Self { name: name.to_owned(), id, public })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key ID that signature lines carry: the beginning of SHA-256 of name, line feed, type and key.
    pub const fn id(&self) -> [u8; 4] {
        self.id
    }

    /// The Ed25519 public key.
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }
}

/// Whether a key may be called so.
pub(crate) fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ED25519], &self.public[..]].concat();
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id), STANDARD.encode(key))
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        // The base64 text may have plus signs in it.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Form);
        };
        let key = STANDARD.decode(key).map_err(|_| KeyError::Form)?;
        let public = key.split_first().filter(|(kind, _)| **kind == ED25519).map(|(_, public)| public);
        let public = public.and_then(|public| public.try_into().ok()).ok_or(KeyError::Form)?;
        let key = Self::new(name, public)?;
        if hash == hex::encode(key.id) { Ok(key) } else { Err(KeyError::Hash(text.to_owned())) }
    }
}

/// Signs notes with an Ed25519 key.
#[derive(Clone)]
pub struct Signer {
    key: VerifierKey,
    pair: Arc<Ed25519KeyPair>,
}

impl Signer {
    /// A signer with this key, by a name.
    ///
    /// # Errors
    /// If the name cannot be one.
    pub fn new(name: &str, pair: Arc<Ed25519KeyPair>) -> Result<Self, KeyError> {
        // An Ed25519 public key has 32 bytes.
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Form)?;
        Ok(Self { key: VerifierKey::new(name, public)?, pair })
    }

    /// The key that verifies what it signs.
    pub const fn verifier(&self) -> &VerifierKey {
        &self.key
    }

    /// The signature line of a text.
    pub(crate) fn line(&self, text: &str) -> String {
        let signature = self.pair.sign(text.as_bytes());
        let bytes = [&self.key.id[..], signature.as_ref()].concat();
        format!("— {} {}\n", self.key.name, STANDARD.encode(bytes))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signer").field(&self.key).finish()
    }
}
