//! Explaining a run: why a task ran again, why it waits, why it failed.
//!
//! A task is compared with the nearest earlier one at the same place of the same workflow for the same project. What
//! their keys were made of is kept sealed ([`TaskAccount`]), so that each look at it is decided and audited.

mod by_hand;
mod compare;
mod failure;
mod nearest;
mod overview;
mod reason;
mod text;
mod waiting;

use std::{error::Error, io::Read, path::PathBuf};

use serde::Serialize;
use sluis_access::{AccessError, ReadAction, Site, Visible};
use sluis_cwl::{Process, Snapshot};
use sluis_executor::Executor;
use sluis_model::{ProjectName, RunId, TaskId};

pub use compare::{Change, Comparison};
pub use failure::FailureTold;
pub(crate) use nearest::{Candidate, Whose, find as find_earlier};
pub use overview::StepLine;
pub(crate) use reason::to_run as reason_to_run;
pub use reason::{EarlierTask, Reason};
pub use waiting::{Wait, WaitKind};

use crate::{
    account::TaskAccount,
    allocator::Room,
    gpus::Gpus,
    record::{RunState, TaskState},
    runs::{RunSummary, RunsError, TaskSummary, is_abandoned, list_runs, read_run, step_pattern},
};
use by_hand::Repeated;
use failure::Failed;
use waiting::{Surroundings, away, is_within};

/// How many of the newest runs are looked at for others that are under way.
const RECENT_RUNS: usize = 50;

/// Explains the runs of a site.
pub struct Explainer<'a> {
    site: &'a Site,
    room: Room,
    gpus: Gpus,
    container: &'a dyn Executor,
}

/// One task, explained.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Explanation {
    /// The run.
    pub run: RunId,
    /// Its workflow's name.
    pub workflow: String,
    /// The project on whose behalf.
    pub project: ProjectName,
    /// The task's step, by its path from the top, or a step that has no task.
    pub step: String,
    /// The task's number in the run; `None` if the journal has nothing of it.
    pub task: Option<TaskId>,
    /// Its state, in words.
    pub state: String,
    /// How many other tasks the step has.
    pub others: usize,
    /// Why its command was run, or was not.
    pub reason: Option<Reason>,
    /// Why it does not run, if it has not.
    pub wait: Option<Wait>,
    /// Why its earlier attempts failed.
    pub attempts: Vec<FailureTold>,
    /// Why it failed.
    pub failure: Option<FailureTold>,
    /// Commands that repeat it by hand.
    pub by_hand: Vec<String>,
}

