//! What the core is told and what it asks for.

use std::{sync::Arc, time::Duration};

use sluis_model::Resources;

use super::{Attempt, Core, FrameId, JobId, JobPhase, StepPhase, StepRef};
use crate::{
    graph::StepGraph,
    retry::{Cause, Raised},
};

/// How a job ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JobEnd {
    /// Its outputs are there (run, found in the cache, evaluated, or skipped).
    Done,
    /// It has no outputs.
    Failed,
    /// It was stopped before it had outputs.
    Canceled,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The run begins.
    Start,
    /// A step's inputs are known; it has this many jobs.
    Expanded {
        /// The step.
        step: StepRef,
        /// One, or as many as the scatter gives.
        jobs: u32,
    },
    /// A step's inputs or outputs could not be made.
    StepFailed {
        /// The step.
        step: StepRef,
    },
    /// The outputs of a step's jobs are together.
    Gathered {
        /// The step.
        step: StepRef,
    },
    /// A job is bound, not cached and permitted.
    Prepared {
        /// The attempt.
        attempt: Attempt,
        /// What it needs while it runs.
        resources: Resources,
        /// After how long it is stopped.
        time_limit: Option<Duration>,
    },
    /// The same task is under way elsewhere: the attempt waits for its end. It is still answered as what is prepared, and
    /// others are prepared meanwhile.
    Parked {
        /// The attempt.
        attempt: Attempt,
    },
    /// A job turned out to be a workflow.
    Nested {
        /// The attempt.
        attempt: Attempt,
        /// The graph of the workflow's steps.
        graph: Arc<StepGraph>,
    },
    /// A frame's outputs are together, or could not be.
    FrameGathered {
        /// The frame.
        frame: FrameId,
        /// How it ended.
        end: JobEnd,
    },
    /// There is room for an attempt.
    Granted {
        /// The attempt.
        attempt: Attempt,
    },
    /// The command of a running attempt ended; its outputs are still to be sealed.
    CommandEnded {
        /// The attempt.
        attempt: Attempt,
    },
    /// A job has its outputs, after running or while it was prepared.
    Done {
        /// The attempt.
        attempt: Attempt,
    },
    /// An attempt failed, while it ran or was prepared.
    Failed {
        /// The attempt.
        attempt: Attempt,
        /// Why.
        cause: Cause,
    },
    /// A running attempt was stopped because that was asked for.
    Canceled {
        /// The attempt.
        attempt: Attempt,
    },
    /// The time has come to try a failed attempt's job again.
    RetryDue {
        /// The attempt that failed.
        attempt: Attempt,
    },
    /// Somebody asked for the run to be cancelled.
    Cancel,
}

/// Something to carry out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Gather the step's inputs and expand its scatter; answer with [`Event::Expanded`] or [`Event::StepFailed`].
    Expand(StepRef),
    /// The step has these jobs; nothing to answer.
    JobsAdded {
        /// The step.
        step: StepRef,
        /// The first of its jobs; the others follow.
        first: JobId,
        /// How many.
        count: u32,
    },
    /// Put the outputs of the step's jobs together; answer with [`Event::Gathered`] or [`Event::StepFailed`].
    Gather(StepRef),
    /// Bind the job, look into the cache, ask for its permit, whatever was decided for earlier attempts; answer with
    /// [`Event::Prepared`], [`Event::Nested`], [`Event::Done`] or [`Event::Failed`], and before that, at most once, with
    /// [`Event::Parked`].
    Prepare {
        /// The attempt.
        attempt: Attempt,
        /// What it is given instead of what its tool asks for.
        raised: Raised,
    },
    /// Ask for room for the prepared attempt; answer with [`Event::Granted`] when there is.
    Ask {
        /// The attempt.
        attempt: Attempt,
        /// What it needs.
        resources: Resources,
    },
    /// Run the prepared attempt; answer with [`Event::CommandEnded`], unless it ends before that, and then with
    /// [`Event::Done`], [`Event::Failed`] or [`Event::Canceled`].
    Run(Attempt),
    /// Stop the running attempt; it still answers with its end.
    Cancel(Attempt),
    /// Give the cores of the attempt back; nothing to answer.
    GiveBackCores(Attempt),
    /// Give everything back that the attempt was granted; nothing to answer.
    GiveBack(Attempt),
    /// Drop what was prepared for the attempt, what room it asked for or was granted, and its wait, for the run stops;
    /// nothing to answer.
    Forget(Attempt),
    /// There will be another attempt; answer with [`Event::RetryDue`] when the time has passed.
    Retry {
        /// The attempt that failed.
        attempt: Attempt,
        /// How long to wait.
        after: Duration,
    },
    /// There will be no other attempt; nothing to answer.
    GiveUp(Attempt),
    /// The job became this frame; nothing to answer.
    FrameOpened {
        /// The frame.
        frame: FrameId,
        /// The job.
        job: JobId,
    },
    /// The step will not run, since something before it failed or the run stops; nothing to answer.
    Blocked(StepRef),
    /// Put the frame's outputs together unless it failed; answer with [`Event::FrameGathered`].
    GatherFrame {
        /// The frame.
        frame: FrameId,
        /// Whether a step of it failed or was not run.
        failed: bool,
    },
    /// The run is over.
    Finish(JobEnd),
}

