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
    /// Of how many tasks it is: of more than one if it only repeats what entries of their own say, so that all of them
    /// are found at once.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub tasks: u32,
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

const fn one() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_one(tasks: &u32) -> bool {
    *tasks == 1
}

impl TaskRecord {
    /// Whether it only repeats what the entries of several tasks say.
    pub const fn is_group(&self) -> bool {
        self.tasks > 1
    }

    /// The version of the format that this version of sluis writes and reads.
    pub const VERSION: u32 = 1;
}
