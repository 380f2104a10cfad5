//! Starting `bwrap`, in a thread that may change itself for it.

use std::{
    fs::File,
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
};

use command_fds::{CommandFdExt, FdMapping};
use rustix::{
    fs::{MemfdFlags, memfd_create},
    process::{Resource, getrlimit},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use sluis_executor::{CommandUser, StreamFiles};
use tokio::sync::oneshot;

use crate::{
    bubblewrap::descriptor,
    cgroup::{Cgroup, Limits},
    marker,
    plan::Plan,
};

/// Everything that a command is started with.
pub(crate) struct Start {
    pub bubblewrap: PathBuf,
    pub marker: String,
    pub plan: Plan,
    pub user: CommandUser,
    pub files: StreamFiles,
    pub status: File,
    /// The lock on the image.
    pub lock: OwnedFd,
    pub filters: [OwnedFd; 2],
    /// What the command waits for, if it waits.
    pub block: Option<OwnedFd>,
    pub limits: Limits,
    /// The control group that limits the command; without one, processors and processes are limited otherwise.
    pub group: Option<Arc<Cgroup>>,
}

impl Start {
    /// Starts it.
    ///
    /// The thread that does so is gone afterwards: it may have moved into a mount namespace, a control group and onto
    /// some processors, which is for the command alone.
    pub async fn go(self) -> io::Result<Child> {
        let (tell, told) = oneshot::channel();
        // Where telling fails the engine is ending, and what it leaves behind is found by the next.
        thread::Builder::new().name("sandbox".to_owned()).spawn(move || {
            let _ = tell.send(self.go_here());
        })?;
        told.await.map_err(io::Error::other)?
    }

    fn go_here(self) -> io::Result<Child> {
        match &self.group {
            Some(group) => group.enter()?,
            None => stay_on_processors(self.limits.cores)?,
        }
        self.plan.mounts.enter()?;
        self.command()?.spawn()
    }

    fn command(self) -> io::Result<Command> {
        let mut command = match self.group {
            Some(_) => Command::new(&self.bubblewrap),
            None => {
                let [prlimit, limit, end] = few_processes(self.limits.processes);
                let mut command = Command::new(prlimit);
                command.args([limit, end]).arg(&self.bubblewrap);
                command
            }
        };
        command
            .args(["--args", &descriptor::ARGUMENTS.to_string(), "--"])
            .args(&self.plan.command)
            .env_clear()
            .env(marker::VARIABLE, &self.marker)
            .current_dir("/")
            .process_group(0)
            .stdin(self.files.stdin.map_or_else(Stdio::null, Stdio::from))
            .stdout(self.files.stdout.file)
            .stderr(self.files.stderr.file);
        if !self.user.is_engine() {
            // With these the engine's other groups are given up, too.
            command.uid(self.user.uid()).gid(self.user.gid());
        }
        let [refused, missing] = self.filters;
        let mut passed = vec![
            (in_memory("arguments", &self.plan.arguments)?, descriptor::ARGUMENTS),
            (self.status.into(), descriptor::STATUS),
            (self.lock, descriptor::LOCK),
            (refused, descriptor::FILTERS[0]),
            (missing, descriptor::FILTERS[1]),
        ];
        passed.extend(self.block.map(|block| (block, descriptor::BLOCK)));
        let mappings = passed.into_iter().map(|(parent_fd, child_fd)| FdMapping { parent_fd, child_fd });
        command.fd_mappings(mappings.collect()).map_err(io::Error::other)?;
        Ok(command)
    }
}

/// A file in memory that holds these bytes, to be read from its beginning.
pub(crate) fn in_memory(name: &str, bytes: &[u8]) -> io::Result<OwnedFd> {
    use std::io::{Seek, Write};
    let mut file = File::from(memfd_create(name, MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

/// The same file, opened anew: with a position of its own.
pub(crate) fn reopen(file: &OwnedFd) -> io::Result<OwnedFd> {
    Ok(File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?.into())
}

/// Keeps this thread, and what it starts, on as many processors as it was given thousandths of, rounded up. Which ones
/// goes by turns.
fn stay_on_processors(thousandths: u64) -> io::Result<()> {
    let mut chosen = CpuSet::new();
    processors(thousandths)?.into_iter().for_each(|processor| chosen.set(processor));
    Ok(sched_setaffinity(None, &chosen)?)
}

/// As many of the processors that this thread may use as it was given thousandths of, rounded up.
pub(crate) fn processors(thousandths: u64) -> io::Result<Vec<usize>> {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let allowed = sched_getaffinity(None)?;
    let present: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&processor| allowed.is_set(processor)).collect();
    let count = usize::try_from(thousandths.div_ceil(1000)).unwrap_or(usize::MAX).clamp(1, present.len().max(1));
    let first = TURN.fetch_add(count, Ordering::Relaxed);
    Ok(present.iter().copied().cycle().skip(first % present.len().max(1)).take(count).collect())
}

/// The program that starts another one and limits how many processes the user may have in the command's namespace.
pub(crate) fn few_processes(most: u64) -> [String; 3] {
    let most = getrlimit(Resource::Nproc).maximum.map_or(most, |own| own.min(most));
    ["prlimit".to_owned(), format!("--nproc={most}:{most}"), "--".to_owned()]
}
