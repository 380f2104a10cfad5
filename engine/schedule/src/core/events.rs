//! What the core is told and what it asks for.

use std::sync::Arc;

use sluis_model::Resources;

use super::{Core, FrameId, JobId, JobPhase, StepPhase, StepRef};
use crate::graph::StepGraph;

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
        /// The job.
        job: JobId,
        /// What it needs while it runs.
        resources: Resources,
    },
    /// A job turned out to be a workflow.
    Nested {
        /// The job.
        job: JobId,
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
    /// The command of a running job ended; its outputs are still to be sealed.
    CommandEnded {
        /// The job.
        job: JobId,
    },
    /// A job ended, after running or while it was prepared.
    Ended {
        /// The job.
        job: JobId,
        /// How.
        end: JobEnd,
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
    /// Bind the job, look into the cache, ask for its permit; answer with [`Event::Prepared`], [`Event::Nested`] or
    /// [`Event::Ended`].
    Prepare(JobId),
    /// Run the prepared job; answer with [`Event::CommandEnded`], unless it ends before that, and [`Event::Ended`].
    Run(JobId),
    /// Stop the running job; it still answers with [`Event::Ended`].
    Cancel(JobId),
    /// Drop what was prepared for the job; nothing to answer.
    Forget(JobId),
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
            Event::Prepared { job, .. } | Event::Nested { job, .. } => self.job_is(*job, &[JobPhase::Preparing]),
            Event::CommandEnded { job } => self.job_is(*job, &[JobPhase::Running]),
            Event::Ended { job, .. } => self.job_is(*job, &[JobPhase::Preparing, JobPhase::Running, JobPhase::Sealing]),
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

    fn job_is(&self, id: JobId, phases: &[JobPhase]) -> bool {
        self.jobs.get(id.0 as usize).is_some_and(|job| phases.contains(&job.phase))
    }
}
