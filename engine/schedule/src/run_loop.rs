//! Carrying out one run: the core's effects become work on other threads, whose results come back as events.

mod absence;
mod answers;
mod attempts;
mod execute;
mod neighbours;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use absence::Service;
use answers::{Answer, Expanded};
use jiff::Timestamp;
use neighbours::Neighbours;
use sluis_cwl::Scattered;
use sluis_model::{Address, TaskId, TaskKey, Values};
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet, spawn_blocking},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{
    begin::{self, Begun, addresses_in, seal_object},
    core::{Attempt, Core, CoreSettings, Effect, Event, FrameId, JobEnd, JobId, StepRef},
    engine::{Engine, RunError, RunRequest, RunResult, Told},
    frames::{Frames, Labelled},
    groups,
    machine::Seat,
    prepare::{JobFailure, RunContext, SealedContents, ToRun, with_causes},
    record::{FailureKind, Measured, RunEvent, RunState},
    recorder::Recorder,
    resume::Interrupted,
};

/// How many jobs are prepared ahead of those that run: enough to keep every core busy and to let permits share the
/// audit log's disk writes, few enough that a withdrawn grant soon takes effect.
const WINDOW_PER_CORE: u64 = 8;

/// How many jobs may wait for the end of the same tasks elsewhere, for each of those that are prepared ahead.
const PARKED_PER_WINDOW: usize = 16;

/// How often it is looked whether what runs is still permitted.
pub(crate) const PERMITS_CHECKED: Duration = Duration::from_secs(1);

/// How often it is looked whether another engine gave GPUs back that something waits for.
const GPUS_LOOKED_FOR: Duration = Duration::from_secs(1);

/// After how many such looks what a killed engine left running is taken for nobody's.
const LOOKS_BEFORE_CLEARED: u32 = 5;

/// How a job completed.
#[derive(Clone, Copy)]
struct Completed {
    key: Option<TaskKey>,
    result: Option<Address>,
    cached: bool,
    skipped: bool,
    measured: Option<Measured>,
}

/// A run under way.
struct RunLoop {
    context: Arc<RunContext>,
    core: Core,
    frames: Frames,
    recorder: Recorder,
    seat: Seat,
    prepared: HashMap<JobId, Arc<ToRun>>,
    /// The attempts that wait for room.
    asking: HashMap<JobId, Attempt>,
    running: HashMap<Attempt, CancellationToken>,
    /// Why attempts that run were stopped before their end.
    stopped: HashMap<Attempt, JobFailure>,
    /// Why an attempt failed, until it is decided whether there will be another.
    failed: HashMap<Attempt, JobFailure>,
    /// The failed attempts that another one will follow when it is time.
    resting: HashMap<Attempt, AbortHandle>,
    /// The jobs that wait for another one, which runs the same task.
    in_flight: HashSet<JobId>,
    pending: HashMap<StepRef, Vec<Values>>,
    answers: mpsc::UnboundedSender<Answer>,
    /// If commands that a killed engine left running may have GPUs: how many times in a row nothing was seen under way
    /// that may go on with them.
    left_gpus: Option<u32>,
    /// The task groups that are being kept.
    keeping: JoinSet<()>,
    outputs: Option<Labelled>,
    failure: Option<FailureKind>,
    canceled: bool,
    /// Why the run is not ended but interrupted.
    absent: Option<String>,
    /// Tells those that wait for other runs that this one stops.
    stopping: CancellationToken,
    finished: Option<JobEnd>,
}

