//! Stage, run, collect, seal, wipe.
//!
//! A task's inputs are opened just in time into a folder that is in memory, its command is run by an executor, its
//! outputs are sealed, and the folder is wiped, however the task ends.

mod board;
mod collect;
mod error;
mod gpus;
mod left;
mod scratch;
mod stage;
mod swap;
mod task_folder;
mod worker;

pub use board::{Board, Notice};
pub use collect::Collect;
pub use error::WorkError;
pub use gpus::GpuLease;
pub use scratch::Scratch;
pub use swap::SwapRule;
pub use worker::{Finished, WorkRequest, Worker};
