//! A command and everything that it started: killing it, watching it, and how it ended.

use std::{future, io, os::fd::OwnedFd, sync::Arc, time::Duration};

use rustix::process::Pid;
use sluis_executor::{CancellationToken, ExecutorError, HeldMemory, Launch, Outcome};
use tokio::{
    io::{Interest, unix::AsyncFd},
    task::block_in_place,
    time,
};

use crate::{
    Ground,
    cgroup::{Cgroup, Limits},
    lifecycle::memory_limit,
    marker,
    record::Status,
    tree::Tree,
};

/// A command that runs or ran.
pub(crate) struct Command {
    marker: String,
    name: String,
    group: Option<Arc<Cgroup>>,
}

impl Command {
    /// One that is about to be started, with its control group where there are such.
    pub fn make(ground: &Ground, launch: &Launch, limits: Limits) -> Result<Self, ExecutorError> {
        let mut command = Self::without_group(launch);
        if let Some(groups) = ground.cgroups() {
            let group = groups.make(&group_name(launch), limits);
            command.group =
                Some(Arc::new(group.map_err(|source| machine(launch, "make a control group for", source))?));
        }
        Ok(command)
    }

    /// One that another engine started.
    pub fn known(ground: &Ground, launch: &Launch) -> Self {
        let mut command = Self::without_group(launch);
        command.group = ground.cgroups().and_then(|groups| groups.existing(&group_name(launch))).map(Arc::new);
        command
    }

    fn without_group(launch: &Launch) -> Self {
        Self { marker: marker::of(launch), name: format!("task {} of run {}", launch.task, launch.run), group: None }
    }

    /// What its processes are told by.
    pub fn marker(&self) -> &str {
        &self.marker
    }

    /// Its control group, if it has one.
    pub fn group(&self) -> Option<&Cgroup> {
        self.group.as_deref()
    }

    /// The same, for the thread that starts it.
    pub fn shared_group(&self) -> Option<Arc<Cgroup>> {
        self.group.clone()
    }

    /// The processes below the one that watches over it.
    pub fn tree(&self, watcher: Pid, launch: &Launch) -> Arc<Tree> {
        Arc::new(Tree::new(watcher, memory_limit(launch)))
    }

    /// The most memory that it held, in bytes, where a control group tells.
    pub fn peak_memory(&self) -> Option<u64> {
        self.group().and_then(Cgroup::peak_memory)
    }

    /// What can be asked for its memory, apart from this.
    pub fn holder(&self, tree: &Arc<Tree>) -> Holder {
        Holder { group: self.group.clone(), tree: Arc::clone(tree) }
    }

    /// Kills all of it and waits until it is gone; whether there was anything to kill. Blocks.
    pub fn kill(&self) -> Result<bool, ExecutorError> {
        let killed = marker::kill(&|marker| marker == self.marker).map_err(|source| ExecutorError::Service {
            what: "this machine",
            doing: format!("kill {}", self.name),
            source: source.into(),
        })?;
        Ok(!killed.is_empty())
    }

    /// Kills it, though the process that watched over it is gone: its first process is known by its number. Blocks.
    pub fn kill_unwatched(&self, status: &Status) -> Result<(), ExecutorError> {
        if let (Some(first), Some(namespace), None) = (status.child, status.namespace, status.code) {
            marker::kill_first(first, namespace);
        }
        self.kill().map(drop)
    }

    /// Removes what is left of it when it has ended. Blocks.
    pub fn remove(&self) -> Result<(), ExecutorError> {
        let Some(group) = self.group() else { return Ok(()) };
        group.remove().map_err(|source| ExecutorError::Service {
            what: "this machine",
            doing: format!("remove the control group of {}", self.name),
            source: source.into(),
        })
    }

    /// Waits until the process behind `handle`, which watches over the command, has ended, and brings that about when
    /// the time is up, when it is canceled, or when it holds too much memory and no control group sees to that. Gives
    /// why it was killed, if it was. Kills it if the future is dropped.
    pub async fn watch(
        &self,
        handle: OwnedFd,
        tree: &Tree,
        limit: Option<Duration>,
        cancel: &CancellationToken,
    ) -> Result<Option<Outcome>, ExecutorError> {
        let mut guard = KillWhenDropped(Some(self));
        let unwatchable = |source: io::Error| ExecutorError::Service {
            what: "this machine",
            doing: format!("watch {}", self.name),
            source: source.into(),
        };
        let handle = wait_for_end(handle).map_err(unwatchable)?;
        let mut time_limit = std::pin::pin!(time_is_up(limit));
        let mut memory = std::pin::pin!(self.memory_is_up(tree));
        let mut reason = None;
        let mut killed = None;
        loop {
            let why = tokio::select! {
                biased;
                ended = handle.readable() => {
                    drop(ended.map_err(unwatchable)?);
                    guard.0 = None;
                    return Ok(killed);
                }
                () = cancel.cancelled(), if reason.is_none() => Outcome::Canceled,
                () = &mut time_limit, if reason.is_none() => Outcome::TimeLimit,
                () = &mut memory, if reason.is_none() => Outcome::OutOfMemory,
            };
            reason = Some(why);
            if block_in_place(|| self.kill())? {
                killed = reason;
            }
        }
    }

    async fn memory_is_up(&self, tree: &Tree) {
        match self.group {
            Some(_) => future::pending().await,
            None => tree.grows_too_large().await,
        }
    }

    /// How it ended, by the code that `bwrap` told: as a shell does, it tells a signal n as 128 + n.
    pub fn outcome_of(&self, code: i32) -> Outcome {
        match code {
            0 => Outcome::Exited(0),
            _ if self.group().is_some_and(|group| group.memory_kills() > 0) => Outcome::OutOfMemory,
            129..=159 => Outcome::Signaled(code - 128),
            code => Outcome::Exited(code),
        }
    }
}

#[expect(
    deprecated,
    reason = "what replaces it is unsafe for the sake of types whose descriptor may change; this one's cannot"
)]
fn wait_for_end(handle: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(handle, Interest::READABLE)
}

/// A command that can be asked what memory it holds.
pub(crate) struct Holder {
    group: Option<Arc<Cgroup>>,
    tree: Arc<Tree>,
}

impl Holder {
    /// What its control group holds or, without one, its processes. Blocks a little.
    pub fn memory(&self) -> Option<HeldMemory> {
        let held = match &self.group {
            Some(group) => group.held_memory()?,
            None => self.tree.look(),
        };
        Some(HeldMemory { held, given: self.tree.limit() })
    }
}

/// The name of a launch's control group, by which its engine can be told.
fn group_name(launch: &Launch) -> String {
    format!("{}@{}-{}", launch.engine, launch.run, launch.task)
}

/// An error of this machine's, about a launch.
pub(crate) fn machine(launch: &Launch, doing: &str, source: io::Error) -> ExecutorError {
    let doing = format!("{doing} task {} of run {}", launch.task, launch.run);
    ExecutorError::Service { what: "this machine", doing, source: source.into() }
}

struct KillWhenDropped<'c>(Option<&'c Command>);

impl Drop for KillWhenDropped<'_> {
    fn drop(&mut self) {
        if let Some(command) = self.0 {
            // What cannot be killed now is found when the next engine starts.
            let _ = command.kill();
        }
    }
}

async fn time_is_up(limit: Option<Duration>) {
    match limit {
        Some(limit) => time::sleep(limit).await,
        None => future::pending().await,
    }
}
