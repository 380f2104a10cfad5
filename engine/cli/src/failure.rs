//! The one place that turns an error into a message and an exit code.

use std::{error::Error, path::Path};

use serde_json::json;
use sluis_access::{AccessError, AirlockError, DelegateError, KeyChangeError, KmsKeyError};
use sluis_index::IndexError;
use sluis_model::RunId;
use sluis_remote::RemoteError;
use sluis_schedule::{ExplainError, FailureKind, PlanError, RepeatError, ResumeError, RunError, RunsError};
use sluis_store::StoreError;
use sluis_upkeep::UpkeepError;
use sluis_worker::WorkError;
use sluis_yaml::Diagnostics;

use crate::{exit::Exit, output, problems};

/// Why a command could not do what it was asked for.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    message: Message,
    /// In a box, for a result may carry it along many ways.
    run: Option<Box<RunId>>,
}

#[derive(Debug)]
enum Message {
    Text(String),
    Problems(Diagnostics),
    Told,
}

impl Failure {
    /// A failure with a message of its own.
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, message: Message::Text(text.into()), run: None }
    }

    /// A failure with an error as its message, causes included.
    pub fn of(exit: Exit, error: &(dyn Error + 'static)) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str("\n  caused by: ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        Self::new(exit, text)
    }

    /// The same, beginning with the file that it is about.
    #[must_use]
    pub fn about(self, path: &Path) -> Self {
        match self.message {
            Message::Text(text) => Self { message: Message::Text(format!("{}: {text}", path.display())), ..self },
            message => Self { message, ..self },
        }
    }

    /// The same, of a run that began.
    #[must_use]
    pub fn of_run(self, run: &RunId) -> Self {
        Self { run: Some(Box::new(run.clone())), ..self }
    }

    /// The run, if it began.
    pub fn run(&self) -> Option<&RunId> {
        self.run.as_deref()
    }

    /// A failure of which everything was said already.
    pub const fn told(exit: Exit) -> Self {
        Self { exit, message: Message::Told, run: None }
    }

    /// A failure because of problems that were printed already.
    pub fn told_of(problems: &Diagnostics) -> Self {
        Self::told(exit_of_problems(problems))
    }

    /// What it says, in one text.
    pub fn text(&self) -> String {
        match &self.message {
            Message::Told => "it was told above".to_owned(),
            Message::Text(text) => text.clone(),
            Message::Problems(problems) => problems.to_string(),
        }
    }

    /// Prints it to standard error.
    pub fn print(&self, json: bool) {
        match &self.message {
            Message::Told => {}
            Message::Text(text) if json => {
                output::note(&json!({ "error": text, "exit": self.exit as u8 }).to_string());
            }
            Message::Text(text) => output::note(&format!("error: {text}")),
            Message::Problems(problems) if json => output::note(&problems::json(problems).to_string()),
            Message::Problems(problems) => problems::print(problems),
        }
    }
}

impl From<Diagnostics> for Failure {
    fn from(problems: Diagnostics) -> Self {
        Self { exit: exit_of_problems(&problems), message: Message::Problems(problems), run: None }
    }
}

fn exit_of_problems(problems: &Diagnostics) -> Exit {
    if problems.is_unsupported() { Exit::Unsupported } else { Exit::Invalid }
}

impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        let exit = match &error {
            AccessError::Refused(_) | AccessError::NotGranted(_) | AccessError::Public(_) => Exit::Refused,
            AccessError::Store(StoreError::Forbidden { .. }) => Exit::Refused,
            AccessError::NotFound(_) | AccessError::Recovery(_) => Exit::Usage,
            AccessError::KeyChange(KeyChangeError::Empty | KeyChangeError::Passphrase { .. }) => Exit::Usage,
            // As with a bucket: a place outside the EU is refused, whoever names it.
            AccessError::KeyChange(KeyChangeError::Kms(KmsKeyError::Name(_))) => Exit::Refused,
            AccessError::Delegate(DelegateError::Unknown(_)) => Exit::Usage,
            AccessError::Delegate(DelegateError::Key) => Exit::Internal,
            AccessError::Delegate(_) => Exit::Refused,
            AccessError::Airlock(AirlockError::Unknown(_) | AirlockError::Empty | AirlockError::Days) => Exit::Usage,
            AccessError::Airlock(AirlockError::Changed(_)) => Exit::Damaged,
            AccessError::Airlock(_) => Exit::Refused,
            AccessError::AuditLog(error) if error.is_of_the_machine() => Exit::Environment,
            AccessError::Damaged { .. } | AccessError::DamagedTask { .. } | AccessError::AuditLog(_) => Exit::Damaged,
            _ => Exit::Environment,
        };
        Self::of(exit, &error)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Access(error) => error.into(),
            RunError::Remote(RemoteError::Host { .. }) => Self::of(Exit::Refused, &error),
            RunError::Scheduler(_) | RunError::TooLarge(_) | RunError::Lost(_) => Self::of(Exit::Internal, &error),
            error => Self::of(Exit::Environment, &error),
        }
    }
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Access(error) => error.into(),
            IndexError::Runs(error) => error.into(),
            IndexError::Audit(_) => Self::of(Exit::Damaged, &error),
            IndexError::Memory(_) => Self::of(Exit::Environment, &error),
        }
    }
}

impl From<RunsError> for Failure {
    fn from(error: RunsError) -> Self {
        let exit = match &error {
            RunsError::Unknown(_) | RunsError::Ambiguous(_) => Exit::Usage,
            RunsError::Folder { .. } => Exit::Environment,
            _ => Exit::Damaged,
        };
        Self::of(exit, &error)
    }
}

impl From<ResumeError> for Failure {
    fn from(error: ResumeError) -> Self {
        match error {
            ResumeError::Runs(error) => error.into(),
            ResumeError::Lock { .. } => Self::of(Exit::Environment, &error),
            ResumeError::NeverBegan(_) | ResumeError::Ended { .. } | ResumeError::UnderWay(_) => {
                Self::of(Exit::Usage, &error)
            }
        }
    }
}

impl From<ExplainError> for Failure {
    fn from(error: ExplainError) -> Self {
        match error {
            ExplainError::Access(error) => error.into(),
            ExplainError::Runs(error) => error.into(),
            ExplainError::UnknownStep { .. } => Self::of(Exit::Usage, &error),
            ExplainError::Documents { .. } => Self::of(Exit::Environment, &error),
        }
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Input(error) => error.into(),
            PlanError::Access(error) => error.into(),
            PlanError::Runs(error) => error.into(),
        }
    }
}

impl From<RepeatError> for Failure {
    fn from(error: RepeatError) -> Self {
        match error {
            RepeatError::Access(error) => error.into(),
            // Neither is mended by waiting.
            RepeatError::NotKept(_) => Self::of(Exit::Usage, &error),
            RepeatError::Unreadable { .. } => Self::of(Exit::Damaged, &error),
        }
    }
}

impl From<UpkeepError> for Failure {
    fn from(error: UpkeepError) -> Self {
        match error {
            UpkeepError::Access(error) => error.into(),
            UpkeepError::Runs(error) => error.into(),
            UpkeepError::DamagedTask { .. } => Self::of(Exit::Damaged, &error),
            UpkeepError::Lost => Self::of(Exit::Internal, &error),
            error => Self::of(Exit::Environment, &error),
        }
    }
}

impl From<WorkError> for Failure {
    fn from(error: WorkError) -> Self {
        Self::of(Exit::Environment, &error)
    }
}

/// The exit code of a run whose first failure was of this kind.
pub const fn exit_of(kind: &FailureKind) -> Exit {
    match kind {
        FailureKind::Binding => Exit::Invalid,
        FailureKind::Refused => Exit::Refused,
        FailureKind::Damaged => Exit::Damaged,
        FailureKind::MissingImage | FailureKind::TooLarge | FailureKind::System | FailureKind::Preempted => {
            Exit::Environment
        }
        FailureKind::NotStarted
        | FailureKind::ExitCode(_)
        | FailureKind::Signal(_)
        | FailureKind::OutOfMemory
        | FailureKind::TimeLimit
        | FailureKind::Outputs => Exit::TaskFailed,
    }
}
