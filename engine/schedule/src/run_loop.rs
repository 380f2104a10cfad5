//! Carrying out one run: the core's effects become work on other threads, whose results come back as events.

use std::{
    collections::{HashMap, VecDeque},
    error::Error,
    fs,
    path::Path,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use sluis_cwl::{BoundTool, Shape};
use sluis_executor::Outcome;
use sluis_model::{Labels, TaskId, Value, Values};
use sluis_worker::{Collect, WorkRequest};
use tokio::{
    sync::mpsc,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{
    begin::{Begun, addresses_in, begin, seal_object},
    cache,
    core::{Core, Effect, Event, FrameId, JobEnd, JobId, StepRef},
    engine::{Engine, RunError, RunRequest, RunResult, Told},
    frames::{Frames, Labelled},
    graph::StepGraph,
    prepare::{JobFailure, Prepared, RunContext, SealedContents, ToRun, with_causes},
    record::{FailureKind, RunEvent, RunState},
    recorder::Recorder,
};

/// How many jobs are prepared ahead of those that run: enough to keep every core busy and to let permits share the
/// audit log's disk writes, few enough that a withdrawn grant soon takes effect.
const WINDOW_PER_CORE: u64 = 8;

/// How often it is looked whether what runs is still permitted.
const PERMITS_CHECKED: Duration = Duration::from_secs(1);

/// What comes back from other threads.
enum Answer {
    Expanded { at: StepRef, outcome: Result<(Shape, Vec<Values>, Labels), String> },
    Prepared { job: JobId, outcome: Result<Prepared, JobFailure> },
    Started { job: JobId },
    CommandEnded { job: JobId },
    Ended { job: JobId, outcome: Result<Executed, Option<JobFailure>> },
    NotPermitted { job: JobId, failure: JobFailure },
}

/// A run under way.
struct RunLoop {
    context: Arc<RunContext>,
    core: Core,
    frames: Frames,
    recorder: Recorder,
    prepared: HashMap<JobId, Arc<ToRun>>,
    running: HashMap<JobId, CancellationToken>,
    /// Why jobs that run were stopped before their end.
    stopped: HashMap<JobId, JobFailure>,
    pending: HashMap<StepRef, Vec<Values>>,
    answers: mpsc::UnboundedSender<Answer>,
    outputs: Option<Labelled>,
    failure: Option<FailureKind>,
    canceled: bool,
    finished: Option<JobEnd>,
}

pub(crate) async fn carry_out(engine: &Arc<Engine>, request: RunRequest) -> Result<RunResult, RunError> {
    let RunRequest { run, workflow, project, on_failure, reuse, cancel, listener, .. } = &request;
    let folder = engine.site.runs_dir().join(run.as_str());
    fs::create_dir_all(&folder).map_err(|source| RunError::Folder { path: folder.clone(), source })?;
    let context = Arc::new(RunContext::new(Arc::clone(engine), run.clone(), project.clone(), *reuse));
    let (cancel, listener) = (cancel.clone(), listener.clone());
    let (run, workflow, project, on_failure) = (run.clone(), workflow.clone(), project.clone(), *on_failure);
    let beginning = Arc::clone(&context);
    let Begun { process, inputs, sealed_inputs, documents, files } = spawn_blocking(move || begin(&beginning, request))
        .await
        .map_err(|error| RunError::Lost(error.to_string()))??;
    let recorder = Recorder::open(&folder, listener)?;
    recorder.record(RunEvent::RunStarted {
        run,
        workflow: workflow.clone(),
        project,
        inputs: sealed_inputs,
        documents: Some(documents),
        files,
        engine: engine.scratch.engine_id().to_owned(),
        at: Timestamp::now(),
    });
    let window = (engine.room.cores.0 / 1000).max(1) * WINDOW_PER_CORE;
    let (answers, mailbox) = mpsc::unbounded_channel();
    let mut frames = Frames::default();
    frames.add_root(process, inputs, workflow);
    let mut run_loop = RunLoop {
        context,
        core: Core::new(engine.room, window as usize, on_failure),
        frames,
        recorder,
        prepared: HashMap::new(),
        running: HashMap::new(),
        stopped: HashMap::new(),
        pending: HashMap::new(),
        answers,
        outputs: None,
        failure: None,
        canceled: false,
        finished: None,
    };
    run_loop.drive(mailbox, cancel).await?;
    run_loop.end().await
}

impl RunLoop {
    async fn drive(
        &mut self,
        mut mailbox: mpsc::UnboundedReceiver<Answer>,
        cancel: CancellationToken,
    ) -> Result<(), RunError> {
        self.feed(Event::Start)?;
        let mut permits = interval(PERMITS_CHECKED);
        permits.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.finished.is_none() || !self.running.is_empty() {
            tokio::select! {
                answer = mailbox.recv() => match answer {
                    Some(answer) => self.take(answer)?,
                    None => return Err(RunError::Lost("all workers are gone".to_owned())),
                },
                () = cancel.cancelled(), if !self.canceled => {
                    self.canceled = true;
                    self.feed(Event::Cancel)?;
                }
                _ = permits.tick(), if !self.running.is_empty() => self.check_permits(),
                () = self.recorder.failed(), if !self.canceled => {
                    self.canceled = true;
                    self.feed(Event::Cancel)?;
                }
            }
        }
        Ok(())
    }

    /// Looks for what runs with data that may not be used any more.
    fn check_permits(&self) {
        let running: Vec<_> = self.running.keys().filter(|job| !self.stopped.contains_key(job)).copied().collect();
        let running: Vec<_> =
            running.into_iter().filter_map(|job| Some((job, Arc::clone(self.prepared.get(&job)?)))).collect();
        let (context, answers) = (Arc::clone(&self.context), self.answers.clone());
        spawn_blocking(move || {
            for (job, to_run) in running {
                if let Err(error) = context.engine.site.still_permits(&to_run.permit) {
                    let _ = answers.send(Answer::NotPermitted { job, failure: error.into() });
                }
            }
        });
    }

    fn stop(&mut self, job: JobId, failure: JobFailure) {
        if let Some(token) = self.running.get(&job) {
            self.stopped.entry(job).or_insert(failure);
            token.cancel();
        }
    }

    /// Gives the core an event and carries out everything that follows at once.
    fn feed(&mut self, event: Event) -> Result<(), RunError> {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for effect in self.core.apply(event)? {
                events.extend(self.carry_out(effect));
            }
        }
        Ok(())
    }

    /// Carries out one effect; what is known at once comes back as an event.
    fn carry_out(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Expand(at) => self.expand(at),
            Effect::JobsAdded { step, first, count } => self.jobs_added(step, first, count),
            Effect::Gather(step) => {
                self.frames.gather_step(step);
                return Some(Event::Gathered { step });
            }
            Effect::Prepare(job) => self.prepare(job),
            Effect::Run(job) => self.start(job),
            Effect::Cancel(job) => {
                if let Some(token) = self.running.get(&job) {
                    token.cancel();
                }
            }
            Effect::Forget(job) => {
                self.prepared.remove(&job);
                self.note_canceled(job);
            }
            Effect::FrameOpened { .. } => {}
            Effect::Blocked(at) => {
                self.recorder.record(RunEvent::StepBlocked { step: self.frames.step_path(at) });
            }
            Effect::GatherFrame { frame, failed } => return Some(self.gather_frame(frame, failed)),
            Effect::Finish(end) => self.finished = Some(end),
        }
        None
    }

    fn take(&mut self, answer: Answer) -> Result<(), RunError> {
        match answer {
            Answer::Expanded { at, outcome: Ok((shape, jobs, labels)) } => {
                let count = jobs.len() as u32;
                self.frames.expand(at, shape, jobs.len(), labels);
                self.pending.insert(at, jobs);
                self.feed(Event::Expanded { step: at, jobs: count })
            }
            Answer::Expanded { at, outcome: Err(text) } => {
                self.problem(self.frames.step_path(at), None, text);
                self.failure.get_or_insert(FailureKind::Binding);
                self.feed(Event::StepFailed { step: at })
            }
            Answer::Prepared { job, outcome } => self.take_prepared(job, outcome),
            Answer::Started { job } => {
                let step = self.path(job);
                self.recorder.record(RunEvent::TaskStarted { task: TaskId(job.0), step, at: Timestamp::now() });
                Ok(())
            }
            Answer::NotPermitted { job, failure } => {
                self.stop(job, failure);
                Ok(())
            }
            Answer::CommandEnded { job } => self.feed(Event::CommandEnded { job }),
            Answer::Ended { job, outcome } => {
                self.running.remove(&job);
                self.take_ended(job, outcome)
            }
        }
    }

    fn take_prepared(&mut self, job: JobId, outcome: Result<Prepared, JobFailure>) -> Result<(), RunError> {
        match outcome {
            Ok(Prepared::ToRun(to_run)) => {
                let resources = to_run.bound.task.resources;
                self.prepared.insert(job, Arc::from(to_run));
                self.feed(Event::Prepared { job, resources })
            }
            Ok(Prepared::Nested { workflow, inputs }) => {
                let graph = Arc::new(StepGraph::of_workflow(&workflow));
                let path = self.frames.job(job).map(|source| source.frame_path().to_owned()).unwrap_or_default();
                if !path.is_empty() {
                    self.recorder.record(RunEvent::SubworkflowOpened { task: TaskId(job.0), step: path.clone() });
                }
                self.frames.open(workflow, inputs, path);
                self.feed(Event::Nested { job, graph })
            }
            Ok(Prepared::Done { outputs, key, cached, skipped }) => {
                self.note_complete(job, key, cached, skipped);
                self.job_done(job, outputs)
            }
            Err(failure) => self.job_failed(job, failure),
        }
    }

    fn take_ended(&mut self, job: JobId, outcome: Result<Executed, Option<JobFailure>>) -> Result<(), RunError> {
        let key = self.prepared.remove(&job).map(|to_run| to_run.key);
        match outcome {
            Ok(Executed { outputs, updated }) => {
                self.frames.update_sources(job, &updated, &outputs.labels, &|frame| self.core.owner(frame));
                self.note_complete(job, key, false, false);
                self.job_done(job, outputs)
            }
            Err(Some(failure)) => self.job_failed(job, failure),
            Err(None) if self.stopped.contains_key(&job) => match self.stopped.remove(&job) {
                Some(failure) => self.job_failed(job, failure),
                None => Ok(()),
            },
            Err(None) => {
                self.note_canceled(job);
                self.frames.job_failed(job);
                self.feed(Event::Ended { job, end: JobEnd::Canceled })
            }
        }
    }

    fn job_done(&mut self, job: JobId, outputs: Labelled) -> Result<(), RunError> {
        if let Some(outputs) = self.frames.job_done(job, outputs) {
            self.outputs = Some(outputs);
        }
        self.feed(Event::Ended { job, end: JobEnd::Done })
    }

    fn job_failed(&mut self, job: JobId, failure: JobFailure) -> Result<(), RunError> {
        let step = self.path(job);
        self.problem(step.clone(), Some(TaskId(job.0)), failure.text);
        self.failure.get_or_insert(failure.kind.clone());
        self.recorder.record(RunEvent::TaskFailed {
            task: TaskId(job.0),
            step,
            failure: failure.kind,
            log: failure.log,
            at: Timestamp::now(),
        });
        self.frames.job_failed(job);
        self.feed(Event::Ended { job, end: JobEnd::Failed })
    }

    fn expand(&mut self, at: StepRef) {
        let frame = self.frames.frame(at.frame);
        let workflow = Arc::clone(&frame.workflow);
        let sources: Vec<_> = workflow.steps[at.step]
            .inputs
            .iter()
            .flat_map(|input| &input.sources)
            .map(|source| (source.clone(), Frames::lookup(frame, source)))
            .collect();
        let given = self.frames.labels_of_step(at);
        let (context, answers) = (Arc::clone(&self.context), self.answers.clone());
        spawn_blocking(move || {
            let step = &workflow.steps[at.step];
            let contents = SealedContents::new(&context);
            let lookup = |wanted: &_| sources.iter().find(|(source, _)| source == wanted)?.1.clone();
            let outcome = step
                .gather_inputs(&lookup, &contents)
                .and_then(|inputs| step.scatter(inputs))
                .map(|scattered| (scattered.shape, scattered.jobs, contents.labels(&given)))
                .map_err(|error| with_causes(&error));
            // The receiver is gone only when the run is over, and then nobody asks any more.
            let _ = answers.send(Answer::Expanded { at, outcome });
        });
    }

    fn jobs_added(&mut self, at: StepRef, first: JobId, count: u32) {
        let given = self.pending.remove(&at).unwrap_or_default();
        self.frames.add_jobs(at, first, given);
        self.recorder.record(RunEvent::StepExpanded { step: self.frames.step_path(at), tasks: count });
    }

    fn prepare(&mut self, job: JobId) {
        let Some(source) = self.frames.job(job).cloned() else { return };
        let (context, answers) = (Arc::clone(&self.context), self.answers.clone());
        spawn_blocking(move || {
            let outcome = context.prepare(job, &source);
            let _ = answers.send(Answer::Prepared { job, outcome });
        });
    }

    fn start(&mut self, job: JobId) {
        let Some(to_run) = self.prepared.get(&job).cloned() else { return };
        let cancel = CancellationToken::new();
        self.running.insert(job, cancel.clone());
        let (context, answers) = (Arc::clone(&self.context), self.answers.clone());
        let _ = self.answers.send(Answer::Started { job });
        tokio::spawn(async move {
            let command_ended = || {
                let _ = answers.send(Answer::CommandEnded { job });
            };
            let outcome = execute(&context, job, to_run, cancel, &command_ended).await;
            let _ = answers.send(Answer::Ended { job, outcome });
        });
    }

    fn gather_frame(&mut self, frame: FrameId, failed: bool) -> Event {
        let labels = self.frames.labels_of_frame(frame);
        let owner = self.core.owner(frame);
        let outcome = if failed {
            None
        } else {
            let values = self.frames.frame(frame);
            match values.workflow.gather_outputs(&|source| Frames::lookup(values, source)) {
                Ok(values) => Some(Labelled { values, labels }),
                Err(error) => {
                    self.failure.get_or_insert(FailureKind::Binding);
                    self.problem(values.path.clone(), None, with_causes(&error));
                    None
                }
            }
        };
        self.frames.close(frame);
        let end = match outcome {
            Some(outputs) => {
                if let Some(outputs) = self.frames.job_done(owner, outputs) {
                    self.outputs = Some(outputs);
                }
                JobEnd::Done
            }
            None => {
                self.frames.job_failed(owner);
                if self.canceled { JobEnd::Canceled } else { JobEnd::Failed }
            }
        };
        Event::FrameGathered { frame, end }
    }

    fn path(&self, job: JobId) -> String {
        self.frames.job(job).map(|source| source.path.clone()).unwrap_or_default()
    }

    fn note_complete(&self, job: JobId, key: Option<sluis_model::TaskKey>, cached: bool, skipped: bool) {
        let (task, step, at) = (TaskId(job.0), self.path(job), Timestamp::now());
        self.recorder.record(RunEvent::TaskComplete { task, step, key, cached, skipped, at });
    }

    fn note_canceled(&self, job: JobId) {
        self.recorder.record(RunEvent::TaskCanceled { task: TaskId(job.0), step: self.path(job) });
    }

    fn problem(&self, step: String, task: Option<TaskId>, text: String) {
        self.recorder.tell(Told::Problem { step, task, text });
    }

    /// Seals the output object and closes the journal.
    async fn end(mut self) -> Result<RunResult, RunError> {
        let state = match (self.finished, self.canceled, &self.failure) {
            (Some(JobEnd::Done), ..) => RunState::Complete,
            (_, true, _) => RunState::Canceled,
            (_, _, Some(kind)) if kind.is_the_commands() => RunState::ExecutorError,
            _ => RunState::SystemError,
        };
        let outputs = self.outputs.take().filter(|_| state == RunState::Complete);
        let context = Arc::clone(&self.context);
        let seal = move |Labelled { values, labels }| seal_object(&context, "the run's output object", values, &labels);
        let sealed = spawn_blocking(move || outputs.map(seal).transpose())
            .await
            .map_err(|error| RunError::Lost(error.to_string()))??;
        let (outputs, address) = sealed.unzip();
        let files = outputs.as_ref().map(addresses_in).unwrap_or_default();
        self.recorder.record(RunEvent::RunEnded { state, outputs: address, files, at: Timestamp::now() });
        self.recorder.close().await?;
        Ok(RunResult { state, outputs, failure: self.failure })
    }
}

