//! What happens in a run, as typed events: the journal keeps them, the terminal shows them.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sluis_model::{Address, ProjectName, Resources, RunId, TaskId, TaskKey, Usage};

use crate::settings::RunSettings;

/// The state of a task, in the words of GA4GH's task execution service.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaskState {
    /// It waits for room.
    Queued,
    /// It is being bound, looked up and permitted.
    Initializing,
    /// Its command runs.
    Running,
    /// Its outputs are in the store.
    Complete,
    /// Its command failed.
    ExecutorError,
    /// sluis or the machine failed it.
    SystemError,
    /// It was stopped.
    Canceled,
}

/// The state of a run, in the words of GA4GH's workflow execution service.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunState {
    /// It runs.
    Running,
    /// All outputs are in the store.
    Complete,
    /// A task's command failed.
    ExecutorError,
    /// The engine ended without ending the run, or could not carry it out.
    SystemError,
    /// It was cancelled.
    Canceled,
}

/// Why a task failed, without any value of its inputs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "detail")]
pub enum FailureKind {
    /// An expression, binding or the step's inputs were wrong.
    Binding,
    /// Access was refused.
    Refused,
    /// The image is not there.
    MissingImage,
    /// No machine of the site has what the task asks for.
    TooLarge,
    /// The command's program could not be started.
    NotStarted,
    /// The command ended with this exit code.
    ExitCode(i32),
    /// The command was ended by this signal.
    Signal(i32),
    /// The command needed more memory than it asked for.
    OutOfMemory,
    /// The command ran longer than its limit.
    TimeLimit,
    /// The command succeeded, but its outputs are not as declared.
    Outputs,
    /// A stored object is damaged.
    Damaged,
    /// The executor, the disk or another part of the machine failed.
    System,
    /// The machine was taken away before the command ended.
    Preempted,
}

impl FailureKind {
    /// Whether the command itself failed, rather than sluis or the machine.
    pub const fn is_the_commands(&self) -> bool {
        matches!(
            self,
            Self::NotStarted
                | Self::ExitCode(_)
                | Self::Signal(_)
                | Self::OutOfMemory
                | Self::TimeLimit
                | Self::Outputs
        )
    }
}

impl fmt::Display for FailureKind {
    /// In words, after which nothing has to follow.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Binding => "its inputs could not be bound",
            Self::Refused => "access refused",
            Self::MissingImage => "its image is missing",
            Self::TooLarge => "it asks for more than this machine has",
            Self::NotStarted => "its program could not be started",
            Self::ExitCode(code) => return write!(f, "exit code {code}"),
            Self::Signal(signal) => return write!(f, "ended by signal {signal}"),
            Self::OutOfMemory => "out of memory",
            Self::TimeLimit => "over its time limit",
            Self::Outputs => "its outputs are not as declared",
            Self::Damaged => "stored data are damaged",
            Self::System => "the machine failed it",
            Self::Preempted => "its machine was taken away",
        })
    }
}

