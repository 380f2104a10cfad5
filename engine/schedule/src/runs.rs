//! What the run journals tell: the runs of a site and how each went.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use indexmap::IndexMap;
use jiff::Timestamp;
use sluis_journal::{Journal, JournalError, Record, Records, Summary};
use sluis_model::{Address, ProjectName, Resources, RunId, RunIdError, TaskId, TaskKey};

use crate::{
    record::{FailureKind, Measured, RunEvent, RunState, TaskState},
    recorder::{JOURNAL, is_under_way},
    settings::RunSettings,
};

/// Why the runs of a site could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RunsError {
    /// There is no such run.
    #[error("there is no run {0}; `sluis status` lists the runs")]
    Unknown(String),
    /// Several runs begin with these letters.
    #[error("several runs begin with {0}; give more of the identifier")]
    Ambiguous(String),
    /// The folder of runs could not be read.
    #[error("the folder of runs {path} cannot be read", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The journal is damaged or unreadable.
    #[error("the journal of run {run} cannot be read")]
    Journal {
        /// The run.
        run: RunId,
        /// Why.
        source: JournalError,
    },
    /// A record in the journal is not one that this version knows.
    #[error("record {position} in the journal of run {run} is not understood")]
    Record {
        /// The run.
        run: RunId,
        /// The record's number.
        position: u64,
        /// Why.
        source: serde_json::Error,
    },
    /// The journal has no beginning.
    #[error("the journal of run {0} does not begin with the run's start")]
    Headless(RunId),
}

/// One run, as its journal tells it.
#[derive(Clone, Debug)]
pub struct RunSummary {
    /// The run.
    pub run: RunId,
    /// The workflow's name.
    pub workflow: String,
    /// The project on whose behalf it ran.
    pub project: ProjectName,
    /// Whether nobody else vouches for who ran it, as on a personal site.
    pub self_issued: bool,
    /// The input object, sealed.
    pub inputs: Address,
    /// The input object as its steps see it, sealed, if that is another.
    pub given: Option<Address>,
    /// The documents that it was loaded from, sealed; `None` if an early version of sluis did not keep them.
    pub documents: Option<Address>,
    /// The output object, sealed.
    pub outputs: Option<Address>,
    /// The files in the input and the output object, and those that the workflow itself names.
    pub files: Vec<Address>,
    /// How it is carried out.
    pub settings: RunSettings,
    /// The engine that carries it out, or was the last to.
    pub engine: String,
    /// Its state; `Running` if its end is not in the journal.
    pub state: RunState,
    /// Whether its end is not in the journal and no engine carries it out any more.
    pub interrupted: bool,
    /// The service that it waits for, or waited for when it was interrupted.
    pub awaited: Option<AwaitedService>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Its steps by path, in order of first appearance.
    pub steps: IndexMap<String, StepSummary>,
    /// Its tasks by number.
    pub tasks: IndexMap<TaskId, TaskSummary>,
}

/// A service without which no command in a container can be run, and which is away.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AwaitedService {
    /// The service, as messages name it.
    pub what: String,
    /// Since when it is away.
    pub since: Timestamp,
    /// Until when it is waited for.
    pub until: Timestamp,
}

/// One step of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct StepSummary {
    /// How many tasks it has.
    pub tasks: u32,
    /// Whether it was not run since something before it failed.
    pub blocked: bool,
}

/// One task of a run.
#[derive(Clone, Debug)]
pub struct TaskSummary {
    /// Its step's path from the top, with its place in a scatter.
    pub step: String,
    /// Its state.
    pub state: TaskState,
    /// Its key in the task cache.
    pub key: Option<TaskKey>,
    /// Its output object, sealed.
    pub result: Option<Address>,
    /// Whether its outputs were there already.
    pub cached: bool,
    /// Whether its condition was false.
    pub skipped: bool,
    /// Why it failed.
    pub failure: Option<FailureKind>,
    /// What its command printed, sealed, if it failed.
    pub log: Option<Address>,
    /// What is kept of it for explanations, sealed, if it failed.
    pub account: Option<Address>,
    /// What the last attempt was given of the machine.
    pub given: Option<Resources>,
    /// How many attempts were begun.
    pub attempts: u32,
    /// The attempts that failed and were followed by another.
    pub earlier: Vec<FailedAttempt>,
    /// The last attempt, in numbers.
    pub measured: Option<Measured>,
    /// Since when it waits for another job that does the same, if it does.
    pub waits_since: Option<Timestamp>,
    /// When its next attempt may begin, if the last one failed and there is another.
    pub next: Option<Timestamp>,
    /// When its last attempt began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// An attempt at a task that was followed by another.
#[derive(Clone, Debug)]
pub struct FailedAttempt {
    /// What it was given of the machine.
    pub given: Option<Resources>,
    /// Why it failed.
    pub failure: FailureKind,
    /// What its command printed, sealed.
    pub log: Option<Address>,
    /// What is kept of it for explanations, sealed.
    pub account: Option<Address>,
    /// The attempt, in numbers.
    pub measured: Option<Measured>,
}

impl TaskSummary {
    /// What the run's journal itself names of it: its output object, and logs and accounts of attempts that failed.
    pub fn sealed(&self) -> impl Iterator<Item = Address> {
        let earlier = self.earlier.iter().flat_map(|attempt| [attempt.log, attempt.account]);
        [self.log, self.account, self.result].into_iter().chain(earlier).flatten()
    }

