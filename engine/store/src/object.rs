//! An object as it lies in the store.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use sluis_crypt4gh::{HeaderPacket, PublicKey};
use sluis_model::Address;

use crate::{StoreError, durable};

/// The file that holds the sealed segments.
pub(crate) const BODY: &str = "body";
/// The file that holds what `access` needs to verify the object.
pub(crate) const RECORD: &str = "record";
const LABELS: &str = "labels-";
const PACKET: &str = "packet-";

/// The name of the file that holds a label set: the same for the same bytes.
pub(crate) fn labels_name(labels: &[u8]) -> String {
    format!("{LABELS}{}", &blake3::hash(labels).to_hex()[..32])
}

/// The name of the file that holds a recipient's header packet.
pub(crate) fn packet_name(recipient: &PublicKey) -> String {
    format!("{PACKET}{}", hex::encode(recipient.as_bytes()))
}

/// An object of the store: its small parts read, its body to be opened.
#[derive(Debug)]
pub struct StoredObject {
    /// Its address.
    pub address: Address,
    /// What `access` needs to verify it.
    pub record: Vec<u8>,
    /// The data key, sealed for each recipient.
    pub packets: Vec<(PublicKey, HeaderPacket)>,
    /// Its label sets.
    pub labels: Vec<Vec<u8>>,
    folder: PathBuf,
}

impl StoredObject {
    pub(crate) fn read(address: Address, folder: PathBuf) -> Result<Option<Self>, StoreError> {
        let Some(record) = durable::read_if_there(&folder.join(RECORD))? else { return Ok(None) };
        let mut object = Self { address, record, packets: Vec::new(), labels: Vec::new(), folder };
        let mut entries = fs::read_dir(&object.folder)
            .and_then(Iterator::collect::<io::Result<Vec<_>>>)
            .map_err(StoreError::io(&object.folder, "read"))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if name.starts_with(LABELS) {
                object.labels.push(read(&path)?);
            } else if let Some(recipient) = name.strip_prefix(PACKET) {
                let mut bytes = [0; 32];
                hex::decode_to_slice(recipient, &mut bytes).map_err(|_| StoreError::Damaged(path.clone()))?;
                let packet = HeaderPacket::from_bytes(read(&path)?).map_err(|_| StoreError::Damaged(path.clone()))?;
                object.packets.push((PublicKey::from_bytes(bytes), packet));
            }
        }
        Ok(Some(object))
    }

    /// Opens the sealed body, which stands at its first segment.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn body(&self) -> Result<File, StoreError> {
        let path = self.folder.join(BODY);
        File::open(&path).map_err(StoreError::io(&path, "opened"))
    }

    /// The object's folder, for messages.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    fs::read(path).map_err(StoreError::io(path, "read"))
}
