//! Opening: the only place where a data key is unwrapped.

use std::{
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    num::NonZero,
    slice,
    sync::Arc,
};

use sluis_crypt4gh::{BATCH, Binding, BodyOpener, DataKey, End, NonceBase, PacketContent, Segments, open_body};
use sluis_model::{Address, Labels};
use sluis_store::{StoreError, StoredObject, Unreadable, backend::OpenBlob};

use crate::{
    AccessError, Permit, Site,
    audit::{Entry, Written},
    authenticated::{self, Kind},
    permit::Purpose,
    plain::{Outline, PlainReader},
    seal::{BodyRecord, Seal},
    tree::{GROUP, Joiner, Part},
};

/// Reads an object's plaintext; every part is verified before a byte of it is given out.
#[derive(Debug)]
pub struct ObjectReader {
    content: Content,
    size: u64,
    /// The record of the key's use, until it is known to be on the disk.
    unflushed: Option<Written>,
}

/// An object whose body is open, and what it takes to read it.
pub(crate) struct Opened {
    body: Box<dyn OpenBlob>,
    pub(crate) size: u64,
    pub(crate) how: How,
}

/// How an object is kept, with what it takes to read it.
pub(crate) enum How {
    /// With the data key and the nonce of the first segment.
    Sealed(DataKey, NonceBase),
    /// With the groups' values.
    Plain(Vec<u8>),
}

/// How an object is read.
#[derive(Debug)]
enum Content {
    Sealed(Box<SealedReader>),
    Plain(PlainReader),
}

/// Reads a sealed object.
#[derive(Debug)]
struct SealedReader {
    opener: BodyOpener<BufReader<Box<dyn OpenBlob>>>,
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
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Some(written) = &self.unflushed {
            written.flush().map_err(io::Error::other)?;
            self.unflushed = None;
        }
        match &mut self.content {
            Content::Sealed(reader) => reader.read(out),
            Content::Plain(reader) => reader.read(out),
        }
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.content {
            Content::Sealed(reader) => reader.seek(to),
            Content::Plain(reader) => reader.seek(to),
        }
    }
}

impl Read for SealedReader {
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

impl Seek for SealedReader {
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
        let Opened { body, size, how } = self.open_object(permit, address)?;
        let unflushed = permit.unflushed();
        let content = match how {
            How::Plain(outline) => {
                let outline = self.outline(address, size, &outline).map_err(|error| self.aside(error))?;
                Content::Plain(PlainReader::new(body, outline))
            }
            How::Sealed(key, base) => {
                let binding = Binding::Position { base, length: size };
                let buffered = BufReader::with_capacity(1 << 18, body);
                let opener = BodyOpener::seekable(buffered, slice::from_ref(&key), binding);
                let opener = opener.map_err(AccessError::from_reading(address))?;
                let hasher = Some(blake3::Hasher::new_keyed(self.keys().address_key()));
                Content::Sealed(Box::new(SealedReader { opener, size, address: *address, position: 0, hasher }))
            }
        };
        Ok(ObjectReader { content, size, unflushed })
    }

    /// Opens an object that the permit covers and writes all of it, by several threads if it is large; gives its bytes of
    /// plaintext. Every part is verified before it is written, and the whole against the address at the end.
    ///
    /// It does not wait until the audit log has the key's use on the disk: [`Site::flush_log`] does, and before it has
    /// returned nobody may see what was written.
    ///
    /// # Errors
    /// As [`Site::unseal`], and if the body is damaged, which sets the object aside. What the writer says is
    /// [`AccessError::Output`]. What was written then is not the whole object.
    pub fn unseal_into(
        &self,
        permit: &Permit,
        address: &Address,
        writer: impl Write + Send,
        threads: NonZero<usize>,
    ) -> Result<u64, AccessError> {
        let opened = self.open_object(permit, address)?;
        self.write_out(opened, address, writer, threads).map_err(|error| self.aside(error))
    }

    /// Waits until the audit log has on the disk which keys were used under a permit.
    ///
    /// # Errors
    /// If it cannot be written: what was opened under the permit must then go to nobody.
    pub fn flush_log(&self, permit: &Permit) -> Result<(), AccessError> {
        permit.unflushed().map_or(Ok(()), |written| written.flush()).map_err(AccessError::Audit)
    }

    fn open_object(&self, permit: &Permit, address: &Address) -> Result<Opened, AccessError> {
        self.check_cover(permit, address)?;
        if permit.purpose == Purpose::Check {
            return Err(AccessError::NotCovered(format!("giving {address} out")));
        }
        let object = self.stored(address)?;
        let record = self.record_of(&object)?;
        self.opened(permit, &object, &record).map_err(|error| self.aside(error))
    }

