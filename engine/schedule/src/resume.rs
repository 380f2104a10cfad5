//! Going on with a run whose engine ended without ending it.

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    path::Path,
    thread,
    time::Duration,
};

use sluis_journal::Summary;
use sluis_model::{Address, RunId, TaskId, TaskKey};

use crate::{
    prepare::RunContext,
    record::{RunEvent, RunState},
    recorder,
    runs::{RunSummary, RunsError, find_run, read_events, read_run},
};

/// For how long a reader that looks whether the run is under way may hold its lock.
const READERS: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_millis(5);

/// Why a run cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The run cannot be found or read.
    #[error(transparent)]
    Runs(#[from] RunsError),
    /// Its engine was killed before it had written down what the run is.
    #[error("run {0} was killed before it began, so nothing of it is lost; run its workflow again")]
    NeverBegan(String),
    /// It has ended.
    #[error("run {run} has ended ({state}); to have it done again run its workflow: what was done is in the cache")]
    Ended {
        /// The run.
        run: RunId,
        /// How it ended.
        state: &'static str,
    },
    /// An engine carries it out.
    #[error("run {0} is still carried out by an engine; `sluis status {0}` shows how far it is")]
    UnderWay(RunId),
    /// Its lock cannot be taken.
    #[error("the run's lock in {path} cannot be taken", path = path.display())]
    Lock {
        /// The run's folder.
        path: std::path::PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A run that was interrupted, held by its lock: as long as this lives, nobody else can go on with it.
#[derive(Debug)]
pub struct Interrupted {
    summary: RunSummary,
    completed: HashMap<String, Completed>,
    lock: File,
}

/// What an interrupted run had completed at a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completed {
    pub key: TaskKey,
    pub result: Address,
}

impl Interrupted {
    /// Takes the interrupted run over whose identifier begins with `prefix`. Blocks.
    ///
    /// # Errors
    /// If there is none, it has ended, or an engine carries it out.
    pub fn take(runs: &Path, prefix: &str) -> Result<Self, ResumeError> {
        let run = find_run(runs, prefix).map_err(|error| match error {
            // Its folder is made first, its journal appears with its beginning in it.
            RunsError::Unknown(name) if !name.is_empty() && has_folder(runs, &name) => ResumeError::NeverBegan(name),
            error => error.into(),
        })?;
        let folder = runs.join(run.as_str());
        let failed = |source| ResumeError::Lock { path: folder.clone(), source };
        let lock = take_lock(&folder).map_err(failed)?.ok_or_else(|| ResumeError::UnderWay(run.clone()))?;
        // Read under the lock: nobody else can end it now.
        let summary = read_run(runs, &run)?;
        if summary.state != RunState::Running {
            return Err(ResumeError::Ended { run, state: in_words(summary.state) });
        }
        let completed = completed_of(runs, &run)?;
        Ok(Self { summary, completed, lock })
    }

    /// The run, as its journal tells it.
    pub const fn summary(&self) -> &RunSummary {
        &self.summary
    }

    /// The numbers that its tasks had, by the paths of their steps.
    pub(crate) fn numbers(&self) -> HashMap<String, TaskId> {
        self.summary.tasks.iter().map(|(id, task)| (task.step.clone(), *id)).collect()
    }

    /// What it had completed, by the paths of its steps, and its lock.
    pub(crate) fn into_parts(self) -> (HashMap<String, Completed>, File) {
        (self.completed, self.lock)
    }
}

const fn in_words(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Complete => "complete",
        RunState::ExecutorError | RunState::SystemError => "failed",
        RunState::Canceled => "cancelled",
    }
}

fn has_folder(runs: &Path, name: &str) -> bool {
    name.parse::<RunId>().is_ok_and(|run| runs.join(run.as_str()).is_dir())
}

/// The run's lock; `None` if an engine holds it.
fn take_lock(folder: &Path) -> io::Result<Option<File>> {
    let lock = File::create(folder.join(recorder::LOCK))?;
    let mut waited = Duration::ZERO;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(Some(lock)),
            Err(fs::TryLockError::Error(error)) => return Err(error),
            Err(fs::TryLockError::WouldBlock) if waited >= READERS => return Ok(None),
            Err(fs::TryLockError::WouldBlock) => {
                thread::sleep(PAUSE);
                waited += PAUSE;
            }
        }
    }
}

fn completed_of(runs: &Path, run: &RunId) -> Result<HashMap<String, Completed>, RunsError> {
    let mut completed = HashMap::new();
    for event in read_events(runs, run, &Summary::empty())? {
        if let RunEvent::TaskComplete { step, key: Some(key), result: Some(result), .. } = event? {
            completed.insert(step, Completed { key, result });
        }
    }
    Ok(completed)
}

impl RunContext {
    /// Stops and wipes what dead engines left of a run that was gone on with and that nobody asked for, once it is over.
    pub(crate) async fn clear_left(&self) {
        let scratch = &self.engine.scratch;
        let dead = scratch.taken_for(&self.run);
        if !dead.is_empty() {
            let is_alive = |engine: &str| !dead.iter().any(|dead| dead == engine);
            for executor in [&self.engine.executors.container, &self.engine.executors.plain] {
                // What cannot be stopped now, the next engine that starts stops.
                let _ = executor.remove_orphans(&is_alive).await;
            }
        }
        // As above.
        let _ = scratch.clear_taken(&self.run);
    }
}
