//! Sealing a body: segments of 64 KiB, each with its nonce and tag.

use std::{
    fmt,
    io::{self, Write},
};

use crate::{
    CryptoError, DataKey,
    crypto::{self, Cipher, NONCE, TAG},
};

/// Bytes of plaintext in every segment but the last ("Encrypted data", section 3.4).
pub const SEGMENT: usize = 65_536;
/// Bytes of a full segment as it is sealed: nonce, ciphertext, tag.
pub const SEALED_SEGMENT: usize = NONCE + SEGMENT + TAG;

/// Bytes of the body that `length` bytes of plaintext give.
pub const fn sealed_length(length: u64) -> u64 {
    let segments = length.div_ceil(SEGMENT as u64);
    length + segments * (NONCE + TAG) as u64
}

/// The nonce of a body's first segment; segment `i` has this plus `i`, so that each segment is bound to its place.
///
/// The standard asks only that nonces differ, so a body sealed so is readable everywhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NonceBase([u8; NONCE]);

impl NonceBase {
    /// A random base.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn generate() -> Result<Self, CryptoError> {
        let mut bytes = [0; NONCE];
        crypto::random(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// From the base's 12 bytes.
    pub const fn from_bytes(bytes: [u8; NONCE]) -> Self {
        Self(bytes)
    }

    /// The base's 12 bytes.
    pub const fn as_bytes(&self) -> &[u8; NONCE] {
        &self.0
    }

    /// The base of a part of the body that begins at this segment.
    #[must_use]
    pub fn of_part(self, first: u64) -> Self {
        Self(self.of_segment(first))
    }

    /// The nonce of a segment: the base read as a 96-bit little-endian number, plus the segment's number.
    pub(crate) fn of_segment(self, segment: u64) -> [u8; NONCE] {
        let mut wide = [0; 16];
        wide[..NONCE].copy_from_slice(&self.0);
        let sum = u128::from_le_bytes(wide).wrapping_add(u128::from(segment));
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&sum.to_le_bytes()[..NONCE]);
        nonce
    }
}

impl fmt::Debug for NonceBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NonceBase({:02x?})", self.0)
    }
}

/// Seals what is written to it into segments. [`BodySealer::finish`] must be called at the end.
pub struct BodySealer<W: Write> {
    inner: W,
    cipher: Cipher,
    base: NonceBase,
    segment: u64,
    length: u64,
    buffer: Vec<u8>,
}

impl<W: Write> BodySealer<W> {
    /// Seals into `inner` with a data key and nonce base that are used for nothing else.
    ///
    /// # Errors
    /// If the cryptographic library refuses the key.
    pub fn new(inner: W, key: &DataKey, base: NonceBase) -> Result<Self, CryptoError> {
        let mut buffer = Vec::with_capacity(SEALED_SEGMENT);
        buffer.resize(NONCE, 0);
        Ok(Self { inner, cipher: Cipher::new(key.secret())?, base, segment: 0, length: 0, buffer })
    }

    /// Seals what is left and gives back the inner writer and the number of plaintext bytes.
    ///
    /// # Errors
    /// Those of the inner writer.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        if self.buffer.len() > NONCE {
            self.seal_segment()?;
        }
        self.inner.flush()?;
        Ok((self.inner, self.length))
    }

    fn seal_segment(&mut self) -> io::Result<()> {
        let nonce = self.base.of_segment(self.segment);
        self.buffer[..NONCE].copy_from_slice(&nonce);
        let tag = self.cipher.seal(nonce, &mut self.buffer[NONCE..]).map_err(io::Error::other)?;
        self.buffer.extend_from_slice(&tag);
        self.inner.write_all(&self.buffer)?;
        self.buffer.truncate(NONCE);
        self.segment += 1;
        Ok(())
    }
}

impl<W: Write> Write for BodySealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = NONCE + SEGMENT - self.buffer.len();
        let taken = &bytes[..room.min(bytes.len())];
        self.buffer.extend_from_slice(taken);
        self.length += taken.len() as u64;
        if self.buffer.len() == NONCE + SEGMENT {
            self.seal_segment()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Write> fmt::Debug for BodySealer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodySealer").field("segment", &self.segment).finish_non_exhaustive()
    }
}
