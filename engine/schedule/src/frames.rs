//! The values of a run: what each frame was given and what its steps gave.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use sluis_cwl::{Process, Shape, Source, Workflow, WorkflowStep};
use sluis_model::{Address, Labels, TaskId, TaskKey, Value, Values};

use crate::{
    begin::addresses_in,
    core::{FrameId, JobId, StepRef},
    groups::{Groups, Known, Members, Whole},
};

/// Values with the labels of everything that went into them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Labelled {
    pub values: Values,
    pub labels: Labels,
}

/// One workflow instance.
pub(crate) struct FrameValues {
    pub workflow: Arc<Workflow>,
    pub inputs: Labelled,
    pub outputs: Vec<Option<Labelled>>,
    pub path: String,
}

/// A step that has jobs and is not gathered yet.
struct OpenStep {
    shape: Shape,
    results: Vec<Option<Values>>,
    /// Of everything that its jobs were given.
    given: Arc<Labels>,
    /// Of that, and of everything that they gave.
    labels: Labels,
    path: String,
    /// Whether its jobs are told apart by their numbers.
    is_scattered: bool,
    first: JobId,
    groups: Option<Groups>,
    /// What was found of its jobs beforehand, by their numbers.
    known: HashMap<u32, Known>,
}

/// A job, as it is kept as long as it is not over. There may be a hundred thousand of them, so that what those of a
/// step have in common stands with the step.
struct Job {
    at: Option<StepRef>,
    task: TaskId,
    given: Values,
}

/// Where a job comes from and what it was given before `valueFrom` and `when`.
pub(crate) struct JobSource {
    pub task: TaskId,
    pub path: String,
    pub process: Process,
    step: Option<(Arc<Workflow>, usize)>,
    pub given: Given,
}

/// What follows from a job's end.
#[derive(Default)]
pub(crate) struct JobDone {
    /// The outputs of the run, if it was the root.
    pub root: Option<Labelled>,
    /// The task group that is whole by it.
    pub group: Option<Whole>,
}

/// What a job was given, with the labels of everything that went into it.
pub(crate) struct Given {
    pub values: Values,
    pub labels: Arc<Labels>,
}

impl JobSource {
    /// A job of a step that is not begun: it has no number and no path yet.
    pub fn of_step(workflow: &Arc<Workflow>, step: usize, process: Process, given: Given) -> Self {
        Self { task: TaskId(0), path: String::new(), process, step: Some((Arc::clone(workflow), step)), given }
    }

    /// The step of which this is a job; `None` for the root.
    pub fn step(&self) -> Option<&WorkflowStep> {
        self.step.as_ref().and_then(|(workflow, index)| workflow.steps.get(*index))
    }
}

impl OpenStep {
    fn path_of(&self, job: JobId) -> String {
        if self.is_scattered { format!("{}[{}]", self.path, job.0 - self.first.0) } else { self.path.clone() }
    }
}

/// All values of a run that some step still may need.
#[derive(Default)]
pub(crate) struct Frames {
    frames: Vec<FrameValues>,
    open_steps: HashMap<StepRef, OpenStep>,
    jobs: HashMap<JobId, Job>,
    /// What the run is, and its path.
    root: Option<(Process, String)>,
    /// The objects that commands of the run gave.
    made: HashSet<Address>,
    numbers: TaskNumbers,
}

/// The numbers of a run's tasks. A task has the same one with every engine that goes on with the run.
#[derive(Default)]
struct TaskNumbers {
    known: HashMap<String, TaskId>,
    next: u32,
}

impl TaskNumbers {
    fn of(&mut self, path: &str) -> TaskId {
        if let Some(known) = self.known.remove(path) {
            return known;
        }
        let number = TaskId(self.next);
        self.next += 1;
        number
    }
}

impl Frames {
    /// For a run whose tasks at these paths have these numbers.
    pub fn numbered(known: HashMap<String, TaskId>) -> Self {
        let next = known.values().map(|task| task.0 + 1).max().unwrap_or(0);
        Self { numbers: TaskNumbers { known, next }, ..Self::default() }
    }

    pub fn open(&mut self, workflow: Arc<Workflow>, inputs: Labelled, path: String) {
        let outputs = (0..workflow.steps.len()).map(|_| None).collect();
        self.frames.push(FrameValues { workflow, inputs, outputs, path });
    }

    pub fn frame(&self, id: FrameId) -> &FrameValues {
        &self.frames[id.0 as usize]
    }

