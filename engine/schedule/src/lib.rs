//! The state machine over the graph of steps, and its thin asynchronous shell.
//!
//! [`Core`] decides and does nothing else: events go in, effects come out, and no value, file or clock is in it.
//! [`Allocator`] shares a machine between runs, [`Tries`] says whether a failed attempt is followed by another.
//! [`Engine`] carries the effects out: it binds, looks into the task cache, asks for permits, hands tasks to
//! workers and writes the run's journal.

mod account;
mod allocator;
mod begin;
mod cache;
mod core;
mod engine;
mod explain;
mod flight;
mod frames;
mod given;
mod gpus;
mod graph;
mod groups;
mod intake;
mod machine;
mod plan;
mod prepare;
mod record;
mod recorder;
mod repeat;
mod resume;
mod retry;
mod run_loop;
mod runs;
mod settings;
mod too_large;

pub use crate::account::{Material, Staged, TaskAccount};
pub use crate::allocator::{
    Allocator, Elsewhere, GpuSet, Needs, Priority, PriorityError, Room, Sharer, Ticket, TooLarge, Wanted,
};
pub use crate::core::{
    Attempt, Core, CoreSettings, Effect, Event, FailurePolicy, FrameId, IllegalEvent, JobEnd, JobId, StepRef,
};
pub use crate::engine::{Engine, Executors, RunError, RunRequest, RunResult, Told};
pub use crate::explain::{
    Change, Comparison, EarlierTask, ExplainError, Explainer, Explanation, FailureTold, Reason, StepLine, Wait,
    WaitKind,
};
pub use crate::gpus::Gpus;
pub use crate::graph::StepGraph;
pub use crate::machine::Machine;
pub use crate::plan::{Estimate, Plan, PlanError, PlanRequest, Planner, StepPlan};
pub use crate::record::{FailureKind, Measured, RunEvent, RunState, TaskState};
pub use crate::repeat::{RepeatError, Repeatable, repeatable};
pub use crate::resume::{Interrupted, ResumeError};
pub use crate::retry::{Cause, Given, Raised, Tries};
pub use crate::runs::{
    AwaitedService, FailedAttempt, RunEvents, RunSummary, RunsError, StepSummary, TaskSummary, find_run, is_abandoned,
    journal_of, list_runs, read_events, read_run, step_of, step_pattern,
};
pub use crate::settings::{Reuse, RunSettings, UnknownStep};
