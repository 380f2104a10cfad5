//! What outlives an engine: the task cache and the journals, whose tails tear.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use crate::plan::Path;

/// A record of a run's journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    Started(Path),
    Retried(Path),
    Complete { path: Path, key: Option<u64> },
    Failed(Path),
    Canceled(Path),
    Ended,
}

/// The journal of one run: its tail is not on the disk yet.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    records: Vec<Record>,
    durable: usize,
}

impl Journal {
    pub fn append(&mut self, record: Record) {
        self.records.push(record);
    }

    /// What was appended so far is on the disk.
    pub fn flush(&mut self) {
        self.durable = self.records.len();
    }

    /// A crash: of the tail some records are on the disk, the next may be torn and is not read.
    pub fn tear(&mut self, random: &mut Rng) {
        let kept = random.usize(self.durable..=self.records.len());
        self.records.truncate(kept);
        self.durable = kept;
    }

    pub fn has_ended(&self) -> bool {
        self.records.last() == Some(&Record::Ended)
    }

    pub fn records(&self) -> &[Record] {
        &self.records
    }
}

/// Everything that is durable.
#[derive(Debug, Default)]
pub struct Disk {
    pub cache: BTreeSet<u64>,
    pub journals: Vec<Journal>,
    /// How often each job's result was put into the cache.
    pub commits: BTreeMap<Path, u32>,
}

impl Disk {
    /// Puts a job's result into the cache.
    pub fn commit(&mut self, path: &Path, key: u64) {
        self.cache.insert(key);
        let commits = self.commits.entry(path.clone()).or_default();
        *commits += 1;
        assert_eq!(*commits, 1, "{path:?} is committed twice");
    }

    /// What holds of the journals whenever an engine ends: a result that a journal names is in the cache.
    pub fn check(&self) {
        for journal in &self.journals {
            for record in journal.records() {
                if let Record::Complete { path, key: Some(key) } = record {
                    assert!(self.cache.contains(key), "{path:?} is complete and its result is lost");
                }
            }
            let ends = journal.records().iter().filter(|&record| *record == Record::Ended).count();
            assert!(ends <= 1 && (ends == 0 || journal.has_ended()), "a run ends once, and then nothing happens in it");
        }
    }
}
