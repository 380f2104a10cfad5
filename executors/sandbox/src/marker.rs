//! Telling which processes belong to which command.
//!
//! `bwrap` is started with one variable in its environment that names engine, run and task, and watches over the command,
//! which is its child and has another environment. So no record has to be written for a command to be found and killed,
//! and none can be missing because an engine was killed a moment too early.

use std::{
    collections::{HashMap, HashSet},
    fs, io, thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use sluis_executor::Launch;

/// The variable.
pub(crate) const VARIABLE: &str = "SLUIS_SANDBOX";
/// How long a killed process may take to be gone, and how long to wait before looking again.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(2);

/// The variable's value for a launch: `ENGINE/RUN/TASK`, none of which holds a slash.
pub(crate) fn of(launch: &Launch) -> String {
    format!("{}/{}/{}", launch.engine, launch.run, launch.task)
}

/// Whether a process was started for the launch of this marker.
pub(crate) fn is_of(process: i32, marker: &str) -> bool {
    marker_of(process).is_some_and(|found| found == marker)
}

/// Kills every command whose marker is meant, and waits until nothing of it is left, though not for ever: what hangs in
/// the kernel is gone as soon as it no longer hangs. Gives the markers, once each. Blocks.
pub(crate) fn kill(is_meant: &dyn Fn(&str) -> bool) -> io::Result<Vec<String>> {
    let deadline = Instant::now() + PATIENCE;
    let mut markers = Vec::new();
    let mut childless = HashSet::new();
    loop {
        // Looked for anew until there are none: one that was being started may be missed at first.
        let found = marked(is_meant)?;
        if found.is_empty() || Instant::now() > deadline {
            markers.sort_unstable();
            markers.dedup();
            return Ok(markers);
        }
        childless = kill_below(&found, &childless)?;
        markers.extend(found.into_values());
        thread::sleep(PAUSE);
    }
}

/// Kills the children of marked processes: the first process of a command, and with it the kernel kills all others in
/// its namespace. A marked process then ends by itself and says how the command ended; only one that still has no child
/// when it is looked at again is killed, too. Gives those without a child.
fn kill_below(marked: &HashMap<i32, String>, childless: &HashSet<i32>) -> io::Result<HashSet<i32>> {
    let mut parents = HashSet::new();
    for process in numbers()? {
        if let Some(parent) = parent_of(process)
            && marked.contains_key(&parent)
        {
            parents.insert(parent);
            kill_if(process, || parent_of(process) == Some(parent));
        }
    }
    let without: HashSet<i32> = marked.keys().copied().filter(|process| !parents.contains(process)).collect();
    for process in without.intersection(childless) {
        kill_if(*process, || marker_of(*process).as_ref() == marked.get(process));
    }
    Ok(without)
}

/// Kills the first process of a command whose watching process is gone, and with it all of the command; it is that only
/// if it is in the command's namespace of processes. Blocks a little.
pub(crate) fn kill_first(process: Pid, namespace: u64) {
    let number = process.as_raw_pid();
    let is_it = || {
        let found = fs::read_link(format!("/proc/{number}/ns/pid"));
        found.is_ok_and(|found| found.as_os_str() == format!("pid:[{namespace}]").as_str())
    };
    let deadline = Instant::now() + PATIENCE;
    while is_it() && Instant::now() < deadline {
        kill_if(number, is_it);
        thread::sleep(PAUSE);
    }
}

/// Kills a process of which something holds. A handle is held while that is looked at, so that the signal cannot reach
/// another process of the same number.
fn kill_if(process: i32, holds: impl FnOnce() -> bool) {
    if let Some(process) = Pid::from_raw(process)
        && let Ok(handle) = pidfd_open(process, PidfdFlags::empty())
        && holds()
    {
        // That it has ended meanwhile is as good.
        let _ = pidfd_send_signal(&handle, Signal::KILL);
    }
}

fn marked(is_meant: &dyn Fn(&str) -> bool) -> io::Result<HashMap<i32, String>> {
    let marked = numbers()?.into_iter().filter_map(|process| Some((process, marker_of(process)?)));
    Ok(marked.filter(|(_, marker)| is_meant(marker)).collect())
}

/// The numbers of all processes.
fn numbers() -> io::Result<Vec<i32>> {
    let entries = fs::read_dir("/proc")?.collect::<io::Result<Vec<_>>>()?;
    Ok(entries.iter().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

fn parent_of(process: i32) -> Option<i32> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program, in brackets, may hold anything; state and parent follow (proc(5)).
    text.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// The marker in a process's environment. What cannot be read is of other users, or gone, and not ours.
fn marker_of(process: i32) -> Option<String> {
    let environment = fs::read(format!("/proc/{process}/environ")).ok()?;
    let mut variables = environment.split(|&byte| byte == 0);
    let value = variables.find_map(|pair| pair.strip_prefix(VARIABLE.as_bytes())?.strip_prefix(b"="))?;
    String::from_utf8(value.to_vec()).ok()
}
