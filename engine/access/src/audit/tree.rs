//! The Merkle tree over the records, of which only the compact range is kept.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};
use sluis_journal::Summary;
use sluis_transparency::{CompactRange, Hash};

use super::{
    AuditError, AuditRecords,
    checkpoint::{self, Head},
    leaves::{Leaf, Leaves},
};

/// The file in which the range is kept: a cache, built anew from the log if it is missing or does not hash to the
/// signed root.
const FILE: &str = "tree.json";
/// The version of that file.
const FORMAT: u32 = 1;

/// The tree as far as it was built, and what the journal amounted to there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Tree {
    format: u32,
    journal: Summary,
    range: CompactRange,
}

impl Tree {
    /// That of a log without records.
    pub(super) fn empty() -> Self {
        Self { format: FORMAT, journal: Summary::empty(), range: CompactRange::default() }
    }

    /// The tree that was signed, from the cache or from the log.
    pub(super) fn open(folder: &Path, signed: &Head) -> Result<Self, AuditError> {
        if let Some(mut tree) = Self::cached(folder)
            && tree.journal.records <= signed.journal.records
            && tree.extend(folder, &signed.journal).is_ok()
            && tree.root() == signed.root
        {
            return Ok(tree);
        }
        Self::build(folder, signed)
    }

    fn cached(folder: &Path) -> Option<Self> {
        let tree: Self = serde_json::from_slice(&fs::read(folder.join(FILE)).ok()?).ok()?;
        (tree.format == FORMAT && tree.range.size() == tree.journal.records).then_some(tree)
    }

    /// Hashes the whole log.
    fn build(folder: &Path, signed: &Head) -> Result<Self, AuditError> {
        let mut tree = Self::empty();
        let mut leaves = Leaves::of(folder)?;
        while tree.range.size() < signed.journal.records {
            let cut = AuditError::Cut { found: tree.range.size(), signed: signed.journal.records };
            tree.range.push(leaves.next().ok_or(cut)??.hash);
        }
        if tree.root() != signed.root {
            return Err(AuditError::Rewritten { signed: signed.journal.records });
        }
        tree.journal.clone_from(&signed.journal);
        Ok(tree)
    }

    /// Adds the records that the journal has more by now.
    pub(super) fn extend(&mut self, folder: &Path, journal: &Summary) -> Result<(), AuditError> {
        if self.journal.records < journal.records {
            let mut records = AuditRecords::after(folder, &self.journal)?;
            while self.range.size() < journal.records {
                let cut = AuditError::Cut { found: self.range.size(), signed: journal.records };
                self.range.push(Leaf::of(records.next().ok_or(cut)??).hash);
            }
            self.journal.clone_from(records.summary());
        }
        if (self.journal.records, &self.journal.head) != (journal.records, &journal.head) {
            return Err(AuditError::Rewritten { signed: self.journal.records });
        }
        self.journal.clone_from(journal);
        Ok(())
    }

    /// The root hash.
    pub(super) fn root(&self) -> Hash {
        self.range.root()
    }

    /// Keeps the range, so that the next one to open the log need not hash it.
    pub(super) fn keep(&self, folder: &Path) -> io::Result<()> {
        checkpoint::replace(&folder.join(FILE), &serde_json::to_vec(self)?, false)
    }
}
