//! Control groups: limits on memory, processors and processes that the kernel keeps, and what was used.
//!
//! A command gets a group of its own, below this process's in version 1 and beside it in version 2, where this process
//! may make one. In version 1 only root may; in version 2 also whoever a subtree was delegated to, as systemd does for
//! the sessions of users. Where none can be made, [`crate::tree`] watches instead.

mod hierarchy;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process, thread,
    time::{Duration, Instant},
};

use hierarchy::Mounts;
use rustix::process::Pid;
use sluis_executor::held_by_control_group;

/// How every group of a command begins; the engine's identifier and the task follow.
const PREFIX: &str = "sluis@";
/// The length of the period in which processor time is shared out, in microseconds: what the kernel has by default.
const PERIOD: u64 = 100_000;
/// How long the members of a group may take to be gone once they are killed, and how long to wait before looking again.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(1);

/// What a group is limited to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Memory, in bytes; files in memory that the command writes count.
    pub memory: u64,
    /// Thousandths of a processor.
    pub cores: u64,
    /// Processes and threads.
    pub processes: u64,
}

/// Where groups can be made.
#[derive(Debug)]
pub(crate) enum Cgroups {
    /// Version 1: a hierarchy for each controller.
    One { memory: PathBuf, others: Vec<PathBuf> },
    /// Version 2: one hierarchy.
    Two { parent: PathBuf },
}

impl Cgroups {
    /// Where this process may make groups that limit memory, if anywhere: tried by making one.
    pub fn detect() -> Option<Self> {
        let mounts = Mounts::of_this_process()?;
        let found = match mounts.controller("memory") {
            Some(memory) => {
                let others = ["cpu", "pids"].iter().filter_map(|name| mounts.controller(name)).collect();
                Self::One { memory, others }
            }
            None => Self::Two { parent: mounts.unified()?.parent()?.to_owned() },
        };
        let probe =
            found.make(&format!("probe@{}", process::id()), Limits { memory: 1 << 30, cores: 1000, processes: 64 });
        probe.ok()?.remove().ok()?;
        Some(found)
    }

    /// Makes the group of a command.
    pub fn make(&self, name: &str, limits: Limits) -> io::Result<Cgroup> {
        self.make_at(&format!("{PREFIX}{name}"), limits)
    }

    /// What a group with these limits is made of by hand. No engine takes it for one of its own.
    pub fn by_hand(&self, name: &str, limits: Limits) -> io::Result<GroupByHand> {
        // Which limits the kernel keeps shows only in a group: in another one, for this one may be in use already.
        let probe = self.make_at(&format!("{name}-probe-{}", process::id()), limits)?;
        let kept: Vec<bool> = probe.settings(limits).iter().map(|setting| setting.file.exists()).collect();
        probe.remove()?;
        let group = self.at(name);
        let settings = group.settings(limits).into_iter().zip(kept).filter(|(_, is_kept)| *is_kept);
        let settings = settings.map(|(setting, _)| (setting.file, setting.value)).collect();
        Ok(GroupByHand { folders: group.folders().map(Path::to_owned).collect(), settings })
    }

    fn make_at(&self, folder_name: &str, limits: Limits) -> io::Result<Cgroup> {
        let group = self.at(folder_name);
        for folder in group.folders() {
            match fs::create_dir(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        match group.limit(limits) {
            Ok(()) => Ok(group),
            Err(error) => {
                group.remove()?;
                Err(error)
            }
        }
    }

    /// The group of a command that was made before, if it is still there.
    pub fn existing(&self, name: &str) -> Option<Cgroup> {
        Some(self.named(name)).filter(|group| group.memory.is_dir())
    }

    /// Removes the groups of commands whose engine is dead; what was in them must be killed before.
    pub fn remove_dead(&self, is_alive: &(dyn for<'a> Fn(&'a str) -> bool + Send + Sync)) -> io::Result<()> {
        let (Self::One { memory: parent, .. } | Self::Two { parent }) = self;
        for entry in fs::read_dir(parent)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let engine = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('@')).map(|(engine, _)| engine);
            if let (Some(rest), Some(engine)) = (name.strip_prefix(PREFIX), engine)
                && !is_alive(engine)
            {
                self.named(rest).remove()?;
            }
        }
        Ok(())
    }

    fn named(&self, name: &str) -> Cgroup {
        self.at(&format!("{PREFIX}{name}"))
    }

    fn at(&self, folder_name: &str) -> Cgroup {
        let below = |parent: &Path| parent.join(folder_name);
        match self {
            Self::One { memory, others } => Cgroup {
                memory: below(memory),
                others: others.iter().map(|other| below(other)).collect(),
                is_one: true,
            },
            Self::Two { parent } => Cgroup { memory: below(parent), others: Vec::new(), is_one: false },
        }
    }
}

/// What somebody who makes a group by hand has to do.
pub(crate) struct GroupByHand {
    /// The folders to make.
    pub folders: Vec<PathBuf>,
    /// What is then to be written into which files, in order.
    pub settings: Vec<(PathBuf, String)>,
}

/// One limit of a group.
struct Setting {
    file: PathBuf,
    value: String,
    /// Without it nothing would be limited.
    must_be: bool,
}

/// One command's group.
#[derive(Debug)]
pub(crate) struct Cgroup {
    memory: PathBuf,
    others: Vec<PathBuf>,
    is_one: bool,
}

impl Cgroup {
    /// Puts this thread, and with it what it starts from here on, into the group. Only version 1 knows threads; in
    /// version 2 [`Cgroup::take`] moves the command instead.
    pub fn enter(&self) -> io::Result<()> {
        if self.is_one { self.folders().try_for_each(|folder| fs::write(folder.join("tasks"), "0")) } else { Ok(()) }
    }

