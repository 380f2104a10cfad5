//! An object as it lies in the store.

use std::sync::Arc;

use sluis_crypt4gh::{HeaderPacket, PublicKey};
use sluis_model::Address;

use crate::{
    BodyId, StoreError,
    backend::{Backend, Listed, Name, OpenBlob},
    layout, removal,
};

/// What a record's first line begins with.
const BODY: &str = "body ";

/// A record as it is kept: a line that names the body, and what `access` made of it.
pub(crate) fn with_body(body: BodyId, record: &[u8]) -> Vec<u8> {
    let mut kept = format!("{BODY}{body}\n").into_bytes();
    kept.extend_from_slice(record);
    kept
}

/// The body and the rest of a record.
pub(crate) fn split_record(kept: &[u8]) -> Option<(BodyId, &[u8])> {
    let end = kept.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&kept[..end]).ok()?;
    Some((line.strip_prefix(BODY)?.parse().ok()?, &kept[end + 1..]))
}

/// An object of the store: its record read, its other parts to be read.
#[derive(Debug)]
pub struct StoredObject {
    /// Its address.
    pub address: Address,
    /// What `access` needs to verify it.
    pub record: Vec<u8>,
    /// Its body.
    pub body: BodyId,
    backend: Arc<dyn Backend>,
}

impl StoredObject {
    pub(crate) fn read(backend: &Arc<dyn Backend>, address: Address) -> Result<Option<Self>, StoreError> {
        let name = layout::record(&address);
        let kept = match backend.read(&name)? {
            Some(kept) => Some(kept),
            // As long as it is not decided that the object goes, it is readable; if it stays, its record is there again.
            None => match removal::undecided(&**backend, &address)? {
                Some(kept) => Some(kept),
                None => backend.read(&name)?,
            },
        };
        let Some(kept) = kept else { return Ok(None) };
        let (body, record) = split_record(&kept).ok_or_else(|| StoreError::Damaged(name.to_string()))?;
        Ok(Some(Self { address, record: record.to_vec(), body, backend: Arc::clone(backend) }))
    }

    /// Its label sets.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn labels(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut labels = Vec::new();
        for listed in self.backend.list(&layout::labels_prefix(&self.address, self.body))? {
            // A set that was taken away meanwhile counts no more.
            labels.extend(self.backend.read(&listed?.name)?);
        }
        Ok(labels)
    }

    /// The data key as it is sealed for a recipient; `None` if it is not sealed for them.
    ///
    /// # Errors
    /// If the packet cannot be read, or is none.
    pub fn packet_for(&self, recipient: &PublicKey) -> Result<Option<HeaderPacket>, StoreError> {
        let name = layout::packet(self.body, recipient);
        let bytes = self.backend.read(&name)?;
        let parsed = bytes.map(HeaderPacket::from_bytes).transpose();
        parsed.map_err(|_| StoreError::Damaged(name.to_string()))
    }

    /// For whom the data key is sealed.
    ///
    /// # Errors
    /// If the packets cannot be listed.
    pub fn recipients(&self) -> Result<Vec<PublicKey>, StoreError> {
        let packets = self.backend.list(&layout::packets_prefix(self.body))?;
        let recipient = |listed: Result<Listed, StoreError>| {
            listed.map(|listed| layout::recipient_of_packet(&listed.name).map(|(_, recipient)| recipient)).transpose()
        };
        packets.filter_map(recipient).collect()
    }

    /// Opens the sealed body, which stands at its first segment.
    ///
    /// # Errors
    /// If it cannot be opened; it is [`StoreError::Damaged`] if it is not there.
    pub fn open_body(&self) -> Result<Box<dyn OpenBlob>, StoreError> {
        let name = self.body_name();
        self.backend.open(&name)?.ok_or_else(|| StoreError::Damaged(name.to_string()))
    }

    /// Everything that belongs to it: its record, label sets, header packets and body.
    ///
    /// # Errors
    /// If it cannot be listed.
    pub fn parts(&self) -> Result<Vec<Listed>, StoreError> {
        let mut parts = self.backend.list(&layout::object_prefix(&self.address))?.collect::<Result<Vec<_>, _>>()?;
        for packet in self.backend.list(&layout::packets_prefix(self.body))? {
            parts.push(packet?);
        }
        parts.extend(self.backend.look(&self.body_name())?);
        Ok(parts)
    }

    /// The name of the blob that is its body.
    pub fn body_name(&self) -> Name {
        layout::body(self.body)
    }
}