    /// The step's path from the top, for people.
    pub fn step_path(&self, at: StepRef) -> String {
        let frame = self.frame(at.frame);
        let step = &frame.workflow.steps[at.step].id;
        if frame.path.is_empty() { step.clone() } else { format!("{}/{step}", frame.path) }
    }

    /// The value of a source within a frame; `None` if there is none.
    pub fn lookup(frame: &FrameValues, source: &Source) -> Option<Value> {
        match source {
            Source::WorkflowInput(name) => frame.inputs.values.get(name).cloned(),
            Source::StepOutput { step, output } => {
                let index = frame.workflow.steps.iter().position(|candidate| &candidate.id == step)?;
                frame.outputs[index].as_ref()?.values.get(output).cloned()
            }
        }
    }

    /// The labels of everything that the sources of a step can carry.
    pub fn labels_of_step(&self, at: StepRef) -> Labels {
        let frame = self.frame(at.frame);
        let sources = frame.workflow.steps[at.step].inputs.iter().flat_map(|input| &input.sources);
        let mut labels = frame.inputs.labels.clone();
        for source in sources {
            if let Source::StepOutput { step, .. } = source
                && let Some(index) = frame.workflow.steps.iter().position(|candidate| &candidate.id == step)
                && let Some(outputs) = &frame.outputs[index]
            {
                labels.join(&outputs.labels);
            }
        }
        labels
    }

    /// Everything that the frame's inputs and steps carry.
    pub fn labels_of_frame(&self, id: FrameId) -> Labels {
        let frame = self.frame(id);
        let mut labels = frame.inputs.labels.clone();
        for outputs in frame.outputs.iter().flatten() {
            labels.join(&outputs.labels);
        }
        labels
    }

    pub fn add_root(&mut self, process: Process, inputs: Values, path: String) {
        let task = self.numbers.of(&path);
        self.jobs.insert(JobId(0), Job { at: None, task, given: inputs });
        self.root = Some((process, path));
    }

    /// Remembers an expanded step; its jobs are numbered when the core has added them.
    /// What was found of them beforehand is `known`.
    pub fn expand(&mut self, at: StepRef, shape: Shape, jobs: usize, labels: Labels, known: HashMap<u32, Known>) {
        let results = (0..jobs).map(|_| None).collect();
        let path = self.step_path(at);
        let is_scattered = jobs > 1 || self.frame(at.frame).workflow.steps[at.step].scatter.is_some();
        let given = Arc::new(labels.clone());
        let first = JobId(0);
        let groups = is_scattered.then(|| Groups::of(jobs, &known));
        let open = OpenStep { shape, results, given, labels, path, is_scattered, first, groups, known };
        self.open_steps.insert(at, open);
    }

    pub fn add_jobs(&mut self, at: StepRef, first: JobId, given: Vec<Values>) {
        let Some(open) = self.open_steps.get_mut(&at) else { return };
        open.first = first;
        for (index, given) in (first.0..).zip(given) {
            let job = JobId(index);
            let task = self.numbers.of(&open.path_of(job));
            self.jobs.insert(job, Job { at: Some(at), task, given });
        }
    }

    /// Everything that it takes to carry a job out.
    pub fn job(&self, id: JobId) -> Option<JobSource> {
        let Job { at, task, given } = self.jobs.get(&id)?;
        let (process, step, labels) = match at {
            None => (self.root.as_ref()?.0.clone(), None, Arc::default()),
            Some(at) => {
                let workflow = Arc::clone(&self.frame(at.frame).workflow);
                let labels = Arc::clone(&self.open_steps.get(at)?.given);
                (workflow.steps[at.step].run.clone(), Some((workflow, at.step)), labels)
            }
        };
        let given = Given { values: given.clone(), labels };
        Some(JobSource { task: *task, path: self.job_path(id), process, step, given })
    }

    /// What was found of a job beforehand, once.
    pub fn take_known(&mut self, id: JobId) -> Option<Known> {
        let open = self.open_steps.get_mut(&self.jobs.get(&id)?.at?)?;
        open.known.remove(&(id.0 - open.first.0))
    }

    /// The path of a job's step from the top, with its number if there are several, for people; empty if it is over.
    pub fn job_path(&self, id: JobId) -> String {
        match self.jobs.get(&id).map(|job| job.at) {
            Some(Some(at)) => self.open_steps.get(&at).map(|open| open.path_of(id)).unwrap_or_default(),
            Some(None) => self.root.as_ref().map(|(_, path)| path.clone()).unwrap_or_default(),
            None => String::new(),
        }
    }

