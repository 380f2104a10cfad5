//! The segment that is at hand while a body is read: verified as a whole before a byte of it is given out.

use std::ops::Range;

use zeroize::{Zeroize, Zeroizing};

use crate::{
    Binding, BodyError, CryptoError, DataKey, SEALED_SEGMENT, SEGMENT,
    crypto::{Cipher, NONCE, TAG},
};

/// Where a reader stands in a body. It reads nothing itself: whoever does hands it sealed segments.
pub(crate) struct Window {
    /// One for each data key; the one that opened the last segment first.
    ciphers: Vec<Cipher>,
    binding: Binding,
    /// The segment that comes next.
    next: u64,
    /// The current segment; wiped when dropped.
    buffer: Zeroizing<Vec<u8>>,
    /// The part of its plaintext that is not given out yet.
    left: Range<usize>,
    /// Bytes of the next segment's plaintext that were jumped over.
    skipped: usize,
    ended: bool,
    /// How much plaintext stands before what is given out next.
    position: u64,
    /// What was found wrong: nothing after it is ever given out.
    broken: Option<BodyError>,
}

impl Window {
    pub(crate) fn new(keys: &[DataKey], binding: Binding) -> Result<Self, CryptoError> {
        Ok(Self {
            ciphers: keys.iter().map(|key| Cipher::new(key.secret())).collect::<Result<_, _>>()?,
            binding,
            next: 0,
            buffer: Zeroizing::default(),
            left: 0..0,
            skipped: 0,
            ended: false,
            position: 0,
            broken: None,
        })
    }

    pub(crate) const fn binding(&self) -> Binding {
        self.binding
    }

    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// How much plaintext stands before what is given out next.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// Whether another segment has to be handed in before anything can be given out.
    pub(crate) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Room for the next sealed segment; `None` at the end. Where its length is known, there is room for it and one byte,
    /// which would be one too many: wiping room for a whole segment takes longer than opening a short one.
    pub(crate) fn room(&mut self) -> Result<Option<&mut [u8]>, BodyError> {
        self.left = 0..0;
        match self.broken {
            Some(error) => Err(error),
            None if self.ended => Ok(None),
            None => {
                let expected = self.expected_length(self.next);
                let size = expected.map_or(SEALED_SEGMENT, |expected| SEALED_SEGMENT.min(expected + 1));
                if size > self.buffer.capacity() {
                    // Growing moves what is there and leaves a copy of it behind.
                    self.buffer.zeroize();
                }
                self.buffer.resize(size, 0);
                Ok(Some(&mut self.buffer))
            }
        }
    }

    /// Verifies and opens the `count` sealed bytes in the room, which are all there is or a whole segment; `false` if they
    /// are the end.
    pub(crate) fn take_in(&mut self, count: usize) -> Result<bool, BodyError> {
        self.open_sealed(count).inspect_err(|error| self.broken = Some(*error))
    }

    /// Copies plaintext out.
    pub(crate) fn give(&mut self, out: &mut [u8]) -> usize {
        let count = out.len().min(self.left.len());
        out[..count].copy_from_slice(&self.buffer[self.left.start..self.left.start + count]);
        self.left.start += count;
        self.position += count as u64;
        count
    }

    /// Goes to a place in the plaintext; gives the segment that has to be handed in next.
    pub(crate) fn go_to(&mut self, position: u64) -> u64 {
        self.position = position;
        self.next = position / SEGMENT as u64;
        self.skipped = (position % SEGMENT as u64) as usize;
        self.ended = false;
        self.left = 0..0;
        self.next
    }

    fn open_sealed(&mut self, count: usize) -> Result<bool, BodyError> {
        let segment = self.next;
        let expected = self.expected_length(segment);
        match expected {
            Some(0) | None if count == 0 => {
                self.ended = true;
                return Ok(false);
            }
            Some(0) => return Err(BodyError::TooLong),
            Some(expected) if count < expected => return Err(BodyError::Truncated(segment)),
            Some(expected) if count > expected => return Err(BodyError::TooLong),
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
        let length = self.decrypt(nonce, count).ok_or(BodyError::Damaged(segment))?;
        self.left = NONCE + self.skipped.min(length)..NONCE + length;
        self.skipped = 0;
        self.next += 1;
        self.ended = self.binding == Binding::Unbound && count < SEALED_SEGMENT;
        Ok(true)
    }

    /// Decrypts the sealed bytes in the buffer with the key that fits; gives the length of the plaintext.
    fn decrypt(&mut self, nonce: [u8; NONCE], count: usize) -> Option<usize> {
        if let [cipher] = self.ciphers.as_slice() {
            return cipher.open(nonce, &mut self.buffer[NONCE..count]).map(|opened| opened.len());
        }
        // A key that does not fit leaves nothing of what it was tried on.
        let sealed = self.buffer[NONCE..count].to_vec();
        for number in 0..self.ciphers.len() {
            self.buffer[NONCE..count].copy_from_slice(&sealed);
            if let Some(opened) = self.ciphers[number].open(nonce, &mut self.buffer[NONCE..count]) {
                let length = opened.len();
                self.ciphers[..=number].rotate_right(1);
                return Some(length);
            }
        }
        None
    }

    /// How many bytes the sealed segment must have; 0 past the end; `None` if nothing is known.
    fn expected_length(&self, segment: u64) -> Option<usize> {
        let Binding::Position { length, .. } = self.binding else { return None };
        let before = segment.saturating_mul(SEGMENT as u64);
        let left = length.saturating_sub(before).min(SEGMENT as u64);
        Some(if left == 0 { 0 } else { left as usize + NONCE + TAG })
    }
}
