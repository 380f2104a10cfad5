//! The scheduler's pure core: one total transition function from events to effects.
//!
//! A workflow instance is a *frame*; each of its steps becomes one *job* or, scattered, many; a job is a task, an
//! expression, or a frame of its own, and takes one *attempt* or several. The core knows how these hang together and
//! which failures are worth another attempt. It holds no values and has no clock; what room there is on the machine
//! the [`crate::Allocator`] knows.

mod events;
mod ids;

use std::{collections::VecDeque, sync::Arc, time::Duration};

pub use events::{Effect, Event, IllegalEvent, JobEnd};
use fastrand::Rng;
pub use ids::{Attempt, FrameId, JobId, StepRef};
use serde::{Deserialize, Serialize};
use sluis_access::RetryPolicy;
use sluis_model::{Mebibytes, Resources};

use crate::{
    graph::StepGraph,
    retry::{Cause, Given, Tries},
};

/// What a failed task means for the rest of the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailurePolicy {
    /// What depends on it is not run; the rest finishes.
    #[default]
    FinishOthers,
    /// Everything that runs is cancelled and nothing more is started.
    StopAll,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum StepPhase {
    Waiting,
    Expanding,
    Running,
    Gathering,
    Done,
    Failed,
    Blocked,
}

impl StepPhase {
    const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Blocked)
    }
}

#[derive(Debug)]
struct Step {
    phase: StepPhase,
    waiting: usize,
    open_jobs: usize,
    failed: bool,
}

#[derive(Debug)]
struct Frame {
    owner: JobId,
    graph: Arc<StepGraph>,
    steps: Vec<Step>,
    open: usize,
    failed: bool,
    /// Whether its outputs are being gathered, or were.
    gathering: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum JobPhase {
    /// It is yet to be looked at.
    Queued,
    Preparing,
    /// It waits for the end of the same task elsewhere.
    Parked,
    /// It waits for room.
    Ready,
    Running,
    Sealing,
    /// It waits for the time of its next attempt.
    Resting,
    Nested,
    Over,
}

#[derive(Debug)]
struct Job {
    owner: Option<StepRef>,
    phase: JobPhase,
    attempt: u32,
    given: Given,
    tries: Tries,
}

/// What a core is told once.
#[derive(Clone, Copy, Debug)]
pub struct CoreSettings {
    /// How many jobs may be prepared (bound, looked up, permitted) before they run; it bounds memory.
    pub window: usize,
    /// How many jobs may besides wait for the end of the same task elsewhere, before no more are prepared.
    pub most_parked: usize,
    /// What a failed task means for the rest.
    pub on_failure: FailurePolicy,
    /// Which failures are followed by another attempt.
    pub retries: RetryPolicy,
    /// The memory of the machine.
    pub memory: Mebibytes,
    /// What the waits before further attempts are drawn from: equal seeds give equal waits.
    pub seed: u64,
}

/// The state of one run.
#[derive(Debug)]
pub struct Core {
    frames: Vec<Frame>,
    jobs: Vec<Job>,
    unprepared: VecDeque<JobId>,
    /// How many jobs are being prepared or wait for room.
    ahead: usize,
    /// How many wait for the end of the same task elsewhere.
    parked: usize,
    settings: CoreSettings,
    random: Rng,
    stopping: bool,
    finished: bool,
}

impl Core {
    /// A run of one root job.
    pub fn new(settings: CoreSettings) -> Self {
        Self {
            frames: Vec::new(),
            jobs: Vec::new(),
            unprepared: VecDeque::new(),
            ahead: 0,
            parked: 0,
            settings,
            random: Rng::with_seed(settings.seed),
            stopping: false,
            finished: false,
        }
    }