    /// Opens an object whose record is verified. Sets nothing aside.
    pub(crate) fn opened(
        &self,
        permit: &Permit,
        object: &StoredObject,
        record: &BodyRecord,
    ) -> Result<Opened, AccessError> {
        let damaged = |part: &str| AccessError::Damaged { address: object.address, part: part.to_owned() };
        let body = object.open_body().map_err(|error| match error {
            StoreError::Damaged(_) => damaged("its body (it is missing)"),
            other => other.into(),
        })?;
        let (_, outline) = authenticated::split(&object.record);
        let how = match &record.seal {
            None => How::Plain(outline.to_vec()),
            Some(_) if !outline.is_empty() => return Err(damaged("its record")),
            Some(seal) => {
                let key = self.open_packet(permit, object, seal)?;
                let mut base = [0; 12];
                hex::decode_to_slice(&seal.nonce, &mut base).map_err(|_| damaged("its record"))?;
                How::Sealed(key, NonceBase::from_bytes(base))
            }
        };
        Ok(Opened { body, size: record.length, how })
    }

    /// Writes all of an open object; gives its bytes of plaintext. Sets nothing aside.
    pub(crate) fn write_out(
        &self,
        opened: Opened,
        address: &Address,
        mut writer: impl Write + Send,
        threads: NonZero<usize>,
    ) -> Result<u64, AccessError> {
        let Opened { body, size, how } = opened;
        let (key, base) = match how {
            How::Sealed(key, base) => (key, base),
            How::Plain(outline) => {
                let mut reader = PlainReader::new(body, self.outline(address, size, &outline)?);
                return copy_plain(&mut reader, &mut writer, AccessError::from_reading(address));
            }
        };
        let address_key = self.keys().address_key();
        let keyed = blake3::Hasher::new_keyed(address_key);
        let look = |number, segments: Segments<'_>| Part::of(&keyed, number * BATCH as u64, segments);
        let mut joiner = Joiner::new(address_key);
        let binding = Binding::Position { base, length: size };
        open_body(body, writer, slice::from_ref(&key), binding, threads, look, |part| joiner.add(&part))
            .map_err(|end| not_opened(address, end, 0))?;
        if joiner.finish() != *address.as_bytes() {
            return Err(AccessError::Damaged { address: *address, part: format!("its body ({WrongContent})") });
        }
        Ok(size)
    }

    /// What is known of a public object's content.
    pub(crate) fn outline(&self, address: &Address, size: u64, outline: &[u8]) -> Result<Arc<Outline>, AccessError> {
        let known = Outline::read(self.keys().address_key(), *address, size, outline).map(Arc::new);
        known.ok_or_else(|| AccessError::Damaged { address: *address, part: "its record".to_owned() })
    }

    pub(crate) fn check_cover(&self, permit: &Permit, address: &Address) -> Result<(), AccessError> {
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
        self.unseal_into(permit, address, io::sink(), NonZero::<usize>::MIN).map(drop)
    }

    /// What an error of an [`ObjectReader`] means. A damaged object is set aside, so that it can be made anew.
    pub fn reading_failed(&self, address: &Address, error: io::Error) -> AccessError {
        self.aside(AccessError::from_reading(address)(error))
    }

    /// Sets the object aside that an error says is damaged.
    fn aside(&self, error: AccessError) -> AccessError {
        match error {
            AccessError::Damaged { address, part } => self.damaged(&address, &part),
            other => other,
        }
    }

    /// As [`Site::open_packet`]; sets the object aside if its packet is damaged.
    pub(crate) fn unwrap_data_key(
        &self,
        permit: &Permit,
        object: &StoredObject,
        seal: &Seal,
    ) -> Result<DataKey, AccessError> {
        self.open_packet(permit, object, seal).map_err(|error| self.aside(error))
    }

    /// The one function that unwraps a data key. The permit is the proof that this was decided.
    fn open_packet(&self, permit: &Permit, object: &StoredObject, seal: &Seal) -> Result<DataKey, AccessError> {
        self.check_cover(permit, &object.address)?;
        // A check gives nothing out, and its decision names its objects.
        if permit.purpose != Purpose::Check {
            let mut entry = Entry::new("use-key");
            entry.permit = Some(permit.position);
            entry.objects = vec![object.address.to_string()];
            permit.keep_unflushed(self.audit().note(&entry)?);
        }
        let content = self.keys().open_packet(|own| match object.packet_for(own) {
            Err(StoreError::Damaged(_)) => Ok(None),
            outcome => outcome,
        })?;
        let key = match content {
            Some(PacketContent::DataKey(key)) => Some(key),
            // A part of an object is an object of its own here.
            Some(PacketContent::EditList(_)) | None => None,
        };
        let key = key.filter(|key| Seal::check(key, self) == seal.key);
        key.ok_or_else(|| AccessError::Damaged { address: object.address, part: "its header packet".to_owned() })
    }

