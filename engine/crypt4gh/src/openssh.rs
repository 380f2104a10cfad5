//! OpenSSH ed25519 keys, which the standard's tools take instead of Crypt4GH keys.
//!
//! An ed25519 key pair becomes an X25519 one: the secret key is the first half of the SHA-512 hash of the seed (RFC 8032,
//! section 5.1.5), the public key the same point in Montgomery form (RFC 7748, section 4.1).

use curve25519_dalek::edwards::CompressedEdwardsY;
use sha2::{Digest, Sha512};
use ssh_key::{PrivateKey, private::KeypairData, public::KeyData};
use zeroize::Zeroizing;

use crate::{KeyFileError, PublicKey, SecretKey, SecretKeyError};

const SECRET: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const PUBLIC: &str = "ssh-ed25519 ";
/// The rounds of OpenSSH's key derivation that are accepted: `ssh-keygen` uses 16 or 24 unless told otherwise. 1,000 take
/// some ten seconds.
const MOST_ROUNDS: u32 = 1000;

/// Whether a text is an OpenSSH secret key file.
pub(crate) fn is_secret(text: &str) -> bool {
    text.trim_start().starts_with(SECRET)
}

/// Whether a text is an OpenSSH public key.
pub(crate) fn is_public(text: &str) -> bool {
    text.trim_start().starts_with("ssh-")
}

/// The recipient whom an `ssh-ed25519 …` line names.
pub(crate) fn public_key(text: &str) -> Result<PublicKey, KeyFileError> {
    let unreadable = |error: ssh_key::Error| KeyFileError::OpenSsh(error.to_string());
    if !text.trim_start().starts_with(PUBLIC) {
        return Err(KeyFileError::OpenSsh("only ed25519 keys can be used".to_owned()));
    }
    let key = ssh_key::PublicKey::from_openssh(text.trim()).map_err(unreadable)?;
    let KeyData::Ed25519(key) = key.key_data() else {
        return Err(KeyFileError::OpenSsh("only ed25519 keys can be used".to_owned()));
    };
    montgomery(key.0).ok_or_else(|| KeyFileError::OpenSsh("the key is not a point of the curve".to_owned()))
}

/// The same point in Montgomery form. Points of small order agree on no secret, so they are no keys.
fn montgomery(key: [u8; 32]) -> Option<PublicKey> {
    let point = CompressedEdwardsY(key).decompress().filter(|point| !point.is_small_order())?;
    Some(PublicKey::from_bytes(point.to_montgomery().to_bytes()))
}

/// Reads a secret key, with its passphrase if it has one.
pub(crate) fn secret_key(text: &str, passphrase: Option<&str>) -> Result<SecretKey, SecretKeyError> {
    let unreadable = |error: ssh_key::Error| KeyFileError::OpenSsh(error.to_string());
    let mut key = PrivateKey::from_openssh(text).map_err(unreadable)?;
    if key.is_encrypted() {
        if let ssh_key::Kdf::Bcrypt { rounds, .. } = key.kdf()
            && *rounds > MOST_ROUNDS
        {
            return Err(KeyFileError::OpenSsh(format!(
                "its key derivation has {rounds} rounds, more than {MOST_ROUNDS}"
            ))
            .into());
        }
        let passphrase = passphrase.ok_or_else(|| KeyFileError::Passphrase("OpenSSH".to_owned()))?;
        key = key.decrypt(passphrase).map_err(|_| KeyFileError::WrongPassphrase)?;
    }
    let KeypairData::Ed25519(pair) = key.key_data() else {
        return Err(KeyFileError::OpenSsh("only ed25519 keys can be used".to_owned()).into());
    };
    let seed = Zeroizing::new(pair.private.to_bytes());
    let hash = Zeroizing::new(<[u8; 64]>::from(Sha512::digest(*seed)));
    let mut secret = Zeroizing::new([0; 32]);
    secret.copy_from_slice(&hash[..32]);
    // X25519 does the same with every secret key; so the file that a key is written to is the same whoever writes it.
    secret[0] &= 248;
    secret[31] = secret[31] & 127 | 64;
    Ok(SecretKey::from_bytes(&secret)?)
}
