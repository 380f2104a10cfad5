//! The two primitives of the standard on one library: X25519 with BLAKE2b, and ChaCha20-Poly1305.

use aws_lc_rs::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    agreement::{PrivateKey, UnparsedPublicKey, X25519, agree},
};
use blake2::{Blake2b512, Digest};
use zeroize::Zeroizing;

use crate::{CryptoError, PublicKey};

/// Bytes of an authentication tag.
pub(crate) const TAG: usize = 16;
/// Bytes of a nonce.
pub(crate) const NONCE: usize = NONCE_LEN;

/// Fills a buffer with random bytes of the operating system. The cryptographic library's own generator begins by measuring
/// the jitter of the processor, which takes each process 30 ms.
pub(crate) fn random(buffer: &mut [u8]) -> Result<(), CryptoError> {
    getrandom::fill(buffer).map_err(|_| CryptoError::Random)
}

/// The public key of a secret key.
pub(crate) fn public_key(secret: &[u8; 32]) -> Result<[u8; 32], CryptoError> {
    let private = PrivateKey::from_private_key(&X25519, secret).map_err(|_| CryptoError::Agreement)?;
    let public = private.compute_public_key().map_err(|_| CryptoError::Agreement)?;
    public.as_ref().try_into().map_err(|_| CryptoError::Agreement)
}

/// The key that writer and reader of a header packet share: the first 32 bytes of the BLAKE2b-512 hash of the X25519
/// secret, the reader's and the writer's public key ("Header packet encryption", section 3.2.2).
pub(crate) fn packet_key(
    own_secret: &[u8; 32],
    other_public: &PublicKey,
    reader: &PublicKey,
    writer: &PublicKey,
) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
    let own = PrivateKey::from_private_key(&X25519, own_secret).map_err(|_| CryptoError::Agreement)?;
    let other = UnparsedPublicKey::new(&X25519, other_public.as_bytes());
    agree(&own, other, CryptoError::Agreement, |shared| {
        let hash =
            Blake2b512::new().chain_update(shared).chain_update(reader.as_bytes()).chain_update(writer.as_bytes());
        let hash = Zeroizing::new(<[u8; 64]>::from(hash.finalize()));
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(&hash[..32]);
        Ok(key)
    })
}

/// A ChaCha20-Poly1305 key made ready for use. The library wipes it when it is dropped.
pub(crate) struct Cipher(LessSafeKey);

impl Cipher {
    pub(crate) fn new(key: &[u8; 32]) -> Result<Self, CryptoError> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).map_err(|_| CryptoError::Sealing)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Encrypts in place and gives the tag.
    pub(crate) fn seal(&self, nonce: [u8; NONCE], text: &mut [u8]) -> Result<[u8; TAG], CryptoError> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::empty(), text).map_err(|_| CryptoError::Sealing)?;
        tag.as_ref().try_into().map_err(|_| CryptoError::Sealing)
    }

    /// Verifies and decrypts in place; the text is what comes before the tag. `None` if it is not what was sealed.
    pub(crate) fn open<'a>(&self, nonce: [u8; NONCE], sealed: &'a mut [u8]) -> Option<&'a mut [u8]> {
        self.0.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), sealed).ok()
    }
}