    /// The only way in which the state changes: takes an event and gives the effects to carry out, in order.
    ///
    /// # Errors
    /// An event that cannot happen in this state changes nothing and is refused.
    pub fn apply(&mut self, event: Event) -> Result<Vec<Effect>, IllegalEvent> {
        self.check(&event)?;
        let mut effects = Vec::new();
        match event {
            Event::Start => {
                self.add_job(None);
            }
            Event::Expanded { step, jobs } => self.expanded(step, jobs, &mut effects),
            Event::StepFailed { step } => self.step_over(step, StepPhase::Failed, &mut effects),
            Event::Gathered { step } => self.step_over(step, StepPhase::Done, &mut effects),
            Event::Prepared { attempt, resources, time_limit } => {
                self.prepared(attempt, resources, time_limit, &mut effects);
            }
            Event::Parked { attempt } => {
                self.job_mut(attempt.job).phase = JobPhase::Parked;
                self.ahead -= 1;
                self.parked += 1;
            }
            Event::Nested { attempt, graph } => self.nested(attempt, graph, &mut effects),
            Event::FrameGathered { frame, end } => {
                let owner = self.frames[frame.0 as usize].owner;
                self.job_over(owner, end, &mut effects);
            }
            Event::Granted { attempt } => {
                self.ahead -= 1;
                self.job_mut(attempt.job).phase = JobPhase::Running;
                effects.push(Effect::Run(attempt));
            }
            // Its cores are free for others while its outputs are sealed, which mostly waits for the disk. Its memory is
            // not: the outputs lie there until they are sealed.
            Event::CommandEnded { attempt } => {
                self.job_mut(attempt.job).phase = JobPhase::Sealing;
                effects.push(Effect::GiveBackCores(attempt));
            }
            Event::Done { attempt } => {
                self.let_go(attempt, &mut effects);
                self.job_over(attempt.job, JobEnd::Done, &mut effects);
            }
            Event::Failed { attempt, cause } => self.failed(attempt, cause, &mut effects),
            Event::Canceled { attempt } => {
                self.let_go(attempt, &mut effects);
                self.job_over(attempt.job, JobEnd::Canceled, &mut effects);
            }
            // Before those that were never tried: what waits for it has waited longer.
            Event::RetryDue { attempt } => {
                self.job_mut(attempt.job).phase = JobPhase::Queued;
                self.unprepared.push_front(attempt.job);
            }
            Event::Cancel => self.stop(&mut effects),
        }
        self.prepare_more(&mut effects);
        Ok(effects)
    }

    /// Whether nothing more is begun.
    pub(crate) const fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// How many jobs run, are ready, or are yet to be looked at.
    pub fn unfinished_jobs(&self) -> usize {
        self.jobs.iter().filter(|job| job.phase != JobPhase::Over).count()
    }

    /// The job that became this frame.
    pub(crate) fn owner(&self, frame: FrameId) -> JobId {
        self.frames[frame.0 as usize].owner
    }

    fn add_job(&mut self, owner: Option<StepRef>) -> JobId {
        let id = JobId(self.jobs.len() as u32);
        let given = Given { memory: Mebibytes(0), most_memory: Mebibytes(0), time_limit: None };
        self.jobs.push(Job { owner, phase: JobPhase::Queued, attempt: 0, given, tries: Tries::default() });
        self.unprepared.push_back(id);
        id
    }

    /// How many jobs are prepared or wait for room, besides those that wait for the same task elsewhere.
    pub const fn ahead(&self) -> usize {
        self.ahead
    }

    fn expanded(&mut self, at: StepRef, jobs: u32, effects: &mut Vec<Effect>) {
        let step = self.step_mut(at);
        step.phase = StepPhase::Running;
        step.open_jobs = jobs as usize;
        if self.stopping {
            return self.step_over(at, StepPhase::Failed, effects);
        }
        let first = JobId(self.jobs.len() as u32);
        for _ in 0..jobs {
            self.add_job(Some(at));
        }
        effects.push(Effect::JobsAdded { step: at, first, count: jobs });
        if jobs == 0 {
            self.step_mut(at).phase = StepPhase::Gathering;
            effects.push(Effect::Gather(at));
        }
    }

