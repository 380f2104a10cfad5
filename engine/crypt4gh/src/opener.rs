//! Opening a body: every segment is verified before a byte of it is given out.

use std::{
    fmt,
    io::{self, Read, Seek, SeekFrom},
};

use zeroize::Zeroizing;

use crate::{
    BodyError, CryptoError, DataKey, NonceBase, SEALED_SEGMENT, SEGMENT,
    crypto::{Cipher, NONCE, TAG},
    sealed_length,
};

/// What is known of a body beside its data key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Binding {
    /// Its nonces count up from `base` and it holds `length` bytes of plaintext: a missing, moved, replaced or added
    /// segment is noticed.
    Position {
        /// The nonce of the first segment.
        base: NonceBase,
        /// Bytes of plaintext.
        length: u64,
    },
    /// Nothing, as with files that others made: the format alone does not notice whole segments taken away or moved.
    Unbound,
}

/// Reads the plaintext of a body. Damage is an [`io::Error`] of kind `InvalidData` that holds a [`BodyError`].
pub struct BodyOpener<R> {
    inner: R,
    cipher: Cipher,
    binding: Binding,
    start: u64,
    /// The segment that the inner reader stands at.
    next: u64,
    /// The plaintext of the current segment; wiped when dropped.
    buffer: Zeroizing<Vec<u8>>,
    /// The part of the buffer that is not given out yet.
    left: std::ops::Range<usize>,
    ended: bool,
    /// How much plaintext stands before what is given out next.
    position: u64,
    /// What was found wrong: nothing after it is ever given out.
    broken: Option<BodyError>,
}

impl<R: Read> BodyOpener<R> {
    /// Reads from `inner`, which stands at the first segment.
    ///
    /// # Errors
    /// If the cryptographic library refuses the key.
    pub fn new(inner: R, key: &DataKey, binding: Binding) -> Result<Self, CryptoError> {
        let cipher = Cipher::new(key.secret())?;
        Ok(Self {
            inner,
            cipher,
            binding,
            start: 0,
            next: 0,
            buffer: Zeroizing::default(),
            left: 0..0,
            ended: false,
            position: 0,
            broken: None,
        })
    }

    /// Reads, verifies and opens the next segment; `false` at the end.
    fn next_segment(&mut self) -> io::Result<bool> {
        self.left = 0..0;
        if let Some(error) = self.broken {
            return Err(error.into());
        }
        if self.ended {
            return Ok(false);
        }
        let count = self.read_sealed()?;
        self.open_sealed(count).inspect_err(|error| self.broken = Some(*error)).map_err(io::Error::from)
    }

    /// Reads the next sealed segment, or what is there of it.
    fn read_sealed(&mut self) -> io::Result<usize> {
        self.buffer.resize(SEALED_SEGMENT, 0);
        read_full(&mut self.inner, &mut self.buffer)
    }

    /// Verifies and opens `count` sealed bytes; `false` if they are the end.
    fn open_sealed(&mut self, count: usize) -> Result<bool, BodyError> {
        let segment = self.next;
        let expected = self.expected_length(segment);
        match expected {
            Some(0) if count == 0 => {
                self.ended = true;
                return Ok(false);
            }
            Some(0) => return Err(BodyError::TooLong),
            Some(expected) if count < expected => return Err(BodyError::Truncated(segment)),
            Some(expected) if count > expected => return Err(BodyError::TooLong),
            None if count == 0 => {
                self.ended = true;
                return Ok(false);
            }
            None if count <= NONCE + TAG => return Err(BodyError::Truncated(segment)),
            _ => {}
        }
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&self.buffer[..NONCE]);
        if let Binding::Position { base, .. } = self.binding
            && nonce != base.of_segment(segment)
        {
            return Err(BodyError::Misplaced(segment));
        }
        let opened = self.cipher.open(nonce, &mut self.buffer[NONCE..count]);
        let length = opened.ok_or(BodyError::Damaged(segment))?.len();
        self.left = NONCE..NONCE + length;
        self.next += 1;
        self.ended = self.binding == Binding::Unbound && count < SEALED_SEGMENT;
        Ok(true)
    }

    /// How many bytes the sealed segment must have; 0 past the end; `None` if nothing is known.
    fn expected_length(&self, segment: u64) -> Option<usize> {
        let Binding::Position { length, .. } = self.binding else { return None };
        let before = segment.saturating_mul(SEGMENT as u64);
        let left = length.saturating_sub(before).min(SEGMENT as u64);
        Some(if left == 0 { 0 } else { left as usize + NONCE + TAG })
    }
}

/// Reads until the buffer is full or the input ends.
fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl<R: Read> Read for BodyOpener<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        while self.left.is_empty() {
            if !self.next_segment()? {
                return Ok(0);
            }
        }
        let count = out.len().min(self.left.len());
        out[..count].copy_from_slice(&self.buffer[self.left.start..self.left.start + count]);
        self.left.start += count;
        self.position += count as u64;
        Ok(count)
    }
}

impl<R: Read + Seek> BodyOpener<R> {
    /// Reads from `inner`, whose first segment is at its current position, with random access.
    ///
    /// # Errors
    /// If the position cannot be told, or the cryptographic library refuses the key.
    pub fn seekable(mut inner: R, key: &DataKey, binding: Binding) -> io::Result<Self> {
        let start = inner.stream_position()?;
        Ok(Self { start, ..Self::new(inner, key, binding).map_err(io::Error::other)? })
    }

    /// Bytes of plaintext: what was recorded, or what the body's size says.
    fn length(&mut self) -> io::Result<u64> {
        if let Binding::Position { length, .. } = self.binding {
            return Ok(length);
        }
        let here = self.inner.stream_position()?;
        let sealed = self.inner.seek(SeekFrom::End(0))?.saturating_sub(self.start);
        self.inner.seek(SeekFrom::Start(here))?;
        let overhead = (NONCE + TAG) as u64;
        let length = sealed - sealed.div_ceil(SEALED_SEGMENT as u64) * overhead.min(sealed);
        debug_assert!(sealed_length(length) <= sealed + overhead);
        Ok(length)
    }
}

impl<R: Read + Seek> Seek for BodyOpener<R> {
    /// Goes to a place in the plaintext; places past its end are its end.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let length = self.length()?;
        let wanted = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        let wanted = wanted.ok_or(io::ErrorKind::InvalidInput)?.min(length);
        let segment = wanted / SEGMENT as u64;
        self.inner.seek(SeekFrom::Start(self.start + segment * SEALED_SEGMENT as u64))?;
        (self.next, self.ended, self.left) = (segment, false, 0..0);
        let within = (wanted % SEGMENT as u64) as usize;
        if within > 0 && self.next_segment()? {
            self.left.start = (self.left.start + within).min(self.left.end);
        }
        self.position = wanted;
        Ok(wanted)
    }
}

impl<R> fmt::Debug for BodyOpener<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyOpener").field("binding", &self.binding).field("next", &self.next).finish_non_exhaustive()
    }
}
