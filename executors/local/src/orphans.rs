//! Processes of engines that no longer live.
//!
//! Every command has its scratch folder in `HOME` and `TMPDIR` (CWL v1.2, Runtime environment), so its processes can
//! be told by the environment they were started with, and others by sharing a process group with such a one: no record
//! has to be written for each task, none can be missing because the engine was killed a moment too early, and a process
//! that left its group is found too.

use std::{
    collections::HashSet,
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::Path,
    time::{Duration, Instant},
};

use rustix::process::{Pid, PidfdFlags, Signal, getpgrp, pidfd_open, pidfd_send_signal};
use sluis_executor::ExecutorError;

/// The variables that name a task's folder.
const TELLING: [&[u8]; 2] = [b"HOME=", b"TMPDIR="];
/// How long a killed process may take to be gone, and how long to wait before looking again.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);

/// Kills every process whose scratch folder is below the folder of a dead engine, and its group; how many groups those
/// were.
///
/// A process that hangs in the kernel is not waited for long: it is gone as soon as it no longer hangs.
pub(crate) async fn kill(
    scratch: &Path,
    is_alive: &(dyn for<'a> Fn(&'a str) -> bool + Send + Sync),
) -> Result<usize, ExecutorError> {
    let search = Search { scratch, is_alive };
    let deadline = Instant::now() + PATIENCE;
    let mut groups = HashSet::new();
    loop {
        // Looked for anew until there are none: one that was being started may be missed at first.
        let found = search.kill_once().map_err(ExecutorError::file(Path::new("/proc"), "searched"))?;
        if found.is_empty() || Instant::now() > deadline {
            return Ok(groups.len());
        }
        groups.extend(found);
        tokio::time::sleep(PAUSE).await;
    }
}

struct Search<'a> {
    scratch: &'a Path,
    is_alive: &'a (dyn for<'n> Fn(&'n str) -> bool + Send + Sync),
}

impl Search<'_> {
    /// Kills what there is now, and gives the process groups of it: each command has one.
    fn kill_once(&self) -> io::Result<HashSet<Pid>> {
        let all = processes()?;
        let orphans = all.iter().filter(|&&(process, _)| self.is_orphan(process));
        let groups: HashSet<Pid> = orphans.map(|&(_, group)| group).filter(|&group| group != getpgrp()).collect();
        let mut killed = HashSet::new();
        for (process, group) in all.into_iter().filter(|(_, group)| groups.contains(group)) {
            // The handle is held while we look again, so that the signal cannot reach another of the same number. The
            // number of a group is not given to another while one of it is left.
            if let Ok(handle) = pidfd_open(process, PidfdFlags::empty())
                && group_of(process) == Some(group)
                && pidfd_send_signal(&handle, Signal::KILL).is_ok()
            {
                killed.insert(group);
            }
        }
        Ok(killed)
    }

    /// What cannot be read is of other users, or gone, and not ours to kill.
    fn is_orphan(&self, process: Pid) -> bool {
        let environment = fs::read(format!("/proc/{}/environ", process.as_raw_pid())).unwrap_or_default();
        engine_of(&environment, self.scratch).is_some_and(|engine| !(self.is_alive)(engine))
    }
}

/// All processes, each with its group.
fn processes() -> io::Result<Vec<(Pid, Pid)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let process = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        all.extend(process.and_then(|process| Some((process, group_of(process)?))));
    }
    Ok(all)
}

/// The group of a process; `None` for the system's own threads, which have none, and for what is gone.
fn group_of(process: Pid) -> Option<Pid> {
    let state = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_pid())).ok()?;
    // The name of the program, in brackets, may hold anything; state, parent and group follow (proc(5)).
    let (_, fields) = state.rsplit_once(')')?;
    // That of a process that is just being taken away is told as -1.
    let group = fields.split_whitespace().nth(2)?.parse().ok().filter(|&group: &i32| group > 0)?;
    Pid::from_raw(group)
}

/// The engine for which a process with this environment was started; `None` if it is not one of a task.
fn engine_of<'a>(environment: &'a [u8], scratch: &Path) -> Option<&'a str> {
    let variables = environment.split(|&byte| byte == 0);
    let mut folders = variables.filter_map(|pair| TELLING.iter().find_map(|name| pair.strip_prefix(*name)));
    folders.find_map(|folder| {
        let mut below = Path::new(OsStr::from_bytes(folder)).strip_prefix(scratch).ok()?.components();
        let engine = below.next()?.as_os_str().to_str()?;
        below.next().map(|_| engine)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_told_by_the_task_folder_alone() {
        let engine = |environment: &'static str| engine_of(environment.as_bytes(), Path::new("/s"));
        assert_eq!(engine("A=1\0HOME=/s/e-1/t/work\0"), Some("e-1"));
        assert_eq!(engine("HOME=/root\0TMPDIR=/s/e-2/t"), Some("e-2"));
        for other in ["", "HOME=/s", "HOME=/s/e", "HOME=/so/e/t", "PWD=/s/e-1/t", "XHOME=/s/e-1/t"] {
            assert_eq!(engine(other), None, "{other}");
        }
    }
}