    /// What stands before the paths of the steps of a workflow that this job is.
    pub fn frame_path(&self, id: JobId) -> String {
        let is_root = self.jobs.get(&id).is_some_and(|job| job.at.is_none());
        if is_root { String::new() } else { self.job_path(id) }
    }

    /// The number of a job's task.
    pub fn task(&self, id: JobId) -> TaskId {
        self.jobs.get(&id).map_or(TaskId(id.0), |job| job.task)
    }

    /// Remembers what a command gave: its labels were decided on with it.
    pub fn note_made(&mut self, outputs: &Values) {
        self.made.extend(addresses_in(outputs));
    }

    /// The objects that these values name and that no command of the run gave, so that their labels have to be looked up.
    pub fn not_made(&self, values: &Values) -> Vec<Address> {
        let mut found = addresses_in(values);
        found.retain(|address| !self.made.contains(address));
        found
    }

    /// Keeps the outputs of a job for its step and lets go of what the job was given. Gives back the root's. `task` is
    /// the task that others may use, if it was one.
    pub fn job_done(&mut self, id: JobId, outputs: Labelled, task: Option<(TaskKey, Address)>) -> JobDone {
        let Some(Job { at, .. }) = self.jobs.remove(&id) else { return JobDone::default() };
        let Some(at) = at else { return JobDone { root: Some(outputs), group: None } };
        let Some(open) = self.open_steps.get_mut(&at) else { return JobDone::default() };
        let Labelled { values, labels } = outputs;
        open.labels.join(&labels);
        let place = (id.0 - open.first.0) as usize;
        if let Some(result) = open.results.get_mut(place) {
            *result = Some(values);
        }
        let whole = open.groups.as_mut().and_then(|groups| groups.done(place, task, &labels));
        let group = whole.map(|Members { jobs, tasks, labels }| {
            let first = JobId(open.first.0 + jobs.start as u32);
            let outputs = open.results[jobs].iter().map(|values| values.clone().unwrap_or_default());
            let tasks = tasks.into_iter().zip(outputs).map(|((key, result), values)| (key, result, values)).collect();
            Whole { first: TaskId(first.0), path: open.path_of(first), tasks, labels }
        });
        JobDone { root: None, group }
    }

    /// Lets later steps see what a job changed in place (CWL v1.2, InplaceUpdateRequirement): the values of the
    /// sources from which the job's step had those inputs are replaced, up to the workflow in which they were made.
    pub fn update_sources(&mut self, job: JobId, updated: &Values, labels: &Labels, owner: &dyn Fn(FrameId) -> JobId) {
        for (input, value) in updated {
            let mut place = self.jobs.get(&job).and_then(|source| Some((source.at?, input.clone())));
            while let Some((at, input)) = place.take() {
                let frame = &mut self.frames[at.frame.0 as usize];
                let step = &frame.workflow.steps[at.step];
                let sources = step.inputs.iter().find(|candidate| candidate.name == input).map(|input| &*input.sources);
                // Several sources, or a scatter, make a value of their own.
                let (Some([source]), None) = (sources, &step.scatter) else { break };
                match source.clone() {
                    Source::StepOutput { step, output } => {
                        let index = frame.workflow.steps.iter().position(|candidate| candidate.id == step);
                        if let Some(outputs) = index.and_then(|index| frame.outputs[index].as_mut()) {
                            outputs.values.insert(output, value.clone());
                            outputs.labels.join(labels);
                        }
                    }
                    Source::WorkflowInput(name) => {
                        frame.inputs.values.insert(name.clone(), value.clone());
                        frame.inputs.labels.join(labels);
                        place = self.jobs.get(&owner(at.frame)).and_then(|source| Some((source.at?, name)));
                    }
                }
            }
        }
    }

    pub fn job_failed(&mut self, id: JobId) {
        self.jobs.remove(&id);
    }

    /// Puts the outputs of a step's jobs together in the shape of its scatter.
    pub fn gather_step(&mut self, at: StepRef) {
        let Some(open) = self.open_steps.remove(&at) else { return };
        let frame = &mut self.frames[at.frame.0 as usize];
        let values = open.shape.gather(&frame.workflow.steps[at.step].outputs, open.results);
        frame.outputs[at.step] = Some(Labelled { values, labels: open.labels });
    }

    /// Lets go of a frame's values once its outputs are gathered.
    pub fn close(&mut self, id: FrameId) {
        let frame = &mut self.frames[id.0 as usize];
        frame.inputs = Labelled::default();
        frame.outputs.clear();
    }
}
