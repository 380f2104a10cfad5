//! What can keep a worker from its work. That the command itself fails is not among it.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
};

use sluis_access::AccessError;
use sluis_executor::ExecutorError;

/// Why a task could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// An input was refused or is damaged.
    #[error(transparent)]
    Input(AccessError),
    /// The inputs do not fit into the scratch folder.
    #[error(
        "the task's inputs take {needed} bytes in memory, {path} has {free} free; run fewer tasks at a time or use a \
         machine with more memory", path = path.display()
    )]
    Full {
        /// The scratch folder.
        path: PathBuf,
        /// Bytes that are needed.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// A file in the scratch folder could not be made, read or removed.
    #[error("{path} cannot be {doing}", path = path.display())]
    Scratch {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The scratch folder is not in memory.
    #[error("{path} is not in memory (tmpfs), so plaintext would be written to a disk; mount a tmpfs there", path = path.display())]
    OnDisk {
        /// The folder.
        path: PathBuf,
    },
    /// The scratch folder belongs to somebody else.
    #[error("{path} is not a folder of this user alone; remove it", path = path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// The machine swaps to an unencrypted disk.
    #[error(
        "this machine swaps to {device}, which is not encrypted, so plaintext in memory could be written to a disk; \
         switch it off (`swapoff {device}`), encrypt it, or, for data that are public anyway, set \
         `unencrypted-swap: allow` in site.yaml"
    )]
    Swap {
        /// The device or file.
        device: String,
    },
    /// The executor could not launch the command or watch it to its end.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// The command succeeded, but its outputs are not as the tool declares.
    #[error("the outputs are not as the tool declares them")]
    Collect(#[source] Box<dyn Error + Send + Sync>),
    /// An output is nothing that can be kept.
    #[error("the output {path} is not a regular file in the task's folder", path = path.display())]
    NotAFile {
        /// The file, as the task saw it.
        path: PathBuf,
    },
    /// An output could not be sealed.
    #[error("the output {name} cannot be sealed")]
    Seal {
        /// The file's name.
        name: String,
        /// Why.
        source: AccessError,
    },
}

impl WorkError {
    /// For `map_err`: names a file and what was tried.
    pub(crate) fn scratch(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Scratch { path, doing, source }
    }
}
