//! Walking a workflow as a run does.

use std::{
    collections::{HashMap, VecDeque},
    num::NonZero,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use indexmap::IndexMap;
use sluis_cwl::{Process, Source, Workflow, WorkflowStep};
use sluis_model::{Address, ImageId, ImageReference, ProjectName, Value, Values};
use tokio::runtime::Handle;

use super::{PlanError, Planner, StepPlan, look::PlanContents};
use crate::{graph::StepGraph, prepare::with_causes, settings::RunSettings};

/// The most tasks of a scatter that are all looked at. Of more, some that lie evenly among them are.
const MOST_LOOKED_AT: usize = 4096;
const SAMPLE: usize = 512;
/// How many tasks are looked at at once: most of the time goes by waiting for the audit log's disk.
const AT_ONCE: usize = 16;
/// The most problems of one step that are told.
const MOST_PROBLEMS: usize = 5;

/// Outputs; `None` if they are not made yet.
pub(super) type Known = Option<Values>;

/// One walk through a workflow.
pub(super) struct Walk<'p> {
    pub planner: &'p Planner,
    pub handle: &'p Handle,
    /// Plain files by the addresses that they would have.
    pub plain: HashMap<Address, PathBuf>,
    pub workflow: &'p str,
    pub project: &'p ProjectName,
    pub settings: RunSettings,
    pub images: Mutex<HashMap<ImageReference, Result<ImageId, String>>>,
    steps: Mutex<IndexMap<String, StepPlan>>,
}

/// Where in the workflow: the step's path with places in scatters, and without.
#[derive(Clone, Copy)]
pub(super) struct Place<'s> {
    pub path: &'s str,
    pub pattern: &'s str,
}

impl<'p> Walk<'p> {
    pub fn new(
        planner: &'p Planner,
        handle: &'p Handle,
        plain: HashMap<Address, PathBuf>,
        workflow: &'p str,
        project: &'p ProjectName,
        settings: RunSettings,
    ) -> Self {
        let (images, steps) = Default::default();
        Self { planner, handle, plain, workflow, project, settings, images, steps }
    }

    /// Walks the whole.
    pub fn root(&self, process: &Process, inputs: Values) -> Result<(), PlanError> {
        if let Process::Workflow(workflow) = process {
            let inputs = process.complete_inputs(inputs);
            match inputs {
                Ok(inputs) => drop(self.workflow(workflow, &inputs, Place { path: "", pattern: "" })?),
                Err(error) => self.problem(self.workflow, with_causes(&error)),
            }
            return Ok(());
        }
        let place = Place { path: self.workflow, pattern: self.workflow };
        self.note(place.pattern, |step| step.tasks = Some(1));
        self.job(process, inputs, place).map(drop)
    }

