//! What a container uses of the machine, as its control groups tell.
//!
//! The groups are gone soon after the container has ended, and the daemon tells nothing of them then. So their files
//! are read while it runs, and once more at the instant at which its last process has ended, of which the kernel tells
//! us before the daemon gets to removing them. Where the daemon is on another machine, or keeps its groups in another
//! place, there is nothing to read and nothing is told.

use std::{
    convert::Infallible,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};
use sluis_model::Usage;
use tokio::task::spawn_blocking;

/// Where control groups are.
const ROOT: &str = "/sys/fs/cgroup";
/// How often a container is looked at while none of its processes ends.
const PAUSE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Looks at a container while it runs.
#[derive(Debug)]
pub(crate) struct Meter {
    files: Option<Files>,
    usage: Usage,
}

/// The files of a container's control groups.
#[derive(Debug)]
struct Files {
    members: PathBuf,
    memory: PathBuf,
    processor: Processor,
}

/// Where the processor time is told.
#[derive(Debug)]
enum Processor {
    /// `cpuacct.usage` of version 1, in nanoseconds.
    Nanoseconds(PathBuf),
    /// `cpu.stat` of version 2, in microseconds.
    Statistics(PathBuf),
}

impl Meter {
    /// On the container that was just started.
    pub fn on(id: &str) -> Self {
        Self { files: Files::find(Path::new(ROOT), id), usage: Usage::default() }
    }

    /// The folder of the group that has the container's memory, where there is one to be read.
    pub fn memory_group(&self) -> Option<PathBuf> {
        Some(self.files.as_ref()?.memory.parent()?.to_owned())
    }

    /// Looks at the container as long as this is awaited; never returns.
    pub async fn follow(&mut self) -> Infallible {
        let mut first: Option<Arc<First>> = None;
        while let Some(member) = self.look() {
            let first = first.get_or_insert_with(|| Arc::new(First::of(member)));
            let waited_for = Arc::clone(first);
            // A wait that outlives this ends with the container, or after a pause.
            let waited = spawn_blocking(move || wait_for_end(member, &waited_for)).await;
            if let Ok(Some(transferred)) = waited {
                (self.usage.read, self.usage.written) = (Some(transferred.0), Some(transferred.1));
            }
        }
        std::future::pending().await
    }

    /// Looks once, and gives a process of the container if one is left.
    fn look(&mut self) -> Option<Pid> {
        let files = self.files.as_ref()?;
        // Before the numbers: if none is left, those are the last.
        let members = fs::read_to_string(&files.members).ok()?;
        self.usage.cpu_ms = files.processor.milliseconds().or(self.usage.cpu_ms);
        self.usage.peak_memory = number(&files.memory).or(self.usage.peak_memory);
        members.lines().filter_map(|line| line.trim().parse().ok()).min().and_then(Pid::from_raw)
    }

    /// What the container used until its end.
    pub fn finish(mut self) -> Usage {
        self.look();
        self.usage
    }
}

/// The container's first process, to which the others' transfers are added when they are waited for.
struct First {
    id: Pid,
    transferred: Option<File>,
}

impl First {
    /// The process, if it is the first of its container: number 1 there.
    fn of(id: Pid) -> Self {
        let folder = PathBuf::from(format!("/proc/{}", id.as_raw_pid()));
        let status = fs::read_to_string(folder.join("status")).unwrap_or_default();
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
        let is_first = numbers.split_whitespace().last() == Some("1");
        Self { id, transferred: is_first.then(|| File::open(folder.join("io")).ok()).flatten() }
    }

    /// What was read and written, in bytes; `None` if the daemon has fetched the end of the process already.
    fn transferred(&self) -> Option<(u64, u64)> {
        let mut buffer = [0; 512];
        let count = self.transferred.as_ref()?.read_at(&mut buffer, 0).ok()?;
        let text = std::str::from_utf8(&buffer[..count]).ok()?;
        let number = |name| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        Some((number("rchar:")?, number("wchar:")?))
    }
}

impl Files {
    /// The container's groups, in the places that the daemon's two drivers give them (`docker info`, Cgroup Driver).
    fn find(root: &Path, id: &str) -> Option<Self> {
        let places = [format!("docker/{id}"), format!("system.slice/docker-{id}.scope")];
        places.iter().find_map(|place| {
            let unified = root.join(place);
            if unified.join("cgroup.procs").exists() {
                return Some(Self {
                    members: unified.join("cgroup.procs"),
                    memory: unified.join("memory.peak"),
                    processor: Processor::Statistics(unified.join("cpu.stat")),
                });
            }
            let memory = root.join("memory").join(place);
            memory.join("cgroup.procs").exists().then(|| Self {
                members: memory.join("cgroup.procs"),
                memory: memory.join("memory.max_usage_in_bytes"),
                processor: Processor::Nanoseconds(root.join("cpuacct").join(place).join("cpuacct.usage")),
            })
        })
    }
}

impl Processor {
    fn milliseconds(&self) -> Option<u64> {
        match self {
            Self::Nanoseconds(path) => Some(number(path)? / 1_000_000),
            Self::Statistics(path) => {
                let text = fs::read_to_string(path).ok()?;
                let used = text.lines().find_map(|line| line.strip_prefix("usage_usec "))?;
                Some(used.trim().parse::<u64>().ok()? / 1000)
            }
        }
    }
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Waits for the end of a process of the container, but not for long; if that is the first, gives what the container read
/// and wrote. Blocks.
fn wait_for_end(process: Pid, first: &First) -> Option<(u64, u64)> {
    // One that is gone by now has ended.
    let handle = pidfd_open(process, PidfdFlags::empty()).ok()?;
    let ended = poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&PAUSE)) == Ok(1);
    if ended && process == first.id { first.transferred() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_control_groups_are_read() {
        let root = tempfile::tempdir().expect("there is a folder for temporary files");
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("it is below the root")).expect("it can be made");
            fs::write(path, text).expect("it can be written");
        };
        let meter = |id| Meter { files: Files::find(root.path(), id), usage: Usage::default() }.finish();
        write("memory/docker/one/cgroup.procs", "");
        write("memory/docker/one/memory.max_usage_in_bytes", "4096\n");
        write("cpuacct/docker/one/cpuacct.usage", "7000001\n");
        write("system.slice/docker-two.scope/cgroup.procs", "");
        write("system.slice/docker-two.scope/memory.peak", "8192\n");
        write("system.slice/docker-two.scope/cpu.stat", "usage_usec 9000\nuser_usec 1\n");
        let used = |cpu_ms, peak| Usage { cpu_ms: Some(cpu_ms), peak_memory: Some(peak), read: None, written: None };
        assert_eq!(meter("one"), used(7, 4096));
        assert_eq!(meter("two"), used(9, 8192));
        assert_eq!(meter("three"), Usage::default());
    }
}
