//! Appending: always to the current segment, whoever began it.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sluis_journal::{Journal, JournalError, Summary};
use sluis_transparency::Signer;

use super::{AuditError, Entry, roll};

/// The log as it is appended to.
#[derive(Debug)]
pub(super) struct Log {
    folder: PathBuf,
    signer: Signer,
    current: Mutex<Current>,
}

/// The segment at hand.
#[derive(Clone, Debug)]
struct Current {
    first: u64,
    journal: Arc<Journal>,
}

impl Log {
    /// Opens the log; what its checkpoint covers is not read.
    pub(super) fn open(folder: &Path, signer: Signer) -> Result<Self, AuditError> {
        let (first, journal) = roll::open_current(folder, &signer)?;
        let current = Mutex::new(Current { first, journal: Arc::new(journal) });
        Ok(Self { folder: folder.to_owned(), signer, current })
    }

    /// The audit folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What signs the checkpoints.
    pub(super) const fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Appends an entry and waits until it is on the disk; gives its number.
    pub(super) fn append(&self, entry: &Entry) -> Result<u64, JournalError> {
        self.with_current(|_, journal| journal.append(entry)).map(|position| position.0)
    }

    /// Appends an entry without waiting.
    pub(super) fn append_relaxed(&self, entry: &Entry) -> Result<(), JournalError> {
        self.with_current(|_, journal| journal.append_relaxed(entry)).map(drop)
    }

    /// Puts everything on the disk and calls `then` with the current segment's first record and what the log amounts
    /// to, while nobody appends.
    pub(super) fn sync(&self, then: impl Fn(u64, &Summary) -> io::Result<()>) -> Result<(), JournalError> {
        self.with_current(|first, journal| journal.sync(|summary| then(first, summary)))
    }

    fn with_current<T>(&self, act: impl Fn(u64, &Journal) -> Result<T, JournalError>) -> Result<T, JournalError> {
        loop {
            let current = self.current().clone();
            match act(current.first, &current.journal) {
                Err(error) if may_have_rolled(&error) && self.has_rolled(&current) => {}
                outcome => return outcome,
            }
        }
    }

    /// Goes over to the segment that is the current one, if another than this; what went wrong is told by the first
    /// error otherwise.
    fn has_rolled(&self, stale: &Current) -> bool {
        let mut current = self.current();
        if current.first == stale.first
            && let Ok((first, journal)) = roll::open_current(&self.folder, &self.signer)
            && first != stale.first
        {
            *current = Current { first, journal: Arc::new(journal) };
        }
        current.first != stale.first
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the file at hand may be that of an earlier segment, or be read as another than it is.
fn may_have_rolled(error: &JournalError) -> bool {
    match error {
        JournalError::NotRecorded(source) => may_have_rolled(source),
        JournalError::Replaced { .. }
        | JournalError::Cut { .. }
        | JournalError::Broken { .. }
        | JournalError::Malformed { .. } => true,
        JournalError::Io { .. } | JournalError::Encode(_) => false,
    }
}
