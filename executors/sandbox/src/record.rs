//! What stands in a task's folder about its command, for an engine that comes after this one.
//!
//! The folder is in memory and closed to the command. Two files are in it: which process watches over the command, and
//! what `bwrap` itself writes, the command's exit code last.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};
use sluis_executor::{ExecutorError, Launch};

use crate::marker;

const RECORD: &str = "sandbox.json";
const STATUS: &str = "sandbox.status";

/// Which process watches over a command.
#[derive(Serialize, Deserialize)]
pub(crate) struct Record {
    /// The process.
    pid: i32,
    /// When the process was started, in ticks since the machine's start (proc(5)): two processes of one number differ
    /// in it.
    start: u64,
    /// When the command was launched, in milliseconds since 1970.
    launched: u64,
}

impl Record {
    /// Of a process that was just started.
    pub fn of(pid: Pid, launched: SystemTime) -> io::Result<Self> {
        let start = start_of(pid.as_raw_pid()).ok_or_else(|| io::Error::other("the process has no start"))?;
        let launched = launched.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self { pid: pid.as_raw_pid(), start, launched: u64::try_from(launched.as_millis()).unwrap_or(u64::MAX) })
    }

    /// Writes it: whole or not at all.
    pub fn write(&self, launch: &Launch) -> Result<(), ExecutorError> {
        let path = folder(launch).join(RECORD);
        let failed = || ExecutorError::file(&path, "written");
        let new = path.with_extension("new");
        fs::write(&new, serde_json::to_vec(self).map_err(io::Error::from).map_err(failed())?).map_err(failed())?;
        fs::rename(&new, &path).map_err(failed())
    }

    /// What an engine wrote of a launch; `None` if nothing that can be read.
    pub fn read(launch: &Launch) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder(launch).join(RECORD)).ok()?).ok()
    }

    /// When the command was launched.
    pub fn launched(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.launched)
    }

    /// The process, if it still is the one that was started.
    pub fn process(&self, launch: &Launch) -> Option<(Pid, std::os::fd::OwnedFd)> {
        let pid = Pid::from_raw(self.pid)?;
        // Held while we look, so that no other process can have this number afterwards.
        let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        let is_it = start_of(self.pid) == Some(self.start) && marker::is_of(self.pid, &marker::of(launch));
        is_it.then_some((pid, handle))
    }
}

fn start_of(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name, in brackets, may hold anything; the start is the 22nd field, the 20th behind it.
    text.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Makes the file into which `bwrap` writes.
pub(crate) fn make_status(launch: &Launch) -> Result<File, ExecutorError> {
    let path = status_path(launch);
    File::create(&path).map_err(ExecutorError::file(&path, "written"))
}

/// What `bwrap` has written so far.
#[derive(Default, Debug)]
pub(crate) struct Status {
    /// The first process of the command, as this machine numbers it.
    pub child: Option<Pid>,
    /// The number of the namespace of its processes.
    pub namespace: Option<u64>,
    /// The command's exit code; 128 and its number for a signal. `None` as long as it runs, and for ever if it was never
    /// started.
    pub code: Option<i32>,
}

impl Status {
    /// Reads the file; what is not there yet is left out.
    pub fn read(launch: &Launch) -> Self {
        let text = fs::read_to_string(status_path(launch)).unwrap_or_default();
        let mut status = Self::default();
        for said in serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>().map_while(Result::ok) {
            let number =
                |name| said.get(name).and_then(serde_json::Value::as_i64).and_then(|it| i32::try_from(it).ok());
            status.child = status.child.or(number("child-pid").and_then(Pid::from_raw));
            let namespace = said.get("pid-namespace").and_then(serde_json::Value::as_u64);
            status.namespace = status.namespace.or(namespace);
            status.code = status.code.or(number("exit-code"));
        }
        status
    }
}

fn status_path(launch: &Launch) -> PathBuf {
    folder(launch).join(STATUS)
}

/// The task's folder, which holds those of the command.
fn folder(launch: &Launch) -> &Path {
    launch.folders.work.parent().unwrap_or(&launch.folders.work)
}
