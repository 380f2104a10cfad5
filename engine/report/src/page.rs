//! The page: one file that needs no other, and no network.

use std::fmt;

use askama::Template;
use indexmap::IndexMap;
use jiff::Timestamp;
use sluis_schedule::{FailureKind, RunState, RunSummary, TaskState, TaskSummary, step_pattern};

use crate::{
    advice::Usage,
    numbers::{bytes, cores, time},
    timeline::Timeline,
};

/// The most failures that are told one by one.
const MOST_FAILURES: usize = 500;
/// What the colours of the timeline mean.
const LEGEND: [(&str, &str); 6] = [
    ("queued", "waited for room"),
    ("staging", "inputs staged"),
    ("running", "command ran"),
    ("sealing", "outputs sealed"),
    ("failed", "failed"),
    ("canceled", "cancelled"),
];
/// What stands where nothing is known.
const NOTHING: &str = "–";

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    run: &'a RunSummary,
    state: &'static str,
    class: &'static str,
    facts: Vec<Fact>,
    began: String,
    ended: Option<String>,
    legend: [(&'static str, &'static str); 6],
    timeline: Timeline,
    steps: Vec<Step<'a>>,
    failures: Vec<Failure>,
    failures_left_out: usize,
    advice: Vec<(&'a str, String)>,
    version: &'static str,
}

/// One number at the head of the page.
struct Fact {
    name: &'static str,
    value: String,
}

/// One row of the table of steps.
struct Step<'a> {
    name: &'a str,
    blocked: bool,
    tasks: usize,
    run: u64,
    cached: usize,
    skipped: usize,
    failed: usize,
    mean: String,
    longest: String,
    cores: String,
    cpu_share: String,
    memory: String,
    peak: String,
    memory_share: String,
    read: String,
    written: String,
}

/// An attempt that failed.
struct Failure {
    step: String,
    what: String,
    /// Whether the task was tried again.
    retried: bool,
}

/// The page about a run, as HTML.
///
/// # Errors
/// If the page cannot be put together.
pub fn page(run: &RunSummary) -> Result<String, fmt::Error> {
    let steps = by_step(run);
    let usage: Vec<Usage> = steps.values().map(|tasks| usage_of(tasks)).collect();
    let advice = steps.keys().zip(&usage);
    let advice = advice.flat_map(|(step, usage)| usage.advice().into_iter().map(move |text| (step.as_str(), text)));
    let mut failures = failures(run);
    let failures_left_out = failures.len().saturating_sub(MOST_FAILURES);
    failures.truncate(MOST_FAILURES);
    let (state, class) = state_of(run);
    let page = Page {
        run,
        state,
        class,
        facts: facts(run, &usage),
        began: instant(&run.started),
        ended: run.ended.as_ref().map(instant),
        legend: LEGEND,
        timeline: Timeline::of(run, &steps),
        steps: steps.iter().zip(&usage).map(|((name, tasks), usage)| step(run, name, tasks, usage)).collect(),
        failures,
        failures_left_out,
        advice: advice.collect(),
        version: env!("CARGO_PKG_VERSION"),
    };
    page.render().map_err(|_| fmt::Error)
}

/// The tasks by step, scatters of scatters together; steps without tasks, too.
fn by_step(run: &RunSummary) -> IndexMap<String, Vec<&TaskSummary>> {
    let mut steps: IndexMap<String, Vec<&TaskSummary>> = IndexMap::new();
    for step in run.steps.keys() {
        steps.entry(step_pattern(step)).or_default();
    }
    for task in run.tasks.values() {
        steps.entry(step_pattern(&task.step)).or_default().push(task);
    }
    steps
}

fn usage_of(tasks: &[&TaskSummary]) -> Usage {
    let mut usage = Usage::default();
    tasks.iter().for_each(|task| usage.add(task));
    usage
}

const fn state_of(run: &RunSummary) -> (&'static str, &'static str) {
    match run.state {
        RunState::Running if run.interrupted => ("interrupted", "bad"),
        RunState::Running => ("running", "busy"),
        RunState::Complete => ("complete", "good"),
        RunState::ExecutorError => ("failed", "bad"),
        RunState::SystemError => ("failed (system)", "bad"),
        RunState::Canceled => ("cancelled", "bad"),
    }
}

