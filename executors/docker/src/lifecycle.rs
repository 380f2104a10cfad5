//! The life of one container: create, attach, start, watch, remove.

use std::{
    future,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bollard::{
    Docker,
    errors::Error,
    query_parameters::{
        AttachContainerOptionsBuilder, KillContainerOptionsBuilder, RemoveContainerOptionsBuilder, WaitContainerOptions,
    },
};
use futures_util::StreamExt;
use sluis_executor::{CancellationToken, CommandUser, Ended, ExecutorError, Launch, Outcome, StreamFiles};
use sluis_model::Usage;
use tokio::{sync::oneshot, task::JoinHandle, time};

use crate::{
    container,
    daemon::{Daemon, failed, is_conflict, is_missing, is_unavailable, lost, missing_image, unavailable},
    leftover,
    memory::Holder,
    outage,
    pulse::Pulse,
    pump::pump,
    usage::Meter,
};

/// How long the rest of the output may take once the command has ended.
const REST_OF_OUTPUT: Duration = Duration::from_secs(60);
/// How long to wait before each further attempt at removing a container.
const REMOVAL_PAUSES: [Duration; 3] = [Duration::from_millis(100), Duration::from_millis(500), Duration::from_secs(2)];

/// A launch under way, until nothing of it is left.
pub(crate) type Removal = JoinHandle<Result<(), ExecutorError>>;

/// Runs a launch, tells its end as soon as that is known, and then removes its container, whatever happened. Gives what
/// kept it from removing.
pub(crate) async fn carry_out(
    daemon: Arc<Daemon>,
    launch: Launch,
    cancel: CancellationToken,
    tell: oneshot::Sender<Result<Ended, ExecutorError>>,
) -> Result<(), ExecutorError> {
    // Where telling fails nobody wants to know any more.
    let (docker, files, id) = match prepare(&daemon, &launch).await {
        Ok(prepared) => prepared,
        Err(error) if is_unavailable(&error) => {
            return outage::give_up_launch(&daemon, &launch, error, &cancel, tell).await;
        }
        Err(error) => {
            let _ = tell.send(Err(error));
            return Ok(());
        }
    };
    let container = Container { daemon, docker, id };
    match container.attend(&launch, files, &cancel).await {
        Err(error) if is_unavailable(&error) => {
            let ended = container.outlast(&launch, error, &cancel).await;
            // What is gone on with by another engine stays.
            let stays = ended.as_ref().is_err_and(is_unavailable);
            let how = "its container did not outlive that, or something that it printed was not heard";
            let _ = tell.send(ended.and_then(|ended| ended.ok_or_else(|| lost(how))));
            if stays { Ok(()) } else { remove_wholly(&container.daemon, &container.docker, &container.id).await }
        }
        ended => {
            let _ = tell.send(ended);
            remove(&container.daemon, &container.docker, &container.id).await
        }
    }
}

async fn prepare(daemon: &Daemon, launch: &Launch) -> Result<(Docker, StreamFiles, String), ExecutorError> {
    let Some(image) = &launch.image else {
        let reason = "it names no container image; add a DockerRequirement".to_owned();
        return Err(ExecutorError::Unsupported { executor: "docker", reason });
    };
    let docker = daemon.docker().await?.clone();
    let facts = daemon.image_facts(image).await?;
    let files = StreamFiles::open(launch)?;
    let user = CommandUser::of_commands();
    user.hand_over(&launch.folders.work)?;
    user.hand_over(&launch.folders.temporary)?;
    for point in launch.elsewhere.iter().filter(|point| point.writable) {
        launch.folders.host_path(&point.path).map_or(Ok(()), |path| user.hand_over(&path))?;
    }
    let body = container::of_launch(launch, image, &facts, user);
    let created = docker.create_container(None, body).await.map_err(|error| match error {
        error if is_missing(&error) => missing_image(image, error),
        error => failed(format!("make a container of {image}"), error),
    })?;
    Ok((docker, files, created.id))
}

/// A container of a launch.
pub(crate) struct Container {
    pub daemon: Arc<Daemon>,
    pub docker: Docker,
    pub id: String,
}

impl Container {
    async fn attend(
        &self,
        launch: &Launch,
        files: StreamFiles,
        cancel: &CancellationToken,
    ) -> Result<Ended, ExecutorError> {
        let options = AttachContainerOptionsBuilder::new()
            .stream(true)
            .stdin(files.stdin.is_some())
            .stdout(true)
            .stderr(true)
            .build();
        let pulse = self.daemon.pulse().await?;
        let attached = self.docker.attach_container(&self.id, Some(options)).await;
        let attached = attached.map_err(|error| failed(self.doing("attach to"), error))?;
        let started = SystemTime::now();
        if cancel.is_cancelled() {
            return Ok(Ended { outcome: Outcome::Canceled, started, ended: started, usage: Usage::default() });
        }
        let start = self.docker.start_container(&self.id, None).await;
        start.map_err(|error| self.start_error(launch, error))?;
        let (outcome, usage) = self.follow(launch, pump(files, attached), &pulse, cancel).await?;
        Ok(Ended { outcome, started, ended: SystemTime::now(), usage })
    }

    /// Watches the running container to its end, and what it uses.
    pub async fn follow(
        &self,
        launch: &Launch,
        pump: impl Future<Output = Result<(), ExecutorError>>,
        pulse: &Pulse,
        cancel: &CancellationToken,
    ) -> Result<(Outcome, Usage), ExecutorError> {
        let mut meter = Meter::on(&self.id);
        let _entered = self.daemon.running.enter(launch, Holder::of(self, launch, meter.memory_group()));
        let outcome = tokio::select! {
            outcome = self.watch(launch, pump, pulse, cancel) => outcome?,
            never = meter.follow() => match never {},
        };
        Ok((outcome, meter.finish()))
    }

    /// Waits for the end, and brings it about when the time is up, when it is canceled, or when its output cannot be
    /// written.
    async fn watch(
        &self,
        launch: &Launch,
        pump: impl Future<Output = Result<(), ExecutorError>>,
        pulse: &Pulse,
        cancel: &CancellationToken,
    ) -> Result<Outcome, ExecutorError> {
        let mut pump = std::pin::pin!(pump);
        let mut wait = std::pin::pin!(self.wait());
        let mut time_limit = std::pin::pin!(time_is_up(launch.time_limit));
        let mut output: Option<Result<(), ExecutorError>> = None;
        let (mut canceled, mut late, mut killed) = (false, false, None);
        let code = loop {
            tokio::select! {
                code = &mut wait => break code?,
                () = self.daemon.absence.given_up() => return Err(unavailable("it stayed away")),
                end = &mut pump, if output.is_none() => {
                    match end {
                        Err(ExecutorError::File { .. }) => drop(self.kill().await?),
                        // The daemon is lost, and the command with it only if it does not come back.
                        Err(error) => return Err(error),
                        Ok(()) => {}
                    }
                    output = Some(end);
                }
                () = cancel.cancelled(), if !canceled => {
                    canceled = true;
                    if self.kill().await? {
                        killed.get_or_insert(Outcome::Canceled);
                    }
                }
                () = &mut time_limit, if !late => {
                    late = true;
                    if self.kill().await? {
                        killed.get_or_insert(Outcome::TimeLimit);
                    }
                }
            }
        };
        match output {
            Some(end) => end?,
            None => time::timeout(REST_OF_OUTPUT, pump).await.map_err(unavailable)??,
        }
        match killed {
            Some(outcome) => Ok(outcome),
            None if pulse.lasts().await => self.outcome_of(code).await,
            None => Err(unavailable("it was stopped or started anew while the command ran")),
        }
    }

    /// The exit code, once the container has ended.
    async fn wait(&self) -> Result<i64, ExecutorError> {
        let mut answers = std::pin::pin!(self.docker.wait_container(&self.id, None::<WaitContainerOptions>));
        match answers.next().await {
            Some(Ok(answer)) => Ok(answer.status_code),
            Some(Err(Error::DockerContainerWaitError { code, error })) if error.is_empty() => Ok(code),
            Some(Err(error)) => Err(failed(self.doing("wait for"), error)),
            None => Err(unavailable("it stopped watching the container")),
        }
    }

    /// Kills the container; whether it still ran.
    async fn kill(&self) -> Result<bool, ExecutorError> {
        let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
        match self.docker.kill_container(&self.id, Some(options)).await {
            Ok(()) => Ok(true),
            Err(error) if is_missing(&error) || is_conflict(&error) => Ok(false),
            Err(error) => Err(failed(self.doing("kill"), error)),
        }
    }

    async fn outcome_of(&self, code: i64) -> Result<Outcome, ExecutorError> {
        let code = i32::try_from(code).unwrap_or(i32::MAX);
        if code == 0 {
            return Ok(Outcome::Exited(0));
        }
        let facts = self.docker.inspect_container(&self.id, None).await;
        let state = facts.map_err(|error| failed(self.doing("inspect"), error))?.state;
        Ok(match code {
            _ if state.and_then(|state| state.oom_killed).unwrap_or(false) => Outcome::OutOfMemory,
            // The daemon, as a shell does, tells a signal n as the exit code 128 + n.
            129..=159 => Outcome::Signaled(code - 128),
            code => Outcome::Exited(code),
        })
    }

    /// Tells the fault of the command's program from the daemon's own.
    fn start_error(&self, launch: &Launch, error: Error) -> ExecutorError {
        let kind = match &error {
            Error::DockerResponseServerError { message, .. } if message.contains("exec") => {
                let lower = message.to_lowercase();
                if lower.contains("executable file not found") || lower.contains("no such file or directory") {
                    Some(std::io::ErrorKind::NotFound)
                } else if lower.contains("permission denied") {
                    Some(std::io::ErrorKind::PermissionDenied)
                } else {
                    None
                }
            }
            _ => None,
        };
        match (kind, launch.command.arguments.first()) {
            (Some(kind), Some(program)) => {
                ExecutorError::Program { program: program.clone(), source: std::io::Error::new(kind, error) }
            }
            _ => failed(self.doing("start"), error),
        }
    }

    pub fn doing(&self, what: &str) -> String {
        format!("{what} the container {}", self.id)
    }
}

async fn time_is_up(limit: Option<Duration>) {
    match limit {
        Some(limit) => time::sleep(limit).await,
        None => future::pending().await,
    }
}

/// Kills and removes a container that its daemon may not know to run; that it is gone already is as good.
pub(crate) async fn remove_wholly(daemon: &Daemon, docker: &Docker, id: &str) -> Result<(), ExecutorError> {
    remove(daemon, docker, id).await?;
    leftover::kill(id).await
}

/// Kills and removes a container with all that hangs on it; that it is gone already is as good.
pub(crate) async fn remove(daemon: &Daemon, docker: &Docker, id: &str) -> Result<(), ExecutorError> {
    let mut pauses = REMOVAL_PAUSES.iter();
    loop {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        let error = match docker.remove_container(id, Some(options)).await {
            Ok(()) => return Ok(()),
            Err(error) if is_missing(&error) => return Ok(()),
            Err(error) => failed(format!("remove the container {id}"), error),
        };
        let is_lost = is_unavailable(&error);
        match pauses.next() {
            Some(_) if is_lost && daemon.returns().await => {}
            Some(pause) if !is_lost => time::sleep(*pause).await,
            _ => return Err(error),
        }
    }
}
