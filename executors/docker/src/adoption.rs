//! Going on with a container whose engine is dead.
//!
//! A container's standard streams go through its engine. When that is killed, the daemon throws away what the command
//! prints from then on, and a command that was fed sees the end of its input. So only a command whose streams carry none
//! of its inputs and outputs can be gone on with; what is missing in its log is said there.

use std::{
    collections::HashMap,
    io::Write,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bollard::{
    Docker,
    models::ContainerState,
    query_parameters::{AttachContainerOptionsBuilder, ListContainersOptionsBuilder},
};
use jiff::Timestamp;
use sluis_executor::{CancellationToken, Ended, ExecutorError, Launch, Outcome, StreamFiles};
use tokio::sync::oneshot;

use crate::{
    container::{ENGINE_LABEL, RUN_LABEL, TASK_LABEL},
    daemon::{Daemon, failed, is_missing, is_unavailable},
    lifecycle::{self, Container},
    pump::pump,
};

/// What stands in the log at the place from which on output is missing.
const GAP: &str = "the engine was killed";
/// The exit codes of what the daemon killed when it was stopped or started, and of what it does not know.
const DAEMONS_CODES: [i32; 2] = [137, 255];

/// Goes on with the container of a launch and tells its end, or that it has to be run anew; then nothing of it is left.
pub(crate) async fn carry_on(
    daemon: Arc<Daemon>,
    launch: Launch,
    cancel: CancellationToken,
    tell: oneshot::Sender<Result<Option<Ended>, ExecutorError>>,
) -> Result<(), ExecutorError> {
    // Where telling fails nobody wants to know any more.
    let found = match find_patiently(&daemon, &launch).await {
        Ok(Some(container)) => container,
        Ok(None) => {
            let _ = tell.send(Ok(None));
            return Ok(());
        }
        Err(error) => {
            let _ = tell.send(Err(error));
            return Ok(());
        }
    };
    let ended = match found.take_up(&launch, &cancel, GAP).await {
        Err(error) if is_unavailable(&error) => found.outlast(&launch, error, &cancel).await,
        ended => ended,
    };
    match ended {
        Ok(None) => {
            let removed = lifecycle::remove_wholly(&daemon, &found.docker, &found.id).await;
            let _ = tell.send(removed.map(|()| None));
            Ok(())
        }
        // It stays for whoever goes on with it.
        Err(error) if is_unavailable(&error) => {
            let _ = tell.send(Err(error));
            Ok(())
        }
        ended => {
            let _ = tell.send(ended);
            lifecycle::remove_wholly(&daemon, &found.docker, &found.id).await
        }
    }
}

/// The container of a launch; a daemon that went away is waited for.
async fn find_patiently(daemon: &Arc<Daemon>, launch: &Launch) -> Result<Option<Container>, ExecutorError> {
    loop {
        match find(daemon, launch).await {
            Err(error) if is_unavailable(&error) && daemon.returns().await => {}
            found => return found,
        }
    }
}

/// The container of a launch.
pub(crate) async fn find(daemon: &Arc<Daemon>, launch: &Launch) -> Result<Option<Container>, ExecutorError> {
    let docker: Docker = daemon.docker().await?.clone();
    let labels = [
        format!("{ENGINE_LABEL}={}", launch.engine),
        format!("{RUN_LABEL}={}", launch.run),
        format!("{TASK_LABEL}={}", launch.task),
    ];
    let filters = HashMap::from([("label", labels.to_vec())]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let doing = || format!("look for the container of task {} of run {}", launch.task, launch.run);
    let listed = docker.list_containers(Some(options)).await.map_err(|error| failed(doing(), error))?;
    let id = listed.into_iter().find_map(|container| container.id);
    Ok(id.map(|id| Container { daemon: Arc::clone(daemon), docker, id }))
}

impl Container {
    /// Watches the container to its end, if its outputs are sure to be those of one that nobody disturbed. `gap` says why
    /// nobody watched it until now.
    pub async fn take_up(
        &self,
        launch: &Launch,
        cancel: &CancellationToken,
        gap: &str,
    ) -> Result<Option<Ended>, ExecutorError> {
        let command = &launch.command;
        if command.stdin.is_some() || command.stdout.is_some() || command.stderr.is_some() {
            return Ok(None);
        }
        let pulse = self.daemon.pulse().await?;
        let facts = match self.docker.inspect_container(&self.id, None).await {
            Err(error) if is_missing(&error) => return Ok(None),
            outcome => outcome.map_err(|error| failed(self.doing("inspect"), error))?,
        };
        let state = facts.state.unwrap_or_default();
        let Some(started) = moment(state.started_at.as_deref()) else { return Ok(None) };
        let mut files = StreamFiles::open(launch)?;
        let gap = format!("[sluis: {gap}; what was printed from then until {:.0} is lost]\n", Timestamp::now());
        let noted = files.stdout.file.write_all(gap.as_bytes());
        noted.map_err(ExecutorError::file(&launch.log, "written"))?;
        if !state.running.unwrap_or(false) {
            return Ok(ended_well(launch, &state, started));
        }
        let options = AttachContainerOptionsBuilder::new().stream(true).stdout(true).stderr(true).build();
        let attached = self.docker.attach_container(&self.id, Some(options)).await;
        let attached = match attached.map_err(|error| failed(self.doing("attach to"), error)) {
            Err(error) if is_unavailable(&error) => return Err(error),
            // It may just have ended: then it is run anew.
            Err(_) => return Ok(None),
            Ok(attached) => attached,
        };
        let (outcome, usage) = self.follow(&rest_of(launch, started), pump(files, attached), &pulse, cancel).await?;
        Ok(Some(Ended { outcome, started, ended: SystemTime::now(), usage }))
    }
}

/// The end of a container that ended while nobody watched: anything but success may be the work of whoever killed the
/// engine, so it is run anew. So are ends that the daemon tells of what it killed itself, or does not know how it ended.
fn ended_well(launch: &Launch, state: &ContainerState, started: SystemTime) -> Option<Ended> {
    let code = i32::try_from(state.exit_code?).ok()?;
    let is_success = launch.command.success_codes.contains(&code)
        && !DAEMONS_CODES.contains(&code)
        && !state.oom_killed.unwrap_or(false);
    let ended = moment(state.finished_at.as_deref()).filter(|_| is_success)?;
    Some(Ended { outcome: Outcome::Exited(code), started, ended, usage: Default::default() })
}

/// The launch with what is left of its time limit.
fn rest_of(launch: &Launch, started: SystemTime) -> Launch {
    let gone = started.elapsed().unwrap_or(Duration::ZERO);
    Launch { time_limit: launch.time_limit.map(|limit| limit.saturating_sub(gone)), ..launch.clone() }
}

/// A time as the daemon tells it; `None` for what has not come about, which it tells as the year 1.
fn moment(text: Option<&str>) -> Option<SystemTime> {
    let moment: Timestamp = text?.parse().ok()?;
    SystemTime::try_from(moment).ok().filter(|_| moment > Timestamp::UNIX_EPOCH)
}
