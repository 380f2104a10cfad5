//! The names of the store's blobs, format 2; `docs/store-layout.md` lays it down.

use std::{fmt, str::FromStr};

use sluis_crypt4gh::PublicKey;
use sluis_model::{Address, TaskKey};

use crate::{Pinned, StoreError, backend::Name};

/// The blob that makes a place a store, and what it says.
pub(crate) const FORMAT_NAME: &str = "format";
pub(crate) const FORMAT: &str = "sluis-store 2";

/// The kinds of blobs, each the first part of a name.
pub(crate) const OBJECTS: &str = "objects/";
pub(crate) const BODIES: &str = "bodies/";
pub(crate) const PACKETS: &str = "packets/";
pub(crate) const TASKS: &str = "tasks/";
pub(crate) const DAMAGED: &str = "damaged/";
pub(crate) const DOOMED: &str = "doomed/";
pub(crate) const PINS: &str = "pins/";

const DOOMED_TASK: &str = "task-";
const PINNED_OBJECT: &str = "object-";
const PINNED_RUN: &str = "run-";
const RECORD: &str = "record";
const LABELS: &str = "labels-";

/// The random identifier of a sealed body. No two bodies have the same, also when they are sealed from the same content
/// at the same time, so that a header packet can never be taken for another body's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BodyId([u8; 16]);

/// The text is not 32 hexadecimal digits in lower case.
#[derive(Debug, thiserror::Error)]
#[error("this is not the identifier of a body")]
pub struct NotABody;

impl BodyId {
    /// A new one.
    pub(crate) fn generate() -> Result<Self, StoreError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| StoreError::Remote {
            name: "a random number".to_owned(),
            doing: "had of the system",
            source: Box::new(error),
        })?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for BodyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for BodyId {
    type Err = NotABody;

    fn from_str(text: &str) -> Result<Self, NotABody> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotABody)?;
        let body = Self(bytes);
        // Capitals would be another spelling of the same.
        if body.to_string() == text { Ok(body) } else { Err(NotABody) }
    }
}

/// Hexadecimal digits with a `/` after the first two, so that no folder has too many entries.
fn spread(hex: &str) -> String {
    format!("{}/{}", &hex[..2], &hex[2..])
}

/// What all parts of an object's own begin with.
pub(crate) fn object_prefix(address: &Address) -> String {
    format!("{OBJECTS}{}/", spread(&address.hex()))
}

/// An object's record: it is there if this is.
pub(crate) fn record(address: &Address) -> Name {
    Name::composed(format!("{}{RECORD}", object_prefix(address)))
}

/// What the names of the label sets of an object begin with that has this body.
///
/// An object that is removed and made again has another body. So whoever still removes the label sets of the one cannot
/// touch those of the other.
pub(crate) fn labels_prefix(address: &Address, body: BodyId) -> String {
    format!("{}{LABELS}{body}-", object_prefix(address))
}

/// A label set of an object: the same name for the same bytes.
pub(crate) fn labels(address: &Address, body: BodyId, labels: &[u8]) -> Name {
    Name::composed(format!("{}{}", labels_prefix(address, body), &blake3::hash(labels).to_hex()[..32]))
}

/// The body of a label set's name, also of one that was set aside.
pub(crate) fn body_of_labels(name: &Name) -> Option<BodyId> {
    let (_, part) = name.as_str().rsplit_once('/')?;
    part.strip_prefix(LABELS)?.split_once('-')?.0.parse().ok()
}

/// The object whose record has this name.
pub(crate) fn address_of_record(name: &Name) -> Option<Address> {
    let hex = name.as_str().strip_prefix(OBJECTS)?.strip_suffix(RECORD)?.replace('/', "");
    Address::from_hex(&hex).ok()
}