/// Why a run cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The site refused or failed.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// A run's journal could not be read.
    #[error(transparent)]
    Runs(#[from] RunsError),
    /// The run has no such step.
    #[error("run {run} has no step `{step}`{hint}; `sluis explain {run}` lists its steps")]
    UnknownStep {
        /// The run.
        run: RunId,
        /// The step, as it was asked for.
        step: String,
        /// What it may have been meant to be.
        hint: String,
    },
    /// The documents that were kept of the run cannot be used.
    #[error("what is kept of the documents of run {run} cannot be read")]
    Documents {
        /// The run.
        run: RunId,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl<'a> Explainer<'a> {
    /// For a site, on a machine that has this room for tasks and these GPUs, and on which this executor runs containers.
    pub fn new(site: &'a Site, room: Room, gpus: Gpus, container: &'a dyn Executor) -> Self {
        Self { site, room: Room { gpus: gpus.count(), ..room }, gpus, container }
    }

    /// A line for each step of a run.
    ///
    /// # Errors
    /// If what is kept of the run cannot be read.
    pub fn overview(&self, run: &RunSummary) -> Result<Vec<StepLine>, ExplainError> {
        let process = self.process(run)?;
        let (others, visible) = (self.others(run)?, self.visible(run)?);
        let (process, visible) = (process.as_ref(), visible.as_ref());
        let around = Surroundings { run, others: &others, process, room: self.room, visible };
        Ok(overview::lines(&around))
    }

    /// One task of a run, by its step's path; of several tasks of a step one that failed, or else one that ran.
    ///
    /// # Errors
    /// If the run has no such step, or what is kept of it may not be read.
    pub fn task(&self, run: &RunSummary, step: &str) -> Result<Explanation, ExplainError> {
        let process = self.process(run)?;
        let (others, visible) = (self.others(run)?, self.visible(run)?);
        let (process, visible) = (process.as_ref(), visible.as_ref());
        let around = Surroundings { run, others: &others, process, room: self.room, visible };
        let found = tasks_of(run, step);
        let Some((id, task)) = choose(&found) else {
            if !run.steps.contains_key(step) && !is_expected(&around, step) {
                return Err(unknown(&around, step));
            }
            return Ok(explanation(run, step, None, "not run", 0, Some(around.why(step, None))));
        };
        let wait = has_not_run(task).then(|| around.why(&task.step, Some(task)));
        let state = state_of(&around, task);
        let mut told = explanation(run, &task.step, Some(id), &state, found.len() - 1, wait);
        self.add_account(run, id, task, &mut told)?;
        Ok(told)
    }

    /// What is kept of the task itself, and what can be told from it.
    fn add_account(
        &self,
        run: &RunSummary,
        id: TaskId,
        task: &TaskSummary,
        told: &mut Explanation,
    ) -> Result<(), ExplainError> {
        let account = match nearest::address_of_account(self.site, task) {
            Some(address) => self.account(run, &address)?,
            None => None,
        };
        told.reason = reason::of(self.site, run, task, account.as_ref())?;
        for attempt in &task.earlier {
            let account = match &attempt.account {
                Some(address) => self.account(run, address)?,
                None => None,
            };
            let (failure, given, measured) = (&attempt.failure, attempt.given, attempt.measured);
            let failed = Failed { failure, log: attempt.log, account: account.as_ref(), given, measured };
            told.attempts.push(failure::tell(self.site, run, &failed)?);
        }
        if let Some(failure) = &task.failure {
            let (given, measured) = (task.given, task.measured);
            let failed = Failed { failure, log: task.log, account: account.as_ref(), given, measured };
            told.failure = Some(failure::tell(self.site, run, &failed)?);
        }
        if let Some(material) = account.and_then(|account| account.material) {
            let repeated = Repeated {
                material: &material,
                given: task.given,
                project: &run.project,
                run: &run.run,
                task: id,
                container: self.container,
                gpus: &self.gpus,
            };
            told.by_hand = repeated.commands();
        }
        Ok(())
    }

    /// What is kept of a task; `None` if it is gone, as after a garbage collection or an erasure.
    fn account(&self, run: &RunSummary, address: &sluis_model::Address) -> Result<Option<TaskAccount>, AccessError> {
        match TaskAccount::read(self.site, &run.project, address) {
            Err(AccessError::NotFound(_)) => Ok(None),
            outcome => outcome,
        }
    }

    /// The process of a run; `None` if its documents are not kept.
    fn process(&self, run: &RunSummary) -> Result<Option<Process>, ExplainError> {
        let Some(documents) = &run.documents else { return Ok(None) };
        let permit = match self.site.permit_read(&run.project, documents, ReadAction::Explain) {
            Err(AccessError::NotFound(_)) => return Ok(None),
            permit => permit?,
        };
        let mut bytes = Vec::new();
        let read = self.site.unseal(&permit, documents)?.read_to_end(&mut bytes);
        read.map_err(|error| self.site.reading_failed(documents, error))?;
        let unreadable =
            |source: Box<dyn Error + Send + Sync>| ExplainError::Documents { run: run.run.clone(), source };
        let documents: Snapshot = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.into()))?;
        documents.process().map(Some).map_err(|error| unreadable(error.into()))
    }

    /// Of which projects the caller may see runs, if a task of this one waits for another run.
    fn visible(&self, run: &RunSummary) -> Result<Option<Visible>, AccessError> {
        if !run.tasks.values().any(|task| task.waits_since.is_some()) {
            return Ok(None);
        }
        match self.site.permit_runs() {
            Err(AccessError::Refused(_)) => Ok(None),
            visible => visible.map(Some),
        }
    }

    /// Other runs under way, whose tasks take room, too.
    fn others(&self, run: &RunSummary) -> Result<Vec<RunSummary>, RunsError> {
        if run.state != RunState::Running || run.interrupted {
            return Ok(Vec::new());
        }
        let folder: PathBuf = self.site.runs_dir();
        let mut others = Vec::new();
        for id in list_runs(&folder)?.into_iter().rev().take(RECENT_RUNS).filter(|id| *id != run.run) {
            if !is_abandoned(&folder, &id)?
                && let Ok(other) = read_run(&folder, &id)
            {
                others.push(other);
            }
        }
        Ok(others)
    }
}