    /// Whether a process has to be moved into the group once it runs, and has to wait until it is.
    pub const fn takes_processes(&self) -> bool {
        !self.is_one
    }

    /// Moves a process into the group, and with it what it starts from here on.
    pub fn take(&self, process: Pid) -> io::Result<()> {
        fs::write(self.memory.join("cgroup.procs"), process.as_raw_pid().to_string())
    }

    /// How often a process of the group was killed because the group had no more memory.
    pub fn memory_kills(&self) -> u64 {
        let file = if self.is_one { "memory.oom_control" } else { "memory.events" };
        let text = fs::read_to_string(self.memory.join(file)).unwrap_or_default();
        let mut words = text.lines().filter_map(|line| line.split_once(' '));
        words.find(|(name, _)| *name == "oom_kill").and_then(|(_, count)| count.trim().parse().ok()).unwrap_or(0)
    }

    /// The most memory that the group held at once, in bytes; kernels before 5.19 do not tell in version 2.
    pub fn peak_memory(&self) -> Option<u64> {
        let file = if self.is_one { "memory.max_usage_in_bytes" } else { "memory.peak" };
        fs::read_to_string(self.memory.join(file)).ok()?.trim().parse().ok()
    }

    /// What the group holds now, in bytes.
    pub fn held_memory(&self) -> Option<u64> {
        held_by_control_group(&self.memory)
    }

    /// Removes the group, waiting a little for killed members to be gone. That it is gone already is as good.
    pub fn remove(&self) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        for folder in self.folders() {
            loop {
                match fs::remove_dir(folder) {
                    Ok(()) => break,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                    Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < deadline => {
                        thread::sleep(PAUSE);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn folders(&self) -> impl Iterator<Item = &Path> {
        [&self.memory].into_iter().chain(&self.others).map(PathBuf::as_path)
    }

    fn limit(&self, limits: Limits) -> io::Result<()> {
        self.settings(limits).into_iter().try_for_each(|Setting { file, value, must_be }| match set(&file, &value) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !must_be => Ok(()),
            outcome => outcome,
        })
    }

    /// All limits, in the order in which they are to be set.
    fn settings(&self, limits: Limits) -> Vec<Setting> {
        let Limits { memory, cores, processes } = limits;
        let quota = cores.saturating_mul(PERIOD / 1000).max(PERIOD / 100);
        let memory = memory.to_string();
        // Kernels that do not account for swap lack the second.
        let [all, swap] = if self.is_one {
            [("memory.limit_in_bytes", memory.clone()), ("memory.memsw.limit_in_bytes", memory)]
        } else {
            [("memory.max", memory), ("memory.swap.max", "0".to_owned())]
        };
        let setting =
            |folder: &Path, (name, value): (&str, String), must_be| Setting { file: folder.join(name), value, must_be };
        let mut settings = vec![setting(&self.memory, all, true), setting(&self.memory, swap, false)];
        for folder in self.folders() {
            settings.push(setting(folder, ("pids.max", processes.to_string()), false));
            settings.push(setting(folder, ("cpu.cfs_quota_us", quota.to_string()), false));
            settings.push(setting(folder, ("cpu.max", format!("{quota} {PERIOD}")), false));
        }
        settings
    }
}

/// Writes to a file of the kernel's, which must be there: a plain file would be no limit.
fn set(file: &Path, value: &str) -> io::Result<()> {
    use std::io::Write;
    fs::OpenOptions::new().write(true).open(file)?.write_all(value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { memory: 64 << 20, cores: 1500, processes: 100 };

    /// A folder that looks like a group of version 2, as the kernel fills it.
    fn looks_like_version_2(parent: &Path, name: &str) -> PathBuf {
        let folder = parent.join(format!("{PREFIX}{name}"));
        fs::create_dir(&folder).unwrap();
        for file in ["memory.max", "memory.swap.max", "cpu.max", "pids.max", "cgroup.procs"] {
            fs::write(folder.join(file), "").unwrap();
        }
        fs::write(folder.join("memory.events"), "low 0\nhigh 0\nmax 9\noom 2\noom_kill 2\n").unwrap();
        fs::write(folder.join("memory.peak"), "4096\n").unwrap();
        folder
    }

    #[test]
    fn a_group_of_version_2_is_limited_and_read() {
        let parent = tempfile::tempdir().unwrap();
        let folder = looks_like_version_2(parent.path(), "e@1");
        let groups = Cgroups::Two { parent: parent.path().to_owned() };
        let group = groups.make("e@1", LIMITS).unwrap();
        let said = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
        assert_eq!((said("memory.max").as_str(), said("memory.swap.max").as_str()), ("67108864", "0"));
        assert_eq!((said("cpu.max").as_str(), said("pids.max").as_str()), ("150000 100000", "100"));
        assert_eq!((group.memory_kills(), group.peak_memory()), (2, Some(4096)));
        assert!(group.takes_processes() && groups.existing("e@1").is_some() && groups.existing("e@2").is_none());
        group.take(Pid::from_raw(7).unwrap()).unwrap();
        assert_eq!(said("cgroup.procs"), "7");
    }

    #[test]
    fn what_is_no_control_group_limits_nothing_and_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let groups = Cgroups::Two { parent: parent.path().to_owned() };
        assert!(groups.make("e@1", LIMITS).is_err());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_groups_of_the_dead_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["sluis@dead@1", "sluis@live@2", "system.slice"] {
            fs::create_dir(parent.path().join(name)).unwrap();
        }
        Cgroups::Two { parent: parent.path().to_owned() }.remove_dead(&|engine| engine == "live").unwrap();
        assert!(!parent.path().join("sluis@dead@1").exists());
        assert!(parent.path().join("sluis@live@2").exists() && parent.path().join("system.slice").exists());
    }
}