pub(crate) async fn carry_out(engine: &Arc<Engine>, request: RunRequest) -> Result<RunResult, RunError> {
    let (cancel, workflow, settings) = (request.cancel.clone(), request.workflow.clone(), request.settings.clone());
    let (numbers, Begun { process, inputs, recorder }, context) = begin_or_resume(engine, request).await?;
    let window = (engine.room.cores.0 / 1000).max(1) * WINDOW_PER_CORE;
    let (answers, mailbox) = mpsc::unbounded_channel();
    let granted = answers.clone();
    let seat = engine.machine.join(&engine.site.caller_name(), settings.priority, move |job| {
        // The receiver is gone only when the run is over, and its seat with it.
        let _ = granted.send(Answer::Granted { job });
    });
    let core = CoreSettings {
        window: window as usize,
        most_parked: window as usize * PARKED_PER_WINDOW,
        on_failure: settings.on_failure,
        retries: engine.site.config().retries,
        memory: engine.room.memory,
        seed: seed_of(&context),
    };
    let mut frames = Frames::numbered(numbers);
    frames.add_root(process, inputs, workflow);
    let mut run_loop = RunLoop {
        left_gpus: context.has_left_gpus().then_some(0),
        context,
        core: Core::new(core),
        frames,
        recorder,
        seat,
        prepared: HashMap::new(),
        asking: HashMap::new(),
        running: HashMap::new(),
        stopped: HashMap::new(),
        failed: HashMap::new(),
        resting: HashMap::new(),
        in_flight: HashSet::new(),
        pending: HashMap::new(),
        answers,
        keeping: JoinSet::new(),
        outputs: None,
        failure: None,
        canceled: false,
        absent: None,
        stopping: CancellationToken::new(),
        finished: None,
    };
    run_loop.drive(mailbox, cancel).await?;
    if let Some(why) = run_loop.absent.take() {
        return run_loop.leave(why).await;
    }
    // Before the run's end is written down: whoever is killed here has it done by whoever goes on with the run.
    run_loop.context.clear_left().await;
    run_loop.end().await
}

/// What the waits of a run are drawn from: runs that fail together do not all try again together.
fn seed_of(context: &RunContext) -> u64 {
    let mut hasher = DefaultHasher::new();
    context.run.as_str().hash(&mut hasher);
    hasher.finish()
}

type TaskNumbers = HashMap<String, TaskId>;

