//! Signing checkpoints beside the work: each record is covered within moments, and nobody waits for it.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use aws_lc_rs::signature::Ed25519KeyPair;
use sluis_journal::{Journal, JournalError};

use super::checkpoint;

/// While records keep coming, one checkpoint in this time is enough.
const PAUSE: Duration = Duration::from_millis(50);

/// Signs checkpoints on a thread of its own; when dropped it signs what is left.
pub(super) struct Signer {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

struct Desk {
    folder: PathBuf,
    journal: Arc<Journal>,
    key: Arc<Ed25519KeyPair>,
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Default)]
struct State {
    /// Whether there are records that this process wrote and that no checkpoint of its covers.
    behind: bool,
    /// Whether the last attempt failed.
    failed: bool,
    closing: bool,
}

impl Signer {
    pub(super) fn new(folder: &Path, journal: &Arc<Journal>, key: &Arc<Ed25519KeyPair>) -> Self {
        let desk = Arc::new(Desk {
            folder: folder.to_owned(),
            journal: Arc::clone(journal),
            key: Arc::clone(key),
            state: Mutex::default(),
            woken: Condvar::new(),
        });
        let own = Arc::clone(&desk);
        // Without a thread, checkpoints are signed when the log is verified and when the site is closed.
        let thread = thread::Builder::new().name("audit-signer".to_owned()).spawn(move || own.serve()).ok();
        Self { desk, thread }
    }

    /// Says that there are new records.
    pub(super) fn wake(&self) {
        self.desk.state().behind = true;
        self.desk.woken.notify_one();
    }

    /// Tries again what failed before: as long as no checkpoint can be written, nothing is permitted.
    pub(super) fn check(&self) -> Result<(), JournalError> {
        if self.desk.state().failed { self.desk.sign() } else { Ok(()) }
    }

    /// Signs now, if there is anything to sign.
    pub(super) fn sign(&self) -> Result<(), JournalError> {
        let wanted = {
            let state = self.desk.state();
            state.behind || state.failed
        };
        if wanted { self.desk.sign() } else { Ok(()) }
    }
}

impl Desk {
    fn serve(&self) {
        loop {
            let mut state = self.state();
            while !state.closing && (!state.behind || state.failed) {
                state = self.woken.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.closing {
                return;
            }
            drop(state);
            // A failure is kept, and met by the next decision.
            let _ = self.sign();
            let state = self.state();
            // Only to be closed ends the pause early.
            let _ = self.woken.wait_timeout_while(state, PAUSE, |state| !state.closing);
        }
    }

    fn sign(&self) -> Result<(), JournalError> {
        // Before the journal is read: a record that comes meanwhile may be missed, and asks again.
        self.state().behind = false;
        let outcome = self.journal.sync(|summary| checkpoint::write(&self.folder, summary, &self.key));
        self.state().failed = outcome.is_err();
        outcome
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        self.desk.state().closing = true;
        self.desk.woken.notify_one();
        if let Some(thread) = self.thread.take() {
            // It ends only by returning.
            let _ = thread.join();
        }
        // What is not signed now is covered by the next process's first checkpoint.
        let _ = self.sign();
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}
