//! The files that the log consists of: the current segment, `log.jsonl`; earlier ones, `segments/FIRST.jsonl`; and the
//! leaf hashes of those whose time was over, `segments/FIRST.leaves`. FIRST is the number of their first record.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::Deserialize;
use sluis_journal::JournalError;

use super::AuditError;

/// The bytes of a leaf's hash.
pub(super) const LEAF: u64 = 32;

/// What there is of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Only the leaf hashes.
    Removed,
    /// All of it; nothing is appended to it any more.
    Closed,
    /// All of it, and more to come.
    Current,
}

/// A part of the log that is a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Segment {
    /// The number of its first record.
    pub first: u64,
    pub kind: Kind,
}

impl Segment {
    /// The file of its records.
    pub(super) fn path(self, folder: &Path) -> PathBuf {
        match self.kind {
            Kind::Current => current(folder),
            Kind::Closed | Kind::Removed => closed(folder, self.first),
        }
    }
}

/// The first line of a segment, as it says of itself.
#[derive(Deserialize)]
pub(super) struct FirstLine {
    #[serde(rename = "seq")]
    pub sequence: u64,
    /// The hash of the record before.
    #[serde(rename = "prev")]
    pub previous: String,
    body: FirstBody,
}

#[derive(Deserialize)]
struct FirstBody {
    at: Timestamp,
}

impl FirstLine {
    /// When the segment began.
    pub(super) const fn at(&self) -> Timestamp {
        self.body.at
    }
}

/// The current segment's file.
pub(super) fn current(folder: &Path) -> PathBuf {
    folder.join("log.jsonl")
}

/// The folder of earlier segments.
pub(super) fn closed_folder(folder: &Path) -> PathBuf {
    folder.join("segments")
}

/// The file of an earlier segment.
pub(super) fn closed(folder: &Path, first: u64) -> PathBuf {
    closed_folder(folder).join(format!("{first:012}.jsonl"))
}

/// The file of the leaf hashes of a segment that was removed.
pub(super) fn removed(folder: &Path, first: u64) -> PathBuf {
    closed_folder(folder).join(format!("{first:012}.leaves"))
}

/// The segments in order. The current one is not among them as long as it has no record.
pub(super) fn list(folder: &Path) -> Result<Vec<Segment>, AuditError> {
    loop {
        let earlier = earlier(folder)?;
        let line = first_line(&current(folder))?;
        // Else the current segment became an earlier one in between.
        if self::earlier(folder)? == earlier {
            let earlier = earlier.into_iter().map(|(first, kind)| Segment { first, kind });
            let current = line.map(|line| Segment { first: line.sequence, kind: Kind::Current });
            return Ok(earlier.chain(current).collect());
        }
    }
}

fn earlier(folder: &Path) -> Result<BTreeMap<u64, Kind>, AuditError> {
    let path = closed_folder(folder);
    let mut found = BTreeMap::new();
    let entries = match fs::read_dir(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries.map_err(AuditError::file(&path, "read"))?,
    };
    for entry in entries {
        let name = entry.map_err(AuditError::file(&path, "read"))?.file_name();
        let Some((number, ending)) = name.to_str().and_then(|name| name.split_once('.')) else { continue };
        match (number.parse(), ending) {
            (Ok(first), "jsonl") => drop(found.insert(first, Kind::Closed)),
            // What is still there as a whole counts as such.
            (Ok(first), "leaves") => drop(found.entry(first).or_insert(Kind::Removed)),
            _ => {}
        }
    }
    Ok(found)
}

/// The first line of a segment; `None` if there is no whole line, or no file.
pub(super) fn first_line(path: &Path) -> Result<Option<FirstLine>, AuditError> {
    let mut line = Vec::new();
    let read = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.and_then(|file| BufReader::new(file).read_until(b'\n', &mut line)),
    };
    read.map_err(AuditError::file(path, "read"))?;
    if line.last() != Some(&b'\n') {
        return Ok(None);
    }
    let malformed = |_| JournalError::Malformed { path: path.to_owned(), line: 1 };
    Ok(serde_json::from_slice(&line).map(Some).map_err(malformed)?)
}