    fn prepared(
        &mut self,
        attempt: Attempt,
        resources: Resources,
        time_limit: Option<Duration>,
        effects: &mut Vec<Effect>,
    ) {
        if self.stopping {
            self.let_go(attempt, effects);
            effects.push(Effect::Forget(attempt));
            return self.job_over(attempt.job, JobEnd::Canceled, effects);
        }
        let most_memory = Mebibytes(self.settings.memory.0.saturating_sub(resources.scratch.0));
        if self.job_mut(attempt.job).phase == JobPhase::Parked {
            self.parked -= 1;
            self.ahead += 1;
        }
        let job = self.job_mut(attempt.job);
        job.phase = JobPhase::Ready;
        job.given = Given { memory: resources.memory, most_memory, time_limit };
        effects.push(Effect::Ask { attempt, resources });
    }

    fn nested(&mut self, Attempt { job: id, .. }: Attempt, graph: Arc<StepGraph>, effects: &mut Vec<Effect>) {
        self.ahead -= 1;
        self.job_mut(id).phase = JobPhase::Nested;
        let frame = FrameId(self.frames.len() as u32);
        let steps = (0..graph.len())
            .map(|step| Step {
                phase: StepPhase::Waiting,
                waiting: graph.predecessors(step),
                open_jobs: 0,
                failed: false,
            })
            .collect::<Vec<_>>();
        let open = steps.len();
        self.frames.push(Frame { owner: id, graph, steps, open, failed: false, gathering: false });
        effects.push(Effect::FrameOpened { frame, job: id });
        if self.stopping {
            return self.close_stopped_frame(frame, effects);
        }
        if open == 0 {
            return self.close_frame_if_over(frame, effects);
        }
        for step in 0..open {
            self.expand_if_free(StepRef { frame, step }, effects);
        }
    }

    fn expand_if_free(&mut self, at: StepRef, effects: &mut Vec<Effect>) {
        let step = self.step_mut(at);
        if step.phase == StepPhase::Waiting && step.waiting == 0 {
            step.phase = StepPhase::Expanding;
            effects.push(Effect::Expand(at));
        }
    }

    /// An attempt that ended needs what it had no more.
    fn let_go(&mut self, attempt: Attempt, effects: &mut Vec<Effect>) {
        match self.job_mut(attempt.job).phase {
            JobPhase::Preparing => self.ahead -= 1,
            JobPhase::Parked => self.parked -= 1,
            _ => effects.push(Effect::GiveBack(attempt)),
        }
    }

    fn failed(&mut self, attempt: Attempt, cause: Cause, effects: &mut Vec<Effect>) {
        self.let_go(attempt, effects);
        let jitter = self.random.u32(..);
        let retries = self.settings.retries;
        let stopping = self.stopping;
        let job = self.job_mut(attempt.job);
        let wait = if stopping { None } else { job.tries.after_failure(cause, job.given, &retries, jitter) };
        match wait {
            Some(after) => {
                job.phase = JobPhase::Resting;
                effects.push(Effect::Retry { attempt, after });
            }
            None => {
                effects.push(Effect::GiveUp(attempt));
                self.job_over(attempt.job, JobEnd::Failed, effects);
            }
        }
    }

    fn job_over(&mut self, id: JobId, end: JobEnd, effects: &mut Vec<Effect>) {
        let job = self.job_mut(id);
        job.phase = JobPhase::Over;
        let owner = job.owner;
        if end == JobEnd::Failed && self.settings.on_failure == FailurePolicy::StopAll {
            self.stop(effects);
        }
        let Some(at) = owner else {
            self.finished = true;
            return effects.push(Effect::Finish(end));
        };
        let step = self.step_mut(at);
        if step.phase.is_over() {
            return;
        }
        step.open_jobs -= 1;
        step.failed |= end != JobEnd::Done;
        if step.open_jobs > 0 {
            return;
        }
        if step.failed {
            self.step_over(at, StepPhase::Failed, effects);
        } else {
            step.phase = StepPhase::Gathering;
            effects.push(Effect::Gather(at));
        }
    }