/// What a command left.
struct Executed {
    outputs: Labelled,
    /// Inputs that it changed in place, by the names of the tool's input parameters.
    updated: Values,
}

/// Under this name, which no output has, the inputs that were changed in place are sealed with the outputs.
const UPDATED: &str = "\0updated";

/// Runs a prepared job and keeps its result; `Err(None)` is a cancelled one.
async fn execute(
    context: &Arc<RunContext>,
    job: JobId,
    to_run: Arc<ToRun>,
    cancel: CancellationToken,
    command_ended: &(dyn Fn() + Send + Sync),
) -> Result<Executed, Option<JobFailure>> {
    let worker = context.engine.worker_of(&to_run.bound.task);
    let request = WorkRequest {
        permit: &to_run.permit,
        run: &context.run,
        task_id: TaskId(job.0),
        task: &to_run.bound.task,
        image: to_run.image.clone(),
        command_ended,
        collect: &Outputs(&to_run.bound),
    };
    let mut finished = worker.run(request, cancel).await.map_err(|error| Some(JobFailure::from_work(error)))?;
    if let Some(problem) = finished.problem.take() {
        return Err(Some(JobFailure { log: finished.log, ..JobFailure::from_work(problem) }));
    }
    let Some(mut values) = finished.outputs.take() else {
        return Err(match finished.outcome {
            Outcome::Canceled => None,
            outcome => Some(JobFailure::from_outcome(outcome, &to_run.bound.task, finished.log)),
        });
    };
    let updated = match values.swap_remove(UPDATED) {
        Some(Value::Record(updated)) => updated,
        _ => Values::new(),
    };
    let context = Arc::clone(context);
    spawn_blocking(move || {
        cache::keep(&context, &to_run, TaskId(job.0), &finished, &values).map_err(Some)?;
        Ok(Executed { outputs: Labelled { values, labels: to_run.permit.labels().clone() }, updated })
    })
    .await
    .unwrap_or_else(|error| Err(Some(JobFailure { kind: FailureKind::System, text: error.to_string(), log: None })))
}

/// A bound tool, as the worker asks it for outputs.
struct Outputs<'a>(&'a BoundTool);

impl Collect for Outputs<'_> {
    fn collect(&self, work: &Path, exit_code: i32) -> Result<Values, Box<dyn Error + Send + Sync>> {
        let mut values = self.0.collect(work, exit_code)?;
        let updated = self.0.updated_inputs(work)?;
        if !updated.is_empty() {
            values.insert(UPDATED.to_owned(), Value::Record(updated));
        }
        Ok(values)
    }
}
