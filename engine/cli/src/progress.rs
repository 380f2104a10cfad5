//! The live display of a run: bars on a terminal, plain lines elsewhere.

use std::{collections::HashMap, io::IsTerminal, time::Duration};

use indexmap::IndexMap;
use indicatif::{ProgressBar, ProgressStyle};
use sluis_model::TaskId;
use sluis_schedule::{FailureKind, RunEvent, Told};

use crate::output;

/// Shows what a run tells.
pub struct Progress {
    bar: Option<ProgressBar>,
    quiet: bool,
    json: bool,
    steps: IndexMap<String, Counts>,
    running: HashMap<TaskId, String>,
    total: Counts,
}

/// How many tasks are in which state.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Counts {
    /// All that are known.
    pub tasks: u32,
    /// Their command was started.
    pub run: u32,
    /// Outputs are there.
    pub done: u32,
    /// Of these, found in the cache.
    pub cached: u32,
    /// Of these, skipped by their condition.
    pub skipped: u32,
    /// Failed or stopped.
    pub failed: u32,
}

impl Progress {
    /// A display on standard error; none if `quiet`; events as JSON lines if `json`.
    pub fn new(quiet: bool, json: bool) -> Self {
        let bar = (!quiet && !json && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::no_length();
            bar.set_style(style());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        let (steps, running, total) = Default::default();
        Self { bar, quiet, json, steps, running, total }
    }

    /// Takes one thing that the run tells.
    pub fn tell(&mut self, told: Told) {
        match told {
            Told::Problem { step, text, .. } => {
                let place = if step.is_empty() { String::new() } else { format!("{step}: ") };
                self.say(&format!("error: {place}{text}"), true);
            }
            Told::Event(event) => {
                if self.json {
                    output::note(&serde_json::to_string(&event).unwrap_or_default());
                }
                self.take(event);
            }
        }
    }

    /// What was counted over the whole run.
    pub const fn total(&self) -> Counts {
        self.total
    }

    /// Takes the display away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn take(&mut self, event: RunEvent) {
        match event {
            RunEvent::StepExpanded { step, tasks } => {
                self.steps.entry(step).or_default().tasks = tasks;
                self.total.tasks += tasks;
            }
            RunEvent::SubworkflowOpened { step, .. } => {
                if let Some(counts) = self.steps.get_mut(step_of(&step)) {
                    counts.tasks -= 1;
                    self.total.tasks -= 1;
                }
            }
            RunEvent::StepBlocked { step } => {
                self.say(&format!("{step}: not run, since something before it failed"), false)
            }
            RunEvent::TaskStarted { task, step, .. } => {
                self.say_plainly(&format!("{step}: running"));
                self.total.run += 1;
                self.running.insert(task, step);
            }
            RunEvent::TaskComplete { task, step, cached, skipped, .. } => {
                self.running.remove(&task);
                let how = if cached {
                    "cached"
                } else if skipped {
                    "skipped"
                } else {
                    "done"
                };
                self.count(&step, |counts| {
                    counts.done += 1;
                    counts.cached += u32::from(cached);
                    counts.skipped += u32::from(skipped);
                });
                self.say_plainly(&format!("{step}: {how}"));
            }
            RunEvent::TaskFailed { task, step, failure, .. } => {
                self.running.remove(&task);
                self.count(&step, |counts| counts.failed += 1);
                self.say(&format!("{step}: failed ({})", describe(&failure)), true);
            }
            RunEvent::TaskCanceled { task, step } => {
                self.running.remove(&task);
                self.count(&step, |counts| counts.failed += 1);
            }
            RunEvent::RunStarted { .. } | RunEvent::RunEnded { .. } => {}
        }
        self.draw();
    }

    fn count(&mut self, step: &str, change: impl Fn(&mut Counts)) {
        if let Some(counts) = self.steps.get_mut(step_of(step)) {
            change(counts);
        } else {
            self.total.tasks += 1;
        }
        change(&mut self.total);
    }

    fn say(&self, text: &str, important: bool) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::note(text)),
            None if important || !(self.quiet || self.json) => output::note(text),
            None => {}
        }
    }

    /// A line where there is no bar to show the same.
    fn say_plainly(&self, text: &str) {
        if self.bar.is_none() && !self.quiet && !self.json {
            output::note(text);
        }
    }

    fn draw(&self) {
        let Some(bar) = &self.bar else { return };
        let Counts { tasks, done, cached, failed, .. } = self.total;
        bar.set_length(u64::from(tasks));
        bar.set_position(u64::from(done + failed));
        let steps_done = self.steps.values().filter(|counts| counts.done == counts.tasks).count();
        let mut names: Vec<&str> = self.running.values().map(String::as_str).collect();
        names.sort_unstable();
        names.truncate(3);
        bar.set_message(format!(
            "{steps_done}/{} steps · tasks: {} done, {} running, {cached} cached{}  {}",
            self.steps.len(),
            done - cached,
            self.running.len(),
            if failed > 0 { format!(", {failed} failed") } else { String::new() },
            names.join(" "),
        ));
    }
}

/// The step of a task: its path without its place in the step's own scatter.
fn step_of(path: &str) -> &str {
    match path.rsplit_once('[') {
        Some((step, place)) if place.ends_with(']') => step,
        _ => path,
    }
}

/// A failure in words.
pub fn describe(failure: &FailureKind) -> String {
    match failure {
        FailureKind::Binding => "its inputs could not be bound".to_owned(),
        FailureKind::Refused => "access refused".to_owned(),
        FailureKind::MissingImage => "its image is missing".to_owned(),
        FailureKind::TooLarge => "it asks for more than this machine has".to_owned(),
        FailureKind::NotStarted => "its program could not be started".to_owned(),
        FailureKind::ExitCode(code) => format!("exit code {code}"),
        FailureKind::Signal(signal) => format!("ended by signal {signal}"),
        FailureKind::OutOfMemory => "out of memory".to_owned(),
        FailureKind::TimeLimit => "over its time limit".to_owned(),
        FailureKind::Outputs => "its outputs are not as declared".to_owned(),
        FailureKind::Damaged => "stored data are damaged".to_owned(),
        FailureKind::System => "the machine failed it".to_owned(),
    }
}

/// A bar over a known number of things on standard error, if that is a terminal; none if `quiet`.
pub fn bar(quiet: bool) -> Option<ProgressBar> {
    (!quiet && std::io::stderr().is_terminal()).then(|| {
        let bar = ProgressBar::new(0);
        bar.set_style(style());
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    })
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {elapsed_precise} [{bar:24}] {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