/// What a name has before its last part, without the `/`.
pub(crate) fn folder(name: &Name) -> &str {
    name.as_str().rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The object whose parts, or damaged parts, have names in this folder.
pub(crate) fn address_of_folder(folder: &str) -> Option<Address> {
    let hex = match (folder.strip_prefix(OBJECTS), folder.strip_prefix(DAMAGED)) {
        (Some(spread), _) => spread.replace('/', ""),
        (_, Some(damaged)) => damaged.split_once('-')?.0.to_owned(),
        _ => return None,
    };
    Address::from_hex(&hex).ok()
}

/// Whether the name is that of a label set.
pub(crate) fn is_labels(name: &Name) -> bool {
    name.as_str().rsplit('/').next().is_some_and(|part| part.starts_with(LABELS))
}

/// A sealed body.
pub(crate) fn body(id: BodyId) -> Name {
    Name::composed(format!("{BODIES}{}", spread(&id.to_string())))
}

/// The body that has this name.
pub(crate) fn id_of_body(name: &Name) -> Option<BodyId> {
    name.as_str().strip_prefix(BODIES)?.replace('/', "").parse().ok()
}

/// What the names of a body's header packets begin with.
pub(crate) fn packets_prefix(id: BodyId) -> String {
    format!("{PACKETS}{}-", spread(&id.to_string()))
}

/// The header packet of a body for one recipient.
pub(crate) fn packet(id: BodyId, recipient: &PublicKey) -> Name {
    Name::composed(format!("{}{}", packets_prefix(id), hex::encode(recipient.as_bytes())))
}

/// The body and the recipient of a header packet's name.
pub(crate) fn recipient_of_packet(name: &Name) -> Option<(BodyId, PublicKey)> {
    let (id, recipient) = name.as_str().strip_prefix(PACKETS)?.split_once('-')?;
    let mut bytes = [0; 32];
    hex::decode_to_slice(recipient, &mut bytes).ok()?;
    Some((id.replace('/', "").parse().ok()?, PublicKey::from_bytes(bytes)))
}

/// A task's entry.
pub(crate) fn task(key: &TaskKey) -> Name {
    Name::composed(format!("{TASKS}{}", spread(&key.hex())))
}

/// The task whose entry has this name.
pub(crate) fn key_of_task(name: &Name) -> Option<TaskKey> {
    TaskKey::from_hex(&name.as_str().strip_prefix(TASKS)?.replace('/', "")).ok()
}

/// Where a part of a damaged object goes. `time` tells one damage from another.
pub(crate) fn damaged(address: &Address, time: u128, part: &Name) -> Name {
    let part = part.as_str().rsplit('/').next().unwrap_or_default();
    Name::composed(format!("{DAMAGED}{}-{time}/{part}", address.hex()))
}

/// Where an object is noted that is being removed.
pub(crate) fn doomed(address: &Address) -> Name {
    Name::composed(format!("{DOOMED}{}", address.hex()))
}

/// Where a task's entry is noted that is being removed.
pub(crate) fn doomed_task(key: &TaskKey) -> Name {
    Name::composed(format!("{DOOMED}{DOOMED_TASK}{}", key.hex()))
}

/// What is being removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Doomed {
    Object(Address),
    Task(TaskKey),
}

/// What is being removed according to this name.
pub(crate) fn of_doomed(name: &Name) -> Option<Doomed> {
    let rest = name.as_str().strip_prefix(DOOMED)?;
    match rest.strip_prefix(DOOMED_TASK) {
        Some(hex) => TaskKey::from_hex(hex).ok().map(Doomed::Task),
        None => Address::from_hex(rest).ok().map(Doomed::Object),
    }
}

/// Where a pin is kept.
pub(crate) fn pin(pinned: &Pinned) -> Name {
    Name::composed(match pinned {
        Pinned::Object(address) => format!("{PINS}{PINNED_OBJECT}{}", address.hex()),
        Pinned::Run(run) => format!("{PINS}{PINNED_RUN}{run}"),
    })
}

/// What the pin of this name is for.
pub(crate) fn pinned(name: &Name) -> Option<Pinned> {
    let rest = name.as_str().strip_prefix(PINS)?;
    match rest.strip_prefix(PINNED_OBJECT) {
        Some(hex) => Address::from_hex(hex).ok().map(Pinned::Object),
        None => rest.strip_prefix(PINNED_RUN)?.parse().ok().map(Pinned::Run),
    }
}
