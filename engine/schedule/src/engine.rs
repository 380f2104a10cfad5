//! What a run is given and what it gives back.

use std::{path::PathBuf, sync::Arc};

use sluis_access::{AccessError, Site};
use sluis_cwl::{Evaluator, Process, Snapshot};
use sluis_executor::{Executor, HeldMemory};
use sluis_journal::JournalError;
use sluis_model::{Labels, ProjectName, RunId, Task, TaskId, Values};
use sluis_remote::RemoteError;
use sluis_worker::{Scratch, WorkError, Worker};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    allocator::{Room, TooLarge},
    core::IllegalEvent,
    flight::Flights,
    machine::Machine,
    record::{FailureKind, RunEvent, RunState},
    resume::Interrupted,
    run_loop,
    settings::RunSettings,
};

/// The executors of a site: one for tools with a container image, one for those without.
#[derive(Clone)]
pub struct Executors {
    /// Runs tools that name an image.
    pub container: Arc<dyn Executor>,
    /// Runs tools that name none.
    pub plain: Arc<dyn Executor>,
}

/// Carries out runs on one machine of a site.
pub struct Engine {
    pub(crate) site: Arc<Site>,
    pub(crate) executors: Executors,
    pub(crate) container_worker: Worker,
    pub(crate) plain_worker: Worker,
    pub(crate) scratch: Arc<Scratch>,
    pub(crate) flights: Flights,
    pub(crate) evaluator: Evaluator,
    pub(crate) room: Room,
    pub(crate) machine: Arc<Machine>,
}

/// What to run.
pub struct RunRequest {
    /// The run's identifier.
    pub run: RunId,
    /// The workflow or tool.
    pub process: Process,
    /// Its name, for people.
    pub workflow: String,
    /// The checked input object.
    pub inputs: Values,
    /// The documents that the process was loaded from.
    pub documents: Snapshot,
    /// The project on whose behalf it runs.
    pub project: ProjectName,
    /// The labels of plain input files: their dataset, and whose they are. They are sealed on the way in. `None` if no
    /// plain file is taken in, since nobody says whose it is.
    pub labels: Option<Labels>,
    /// How it is carried out.
    pub settings: RunSettings,
    /// The interrupted run of that identifier that is gone on with; `None` if it is a new one.
    pub resume: Option<Interrupted>,
    /// Cancels the run.
    pub cancel: CancellationToken,
    /// Hears of everything that happens, with the full text of what went wrong.
    pub listener: mpsc::UnboundedSender<Told>,
}

/// What a listener is told.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly all are events, so that boxes would only cost")]
pub enum Told {
    /// What the run's journal keeps too.
    Event(RunEvent),
    /// The full text of a problem, which may name values and so is not kept.
    Problem {
        /// The step's path from the top.
        step: String,
        /// The task, if it is about one.
        task: Option<TaskId>,
        /// What went wrong, the causes included.
        text: String,
    },
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct RunResult {
    /// Its state.
    pub state: RunState,
    /// The output object, every file sealed; `None` if the run did not complete.
    pub outputs: Option<Values>,
    /// The first failure.
    pub failure: Option<FailureKind>,
}

/// Why a run could not be carried out or recorded.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The site refused or failed.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The run's journal could not be written.
    #[error("the run's journal cannot be written")]
    Journal(#[from] JournalError),
    /// A local input file could not be read.
    #[error("the input {path} cannot be read", path = path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An input could not be fetched.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The run's folder could not be made.
    #[error("the run's folder {path} cannot be made", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What a dead engine left of the run could not be taken over.
    #[error("what is left of the run in memory cannot be taken over")]
    Left(#[source] Box<WorkError>),
    /// The scheduler contradicted itself.
    #[error(transparent)]
    Scheduler(#[from] IllegalEvent),
    /// The scheduler asked for what the machine does not have.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// What runs commands is away. Nothing is written down as failed, so that the run can be gone on with.
    #[error("{why}; run {run} is interrupted, and goes on with `sluis resume {run}` when that is mended")]
    Absent {
        /// The run.
        run: RunId,
        /// What is away and what to do, with the causes.
        why: String,
    },
    /// A part of the engine ended early.
    #[error("a part of the engine ended early: {0}")]
    Lost(String),
}

impl Engine {
    /// An engine on a machine that others may share.
    pub fn new(site: Arc<Site>, executors: Executors, scratch: Arc<Scratch>, machine: Arc<Machine>) -> Self {
        let worker =
            |executor: &Arc<dyn Executor>| Worker::new(Arc::clone(&site), Arc::clone(executor), Arc::clone(&scratch));
        Self {
            container_worker: worker(&executors.container),
            plain_worker: worker(&executors.plain),
            evaluator: Evaluator::default(),
            flights: Flights::of_site(site.dir()),
            site,
            executors,
            scratch,
            room: machine.room(),
            machine,
        }
    }

    pub(crate) fn executor_of(&self, task: &Task) -> &dyn Executor {
        if task.image.is_some() { &*self.executors.container } else { &*self.executors.plain }
    }

    pub(crate) fn worker_of(&self, task: &Task) -> &Worker {
        if task.image.is_some() { &self.container_worker } else { &self.plain_worker }
    }

    /// What the command of a task holds of this machine's memory now; `None` if it does not run here, or that cannot be
    /// told.
    pub async fn held_memory(&self, run: &RunId, task: TaskId) -> Option<HeldMemory> {
        for executor in [&self.executors.container, &self.executors.plain] {
            if let Some(held) = executor.held_memory(run, task).await {
                return Some(held);
            }
        }
        None
    }

    /// Carries out one run to its end.
    ///
    /// # Errors
    /// Only what concerns the run as a whole. A failed task is part of the result.
    pub async fn run(self: &Arc<Self>, request: RunRequest) -> Result<RunResult, RunError> {
        run_loop::carry_out(self, request).await
    }
}
