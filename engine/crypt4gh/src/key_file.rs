//! Key files: public keys, and secret keys in the format `c4gh-v1`, unencrypted.
//!
//! Source: GA4GH Crypt4GH key format, as the reference implementation documents it.

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::{Zeroize, Zeroizing};

use crate::{CryptoError, KeyFileError, PublicKey, SecretKey};

const PUBLIC: &str = "CRYPT4GH PUBLIC KEY";
const SECRET: &str = "CRYPT4GH PRIVATE KEY";
const MAGIC: &[u8] = b"c4gh-v1";
const NONE: &[u8] = b"none";

/// Why a secret key file gives no key.
#[derive(Debug, thiserror::Error)]
pub enum SecretKeyError {
    /// The file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The library refuses the key.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// Reads a public key file.
///
/// # Errors
/// If it is not one.
pub fn read_public_key(text: &str) -> Result<PublicKey, KeyFileError> {
    let bytes = unframe(text, PUBLIC)?;
    let length = bytes.len();
    let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| KeyFileError::Length(length))?;
    Ok(PublicKey::from_bytes(bytes))
}

/// The text of a public key file.
pub fn write_public_key(key: &PublicKey) -> String {
    frame(PUBLIC, key.as_bytes()).to_string()
}

/// Reads an unencrypted secret key file.
///
/// # Errors
/// If it is not one, or is protected with a passphrase.
pub fn read_secret_key(text: &str) -> Result<SecretKey, SecretKeyError> {
    let bytes = unframe(text, SECRET)?;
    let mut rest = bytes.strip_prefix(MAGIC).ok_or(KeyFileError::Format)?;
    let derivation = take_string(&mut rest)?;
    if derivation != NONE {
        return Err(KeyFileError::Passphrase(String::from_utf8_lossy(derivation).into_owned()).into());
    }
    if take_string(&mut rest)? != NONE {
        return Err(KeyFileError::Format.into());
    }
    let key = take_string(&mut rest)?;
    let key: [u8; 32] = key.try_into().map_err(|_| KeyFileError::Length(key.len()))?;
    Ok(SecretKey::from_bytes(&Zeroizing::new(key))?)
}

/// The text of an unencrypted secret key file.
pub fn write_secret_key(key: &SecretKey) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(64));
    bytes.extend_from_slice(MAGIC);
    for string in [NONE, NONE, key.secret()] {
        bytes.extend_from_slice(&(string.len() as u16).to_be_bytes());
        bytes.extend_from_slice(string);
    }
    frame(SECRET, &bytes)
}

fn take_string<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], KeyFileError> {
    let (length, after) = rest.split_first_chunk::<2>().ok_or(KeyFileError::Format)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let string = after.get(..length).ok_or(KeyFileError::Format)?;
    *rest = &after[length..];
    Ok(string)
}

fn frame(name: &str, bytes: &[u8]) -> Zeroizing<String> {
    let mut encoded = BASE64_STANDARD.encode(bytes);
    let text = Zeroizing::new(format!("-----BEGIN {name}-----\n{encoded}\n-----END {name}-----\n"));
    encoded.zeroize();
    text
}

fn unframe(text: &str, name: &'static str) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let (begin, end) = (format!("-----BEGIN {name}-----"), format!("-----END {name}-----"));
    let inner = text.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end)).ok_or(KeyFileError::Frame(name))?.0;
    let encoded: Zeroizing<String> = Zeroizing::new(inner.split_whitespace().collect());
    BASE64_STANDARD.decode(encoded.as_bytes()).map(Zeroizing::new).map_err(|_| KeyFileError::Base64)
}