/// The tasks of a step, or the one of a path.
fn tasks_of<'r>(run: &'r RunSummary, step: &str) -> Vec<(TaskId, &'r TaskSummary)> {
    let all = || run.tasks.iter().map(|(id, task)| (*id, task));
    let exact: Vec<_> = all().filter(|(_, task)| task.step == step).collect();
    if !exact.is_empty() {
        return exact;
    }
    let of_step: Vec<_> = all().filter(|(_, task)| is_within(&task.step, step)).collect();
    if !of_step.is_empty() {
        return of_step;
    }
    all().filter(|(_, task)| step_pattern(&task.step) == step).collect()
}

/// Of several tasks the one that says most.
fn choose<'r>(tasks: &[(TaskId, &'r TaskSummary)]) -> Option<(TaskId, &'r TaskSummary)> {
    let rank = |task: &TaskSummary| match task.state {
        TaskState::ExecutorError | TaskState::SystemError => 0,
        TaskState::Running => 1,
        TaskState::Queued | TaskState::Initializing | TaskState::Canceled => 2,
        TaskState::Complete if !task.cached && !task.skipped => 3,
        TaskState::Complete => 4,
    };
    tasks.iter().min_by_key(|(_, task)| rank(task)).copied()
}

const fn has_not_run(task: &TaskSummary) -> bool {
    matches!(task.state, TaskState::Queued | TaskState::Initializing)
        || (matches!(task.state, TaskState::Canceled) && task.started.is_none())
}

fn state_of(around: &Surroundings<'_>, task: &TaskSummary) -> String {
    let run = around.run;
    match (task.state, &task.failure) {
        (_, Some(failure)) => format!("failed: {failure}"),
        (TaskState::Complete, _) if task.cached => "done: found in the task cache".to_owned(),
        (TaskState::Complete, _) if task.skipped => "skipped: its condition was false".to_owned(),
        (TaskState::Complete, _) => "done".to_owned(),
        (TaskState::Running, _) if run.interrupted => "cut short: the engine ended while it ran".to_owned(),
        (TaskState::Running, _) => match run.awaited.as_ref().filter(|_| around.is_in_container(&task.step)) {
            Some(service) => format!("running, but {}", away(service)),
            None => "running".to_owned(),
        },
        (TaskState::Canceled, _) => "cancelled".to_owned(),
        (TaskState::Queued | TaskState::Initializing, _) => "waiting".to_owned(),
        (TaskState::ExecutorError | TaskState::SystemError, None) => "failed".to_owned(),
    }
}

fn explanation(
    run: &RunSummary,
    step: &str,
    task: Option<TaskId>,
    state: &str,
    others: usize,
    wait: Option<Wait>,
) -> Explanation {
    Explanation {
        run: run.run.clone(),
        workflow: run.workflow.clone(),
        project: run.project.clone(),
        step: step.to_owned(),
        task,
        state: state.to_owned(),
        others,
        reason: None,
        wait,
        attempts: Vec::new(),
        failure: None,
        by_hand: Vec::new(),
    }
}

/// Whether the workflow has a step that the journal has nothing of.
fn is_expected(around: &Surroundings<'_>, step: &str) -> bool {
    let pattern = step_pattern(step);
    around.process.is_some_and(|process| overview::steps_of(process).contains(&pattern))
}

fn unknown(around: &Surroundings<'_>, step: &str) -> ExplainError {
    let mut known = around.process.map(overview::steps_of).unwrap_or_default();
    known.extend(around.run.tasks.values().map(|task| step_pattern(&task.step)));
    let near = sluis_yaml::nearest(step, known.iter().map(String::as_str));
    let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    ExplainError::UnknownStep { run: around.run.run.clone(), step: step.to_owned(), hint }
}
