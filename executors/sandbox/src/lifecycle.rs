//! The life of one launch: prepare, start, watch, settle; and going on with one that another engine started.

use std::{
    io,
    os::fd::OwnedFd,
    process::Child,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rustix::{
    fs::{Gid, Uid, fchown},
    pipe::{PipeFlags, pipe_with},
    process::{Pid, PidfdFlags, pidfd_open},
};
use sluis_executor::{CancellationToken, CommandUser, Ended, ExecutorError, Launch, Outcome, OutputFile, StreamFiles};
use sluis_model::{ImageId, Usage};
use tokio::{sync::oneshot, task::block_in_place, time};

use crate::{
    Ground,
    cgroup::{Cgroup, Limits},
    command::{Command, machine},
    plan::Plan,
    record::{self, Record, Status},
    said::Said,
    start::{Start, reopen},
    usage::Account,
};

/// As many processes and threads as no honest tool needs, and few enough for the machine to stay usable.
const PROCESSES: u64 = 4096;
/// The least memory that a command is limited to, in bytes: as Docker has it.
const LEAST_MEMORY: u64 = 6 << 20;
/// How long `bwrap` may take to tell the command's first process, and how long to wait before looking again.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(1);

/// Runs a launch, tells its end as soon as that is known, and then removes what is left of it. Gives what kept it from
/// removing.
pub(crate) async fn carry_out(
    ground: Arc<Ground>,
    launch: Launch,
    cancel: CancellationToken,
    tell: oneshot::Sender<Result<Ended, ExecutorError>>,
) -> Result<(), ExecutorError> {
    let command = match block_in_place(|| Command::make(&ground, &launch, limits(&launch))) {
        Ok(command) => command,
        Err(error) => {
            let _ = tell.send(Err(error));
            return Ok(());
        }
    };
    // Where telling fails nobody wants to know any more.
    let _ = tell.send(run(&ground, &launch, &command, &cancel).await);
    block_in_place(|| command.remove())
}

/// Goes on with what another engine launched; `None` if nothing of it is left or it never came to its start.
pub(crate) async fn adopt(
    ground: &Ground,
    launch: &Launch,
    cancel: &CancellationToken,
) -> Result<Option<Ended>, ExecutorError> {
    let command = Command::known(ground, launch);
    let mut ended = None;
    if let Some(record) = Record::read(launch) {
        let started = record.launched();
        let limit = launch.time_limit.map(|limit| limit.saturating_sub(started.elapsed().unwrap_or_default()));
        let outcome_now = || Status::read(launch).code.map(|code| command.outcome_of(code));
        let outcome = match record.process(launch) {
            Some((watcher, handle)) => {
                let tree = command.tree(watcher, launch);
                let _entered = ground.running.enter(launch, command.holder(&tree));
                let killed = command.watch(handle, &tree, limit, cancel).await?;
                killed.or_else(outcome_now)
            }
            // A signal while nobody watched may be the work of whoever killed the engine: then it is run anew.
            None => outcome_now().filter(|outcome| !matches!(outcome, Outcome::Signaled(_))),
        };
        let usage = Usage { peak_memory: command.peak_memory(), ..Usage::default() };
        ended = outcome.map(|outcome| Ended { outcome, started, ended: SystemTime::now(), usage });
    }
    // Whatever became of the process that watched over it, nothing of it is to be left running.
    block_in_place(|| command.kill_unwatched(&Status::read(launch)).and_then(|()| command.remove()))?;
    Ok(ended)
}

/// What a launch is limited to.
pub(crate) fn limits(launch: &Launch) -> Limits {
    Limits { memory: memory_limit(launch), cores: launch.resources.cores.0, processes: PROCESSES }
}

/// The memory that was asked for and, as files of the task stand in memory too, the room for those; in bytes.
pub(crate) fn memory_limit(launch: &Launch) -> u64 {
    let needs = launch.resources;
    let parts = [needs.memory, needs.temporary, needs.work];
    parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.bytes())).max(LEAST_MEMORY)
}

async fn run(
    ground: &Ground,
    launch: &Launch,
    command: &Command,
    cancel: &CancellationToken,
) -> Result<Ended, ExecutorError> {
    let started = SystemTime::now();
    if cancel.is_cancelled() {
        return Ok(Ended { outcome: Outcome::Canceled, started, ended: started, usage: Usage::default() });
    }
    let (begun, said) = match begin(ground, launch, command).await {
        Ok(begun) => begun,
        Err(error) => return Err(block_in_place(|| command.kill()).err().unwrap_or(error)),
    };
    // From here on it is killed if this future is dropped.
    let tree = command.tree(begun.process, launch);
    let _entered = ground.running.enter(launch, command.holder(&tree));
    let kept = record_and_release(launch, command, begun.process, begun.block, started);
    let killed = command.watch(begun.handle, &tree, launch.time_limit, cancel);
    let (kept, killed) = tokio::join!(kept, killed);
    let ended = SystemTime::now();
    let (status, mut usage) =
        begun.account.close(begun.child).map_err(|source| machine(launch, "tell the end of", source))?;
    usage.peak_memory = command.peak_memory().or(Some(tree.peak()).filter(|peak| *peak > 0));
    let found = Status::read(launch);
    let outcome = match (killed?, found.code) {
        (Some(killed), _) => killed,
        (None, Some(code)) => command.outcome_of(code),
        (None, None) => {
            // It was not started, or the process that watched over it was killed from outside.
            block_in_place(|| command.kill_unwatched(&found))?;
            kept?;
            return Err(said.fault(launch, status));
        }
    };
    Ok(Ended { outcome, started, ended, usage })
}