/// An event that cannot happen in the state it was applied to.
#[derive(Debug, thiserror::Error)]
#[error("the scheduler was told `{event}`, which cannot happen now")]
pub struct IllegalEvent {
    event: String,
}

impl Core {
    pub(super) fn check(&self, event: &Event) -> Result<(), IllegalEvent> {
        let legal = match event {
            Event::Start => self.jobs.is_empty(),
            Event::Expanded { step, .. } => self.step_is(*step, &[StepPhase::Expanding]),
            Event::StepFailed { step } => self.step_is(*step, &[StepPhase::Expanding, StepPhase::Gathering]),
            Event::Gathered { step } => self.step_is(*step, &[StepPhase::Gathering]),
            Event::Prepared { attempt, .. } => self.attempt_is(*attempt, &[JobPhase::Preparing, JobPhase::Parked]),
            Event::Parked { attempt } | Event::Nested { attempt, .. } => {
                self.attempt_is(*attempt, &[JobPhase::Preparing])
            }
            Event::Granted { attempt } => self.attempt_is(*attempt, &[JobPhase::Ready]),
            Event::CommandEnded { attempt } => self.attempt_is(*attempt, &[JobPhase::Running]),
            Event::Done { attempt } | Event::Failed { attempt, .. } => self
                .attempt_is(*attempt, &[JobPhase::Preparing, JobPhase::Parked, JobPhase::Running, JobPhase::Sealing]),
            Event::Canceled { attempt } => self.attempt_is(*attempt, &[JobPhase::Running, JobPhase::Sealing]),
            Event::RetryDue { attempt } => self.attempt_is(*attempt, &[JobPhase::Resting]),
            Event::FrameGathered { frame, .. } => self
                .frames
                .get(frame.0 as usize)
                .is_some_and(|frame| frame.open == 0 && self.job_is(frame.owner, &[JobPhase::Nested])),
            Event::Cancel => true,
        };
        if legal { Ok(()) } else { Err(IllegalEvent { event: format!("{event:?}") }) }
    }

    fn step_is(&self, at: StepRef, phases: &[StepPhase]) -> bool {
        self.frames
            .get(at.frame.0 as usize)
            .and_then(|frame| frame.steps.get(at.step))
            .is_some_and(|step| phases.contains(&step.phase))
    }

    fn attempt_is(&self, attempt: Attempt, phases: &[JobPhase]) -> bool {
        let job = self.jobs.get(attempt.job.0 as usize);
        job.is_some_and(|job| job.attempt == attempt.number && phases.contains(&job.phase))
    }

    fn job_is(&self, id: JobId, phases: &[JobPhase]) -> bool {
        self.jobs.get(id.0 as usize).is_some_and(|job| phases.contains(&job.phase))
    }
}
