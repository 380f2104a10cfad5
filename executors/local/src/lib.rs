//! Runs a task's command as a process of this machine, for tools without a container.
//!
//! The command has the rights of the engine's user: nothing keeps it from the network, and its memory is not limited.
//! It leads a process group of its own, which is killed as a whole when it ends, is canceled or takes too long; a
//! process that leaves this group on purpose is killed only when its engine is gone.
//!
//! Commands are started by `posix_spawn`, which costs the same however large the engine has grown.

mod orphans;
mod process;
mod program;
mod usage;

use std::path::PathBuf;

use async_trait::async_trait;
use rustix::process::{Resource, Rlimit, setrlimit};
use sluis_executor::{CancellationToken, Ended, Executor, ExecutorError, HeldMemory, Launch, Running};
use sluis_model::{ImageId, ImageReference, RunId, TaskId};
use tokio::task::spawn_blocking;

/// The executor on this machine itself.
pub struct LocalExecutor {
    scratch: PathBuf,
    running: Running<process::Held>,
}

impl LocalExecutor {
    /// An executor for tasks whose folders are below `scratch`, each below a folder with its engine's identifier.
    ///
    /// From then on no core dump of this process, or of any that it starts, can be written.
    pub fn new(scratch: impl Into<PathBuf>) -> Self {
        // One byte and not none: the kernel writes no file for so little, and unlike with 0 it does not hand the dump
        // to a collecting program either (core(5)). Lowering a limit cannot fail.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(1), maximum: Some(1) });
        Self { scratch: scratch.into(), running: Running::default() }
    }
}

#[async_trait]
impl Executor for LocalExecutor {
    fn name(&self) -> &'static str {
        "local"
    }

    fn has_canonical_roots(&self) -> bool {
        false
    }

    async fn image_id(&self, image: &ImageReference) -> Result<ImageId, ExecutorError> {
        Err(unsupported(format!("it asks for the container image {image}")))
    }

    async fn run(&self, launch: &Launch, cancel: CancellationToken) -> Result<Ended, ExecutorError> {
        match &launch.image {
            Some(image) => Err(unsupported(format!("it asks for the container image {image}"))),
            None => process::run(launch, cancel, &self.running).await,
        }
    }

    async fn held_memory(&self, run: &RunId, task: TaskId) -> Option<HeldMemory> {
        let command = self.running.of(run, task)?;
        spawn_blocking(move || command.memory()).await.ok()?
    }

    async fn remove_orphans(
        &self,
        is_alive: &(dyn for<'a> Fn(&'a str) -> bool + Send + Sync),
    ) -> Result<usize, ExecutorError> {
        orphans::kill(&self.scratch, is_alive).await
    }
}

fn unsupported(reason: String) -> ExecutorError {
    ExecutorError::Unsupported { executor: "local", reason }
}
