//! The life of one process group.

use std::{
    env, future, io,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant, SystemTime},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use sluis_executor::{CancellationToken, Ended, ExecutorError, HeldMemory, Launch, Outcome, Running, StreamFiles};
use sluis_model::Usage;
use tokio::{
    signal::unix::{self, SignalKind, signal},
    time,
};
use wait4::{ResUse, Wait4};

use crate::{
    program, unsupported,
    usage::{Watch, resident},
};

/// How long killed processes may take to be gone, and how long to wait before looking again.
const PATIENCE: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(1);

/// A command whose memory can be asked for.
pub(crate) struct Held {
    group: Pid,
    given: u64,
}

impl Held {
    /// What the process group holds. Blocks a little.
    pub fn memory(&self) -> Option<HeldMemory> {
        Some(HeldMemory { held: resident(self.group)?, given: self.given })
    }
}

/// Runs a command to its end, entered among those that run until then.
pub(crate) async fn run(
    launch: &Launch,
    cancel: CancellationToken,
    running: &Running<Held>,
) -> Result<Ended, ExecutorError> {
    let started = SystemTime::now();
    if cancel.is_cancelled() {
        return Ok(Ended { outcome: Outcome::Canceled, started, ended: started, usage: Usage::default() });
    }
    let lost = |source: io::Error| ExecutorError::Service {
        what: "this machine",
        doing: format!("tell the end of task {} of run {}", launch.task, launch.run),
        source: source.into(),
    };
    // Before there is a child, so that none ends unnoticed.
    let children = signal(SignalKind::child()).map_err(lost)?;
    let mut group = Group::lead_by(spawn(launch)?, children);
    let _entered = running.enter(launch, Held { group: group.id, given: launch.resources.memory.bytes() });
    let killed = tokio::select! {
        biased;
        end = group.leader_ended() => end.map(|()| None),
        () = cancel.cancelled() => group.kill_leader().await.map(|()| Some(Outcome::Canceled)),
        () = time_is_up(launch.time_limit) => group.kill_leader().await.map(|()| Some(Outcome::TimeLimit)),
    };
    let killed = killed.map_err(lost)?;
    let ended = SystemTime::now();
    let (status, usage) = group.end().await.map_err(lost)?;
    let outcome = killed.unwrap_or_else(|| match (status.code(), status.signal()) {
        (None, Some(signal)) => Outcome::Signaled(signal),
        (code, _) => Outcome::Exited(code.unwrap_or(-1)),
    });
    Ok(Ended { outcome, started, ended, usage })
}

/// A process group that is killed when this is dropped, whatever of it is left.
struct Group {
    id: Pid,
    /// Until it is waited for.
    leader: Option<Child>,
    /// Tells that some child of this engine has ended.
    children: unix::Signal,
    watch: Watch,
}

impl Group {
    fn lead_by(leader: Child, children: unix::Signal) -> Self {
        let id = Pid::from_child(&leader);
        Self { id, leader: Some(leader), children, watch: Watch::on(id) }
    }

    /// Waits for the leader's end, and looks at what it uses meanwhile. The leader is left to be waited for.
    async fn leader_ended(&mut self) -> io::Result<()> {
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let mut look = time::Instant::now() + self.watch.pause();
        while waitid(WaitId::Pid(self.id), ended)?.is_none() {
            tokio::select! {
                biased;
                _ = self.children.recv() => {}
                () = time::sleep_until(look) => {
                    self.watch.look();
                    look = time::Instant::now() + self.watch.pause();
                }
            }
        }
        Ok(())
    }

    /// Whether there was anything left to kill.
    fn kill(&self) -> bool {
        kill_process_group(self.id, Signal::KILL).is_ok()
    }

    async fn kill_leader(&mut self) -> io::Result<()> {
        self.watch.look();
        self.kill();
        self.leader_ended().await
    }

    /// Kills what the leader left running and waits until it is gone, so that nothing changes the outputs while they
    /// are read. What hangs in the kernel, or is never fetched by its parent, is not waited for long. Gives how the
    /// leader ended and what it used.
    async fn end(mut self) -> io::Result<(ExitStatus, Usage)> {
        // Before the leader is waited for: until then its number is not given to another.
        self.kill();
        let transferred = self.watch.transferred();
        let Some(leader) = self.leader.take() else { return Err(io::ErrorKind::NotFound.into()) };
        let ResUse { status, rusage } = leader.wait4()?;
        let deadline = Instant::now() + PATIENCE;
        while self.kill() && Instant::now() < deadline {
            time::sleep(PAUSE).await;
        }
        Ok((status, self.watch.finish(transferred, &rusage)))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        if let Some(mut leader) = self.leader.take() {
            // Its end was not waited for: somebody has to fetch it, and it may hang in the kernel.
            let _ = thread::Builder::new().spawn(move || leader.wait());
        }
    }
}

fn spawn(launch: &Launch) -> Result<Child, ExecutorError> {
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
    if let Some(gpus) = &launch.gpus {
        // By identifiers, since numbers mean another order to CUDA than to the driver; an empty text is none.
        let uuids: Vec<_> = gpus.iter().map(|gpu| gpu.uuid.as_str()).collect();
        process.env("CUDA_VISIBLE_DEVICES", uuids.join(","));
    }
    process.spawn().map_err(fault)
}

async fn time_is_up(limit: Option<Duration>) {
    match limit {
        Some(limit) => time::sleep(limit).await,
        None => future::pending().await,
    }
}
