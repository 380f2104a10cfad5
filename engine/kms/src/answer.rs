//! What a good answer says, and whether it is whole.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::{Encrypted, KeyName, KeyVersion, Oddity, ProtectionLevel};

/// A ciphertext of a key's few bytes is not longer, whoever makes it.
const LONGEST_CIPHERTEXT: usize = 8 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EncryptAnswer {
    name: String,
    ciphertext: String,
    #[serde(deserialize_with = "checksum")]
    ciphertext_crc32c: u32,
    #[serde(default)]
    verified_plaintext_crc32c: bool,
    #[serde(default)]
    verified_additional_authenticated_data_crc32c: bool,
    #[serde(default)]
    protection_level: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DecryptAnswer {
    #[serde(deserialize_with = "wiped")]
    plaintext: Zeroizing<String>,
    #[serde(deserialize_with = "checksum")]
    plaintext_crc32c: u32,
}

/// What was encrypted, if it was with this key and all of it came through.
pub fn encrypted(body: &[u8], key: &KeyName) -> Result<Encrypted, Oddity> {
    let answer: EncryptAnswer = read(body)?;
    if !answer.verified_plaintext_crc32c || !answer.verified_additional_authenticated_data_crc32c {
        return Err(Oddity::Request);
    }
    let ciphertext = BASE64_STANDARD.decode(&answer.ciphertext).map_err(|_| Oddity::Form)?;
    if crc_fast::crc32_iscsi(&ciphertext) != answer.ciphertext_crc32c {
        return Err(Oddity::Answer);
    }
    if ciphertext.is_empty() || ciphertext.len() > LONGEST_CIPHERTEXT {
        return Err(Oddity::Form);
    }
    let number = key.version_in(&answer.name).ok_or(Oddity::OtherKey)?.to_owned();
    let version = KeyVersion { number, protection: ProtectionLevel::of(&answer.protection_level) };
    Ok(Encrypted { ciphertext, version })
}

/// What was decrypted, if all of it came through.
pub fn decrypted(body: &[u8]) -> Result<Zeroizing<Vec<u8>>, Oddity> {
    let answer: DecryptAnswer = read(body)?;
    let plaintext = BASE64_STANDARD.decode(&*answer.plaintext).map(Zeroizing::new).map_err(|_| Oddity::Form)?;
    if crc_fast::crc32_iscsi(&plaintext) == answer.plaintext_crc32c { Ok(plaintext) } else { Err(Oddity::Answer) }
}

/// Why it is no JSON is not told: the parser's words may repeat what is in it.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Oddity> {
    serde_json::from_slice(body).map_err(|_| Oddity::Form)
}

/// A text that is wiped when it was used.
fn wiped<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}

/// A 64-bit number, which the interface writes as text and readers must take as a number, too.
fn checksum<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Number(u32),
    }
    match Written::deserialize(deserializer)? {
        Written::Number(number) => Ok(number),
        Written::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}
