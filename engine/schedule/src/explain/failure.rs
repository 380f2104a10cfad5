//! Why a task failed, in words, and what to do about it.

use std::io::{Read, Seek, SeekFrom};

use serde::Serialize;
use sluis_access::{AccessError, ReadAction, Site};
use sluis_model::{Address, Resources};

use crate::{
    account::{Material, TaskAccount},
    record::{FailureKind, Measured},
    runs::RunSummary,
};

/// How much of the end of a log is shown.
const LOG_BYTES: u64 = 16 * 1024;
const LOG_LINES: usize = 20;
const LOG_WIDTH: usize = 400;

/// Why an attempt at a task failed.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct FailureTold {
    /// The cause.
    pub failure: FailureKind,
    /// The cause in words.
    pub what: String,
    /// The message with which it failed.
    pub problem: Option<String>,
    /// What to do.
    pub remedy: Option<String>,
    /// What the command printed, sealed.
    pub log: Option<Address>,
    /// The last lines of it.
    pub log_end: Vec<String>,
}

/// What is known of an attempt that failed.
pub(crate) struct Failed<'a> {
    pub failure: &'a FailureKind,
    pub log: Option<Address>,
    pub account: Option<&'a TaskAccount>,
    pub given: Option<Resources>,
    pub measured: Option<Measured>,
}

/// Explains an attempt that failed.
///
/// # Errors
/// If its log may not be read, or is damaged.
pub(crate) fn tell(site: &Site, run: &RunSummary, failed: &Failed<'_>) -> Result<FailureTold, AccessError> {
    let log_end = match &failed.log {
        Some(log) => end_of_log(site, run, log)?,
        None => Vec::new(),
    };
    Ok(FailureTold {
        failure: failed.failure.clone(),
        what: failed.what(),
        problem: failed.problem(),
        remedy: failed.remedy(run),
        log: failed.log,
        log_end,
    })
}

impl Failed<'_> {
    fn material(&self) -> Option<&Material> {
        self.account.and_then(|account| account.material.as_ref())
    }

    /// The message with which it failed, if that says more than its cause.
    fn problem(&self) -> Option<String> {
        use FailureKind::{ExitCode, OutOfMemory, Signal, TimeLimit};
        let says_more = !matches!(self.failure, ExitCode(_) | Signal(_) | OutOfMemory | TimeLimit);
        self.account.and_then(|account| account.problem.clone()).filter(|_| says_more)
    }

    fn what(&self) -> String {
        let command = match self.material().and_then(|material| material.arguments.first()) {
            Some(program) => format!("its command `{program}`"),
            None => "its command".to_owned(),
        };
        let ran = self
            .measured
            .map_or_else(String::new, |measured| format!(", after {:.1} s", measured.running_ms as f64 / 1000.0));
        match self.failure {
            FailureKind::ExitCode(code) => format!("{command} ended with exit code {code}{}{ran}", meaning(*code)),
            FailureKind::Signal(signal) => format!("{command} was ended by {}{ran}", name_of(*signal)),
            FailureKind::OutOfMemory => {
                let given = self.given.map_or_else(String::new, |given| format!(": it was given {}", given.memory));
                format!("{command} needed more memory than it asked for{given}{ran}")
            }
            FailureKind::TimeLimit => format!("{command} ran longer than its limit and was stopped{ran}"),
            FailureKind::NotStarted => format!("{command} could not be started"),
            FailureKind::Outputs => {
                format!("{command} ended well{ran}, but its outputs are not as the tool declares them")
            }
            other => other.to_string(),
        }
    }

    fn remedy(&self, run: &RunSummary) -> Option<String> {
        Some(match self.failure {
            FailureKind::OutOfMemory => "raise ramMin in the tool's ResourceRequirement".to_owned(),
            FailureKind::TimeLimit => "raise the tool's ToolTimeLimit, or give it less to do".to_owned(),
            FailureKind::NotStarted => "name a program that is in the tool's image, or install it".to_owned(),
            FailureKind::Outputs => "see which files the command leaves by repeating it by hand".to_owned(),
            FailureKind::Refused => format!(
                "`sluis access explain submit DATASET --project {}` says why; the run's refusals are in the audit log: \
                 `sluis audit search --run {} --decision deny`",
                run.project, run.run
            ),
            FailureKind::MissingImage => {
                "load or pull the image on this machine, then run the workflow again".to_owned()
            }
            FailureKind::TooLarge => "lower its ResourceRequirement, or run it on a larger machine".to_owned(),
            FailureKind::Damaged => "`sluis store heal` makes damaged objects again".to_owned(),
            FailureKind::System => {
                "run the workflow again once the machine is in order: what is done is found in the cache".to_owned()
            }
            FailureKind::Binding | FailureKind::ExitCode(_) | FailureKind::Signal(_) | FailureKind::Preempted => {
                return None;
            }
        })
    }
}

/// What shells and most programs mean by an exit code.
const fn meaning(code: i32) -> &'static str {
    match code {
        126 => " (a program that it calls cannot be executed)",
        127 => " (a program that it calls is not there)",
        137 => " (something that it called was killed, often for lack of memory)",
        139 => " (something that it called used memory that is not its own)",
        _ => "",
    }
}

fn name_of(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        4 => "SIGILL, an instruction that this processor does not have",
        6 => "SIGABRT, by which programs end themselves",
        7 => "SIGBUS",
        8 => "SIGFPE, a wrong calculation",
        9 => "SIGKILL, which somebody or the system sent",
        11 => "SIGSEGV, use of memory that is not its own",
        13 => "SIGPIPE",
        15 => "SIGTERM, which somebody sent",
        _ => return format!("signal {signal}"),
    };
    format!("signal {signal} ({name})")
}

/// The last lines of a log, without what could control a terminal.
fn end_of_log(site: &Site, run: &RunSummary, log: &Address) -> Result<Vec<String>, AccessError> {
    let permit = site.permit_read(&run.project, log, ReadAction::Logs)?;
    let mut reader = site.unseal(&permit, log)?;
    let skipped = reader.size().saturating_sub(LOG_BYTES);
    let mut bytes = Vec::new();
    let read = reader.seek(SeekFrom::Start(skipped)).and_then(|_| reader.read_to_end(&mut bytes));
    read.map_err(|error| site.reading_failed(log, error))?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<&str> = text.lines().collect();
    if skipped > 0 && lines.len() > 1 {
        // Its beginning is not there.
        lines.remove(0);
    }
    let from = lines.len().saturating_sub(LOG_LINES);
    Ok(lines[from..].iter().map(|line| printable(line)).collect())
}

fn printable(line: &str) -> String {
    let shown = |character: char| if character.is_control() && character != '\t' { '\u{fffd}' } else { character };
    line.chars().take(LOG_WIDTH).map(shown).collect()
}
