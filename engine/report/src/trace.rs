//! The trace: a line for each attempt at a task, in columns that users of Nextflow's trace know. `docs/trace.md`
//! describes them.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use jiff::{SignedDuration, Timestamp};
use sluis_model::{Resources, TaskId, TaskKey, Usage};
use sluis_schedule::{FailureKind, Measured, RunEvent, step_of};

/// The names of the columns, in order.
pub const COLUMNS: [&str; 23] = [
    "task_id",
    "hash",
    "process",
    "name",
    "status",
    "exit",
    "submit",
    "start",
    "complete",
    "duration",
    "realtime",
    "queued",
    "staging",
    "sealing",
    "%cpu",
    "cpus",
    "memory",
    "peak_rss",
    "rchar",
    "wchar",
    "attempt",
    "accelerator",
    "error",
];

/// What stands where nothing is known.
const NOTHING: &str = "-";

/// Writes a line for each attempt as it ends.
#[derive(Debug)]
pub struct Trace<W> {
    out: W,
    open: HashMap<TaskId, Open>,
}

/// A task that was started and has not ended for good.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    at: Option<Timestamp>,
    key: Option<TaskKey>,
    given: Option<Resources>,
    attempt: u32,
}

/// One line.
struct Line<'a> {
    task: TaskId,
    step: &'a str,
    status: &'static str,
    exit: Option<i32>,
    key: Option<TaskKey>,
    open: Open,
    measured: Option<Measured>,
    /// When it ended, if the journal says so.
    at: Option<Timestamp>,
    error: Option<&'a FailureKind>,
}

impl<W: Write> Trace<W> {
    /// A trace that begins with the names of the columns.
    ///
    /// # Errors
    /// What the writer says.
    pub fn begin(mut out: W) -> io::Result<Self> {
        writeln!(out, "{}", COLUMNS.join("\t"))?;
        Ok(Self { out, open: HashMap::new() })
    }

    /// Takes one event of the run into account.
    ///
    /// # Errors
    /// What the writer says.
    pub fn take(&mut self, event: &RunEvent) -> io::Result<()> {
        match event {
            RunEvent::TaskStarted { task, key, given, at, .. } => {
                let open = self.open.entry(*task).or_default();
                *open = Open { at: Some(*at), key: *key, given: *given, attempt: open.attempt + 1 };
                Ok(())
            }
            RunEvent::TaskComplete { task, step, key, cached, skipped, measured, at, .. } => {
                let (status, exit) = match (cached, skipped) {
                    (true, _) => ("CACHED", Some(0)),
                    (_, true) => ("SKIPPED", None),
                    _ => ("COMPLETED", key.map(|_| 0)),
                };
                let open = self.open.remove(task).unwrap_or_default();
                let (task, measured, at) = (*task, *measured, Some(*at));
                self.write(&Line { task, step, status, exit, key: *key, open, measured, at, error: None })
            }
            RunEvent::TaskFailed { task, step, failure, measured, at, .. } => {
                let open = self.open.remove(task).unwrap_or_default();
                self.write(&Line::failed(*task, step, failure, open, *measured, *at))
            }
            RunEvent::TaskRetried { task, step, failure, measured, at, .. } => {
                let open = self.open.get(task).copied().unwrap_or_default();
                self.write(&Line::failed(*task, step, failure, open, *measured, *at))
            }
            RunEvent::TaskCanceled { task, step } => {
                let open = self.open.remove(task).unwrap_or_default();
                let line = Line {
                    task: *task,
                    step,
                    status: "ABORTED",
                    exit: None,
                    key: open.key,
                    open,
                    measured: None,
                    at: None,
                    error: None,
                };
                self.write(&line)
            }
            _ => Ok(()),
        }
    }

    /// Hands on what is not written yet.
    ///
    /// # Errors
    /// What the writer says.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn write(&mut self, line: &Line<'_>) -> io::Result<()> {
        writeln!(self.out, "{}", line.cells().join("\t"))
    }
}

impl<'a> Line<'a> {
    const fn failed(
        task: TaskId,
        step: &'a str,
        failure: &'a FailureKind,
        open: Open,
        measured: Option<Measured>,
        at: Timestamp,
    ) -> Self {
        let exit = match failure {
            FailureKind::ExitCode(code) => Some(*code),
            // As a shell tells it.
            FailureKind::Signal(signal) => Some(128 + *signal),
            _ => None,
        };
        Self { task, step, status: "FAILED", exit, key: open.key, open, measured, at: Some(at), error: Some(failure) }
    }

    fn cells(&self) -> [String; COLUMNS.len()] {
        let Open { at: began, given, attempt, .. } = self.open;
        let of = |read: fn(&Measured) -> u64| self.measured.as_ref().map(read);
        let used = |read: fn(&Usage) -> Option<u64>| self.measured.as_ref().and_then(|measured| read(&measured.usage));
        let (queued, staging, running) =
            (of(|measured| measured.queued_ms), of(|measured| measured.staging_ms), of(|measured| measured.running_ms));
        // Without a command everything is at one instant.
        let submit = began.map_or(self.at, |began| earlier(began, queued.unwrap_or(0)));
        let start = began.map_or(self.at, |began| later(began, staging.unwrap_or(0)));
        let duration = submit.zip(self.at).map(|(submit, at)| at.duration_since(submit).as_millis().max(0));
        [
            self.task.to_string(),
            self.key.as_ref().map_or_else(|| NOTHING.to_owned(), hash),
            clean(step_of(self.step)),
            clean(self.step),
            self.status.to_owned(),
            or_nothing(self.exit),
            or_nothing(submit.map(instant)),
            or_nothing(start.map(instant)),
            or_nothing(self.at.map(instant)),
            or_nothing(duration),
            or_nothing(running),
            or_nothing(queued),
            or_nothing(staging),
            or_nothing(of(|measured| measured.sealing_ms)),
            or_nothing(used(|usage| usage.cpu_ms).zip(running).and_then(|(cpu, running)| percent(cpu, running))),
            or_nothing(given.map(|given| given.cores.0 as f64 / 1000.0)),
            or_nothing(given.map(|given| given.memory.bytes())),
            or_nothing(used(|usage| usage.peak_memory)),
            or_nothing(used(|usage| usage.read)),
            or_nothing(used(|usage| usage.written)),
            or_nothing((attempt > 0).then_some(attempt)),
            or_nothing(given.map(|given| given.gpus).filter(|gpus| *gpus > 0)),
            or_nothing(self.error),
        ]
    }
}

fn or_nothing(value: Option<impl ToString>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| value.to_string())
}

/// A step's name in a cell: what would end the cell is a space.
fn clean(text: &str) -> String {
    text.replace(['\t', '\n', '\r'], " ")
}

/// The beginning of a key as Nextflow writes its hashes.
fn hash(key: &TaskKey) -> String {
    let digits = key.hex();
    format!("{}/{}", &digits[..2], &digits[2..8])
}

fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S.%3f").to_string()
}

fn earlier(at: Timestamp, milliseconds: u64) -> Option<Timestamp> {
    at.checked_sub(SignedDuration::from_millis(i64::try_from(milliseconds).ok()?)).ok()
}

fn later(at: Timestamp, milliseconds: u64) -> Option<Timestamp> {
    at.checked_add(SignedDuration::from_millis(i64::try_from(milliseconds).ok()?)).ok()
}

/// Of one core.
fn percent(cpu_ms: u64, running_ms: u64) -> Option<String> {
    (running_ms > 0).then(|| format!("{:.1}", cpu_ms as f64 / running_ms as f64 * 100.0))
}
