//! Making a job ready: its inputs evaluated, bound, looked up in the task cache and permitted.

use std::{
    collections::HashMap,
    error::Error,
    io::Read,
    sync::{Arc, Mutex, PoisonError},
};

use sluis_access::{AccessError, Permit, ReadAction, TaskRequest};
use sluis_cwl::{BoundTool, Contents, Process, Workflow};
use sluis_executor::{ExecutorError, Outcome};
use sluis_model::{
    Address, File, ImageId, ImageReference, Labels, Location, ProjectName, Resources, RunId, Task, TaskId, TaskKey,
    Values,
};
use sluis_worker::WorkError;
use tokio::runtime::Handle;

use crate::{
    cache,
    core::JobId,
    engine::{Engine, Reuse},
    frames::{JobSource, Labelled},
    record::FailureKind,
};

/// What all jobs of a run share.
pub(crate) struct RunContext {
    pub engine: Arc<Engine>,
    pub run: RunId,
    pub project: ProjectName,
    pub reuse: Reuse,
    pub total: crate::core::Room,
    images: Mutex<HashMap<ImageReference, ImageId>>,
}

/// What became of a job while it was prepared.
pub(crate) enum Prepared {
    /// It needs no command: skipped, evaluated, or found in the cache.
    Done { outputs: Labelled, key: Option<TaskKey>, cached: bool, skipped: bool },
    /// It is a workflow.
    Nested { workflow: Arc<Workflow>, inputs: Labelled },
    /// Its command has to run.
    ToRun(Box<ToRun>),
}

/// A job whose command has to run.
pub(crate) struct ToRun {
    pub bound: BoundTool,
    pub image: Option<ImageId>,
    pub key: TaskKey,
    pub permit: Permit,
    pub step: String,
}

/// Why a job failed; the text may name values and is only shown, never kept.
#[derive(Debug)]
pub(crate) struct JobFailure {
    pub kind: FailureKind,
    pub text: String,
    pub log: Option<Address>,
}

impl JobFailure {
    pub fn new(kind: FailureKind, error: &(dyn Error + 'static)) -> Self {
        Self { kind, text: with_causes(error), log: None }
    }
}

impl JobFailure {
    /// What it means that a worker could not carry out a task.
    pub fn from_work(error: WorkError) -> Self {
        match error {
            WorkError::Input(error) => error.into(),
            WorkError::Collect(_) | WorkError::NotAFile { .. } => Self::new(FailureKind::Outputs, &error),
            WorkError::Executor(ExecutorError::MissingImage { .. } | ExecutorError::ForeignImage { .. }) => {
                Self::new(FailureKind::MissingImage, &error)
            }
            WorkError::Executor(ExecutorError::Program { .. }) => Self::new(FailureKind::NotStarted, &error),
            _ => Self::new(FailureKind::System, &error),
        }
    }

    /// What it means that a command ended in another way than well.
    pub fn from_outcome(outcome: Outcome, task: &Task, log: Option<Address>) -> Self {
        let kind = match outcome {
            Outcome::Exited(code) => FailureKind::ExitCode(code),
            Outcome::Signaled(signal) => FailureKind::Signal(signal),
            Outcome::OutOfMemory => FailureKind::OutOfMemory,
            Outcome::TimeLimit => FailureKind::TimeLimit,
            Outcome::Canceled => FailureKind::System,
        };
        let program = task.command.arguments.first().map_or("", String::as_str);
        let advice = match outcome {
            Outcome::OutOfMemory => {
                format!("; it was given {}, raise ramMin in its ResourceRequirement", task.resources.memory)
            }
            Outcome::TimeLimit => "; raise its ToolTimeLimit".to_owned(),
            _ => String::new(),
        };
        Self { kind, text: format!("{} ({program}) {outcome}{advice}", task.tool), log }
    }
}

impl From<AccessError> for JobFailure {
    fn from(error: AccessError) -> Self {
        let kind = match &error {
            AccessError::Refused(_) => FailureKind::Refused,
            AccessError::Damaged { .. } => FailureKind::Damaged,
            _ => FailureKind::System,
        };
        Self::new(kind, &error)
    }
}

/// An error and its causes in one line.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl RunContext {
    pub fn new(engine: Arc<Engine>, run: RunId, project: ProjectName, reuse: Reuse) -> Self {
        let total = engine.room;
        Self { engine, run, project, reuse, total, images: Mutex::default() }
    }

