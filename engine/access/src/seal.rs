//! Sealing: address and encryption in one pass.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use sluis_crypt4gh::{BodySealer, DataKey, HeaderPacket, NonceBase, SEGMENT, SecretKey};
use sluis_model::Address;
use sluis_store::{Commit, ObjectParts};
use zeroize::Zeroizing;

use crate::{
    AccessError, Permit, Site,
    audit::Entry,
    authenticated::{self, Kind},
};

/// What came of sealing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SealedObject {
    /// The object's address.
    pub address: Address,
    /// Bytes of plaintext.
    pub size: u64,
    /// Whether the content was in the store already.
    pub existing: bool,
}

/// What an object's record says of its body.
#[derive(Serialize, Deserialize)]
pub(crate) struct BodyRecord {
    pub length: u64,
    /// The nonce of the first segment, in hexadecimal digits.
    pub nonce: String,
    /// A keyed hash of the data key, so that nobody can put a body of their own in its place: header packets can be
    /// made by everybody who knows the site's public key.
    pub key: String,
}

impl BodyRecord {
    pub(crate) fn check(key: &DataKey, site: &Site) -> String {
        blake3::keyed_hash(site.keys().record_key(), key.secret()).to_hex().to_string()
    }
}

impl Site {
    /// Seals everything from `reader`; the object carries the permit's labels. The reader's own errors come back as
    /// [`AccessError::Plaintext`].
    ///
    /// # Errors
    /// If the permit is not for making objects, the data cannot be read, or the store cannot be written.
    pub fn seal(&self, permit: &Permit, mut reader: impl Read) -> Result<SealedObject, AccessError> {
        self.check_origin(permit)?;
        if !permit.allows_sealing() {
            return Err(AccessError::NotCovered("making new objects".to_owned()));
        }
        // One byte more than is hashed first tells whether that is all.
        let mut buffer = Zeroizing::new(vec![0; 4 * SEGMENT]);
        let first = fill(&mut reader, &mut buffer[..=SEGMENT]).map_err(AccessError::Plaintext)?;
        if first <= SEGMENT
            && let Some(known) = self.known_content(permit, &buffer[..first])?
        {
            self.note_sealing(permit, &known)?;
            return Ok(known);
        }
        let (key, base) = (DataKey::generate()?, NonceBase::generate()?);
        let mut hasher = blake3::Hasher::new_keyed(self.keys().address_key());
        let object = self.store().begin_object()?;
        let folder = object.folder().to_owned();
        let mut sealer = BodySealer::new(object, &key, base)?;
        let mut count = first;
        while count > 0 {
            hasher.update(&buffer[..count]);
            sealer.write_all(&buffer[..count]).map_err(AccessError::file(&folder, "written"))?;
            count = fill(&mut reader, &mut buffer).map_err(AccessError::Plaintext)?;
        }
        let (object, size) = sealer.finish().map_err(AccessError::file(&folder, "written"))?;
        let address = Address::from_bytes(*hasher.finalize().as_bytes());
        let nonce = hex::encode(base.as_bytes());
        let record = BodyRecord { length: size, nonce, key: BodyRecord::check(&key, self) };
        let packet = HeaderPacket::seal(&key, &SecretKey::generate()?, &self.keys().recipient())?;
        let commit = object.commit(
            &address,
            ObjectParts {
                record: &self.authenticate(Kind::Record, &address, &record)?,
                packets: &[(self.keys().recipient(), packet)],
                labels: &self.authenticate(Kind::Labels, &address, permit.labels())?,
            },
        )?;
        let sealed = SealedObject { address, size, existing: commit == Commit::Existing };
        self.note_sealing(permit, &sealed)?;
        Ok(sealed)
    }

    fn note_sealing(&self, permit: &Permit, sealed: &SealedObject) -> Result<(), AccessError> {
        let mut entry = Entry::new(if sealed.existing { "seal-again" } else { "seal" });
        entry.permit = Some(permit.position);
        entry.objects = vec![sealed.address.to_string()];
        self.audit().note(&entry)
    }

    /// If the store has this content, adds the label set and says so, without sealing it again.
    fn known_content(&self, permit: &Permit, content: &[u8]) -> Result<Option<SealedObject>, AccessError> {
        let address = Address::from_bytes(*blake3::keyed_hash(self.keys().address_key(), content).as_bytes());
        if !self.store().contains(&address)? {
            return Ok(None);
        }
        self.store().add_labels(&address, &self.authenticate(Kind::Labels, &address, permit.labels())?)?;
        Ok(Some(SealedObject { address, size: content.len() as u64, existing: true }))
    }

    pub(crate) fn authenticate(
        &self,
        kind: Kind,
        address: &Address,
        content: &impl Serialize,
    ) -> Result<Vec<u8>, AccessError> {
        authenticated::write(self.keys(), kind, &address.to_string(), content)
            .map_err(|error| AccessError::Plaintext(error.into()))
    }
}

/// Reads until the buffer is full or the input ends.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
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
