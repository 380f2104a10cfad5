//! The leaves of the Merkle tree, from the first: hashes that were kept of removed records, then the records.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use sluis_journal::Summary;
use sluis_transparency::{Hash, leaf_hash};

use super::{
    AuditError, AuditRecord, AuditRecords, diagnosis,
    segment::{self, Kind, LEAF},
};

/// A leaf, and its record if that is still there.
pub(super) struct Leaf {
    pub hash: Hash,
    pub record: Option<AuditRecord>,
}

impl Leaf {
    pub(super) fn of(record: AuditRecord) -> Self {
        Self { hash: leaf_hash(record.json().as_bytes()), record: Some(record) }
    }
}

/// All leaves, in order.
pub(super) struct Leaves {
    folder: PathBuf,
    /// The segments of which only the hashes are left.
    removed: std::vec::IntoIter<u64>,
    hashes: Option<BufReader<File>>,
    records: Option<AuditRecords>,
    next: u64,
    failed: bool,
}

impl Leaves {
    /// The leaves of a log.
    pub(super) fn of(folder: &Path) -> Result<Self, AuditError> {
        let removed = segment::list(folder)?.into_iter().take_while(|segment| segment.kind == Kind::Removed);
        let removed = removed.map(|segment| segment.first).collect::<Vec<_>>().into_iter();
        Ok(Self { folder: folder.to_owned(), removed, hashes: None, records: None, next: 0, failed: false })
    }

    /// What the records amount to, as far as they were read; `None` before the first record that is still there.
    pub(super) fn summary(&self) -> Option<&Summary> {
        self.records.as_ref().map(AuditRecords::summary)
    }

    fn read(&mut self) -> Result<Option<Leaf>, AuditError> {
        if let Some(records) = &mut self.records {
            return match records.next() {
                None => Ok(None),
                Some(Ok(record)) => Ok(Some(Leaf::of(record))),
                Some(Err(error)) => Err(records.diagnosed(error)),
            };
        }
        loop {
            if let Some(hash) = self.kept_hash()? {
                return Ok(Some(Leaf { hash, record: None }));
            }
            let Some(first) = self.removed.next() else { break };
            self.check_follows(first)?;
            let path = segment::removed(&self.folder, first);
            self.hashes = Some(BufReader::new(File::open(&path).map_err(AuditError::file(&path, "opened"))?));
        }
        let mut records = AuditRecords::after(&self.folder, &Summary::empty())?;
        let first = match records.next() {
            None => return Ok(None),
            Some(Ok(record)) => record,
            Some(Err(error)) => return Err(records.diagnosed(error)),
        };
        self.check_follows(first.sequence()).map_err(|error| self.diagnosed(error))?;
        self.records = Some(records);
        Ok(Some(Leaf::of(first)))
    }

    /// What is wrong with the first line that there is.
    fn diagnosed(&self, error: AuditError) -> AuditError {
        let segments = segment::list(&self.folder).unwrap_or_default();
        let first = segments.iter().find(|segment| segment.kind != Kind::Removed);
        let before = Summary { records: self.next, ..Summary::empty() };
        first.and_then(|segment| diagnosis::of(&segment.path(&self.folder), &before)).unwrap_or(error)
    }

    fn kept_hash(&mut self) -> Result<Option<Hash>, AuditError> {
        let Some(file) = &mut self.hashes else { return Ok(None) };
        let mut bytes = [0; LEAF as usize];
        match file.read_exact(&mut bytes) {
            Ok(()) => Ok(Some(Hash::from_bytes(bytes))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(AuditError::file(&segment::closed_folder(&self.folder), "read")(error)),
        }
    }

    const fn check_follows(&self, first: u64) -> Result<(), AuditError> {
        if first > self.next {
            return Err(AuditError::Missing { first: self.next, last: first - 1 });
        }
        if first < self.next { Err(AuditError::Moved { record: first }) } else { Ok(()) }
    }
}

impl Iterator for Leaves {
    type Item = Result<Leaf, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let leaf = self.read().transpose();
        self.failed = matches!(leaf, Some(Err(_)));
        self.next += 1;
        leaf
    }
}
