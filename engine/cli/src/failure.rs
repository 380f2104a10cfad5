//! The one place that turns an error into a message and an exit code.

use std::{
    env,
    error::Error,
    io::{self, IsTerminal},
};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::json;
use sluis_access::AccessError;
use sluis_schedule::{FailureKind, RunError, RunsError};
use sluis_worker::WorkError;
use sluis_yaml::{Diagnostics, Severity};

use crate::{exit::Exit, output};

/// Why a command could not do what it was asked for.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    message: Message,
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
        Self { exit, message: Message::Text(text.into()) }
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

    /// A failure of which everything was said already.
    pub const fn told(exit: Exit) -> Self {
        Self { exit, message: Message::Told }
    }

    /// Prints it to standard error.
    pub fn print(&self, json: bool) {
        match &self.message {
            Message::Told => {}
            Message::Text(text) if json => {
                output::note(&json!({ "error": text, "exit": self.exit as u8 }).to_string());
            }
            Message::Text(text) => output::note(&format!("error: {text}")),
            Message::Problems(problems) => print_problems(problems, json),
        }
    }
}

/// Prints every problem of a document: for people with the lines concerned, for scripts as JSON.
pub fn print_problems(problems: &Diagnostics, json: bool) {
    if json {
        let list: Vec<_> = problems
            .iter()
            .map(|problem| {
                json!({
                    "severity": match problem.severity { Severity::Error => "error", Severity::Warning => "warning" },
                    "message": problem.message,
                    "file": &*problem.span.file,
                    "line": problem.span.line,
                    "column": problem.span.column,
                    "help": problem.help,
                })
            })
            .collect();
        return output::note(&serde_json::Value::from(list).to_string());
    }
    for problem in problems.iter() {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(&problem.message));
        if let Some(source) = problems.source(&problem.span.file) {
            let mut snippet = Snippet::source(source)
                .path(&*problem.span.file)
                .annotation(AnnotationKind::Primary.span(problem.span.range()));
            for label in problem.labels.iter().filter(|label| label.span.file == problem.span.file) {
                snippet = snippet.annotation(AnnotationKind::Context.span(label.span.range()).label(&label.message));
            }
            group = group.element(snippet);
        }
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help));
        }
        output::note(&renderer().render(&[group]));
    }
}

/// Colours on a terminal whose user did not turn them off (<https://no-color.org>).
fn renderer() -> Renderer {
    let coloured = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if coloured { Renderer::styled() } else { Renderer::plain() }
}

impl From<Diagnostics> for Failure {
    fn from(problems: Diagnostics) -> Self {
        let exit = if problems.is_unsupported() { Exit::Unsupported } else { Exit::Invalid };
        Self { exit, message: Message::Problems(problems) }
    }
}

impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        let exit = match &error {
            AccessError::Refused(_) => Exit::Refused,
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
            RunError::Scheduler(_) | RunError::Lost(_) => Self::of(Exit::Internal, &error),
            error => Self::of(Exit::Environment, &error),
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
        FailureKind::MissingImage | FailureKind::TooLarge | FailureKind::System => Exit::Environment,
        FailureKind::NotStarted
        | FailureKind::ExitCode(_)
        | FailureKind::Signal(_)
        | FailureKind::OutOfMemory
        | FailureKind::TimeLimit
        | FailureKind::Outputs => Exit::TaskFailed,
    }
}