    /// A failure that an engine had given up on counts as an earlier attempt when the run is gone on with.
    fn set_failure_aside(&mut self) {
        if let Some(failure) = self.failure.take() {
            let (log, account, measured) = (self.log.take(), self.account.take(), self.measured.take());
            self.earlier.push(FailedAttempt { given: self.given, failure, log, account, measured });
        }
    }
}

/// The step of a task: its path without its place in the step's own scatter.
pub fn step_of(path: &str) -> &str {
    match path.rsplit_once('[') {
        Some((step, place)) if place.ends_with(']') => step,
        _ => path,
    }
}

/// The step of a task as the workflow has it: its path without any place in a scatter, `align[3]/sort[1]` as
/// `align/sort`.
pub fn step_pattern(path: &str) -> String {
    path.split('/').map(step_of).collect::<Vec<_>>().join("/")
}

/// The identifiers of all runs below a folder, oldest first.
pub fn list_runs(folder: &Path) -> Result<Vec<RunId>, RunsError> {
    let unreadable = |source| RunsError::Folder { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut runs = Vec::new();
    for entry in entries {
        let name = entry.map_err(unreadable)?.file_name();
        let id: Result<RunId, RunIdError> = name.to_string_lossy().parse();
        if let Ok(id) = id
            && folder.join(id.as_str()).join(JOURNAL).exists()
        {
            runs.push(id);
        }
    }
    runs.sort();
    Ok(runs)
}

/// The run whose identifier begins with `prefix`.
pub fn find_run(folder: &Path, prefix: &str) -> Result<RunId, RunsError> {
    let mut found = list_runs(folder)?.into_iter().filter(|run| run.as_str().starts_with(prefix));
    match (found.next(), found.next()) {
        (Some(run), None) => Ok(run),
        (Some(_), Some(_)) => Err(RunsError::Ambiguous(prefix.to_owned())),
        (None, _) => Err(RunsError::Unknown(prefix.to_owned())),
    }
}

/// What the journal of a run tells.
pub fn read_run(folder: &Path, run: &RunId) -> Result<RunSummary, RunsError> {
    let mut summary = None;
    // Asked first: a run that ends in between has its end in the journal.
    let abandoned = is_abandoned(folder, run)?;
    for event in read_events(folder, run, &Summary::empty())? {
        match (&mut summary, event?) {
            (None, event) => summary = RunSummary::begin(event),
            (Some(summary), event) => summary.apply(event),
        }
    }
    let mut summary = summary.ok_or_else(|| RunsError::Headless(run.clone()))?;
    summary.interrupted = summary.state == RunState::Running && abandoned;
    Ok(summary)
}

/// Whether no engine carries a run out any more; of a run whose end is not in its journal: whether it was interrupted.
pub fn is_abandoned(folder: &Path, run: &RunId) -> Result<bool, RunsError> {
    let folder = folder.join(run.as_str());
    is_under_way(&folder).map(|under_way| !under_way).map_err(|source| RunsError::Folder { path: folder, source })
}

/// The journal of a run.
pub fn journal_of(folder: &Path, run: &RunId) -> PathBuf {
    folder.join(run.as_str()).join(JOURNAL)
}

/// The events in a run's journal behind those that were read before and are summed up in `known`.
pub fn read_events(folder: &Path, run: &RunId, known: &Summary) -> Result<RunEvents, RunsError> {
    let records = Journal::read_after(&journal_of(folder, run), known);
    let records = records.map_err(|source| RunsError::Journal { run: run.clone(), source })?;
    Ok(RunEvents { run: run.clone(), records })
}

/// The events of one run, in order.
#[derive(Debug)]
pub struct RunEvents {
    run: RunId,
    records: Records,
}

impl RunEvents {
    /// What was read so far.
    pub const fn summary(&self) -> &Summary {
        self.records.summary()
    }
}

impl Iterator for RunEvents {
    type Item = Result<RunEvent, RunsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let decode = |record: Record| {
            let position = record.sequence;
            record.decode().map_err(|source| RunsError::Record { run: self.run.clone(), position, source })
        };
        let record = self.records.next()?;
        Some(record.map_err(|source| RunsError::Journal { run: self.run.clone(), source }).and_then(decode))
    }
}

impl RunSummary {
    fn begin(event: RunEvent) -> Option<Self> {
        let RunEvent::RunStarted {
            run,
            workflow,
            project,
            self_issued,
            inputs,
            given,
            documents,
            files,
            settings,
            engine,
            at,
        } = event
        else {
            return None;
        };
        Some(Self {
            run,
            workflow,
            project,
            self_issued,
            inputs,
            given,
            documents,
            outputs: None,
            files,
            settings,
            engine,
            state: RunState::Running,
            interrupted: false,
            awaited: None,
            started: at,
            ended: None,
            steps: IndexMap::new(),
            tasks: IndexMap::new(),
        })
    }

