//! Removing segments whose time is over. Their leaf hashes stay, so that every proof and the whole log can still be
//! verified; the log says that they were removed.

use std::{
    fs::{self, File},
    path::Path,
};

use jiff::Timestamp;
use sluis_journal::Summary;
use sluis_policy::Action;

use crate::{AccessError, Site, decide::Found};

use super::{
    AuditError, AuditRecords, Entry, checkpoint,
    leaves::Leaf,
    segment::{self, Kind, Segment},
    settings,
};

/// What was removed, or would be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExpiredRecords {
    /// The first record that stays; everything before it is gone now.
    pub kept_from: u64,
    /// How many records went, or would.
    pub records: u64,
}

impl Site {
    /// Removes the segments of the audit log whose records are all older at the time `now` than `retention` in
    /// `audit/settings.yaml` says. First the whole log is verified, the caller's part in it decided, and the record that
    /// says so signed. Called again after an interruption, it goes on.
    ///
    /// # Errors
    /// If no retention is set, the log is not whole, the caller is refused, or files cannot be written.
    pub fn remove_expired_audit(&self, now: Timestamp, dry_run: bool) -> Result<ExpiredRecords, AccessError> {
        let folder = self.audit().folder();
        let retention =
            settings::read(folder)?.retention.ok_or_else(|| AuditError::NoRetention(settings::path(folder)))?;
        let before = now.checked_sub(retention.0.duration()).unwrap_or(Timestamp::MIN);
        let _lock = self.lock_removals(true)?;
        let (expired, kept_from) = expired(folder, before)?;
        let records = expired.first().map_or(0, |first| kept_from - first.first);
        let found = ExpiredRecords { kept_from, records };
        if expired.is_empty() || dry_run {
            return Ok(found);
        }
        self.audit().verify(None)?;
        let mut entry = Entry::new("remove-audit-records");
        entry.removed = Some(kept_from);
        let asked = self.asked(Action::Administer, self.as_resource(), None);
        let action = "remove audit records whose time is over".to_owned();
        self.decide(&asked, action, entry, |_, _| Ok(Found::default()))?;
        self.audit().sign()?;
        for segment in expired {
            remove(folder, segment.first)?;
        }
        Ok(found)
    }
}

/// The closed segments that are followed by a record older than `before`, and the first record behind them.
fn expired(folder: &Path, before: Timestamp) -> Result<(Vec<Segment>, u64), AuditError> {
    let mut segments = segment::list(folder)?;
    segments.retain(|segment| segment.kind != Kind::Removed);
    let mut kept_from = segments.first().map_or(0, |segment| segment.first);
    let mut expired = Vec::new();
    for pair in segments.windows(2) {
        let &[segment, next] = pair else { continue };
        if segment::first_line(&next.path(folder))?.is_none_or(|line| line.at() >= before) {
            break;
        }
        expired.push(segment);
        kept_from = next.first;
    }
    Ok((expired, kept_from))
}

/// Keeps the leaf hashes of a segment and removes the rest.
fn remove(folder: &Path, first: u64) -> Result<(), AuditError> {
    let (path, hashes) = (segment::closed(folder, first), segment::removed(folder, first));
    let mut bytes = Vec::new();
    // The segment is the first that is still there.
    let mut records = AuditRecords::after(folder, &Summary::empty())?.of_first_segment();
    for record in &mut records {
        bytes.extend_from_slice(Leaf::of(record?).hash.as_bytes());
    }
    checkpoint::replace(&hashes, &bytes, true).map_err(AuditError::file(&hashes, "written"))?;
    sync(&segment::closed_folder(folder))?;
    fs::remove_file(&path).map_err(AuditError::file(&path, "removed"))?;
    sync(&segment::closed_folder(folder))
}

fn sync(folder: &Path) -> Result<(), AuditError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(AuditError::file(folder, "flushed to the disk"))
}
