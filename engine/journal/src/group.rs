//! Group commit: of the callers that wait, one writes, or flushes, for all.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::JournalError;

/// The outcome of a batch: the number of its first record, or why none of it was written.
type Outcome = Result<u64, Arc<JournalError>>;

/// Gathers bodies while a batch is being written, and hands them to the next writer all at once.
#[derive(Debug, Default)]
pub(crate) struct Group {
    gathering: Mutex<Gathering>,
}

#[derive(Debug, Default)]
struct Gathering {
    next: Vec<String>,
    batch: Arc<Batch>,
    /// Whether a batch is being written; only its writer ends that.
    writing: bool,
}

/// What is written together. Each batch wakes its own: with one bell for all, everybody would get up for every batch.
#[derive(Debug, Default)]
struct Batch {
    outcome: OnceLock<Outcome>,
    settled: Condvar,
}

impl Group {
    /// Adds bodies to the next batch and waits until it is settled; calls `write` if nobody else does. Gives the number
    /// of the first body's record.
    pub(crate) fn append(
        &self,
        bodies: Vec<String>,
        write: impl FnOnce(&[String]) -> Result<u64, JournalError>,
    ) -> Outcome {
        let mut gathering = self.gathering();
        let before = gathering.next.len() as u64;
        gathering.next.extend(bodies);
        let batch = Arc::clone(&gathering.batch);
        // The batch is settled by its own writer; as long as nobody is writing, it has none yet.
        while gathering.writing && batch.outcome.get().is_none() {
            gathering = batch.settled.wait(gathering).unwrap_or_else(PoisonError::into_inner);
        }
        if batch.outcome.get().is_none() {
            gathering.writing = true;
            let bodies = std::mem::take(&mut gathering.next);
            gathering.batch = Arc::default();
            drop(gathering);
            let written = write(&bodies).map_err(Arc::new);
            gathering = self.gathering();
            gathering.writing = false;
            // This is the batch's only writer, so it is not set yet.
            let _ = batch.outcome.set(written);
            let next = Arc::clone(&gathering.batch);
            batch.settled.notify_all();
            // One of the next batch writes it.
            next.settled.notify_one();
        }
        drop(gathering);
        batch.outcome.wait().clone().map(|first| first + before)
    }

    fn gathering(&self) -> MutexGuard<'_, Gathering> {
        self.gathering.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
