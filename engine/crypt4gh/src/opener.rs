//! Opening a body: every segment is verified before a byte of it is given out.

use std::{
    fmt,
    io::{self, Read, Seek, SeekFrom},
};

use crate::{
    CryptoError, DataKey, NonceBase, SEALED_SEGMENT,
    crypto::{NONCE, TAG},
    window::Window,
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

/// Reads the plaintext of a body. Damage is an [`io::Error`] of kind `InvalidData` that holds a
/// [`BodyError`](crate::BodyError).
pub struct BodyOpener<R> {
    inner: R,
    start: u64,
    window: Window,
}

impl<R: Read> BodyOpener<R> {
    /// Reads from `inner`, which stands at the first segment.
    ///
    /// # Errors
    /// If the cryptographic library refuses the key.
    pub fn new(inner: R, keys: &[DataKey], binding: Binding) -> Result<Self, CryptoError> {
        Ok(Self { inner, start: 0, window: Window::new(keys, binding)? })
    }

    /// How much plaintext stands before what is read next.
    pub(crate) const fn position(&self) -> u64 {
        self.window.position()
    }
}

/// Reads until the buffer is full or the input ends.
pub(crate) fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
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
        while self.window.is_empty() {
            let Some(room) = self.window.room()? else { return Ok(0) };
            let count = read_full(&mut self.inner, room)?;
            self.window.take_in(count)?;
        }
        Ok(self.window.give(out))
    }
}

impl<R: Read + Seek> BodyOpener<R> {
    /// Reads from `inner`, whose first segment is at its current position, with random access.
    ///
    /// # Errors
    /// If the position cannot be told, or the cryptographic library refuses the key.
    pub fn seekable(mut inner: R, keys: &[DataKey], binding: Binding) -> io::Result<Self> {
        let start = inner.stream_position()?;
        Ok(Self { start, ..Self::new(inner, keys, binding).map_err(io::Error::other)? })
    }

    /// Bytes of plaintext: what was recorded, or what the body's size says.
    ///
    /// # Errors
    /// Those of the inner reader.
    pub fn length(&mut self) -> io::Result<u64> {
        if let Binding::Position { length, .. } = self.window.binding() {
            return Ok(length);
        }
        let here = self.inner.stream_position()?;
        let sealed = self.inner.seek(SeekFrom::End(0))?.saturating_sub(self.start);
        self.inner.seek(SeekFrom::Start(here))?;
        Ok(plain_length(sealed))
    }
}

/// The bytes of plaintext in a body of so many bytes.
pub(crate) const fn plain_length(sealed: u64) -> u64 {
    let overhead = sealed.div_ceil(SEALED_SEGMENT as u64) * (NONCE + TAG) as u64;
    sealed.saturating_sub(overhead)
}

/// The place that is meant, no further than the end.
pub(crate) fn wanted(to: SeekFrom, position: u64, length: u64) -> io::Result<u64> {
    let wanted = match to {
        SeekFrom::Start(offset) => Some(offset),
        SeekFrom::End(offset) => length.checked_add_signed(offset),
        SeekFrom::Current(offset) => position.checked_add_signed(offset),
    };
    Ok(wanted.ok_or(io::ErrorKind::InvalidInput)?.min(length))
}

impl<R: Read + Seek> Seek for BodyOpener<R> {
    /// Goes to a place in the plaintext; places past its end are its end.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let wanted = wanted(to, self.window.position(), self.length()?)?;
        let segment = self.window.go_to(wanted);
        self.inner.seek(SeekFrom::Start(self.start + segment * SEALED_SEGMENT as u64))?;
        Ok(wanted)
    }
}

impl<R> fmt::Debug for BodyOpener<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (binding, next) = (self.window.binding(), self.window.next());
        f.debug_struct("BodyOpener").field("binding", &binding).field("next", &next).finish_non_exhaustive()
    }
}
