//! Writing a blob whose size is not known: small ones at once, large ones in parts, several at a time.
//!
//! Until the upload is completed nothing of it is visible. Completing it is conditional in S3. Google Cloud Storage has
//! no condition for it and would replace an object of the same name; but uploads are begun for random names of 128 bits
//! (bodies), which no two writers share, and that nothing is there is looked at just before. Small ones are created on a
//! condition in both.

use std::{
    any::Any,
    fmt, io,
    io::Write,
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use object_store::{Error, MultipartId, PutMultipartOptions, PutPayload, multipart::PartId, path::Path};
use sluis_store::{
    StoreError,
    backend::{Mode, Name, Put, Upload},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinHandle,
};

use crate::{
    blobs::{Blobs, Token},
    failure::{Oddity, about},
    worker::Worker,
};

/// The clouds take 10,000 parts at most, so the parts grow: with parts of 8 MiB at first, to about a terabyte.
const GROWS: [(usize, usize); 2] = [(1_000, 4), (4_000, 16)];

/// How long a dropped upload waits until the server has forgotten it. What it does not, a sweep takes away.
const FORGETTING: Duration = Duration::from_secs(10);

/// What is written for one blob.
pub struct BucketUpload {
    blobs: Arc<Blobs>,
    worker: Arc<Worker>,
    name: Name,
    buffer: Vec<u8>,
    parts: Option<Parts>,
}

/// An upload in parts.
struct Parts {
    id: MultipartId,
    path: Path,
    token: Token,
    sent: Vec<JoinHandle<Result<PartId, Error>>>,
    room: Arc<Semaphore>,
    /// Why a part failed, for the writer to stop at.
    failed: Arc<Mutex<Option<String>>>,
}

/// An upload to be finished.
pub struct Finish {
    name: Name,
    rest: Bytes,
    parts: Option<Parts>,
}

impl BucketUpload {
    pub fn begin(blobs: &Arc<Blobs>, worker: &Arc<Worker>, name: &Name) -> Self {
        let (blobs, worker) = (Arc::clone(blobs), Arc::clone(worker));
        Self { blobs, worker, name: name.clone(), buffer: Vec::new(), parts: None }
    }

    /// What is left to do; `None` if it was begun for another name.
    pub fn finish(mut self, name: &Name) -> Option<Finish> {
        if self.name != *name {
            return None;
        }
        let rest = Bytes::from(mem::take(&mut self.buffer));
        Some(Finish { name: self.name.clone(), rest, parts: self.parts.take() })
    }

    fn part_size(&self) -> usize {
        let count = self.parts.as_ref().map_or(0, |parts| parts.sent.len());
        let grown = GROWS.iter().rev().find(|(from, _)| count >= *from).map_or(1, |(_, times)| *times);
        self.blobs.options.part_size * grown
    }

    fn send_part(&mut self) -> io::Result<()> {
        let failed = |error: StoreError| io::Error::other(error);
        let lost = about(self.blobs.place(), &self.name, "written");
        let mut parts = match self.parts.take() {
            Some(parts) => parts,
            None => {
                let (blobs, name) = (Arc::clone(&self.blobs), self.name.clone());
                let begun = self.worker.run(async move { Parts::begin(&blobs, &name).await });
                begun.map_err(lost).and_then(|begun| begun).map_err(failed)?
            }
        };
        let bytes = Bytes::from(mem::take(&mut self.buffer));
        let (blobs, name) = (Arc::clone(&self.blobs), self.name.clone());
        let sent = self.worker.run(async move {
            let outcome = parts.send(&blobs, &name, bytes).await;
            (parts, outcome)
        });
        let (parts, outcome) = sent.map_err(about(self.blobs.place(), &self.name, "written")).map_err(failed)?;
        self.parts = Some(parts);
        outcome.map_err(failed)
    }
}

impl Write for BucketUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full part waits for what follows it: the last one is sent when it is known to be the last.
        if self.buffer.len() >= self.part_size() {
            self.send_part()?;
        }
        let room = self.part_size() - self.buffer.len();
        let taken = bytes.len().min(room);
        self.buffer.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Upload for BucketUpload {
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

impl Drop for BucketUpload {
    fn drop(&mut self) {
        let Some(parts) = self.parts.take() else { return };
        let blobs = Arc::clone(&self.blobs);
        let forgotten = self.worker.begin(async move { parts.abort(&blobs).await });
        // The process may end right after this.
        let _ = forgotten.recv_timeout(FORGETTING);
    }
}

impl fmt::Debug for BucketUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketUpload").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Parts {
    async fn begin(blobs: &Blobs, name: &Name) -> Result<Self, StoreError> {
        let token = Token::new().map_err(about(blobs.place(), name, "written"))?;
        let path = blobs.path(name);
        let options = PutMultipartOptions { attributes: token.attributes(), ..PutMultipartOptions::default() };
        let id = blobs.service.client.create_multipart_opts(&path, options).await;
        let id = id.map_err(about(blobs.place(), name, "written"))?;
        let room = Arc::new(Semaphore::new(blobs.options.in_flight));
        Ok(Self { id, path, token, sent: Vec::new(), room, failed: Arc::default() })
    }

    /// Sends a part as soon as there is room for it.
    async fn send(&mut self, blobs: &Arc<Blobs>, name: &Name, bytes: Bytes) -> Result<(), StoreError> {
        // A large part takes the room of several, so that what is under way stays small in memory.
        let takes = bytes.len().div_ceil(blobs.options.part_size).clamp(1, blobs.options.in_flight);
        let takes = u32::try_from(takes).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(takes).await;
        let room = room.map_err(about(blobs.place(), name, "written"))?;
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(why) = failed {
            return Err(about(blobs.place(), name, "written")(Oddity::Told(why)));
        }
        self.sent.push(tokio::spawn(self.part(Arc::clone(blobs), bytes, room)));
        Ok(())
    }

    fn part(
        &self,
        blobs: Arc<Blobs>,
        bytes: Bytes,
        room: OwnedSemaphorePermit,
    ) -> impl Future<Output = Result<PartId, Error>> + Send + use<> {
        let (index, path, id) = (self.sent.len(), self.path.clone(), self.id.clone());
        let failed = Arc::clone(&self.failed);
        async move {
            let sent = blobs.service.client.put_part(&path, &id, index, PutPayload::from_bytes(bytes)).await;
            if let Err(error) = &sent {
                failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.to_string());
            }
            drop(room);
            sent
        }
    }

    async fn abort(self, blobs: &Blobs) -> Result<(), Error> {
        for part in &self.sent {
            part.abort();
        }
        for part in self.sent {
            // A part that arrived after the upload was forgotten would stay.
            let _ = part.await;
        }
        blobs.service.client.abort_multipart(&self.path, &self.id).await
    }

    /// Makes the parts one object, if there is none of the name.
    async fn complete(mut self, blobs: &Blobs, name: &Name) -> Result<Put, StoreError> {
        let mut parts = Vec::with_capacity(self.sent.len());
        for part in mem::take(&mut self.sent) {
            let part = part.await.map_err(about(blobs.place(), name, "written"));
            match part.and_then(|part| part.map_err(about(blobs.place(), name, "written"))) {
                Ok(part) => parts.push(part),
                Err(error) => return Err(self.given_up(blobs, error).await),
            }
        }
        match blobs.see(name).await {
            Ok(None) => {}
            Ok(Some(_)) => return self.existing(blobs, name).await,
            Err(error) => return Err(self.given_up(blobs, error).await),
        }
        let completed = blobs.service.client.complete_multipart(&self.path, &self.id, parts).await;
        let Err(error) = completed else { return Ok(Put::Written) };
        // It may be complete all the same: the answer to an earlier try was lost.
        match blobs.see(name).await? {
            Some(seen) if seen.is_of(&self.token) => Ok(Put::Written),
            Some(_) => self.existing(blobs, name).await,
            None => Err(self.given_up(blobs, about(blobs.place(), name, "written")(error)).await),
        }
    }

    async fn existing(self, blobs: &Blobs, name: &Name) -> Result<Put, StoreError> {
        self.abort(blobs).await.map_err(about(blobs.place(), name, "given up"))?;
        Ok(Put::Existing)
    }

    async fn given_up(self, blobs: &Blobs, error: StoreError) -> StoreError {
        // What is in the way is told already; a sweep takes away what stays.
        let _ = self.abort(blobs).await;
        error
    }
}

impl Finish {
    /// Makes the blob visible.
    pub async fn carry_out(self, blobs: &Arc<Blobs>) -> Result<Put, StoreError> {
        let Some(mut parts) = self.parts else {
            return blobs.put_bytes(&self.name, self.rest, Mode::Create).await;
        };
        if !self.rest.is_empty()
            && let Err(error) = parts.send(blobs, &self.name, self.rest).await
        {
            return Err(parts.given_up(blobs, error).await);
        }
        parts.complete(blobs, &self.name).await
    }
}
