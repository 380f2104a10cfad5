//! Making a job ready: its inputs evaluated, bound, looked up in the task cache and permitted.

use std::{
    collections::HashMap,
    error::Error,
    io::Read,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use sluis_access::{AccessError, Permit, ReadAction, TaskRequest};
use sluis_cwl::{BoundTool, CommandLineTool, Contents, Process, Workflow};
use sluis_executor::{ExecutorError, Outcome};
use sluis_model::{
    Address, File, GpuKind, ImageId, ImageReference, Labels, Location, Mebibytes, ProjectName, RunId, Task, TaskId,
    TaskKey, Values,
};
use sluis_worker::WorkError;
use tokio::runtime::Handle;

use crate::{
    allocator::{self, GpuSet, Needs, Room},
    cache,
    engine::{Engine, RunRequest},
    flight::Flight,
    frames::{JobSource, Labelled},
    record::{FailureKind, Measured},
    resume::Completed,
    retry::{Cause, Raised},
    settings::{Reuse, RunSettings},
    too_large::too_large,
};

/// What all jobs of a run share.
pub(crate) struct RunContext {
    pub engine: Arc<Engine>,
    pub run: RunId,
    pub project: ProjectName,
    pub settings: RunSettings,
    /// What the run had completed when it was interrupted, by the paths of its steps; `None` if it was not.
    completed: Option<HashMap<String, Completed>>,
    pub total: Room,
    images: Mutex<HashMap<ImageReference, ImageId>>,
}

/// What became of a job while it was prepared.
pub(crate) enum Prepared {
    /// It needs no command: skipped, evaluated, or found in the cache.
    Done { done: Done, key: Option<TaskKey>, cached: bool, skipped: bool },
    /// Another job runs the same task just now.
    InFlight(Box<Wanted>),
    /// It is a workflow.
    Nested { workflow: Arc<Workflow>, inputs: Labelled },
    /// Its command has to run.
    ToRun(Box<ToRun>),
}

/// A command that has to run, or the result of another job that runs the same.
pub(crate) struct Wanted {
    bound: BoundTool,
    image: Option<ImageId>,
    pub key: TaskKey,
    labels: Labels,
}

/// What a job gave.
pub(crate) struct Done {
    pub outputs: Labelled,
    /// Inputs that its command changed in place, by the names of the tool's input parameters.
    pub updated: Values,
    /// The object in the store that holds all this; `None` if no command was run.
    pub result: Option<Address>,
}

impl Done {
    fn without_command(outputs: Labelled) -> Self {
        Self { outputs, updated: Values::new(), result: None }
    }
}

/// A job whose command has to run.
pub(crate) struct ToRun {
    pub bound: BoundTool,
    pub image: Option<ImageId>,
    pub key: TaskKey,
    pub permit: Permit,
    /// Keeps others from running the same meanwhile, if they may use its result.
    pub _flight: Option<Flight>,
    pub step: String,
    /// When it began to wait for room.
    pub ready: Instant,
}

/// Why a job failed; the text may name values and is only shown, never kept.
#[derive(Debug)]
pub(crate) struct JobFailure {
    pub kind: FailureKind,
    pub text: String,
    /// Whether another attempt may succeed.
    pub cause: Cause,
    /// Whether what runs commands is away, so that no task of its kind can be run.
    pub is_absence: bool,
    pub log: Option<Address>,
    /// The attempt, in numbers, if a command was run.
    pub measured: Option<Box<Measured>>,
    /// What is kept of the task for explanations, sealed.
    pub account: Option<Address>,
}

impl JobFailure {
    pub fn new(kind: FailureKind, error: &(dyn Error + 'static)) -> Self {
        Self::told(kind, with_causes(error))
    }

    /// A failure in one's own words.
    pub const fn told(kind: FailureKind, text: String) -> Self {
        let cause = if matches!(kind, FailureKind::System) { Cause::Infrastructure } else { Cause::Lasting };
        Self { kind, text, cause, is_absence: false, log: None, measured: None, account: None }
    }

    /// What it means that a worker could not carry out a task.
    pub fn from_work(error: WorkError) -> Self {
        match error {
            WorkError::Input(error) => error.into(),
            WorkError::Collect(_) | WorkError::NotAFile { .. } => Self::new(FailureKind::Outputs, &error),
            WorkError::Executor(ExecutorError::MissingImage { .. } | ExecutorError::ForeignImage { .. }) => {
                Self::new(FailureKind::MissingImage, &error)
            }
            WorkError::Executor(ExecutorError::Program { .. }) => Self::new(FailureKind::NotStarted, &error),
            WorkError::Executor(ExecutorError::Unsupported { .. }) => {
                Self { cause: Cause::Lasting, ..Self::new(FailureKind::System, &error) }
            }
            WorkError::Executor(ExecutorError::Unavailable { .. }) => {
                Self { is_absence: true, ..Self::new(FailureKind::System, &error) }
            }
            WorkError::Seal { ref source, .. } if cause_of(source) == Cause::Lasting => {
                Self { cause: Cause::Lasting, ..Self::new(FailureKind::System, &error) }
            }
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
            Outcome::Preempted => FailureKind::Preempted,
            Outcome::Canceled => FailureKind::System,
        };
        let is_temporary = |code| task.command.temporary_fail_codes.contains(&code);
        let cause = match outcome {
            Outcome::OutOfMemory => Cause::OutOfMemory,
            Outcome::TimeLimit => Cause::TimeLimit,
            Outcome::Preempted => Cause::Preempted,
            Outcome::Exited(code) if is_temporary(code) => Cause::Temporary,
            // By the code by which shells tell it, as for `successCodes`: a container shows no difference.
            Outcome::Signaled(signal) if is_temporary(128 + signal) => Cause::Temporary,
            _ => Cause::Lasting,
        };
        let program = task.command.arguments.first().map_or("", String::as_str);
        let advice = match outcome {
            Outcome::OutOfMemory => {
                format!("; it was given {}, raise ramMin in its ResourceRequirement", task.resources.memory)
            }
            Outcome::TimeLimit => "; raise its ToolTimeLimit".to_owned(),
            _ => String::new(),
        };
        Self { log, cause, ..Self::told(kind, format!("{} ({program}) {outcome}{advice}", task.tool)) }
    }
}

impl From<AccessError> for JobFailure {
    fn from(error: AccessError) -> Self {
        let kind = match &error {
            AccessError::Refused(_) => FailureKind::Refused,
            AccessError::Damaged { .. } => FailureKind::Damaged,
            _ => FailureKind::System,
        };
        Self { cause: cause_of(&error), ..Self::new(kind, &error) }
    }
}

/// Whether another attempt may succeed after the site failed in this way.
const fn cause_of(error: &AccessError) -> Cause {
    match error {
        AccessError::Store(_)
        | AccessError::Audit(_)
        | AccessError::File { .. }
        | AccessError::Plaintext(_)
        | AccessError::Output(_) => Cause::Infrastructure,
        _ => Cause::Lasting,
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
    pub fn new(engine: Arc<Engine>, request: &RunRequest, completed: Option<HashMap<String, Completed>>) -> Self {
        Self {
            total: engine.room,
            engine,
            run: request.run.clone(),
            project: request.project.clone(),
            settings: request.settings.clone(),
            completed,
            images: Mutex::default(),
        }
    }

    /// The run's folder.
    pub fn folder(&self) -> PathBuf {
        self.engine.site.runs_dir().join(self.run.as_str())
    }

    /// Prepares an attempt at a job, given what is raised over what its tool asks for. Blocks: to be called on a thread
    /// that may.
    pub fn prepare(&self, source: &JobSource, raised: Raised) -> Result<Prepared, JobFailure> {
        let contents = SealedContents::new(self);
        let Some(inputs) = self.inputs(source, &contents)? else {
            let outputs = source.step().map_or(&[][..], |step| &step.outputs);
            return Ok(skipped(outputs, contents.labels(&source.given.labels)));
        };
        match &source.process {
            Process::Workflow(workflow) => {
                let inputs = Labelled { values: inputs, labels: contents.labels(&source.given.labels) };
                Ok(Prepared::Nested { workflow: Arc::clone(workflow), inputs })
            }
            Process::ExpressionTool(tool) => {
                let evaluated = tool.evaluate(inputs, &self.engine.evaluator, &contents);
                let values = evaluated.map_err(|error| JobFailure::new(FailureKind::Binding, &error))?;
                let outputs = Labelled { values, labels: contents.labels(&source.given.labels) };
                Ok(Prepared::Done { done: Done::without_command(outputs), key: None, cached: false, skipped: false })
            }
            Process::CommandLineTool(tool) => {
                let mut bound = self.bind(tool, inputs, &contents)?;
                // The command is not told, so it stays the same task with the same key.
                let Task { resources, time_limit, .. } = &mut bound.task;
                raised.replace(&mut resources.memory, time_limit);
                self.prepare_command(source, bound, &contents.labels(&source.given.labels))
            }
            Process::Operation(_) => {
                let text = "an Operation has no implementation to run; give the step a CommandLineTool";
                Err(JobFailure::told(FailureKind::Binding, text.to_owned()))
            }
        }
    }

    /// The key of a job's task, if it is one whose result others may use. Blocks, as [`RunContext::prepare`].
    pub fn shared_key(&self, source: &JobSource) -> Result<Option<TaskKey>, JobFailure> {
        let contents = SealedContents::new(self);
        let Process::CommandLineTool(tool) = &source.process else { return Ok(None) };
        let Some(inputs) = self.inputs(source, &contents)? else { return Ok(None) };
        let bound = self.bind(tool, inputs, &contents)?;
        if !self.may_reuse(source, &bound) {
            return Ok(None);
        }
        let image = bound.task.image.as_ref().map(|image| self.image_id(image)).transpose()?;
        Ok(Some(self.key_of(&bound, image.as_ref())))
    }

    /// What a job gives to its process; `None` if it is skipped.
    fn inputs(&self, source: &JobSource, contents: &SealedContents<'_>) -> Result<Option<Values>, JobFailure> {
        let wrong = |error: &(dyn Error + 'static)| JobFailure::new(FailureKind::Binding, error);
        let given = source.given.values.clone();
        let inputs = match source.step() {
            None => Some(given),
            Some(step) => step.job_inputs(given, &self.engine.evaluator, contents).map_err(|error| wrong(&error))?,
        };
        inputs.map(|inputs| source.process.complete_inputs(inputs)).transpose().map_err(|error| wrong(&error))
    }

    fn bind(
        &self,
        tool: &Arc<CommandLineTool>,
        inputs: Values,
        contents: &SealedContents<'_>,
    ) -> Result<BoundTool, JobFailure> {
        let offer = |count: u32, kind: &GpuKind| self.engine.machine.gpus().of_kind(kind).count() >= count;
        let bound = sluis_cwl::bind_on(tool, inputs, &self.engine.evaluator, contents, &offer);
        bound.map_err(|error| JobFailure::new(FailureKind::Binding, &error))
    }

    fn key_of(&self, bound: &BoundTool, image: Option<&ImageId>) -> TaskKey {
        self.engine.site.task_key(&bound.task.key_material(image.map(ImageId::as_str)))
    }

    /// Whether an earlier result of a job's task may be used.
    fn may_reuse(&self, source: &JobSource, bound: &BoundTool) -> bool {
        match self.settings.reuse {
            _ if self.settings.runs_anew(&source.path) => false,
            Reuse::Nothing => false,
            Reuse::AsDeclared => bound.task.reuse,
            Reuse::Everything => true,
        }
    }

    fn prepare_command(&self, source: &JobSource, bound: BoundTool, labels: &Labels) -> Result<Prepared, JobFailure> {
        self.check_room(&bound.task)?;
        let image = bound.task.image.as_ref().map(|image| self.image_id(image)).transpose()?;
        let key = self.key_of(&bound, image.as_ref());
        let may_reuse = self.may_reuse(source, &bound);
        if let Some(done) = self.find(source, &key, may_reuse)? {
            return Ok(Prepared::Done { done, key: Some(key), cached: true, skipped: false });
        }
        let wanted = Wanted { bound, image, key, labels: labels.clone() };
        if !may_reuse {
            return self.ready_to_run(source, wanted, None);
        }
        match self.engine.flights.try_take(&key) {
            Ok(None) => {
                // Whoever may not run it is not to learn that somebody else does.
                self.permit(source.task, &wanted.bound.task, labels)?;
                Ok(Prepared::InFlight(Box::new(wanted)))
            }
            // Where nothing can be locked a task may be run twice, with the same result.
            flight => self.take_off(source, wanted, flight.ok().flatten()),
        }
    }

    /// Goes on with a job whose task no other job runs any more: it may have left a result.
    pub fn take_off(&self, source: &JobSource, wanted: Wanted, flight: Option<Flight>) -> Result<Prepared, JobFailure> {
        match cache::find(self, &wanted.key)? {
            Some(done) => Ok(Prepared::Done { done, key: Some(wanted.key), cached: true, skipped: false }),
            None => self.ready_to_run(source, wanted, flight),
        }
    }

    fn ready_to_run(&self, source: &JobSource, wanted: Wanted, flight: Option<Flight>) -> Result<Prepared, JobFailure> {
        let Wanted { mut bound, image, key, labels } = wanted;
        let permit = self.permit(source.task, &bound.task, &labels)?;
        // Only now: how large somebody's data are is nobody else's business.
        let (needs, inputs) = (bound.task.resources, self.size_of_inputs(&bound.task)?);
        bound.task.resources.scratch = Mebibytes(needs.scratch.0.saturating_add(inputs.0));
        self.check_room(&bound.task)?;
        let (step, ready) = (source.path.clone(), Instant::now());
        Ok(Prepared::ToRun(Box::new(ToRun { bound, image, key, permit, _flight: flight, step, ready })))
    }

    /// Whether the run was interrupted and is gone on with.
    pub const fn is_resumed(&self) -> bool {
        self.completed.is_some()
    }

    /// An earlier result that may be used. What this run has completed itself it never does again.
    fn find(&self, source: &JobSource, key: &TaskKey, may_reuse: bool) -> Result<Option<Done>, JobFailure> {
        if let Some(completed) = &self.completed
            && let Some(done) = cache::find_own(self, completed.get(&source.path), &source.path, key)?
        {
            return Ok(Some(done));
        }
        if may_reuse { cache::find(self, key) } else { Ok(None) }
    }

    fn permit(&self, id: TaskId, task: &Task, labels: &Labels) -> Result<Permit, JobFailure> {
        let executor = self.engine.executor_of(task);
        Ok(self.engine.site.permit_task(&TaskRequest {
            run: &self.run,
            task: id,
            tool: &task.tool,
            project: &self.project,
            inputs: &task.inputs(),
            derived_from: labels,
            region: self.engine.site.region(),
            executor: executor.name(),
            network: task.network,
        })?)
    }

    /// What a task's inputs take in the scratch folder, where they are opened into.
    fn size_of_inputs(&self, task: &Task) -> Result<Mebibytes, AccessError> {
        let site = &self.engine.site;
        let sizes = task.inputs().into_iter().map(|input| site.size(&input));
        let bytes = sizes.sum::<Result<u64, _>>()?;
        // What is less than the unit is nothing: a thousand tasks with a small file each are not to wait for each other.
        Ok(Mebibytes(bytes >> 20))
    }

    fn check_room(&self, task: &Task) -> Result<(), JobFailure> {
        match too_large(task, self.total, self.engine.machine.gpus()) {
            None => Ok(()),
            Some(text) => Err(JobFailure::told(FailureKind::TooLarge, text)),
        }
    }

    /// Whether commands that a killed engine left running may have GPUs.
    pub fn has_left_gpus(&self) -> bool {
        self.completed.is_some() && self.total.gpus > 0
    }

    /// What a task with GPUs needs: any of its kind, or those of its command that a killed engine left running.
    pub fn needs_with_gpus(&self, to_run: &ToRun, room: Room) -> Needs {
        let (engine, task) = (&self.engine, &to_run.bound.task);
        let gpus = engine.machine.gpus();
        let left = engine.scratch.gpus_left(&self.run, &to_run.key, engine.executor_of(task).name());
        // What cannot be read counts as used by others, so that nothing is handed out twice.
        let left = gpus.named(&left.unwrap_or_default());
        if left.count() >= room.gpus {
            return Needs { room: Room { gpus: left.count(), ..room }, gpus: allocator::Wanted::Left(left) };
        }
        let of_kind = task.gpu_kind.as_ref().map_or(GpuSet::ALL, |kind| gpus.of_kind(kind));
        Needs { room, gpus: allocator::Wanted::Of(of_kind) }
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
            let is_absence = matches!(error, ExecutorError::Unavailable { .. });
            JobFailure { is_absence, ..JobFailure::new(kind, &error) }
        })?;
        self.images.lock().unwrap_or_else(PoisonError::into_inner).insert(image.clone(), id.clone());
        Ok(id)
    }
}

fn skipped(outputs: &[String], labels: Labels) -> Prepared {
    let values: Values = outputs.iter().map(|name| (name.clone(), Default::default())).collect();
    let done = Done::without_command(Labelled { values, labels });
    Prepared::Done { done, key: None, cached: false, skipped: true }
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