/// What was started.
struct Begun {
    child: Child,
    process: Pid,
    handle: OwnedFd,
    account: Account,
    /// Closed to let the command go on, if it waits.
    block: Option<OwnedFd>,
}

async fn begin(ground: &Ground, launch: &Launch, command: &Command) -> Result<(Begun, Said), ExecutorError> {
    let Some(id) = &launch.image else {
        let reason = "it names no container image; add a DockerRequirement".to_owned();
        return Err(ExecutorError::Unsupported { executor: "sandbox", reason });
    };
    let (start, said, block) = block_in_place(|| prepare(ground, launch, command, id))?;
    let fault = |source| machine(launch, "start", source);
    let child = start.go().await.map_err(fault)?;
    let process = Pid::from_child(&child);
    let handle = pidfd_open(process, PidfdFlags::NONBLOCK).map_err(|error| fault(error.into()))?;
    Ok((Begun { account: Account::of(process), child, process, handle, block }, said))
}

fn prepare(
    ground: &Ground,
    launch: &Launch,
    command: &Command,
    id: &ImageId,
) -> Result<(Start, Said, Option<OwnedFd>), ExecutorError> {
    let fault = |source: io::Error| machine(launch, "start", source);
    let image = ground.image(id)?;
    let files = StreamFiles::open(launch)?;
    let user = CommandUser::of_commands();
    hand_over(launch, user, &files)?;
    let said = Said::before(&files.stderr).map_err(fault)?;
    let waits = command.group().is_some_and(Cgroup::takes_processes);
    let (read, write) =
        waits.then(|| pipe_with(PipeFlags::CLOEXEC)).transpose().map_err(|error| fault(error.into()))?.unzip();
    let [refused, missing] = ground.filters()?;
    let start = Start {
        bubblewrap: ground.bubblewrap()?,
        marker: command.marker().to_owned(),
        plan: Plan::of(launch, &image, user, waits)?,
        user,
        files,
        status: record::make_status(launch)?,
        lock: image.lock().map_err(fault)?,
        filters: [reopen(refused).map_err(fault)?, reopen(missing).map_err(fault)?],
        block: read,
        limits: limits(launch),
        group: command.shared_group(),
    };
    Ok((start, said, write))
}

/// Gives the command's user what it may write to, also by the names of its standard streams.
fn hand_over(launch: &Launch, user: CommandUser, files: &StreamFiles) -> Result<(), ExecutorError> {
    user.hand_over(&launch.folders.work)?;
    user.hand_over(&launch.folders.temporary)?;
    for point in launch.elsewhere.iter().filter(|point| point.writable) {
        launch.folders.host_path(&point.path).map_or(Ok(()), |path| user.hand_over(&path))?;
    }
    if user.is_engine() {
        return Ok(());
    }
    for OutputFile { file, path } in [&files.stdout, &files.stderr] {
        let given = ExecutorError::file(path, "given to the container's user");
        let facts = file.metadata().map_err(ExecutorError::file(path, "looked at"))?;
        if facts.is_file() {
            let (uid, gid) = (Uid::from_raw(user.uid()), Gid::from_raw(user.gid()));
            fchown(file, Some(uid), Some(gid)).map_err(|error| given(error.into()))?;
        }
    }
    Ok(())
}

/// Writes down what another engine needs to go on with it, moves the command into its group if it waits for that, and
/// lets it go on. What fails is told only if the command comes to no end of its own.
async fn record_and_release(
    launch: &Launch,
    command: &Command,
    process: Pid,
    block: Option<OwnedFd>,
    started: SystemTime,
) -> Result<(), ExecutorError> {
    let record = Record::of(process, started).map_err(|source| machine(launch, "write down the start of", source));
    record.and_then(|record| record.write(launch))?;
    // Closed at the end, whatever happens: the command waits for that.
    let (Some(_block), Some(group)) = (block, command.group()) else { return Ok(()) };
    let first = async {
        loop {
            match Status::read(launch).child {
                Some(child) => break child,
                None => time::sleep(PAUSE).await,
            }
        }
    };
    let late = |_| machine(launch, "find the first process of", io::ErrorKind::TimedOut.into());
    let first = time::timeout(PATIENCE, first).await.map_err(late)?;
    group.take(first).map_err(|source| machine(launch, "limit", source))
}