/// Begins a run, or goes on with an interrupted one, whose tasks have their numbers already.
async fn begin_or_resume(
    engine: &Arc<Engine>,
    mut request: RunRequest,
) -> Result<(TaskNumbers, Begun, Arc<RunContext>), RunError> {
    let resume = request.resume.take();
    let numbers = resume.as_ref().map(Interrupted::numbers).unwrap_or_default();
    let (completed, lock) = resume.map(Interrupted::into_parts).unzip();
    let context = Arc::new(RunContext::new(Arc::clone(engine), &request, completed));
    let beginning = Arc::clone(&context);
    let begin = move || match lock {
        Some(lock) => begin::resume(&beginning, lock, request),
        None => begin::begin(&beginning, request),
    };
    let begun = spawn_blocking(begin).await.map_err(|error| RunError::Lost(error.to_string()))??;
    Ok((numbers, begun, context))
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
        let mut gpus = interval(GPUS_LOOKED_FOR);
        gpus.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut neighbours = Neighbours::of(&self.seat);
        let mut service = Service::of(&self.context);
        while (self.finished.is_none() && self.absent.is_none()) || !self.running.is_empty() {
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
                _ = gpus.tick(), if self.left_gpus.is_some() || self.seat.waits_for_gpus() => self.look_for_gpus().await,
                () = neighbours.changed(), if self.seat.waits_for_others() => self.seat.look_again(),
                event = service.happens() => self.recorder.record(event),
                () = self.recorder.failed(), if !self.canceled => {
                    self.canceled = true;
                    self.feed(Event::Cancel)?;
                }
            }
        }
        Ok(())
    }

    /// Looks for what runs and is not permitted any more.
    fn check_permits(&self) {
        let running = self.running.keys().filter(|attempt| !self.stopped.contains_key(attempt));
        let running: Vec<_> =
            running.filter_map(|&attempt| Some((attempt, Arc::clone(self.prepared.get(&attempt.job)?)))).collect();
        let (context, answers) = (Arc::clone(&self.context), self.answers.clone());
        spawn_blocking(move || {
            context.engine.scratch.show_life();
            for (attempt, to_run) in running {
                if let Err(error) = context.engine.site.still_permits(&to_run.permit) {
                    let _ = answers.send(Answer::NotPermitted { attempt, failure: error.into() });
                }
            }
        });
    }

    /// Gives the core an event and carries out everything that follows at once.
    fn feed(&mut self, event: Event) -> Result<(), RunError> {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for effect in self.core.apply(event)? {
                events.extend(self.carry_out(effect)?);
            }
            if self.core.is_stopping() {
                self.stopping.cancel();
            }
        }
        Ok(())
    }

    /// Carries out one effect; what is known at once comes back as an event.
    fn carry_out(&mut self, effect: Effect) -> Result<Option<Event>, RunError> {
        match effect {
            Effect::Expand(at) => self.expand(at),
            Effect::JobsAdded { step, first, count } => self.jobs_added(step, first, count),
            Effect::Gather(step) => {
                self.frames.gather_step(step);
                return Ok(Some(Event::Gathered { step }));
            }
            Effect::Prepare { attempt, raised } => match self.frames.take_known(attempt.job) {
                // By way of the mailbox: so others get their turn while a hundred thousand are found.
                Some(known) => drop(self.answers.send(Answer::Found { attempt, known: Box::new(known) })),
                None => self.prepare(attempt, raised),
            },
            Effect::Ask { attempt, resources } => self.ask(attempt, resources)?,
            Effect::Run(attempt) => self.start(attempt),
            Effect::Cancel(attempt) => {
                if let Some(token) = self.running.get(&attempt) {
                    token.cancel();
                }
            }
            Effect::GiveBackCores(attempt) => self.seat.give_back_cores(attempt.job),
            Effect::GiveBack(attempt) => self.seat.give_back(attempt.job),
            Effect::Forget(attempt) => self.forget(attempt),
            Effect::Retry { attempt, after } => self.retry(attempt, after),
            Effect::GiveUp(attempt) => self.give_up(attempt),
            Effect::FrameOpened { .. } => {}
            Effect::Blocked(at) => {
                self.recorder.record(RunEvent::StepBlocked { step: self.frames.step_path(at) });
            }
            Effect::GatherFrame { frame, failed } => return Ok(Some(self.gather_frame(frame, failed))),
            Effect::Finish(end) => self.finished = Some(end),
        }
        Ok(None)
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
        let path = self.frames.step_path(at);
        let (context, answers) = (Arc::clone(&self.context), self.answers.clone());
        spawn_blocking(move || {
            let step = &workflow.steps[at.step];
            let contents = SealedContents::new(&context);
            let lookup = |wanted: &_| sources.iter().find(|(source, _)| source == wanted)?.1.clone();
            let scattered = step.gather_inputs(&lookup, &contents).and_then(|inputs| step.scatter(inputs));
            let outcome = scattered.map_err(|error| with_causes(&error)).map(|Scattered { shape, jobs }| {
                let labels = contents.labels(&given);
                let step = groups::ScatteredStep { workflow: Arc::clone(&workflow), step: at.step, path };
                let known = groups::find(&context, &step, &jobs, &labels);
                Expanded { shape, jobs, labels, known }
            });
            // The receiver is gone only when the run is over, and then nobody asks any more.
            let _ = answers.send(Answer::Expanded { at, outcome });
        });
    }

    fn jobs_added(&mut self, at: StepRef, first: JobId, count: u32) {
        let given = self.pending.remove(&at).unwrap_or_default();
        self.frames.add_jobs(at, first, given);
        self.recorder.record(RunEvent::StepExpanded { step: self.frames.step_path(at), tasks: count });
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
                if let Some(outputs) = self.frames.job_done(owner, outputs, None).root {
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
        self.frames.job_path(job)
    }

    fn task(&self, job: JobId) -> TaskId {
        self.frames.task(job)
    }

    fn note_complete(&self, job: JobId, completed: Completed) {
        let (task, step, at) = (self.task(job), self.path(job), Timestamp::now());
        let Completed { key, result, cached, skipped, measured } = completed;
        self.recorder.record(RunEvent::TaskComplete { task, step, key, result, cached, skipped, measured, at });
    }

    fn note_canceled(&self, job: JobId) {
        self.recorder.record(RunEvent::TaskCanceled { task: self.task(job), step: self.path(job) });
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
        // They are done with before the run is: nothing is to be written behind its back.
        while self.keeping.join_next().await.is_some() {}
        let outputs = self.outputs.take().filter(|_| state == RunState::Complete);
        let context = Arc::clone(&self.context);
        let others = outputs.as_ref().map(|outputs| self.frames.not_made(&outputs.values)).unwrap_or_default();
        let seal = move |Labelled { values, labels }| {
            seal_object(&context, "the run's output object", values, &others, &labels)
        };
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
