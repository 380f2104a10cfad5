//! Reading the records, from one segment into the next.

use std::path::{Path, PathBuf};

use sluis_journal::{Journal, JournalError, Records, Summary};

use super::{
    AuditError, AuditRecord, diagnosis,
    segment::{self, Kind, Segment},
};

/// Records of the audit log, in order.
#[derive(Debug)]
pub struct AuditRecords {
    folder: PathBuf,
    /// What is to be read after the segment at hand.
    rest: std::vec::IntoIter<Segment>,
    records: Records,
    /// What was read so far, by this and by whoever read before.
    summary: Summary,
    failed: bool,
}

impl AuditRecords {
    /// The records behind those that `known` sums up, as far as they are still there.
    pub(super) fn after(folder: &Path, known: &Summary) -> Result<Self, AuditError> {
        let mut segments = segment::list(folder)?;
        segments.retain(|segment| segment.kind != Kind::Removed);
        let holds = segments.iter().rposition(|segment| segment.first <= known.records);
        let mut rest = segments.split_off(holds.unwrap_or(0)).into_iter();
        let records = match rest.next() {
            // Of a log without records, and without a file if somebody took it away.
            None => Journal::read_after(&segment::current(folder), known)?,
            // Behind the last closed segment, and there is nothing yet.
            Some(segment) if segment.first < known.records && known.length == 0 => {
                Journal::read_after(&segment::current(folder), known)?
            }
            Some(segment) if segment.first < known.records => open(folder, segment, known)?,
            Some(segment) if segment.first == known.records => open(folder, segment, &beginning(known.clone()))?,
            Some(segment) => {
                // What was before is gone; its last hash is told by the record behind it, which is chained to the end.
                let line = segment::first_line(&segment.path(folder))?;
                let head = line.map_or_else(String::new, |line| line.previous);
                open(folder, segment, &Summary { records: segment.first, head, length: 0 })?
            }
        };
        Ok(Self { folder: folder.to_owned(), rest, records, summary: known.clone(), failed: false })
    }

    /// What was read so far.
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Only the records of the segment at hand.
    pub(super) fn of_first_segment(mut self) -> Self {
        self.rest = Vec::new().into_iter();
        self
    }

    /// The same error, told more exactly.
    pub(super) fn diagnosed(&self, error: AuditError) -> AuditError {
        match &error {
            AuditError::Journal(JournalError::Broken { path, .. } | JournalError::Malformed { path, .. }) => {
                diagnosis::of(path, self.records.summary()).unwrap_or(error)
            }
            _ => error,
        }
    }

    fn read(&mut self) -> Result<Option<AuditRecord>, AuditError> {
        loop {
            if let Some(record) = self.records.next() {
                let record = AuditRecord::of(&record?)?;
                self.summary.clone_from(self.records.summary());
                return Ok(Some(record));
            }
            let Some(next) = self.rest.next() else { return Ok(None) };
            let end = self.records.summary().clone();
            if next.first > end.records && next.kind == Kind::Closed {
                return Err(AuditError::Missing { first: end.records, last: next.first - 1 });
            }
            self.records = open(&self.folder, next, &beginning(end))?;
        }
    }
}

impl Iterator for AuditRecords {
    type Item = Result<AuditRecord, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let record = self.read().transpose();
        self.failed = matches!(record, Some(Err(_)));
        record
    }
}

/// The beginning of a segment behind everything that `before` sums up.
fn beginning(before: Summary) -> Summary {
    Summary { length: 0, ..before }
}

fn open(folder: &Path, segment: Segment, known: &Summary) -> Result<Records, AuditError> {
    let records = Journal::read_after(&segment.path(folder), known);
    let closed = segment::closed(folder, segment.first);
    if segment.kind == Kind::Current && closed.exists() {
        // It became an earlier one just now, and what was opened may be the one that followed.
        return Ok(Journal::read_after(&closed, known)?);
    }
    Ok(records?)
}
