//! Writing in large pieces.

use std::io::{self, Write};

/// Bytes of a piece.
pub const PIECE: usize = 1 << 20;

/// Collects what is written to it, and hands it on in pieces of 1 MiB, each of which begins at a multiple of that.
///
/// The page cache holds a file in parts as large as the pieces in which it was written, as far as they lie at multiples of
/// their size, and the larger the parts, the faster they are read. Nothing is handed on when it is dropped: who writes has to flush.
#[derive(Debug)]
pub struct PieceWriter<W> {
    inner: W,
    /// What is not handed on yet. It grows with what is written: most files are small.
    buffer: Vec<u8>,
    /// How much of the buffer is handed on: after an error it is gone on with there.
    handed_on: usize,
}

impl<W: Write> PieceWriter<W> {
    /// Writes to `inner`, which stands at its beginning.
    pub const fn new(inner: W) -> Self {
        Self { inner, buffer: Vec::new(), handed_on: 0 }
    }

    /// What is written to; what was not flushed is missing there.
    pub const fn get_ref(&self) -> &W {
        &self.inner
    }

    /// Hands on what is left, and gives back what is written to.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        Ok(self.inner)
    }

    fn hand_on(&mut self) -> io::Result<()> {
        while self.handed_on < self.buffer.len() {
            match self.inner.write(&self.buffer[self.handed_on..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.handed_on += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.buffer.clear();
        self.handed_on = 0;
        Ok(())
    }
}

impl<W: Write> Write for PieceWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full piece is handed on only now: an error would else be told of bytes that were taken.
        if self.buffer.len() == PIECE {
            self.hand_on()?;
        }
        if self.buffer.is_empty() && bytes.len() >= PIECE {
            return self.inner.write(&bytes[..bytes.len() - bytes.len() % PIECE]);
        }
        let count = bytes.len().min(PIECE - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    /// Hands on what there is, and keeps no memory for more.
    fn flush(&mut self) -> io::Result<()> {
        self.hand_on()?;
        self.buffer = Vec::new();
        self.inner.flush()
    }
}
