//! What the task cache keeps of a task. No parameter value is in it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sluis_model::{Address, ImageId, Region, RunId, TaskId, TaskKey};

/// A task that succeeded.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TaskRecord {
    /// The version of this record's format: [`TaskRecord::VERSION`].
    pub version: u32,
    /// Its key.
    pub key: TaskKey,
    /// The tool's name.
    pub tool: String,
    /// The step's path in the run that carried it out.
    pub step: String,
    /// The run that carried it out.
    pub run: RunId,
    /// Its number in that run.
    pub task: TaskId,
    /// The image's content digest.
    pub image: Option<ImageId>,
    /// Where it ran.
    pub region: Region,
    /// What ran it.
    pub executor: String,
    /// The objects it read.
    pub inputs: Vec<Address>,
    /// The objects it made.
    pub outputs: Vec<Address>,
    /// Its output object, sealed as JSON.
    pub result: Address,
    /// What it printed, sealed.
    pub log: Option<Address>,
    /// How it ended.
    pub exit_code: i32,
    /// When its command was started.
    pub started: Timestamp,
    /// When its command ended.
    pub ended: Timestamp,
}

impl TaskRecord {
    /// The version of the format that this version of sluis writes and reads.
    pub const VERSION: u32 = 1;
}