fn facts(run: &RunSummary, usage: &[Usage]) -> Vec<Fact> {
    let fact = |name, value| Fact { name, value };
    let count = |wanted: fn(&TaskSummary) -> bool| run.tasks.values().filter(|task| wanted(task)).count();
    let sum = |of: fn(&Usage) -> u64| usage.iter().map(of).sum::<u64>();
    let attempts: usize = run.tasks.values().map(|task| task.earlier.len()).sum();
    let elapsed = run.ended.map(|ended| ended.duration_since(run.started).as_millis().max(0) as u64);
    let all = Usage { cpu: sum(|usage| usage.cpu), kept: sum(|usage| usage.kept), ..Usage::default() };
    let peak = usage.iter().filter_map(|usage| usage.peak).max();
    vec![
        fact("Time", elapsed.map_or_else(|| "not over".to_owned(), time)),
        fact("Tasks", run.tasks.len().to_string()),
        fact("Commands run", sum(|usage| usage.measured).to_string()),
        fact("Found in the cache", count(|task| task.cached).to_string()),
        fact("Skipped", count(|task| task.skipped).to_string()),
        fact("Failed", count(|task| task.failure.is_some()).to_string()),
        fact("Attempts tried again", attempts.to_string()),
        fact("Processor time", time(all.cpu)),
        fact("Of the cores kept", all.cpu_share().unwrap_or_else(nothing)),
        fact("Largest task", peak.map_or_else(nothing, bytes)),
        fact("Read", bytes(sum(|usage| usage.read))),
        fact("Written", bytes(sum(|usage| usage.written))),
    ]
}

fn step<'a>(run: &RunSummary, name: &'a str, tasks: &[&TaskSummary], usage: &Usage) -> Step<'a> {
    let count = |wanted: fn(&TaskSummary) -> bool| tasks.iter().filter(|task| wanted(task)).count();
    let if_measured = |text: String| if usage.measured > 0 { text } else { nothing() };
    Step {
        name,
        blocked: tasks.is_empty() && run.steps.iter().any(|(step, facts)| facts.blocked && step_pattern(step) == name),
        tasks: tasks.len(),
        run: usage.measured,
        cached: count(|task| task.cached),
        skipped: count(|task| task.skipped),
        failed: count(|task| task.failure.is_some()),
        mean: usage.mean().unwrap_or_else(nothing),
        longest: if_measured(time(usage.longest)),
        cores: if_measured(cores_and_gpus(usage)),
        cpu_share: usage.cpu_share().unwrap_or_else(nothing),
        memory: if_measured(bytes(usage.memory)),
        peak: usage.peak.map_or_else(nothing, bytes),
        memory_share: usage.memory_share().unwrap_or_else(nothing),
        read: if_measured(bytes(usage.read)),
        written: if_measured(bytes(usage.written)),
    }
}

/// The most cores that a task was given, and the most GPUs if any.
fn cores_and_gpus(usage: &Usage) -> String {
    let cores = cores(usage.cores);
    match usage.gpus {
        0 => cores,
        1 => format!("{cores}, 1 GPU"),
        gpus => format!("{cores}, {gpus} GPUs"),
    }
}

fn failures(run: &RunSummary) -> Vec<Failure> {
    let failure =
        |step: &str, what: &FailureKind, retried| Failure { step: step.to_owned(), what: what.to_string(), retried };
    let of_task = |task: &TaskSummary| {
        let earlier = task.earlier.iter().map(|attempt| failure(&task.step, &attempt.failure, true));
        let last = task.failure.iter().map(|what| failure(&task.step, what, false));
        let canceled = (task.state == TaskState::Canceled).then(|| Failure {
            step: task.step.clone(),
            what: "cancelled".to_owned(),
            retried: false,
        });
        earlier.chain(last).chain(canceled).collect::<Vec<_>>()
    };
    run.tasks.values().flat_map(of_task).collect()
}

fn nothing() -> String {
    NOTHING.to_owned()
}

fn instant(at: &Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
