//! What frames, jobs, attempts and steps are called within a run.

/// The number of a frame within its run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FrameId(pub u32);

/// The number of a job within its run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct JobId(pub u32);

/// One try to carry out a job.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Attempt {
    /// The job.
    pub job: JobId,
    /// Which of the job's attempts it is, from 1.
    pub number: u32,
}

/// One step of one frame.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StepRef {
    /// The frame.
    pub frame: FrameId,
    /// The step's place in its workflow.
    pub step: usize,
}
