//! The signed checkpoint: a C2SP checkpoint whose one extension line says where in the journal it stands.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use sluis_journal::Summary;
use sluis_transparency::{Checkpoint, CheckpointError, Hash, Signer, VerifierKey};

use super::AuditError;

/// What the extension line begins with.
const EXTENSION: &str = "sluis-journal";

/// What the log amounted to when it was signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Head {
    /// The Merkle tree's root hash.
    pub root: Hash,
    /// The number of the first record in the segment that was the current one, `log.jsonl`.
    pub first: u64,
    /// How many records there were, the last one's hash, and how many bytes of the segment they ended at.
    pub journal: Summary,
}

/// Where the checkpoint is.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join("checkpoint")
}

/// Where it was before it was a C2SP checkpoint.
pub(super) fn earlier(folder: &Path) -> PathBuf {
    folder.join("checkpoint.json")
}

/// The checkpoint as it stands there; `None` if there is none.
pub(super) fn read_note(folder: &Path) -> Result<Option<Vec<u8>>, AuditError> {
    let path = path(folder);
    match fs::read(&path) {
        Ok(note) => Ok(Some(note)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(AuditError::File { path, doing: "read", source }),
    }
}

/// What the checkpoint says; `None` if there is none.
pub(super) fn read(folder: &Path, key: &VerifierKey) -> Result<Option<Head>, AuditError> {
    let Some(note) = read_note(folder)? else { return Ok(None) };
    open(&note, key).map(Some).map_err(|source| AuditError::Checkpoint { path: path(folder), source })
}

/// What a note says that is a checkpoint of this log.
pub(super) fn open(note: &[u8], key: &VerifierKey) -> Result<Head, CheckpointError> {
    let checkpoint = Checkpoint::open(note, key)?;
    let [line] = checkpoint.extensions.as_slice() else {
        return Err(CheckpointError::Malformed("it does not have one extension line"));
    };
    let place = parse_extension(line).ok_or(CheckpointError::Malformed("its extension line is not an audit log's"))?;
    let (first, length, head) = place;
    if first > checkpoint.size {
        return Err(CheckpointError::Malformed("its segment begins behind its end"));
    }
    Ok(Head { root: checkpoint.root, first, journal: Summary { records: checkpoint.size, head, length } })
}

fn parse_extension(line: &str) -> Option<(u64, u64, String)> {
    let mut words = line.split(' ');
    if words.next()? != EXTENSION {
        return None;
    }
    let (first, length, head) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?);
    let place = (first, length, head.to_owned());
    (extension(place.0, place.1, &place.2) == line).then_some(place)
}

fn extension(first: u64, length: u64, head: &str) -> String {
    format!("{EXTENSION} {first} {length} {head}")
}

/// Replaces the checkpoint; called while the log is locked, so that no other process does the same.
pub(super) fn write(folder: &Path, head: &Head, signer: &Signer) -> io::Result<()> {
    let Head { root, first, journal } = head;
    let checkpoint = Checkpoint {
        origin: signer.verifier().name().to_owned(),
        size: journal.records,
        root: *root,
        extensions: vec![extension(*first, journal.length, &journal.head)],
    };
    let note = checkpoint.sign(signer).map_err(io::Error::other)?;
    replace(&path(folder), note.as_bytes(), true)
}

/// Puts a file in the place of an earlier one, at once; `durable` if its content must be on the disk before.
pub(super) fn replace(path: &Path, content: &[u8], durable: bool) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(content)?;
    if durable {
        file.sync_data()?;
    }
    fs::rename(new, path)
}
