//! A task: one command, bound to its inputs, ready to be placed on a worker.

use std::{collections::BTreeMap, time::Duration};

use crate::{Address, GpuKind, ImageReference, Resources};

/// The folder in which a command runs and leaves its outputs (`runtime.outdir`).
///
/// The three roots are the same for every task, so that no path of this machine enters a task key. An executor
/// without a container replaces them by the task's real folders.
pub const WORK_ROOT: &str = "/sluis/work";
/// The folder for temporary files (`runtime.tmpdir`).
pub const TEMPORARY_ROOT: &str = "/sluis/tmp";
/// The folder below which inputs are staged, each in a numbered folder of its own.
pub const INPUTS_ROOT: &str = "/sluis/in";

/// One command, bound to its inputs (CWL v1.2, CommandLineTool, Generic execution process, steps 1 to 7).
#[derive(Clone, PartialEq, Debug)]
pub struct Task {
    /// The tool's name: its document's file name and fragment, for people.
    pub tool: String,
    /// What is executed.
    pub command: CommandLine,
    /// The container image; `None` runs the command on the machine itself.
    pub image: Option<ImageReference>,
    /// Another path at which the command sees [`WORK_ROOT`] and in which it is started (DockerRequirement,
    /// `dockerOutputDirectory`).
    pub work_directory: Option<String>,
    /// What it is given of the machine.
    pub resources: Resources,
    /// Which GPUs will do, if it is given any.
    pub gpu_kind: Option<GpuKind>,
    /// After how long it is stopped (ToolTimeLimit).
    pub time_limit: Option<Duration>,
    /// Whether it may reach the network (NetworkAccess).
    pub network: bool,
    /// Whether an earlier result may be used (WorkReuse).
    pub reuse: bool,
    /// Files and folders to put in place before it runs, parents before children.
    pub staged: Vec<StagedEntry>,
    /// A canonical description of how outputs are collected: output sections, expression library and the input
    /// values that output expressions can see. It enters the task key and is otherwise opaque.
    pub collection: String,
}

/// What is executed, and with which streams.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CommandLine {
    /// Program and arguments; never empty.
    pub arguments: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub environment: BTreeMap<String, String>,
    /// Standard input: an absolute path below one of the roots.
    pub stdin: Option<String>,
    /// Standard output: a file name relative to [`WORK_ROOT`]; the log otherwise.
    pub stdout: Option<String>,
    /// Standard error: a file name relative to [`WORK_ROOT`]; the log otherwise.
    pub stderr: Option<String>,
    /// Exit codes that mean success.
    pub success_codes: Vec<i32>,
    /// Exit codes that mean that another try may succeed.
    pub temporary_fail_codes: Vec<i32>,
}

/// One thing that is put in place before the command runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StagedEntry {
    /// Where: an absolute path below [`INPUTS_ROOT`] or [`WORK_ROOT`]; for a task with an image also anywhere else
    /// (Dirent, `entryname`).
    pub target: String,
    /// What.
    pub source: StagedSource,
    /// Whether the command may change it (InitialWorkDirRequirement, `writable`).
    pub writable: bool,
}

/// What is put in place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StagedSource {
    /// The content of an object of the store.
    Object(Address),
    /// A text.
    Literal(String),
    /// An empty folder.
    Folder,
}

impl Task {
    /// Every object that the task reads, in order and once each.
    pub fn inputs(&self) -> Vec<Address> {
        let mut addresses: Vec<_> = self
            .staged
            .iter()
            .filter_map(|entry| match entry.source {
                StagedSource::Object(address) => Some(address),
                _ => None,
            })
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    /// Everything that can change the task's result and nothing else, in the encoding that `docs/task-key.md` lays
    /// down: each field is its tag byte, its length as u64 little-endian and its bytes.
    ///
    /// `image` is the content digest that the executor found for [`Task::image`].
    pub fn key_material(&self, image: Option<&str>) -> Vec<u8> {
        let mut out = b"sluis-task-1\n".to_vec();
        let mut field = |tag: u8, bytes: &[u8]| {
            out.push(tag);
            out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            out.extend_from_slice(bytes);
        };
        for argument in &self.command.arguments {
            field(b'a', argument.as_bytes());
        }
        for (name, value) in &self.command.environment {
            field(b'e', name.as_bytes());
            field(b'v', value.as_bytes());
        }
        let streams = [(b'0', &self.command.stdin), (b'1', &self.command.stdout), (b'2', &self.command.stderr)];
        for (tag, path) in streams {
            if let Some(path) = path {
                field(tag, path.as_bytes());
            }
        }
        for code in &self.command.success_codes {
            field(b'c', &code.to_le_bytes());
        }
        if let Some(image) = image {
            field(b'i', image.as_bytes());
        }
        if let Some(directory) = &self.work_directory {
            field(b'r', directory.as_bytes());
        }
        field(b'n', &[u8::from(self.network)]);
        for entry in &self.staged {
            field(b's', entry.target.as_bytes());
            field(b'w', &[u8::from(entry.writable)]);
            match &entry.source {
                StagedSource::Object(address) => field(b'o', address.as_bytes()),
                StagedSource::Literal(text) => field(b'l', text.as_bytes()),
                StagedSource::Folder => field(b'd', &[]),
            }
        }
        field(b'x', self.collection.as_bytes());
        out
    }
}
