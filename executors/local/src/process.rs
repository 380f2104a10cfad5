//! The life of one process group.

use std::{
    env, future, io,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant, SystemTime},
};

use rustix::process::{Pid, Signal, kill_process_group};
use sluis_executor::{CancellationToken, Ended, ExecutorError, Launch, Outcome, StreamFiles};
use tokio::{
    process::{Child, Command},
    time,
};

use crate::{program, unsupported};

/// How long killed processes may take to be gone, and how long to wait before looking again.
const PATIENCE: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(1);

/// Runs a command to its end.
pub(crate) async fn run(launch: &Launch, cancel: CancellationToken) -> Result<Ended, ExecutorError> {
    let started = SystemTime::now();
    if cancel.is_cancelled() {
        return Ok(Ended { outcome: Outcome::Canceled, started, ended: started });
    }
    let (mut child, group) = spawn(launch)?;
    let (killed, end) = tokio::select! {
        biased;
        end = child.wait() => (None, end),
        () = cancel.cancelled() => (Some(Outcome::Canceled), group.kill_leader(&mut child).await),
        () = time_is_up(launch.time_limit) => (Some(Outcome::TimeLimit), group.kill_leader(&mut child).await),
    };
    let ended = SystemTime::now();
    group.end().await;
    let status = end.map_err(|error| ExecutorError::Service {
        what: "this machine",
        doing: format!("tell the end of task {} of run {}", launch.task, launch.run),
        source: error.into(),
    })?;
    let outcome = killed.unwrap_or_else(|| match (status.code(), status.signal()) {
        (None, Some(signal)) => Outcome::Signaled(signal),
        (code, _) => Outcome::Exited(code.unwrap_or(-1)),
    });
    Ok(Ended { outcome, started, ended })
}

/// A process group that is killed when this is dropped, whatever of it is left.
struct Group(Pid);

impl Group {
    /// Whether there was anything left to kill.
    fn kill(&self) -> bool {
        kill_process_group(self.0, Signal::KILL).is_ok()
    }

    async fn kill_leader(&self, leader: &mut Child) -> io::Result<ExitStatus> {
        self.kill();
        leader.wait().await
    }

    /// Kills what the leader left running and waits until it is gone, so that nothing changes the outputs while they
    /// are read. What hangs in the kernel, or is never fetched by its parent, is not waited for long.
    async fn end(self) {
        let deadline = Instant::now() + PATIENCE;
        while self.kill() && Instant::now() < deadline {
            time::sleep(PAUSE).await;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(launch: &Launch) -> Result<(Child, Group), ExecutorError> {
    let StreamFiles { stdin, stdout, stderr } = StreamFiles::open(launch)?;
    let (folders, command) = (&launch.folders, &launch.command);
    let mut arguments = command.arguments.iter().map(|argument| folders.localize(argument));
    let Some(name) = arguments.next() else { return Err(unsupported("it is empty".to_owned())) };
    let fault = |source| ExecutorError::Program { program: name.to_string(), source };
    let path = command.environment.get("PATH").map(|path| folders.localize(path));
    let program = program::find(&name, path.as_deref(), &folders.work).map_err(fault)?;
    let mut process = Command::new(program);
    process
        .arg0(&*name)
        .args(arguments.map(|argument| argument.into_owned()))
        .current_dir(&folders.work)
        .env_clear()
        .envs(command.environment.iter().map(|(name, value)| (name, folders.localize(value).into_owned())))
        .stdin(stdin.map_or_else(Stdio::null, Stdio::from))
        .stdout(stdout.file)
        .stderr(stderr.file)
        .process_group(0);
    if !command.environment.contains_key("PATH")
        && let Some(path) = env::var_os("PATH")
    {
        process.env("PATH", path);
    }
    let child = process.spawn().map_err(fault)?;
    let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    match id {
        Some(id) => Ok((child, Group(id))),
        None => Err(unsupported(format!("the process of {} has no number", Path::new(&*name).display()))),
    }
}

async fn time_is_up(limit: Option<Duration>) {
    match limit {
        Some(limit) => time::sleep(limit).await,
        None => future::pending().await,
    }
}
