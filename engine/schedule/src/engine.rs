//! What a run is given and what it gives back.

use std::{path::PathBuf, sync::Arc};

use sluis_access::{AccessError, Site};
use sluis_cwl::{Evaluator, Process, Snapshot};
use sluis_executor::Executor;
use sluis_journal::JournalError;
use sluis_model::{Labels, ProjectName, RunId, Task, TaskId, Values};
use sluis_remote::RemoteError;
use sluis_worker::{Scratch, Worker};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    core::{FailurePolicy, IllegalEvent, Room},
    record::{FailureKind, RunEvent, RunState},
    run_loop,
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
    pub(crate) evaluator: Evaluator,
    pub(crate) room: Room,
}

/// Which earlier results a run may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reuse {
    /// None: every task is run.
    Nothing,
    /// Those of tools that permit it (CWL v1.2, WorkReuse).
    AsDeclared,
    /// All: the run only makes again what is missing of an earlier one.
    Everything,
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
    /// What a failed task means for the rest.
    pub on_failure: FailurePolicy,
    /// Which earlier results may be used.
    pub reuse: Reuse,
    /// Cancels the run.
    pub cancel: CancellationToken,
    /// Hears of everything that happens, with the full text of what went wrong.
    pub listener: mpsc::UnboundedSender<Told>,
}

/// What a listener is told.
#[derive(Clone, Debug)]
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
    /// The scheduler contradicted itself.
    #[error(transparent)]
    Scheduler(#[from] IllegalEvent),
    /// A part of the engine ended early.
    #[error("a part of the engine ended early: {0}")]
    Lost(String),
}

impl Engine {
    /// An engine on a machine with the given room.
    pub fn new(site: Arc<Site>, executors: Executors, scratch: Arc<Scratch>, room: Room) -> Self {
        let worker =
            |executor: &Arc<dyn Executor>| Worker::new(Arc::clone(&site), Arc::clone(executor), Arc::clone(&scratch));
        Self {
            container_worker: worker(&executors.container),
            plain_worker: worker(&executors.plain),
            evaluator: Evaluator::default(),
            site,
            executors,
            scratch,
            room,
        }
    }

    pub(crate) fn executor_of(&self, task: &Task) -> &dyn Executor {
        if task.image.is_some() { &*self.executors.container } else { &*self.executors.plain }
    }

    pub(crate) fn worker_of(&self, task: &Task) -> &Worker {
        if task.image.is_some() { &self.container_worker } else { &self.plain_worker }
    }

    /// Carries out one run to its end.
    ///
    /// # Errors
    /// Only what concerns the run as a whole. A failed task is part of the result.
    pub async fn run(self: &Arc<Self>, request: RunRequest) -> Result<RunResult, RunError> {
        run_loop::carry_out(self, request).await
    }
}
