//! Opening: the only place where a data key is unwrapped.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
};

use sluis_crypt4gh::{Binding, BodyOpener, DataKey, NonceBase};
use sluis_model::{Address, Labels};
use sluis_store::{StoreError, StoredObject};

use crate::{
    AccessError, Permit, Site,
    audit::Entry,
    authenticated::{self, Kind},
    seal::BodyRecord,
};

/// Reads an object's plaintext; every segment is verified before a byte of it is given out.
#[derive(Debug)]
pub struct ObjectReader {
    opener: BodyOpener<BufReader<File>>,
    size: u64,
    address: Address,
    position: u64,
    /// Of everything before the position; `None` once the reader has jumped.
    hasher: Option<blake3::Hasher>,
}

/// The plaintext is not that of the address, though each segment is what was sealed.
#[derive(Debug, thiserror::Error)]
#[error("its content is not that of its address")]
pub(crate) struct WrongContent;

impl ObjectReader {
    /// Bytes of plaintext.
    pub const fn size(&self) -> u64 {
        self.size
    }
}

impl Read for ObjectReader {
    /// Reads on; a read from the beginning to the end without a jump also proves that the content is the address's.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.opener.read(out)?;
        self.position += count as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&out[..count]);
            // The last bytes are given out only if all of them together are what the address names.
            if self.position == self.size && !out.is_empty() {
                if hasher.finalize() != *self.address.as_bytes() {
                    out[..count].fill(0);
                    // The hasher stays, so that the next read fails just so.
                    return Err(io::Error::new(io::ErrorKind::InvalidData, WrongContent));
                }
                self.hasher = None;
            }
        }
        Ok(count)
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = self.opener.seek(to)?;
        if position != self.position {
            self.hasher = None;
        }
        self.position = position;
        Ok(position)
    }
}

