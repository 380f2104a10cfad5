//! Sealing: address and encryption in one pass.

use std::{
    io::{self, Read, Write},
    num::NonZero,
    sync::LazyLock,
    thread,
};

use blake3::{Hasher, hazmat::ChainingValue};
use serde::{Deserialize, Serialize};
use sluis_crypt4gh::{BATCH, DataKey, End, NonceBase, PublicKey, SEGMENT, Segments, seal_body};
use sluis_model::Address;
use sluis_store::{Commit, NewObject, ObjectParts, StoreError};
use zeroize::Zeroizing;

use crate::{
    AccessError, DataClass, Permit, Refusal, Site,
    audit::Entry,
    authenticated::{self, Kind},
    decision::withdrawn_since,
    plain,
    quota::Charge,
    tree::{GROUP, Joiner, Part, TreeHasher},
};

/// As many threads as there are cores for this process. Asked once: the answer takes a dozen calls to the system.
static THREADS: LazyLock<NonZero<usize>> =
    LazyLock::new(|| thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN));

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
    /// Bytes of plaintext.
    pub length: u64,
    /// The identifier of the body.
    pub body: String,
    /// How it is sealed; public data are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<Seal>,
}

/// How a body is sealed.
#[derive(Serialize, Deserialize)]
pub(crate) struct Seal {
    /// The nonce of the first segment, in hexadecimal digits.
    pub nonce: String,
    /// A keyed hash of the data key, so that nobody can put a body of their own in its place: header packets can be
    /// made by everybody who knows the site's public key.
    pub key: String,
}

impl Seal {
    pub(crate) fn new(key: &DataKey, base: NonceBase, site: &Site) -> Self {
        Self { nonce: hex::encode(base.as_bytes()), key: Self::check(key, site) }
    }

    pub(crate) fn check(key: &DataKey, site: &Site) -> String {
        blake3::keyed_hash(site.keys().record_key(), key.secret()).to_hex().to_string()
    }
}

/// What was written, its address, its bytes of plaintext, and its groups if it is in plain.
type Content<'a> = (Written<'a>, Address, u64, Vec<ChainingValue>);

