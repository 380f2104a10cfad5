//! What every executor can do.

use async_trait::async_trait;
use sluis_model::{ImageId, ImageReference, RunId, TaskId};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{Awaited, ByHand, Ended, ExecutorError, HeldMemory, Launch};

/// Launches commands somewhere: on this machine, in a container, in a cloud.
#[async_trait]
pub trait Executor: Send + Sync {
    /// The executor's name in records, listings and messages, as `docker`.
    fn name(&self) -> &'static str;

    /// Finds the image, fetching it where that is possible, and gives its content digest.
    ///
    /// # Errors
    /// [`ExecutorError::MissingImage`] if it cannot be had, [`ExecutorError::ForeignImage`] if what stands under the
    /// name has another digest than the one asked for.
    async fn image_id(&self, image: &ImageReference) -> Result<ImageId, ExecutorError>;

    /// Whether the command finds its folders at the canonical roots; if not, whoever stages texts puts the real
    /// paths into them ([`crate::Folders::localize`]).
    fn has_canonical_roots(&self) -> bool {
        true
    }

    /// Runs one command to its end, and returns when none of its processes is left.
    ///
    /// That the command failed, was killed or was canceled is an [`Ended`] like any other; canceling is not an error.
    /// If the returned future is dropped, the command is killed.
    ///
    /// # Errors
    /// What kept the command from being launched or from being watched to its end. With [`ExecutorError::Unavailable`] it
    /// may go on, so that whoever holds its folders is to leave them to the engine that adopts it.
    async fn run(&self, launch: &Launch, cancel: CancellationToken) -> Result<Ended, ExecutorError>;

    /// Returns when nothing of a launch is left that ended or was dropped, such as a container that is still being
    /// removed. To be called once for each launch.
    ///
    /// # Errors
    /// What could not be removed; [`Executor::remove_orphans`] finds it when the engine has ended.
    async fn settle(&self, _launch: &Launch) -> Result<(), ExecutorError> {
        Ok(())
    }

    /// Whether a command goes on when the engine that launched it is killed, so that [`Executor::adopt`] may find it.
    fn outlives_engines(&self) -> bool {
        false
    }

    /// Goes on watching, to its end, what an engine launched that is dead now; from here on as [`Executor::run`].
    ///
    /// The engine, run and task of `launch` say which command is meant; all else in it is as it was launched, its
    /// folders included. Cancelling kills it.
    ///
    /// `None` if it cannot be gone on with: because nothing of it is left, because it was never started, or because
    /// something of its input or of a redirected output was lost when the engine died, so that its outputs might not
    /// be those of a command that nobody disturbed. What was left of it is then killed and removed, and it has to be
    /// run anew.
    ///
    /// # Errors
    /// As [`Executor::run`].
    async fn adopt(&self, _launch: &Launch, _cancel: CancellationToken) -> Result<Option<Ended>, ExecutorError> {
        Ok(None)
    }

    /// Where it is told that a service went away and is waited for, and when it is back; `None` where there is no such
    /// service.
    fn awaited(&self) -> Option<watch::Receiver<Option<Awaited>>> {
        None
    }

    /// What the command of a task holds of the machine's memory now; `None` if it does not run, or that cannot be told.
    ///
    /// Looked up when it is asked for and never before, without holding up the runtime; good to be asked once a second.
    async fn held_memory(&self, _run: &RunId, _task: TaskId) -> Option<HeldMemory> {
        None
    }

    /// What starts a launch by hand in the same container, for whoever looks for a fault in it; `None` for executors without
    /// containers. Nothing is started, and nothing is looked for but the image and what limits can be kept on this machine.
    ///
    /// The launch's folders are whoever's who types it. Its `resources` limit it only if `is_limited`: what a task was given
    /// is not known of every one.
    ///
    /// # Errors
    /// If the image is not there any more, or cannot be used.
    fn by_hand(&self, _launch: &Launch, _is_limited: bool) -> Result<Option<ByHand>, ExecutorError> {
        Ok(None)
    }

    /// Kills and removes what engines left behind that no longer live, and says how many commands that were.
    ///
    /// `is_alive` says of the identifier in [`Launch::engine`] whether that engine still lives.
    ///
    /// # Errors
    /// What kept it from looking or from removing.
    async fn remove_orphans(
        &self,
        is_alive: &(dyn for<'a> Fn(&'a str) -> bool + Send + Sync),
    ) -> Result<usize, ExecutorError>;
}
