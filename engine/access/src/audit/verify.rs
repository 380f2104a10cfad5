//! Verifying a whole log: the site itself, or an outsider with the public key.

use std::{fs, path::Path};

use sluis_transparency::{Checkpoint, CompactRange, VerifierKey};

use super::{
    AuditError,
    checkpoint::{self, Head},
    key,
    leaves::Leaves,
};

/// What a whole audit log amounts to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditSummary {
    /// How many records it has, removed ones included.
    pub records: u64,
    /// How many of them, from the first, the signed checkpoint covers; the rest were written just now, or just before
    /// an engine was killed.
    pub signed: u64,
    /// How many of them, from the first, were removed when their time was over: only their hashes are left.
    pub removed: u64,
    /// The hash of the last record.
    pub head: String,
    /// The root hash that the checkpoint signs, in base64.
    pub root: String,
    /// How many records an earlier checkpoint covers with which the log was compared and agrees.
    pub agrees_with: Option<u64>,
}

/// Verifies an audit log with nothing but a site's `audit` folder and its public audit key, `keys/audit.pub`.
///
/// A site's own [`Audit::verify`](super::Audit::verify) does the same. This is for an outsider, who has neither the site
/// nor any secret. `earlier` is a checkpoint that the outsider kept: what it covers must still be there as it was.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify_audit_log(folder: &Path, public_key: &Path, earlier: Option<&Path>) -> Result<AuditSummary, AuditError> {
    let key = key::read_public(public_key)?;
    let earlier = earlier.map(|path| open_earlier(path, &key)).transpose()?;
    verify(folder, &key, earlier.as_ref())
}

/// Reads a checkpoint that somebody kept.
pub(super) fn open_earlier(path: &Path, key: &VerifierKey) -> Result<Checkpoint, AuditError> {
    let note = fs::read(path).map_err(AuditError::file(path, "read"))?;
    Checkpoint::open(&note, key).map_err(|source| AuditError::Checkpoint { path: path.to_owned(), source })
}

pub(super) fn verify(
    folder: &Path,
    key: &VerifierKey,
    earlier: Option<&Checkpoint>,
) -> Result<AuditSummary, AuditError> {
    // First the checkpoint: what is written meanwhile stands behind what it covers.
    let signed = checkpoint::read(folder, key)?;
    let signed = signed.ok_or_else(|| AuditError::NoCheckpoint(checkpoint::path(folder)))?;
    let mut check = Check { signed, earlier, tree: CompactRange::default(), removed: 0, removable: 0 };
    let mut leaves = Leaves::of(folder)?;
    check.compare("")?;
    while let Some(leaf) = leaves.next() {
        let leaf = leaf?;
        check.tree.push(leaf.hash);
        match &leaf.record {
            None => check.removed = check.tree.size(),
            Some(record) => check.removable = check.removable.max(record.removed().unwrap_or(0)),
        }
        check.compare(leaves.summary().map_or("", |summary| &summary.head))?;
    }
    check.conclude(leaves.summary().map(|summary| summary.head.clone()))
}

/// What is found out while the log is read.
struct Check<'a> {
    signed: Head,
    earlier: Option<&'a Checkpoint>,
    tree: CompactRange,
    removed: u64,
    /// How many records may have been removed, by what the log says.
    removable: u64,
}

impl Check<'_> {
    /// Compares the log so far with the checkpoints that cover just as much. `head` is the last record's hash, if the
    /// record is there.
    fn compare(&self, head: &str) -> Result<(), AuditError> {
        let size = self.tree.size();
        if self.earlier.is_some_and(|earlier| earlier.size == size && earlier.root != self.tree.root()) {
            return Err(AuditError::Contradicted { size });
        }
        let Head { root, journal, .. } = &self.signed;
        let is_other = *root != self.tree.root() || (size > self.removed && journal.head != head);
        if journal.records == size && is_other { Err(AuditError::Rewritten { signed: size }) } else { Ok(()) }
    }

    fn conclude(self, head: Option<String>) -> Result<AuditSummary, AuditError> {
        let (records, signed) = (self.tree.size(), self.signed.journal.records);
        if records < signed {
            return Err(AuditError::Cut { found: records, signed });
        }
        if let Some(earlier) = self.earlier.filter(|earlier| earlier.size > records) {
            return Err(AuditError::CutSince { found: records, size: earlier.size });
        }
        if self.removed > self.removable {
            return Err(AuditError::RemovedUnrecorded { first: self.removed });
        }
        Ok(AuditSummary {
            records,
            signed,
            removed: self.removed,
            head: head.unwrap_or(self.signed.journal.head),
            root: self.signed.root.to_string(),
            agrees_with: self.earlier.map(|earlier| earlier.size),
        })
    }
}