    /// Takes one more event of the run into account.
    pub fn apply(&mut self, event: RunEvent) {
        match event {
            RunEvent::RunStarted { .. } | RunEvent::SubworkflowOpened { .. } => {}
            RunEvent::RunResumed { engine, .. } => {
                (self.engine, self.awaited) = (engine, None);
                self.tasks.values_mut().for_each(|task| task.waits_since = None);
                let cut_short = self.tasks.values_mut().filter(|task| task.state == TaskState::Running);
                cut_short.for_each(|task| task.state = TaskState::Queued);
            }
            RunEvent::StepExpanded { step, tasks } => {
                // What blocked it before the run was resumed may do so no more.
                self.steps.insert(step, StepSummary { tasks, blocked: false });
            }
            RunEvent::StepBlocked { step } => self.steps.entry(step).or_default().blocked = true,
            RunEvent::TaskWaits { task, step, key, at } => {
                let task = self.task(task, step, TaskState::Queued);
                (task.key, task.waits_since) = (Some(key), Some(at));
            }
            RunEvent::TaskWaitsNoMore { task, step } => {
                self.task(task, step, TaskState::Queued);
            }
            RunEvent::ServiceAwaited { what, at, until } => {
                self.awaited = Some(AwaitedService { what, since: at, until });
            }
            RunEvent::ServiceBack { .. } => self.awaited = None,
            RunEvent::TaskStarted { task, step, key, given, at } => {
                let task = self.task(task, step, TaskState::Running);
                task.set_failure_aside();
                (task.key, task.given, task.started, task.ended) = (key, given, Some(at), None);
                task.attempts += 1;
            }
            RunEvent::TaskRetried { task, step, failure, log, measured, account, next, .. } => {
                let task = self.task(task, step, TaskState::Queued);
                task.next = Some(next);
                task.earlier.push(FailedAttempt { given: task.given, failure, log, account, measured });
            }
            RunEvent::TaskComplete { task, step, key, result, cached, skipped, measured, at } => {
                let task = self.task(task, step, TaskState::Complete);
                task.set_failure_aside();
                task.result = result;
                (task.key, task.cached, task.skipped, task.ended) = (key, cached, skipped, Some(at));
                task.measured = measured;
            }
            RunEvent::TaskFailed { task, step, failure, log, measured, account, at } => {
                let state = if failure.is_the_commands() { TaskState::ExecutorError } else { TaskState::SystemError };
                let task = self.task(task, step, state);
                (task.failure, task.log, task.ended) = (Some(failure), log, Some(at));
                (task.measured, task.account) = (measured, account);
            }
            RunEvent::TaskCanceled { task, step } => {
                self.task(task, step, TaskState::Canceled);
            }
            RunEvent::RunEnded { state, outputs, files, at } => {
                self.files.extend(files);
                (self.state, self.outputs, self.ended) = (state, outputs, Some(at));
            }
        }
    }

    fn task(&mut self, id: TaskId, step: String, state: TaskState) -> &mut TaskSummary {
        let task = self.tasks.entry(id).or_insert_with(|| TaskSummary {
            step,
            state,
            key: None,
            result: None,
            cached: false,
            skipped: false,
            failure: None,
            log: None,
            account: None,
            given: None,
            attempts: 0,
            earlier: Vec::new(),
            measured: None,
            waits_since: None,
            next: None,
            started: None,
            ended: None,
        });
        (task.state, task.waits_since) = (state, None);
        task
    }
}
