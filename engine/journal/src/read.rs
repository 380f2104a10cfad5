//! Reading a journal, checking number, hash and chain of every record.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{
    JournalError,
    line::{GENESIS, Line},
};

/// One record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its number, from 0.
    pub sequence: u64,
    /// Its hash, to which the next is chained: 64 hexadecimal digits.
    pub hash: String,
    body: Box<RawValue>,
}

impl Record {
    /// The record's content.
    ///
    /// # Errors
    /// If it is not a `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.body.get())
    }

    /// The record's content as it was written.
    pub fn json(&self) -> &str {
        self.body.get()
    }
}

/// What a whole journal amounts to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Summary {
    /// How many records it has.
    pub records: u64,
    /// The hash of the last one; 64 zeros if there is none.
    pub head: String,
    /// How many bytes they take; what follows is a torn line.
    pub length: u64,
}

impl Summary {
    /// That of a journal without records.
    pub fn empty() -> Self {
        Self { records: 0, head: GENESIS.to_owned(), length: 0 }
    }
}

/// The records of a journal, in order; ends at the end or before a torn last line, and after the first error.
#[derive(Debug)]
pub struct Records {
    path: PathBuf,
    file: BufReader<File>,
    summary: Summary,
    failed: bool,
}

impl Records {
    /// The records from where `file` stands, which is behind those of `from`.
    pub(crate) fn new(path: &Path, file: File, from: Summary) -> Self {
        Self { path: path.to_owned(), file: BufReader::new(file), summary: from, failed: false }
    }

    /// What was read so far.
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    fn read(&mut self) -> Result<Option<Record>, JournalError> {
        self.read_line(&mut Vec::new())
    }

    /// The next record; its line is added to `lines`.
    pub(crate) fn read_line(&mut self, lines: &mut Vec<u8>) -> Result<Option<Record>, JournalError> {
        let begin = lines.len();
        self.file.read_until(b'\n', lines).map_err(|source| JournalError::Io {
            path: self.path.clone(),
            doing: "read",
            source,
        })?;
        let bytes = &lines[begin..];
        let Some((b'\n', text)) = bytes.split_last() else { return Ok(None) };
        let (path, number) = (&self.path, self.summary.records + 1);
        let malformed = || JournalError::Malformed { path: path.clone(), line: number };
        let line = std::str::from_utf8(text).ok().and_then(Line::parse).ok_or_else(malformed)?;
        if line.sequence != self.summary.records || line.previous != self.summary.head || !line.is_intact() {
            return Err(JournalError::Broken { path: path.clone(), line: number });
        }
        let body = RawValue::from_string(line.body.to_owned()).map_err(|_| malformed())?;
        let record = Record { sequence: line.sequence, hash: line.hash.to_owned(), body };
        self.summary.records += 1;
        self.summary.head.clone_from(&record.hash);
        self.summary.length += bytes.len() as u64;
        Ok(Some(record))
    }
}

impl Iterator for Records {
    type Item = Result<Record, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let record = self.read().transpose();
        self.failed = matches!(record, Some(Err(_)));
        record
    }
}
