//! A new object: its body is written first, the rest when its address is known.

use std::{
    fmt,
    io::{self, Write},
};

use sluis_crypt4gh::{HeaderPacket, PublicKey};
use sluis_model::Address;

use crate::{
    BodyId, Store, StoreError,
    backend::{Content, Mode, Name, NewBlob, Put, Upload},
    layout, object,
};

/// What belongs to an object beside its body.
#[derive(Clone, Copy, Debug)]
pub struct ObjectParts<'a> {
    /// What `access` needs to verify it.
    pub record: &'a [u8],
    /// The data key, sealed for each recipient.
    pub packets: &'a [(PublicKey, HeaderPacket)],
    /// The first label set.
    pub labels: &'a [u8],
}

/// How a commit went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Commit {
    /// The object is new.
    New,
    /// The address was there already: the new body was dropped, the label set added.
    Existing,
}

/// An object that is not visible yet; dropped without a commit, it is gone.
pub struct NewObject<'a> {
    store: &'a Store,
    body: BodyId,
    upload: Box<dyn Upload>,
}

impl<'a> NewObject<'a> {
    pub(crate) fn begin(store: &'a Store) -> Result<Self, StoreError> {
        let body = BodyId::generate()?;
        Ok(Self { store, body, upload: store.backend.begin(&layout::body(body))? })
    }

    /// The identifier of its body, for its record.
    pub const fn body_id(&self) -> BodyId {
        self.body
    }

    /// Makes the object visible at its address, durably: its record comes last. Calls `announce` before, with what it is
    /// going to be; if another writer is faster, with that, too.
    ///
    /// # Errors
    /// If it cannot be written, and those of `announce`; nothing is visible then.
    pub fn commit<E: From<StoreError>>(
        self,
        address: &Address,
        parts: ObjectParts<'_>,
        announce: impl Fn(Commit) -> Result<(), E>,
    ) -> Result<Commit, E> {
        let Self { store, body, upload } = self;
        if store.adopt_after(address, parts.labels, || announce(Commit::Existing))? {
            return Ok(Commit::Existing);
        }
        announce(Commit::New)?;
        let blob = |name: Name, content| NewBlob { name, content, mode: Mode::Create };
        let bytes = |bytes: &[u8]| Content::Bytes(bytes.to_vec());
        let labels = layout::labels(address, body, parts.labels);
        let mut own = vec![layout::body(body), labels.clone()];
        let mut first = vec![blob(layout::body(body), Content::Upload(upload)), blob(labels, bytes(parts.labels))];
        for (recipient, packet) in parts.packets {
            own.push(layout::packet(body, recipient));
            first.push(blob(layout::packet(body, recipient), bytes(packet.as_bytes())));
        }
        let record = object::with_body(body, parts.record);
        let last = || vec![blob(layout::record(address), bytes(&record))];
        let mut stages = vec![first, last()];
        loop {
            let puts = store.backend.put(stages)?;
            if puts.last().is_none_or(|last| last.contains(&Put::Written)) {
                return Ok(Commit::New);
            }
            if store.adopt_after(address, parts.labels, || announce(Commit::Existing))? {
                // Another writer was faster. What is left of this one is of no use to anybody.
                store.backend.delete(&own)?;
                return Ok(Commit::Existing);
            }
            // The other one's object was removed in between.
            stages = vec![last()];
        }
    }
}

impl Write for NewObject<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.upload.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.upload.flush()
    }
}

impl fmt::Debug for NewObject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewObject").field("body", &self.body).finish_non_exhaustive()
    }
}