impl Site {
    /// Opens an object that the permit covers.
    ///
    /// # Errors
    /// If the permit does not cover it, it is not there, or any part of it but the body is damaged. Damage of the body
    /// is an error of the reader; [`AccessError::from_reading`] tells it from others.
    pub fn unseal(&self, permit: &Permit, address: &Address) -> Result<ObjectReader, AccessError> {
        self.check_cover(permit, address)?;
        let object = self.stored(address)?;
        let record = self.record_of(&object)?;
        let key = self.unwrap_data_key(permit, &object, &record)?;
        let mut base = [0; 12];
        hex::decode_to_slice(&record.nonce, &mut base).map_err(|_| self.damaged(address, "its record"))?;
        let binding = Binding::Position { base: NonceBase::from_bytes(base), length: record.length };
        let body = object.body().map_err(|error| match error {
            StoreError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                self.damaged(address, "its body (the file is missing)")
            }
            other => other.into(),
        })?;
        let opener = BodyOpener::seekable(BufReader::with_capacity(1 << 18, body), &key, binding);
        let opener = opener.map_err(AccessError::from_reading(address))?;
        let hasher = Some(blake3::Hasher::new_keyed(self.keys().address_key()));
        Ok(ObjectReader { opener, size: record.length, address: *address, position: 0, hasher })
    }

    fn check_cover(&self, permit: &Permit, address: &Address) -> Result<(), AccessError> {
        self.check_origin(permit)?;
        if permit.addresses.contains(address) {
            return Ok(());
        }
        Err(AccessError::NotCovered(address.to_string()))
    }

    /// Reads an object to its end and keeps nothing: proves that it is whole.
    ///
    /// # Errors
    /// As [`Site::unseal`], and if the body is damaged.
    pub fn verify(&self, permit: &Permit, address: &Address) -> Result<(), AccessError> {
        let mut reader = self.unseal(permit, address)?;
        io::copy(&mut reader, &mut io::sink()).map(drop).map_err(|error| self.reading_failed(address, error))
    }

    /// What an error of an [`ObjectReader`] means. A damaged object is set aside, so that it can be made anew.
    pub fn reading_failed(&self, address: &Address, error: io::Error) -> AccessError {
        match AccessError::from_reading(address)(error) {
            AccessError::Damaged { part, .. } => self.damaged(address, &part),
            other => other,
        }
    }

    /// The one function that unwraps a data key. The permit is the proof that this was decided.
    fn unwrap_data_key(
        &self,
        permit: &Permit,
        object: &StoredObject,
        record: &BodyRecord,
    ) -> Result<DataKey, AccessError> {
        self.check_cover(permit, &object.address)?;
        let mut entry = Entry::new("use-key");
        entry.permit = Some(permit.position);
        entry.objects = vec![object.address.to_string()];
        self.audit().note(&entry)?;
        let own = self.keys().recipient();
        let packet = object.packets.iter().find(|(recipient, _)| *recipient == own);
        let key = packet.and_then(|(_, packet)| packet.open(self.keys().site()).ok());
        let key = key.ok_or_else(|| self.damaged(&object.address, "its header packet"))?;
        if BodyRecord::check(&key, self) != record.key {
            return Err(self.damaged(&object.address, "its header packet"));
        }
        Ok(key)
    }

    pub(crate) fn stored(&self, address: &Address) -> Result<StoredObject, AccessError> {
        match self.store().object(address) {
            Ok(object) => object.ok_or(AccessError::NotFound(*address)),
            Err(StoreError::Damaged(path)) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                Err(self.damaged(address, &format!("its file {name}")))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn record_of(&self, object: &StoredObject) -> Result<BodyRecord, AccessError> {
        let owner = object.address.to_string();
        authenticated::read(self.keys(), Kind::Record, &owner, &object.record)
            .ok_or_else(|| self.damaged(&object.address, "its record"))
    }

    /// Every label set of an object; all of them must verify.
    pub(crate) fn label_sets(&self, object: &StoredObject) -> Result<Vec<Labels>, AccessError> {
        let owner = object.address.to_string();
        let read = |bytes: &Vec<u8>| {
            authenticated::read(self.keys(), Kind::Labels, &owner, bytes)
                .ok_or_else(|| self.damaged(&object.address, "a label set"))
        };
        object.labels.iter().map(read).collect()
    }

    /// Sets the object aside and gives the error to report.
    pub(crate) fn damaged(&self, address: &Address, part: &str) -> AccessError {
        let mut entry = Entry::new("set-aside-damaged");
        entry.objects = vec![address.to_string()];
        entry.reasons = vec![part.to_owned()];
        // The damage is reported whether or not it can be written down.
        let _ = self.audit().note(&entry);
        match self.store().set_aside(address) {
            Ok(_) => AccessError::Damaged { address: *address, part: part.to_owned() },
            Err(error) => AccessError::Damaged { address: *address, part: format!("{part} (and {error})") },
        }
    }
}

#[cfg(test)]
mod tests {
    use sluis_crypt4gh::NonceBase;
    use sluis_model::EuCountry;
    use sluis_store::ObjectParts;

    use super::*;
    use crate::{ReadAction, Rule, SiteConfig};

    /// Every part is authentic, but the content is not that of the address: as after an error while it was sealed.
    #[test]
    fn content_of_another_address_is_refused_at_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let config = SiteConfig {
            name: "test".into(),
            country: EuCountry::FI,
            unencrypted_swap: Rule::Refuse,
            network_access: Rule::Refuse,
        };
        let site = Site::create(folder.path(), &config).unwrap();
        let project = "personal".parse().unwrap();
        let labels = Labels::of_dataset("personal".parse().unwrap());
        for text in [&b""[..], b"what was said"] {
            let address = Address::from_bytes([text.len() as u8; 32]);
            let key = DataKey::generate().unwrap();
            let base = NonceBase::generate().unwrap();
            let mut sealer = sluis_crypt4gh::BodySealer::new(site.store().begin_object().unwrap(), &key, base).unwrap();
            io::Write::write_all(&mut sealer, text).unwrap();
            let (object, length) = sealer.finish().unwrap();
            let record =
                BodyRecord { length, nonce: hex::encode(base.as_bytes()), key: BodyRecord::check(&key, &site) };
            let writer = sluis_crypt4gh::SecretKey::generate().unwrap();
            let own = site.keys().recipient();
            let packet = sluis_crypt4gh::HeaderPacket::seal(&key, &writer, &own).unwrap();
            let record = site.authenticate(Kind::Record, &address, &record).unwrap();
            let labels = site.authenticate(Kind::Labels, &address, &labels).unwrap();
            let parts = ObjectParts { record: &record, packets: &[(own, packet)], labels: &labels };
            object.commit(&address, parts).unwrap();

            let permit = site.permit_read(&project, &address, ReadAction::Show).unwrap();
            let mut reader = site.unseal(&permit, &address).unwrap();
            for _ in 0..2 {
                let mut out = Vec::new();
                let error = reader.read_to_end(&mut out).unwrap_err();
                assert!(out.is_empty());
                let error = site.reading_failed(&address, error);
                assert!(matches!(error, AccessError::Damaged { address: named, .. } if named == address), "{error}");
            }
        }
    }
}
