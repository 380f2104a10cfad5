//! Writing a run's journal without making anybody wait for the disk.

use std::{
    fs::{self, File},
    io,
    path::Path,
    thread,
};

use sluis_journal::{Journal, JournalError};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    engine::{RunError, Told},
    record::RunEvent,
};

/// Takes events, tells the listener at once and writes them to the journal in order, many with one disk write.
pub(crate) struct Recorder {
    events: mpsc::UnboundedSender<RunEvent>,
    listener: mpsc::UnboundedSender<Told>,
    outcome: oneshot::Receiver<Result<(), JournalError>>,
    failed: watch::Receiver<bool>,
    _lock: File,
}

/// The file in a run's folder that is locked while the run is under way.
pub(crate) const LOCK: &str = "lock";
/// The file in a run's folder that holds its journal.
pub(crate) const JOURNAL: &str = "journal.jsonl";
/// The same, as long as its first record is not in it.
const NEW_JOURNAL: &str = "journal.new";

/// Whether an engine is carrying out the run in this folder, whoever's engine it is.
pub(crate) fn is_under_way(folder: &Path) -> io::Result<bool> {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => Ok(matches!(lock.try_lock_shared(), Err(fs::TryLockError::WouldBlock))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

impl Recorder {
    /// Begins the journal of a run. The journal appears with its first record in it, which is on the disk when this
    /// returns. Blocks.
    pub fn begin(folder: &Path, first: RunEvent, listener: mpsc::UnboundedSender<Told>) -> Result<Self, RunError> {
        let failed = |source| RunError::Folder { path: folder.to_owned(), source };
        let lock = File::create(folder.join(LOCK)).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let new = folder.join(NEW_JOURNAL);
        Journal::open(&new)?.append(&first)?;
        fs::rename(&new, folder.join(JOURNAL)).map_err(failed)?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        let recorder = Self::write_to(Journal::open(&folder.join(JOURNAL))?, lock, listener)?;
        recorder.tell(Told::Event(first));
        Ok(recorder)
    }

    /// Goes on with the journal of a run whose lock was taken. The record that says so is on the disk when this
    /// returns. Blocks.
    pub fn resume(
        folder: &Path,
        lock: File,
        resumed: RunEvent,
        listener: mpsc::UnboundedSender<Told>,
    ) -> Result<Self, RunError> {
        let journal = Journal::open(&folder.join(JOURNAL))?;
        journal.append(&resumed)?;
        let recorder = Self::write_to(journal, lock, listener)?;
        recorder.tell(Told::Event(resumed));
        Ok(recorder)
    }

    fn write_to(journal: Journal, lock: File, listener: mpsc::UnboundedSender<Told>) -> Result<Self, RunError> {
        let (events, mut queue) = mpsc::unbounded_channel();
        let (done, outcome) = oneshot::channel();
        let (fail, failed) = watch::channel(false);
        let write = move || {
            let mut batch = Vec::new();
            let mut result = Ok(());
            while queue.blocking_recv_many(&mut batch, 4096) > 0 {
                if result.is_ok() {
                    result = journal.append_all(&batch).map(drop);
                    if result.is_err() {
                        fail.send_replace(true);
                    }
                }
                batch.clear();
            }
            // The receiver is gone only if the run was dropped, and then nobody asks.
            let _ = done.send(result);
        };
        thread::Builder::new()
            .name("run-journal".to_owned())
            .spawn(write)
            .map_err(|error| RunError::Lost(error.to_string()))?;
        Ok(Self { events, listener, outcome, failed, _lock: lock })
    }

    /// Records an event; a failure to write shows in [`Recorder::failed`] and [`Recorder::close`].
    pub fn record(&self, event: RunEvent) {
        self.tell(Told::Event(event.clone()));
        // The writer takes events until this sender is dropped.
        let _ = self.events.send(event);
    }

    /// Tells the listener alone.
    pub fn tell(&self, told: Told) {
        // A listener that went away wants to hear nothing more.
        let _ = self.listener.send(told);
    }

    /// Waits until writing failed; for ever if it does not.
    pub async fn failed(&self) {
        let mut failed = self.failed.clone();
        if failed.wait_for(|failed| *failed).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until everything is on the disk.
    pub async fn close(self) -> Result<(), RunError> {
        drop(self.events);
        match self.outcome.await {
            Ok(result) => Ok(result?),
            Err(_) => Err(RunError::Lost("the journal's writer".to_owned())),
        }
    }
}
