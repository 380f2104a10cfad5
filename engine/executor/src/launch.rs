//! What an executor is asked for and what it gives back.

use std::{
    fmt,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use sluis_model::{CommandLine, Gpu, ImageId, Resources, RunId, TaskId, Usage};

use crate::Folders;

/// One command to run, with everything it may use.
#[derive(Clone, PartialEq, Debug)]
pub struct Launch {
    /// The identifier of the engine process that asks, so that what it leaves behind when killed can be found.
    pub engine: String,
    /// The run to which the command belongs.
    pub run: RunId,
    /// The task within the run.
    pub task: TaskId,
    /// What is executed; its paths are below the canonical roots of `sluis_model`.
    pub command: CommandLine,
    /// The image in which it runs; `None` for executors without containers.
    pub image: Option<ImageId>,
    /// Where the roots are on this machine.
    pub folders: Folders,
    /// Another path at which the command sees its working folder, and in which it is started.
    pub work_directory: Option<String>,
    /// What the command finds outside of the roots; for executors without containers there is no such thing.
    pub elsewhere: Vec<MountPoint>,
    /// The file to which both output streams are appended unless the command redirects them.
    pub log: PathBuf,
    /// What the command is given of the machine.
    pub resources: Resources,
    /// The GPUs that it is given, and besides which it sees none; `None` where the machine has none.
    pub gpus: Option<Vec<Gpu>>,
    /// After how long it is killed; `None` for never.
    pub time_limit: Option<Duration>,
    /// Whether it may reach the network.
    pub network: bool,
}

/// A file or folder that the command finds at a path outside of the roots; on this machine it is where
/// [`Folders::host_path`] says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct MountPoint {
    /// The path, as the command sees it.
    pub path: String,
    /// Whether the command may change what is there.
    pub writable: bool,
}

/// How a command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal, which the executor did not send.
    Signaled(i32),
    /// Killed by the system for using more memory than it was given.
    OutOfMemory,
    /// Killed by the executor at its time limit.
    TimeLimit,
    /// Its machine was taken away before it ended, as clouds do with what they rent out cheaply.
    Preempted,
    /// Killed by the executor because it was canceled.
    Canceled,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with code {code}"),
            Self::Signaled(signal) => write!(f, "was ended by signal {signal}"),
            Self::OutOfMemory => f.write_str("ran out of memory"),
            Self::TimeLimit => f.write_str("reached its time limit"),
            Self::Preempted => f.write_str("lost its machine"),
            Self::Canceled => f.write_str("was canceled"),
        }
    }
}

/// How and when a command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ended {
    /// How it ended.
    pub outcome: Outcome,
    /// When it was launched.
    pub started: SystemTime,
    /// When it was known to have ended.
    pub ended: SystemTime,
    /// What it used.
    pub usage: Usage,
}
