//! The live display of a run: bars on a terminal, plain lines elsewhere.

mod lines;
mod memory;

use std::{
    collections::HashMap,
    io::IsTerminal,
    sync::Arc,
    time::{Duration, Instant},
};

use indexmap::IndexMap;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value as Json, json};
use sluis_model::{RunId, TaskId};
use sluis_schedule::{Engine, RunEvent, Told, step_of};

use crate::output;
use lines::Lines;
use memory::Memory;

/// How a run is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Display {
    /// Bars on a terminal, plain lines elsewhere.
    People,
    /// Plain lines that begin with the run's identifier, since others are shown, too.
    OneOfSeveral,
    /// Only what went wrong.
    Quiet,
    /// Everything that happens, as lines of JSON on standard output; what went wrong is told to people, too.
    Json,
}

impl Display {
    /// What the command line asks for.
    pub const fn asked(quiet: bool, json: bool) -> Self {
        match (quiet, json) {
            (true, _) => Self::Quiet,
            (false, true) => Self::Json,
            (false, false) => Self::People,
        }
    }
}

/// Shows what a run tells.
pub struct Progress {
    lines: Option<(Lines, Memory)>,
    display: Display,
    run: RunId,
    steps: IndexMap<String, Counts>,
    running: HashMap<TaskId, Running>,
    total: Counts,
}

/// A task whose command runs, or whose inputs or outputs are on their way.
struct Running {
    step: String,
    since: Instant,
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

impl Counts {
    /// How many are not over.
    const fn open(&self) -> u32 {
        self.tasks.saturating_sub(self.done + self.failed)
    }
}

impl Progress {
    /// A display of a run that an engine carries out.
    pub fn new(display: Display, engine: &Arc<Engine>, run: &RunId) -> Self {
        let is_live = display == Display::People && std::io::stderr().is_terminal();
        let live = || (Lines::on(ProgressDrawTarget::stderr()), Memory::of(Arc::clone(engine), run.clone()));
        let lines = is_live.then(live);
        let (steps, running, total) = Default::default();
        Self { lines, display, run: run.clone(), steps, running, total }
    }

    /// Takes one thing that the run tells.
    pub fn tell(&mut self, told: Told) {
        match told {
            Told::Problem { step, task, text } => {
                if self.display == Display::Json {
                    self.print(json!({ "event": "problem", "step": step, "task": task, "text": text }));
                }
                let place = if step.is_empty() { String::new() } else { format!("{step}: ") };
                self.say(&format!("error: {place}{text}"), true);
            }
            Told::Event(event) => {
                if self.display == Display::Json {
                    self.print(json!(event));
                }
                self.take(event);
            }
        }
    }

    /// Prints one event as JSON, with the run that it is of.
    fn print(&self, mut event: Json) {
        event["run"] = json!(self.run);
        output::json_line(&event);
    }

    /// What was counted over the whole run.
    pub const fn total(&self) -> Counts {
        self.total
    }

    /// Takes the display away.
    pub fn finish(&self) {
        if let Some((lines, _)) = &self.lines {
            lines.clear();
        }
    }

    /// Draws everything as it is now.
    pub fn draw(&mut self) {
        if let Some((lines, memory)) = &mut self.lines {
            lines.draw(&self.steps, &self.running, &self.total, memory);
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
                self.running.insert(task, Running { step, since: Instant::now() });
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
                self.say(&format!("{step}: failed ({failure})"), true);
            }
            RunEvent::TaskCanceled { task, step } => {
                self.running.remove(&task);
                self.count(&step, |counts| counts.failed += 1);
            }
            RunEvent::ServiceAwaited { what, at, until } => {
                let minutes = until.duration_since(at).as_mins();
                let how = format!("the run waits for it, up to {minutes} min, and goes on when it is back");
                self.say(&format!("{what} does not answer: {how}"), true);
            }
            RunEvent::ServiceBack { what, .. } => self.say(&format!("{what} is back"), true),
            // What went wrong and when it is tried again was told as a problem. An attempt may fail before it starts.
            RunEvent::TaskRetried { task, .. } => {
                self.total.run -= u32::from(self.running.remove(&task).is_some());
            }
            RunEvent::RunStarted { .. }
            | RunEvent::RunResumed { .. }
            | RunEvent::TaskWaits { .. }
            | RunEvent::TaskWaitsNoMore { .. }
            | RunEvent::RunEnded { .. } => {}
        }
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
        match (&self.lines, self.display) {
            (Some((lines, _)), _) => lines.suspend(|| output::note(text)),
            (None, Display::OneOfSeveral) => output::note(&format!("{}: {text}", self.run)),
            (None, Display::Quiet | Display::Json) if !important => {}
            (None, _) => output::note(text),
        }
    }

    /// A line where there are no bars to show the same.
    fn say_plainly(&self, text: &str) {
        if self.lines.is_none() {
            self.say(text, false);
        }
    }
}

/// A bar over a known number of things on standard error, if that is a terminal; none if `quiet`.
pub fn bar(quiet: bool) -> Option<ProgressBar> {
    (!quiet && std::io::stderr().is_terminal()).then(|| {
        let bar = ProgressBar::new(0);
        bar.set_style(style("{spinner} {elapsed_precise} [{bar:24}] {wide_msg}"));
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    })
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
