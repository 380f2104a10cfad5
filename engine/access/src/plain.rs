//! Objects of the class `public`: kept as they are, and verified group by group against the address.

use std::{
    io::{self, Read, Seek, SeekFrom},
    sync::Arc,
};

use blake3::{Hasher, hazmat::ChainingValue};
use sluis_model::Address;
use sluis_store::backend::OpenBlob;

use crate::{
    tree::{self, GROUP},
    unseal::WrongContent,
};

/// The groups' values as they stand behind a record.
pub(crate) fn outline(groups: &[ChainingValue]) -> Vec<u8> {
    groups.concat()
}

/// What is known of a public object's content: enough to verify each of its groups.
#[derive(Debug)]
pub(crate) struct Outline {
    /// Has hashed nothing yet.
    keyed: Hasher,
    address: Address,
    /// None if there is one group alone.
    groups: Vec<ChainingValue>,
    length: u64,
}

impl Outline {
    /// `None` if the outline is not that of the address.
    pub(crate) fn read(key: &[u8; 32], address: Address, length: u64, outline: &[u8]) -> Option<Self> {
        let (groups, rest) = outline.as_chunks::<32>();
        let count = if length > GROUP as u64 { length.div_ceil(GROUP as u64) } else { 0 };
        if !rest.is_empty() || groups.len() as u64 != count {
            return None;
        }
        if count > 0 && tree::root(key, groups, length) != *address.as_bytes() {
            return None;
        }
        Some(Self { keyed: Hasher::new_keyed(key), address, groups: groups.to_vec(), length })
    }

    fn is_genuine(&self, group: u64, bytes: &[u8]) -> bool {
        match self.groups.get(group as usize) {
            Some(expected) => tree::group_value(&self.keyed, group, bytes) == *expected,
            None => self.keyed.clone().update(bytes).finalize() == *self.address.as_bytes(),
        }
    }
}

/// Reads a public object; every group is verified before a byte of it is given out.
#[derive(Debug)]
pub(crate) struct PlainReader {
    inner: Box<dyn OpenBlob>,
    outline: Arc<Outline>,
    position: u64,
    /// The group at hand, and which it is.
    buffer: Vec<u8>,
    current: Option<u64>,
}

impl PlainReader {
    pub(crate) fn new(inner: Box<dyn OpenBlob>, outline: Arc<Outline>) -> Self {
        Self { inner, outline, position: 0, buffer: Vec::new(), current: None }
    }

    /// Reads and verifies the group that holds the position.
    fn load(&mut self, group: u64) -> io::Result<()> {
        self.current = None;
        let start = group * GROUP as u64;
        let count = (self.outline.length - start).min(GROUP as u64);
        self.inner.seek(SeekFrom::Start(start))?;
        self.buffer.clear();
        // One byte more, to see that a body ends where it should.
        let is_last = start + count == self.outline.length;
        (&mut self.inner).take(count + u64::from(is_last)).read_to_end(&mut self.buffer)?;
        let is_whole = self.buffer.len() as u64 == count && self.outline.is_genuine(group, &self.buffer);
        if !is_whole {
            self.buffer.clear();
            return Err(io::Error::new(io::ErrorKind::InvalidData, WrongContent));
        }
        self.current = Some(group);
        Ok(())
    }
}

impl Read for PlainReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // An empty object is one empty group.
        if out.is_empty()
            || (self.position >= self.outline.length && (self.outline.length > 0 || self.current.is_some()))
        {
            return Ok(0);
        }
        let group = self.position / GROUP as u64;
        if self.current != Some(group) {
            self.load(group)?;
        }
        let within = (self.position % GROUP as u64) as usize;
        let count = out.len().min(self.buffer.len() - within);
        out[..count].copy_from_slice(&self.buffer[within..within + count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for PlainReader {
    /// Goes to a place in the content; places past its end are its end.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let wanted = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.outline.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = wanted.ok_or(io::ErrorKind::InvalidInput)?.min(self.outline.length);
        Ok(self.position)
    }
}
