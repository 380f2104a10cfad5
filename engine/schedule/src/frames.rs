//! The values of a run: what each frame was given and what its steps gave.

use std::{collections::HashMap, sync::Arc};

use sluis_cwl::{Process, Shape, Source, Workflow, WorkflowStep};
use sluis_model::{Labels, TaskId, Value, Values};

use crate::core::{FrameId, JobId, StepRef};

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
pub(crate) struct OpenStep {
    pub shape: Shape,
    pub results: Vec<Option<Values>>,
    pub labels: Labels,
    pub first: JobId,
}

/// Where a job comes from and what it was given before `valueFrom` and `when`.
#[derive(Clone)]
pub(crate) struct JobSource {
    pub at: Option<StepRef>,
    pub task: TaskId,
    pub path: String,
    pub process: Process,
    pub step: Option<(Arc<Workflow>, usize)>,
    pub given: Labelled,
}

impl JobSource {
    /// What stands before the paths of the steps of a workflow that this job is.
    pub fn frame_path(&self) -> &str {
        if self.at.is_none() { "" } else { &self.path }
    }

    /// The step of which this is a job; `None` for the root.
    pub fn step(&self) -> Option<&WorkflowStep> {
        self.step.as_ref().and_then(|(workflow, index)| workflow.steps.get(*index))
    }
}

/// All values of a run that some step still may need.
#[derive(Default)]
pub(crate) struct Frames {
    frames: Vec<FrameValues>,
    open_steps: HashMap<StepRef, OpenStep>,
    jobs: HashMap<JobId, JobSource>,
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
        let given = Labelled { values: inputs, labels: Labels::default() };
        let task = self.numbers.of(&path);
        self.jobs.insert(JobId(0), JobSource { at: None, task, path, process, step: None, given });
    }

    /// Remembers an expanded step; its jobs are numbered when the core has added them.
    pub fn expand(&mut self, at: StepRef, shape: Shape, jobs: usize, labels: Labels) {
        let results = (0..jobs).map(|_| None).collect();
        self.open_steps.insert(at, OpenStep { shape, results, labels, first: JobId(0) });
    }

    pub fn add_jobs(&mut self, at: StepRef, first: JobId, given: Vec<Values>) {
        let path = self.step_path(at);
        let workflow = Arc::clone(&self.frame(at.frame).workflow);
        let process = workflow.steps[at.step].run.clone();
        let Some(open) = self.open_steps.get_mut(&at) else { return };
        open.first = first;
        let scattered = given.len() > 1 || workflow.steps[at.step].scatter.is_some();
        for (index, values) in given.into_iter().enumerate() {
            let path = if scattered { format!("{path}[{index}]") } else { path.clone() };
            let source = JobSource {
                at: Some(at),
                task: self.numbers.of(&path),
                path,
                process: process.clone(),
                step: Some((Arc::clone(&workflow), at.step)),
                given: Labelled { values, labels: open.labels.clone() },
            };
            self.jobs.insert(JobId(first.0 + index as u32), source);
        }
    }

    pub fn job(&self, id: JobId) -> Option<&JobSource> {
        self.jobs.get(&id)
    }

    /// Keeps the outputs of a job for its step and lets go of what the job was given. Gives back the root's.
    pub fn job_done(&mut self, id: JobId, outputs: Labelled) -> Option<Labelled> {
        let source = self.jobs.remove(&id)?;
        let Some(at) = source.at else { return Some(outputs) };
        if let Some(open) = self.open_steps.get_mut(&at) {
            open.labels.join(&outputs.labels);
            let place = (id.0 - open.first.0) as usize;
            if let Some(result) = open.results.get_mut(place) {
                *result = Some(outputs.values);
            }
        }
        None
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
