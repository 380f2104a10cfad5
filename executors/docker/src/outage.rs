//! A daemon that went away while it was needed for a launch: waiting for it, and what becomes of the launch.

use std::{sync::Arc, time::SystemTime};

use sluis_executor::{CancellationToken, Ended, ExecutorError, Launch, Outcome};
use sluis_model::Usage;
use tokio::sync::oneshot;

use crate::{
    adoption,
    daemon::{Daemon, is_unavailable, lost},
    lifecycle::{Container, remove_wholly},
};

/// What stands in the log at the place from which on output is missing.
const GAP: &str = "the Docker daemon went away";

impl Container {
    /// Goes on with the container once the daemon that was missed is back; `None` if something of it was lost.
    pub async fn outlast(
        &self,
        launch: &Launch,
        mut missed: ExecutorError,
        cancel: &CancellationToken,
    ) -> Result<Option<Ended>, ExecutorError> {
        loop {
            let is_back = tokio::select! {
                biased;
                is_back = self.daemon.returns() => is_back,
                () = cancel.cancelled() => return Ok(Some(canceled())),
            };
            if !is_back {
                return Err(missed);
            }
            match self.take_up(launch, cancel, GAP).await {
                Err(error) if is_unavailable(&error) => missed = error,
                taken_up => return taken_up,
            }
        }
    }
}

/// Tells the end of a launch whose daemon was missed before it had told of a container, and removes what it may have made
/// all the same.
pub(crate) async fn give_up_launch(
    daemon: &Arc<Daemon>,
    launch: &Launch,
    missed: ExecutorError,
    cancel: &CancellationToken,
    tell: oneshot::Sender<Result<Ended, ExecutorError>>,
) -> Result<(), ExecutorError> {
    let is_back = tokio::select! {
        biased;
        is_back = daemon.returns() => is_back,
        () = cancel.cancelled() => {
            let _ = tell.send(Ok(canceled()));
            return if daemon.returns().await { clear(daemon, launch).await } else { Err(missed) };
        }
    };
    if !is_back {
        // It was never there, or stays away: then the next engine that starts looks for what it made.
        let _ = tell.send(Err(missed));
        return Ok(());
    }
    let how = match missed {
        ExecutorError::Unavailable { source, .. } => source,
        missed => missed.into(),
    };
    let _ = tell.send(Err(lost(how)));
    clear(daemon, launch).await
}

async fn clear(daemon: &Arc<Daemon>, launch: &Launch) -> Result<(), ExecutorError> {
    while let Some(container) = adoption::find(daemon, launch).await? {
        remove_wholly(daemon, &container.docker, &container.id).await?;
    }
    Ok(())
}

fn canceled() -> Ended {
    let now = SystemTime::now();
    Ended { outcome: Outcome::Canceled, started: now, ended: now, usage: Usage::default() }
}
