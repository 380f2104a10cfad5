//! The scheduler's pure core: one total transition function from events to effects.
//!
//! A workflow instance is a *frame*; each of its steps becomes one *job* or, scattered, many; a job is a task, an
//! expression, or a frame of its own. The core knows how these hang together and what room the machine has. It
//! holds no values.

mod events;
mod room;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, sync::Arc};

pub use events::{Effect, Event, IllegalEvent, JobEnd};
use room::Queue;
pub use room::Room;
use sluis_model::Resources;

use crate::graph::StepGraph;

/// The number of a frame within its run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FrameId(pub u32);

/// The number of a job within its run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct JobId(pub u32);

/// One step of one frame.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StepRef {
    /// The frame.
    pub frame: FrameId,
    /// The step's place in its workflow.
    pub step: usize,
}

/// What a failed task means for the rest of the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
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
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum JobPhase {
    Queued,
    Preparing,
    Ready,
    Running,
    Sealing,
    Nested,
    Over,
}

#[derive(Debug)]
struct Job {
    owner: Option<StepRef>,
    phase: JobPhase,
    resources: Resources,
}

/// The state of one run.
#[derive(Debug)]
pub struct Core {
    frames: Vec<Frame>,
    jobs: Vec<Job>,
    unprepared: VecDeque<JobId>,
    preparing: usize,
    window: usize,
    ready: Queue,
    room: Room,
    policy: FailurePolicy,
    stopping: bool,
    finished: bool,
}

impl Core {
    /// A run of one root job on a machine with the given room.
    ///
    /// `window` is how many jobs may be prepared (bound, looked up, permitted) before they run; it bounds memory.
    pub fn new(room: Room, window: usize, policy: FailurePolicy) -> Self {
        Self {
            frames: Vec::new(),
            jobs: Vec::new(),
            unprepared: VecDeque::new(),
            preparing: 0,
            window: window.max(1),
            ready: Queue::default(),
            room,
            policy,
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
            Event::Prepared { job, resources } => self.prepared(job, resources, &mut effects),
            Event::Nested { job, graph } => self.nested(job, graph, &mut effects),
            Event::FrameGathered { frame, end } => {
                let owner = self.frames[frame.0 as usize].owner;
                self.job_over(owner, end, &mut effects);
            }
            Event::CommandEnded { job } => self.command_ended(job),
            Event::Ended { job, end } => self.ended(job, end, &mut effects),
            Event::Cancel => self.stop(&mut effects),
        }
        self.prepare_more(&mut effects);
        self.start_ready(&mut effects);
        Ok(effects)
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
        self.jobs.push(Job { owner, phase: JobPhase::Queued, resources: Resources::default() });
        self.unprepared.push_back(id);
        id
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

    fn prepared(&mut self, id: JobId, resources: Resources, effects: &mut Vec<Effect>) {
        self.preparing -= 1;
        if self.stopping {
            effects.push(Effect::Forget(id));
            return self.job_over(id, JobEnd::Canceled, effects);
        }
        let job = &mut self.jobs[id.0 as usize];
        job.phase = JobPhase::Ready;
        job.resources = resources;
        self.ready.push(id, resources);
    }

    fn nested(&mut self, id: JobId, graph: Arc<StepGraph>, effects: &mut Vec<Effect>) {
        self.preparing -= 1;
        self.jobs[id.0 as usize].phase = JobPhase::Nested;
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
        self.frames.push(Frame { owner: id, graph, steps, open, failed: false });
        effects.push(Effect::FrameOpened { frame, job: id });
        if self.stopping {
            return self.close_stopped_frame(frame, effects);
        }
        if open == 0 {
            return effects.push(Effect::GatherFrame { frame, failed: false });
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

    /// Its cores are free for others while its outputs are sealed, which mostly waits for the disk. Its memory is not:
    /// the outputs lie there until they are sealed.
    fn command_ended(&mut self, id: JobId) {
        let job = &mut self.jobs[id.0 as usize];
        job.phase = JobPhase::Sealing;
        self.room.give_back_cores(job.resources);
    }

    fn ended(&mut self, id: JobId, end: JobEnd, effects: &mut Vec<Effect>) {
        let job = &self.jobs[id.0 as usize];
        match job.phase {
            JobPhase::Preparing => self.preparing -= 1,
            JobPhase::Running => {
                self.room.give_back_cores(job.resources);
                self.room.give_back_memory(job.resources);
            }
            JobPhase::Sealing => self.room.give_back_memory(job.resources),
            _ => {}
        }
        self.job_over(id, end, effects);
    }

    fn job_over(&mut self, id: JobId, end: JobEnd, effects: &mut Vec<Effect>) {
        let job = &mut self.jobs[id.0 as usize];
        job.phase = JobPhase::Over;
        let owner = job.owner;
        if end == JobEnd::Failed && self.policy == FailurePolicy::StopAll {
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
        if phase == StepPhase::Failed && self.policy == FailurePolicy::StopAll {
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

    fn close_frame_if_over(&self, id: FrameId, effects: &mut Vec<Effect>) {
        let frame = &self.frames[id.0 as usize];
        if frame.open == 0 && self.jobs[frame.owner.0 as usize].phase == JobPhase::Nested {
            let effect = Effect::GatherFrame { frame: id, failed: frame.failed };
            if !effects.contains(&effect) {
                effects.push(effect);
            }
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
        let waiting: Vec<JobId> = self.unprepared.drain(..).chain(self.ready.drain()).collect();
        for id in waiting {
            if self.jobs[id.0 as usize].phase == JobPhase::Ready {
                effects.push(Effect::Forget(id));
            }
            self.job_over(id, JobEnd::Canceled, effects);
        }
        for (index, job) in self.jobs.iter().enumerate() {
            if job.phase == JobPhase::Running {
                effects.push(Effect::Cancel(JobId(index as u32)));
            }
        }
        for frame in 0..self.frames.len() {
            if self.jobs[self.frames[frame].owner.0 as usize].phase == JobPhase::Nested && self.frames[frame].open > 0 {
                self.close_stopped_frame(FrameId(frame as u32), effects);
            }
        }
    }

    fn prepare_more(&mut self, effects: &mut Vec<Effect>) {
        while !self.stopping && self.preparing + self.ready.len() < self.window {
            let Some(id) = self.unprepared.pop_front() else { return };
            self.jobs[id.0 as usize].phase = JobPhase::Preparing;
            self.preparing += 1;
            effects.push(Effect::Prepare(id));
        }
    }

    fn start_ready(&mut self, effects: &mut Vec<Effect>) {
        while let Some(id) = self.ready.take_fitting(&mut self.room) {
            self.jobs[id.0 as usize].phase = JobPhase::Running;
            effects.push(Effect::Run(id));
        }
    }

    fn step_mut(&mut self, at: StepRef) -> &mut Step {
        &mut self.frames[at.frame.0 as usize].steps[at.step]
    }
}
