//! A run at a glance: a line for each step.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde::Serialize;
use sluis_cwl::Process;

use super::waiting::{Surroundings, Wait};
use crate::{
    record::{FailureKind, TaskState},
    runs::{TaskSummary, step_pattern},
};

/// How a step of a run went, all places of scatters together.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct StepLine {
    /// The step, as the workflow has it.
    pub step: String,
    /// Tasks of which the journal has something.
    pub tasks: usize,
    /// Of these, found in the task cache.
    pub cached: usize,
    /// Of these, skipped by their condition.
    pub skipped: usize,
    /// Of these, done in another way.
    pub done: usize,
    /// Of these, running.
    pub running: usize,
    /// Of these, failed.
    pub failed: usize,
    /// Of these, cancelled.
    pub canceled: usize,
    /// Why the first failed.
    pub failure: Option<FailureKind>,
    /// Why it has no tasks, or fewer than it will have.
    pub wait: Option<Wait>,
}

/// All steps of a run, in the order of the workflow.
pub(crate) fn lines(around: &Surroundings<'_>) -> Vec<StepLine> {
    let mut lines: IndexMap<String, StepLine> = IndexMap::new();
    let mut expected: IndexMap<String, u64> = IndexMap::new();
    let known = around.process.map(steps_in_order).unwrap_or_default();
    for step in known.into_iter().chain(around.run.steps.keys().map(|step| step_pattern(step))) {
        lines.entry(step.clone()).or_insert_with(|| StepLine { step, ..StepLine::default() });
    }
    for (step, facts) in &around.run.steps {
        *expected.entry(step_pattern(step)).or_default() += u64::from(facts.tasks);
    }
    for task in around.run.tasks.values() {
        let step = step_pattern(&task.step);
        lines.entry(step.clone()).or_insert_with(|| StepLine { step, ..StepLine::default() }).add(task);
    }
    // A step whose jobs are workflows has the tasks of their steps.
    let inner: Vec<_> =
        lines.keys().filter_map(|step| step.rsplit_once('/').map(|(outer, _)| outer.to_owned())).collect();
    lines.retain(|step, line| line.tasks > 0 || !inner.contains(step));
    for line in lines.values_mut() {
        let all = expected.get(&line.step).copied();
        let is_blocked = around.run.steps.iter().any(|(step, facts)| facts.blocked && step_pattern(step) == line.step);
        if is_blocked || all.is_none_or(|all| (line.tasks as u64) < all) {
            line.wait = Some(around.why(&line.step, None));
        } else if line.is_under_way() {
            let mut tasks = around.run.tasks.values().filter(|task| step_pattern(&task.step) == line.step);
            let waits = tasks.find(|task| task.state == TaskState::Queued);
            line.wait = waits.map(|task| around.why(&task.step, Some(task)));
        }
    }
    lines.into_values().collect()
}

impl StepLine {
    /// Whether a task is left of which it is not known how it went.
    const fn is_under_way(&self) -> bool {
        self.tasks > self.cached + self.skipped + self.done + self.failed + self.canceled + self.running
    }

    fn add(&mut self, task: &TaskSummary) {
        self.tasks += 1;
        match task.state {
            TaskState::Complete if task.cached => self.cached += 1,
            TaskState::Complete if task.skipped => self.skipped += 1,
            TaskState::Complete => self.done += 1,
            TaskState::Running => self.running += 1,
            TaskState::Canceled => self.canceled += 1,
            TaskState::ExecutorError | TaskState::SystemError => self.failed += 1,
            TaskState::Queued | TaskState::Initializing => {}
        }
        if self.failure.is_none() {
            self.failure.clone_from(&task.failure);
        }
    }
}

/// The paths of all steps below a process, in the order of the documents.
fn steps_in_order(process: &Process) -> Vec<String> {
    let mut steps = Vec::new();
    list(process, "", &mut steps);
    steps
}

/// The same, to look into.
pub(crate) fn steps_of(process: &Process) -> BTreeSet<String> {
    steps_in_order(process).into_iter().collect()
}

fn list(process: &Process, above: &str, steps: &mut Vec<String>) {
    let Process::Workflow(workflow) = process else { return };
    for step in &workflow.steps {
        let path = format!("{above}{}", step.id);
        steps.push(path.clone());
        list(&step.run, &format!("{path}/"), steps);
    }
}
