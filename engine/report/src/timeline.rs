//! The timeline: when each task waited, was staged, ran and was sealed.

use indexmap::IndexMap;
use jiff::Timestamp;
use sluis_schedule::{RunSummary, TaskState, TaskSummary};

use crate::numbers;

/// The most rows that a person can look at. Of a run with more tasks each step has one row.
const MOST_ROWS: usize = 300;
/// The most bars in one row of a step.
const MOST_BARS: usize = 1000;
/// Sizes, in units of the drawing.
const WIDTH: f64 = 1000.0;
const LABEL: f64 = 220.0;
const ROW: f64 = 18.0;
const HEAD: f64 = 22.0;
/// The most characters of a label.
const LABEL_LENGTH: usize = 32;

/// A drawing.
pub(crate) struct Timeline {
    pub height: f64,
    pub rows: Vec<Row>,
    pub ticks: Vec<Tick>,
    /// Whether a row is a step and not a task.
    pub by_step: bool,
}

/// One row of it.
pub(crate) struct Row {
    pub label: String,
    pub full: String,
    pub bar_y: f64,
    pub text_y: f64,
    pub bars: Vec<Bar>,
}

/// One stretch of time.
pub(crate) struct Bar {
    pub x: f64,
    pub width: f64,
    pub class: &'static str,
    /// What a pointer shows.
    pub title: String,
}

/// A line at a time.
pub(crate) struct Tick {
    pub x: f64,
    pub label: String,
}

/// Times on the drawing.
#[derive(Clone, Copy)]
struct Scale {
    begin: Timestamp,
    milliseconds: f64,
}

impl Scale {
    fn x(self, milliseconds: f64) -> f64 {
        let share = (milliseconds / self.milliseconds).clamp(0.0, 1.0);
        round(LABEL + share * (WIDTH - LABEL))
    }

    fn at(self, time: Timestamp) -> f64 {
        time.duration_since(self.begin).as_secs_f64() * 1000.0
    }
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

impl Timeline {
    /// Of the tasks of a run whose commands were started; `steps` are all of its tasks by step.
    pub fn of(run: &RunSummary, steps: &IndexMap<String, Vec<&TaskSummary>>) -> Self {
        let tasks: Vec<_> = run.tasks.values().filter(|task| task.started.is_some()).collect();
        let ends = tasks.iter().flat_map(|task| [task.started, task.ended]).flatten();
        let end = run.ended.into_iter().chain(ends).max().unwrap_or(run.started);
        let milliseconds = (end.duration_since(run.started).as_secs_f64() * 1000.0).max(1.0);
        let scale = Scale { begin: run.started, milliseconds };
        let by_step = tasks.len() > MOST_ROWS;
        let rows: Vec<_> = if by_step { step_rows(steps, scale, end) } else { task_rows(&tasks, scale, end) };
        Self { height: HEAD + rows.len() as f64 * ROW, rows, ticks: ticks(scale), by_step }
    }
}

fn task_rows(tasks: &[&TaskSummary], scale: Scale, end: Timestamp) -> Vec<Row> {
    tasks.iter().enumerate().map(|(index, task)| row(&task.step, index, phases(task, scale, end))).collect()
}

fn step_rows(steps: &IndexMap<String, Vec<&TaskSummary>>, scale: Scale, end: Timestamp) -> Vec<Row> {
    let bars_of = |tasks: &Vec<&TaskSummary>| {
        // What is left out lies between others of the same step.
        let every = tasks.len().div_ceil(MOST_BARS).max(1);
        tasks.iter().step_by(every).filter_map(|task| whole(task, scale, end)).collect::<Vec<_>>()
    };
    let rows = steps.iter().map(|(step, tasks)| (step, bars_of(tasks))).filter(|(_, bars)| !bars.is_empty());
    rows.take(MOST_ROWS).enumerate().map(|(index, (step, bars))| row(step, index, bars)).collect()
}

fn row(name: &str, index: usize, bars: Vec<Bar>) -> Row {
    let y = HEAD + index as f64 * ROW;
    // The end of a path tells more than its beginning.
    let count = name.chars().count();
    let label = if count <= LABEL_LENGTH {
        name.to_owned()
    } else {
        let end: String = name.chars().skip(count - LABEL_LENGTH + 1).collect();
        format!("…{end}")
    };
    Row { label, full: name.to_owned(), bar_y: y + 2.0, text_y: y + 12.0, bars }
}

/// The phases of a task's last attempt.
fn phases(task: &TaskSummary, scale: Scale, end: Timestamp) -> Vec<Bar> {
    let Some(began) = task.started.map(|time| scale.at(time)) else { return Vec::new() };
    let Some(measured) = task.measured else { return whole(task, scale, end).into_iter().collect() };
    let (queued, staging, running) =
        (measured.queued_ms as f64, measured.staging_ms as f64, measured.running_ms as f64);
    let ended = task.ended.map_or(scale.at(end), |time| scale.at(time));
    let started = began + staging;
    let stretches = [
        ("queued", began - queued, began),
        ("staging", began, started),
        (class_of(task), started, started + running),
        ("sealing", started + running, ended),
    ];
    let title = |what: &str, from: f64, to: f64| format!("{}: {what} {}", task.step, numbers::time((to - from) as u64));
    let bars = stretches.into_iter().filter(|(_, from, to)| to > from).map(|(class, from, to)| {
        let what = if class == "queued" { "waited" } else { class };
        bar(scale, class, from, to, title(what, from, to))
    });
    bars.collect()
}

fn whole(task: &TaskSummary, scale: Scale, end: Timestamp) -> Option<Bar> {
    let from = scale.at(task.started?);
    let to = task.ended.map_or(scale.at(end), |time| scale.at(time));
    let title = format!("{}: {}", task.step, numbers::time((to - from).max(0.0) as u64));
    Some(bar(scale, class_of(task), from, to, title))
}

fn bar(scale: Scale, class: &'static str, from: f64, to: f64, title: String) -> Bar {
    let (x, right) = (scale.x(from), scale.x(to));
    // What is short can still be seen.
    Bar { x, width: round((right - x).max(0.75)), class, title }
}

const fn class_of(task: &TaskSummary) -> &'static str {
    match task.state {
        TaskState::ExecutorError | TaskState::SystemError => "failed",
        TaskState::Canceled => "canceled",
        _ => "running",
    }
}

/// Lines at round times, about eight of them.
fn ticks(scale: Scale) -> Vec<Tick> {
    const STEPS: [f64; 19] = [
        1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 15e3, 60e3, 300e3, 900e3, 3600e3,
        14_400e3, 86_400e3,
    ];
    let fitting = STEPS.into_iter().find(|step| scale.milliseconds / step <= 10.0);
    // Of a run of weeks a whole number of days.
    let step = fitting.unwrap_or_else(|| (scale.milliseconds / 10.0 / 86_400e3).ceil() * 86_400e3);
    let count = (scale.milliseconds / step).floor() as u64;
    let tick = |number| {
        let time = number as f64 * step;
        let label = if number == 0 { "0".to_owned() } else { numbers::time(time as u64) };
        Tick { x: scale.x(time), label }
    };
    (0..=count).map(tick).collect()
}
