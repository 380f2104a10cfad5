//! Runs a task's command in a container of the Docker daemon.
//!
//! A container gets nothing but what its task needs: no network unless asked, a read-only root, no capabilities, no
//! way to new privileges, a user that is not root, and limits on memory, processors and processes. Everything it can
//! write to stands in memory: the task's folders, a `tmpfs` at `/tmp`, `/dev/shm` and at every volume that the image
//! declares. The daemon keeps no output of it: its log driver is `none`, and no health check runs.
//!
//! The variables that an image itself sets stay in force below those of the command (CWL v1.2, Runtime environment);
//! nothing of the engine's environment and no host name enters.

mod absence;
mod adoption;
mod by_hand;
mod container;
mod daemon;
mod image;
mod leftover;
mod lifecycle;
mod memory;
mod orphans;
mod outage;
mod pulse;
mod pump;
mod usage;

use std::{
    collections::HashMap,
    error::Error,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use sluis_executor::{Awaited, ByHand, CancellationToken, Ended, Executor, ExecutorError, HeldMemory, Launch};
use sluis_model::{ImageId, ImageReference, RunId, TaskId};
use tokio::sync::{oneshot, watch};

use daemon::{Daemon, is_unavailable};

/// The executor on the Docker daemon of this machine (or the one that `DOCKER_HOST` names by a socket's path).
///
/// The daemon is first spoken to when it is needed, so that this may be made where there is none. One that was spoken to
/// and goes away is waited for, and what went on in it is gone on with if nothing of it was lost.
pub struct DockerExecutor {
    daemon: Arc<Daemon>,
    removals: Mutex<Removals>,
}

/// What is not settled yet, by what tells the launches of one executor apart.
type Removals = HashMap<LaunchName, lifecycle::Removal>;
type LaunchName = (String, RunId, TaskId);

impl DockerExecutor {
    /// An executor that has not spoken to the daemon yet.
    pub fn new() -> Self {
        Self::on(Daemon::at(None, daemon::PATIENCE))
    }

    /// An executor on the daemon that listens at this socket.
    pub fn at(socket: &Path) -> Self {
        Self::on(Daemon::at(Some(socket), daemon::PATIENCE))
    }

    /// The same, but for how long it waits for a daemon that goes away.
    pub fn with_patience(&self, patience: Duration) -> Self {
        Self::on(Daemon::at(self.daemon.socket(), patience))
    }

    fn on(daemon: Daemon) -> Self {
        Self { daemon: Arc::new(daemon), removals: Mutex::default() }
    }

    /// Whether the daemon answers within this time.
    pub async fn answers_within(&self, time: Duration) -> bool {
        tokio::time::timeout(time, self.daemon.answers()).await.unwrap_or(false)
    }

    fn removals(&self) -> MutexGuard<'_, Removals> {
        self.removals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for DockerExecutor {
    fn default() -> Self {
        Self::new()
    }
}

fn name_of(launch: &Launch) -> LaunchName {
    (launch.engine.clone(), launch.run.clone(), launch.task)
}

fn lost(launch: &Launch, error: impl Error + Send + Sync + 'static) -> ExecutorError {
    let doing = format!("watch task {} of run {}", launch.task, launch.run);
    ExecutorError::Service { what: "the docker executor", doing, source: error.into() }
}

#[async_trait]
impl Executor for DockerExecutor {
    fn name(&self) -> &'static str {
        "docker"
    }

    async fn image_id(&self, image: &ImageReference) -> Result<ImageId, ExecutorError> {
        loop {
            match image::find(&self.daemon, image).await {
                Err(error) if is_unavailable(&error) && self.daemon.returns().await => {}
                found => return found,
            }
        }
    }

    async fn run(&self, launch: &Launch, cancel: CancellationToken) -> Result<Ended, ExecutorError> {
        // In a task of its own, so that dropping this future can neither leave a container behind nor lose its end.
        let cancel = cancel.child_token();
        let _kill_when_dropped = cancel.clone().drop_guard();
        let (tell, told) = oneshot::channel();
        let work = tokio::spawn(lifecycle::carry_out(Arc::clone(&self.daemon), launch.clone(), cancel, tell));
        self.removals().insert(name_of(launch), work);
        told.await.map_err(|error| lost(launch, error))?
    }

    async fn settle(&self, launch: &Launch) -> Result<(), ExecutorError> {
        let removal = self.removals().remove(&name_of(launch));
        match removal {
            Some(removal) => removal.await.map_err(|error| lost(launch, error))?,
            None => Ok(()),
        }
    }

    fn outlives_engines(&self) -> bool {
        true
    }

    async fn adopt(&self, launch: &Launch, cancel: CancellationToken) -> Result<Option<Ended>, ExecutorError> {
        let cancel = cancel.child_token();
        let _kill_when_dropped = cancel.clone().drop_guard();
        let (tell, told) = oneshot::channel();
        let work = tokio::spawn(adoption::carry_on(Arc::clone(&self.daemon), launch.clone(), cancel, tell));
        self.removals().insert(name_of(launch), work);
        told.await.map_err(|error| lost(launch, error))?
    }

    fn awaited(&self) -> Option<watch::Receiver<Option<Awaited>>> {
        Some(self.daemon.absence.awaited())
    }

    async fn held_memory(&self, run: &RunId, task: TaskId) -> Option<HeldMemory> {
        self.daemon.running.of(run, task)?.memory().await
    }

    fn by_hand(&self, launch: &Launch, is_limited: bool) -> Result<Option<ByHand>, ExecutorError> {
        Ok(launch.image.as_ref().map(|image| by_hand::of_launch(launch, image, is_limited)))
    }

    async fn remove_orphans(
        &self,
        is_alive: &(dyn for<'a> Fn(&'a str) -> bool + Send + Sync),
    ) -> Result<usize, ExecutorError> {
        orphans::remove(&self.daemon, is_alive).await
    }
}
