//! Reading a blob from any place, in windows that grow while it is read on and on.

use std::{
    fmt,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    sync::{Arc, mpsc::Receiver},
};

use bytes::Bytes;
use object_store::{Error, GetOptions, GetRange, ObjectMeta};
use sluis_store::{StoreError, backend::Name};

use crate::{
    blobs::Blobs,
    failure::{Oddity, about},
    worker::{Lost, Worker},
};

/// The first window; one that follows the last is twice as large, up to the largest.
const FIRST: u64 = 256 << 10;

/// How often a window is asked for again that is not what was asked for.
const TRIES: usize = 3;

/// A blob that is open. What it gives is of the object that was there when it was opened, or an error.
pub struct BucketReader {
    blobs: Arc<Blobs>,
    worker: Arc<Worker>,
    name: Name,
    meta: Arc<ObjectMeta>,
    position: u64,
    start: u64,
    window: Bytes,
    ahead: Option<Ahead>,
}

/// A window that is on its way.
struct Ahead {
    range: Range<u64>,
    bytes: Receiver<Result<Bytes, StoreError>>,
}

impl BucketReader {
    pub fn new(blobs: &Arc<Blobs>, worker: &Arc<Worker>, name: &Name, meta: ObjectMeta) -> Self {
        let (blobs, worker) = (Arc::clone(blobs), Arc::clone(worker));
        let (name, meta, window) = (name.clone(), Arc::new(meta), Bytes::new());
        Self { blobs, worker, name, meta, position: 0, start: 0, window, ahead: None }
    }

    fn ask(&self, start: u64, size: u64) -> Ahead {
        let range = start..(start + size).min(self.meta.size);
        let (blobs, name, meta) = (Arc::clone(&self.blobs), self.name.clone(), Arc::clone(&self.meta));
        let asked = range.clone();
        Ahead { range, bytes: self.worker.begin(async move { fetch(&blobs, &name, &meta, asked).await }) }
    }

    /// The window in which the position lies.
    fn fill(&mut self) -> Result<(), StoreError> {
        let largest = self.blobs.options.window;
        let end = self.start + self.window.len() as u64;
        let is_next = self.position == end && !self.window.is_empty();
        let size = if is_next { (self.window.len() as u64 * 2).min(largest) } else { FIRST.min(largest) };
        let due = self.ahead.take().filter(|ahead| ahead.range.start == self.position);
        let due = due.unwrap_or_else(|| self.ask(self.position, size));
        let bytes = due.bytes.recv().map_err(|_| about(self.blobs.place(), &self.name, "read")(Lost))??;
        (self.start, self.window) = (due.range.start, bytes);
        // Whoever reads on wants the next one soon.
        if is_next && due.range.end < self.meta.size {
            self.ahead = Some(self.ask(due.range.end, (self.window.len() as u64 * 2).min(largest)));
        }
        Ok(())
    }
}

/// Exactly the bytes of a range, of exactly this object.
async fn fetch(blobs: &Blobs, name: &Name, meta: &ObjectMeta, range: Range<u64>) -> Result<Bytes, StoreError> {
    let failed = || about(blobs.place(), name, "read");
    let mut last = Oddity::Changed;
    for _ in 0..TRIES {
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.clone())),
            if_match: meta.e_tag.clone(),
            version: meta.version.clone(),
            ..GetOptions::default()
        };
        let result = match blobs.service.client.get_opts(&blobs.path(name), options).await {
            Ok(result) => result,
            Err(error @ Error::NotFound { .. }) => {
                blobs.confirm_missing(&error).await?;
                return Err(failed()(Oddity::Changed));
            }
            Err(Error::Precondition { .. }) => return Err(failed()(Oddity::Changed)),
            // Among other things: another range than the one asked for.
            Err(error) => {
                last = Oddity::Told(error.to_string());
                continue;
            }
        };
        if result.meta.e_tag != meta.e_tag || result.meta.version != meta.version {
            return Err(failed()(Oddity::Changed));
        }
        if result.meta.size != meta.size {
            last = Oddity::Length { told: result.meta.size, expected: meta.size };
            continue;
        }
        let bytes = result.bytes().await.map_err(about(blobs.place(), name, "read"))?;
        let (given, asked) = (bytes.len() as u64, range.end - range.start);
        if given == asked {
            return Ok(bytes);
        }
        last = Oddity::Cut { given, asked };
    }
    Err(failed()(last))
}

impl Read for BucketReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.meta.size || into.is_empty() {
            return Ok(0);
        }
        let is_inside = (self.start..self.start + self.window.len() as u64).contains(&self.position);
        if !is_inside {
            self.fill().map_err(io::Error::other)?;
        }
        let offset = usize::try_from(self.position - self.start).map_err(io::Error::other)?;
        let bytes = self.window.get(offset..).unwrap_or_default();
        let count = bytes.len().min(into.len());
        into[..count].copy_from_slice(&bytes[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for BucketReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.meta.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        let outside = || io::Error::new(io::ErrorKind::InvalidInput, "there is nothing before the first byte");
        self.position = position.ok_or_else(outside)?;
        Ok(self.position)
    }
}

impl fmt::Debug for BucketReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketReader").field("name", &self.name).finish_non_exhaustive()
    }
}