    /// Prepares a job. Blocks: to be called on a thread that may.
    pub fn prepare(&self, id: JobId, source: &JobSource) -> Result<Prepared, JobFailure> {
        let contents = SealedContents::new(self);
        let wrong = |error: &(dyn Error + 'static)| JobFailure::new(FailureKind::Binding, error);
        let evaluator = &self.engine.evaluator;
        let inputs = match source.step() {
            None => source.given.values.clone(),
            Some(step) => match step.job_inputs(source.given.values.clone(), evaluator, &contents) {
                Ok(Some(inputs)) => inputs,
                Ok(None) => return Ok(skipped(&step.outputs, contents.labels(&source.given.labels))),
                Err(error) => return Err(wrong(&error)),
            },
        };
        let inputs = source.process.complete_inputs(inputs).map_err(|error| wrong(&error))?;
        match &source.process {
            Process::Workflow(workflow) => {
                let inputs = Labelled { values: inputs, labels: contents.labels(&source.given.labels) };
                Ok(Prepared::Nested { workflow: Arc::clone(workflow), inputs })
            }
            Process::ExpressionTool(tool) => {
                let values = tool.evaluate(inputs, evaluator, &contents).map_err(|error| wrong(&error))?;
                let outputs = Labelled { values, labels: contents.labels(&source.given.labels) };
                Ok(Prepared::Done { outputs, key: None, cached: false, skipped: false })
            }
            Process::CommandLineTool(tool) => {
                let bound = sluis_cwl::bind(tool, inputs, evaluator, &contents).map_err(|error| wrong(&error))?;
                self.prepare_command(id, source, bound, &contents.labels(&source.given.labels))
            }
            Process::Operation(_) => Err(JobFailure {
                kind: FailureKind::Binding,
                text: "an Operation has no implementation to run; give the step a CommandLineTool".to_owned(),
                log: None,
            }),
        }
    }

    fn prepare_command(
        &self,
        id: JobId,
        source: &JobSource,
        bound: BoundTool,
        labels: &Labels,
    ) -> Result<Prepared, JobFailure> {
        let site = &self.engine.site;
        self.check_room(bound.task.resources)?;
        let image = bound.task.image.as_ref().map(|image| self.image_id(image)).transpose()?;
        let key = site.task_key(&bound.task.key_material(image.as_ref().map(ImageId::as_str)));
        let may_reuse = match self.reuse {
            Reuse::Nothing => false,
            Reuse::AsDeclared => bound.task.reuse,
            Reuse::Everything => true,
        };
        if may_reuse && let Some(outputs) = cache::find(self, &key)? {
            return Ok(Prepared::Done { outputs, key: Some(key), cached: true, skipped: false });
        }
        let permit = self.permit(id, &bound.task, labels)?;
        Ok(Prepared::ToRun(Box::new(ToRun { bound, image, key, permit, step: source.path.clone() })))
    }

    fn permit(&self, id: JobId, task: &Task, labels: &Labels) -> Result<Permit, JobFailure> {
        let executor = self.engine.executor_of(task);
        Ok(self.engine.site.permit_task(&TaskRequest {
            run: &self.run,
            task: TaskId(id.0),
            tool: &task.tool,
            project: &self.project,
            inputs: &task.inputs(),
            derived_from: labels,
            region: self.engine.site.region(),
            executor: executor.name(),
            network: task.network,
        })?)
    }

    fn check_room(&self, needs: Resources) -> Result<(), JobFailure> {
        if self.total.fits(needs) {
            return Ok(());
        }
        let text = format!(
            "the tool asks for {} cores and {}, this machine has {} cores and {} for tasks; lower its \
             ResourceRequirement or run it on a larger machine",
            needs.cores.0 as f64 / 1000.0,
            needs.memory,
            self.total.cores.0 as f64 / 1000.0,
            self.total.memory,
        );
        Err(JobFailure { kind: FailureKind::TooLarge, text, log: None })
    }

    fn image_id(&self, image: &ImageReference) -> Result<ImageId, JobFailure> {
        let known = self.images.lock().unwrap_or_else(PoisonError::into_inner).get(image).cloned();
        if let Some(id) = known {
            return Ok(id);
        }
        let found = Handle::current().block_on(self.engine.executors.container.image_id(image));
        let id = found.map_err(|error| {
            let kind = match &error {
                ExecutorError::MissingImage { .. } | ExecutorError::ForeignImage { .. } => FailureKind::MissingImage,
                _ => FailureKind::System,
            };
            JobFailure::new(kind, &error)
        })?;
        self.images.lock().unwrap_or_else(PoisonError::into_inner).insert(image.clone(), id.clone());
        Ok(id)
    }
}

fn skipped(outputs: &[String], labels: Labels) -> Prepared {
    let values: Values = outputs.iter().map(|name| (name.clone(), Default::default())).collect();
    Prepared::Done { outputs: Labelled { values, labels }, key: None, cached: false, skipped: true }
}

/// Reads sealed files for `loadContents`, under a permit each, and remembers whose data it read.
pub(crate) struct SealedContents<'a> {
    context: &'a RunContext,
    read: Mutex<Labels>,
}

/// The most that `loadContents` takes (CWL v1.2, CommandInputParameter, `loadContents`).
const CONTENTS_LIMIT: u64 = 64 * 1024;

impl<'a> SealedContents<'a> {
    pub fn new(context: &'a RunContext) -> Self {
        Self { context, read: Mutex::default() }
    }

    /// What was read, joined with `given`.
    pub fn labels(&self, given: &Labels) -> Labels {
        let mut labels = given.clone();
        labels.join(&self.read.lock().unwrap_or_else(PoisonError::into_inner));
        labels
    }
}

impl Contents for SealedContents<'_> {
    fn text(&self, file: &File) -> Result<String, Box<dyn Error + Send + Sync>> {
        let address = match &file.location {
            Location::Literal(text) => return Ok(text.clone()),
            Location::Object(address) => address,
            Location::Remote(address) => return Err(format!("{address} is not fetched yet").into()),
            Location::Path(path) => return Err(format!("{} is not sealed yet", path.display()).into()),
        };
        let site = &self.context.engine.site;
        let permit = site.permit_read(&self.context.project, address, ReadAction::Expression)?;
        self.read.lock().unwrap_or_else(PoisonError::into_inner).join(permit.labels());
        let reader = site.unseal(&permit, address)?;
        if reader.size() > CONTENTS_LIMIT {
            let size = reader.size();
            return Err(format!("{} has {size} bytes, loadContents takes at most 65536", file.basename).into());
        }
        let mut text = String::new();
        reader.take(CONTENTS_LIMIT).read_to_string(&mut text)?;
        Ok(text)
    }
}
