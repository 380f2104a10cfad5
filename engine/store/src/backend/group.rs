//! Group commit: of the threads that wait, one does the work of all.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

/// Gathers requests while others are being carried out, and hands them to the next worker all at once.
#[derive(Debug)]
pub(crate) struct Group<T, R> {
    gathering: Mutex<Gathering<T, R>>,
}

#[derive(Debug)]
struct Gathering<T, R> {
    requests: Vec<T>,
    batch: Arc<Batch<R>>,
    /// Whether a batch is being carried out; only who does that ends it.
    working: bool,
}

/// What is carried out together. Each batch wakes its own: with one bell for all, everybody would get up for every batch.
#[derive(Debug)]
struct Batch<R> {
    /// In the order of the requests; each is taken by the thread that waits for it.
    outcomes: OnceLock<Vec<Mutex<Option<R>>>>,
    settled: Condvar,
}

impl<R> Default for Batch<R> {
    fn default() -> Self {
        Self { outcomes: OnceLock::new(), settled: Condvar::new() }
    }
}

impl<T, R> Default for Group<T, R> {
    fn default() -> Self {
        Self { gathering: Mutex::new(Gathering { requests: Vec::new(), batch: Arc::default(), working: false }) }
    }
}

impl<T, R> Group<T, R> {
    /// Adds a request to the next batch and waits for its outcome; calls `work` with the whole batch if nobody else
    /// does. `work` gives one outcome for each request, in their order; `lost` is the outcome of a request for which it
    /// gives none.
    pub(crate) fn submit(&self, request: T, lost: R, work: impl FnOnce(Vec<T>) -> Vec<R>) -> R {
        let mut gathering = self.gathering();
        let place = gathering.requests.len();
        gathering.requests.push(request);
        let batch = Arc::clone(&gathering.batch);
        while gathering.working && batch.outcomes.get().is_none() {
            gathering = batch.settled.wait(gathering).unwrap_or_else(PoisonError::into_inner);
        }
        if batch.outcomes.get().is_none() {
            gathering.working = true;
            let requests = std::mem::take(&mut gathering.requests);
            gathering.batch = Arc::default();
            drop(gathering);
            let outcomes = work(requests).into_iter().map(|outcome| Mutex::new(Some(outcome))).collect();
            let mut gathering = self.gathering();
            gathering.working = false;
            // This is the batch's only worker, so they are not set yet.
            let _ = batch.outcomes.set(outcomes);
            let next = Arc::clone(&gathering.batch);
            drop(gathering);
            batch.settled.notify_all();
            // One of the next batch carries it out.
            next.settled.notify_one();
        } else {
            drop(gathering);
        }
        let outcome = batch.outcomes.get().and_then(|outcomes| lock(outcomes.get(place)?).take());
        outcome.unwrap_or(lost)
    }

    fn gathering(&self) -> MutexGuard<'_, Gathering<T, R>> {
        lock(&self.gathering)
    }
}

fn lock<R>(mutex: &Mutex<R>) -> MutexGuard<'_, R> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