/// What is written of a new object, and what its record needs of it.
enum Written<'a> {
    Sealed { object: NewObject<'a>, key: DataKey, base: NonceBase },
    Plain(NewObject<'a>),
}

impl Site {
    /// Seals everything from `reader`; the object carries the permit's labels. What was made from public data alone is
    /// kept as it is, without a seal. The reader's own errors come back as [`AccessError::Plaintext`].
    ///
    /// # Errors
    /// If the permit is not for making objects, the data cannot be read, or the store cannot be written.
    pub fn seal(&self, permit: &Permit, mut reader: impl Read + Send) -> Result<SealedObject, AccessError> {
        self.check_origin(permit)?;
        if !permit.allows_sealing() {
            return Err(AccessError::NotCovered("making new objects".to_owned()));
        }
        self.check_subjects(permit)?;
        let (buffer, first) = beginning(&mut reader).map_err(AccessError::Plaintext)?;
        if first <= SEGMENT
            && let Some(known) = self.known_content(permit, &buffer[..first])?
        {
            return Ok(known);
        }
        // What was read already comes first.
        let reader = (&buffer[..first]).chain(reader);
        let mut charge = Charge::new(self);
        let object = self.store().begin_object()?;
        let (written, address, size, groups) = match permit.class {
            DataClass::Public => self.write_plain(reader, object, &mut charge)?,
            DataClass::Controlled => self.write_sealed(reader, object, &mut charge)?,
        };
        // Once more: it may have taken hours.
        self.check_subjects(permit)?;
        let sealed = self.commit(permit, written, address, size, &groups)?;
        if !sealed.existing {
            charge.keep();
        }
        Ok(sealed)
    }

    /// The address that the content of `reader` has in this store, whether it is there or not, and its bytes.
    ///
    /// # Errors
    /// What the reader says.
    pub fn address_of(&self, mut reader: impl Read) -> io::Result<(Address, u64)> {
        let mut hasher = Hasher::new_keyed(self.keys().address_key());
        hasher.update_reader(&mut reader)?;
        Ok((Address::from_bytes(*hasher.finalize().as_bytes()), hasher.count()))
    }

    fn write_sealed<'a>(
        &self,
        reader: impl Read + Send,
        mut object: NewObject<'a>,
        charge: &mut Charge<'_>,
    ) -> Result<Content<'a>, AccessError> {
        let (key, base) = (DataKey::generate()?, NonceBase::generate()?);
        let keyed = Hasher::new_keyed(self.keys().address_key());
        let look = |number, segments: Segments<'_>| Part::of(&keyed, number * BATCH as u64, segments);
        let mut joiner = Joiner::new(self.keys().address_key());
        let threads = *THREADS;
        let mut writer = charge.count(&mut object);
        let sealed = seal_body(reader, &mut writer, &key, base, threads, look, |part| joiner.add(&part));
        let size = sealed.map_err(|end| writer.refusal().unwrap_or_else(|| self.not_sealed(end)))?;
        let address = Address::from_bytes(*joiner.finish().as_bytes());
        Ok((Written::Sealed { object, key, base }, address, size, Vec::new()))
    }

    fn write_plain<'a>(
        &self,
        mut reader: impl Read,
        mut object: NewObject<'a>,
        charge: &mut Charge<'_>,
    ) -> Result<Content<'a>, AccessError> {
        let mut writer = charge.count(&mut object);
        let mut hasher = TreeHasher::new(self.keys().address_key());
        let (mut buffer, mut size) = (vec![0; GROUP], 0);
        loop {
            let count = fill(&mut reader, &mut buffer).map_err(AccessError::Plaintext)?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            let failed = AccessError::file(self.dir(), "written");
            writer.write_all(&buffer[..count]).map_err(|error| writer.refusal().unwrap_or_else(|| failed(error)))?;
            size += count as u64;
        }
        let (hash, groups) = hasher.finish();
        Ok((Written::Plain(object), Address::from_bytes(*hash.as_bytes()), size, groups))
    }

    fn not_sealed(&self, end: End) -> AccessError {
        match end {
            End::Read(error) => AccessError::Plaintext(error),
            End::Write(error) => AccessError::file(self.dir(), "written")(error),
            End::Crypto(error) => error.into(),
            // There is no body to be damaged yet.
            End::Body(error) => AccessError::Plaintext(error.into()),
        }
    }

    /// Makes what was written an object.
    fn commit(
        &self,
        permit: &Permit,
        written: Written<'_>,
        address: Address,
        size: u64,
        groups: &[ChainingValue],
    ) -> Result<SealedObject, AccessError> {
        let recipients = self.keys().recipients();
        let (object, seal, packets, outline) = match written {
            Written::Plain(object) => (object, None, Vec::new(), plain::outline(groups)),
            Written::Sealed { object, key, base } => {
                let seal = |own: &PublicKey| Ok((*own, self.keys().seal_packet(&key, own)?));
                let packets = recipients.keys.iter().map(seal).collect::<Result<_, AccessError>>()?;
                (object, Some(Seal::new(&key, base, self)), packets, Vec::new())
            }
        };
        let record = BodyRecord { length: size, body: object.body_id().to_string(), seal };
        let mut record = self.authenticate(Kind::Record, &address, &record)?;
        record.extend(outline);
        let labels = self.authenticate(Kind::Labels, &address, permit.labels())?;
        let parts = ObjectParts { record: &record, packets: &packets, labels: &labels };
        let commit = object.commit(&address, parts, |commit| self.announce(permit, &address, commit))?;
        Ok(SealedObject { address, size, existing: commit == Commit::Existing })
    }

    /// Refuses to keep what was made of a subject's data who withdrew since the permit was given out: nothing new of theirs
    /// may come up once an erasure has begun.
    fn check_subjects(&self, permit: &Permit) -> Result<(), AccessError> {
        let labels = permit.labels();
        if labels.subjects.is_empty() {
            return Ok(());
        }
        let registry = self.registry()?;
        let reasons: Vec<_> =
            labels.subjects.iter().filter_map(|subject| withdrawn_since(&registry, subject)).collect();
        if reasons.is_empty() {
            return Ok(());
        }
        let mut entry = Entry::new("refuse-sealing");
        entry.permit = Some(permit.position);
        entry.reasons = reasons.iter().map(|reason| reason.text.clone()).collect();
        self.audit().record(&entry)?;
        Err(AccessError::Refused(Refusal { action: format!("keep what was made under {permit}"), reasons }))
    }

    /// Writes down that an object is about to be there, or to have one more label set.
    fn announce(&self, permit: &Permit, address: &Address, commit: Commit) -> Result<(), AccessError> {
        let mut entry = Entry::new(match commit {
            Commit::New => "seal",
            Commit::Existing => "seal-again",
        });
        entry.permit = Some(permit.position);
        entry.objects = vec![address.to_string()];
        self.audit().record(&entry)
    }

    /// If the store has this content, adds the label set and says so, without sealing it again.
    fn known_content(&self, permit: &Permit, content: &[u8]) -> Result<Option<SealedObject>, AccessError> {
        let address = Address::from_bytes(*blake3::keyed_hash(self.keys().address_key(), content).as_bytes());
        let labels = self.authenticate(Kind::Labels, &address, permit.labels())?;
        let announce = || self.announce(permit, &address, Commit::Existing);
        let is_known = match self.store().adopt_after(&address, &labels, announce) {
            Err(AccessError::Store(StoreError::Damaged(_))) => {
                // Set aside, so that it is made anew.
                self.damaged(&address, "its record");
                false
            }
            outcome => outcome?,
        };
        Ok(is_known.then_some(SealedObject { address, size: content.len() as u64, existing: true }))
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

/// The most that is read in one go of what may be small. Wiping a buffer for a whole segment would take longer than
/// sealing what is small.
const SMALL: usize = 4096;

/// The first segment and one byte more, which tells whether that is all, or everything if that is less.
fn beginning(reader: &mut impl Read) -> io::Result<(Zeroizing<Vec<u8>>, usize)> {
    let mut small = Zeroizing::new(vec![0; SMALL]);
    let first = fill(reader, &mut small)?;
    if first < SMALL {
        return Ok((small, first));
    }
    let mut large = Zeroizing::new(vec![0; SEGMENT + 1]);
    large[..SMALL].copy_from_slice(&small);
    let more = fill(reader, &mut large[SMALL..])?;
    Ok((large, SMALL + more))
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
