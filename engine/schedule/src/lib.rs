//! The state machine over the graph of steps, and its thin asynchronous shell.
//!
//! [`Core`] decides and does nothing else: events go in, effects come out, and no value, file or clock is in it.
//! [`Engine`] carries the effects out: it binds, looks into the task cache, asks for permits, hands tasks to
//! workers and writes the run's journal.

mod begin;
mod cache;
mod core;
mod engine;
mod frames;
mod graph;
mod intake;
mod prepare;
mod record;
mod recorder;
mod repeat;
mod run_loop;
mod runs;

pub use crate::core::{Core, Effect, Event, FailurePolicy, FrameId, IllegalEvent, JobEnd, JobId, Room, StepRef};
pub use crate::engine::{Engine, Executors, Reuse, RunError, RunRequest, RunResult, Told};
pub use crate::graph::StepGraph;
pub use crate::record::{FailureKind, RunEvent, RunState, TaskState};
pub use crate::repeat::{RepeatError, Repeatable, repeatable};
pub use crate::runs::{
    RunEvents, RunSummary, RunsError, StepSummary, TaskSummary, find_run, is_abandoned, journal_of, list_runs,
    read_events, read_run,
};
