//! Group commit: of the threads that wait, one does the work of all.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Gathers requests while others are being carried out, and hands them to the next worker all at once.
#[derive(Debug)]
pub(crate) struct Group<T, R> {
    gathering: Mutex<Gathering<T, R>>,
    settled: Condvar,
}

/// Where the outcome of one request is left for the thread that waits for it.
type Outcome<R> = Arc<Mutex<Option<R>>>;

#[derive(Debug)]
struct Gathering<T, R> {
    next: Vec<(T, Outcome<R>)>,
    /// Whether requests are being carried out; only who does that ends it.
    working: bool,
}

impl<T, R> Default for Group<T, R> {
    fn default() -> Self {
        Self { gathering: Mutex::new(Gathering { next: Vec::new(), working: false }), settled: Condvar::new() }
    }
}

impl<T, R> Group<T, R> {
    /// Adds a request to the next batch and waits for its outcome; calls `work` with the whole batch if nobody else
    /// does. `work` gives one outcome for each request, in their order; `lost` is the outcome of a request for which it
    /// gives none.
    pub(crate) fn submit(&self, request: T, lost: R, work: impl FnOnce(Vec<T>) -> Vec<R>) -> R {
        let outcome = Outcome::default();
        let mut gathering = self.gathering();
        gathering.next.push((request, Arc::clone(&outcome)));
        loop {
            if let Some(result) = lock(&outcome).take() {
                return result;
            }
            if !gathering.working {
                break;
            }
            gathering = self.settled.wait(gathering).unwrap_or_else(PoisonError::into_inner);
        }
        gathering.working = true;
        let (requests, outcomes): (Vec<T>, Vec<_>) = std::mem::take(&mut gathering.next).into_iter().unzip();
        drop(gathering);
        let mut own = lost;
        for (place, result) in outcomes.iter().zip(work(requests)) {
            if Arc::ptr_eq(place, &outcome) { own = result } else { *lock(place) = Some(result) }
        }
        self.gathering().working = false;
        self.settled.notify_all();
        own
    }

    fn gathering(&self) -> MutexGuard<'_, Gathering<T, R>> {
        lock(&self.gathering)
    }
}

fn lock<R>(mutex: &Mutex<R>) -> MutexGuard<'_, R> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
