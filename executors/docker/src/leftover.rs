//! Processes of a container that the daemon does not know to run.
//!
//! A daemon that is killed just when it starts a container may have forgotten so afterwards: it takes the container for one
//! that never ran, and removes it from under its processes. They run as the engine's user, or as nobody for an engine that
//! is root, so the engine may kill them. Where the daemon is on another machine there are none to be seen.

use std::{
    fs, io, thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use sluis_executor::ExecutorError;
use tokio::task::spawn_blocking;

/// How long killed processes may take to be gone, and how long to wait before looking again.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(2);

/// Kills what is in the control groups of a container that was removed.
pub(crate) async fn kill(id: &str) -> Result<(), ExecutorError> {
    let container = id.to_owned();
    let killed = spawn_blocking(move || kill_members(&container)).await.map_err(io::Error::from).flatten();
    killed.map_err(|source| ExecutorError::Service {
        what: "this machine",
        doing: format!("kill what is left of the container {id}"),
        source: source.into(),
    })
}

fn kill_members(container: &str) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    // Looked for anew until there are none: a process may just have been starting another.
    while kill_once(container)? && Instant::now() < deadline {
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// Whether there was anything to kill.
fn kill_once(container: &str) -> io::Result<bool> {
    let mut any = false;
    for process in fs::read_dir("/proc")? {
        let name = process?.file_name();
        // A handle is held while it is looked at, so that the signal cannot reach another process of the same number.
        if let Some(process) = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw)
            && let Ok(handle) = pidfd_open(process, PidfdFlags::empty())
            && is_in(process, container)
        {
            any |= pidfd_send_signal(&handle, Signal::KILL).is_ok();
        }
    }
    Ok(any)
}

/// Whether a process that has not ended is in a control group with the container's identifier in its name.
fn is_in(process: Pid, container: &str) -> bool {
    let read = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", process.as_raw_pid())).unwrap_or_default();
    read("cgroup").contains(container) && !read("stat").contains(") Z ")
}
