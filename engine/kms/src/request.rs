//! What is sent: JSON with base64, and a checksum of each field that the server compares.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::Serialize;
use zeroize::Zeroizing;

/// What the names of the fields and the checksums take.
const FRAME: usize = 256;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Encrypt<'a> {
    plaintext: &'a str,
    additional_authenticated_data: &'a str,
    plaintext_crc32c: String,
    additional_authenticated_data_crc32c: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Decrypt<'a> {
    ciphertext: &'a str,
    additional_authenticated_data: &'a str,
    ciphertext_crc32c: String,
    additional_authenticated_data_crc32c: String,
}

/// The body of a request.
pub struct Body {
    /// It is wiped when the last who sends it has let go of it.
    pub bytes: Bytes,
    /// What of it no error may repeat.
    pub secret: Zeroizing<String>,
}

/// The body of a request to encrypt.
pub fn encrypt(plaintext: &[u8], context: &[u8]) -> serde_json::Result<Body> {
    let secret = Zeroizing::new(BASE64_STANDARD.encode(plaintext));
    let context_text = BASE64_STANDARD.encode(context);
    let bytes = written(
        &Encrypt {
            plaintext: &secret,
            additional_authenticated_data: &context_text,
            plaintext_crc32c: checksum(plaintext),
            additional_authenticated_data_crc32c: checksum(context),
        },
        secret.len() + context_text.len(),
    )?;
    Ok(Body { bytes, secret })
}

/// The body of a request to decrypt.
pub fn decrypt(ciphertext: &[u8], context: &[u8]) -> serde_json::Result<Body> {
    let (ciphertext_text, context_text) = (BASE64_STANDARD.encode(ciphertext), BASE64_STANDARD.encode(context));
    let bytes = written(
        &Decrypt {
            ciphertext: &ciphertext_text,
            additional_authenticated_data: &context_text,
            ciphertext_crc32c: checksum(ciphertext),
            additional_authenticated_data_crc32c: checksum(context),
        },
        ciphertext_text.len() + context_text.len(),
    )?;
    Ok(Body { bytes, secret: Zeroizing::default() })
}

fn written(request: &impl Serialize, length: usize) -> serde_json::Result<Bytes> {
    // Room for all of it from the start: a buffer that grows would leave a copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(length + FRAME));
    serde_json::to_writer(&mut *text, request)?;
    Ok(Bytes::from_owner(text))
}

/// A checksum as the interface has 64-bit numbers: as text.
fn checksum(bytes: &[u8]) -> String {
    crc_fast::crc32_iscsi(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_as_the_interface_describes_them() {
        let body = encrypt(b"123456789", b"abc").unwrap();
        let expected = r#"{"plaintext":"MTIzNDU2Nzg5","additionalAuthenticatedData":"YWJj","plaintextCrc32c":"3808858755","additionalAuthenticatedDataCrc32c":"910901175"}"#;
        assert_eq!(body.bytes, expected);
        let body = decrypt(b"123456789", b"abc").unwrap();
        assert_eq!(body.bytes, expected.replace("plaintext", "ciphertext"));
    }
}
