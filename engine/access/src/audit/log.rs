//! Appending: always to the current segment, whoever began it.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sluis_journal::{Disk, Journal, JournalError, Position, Summary};
use sluis_transparency::Signer;

use super::{AuditError, Entry, roll};

/// The log as it is appended to.
#[derive(Debug)]
pub(super) struct Log {
    folder: PathBuf,
    signer: Signer,
    disk: Arc<dyn Disk>,
    current: Mutex<Current>,
}

/// The segment at hand.
#[derive(Clone, Debug)]
struct Current {
    first: u64,
    journal: Arc<Journal>,
}

/// A record that was written without waiting for the disk. Nothing that it tells of may show before it is there.
#[derive(Clone, Debug)]
#[must_use = "what it tells of has to wait for the disk"]
pub(crate) struct Written {
    log: Arc<Log>,
    segment: Current,
    position: Position,
}

impl Written {
    /// The number of the record.
    pub(crate) const fn number(&self) -> u64 {
        self.position.0
    }

    /// Waits until the record, and all before it, are on the disk.
    pub(crate) fn flush(&self) -> Result<(), JournalError> {
        match self.segment.journal.flush(self.position) {
            // A segment is flushed before it is closed.
            Err(error) if may_have_rolled(&error) && self.log.has_rolled(&self.segment) => Ok(()),
            outcome => outcome,
        }
    }
}

impl Log {
    /// Opens the log; what its checkpoint covers is not read.
    pub(super) fn open(folder: &Path, signer: Signer, disk: Arc<dyn Disk>) -> Result<Self, AuditError> {
        let (first, journal) = roll::open_current(folder, &signer, &disk)?;
        let current = Mutex::new(Current { first, journal: Arc::new(journal) });
        Ok(Self { folder: folder.to_owned(), signer, disk, current })
    }

    /// The audit folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What signs the checkpoints.
    pub(super) const fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Appends an entry without waiting for the disk.
    pub(super) fn append(self: &Arc<Self>, entry: &Entry) -> Result<Written, JournalError> {
        self.with_current(|current| {
            let position = current.journal.append_relaxed(entry)?;
            Ok(Written { log: Arc::clone(self), segment: current.clone(), position })
        })
    }

    /// Puts everything on the disk and calls `then` with the current segment's first record and what the log amounts
    /// to, while nobody appends.
    pub(super) fn sync(&self, then: impl Fn(u64, &Summary) -> io::Result<()>) -> Result<(), JournalError> {
        self.with_current(|current| current.journal.sync(|summary| then(current.first, summary)))
    }

    fn with_current<T>(&self, act: impl Fn(&Current) -> Result<T, JournalError>) -> Result<T, JournalError> {
        loop {
            let current = self.current().clone();
            match act(&current) {
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
            && let Ok((first, journal)) = roll::open_current(&self.folder, &self.signer, &self.disk)
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
        JournalError::Io { .. } | JournalError::Lost { .. } | JournalError::Encode(_) => false,
    }
}