/// One attempt at a task, in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    /// What its command used.
    pub usage: Usage,
    /// How long it waited for room, in milliseconds.
    pub queued_ms: u64,
    /// How long its inputs were staged, in milliseconds.
    pub staging_ms: u64,
    /// How long its command ran, in milliseconds.
    pub running_ms: u64,
    /// How long its outputs were collected and sealed, in milliseconds.
    pub sealing_ms: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Something that happened in a run. No value, path or content of data is in it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum RunEvent {
    /// The run began.
    RunStarted {
        /// The run.
        run: RunId,
        /// The workflow's name.
        workflow: String,
        /// The project on whose behalf it runs.
        project: ProjectName,
        /// Whether nobody else vouches for who runs it, as on a personal site.
        #[serde(default, skip_serializing_if = "is_false")]
        self_issued: bool,
        /// The input object, sealed.
        inputs: Address,
        /// The input object exactly as its steps see it, sealed. Absent if the other says all.
        #[serde(default)]
        given: Option<Address>,
        /// The documents that it was loaded from, sealed; absent in journals of early versions.
        #[serde(default)]
        documents: Option<Address>,
        /// The files in the input object, and those that the workflow itself names.
        #[serde(default)]
        files: Vec<Address>,
        /// How it is carried out; absent in journals of early versions.
        #[serde(default)]
        settings: RunSettings,
        /// The engine process, as the scratch folder names it.
        engine: String,
        /// When.
        at: Timestamp,
    },
    /// A step got its jobs.
    StepExpanded {
        /// The step's path from the top.
        step: String,
        /// How many.
        tasks: u32,
    },
    /// A job of a step turned out to be a workflow: its own steps follow, and it is no task.
    SubworkflowOpened {
        /// The job's number among the run's tasks.
        task: TaskId,
        /// Its step's path from the top, with its place in a scatter.
        step: String,
    },
    /// A step will not run, since something before it failed.
    StepBlocked {
        /// The step's path from the top.
        step: String,
    },
    /// An engine goes on with the run after another one ended without ending it.
    RunResumed {
        /// The engine process, as the scratch folder names it.
        engine: String,
        /// When.
        at: Timestamp,
    },
    /// A task waits for another job that does the same now, of this run or another one.
    TaskWaits {
        /// The task.
        task: TaskId,
        /// Its step's path from the top.
        step: String,
        /// Its key in the task cache, which is that of the other.
        key: TaskKey,
        /// Since when.
        at: Timestamp,
    },
    /// The other job ended without a result: the task is to be run by this run.
    TaskWaitsNoMore {
        /// The task.
        task: TaskId,
        /// Its step's path from the top.
        step: String,
    },
    /// A service without which no command in a container can be run went away, and is waited for.
    ServiceAwaited {
        /// The service, as messages name it.
        what: String,
        /// Since when.
        at: Timestamp,
        /// For how long.
        until: Timestamp,
    },
    /// A service that was waited for is back.
    ServiceBack {
        /// The service, as messages name it.
        what: String,
        /// Since when.
        at: Timestamp,
    },
    /// An attempt at a task began.
    TaskStarted {
        /// The task.
        task: TaskId,
        /// Its step's path from the top.
        step: String,
        /// Its key in the task cache; absent in journals of early versions.
        #[serde(default)]
        key: Option<TaskKey>,
        /// What it was given of the machine; absent in journals of early versions.
        #[serde(default)]
        given: Option<Resources>,
        /// When.
        at: Timestamp,
    },
    /// A task's outputs are there.
    TaskComplete {
        /// The task.
        task: TaskId,
        /// Its step's path from the top.
        step: String,
        /// Its key in the task cache; `None` for expressions and skipped steps, which are not cached.
        key: Option<TaskKey>,
        /// Its output object, sealed; absent without a key, and in journals of early versions.
        #[serde(default)]
        result: Option<Address>,
        /// Whether they were there already.
        cached: bool,
        /// Whether its condition was false, so that all outputs are null.
        skipped: bool,
        /// The attempt that succeeded, in numbers, if a command was run.
        #[serde(default)]
        measured: Option<Measured>,
        /// When.
        at: Timestamp,
    },
    /// A task failed.
    TaskFailed {
        /// The task.
        task: TaskId,
        /// Its step's path from the top.
        step: String,
        /// Why.
        failure: FailureKind,
        /// What the command printed, sealed.
        log: Option<Address>,
        /// The last attempt, in numbers, if a command was run.
        #[serde(default)]
        measured: Option<Measured>,
        /// What is kept of the task for explanations, sealed.
        #[serde(default)]
        account: Option<Address>,
        /// When.
        at: Timestamp,
    },
    /// An attempt at a task failed, and there will be another.
    TaskRetried {
        /// The task.
        task: TaskId,
        /// Its step's path from the top.
        step: String,
        /// Why the attempt failed.
        failure: FailureKind,
        /// What the command printed, sealed.
        log: Option<Address>,
        /// The attempt, in numbers, if a command was run.
        measured: Option<Measured>,
        /// What is kept of the attempt for explanations, sealed.
        #[serde(default)]
        account: Option<Address>,
        /// When the attempt failed.
        at: Timestamp,
        /// When the next one may begin.
        next: Timestamp,
    },
    /// A task was stopped.
    TaskCanceled {
        /// The task.
        task: TaskId,
        /// Its step's path from the top.
        step: String,
    },
    /// The run ended.
    RunEnded {
        /// How.
        state: RunState,
        /// The output object, sealed.
        outputs: Option<Address>,
        /// The files in the output object.
        #[serde(default)]
        files: Vec<Address>,
        /// When.
        at: Timestamp,
    },
}
