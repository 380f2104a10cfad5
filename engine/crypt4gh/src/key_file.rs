//! Key files: public keys, and secret keys in the format `c4gh-v1`, unencrypted or protected with a passphrase; both also
//! as OpenSSH keeps ed25519 keys.
//!
//! Source: GA4GH Crypt4GH key format, as the reference implementation documents it.

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    CryptoError, KeyFileError, PublicKey, SecretKey,
    crypto::{self, Cipher, NONCE},
    openssh,
    passphrase::{self, Derivation},
};

const PUBLIC: &str = "CRYPT4GH PUBLIC KEY";
const SECRET: &str = "CRYPT4GH PRIVATE KEY";
const MAGIC: &[u8] = b"c4gh-v1";
const NONE: &[u8] = b"none";
const CIPHER: &[u8] = b"chacha20_poly1305";

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
    if openssh::is_public(text) {
        return openssh::public_key(text);
    }
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
/// If it is not one, or is protected with a passphrase ([`KeyFileError::Passphrase`]).
pub fn read_secret_key(text: &str) -> Result<SecretKey, SecretKeyError> {
    read_key(text, None)
}

/// Reads a secret key file with the passphrase that protects it; one that is not protected as well.
///
/// # Errors
/// If it is not one, or the passphrase is wrong.
pub fn unlock_secret_key(text: &str, passphrase: &str) -> Result<SecretKey, SecretKeyError> {
    read_key(text, Some(passphrase))
}

fn read_key(text: &str, passphrase: Option<&str>) -> Result<SecretKey, SecretKeyError> {
    if openssh::is_secret(text) {
        return openssh::secret_key(text, passphrase);
    }
    let bytes = unframe(text, SECRET)?;
    let mut rest = bytes.strip_prefix(MAGIC).ok_or(KeyFileError::Format)?;
    let name = take_string(&mut rest)?;
    let derivation = match name {
        NONE => None,
        name => Some(Derivation { name, options: take_string(&mut rest)? }),
    };
    let cipher = take_string(&mut rest)?;
    let content = take_string(&mut rest)?;
    match (derivation, cipher, passphrase) {
        (_, NONE, _) => secret_key(content),
        (Some(derivation), CIPHER, Some(passphrase)) => {
            let (nonce, sealed) = content.split_first_chunk().ok_or(KeyFileError::Format)?;
            let mut sealed = Zeroizing::new(sealed.to_vec());
            let cipher = Cipher::new(&*derivation.key(passphrase)?)?;
            secret_key(cipher.open(*nonce, &mut sealed).ok_or(KeyFileError::WrongPassphrase)?)
        }
        (Some(derivation), CIPHER, None) => {
            Err(KeyFileError::Passphrase(String::from_utf8_lossy(derivation.name).into_owned()).into())
        }
        _ => Err(KeyFileError::Format.into()),
    }
}

fn secret_key(bytes: &[u8]) -> Result<SecretKey, SecretKeyError> {
    let key: [u8; 32] = bytes.try_into().map_err(|_| KeyFileError::Length(bytes.len()))?;
    Ok(SecretKey::from_bytes(&Zeroizing::new(key))?)
}

/// The text of an unencrypted secret key file.
pub fn write_secret_key(key: &SecretKey) -> Zeroizing<String> {
    write_strings(&[NONE, NONE, key.secret()])
}

/// The text of a secret key file that a passphrase protects, with scrypt.
///
/// # Errors
/// If the system gives no random bytes.
pub fn lock_secret_key(key: &SecretKey, passphrase: &str) -> Result<Zeroizing<String>, SecretKeyError> {
    let options = passphrase::new_options()?;
    let derivation = Derivation { name: passphrase::SCRYPT, options: &options };
    let mut nonce = [0; NONCE];
    crypto::random(&mut nonce)?;
    let mut content = Zeroizing::new(key.secret().to_vec());
    let tag = Cipher::new(&*derivation.key(passphrase)?)?.seal(nonce, &mut content)?;
    let sealed = [&nonce[..], &content, &tag].concat();
    Ok(write_strings(&[derivation.name, derivation.options, CIPHER, &sealed]))
}

fn write_strings(strings: &[&[u8]]) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(256));
    bytes.extend_from_slice(MAGIC);
    for string in strings {
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
