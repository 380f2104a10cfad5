//! Signing checkpoints beside the work: each record is covered within moments, and nobody waits for it.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use jiff::Timestamp;
use sluis_journal::{JournalError, Summary};

use super::{
    AuditError,
    checkpoint::{self, Head},
    log::Log,
    roll, segment,
    settings::Settings,
    tree::Tree,
};

/// While records keep coming, one checkpoint in this time is enough.
const PAUSE: Duration = Duration::from_millis(50);

/// Signs checkpoints on a thread of its own; when dropped it signs what is left.
pub(super) struct Signing {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

struct Desk {
    log: Arc<Log>,
    settings: Settings,
    /// As far as this process signed it; `None` before it first does.
    tree: Mutex<Option<Tree>>,
    /// The current segment by its first record, and when it began.
    began: Mutex<Option<(u64, Timestamp)>>,
    /// One signs at a time: who asks meanwhile waits, and learns how it ended.
    turn: Mutex<()>,
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

impl Signing {
    pub(super) fn of(log: &Arc<Log>, settings: Settings) -> Self {
        let desk = Arc::new(Desk {
            log: Arc::clone(log),
            settings,
            tree: Mutex::default(),
            began: Mutex::default(),
            turn: Mutex::default(),
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
        // Asked without waiting for a turn, since each decision asks.
        if self.desk.state().failed { self.sign() } else { Ok(()) }
    }

    /// Signs now, if there is anything to sign.
    pub(super) fn sign(&self) -> Result<(), JournalError> {
        let turn = lock(&self.desk.turn);
        let wanted = {
            let state = self.desk.state();
            state.behind || state.failed
        };
        if wanted { self.desk.sign(&turn) } else { Ok(()) }
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
            let _ = self.sign(&lock(&self.turn));
            let state = self.state();
            // Only to be closed ends the pause early.
            let _ = self.woken.wait_timeout_while(state, PAUSE, |state| !state.closing);
        }
    }

    fn sign(&self, _turn: &MutexGuard<'_, ()>) -> Result<(), JournalError> {
        // Before the journal is read: a record that comes meanwhile may be missed, and asks again.
        self.state().behind = false;
        let outcome = self.log.sync(|first, journal| self.conclude(first, journal).map_err(io::Error::other));
        self.state().failed = outcome.is_err();
        outcome
    }

    /// Brings the tree up to date, signs, and closes the segment if it is time. Nobody appends meanwhile.
    fn conclude(&self, first: u64, journal: &Summary) -> Result<(), AuditError> {
        let (folder, signer) = (self.log.folder(), self.log.signer());
        let mut kept = lock(&self.tree);
        // What fails is begun anew from what was signed.
        let mut tree = match kept.take() {
            Some(tree) => tree,
            None => match checkpoint::read(folder, signer.verifier())? {
                Some(signed) => Tree::open(folder, &signed)?,
                None => Tree::empty(),
            },
        };
        tree.extend(folder, journal)?;
        let head = Head { root: tree.root(), first, journal: journal.clone() };
        let failed = |source| AuditError::File { path: checkpoint::path(folder), doing: "written", source };
        checkpoint::write(folder, &head, signer).map_err(failed)?;
        // Without it, the next one to open the log hashes it again.
        let _ = tree.keep(folder);
        *kept = Some(tree);
        if self.is_due(&head)? {
            let path = segment::current(folder);
            roll::roll_over(folder, &head, signer).map_err(AuditError::file(&path, "closed"))?;
        }
        Ok(())
    }

    /// Whether the segment is large or old enough to be closed.
    fn is_due(&self, head: &Head) -> Result<bool, AuditError> {
        if head.journal.records == head.first {
            return Ok(false);
        }
        if head.journal.length >= self.settings.segment_size.as_u64() {
            return Ok(true);
        }
        let mut began = lock(&self.began);
        if began.is_none_or(|(first, _)| first != head.first) {
            let line = segment::first_line(&segment::current(self.log.folder()))?;
            *began = line.map(|line| (head.first, line.at()));
        }
        Ok(began.is_some_and(|(_, at)| Timestamp::now().duration_since(at) >= self.settings.segment_age.duration()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Signing {
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

impl std::fmt::Debug for Signing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signing")
    }
}