    pub fn into_steps(self) -> IndexMap<String, StepPlan> {
        self.steps.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known of a step.
    pub fn note(&self, pattern: &str, change: impl FnOnce(&mut StepPlan)) {
        let mut steps: MutexGuard<'_, _> = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || StepPlan { step: pattern.to_owned(), ..StepPlan::default() };
        change(steps.entry(pattern.to_owned()).or_insert_with(new));
    }

    /// A task that cannot be run.
    pub fn problem(&self, pattern: &str, text: String) {
        self.note(pattern, |step| {
            step.looked_at += 1;
            step.refused += 1;
            if step.problems.len() < MOST_PROBLEMS && !step.problems.contains(&text) {
                step.problems.push(text);
            }
        });
    }

    fn workflow(&self, workflow: &Workflow, inputs: &Values, place: Place<'_>) -> Result<Known, PlanError> {
        let mut outputs: Vec<Known> = vec![None; workflow.steps.len()];
        for index in order_of(workflow) {
            let step = &workflow.steps[index];
            let path = join(place.path, &step.id);
            let pattern = join(place.pattern, &step.id);
            let at = Place { path: &path, pattern: &pattern };
            outputs[index] = self.step(workflow, step, inputs, &outputs, at)?;
        }
        let lookup = |source: &Source| value_of(workflow, inputs, &outputs, source);
        let is_known = |source: &Source| lookup(source).is_some();
        if !workflow.outputs.iter().flat_map(|output| &output.sources).all(is_known) {
            return Ok(None);
        }
        match workflow.gather_outputs(&lookup) {
            Ok(values) => Ok(Some(values)),
            Err(error) => {
                self.problem(if place.pattern.is_empty() { self.workflow } else { place.pattern }, with_causes(&error));
                Ok(None)
            }
        }
    }

    fn step(
        &self,
        workflow: &Workflow,
        step: &WorkflowStep,
        inputs: &Values,
        outputs: &[Known],
        place: Place<'_>,
    ) -> Result<Known, PlanError> {
        let lookup = |source: &Source| value_of(workflow, inputs, outputs, source);
        let missing = missing_steps(step, &lookup);
        let contents = PlanContents { walk: self };
        if !missing.is_empty() {
            let waits: Vec<_> = missing.iter().map(|name| sibling(place.pattern, name)).collect();
            // What is not made yet is null here: it does not decide how often the step runs.
            let with_nulls = |source: &Source| Some(lookup(source).unwrap_or_default());
            let gathered =
                count_is_known(step, &lookup).then(|| step.gather_inputs(&with_nulls, &contents).ok()).flatten();
            let count =
                gathered.and_then(|inputs| step.scatter(inputs).ok()).map(|scattered| scattered.jobs.len() as u64);
            self.open(&step.run, place.pattern, count, &waits);
            return Ok(None);
        }
        let scattered = step.gather_inputs(&lookup, &contents).and_then(|inputs| step.scatter(inputs));
        let scattered = match scattered {
            Ok(scattered) => scattered,
            Err(error) => {
                self.problem(place.pattern, with_causes(&error));
                return Ok(None);
            }
        };
        let count = scattered.jobs.len() as u64;
        self.note(place.pattern, |step| step.tasks = Some(step.tasks.unwrap_or(0) + count));
        let results = self.jobs(step, scattered.jobs, place)?;
        Ok(results.map(|results| scattered.shape.gather(&step.outputs, results)))
    }

    /// A step that depends on what is not made yet, with all that is in it.
    fn open(&self, process: &Process, pattern: &str, count: Option<u64>, waits: &[String]) {
        if let Process::Workflow(workflow) = process {
            for step in &workflow.steps {
                self.open(&step.run, &join(pattern, &step.id), None, waits);
            }
            return;
        }
        self.note(pattern, |step| {
            step.tasks = count.map(|count| step.tasks.unwrap_or(0) + count);
            for name in waits {
                if !step.waits_for.contains(name) {
                    step.waits_for.push(name.clone());
                }
            }
        });
    }

    /// The outputs of a step's jobs, if all of them are known.
    fn jobs(
        &self,
        step: &WorkflowStep,
        jobs: Vec<Values>,
        place: Place<'_>,
    ) -> Result<Option<Vec<Option<Values>>>, PlanError> {
        let total = jobs.len();
        let is_scattered = step.scatter.is_some();
        let every = if total > MOST_LOOKED_AT { total.div_ceil(SAMPLE) } else { 1 };
        let chosen: Vec<(usize, Values)> = jobs.into_iter().enumerate().step_by(every).collect();
        let one = |(index, given): (usize, Values)| {
            let path = if is_scattered { format!("{}[{index}]", place.path) } else { place.path.to_owned() };
            self.step_job(step, given, Place { path: &path, ..place })
        };
        let results = if matches!(step.run, Process::CommandLineTool(_)) && chosen.len() > 1 {
            in_parallel(chosen, &one)?
        } else {
            chosen.into_iter().map(one).collect::<Result<Vec<_>, _>>()?
        };
        let known: Option<Vec<Values>> = results.into_iter().collect();
        Ok(known.filter(|known| known.len() == total).map(|known| known.into_iter().map(Some).collect()))
    }

    fn step_job(&self, step: &WorkflowStep, given: Values, place: Place<'_>) -> Result<Known, PlanError> {
        match step.job_inputs(given, &self.planner.evaluator, &PlanContents { walk: self }) {
            Ok(Some(inputs)) => self.job(&step.run, inputs, place),
            Ok(None) => {
                self.note(place.pattern, |step| {
                    step.looked_at += 1;
                    step.skipped += 1;
                });
                Ok(Some(step.outputs.iter().map(|name| (name.clone(), Value::Null)).collect()))
            }
            Err(error) => {
                self.problem(place.pattern, with_causes(&error));
                Ok(None)
            }
        }
    }

    fn job(&self, process: &Process, inputs: Values, place: Place<'_>) -> Result<Known, PlanError> {
        let inputs = match process.complete_inputs(inputs) {
            Ok(inputs) => inputs,
            Err(error) => {
                self.problem(place.pattern, with_causes(&error));
                return Ok(None);
            }
        };
        match process {
            Process::Workflow(workflow) => {
                // Its jobs are no tasks.
                self.note(place.pattern, |step| step.tasks = None);
                self.workflow(workflow, &inputs, place)
            }
            Process::ExpressionTool(tool) => {
                match tool.evaluate(inputs, &self.planner.evaluator, &PlanContents { walk: self }) {
                    Ok(values) => {
                        self.note(place.pattern, |step| {
                            step.looked_at += 1;
                            step.evaluated += 1;
                        });
                        Ok(Some(values))
                    }
                    Err(error) => {
                        self.problem(place.pattern, with_causes(&error));
                        Ok(None)
                    }
                }
            }
            Process::CommandLineTool(tool) => self.command(tool, inputs, place),
            Process::Operation(_) => {
                self.problem(place.pattern, "an Operation has no implementation to run".to_owned());
                Ok(None)
            }
        }
    }
}

/// Looks at jobs with several threads; their results in order.
fn in_parallel<R: Send>(
    jobs: Vec<(usize, Values)>,
    one: &(dyn Fn((usize, Values)) -> Result<R, PlanError> + Sync),
) -> Result<Vec<R>, PlanError> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let share = jobs.len().div_ceil(AT_ONCE.max(cores)).max(1);
    let mut shares: Vec<Vec<(usize, Values)>> = Vec::new();
    let mut jobs = jobs.into_iter().peekable();
    while jobs.peek().is_some() {
        shares.push(jobs.by_ref().take(share).collect());
    }
    thread::scope(|scope| {
        let work = |share: Vec<(usize, Values)>| move || share.into_iter().map(one).collect::<Result<Vec<_>, _>>();
        let threads: Vec<_> = shares.into_iter().map(|share| scope.spawn(work(share))).collect();
        let mut all = Vec::new();
        for thread in threads {
            match thread.join() {
                Ok(results) => all.extend(results?),
                // It is ours that panicked, and nothing was changed.
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(all)
    })
}

/// The steps, each behind those whose outputs it reads.
fn order_of(workflow: &Workflow) -> Vec<usize> {
    let graph = StepGraph::of_workflow(workflow);
    let mut waiting: Vec<_> = (0..graph.len()).map(|step| graph.predecessors(step)).collect();
    let mut ready: VecDeque<_> = (0..graph.len()).filter(|step| waiting[*step] == 0).collect();
    let mut order = Vec::with_capacity(graph.len());
    while let Some(step) = ready.pop_front() {
        order.push(step);
        for next in graph.successors(step) {
            waiting[next] -= 1;
            if waiting[next] == 0 {
                ready.push_back(next);
            }
        }
    }
    order
}

fn value_of(workflow: &Workflow, inputs: &Values, outputs: &[Known], source: &Source) -> Option<Value> {
    match source {
        Source::WorkflowInput(name) => inputs.get(name).cloned(),
        Source::StepOutput { step, output } => {
            let index = workflow.steps.iter().position(|candidate| &candidate.id == step)?;
            outputs[index].as_ref().map(|values| values.get(output).cloned().unwrap_or_default())
        }
    }
}

/// The steps from which a step reads what is not made yet.
fn missing_steps(step: &WorkflowStep, lookup: &dyn Fn(&Source) -> Option<Value>) -> Vec<String> {
    let mut missing: Vec<String> = Vec::new();
    for source in step.inputs.iter().flat_map(|input| &input.sources) {
        if let Source::StepOutput { step, .. } = source
            && lookup(source).is_none()
            && !missing.contains(step)
        {
            missing.push(step.clone());
        }
    }
    missing
}

/// Whether everything over which a step is scattered is known.
fn count_is_known(step: &WorkflowStep, lookup: &dyn Fn(&Source) -> Option<Value>) -> bool {
    let Some(scatter) = &step.scatter else { return true };
    let scattered = step.inputs.iter().filter(|input| scatter.inputs.contains(&input.name));
    scattered.flat_map(|input| &input.sources).all(|source| lookup(source).is_some())
}

fn join(above: &str, name: &str) -> String {
    if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") }
}

/// The path of another step of the same workflow.
fn sibling(pattern: &str, name: &str) -> String {
    match pattern.rsplit_once('/') {
        Some((above, _)) => format!("{above}/{name}"),
        None => name.to_owned(),
    }
}