    fn step_over(&mut self, at: StepRef, phase: StepPhase, effects: &mut Vec<Effect>) {
        let graph = Arc::clone(&self.frames[at.frame.0 as usize].graph);
        self.close_step(at, phase);
        if phase == StepPhase::Done && !self.stopping {
            for step in graph.successors(at.step) {
                let next = StepRef { frame: at.frame, step };
                self.step_mut(next).waiting -= 1;
                self.expand_if_free(next, effects);
            }
        } else {
            for step in graph.downstream(at.step) {
                let next = StepRef { frame: at.frame, step };
                if self.step_mut(next).phase == StepPhase::Waiting {
                    self.close_step(next, StepPhase::Blocked);
                    effects.push(Effect::Blocked(next));
                }
            }
        }
        if phase == StepPhase::Failed && self.settings.on_failure == FailurePolicy::StopAll {
            self.stop(effects);
        }
        self.close_frame_if_over(at.frame, effects);
    }

    fn close_step(&mut self, at: StepRef, phase: StepPhase) {
        let frame = &mut self.frames[at.frame.0 as usize];
        frame.steps[at.step].phase = phase;
        frame.open -= 1;
        frame.failed |= phase != StepPhase::Done;
    }

    fn close_frame_if_over(&mut self, id: FrameId, effects: &mut Vec<Effect>) {
        let frame = &mut self.frames[id.0 as usize];
        if frame.open == 0 && !frame.gathering {
            frame.gathering = true;
            effects.push(Effect::GatherFrame { frame: id, failed: frame.failed });
        }
    }

    /// Steps of a stopping run that have not begun never will.
    fn close_stopped_frame(&mut self, id: FrameId, effects: &mut Vec<Effect>) {
        let steps = self.frames[id.0 as usize].steps.len();
        for step in 0..steps {
            let at = StepRef { frame: id, step };
            if self.step_mut(at).phase == StepPhase::Waiting {
                self.close_step(at, StepPhase::Blocked);
                effects.push(Effect::Blocked(at));
            }
        }
        self.frames[id.0 as usize].failed = true;
        self.close_frame_if_over(id, effects);
    }

    fn stop(&mut self, effects: &mut Vec<Effect>) {
        if self.stopping || self.finished {
            return;
        }
        self.stopping = true;
        self.unprepared.clear();
        for index in 0..self.jobs.len() {
            let job = JobId(index as u32);
            let attempt = Attempt { job, number: self.jobs[index].attempt };
            match self.jobs[index].phase {
                JobPhase::Running => effects.push(Effect::Cancel(attempt)),
                JobPhase::Queued if attempt.number == 0 => self.job_over(job, JobEnd::Canceled, effects),
                phase @ (JobPhase::Queued | JobPhase::Ready | JobPhase::Resting) => {
                    if phase == JobPhase::Ready {
                        self.ahead -= 1;
                    }
                    effects.push(Effect::Forget(attempt));
                    self.job_over(job, JobEnd::Canceled, effects);
                }
                _ => {}
            }
        }
        for frame in 0..self.frames.len() {
            if self.jobs[self.frames[frame].owner.0 as usize].phase == JobPhase::Nested && self.frames[frame].open > 0 {
                self.close_stopped_frame(FrameId(frame as u32), effects);
            }
        }
    }

    /// What waits for others to end the same task does not keep others from being prepared, but it is in memory, too.
    fn may_prepare(&self) -> bool {
        let CoreSettings { window, most_parked, .. } = self.settings;
        !self.stopping && self.ahead < window.max(1) && self.parked < most_parked.max(1)
    }

    fn prepare_more(&mut self, effects: &mut Vec<Effect>) {
        while self.may_prepare() {
            let Some(id) = self.unprepared.pop_front() else { return };
            self.ahead += 1;
            let job = self.job_mut(id);
            job.phase = JobPhase::Preparing;
            job.attempt += 1;
            let attempt = Attempt { job: id, number: job.attempt };
            effects.push(Effect::Prepare { attempt, raised: job.tries.raised });
        }
    }

    fn job_mut(&mut self, id: JobId) -> &mut Job {
        &mut self.jobs[id.0 as usize]
    }

    fn step_mut(&mut self, at: StepRef) -> &mut Step {
        &mut self.frames[at.frame.0 as usize].steps[at.step]
    }
}