    pub(crate) fn stored(&self, address: &Address) -> Result<StoredObject, AccessError> {
        match self.store().object(address) {
            Ok(object) => object.ok_or(AccessError::NotFound(*address)),
            Err(StoreError::Damaged(_)) => Err(self.damaged(address, "its record")),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn record_of(&self, object: &StoredObject) -> Result<BodyRecord, AccessError> {
        let owner = object.address.to_string();
        authenticated::read(self.keys(), Kind::Record, &owner, authenticated::split(&object.record).0)
            .filter(|record: &BodyRecord| record.body == object.body.to_string())
            .ok_or_else(|| self.damaged(&object.address, "its record"))
    }

    /// Every label set of an object; all of them must verify.
    pub(crate) fn label_sets(&self, object: &StoredObject) -> Result<Vec<Labels>, AccessError> {
        let owner = object.address.to_string();
        let read = |bytes: Vec<u8>| {
            authenticated::read(self.keys(), Kind::Labels, &owner, &bytes)
                .ok_or_else(|| self.damaged(&object.address, "a label set"))
        };
        object.labels()?.into_iter().map(read).collect()
    }

    /// Sets the object aside and gives the error to report.
    pub(crate) fn damaged(&self, address: &Address, part: &str) -> AccessError {
        let aside = self.note_set_aside(address, part);
        let aside = aside.and_then(|()| Ok(self.store().set_aside(address, Unreadable::Kept)?));
        // The damage is reported whether or not anything can be done about it.
        let part = aside.map_or_else(|error| format!("{part} (and {error})"), |_| part.to_owned());
        AccessError::Damaged { address: *address, part }
    }

    pub(crate) fn note_set_aside(&self, address: &Address, part: &str) -> Result<(), AccessError> {
        let mut entry = Entry::new("set-aside-damaged");
        entry.objects = vec![address.to_string()];
        entry.reasons = vec![part.to_owned()];
        self.audit().record(&entry)
    }
}

/// Why a part of a body was not opened that begins at this segment.
pub(crate) fn not_opened(address: &Address, end: End, first: u64) -> AccessError {
    match end {
        End::Body(error) => {
            AccessError::Damaged { address: *address, part: format!("its body ({})", error.of_part(first)) }
        }
        End::Read(error) => AccessError::from_reading(address)(error),
        End::Write(error) => AccessError::Output(error),
        End::Crypto(error) => error.into(),
    }
}

fn copy_plain(
    reader: &mut PlainReader,
    writer: &mut impl Write,
    unreadable: impl Fn(io::Error) -> AccessError,
) -> Result<u64, AccessError> {
    let (mut buffer, mut copied) = (vec![0; GROUP], 0);
    loop {
        let count = reader.read(&mut buffer).map_err(&unreadable)?;
        if count == 0 {
            return Ok(copied);
        }
        writer.write_all(&buffer[..count]).map_err(AccessError::Output)?;
        copied += count as u64;
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
            local_executor: Rule::Refuse,
            executors: Default::default(),
            containers: Default::default(),
            remote_hosts: Vec::new(),
            quota: None,
            bucket: None,
            retries: Default::default(),
            resume_within: Default::default(),
            docker_patience: Default::default(),
            identity: None,
        };
        let site = Site::create(folder.path(), &config).unwrap();
        let project = "personal".parse().unwrap();
        let labels = Labels::of_dataset("personal".parse().unwrap());
        for text in [&b""[..], b"what was said"] {
            let address = Address::from_bytes([text.len() as u8; 32]);
            let key = DataKey::generate().unwrap();
            let base = NonceBase::generate().unwrap();
            let object = site.store().begin_object().unwrap();
            let body = object.body_id().to_string();
            let mut sealer = sluis_crypt4gh::BodySealer::new(object, &key, base).unwrap();
            io::Write::write_all(&mut sealer, text).unwrap();
            let (object, length) = sealer.finish().unwrap();
            let record = BodyRecord { length, body, seal: Some(Seal::new(&key, base, &site)) };
            let writer = sluis_crypt4gh::SecretKey::generate().unwrap();
            let own = site.keys().recipient();
            let packet = sluis_crypt4gh::HeaderPacket::seal(&key, &writer, &own).unwrap();
            let record = site.authenticate(Kind::Record, &address, &record).unwrap();
            let labels = site.authenticate(Kind::Labels, &address, &labels).unwrap();
            let parts = ObjectParts { record: &record, packets: &[(own, packet)], labels: &labels };
            object.commit(&address, parts, |_| Ok::<_, StoreError>(())).unwrap();

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
