//! What a command uses of the machine.
//!
//! Nothing is asked while a command runs for less than [`FIRST_LOOK`]: the kernel adds up processor time and what was
//! read and written of a process and of the children that it waited for, and tells it at the end. The peak of memory
//! is different: what the kernel tells at the end is the largest of the processes, this engine's own size when it
//! started them among it. So it counts only where it is larger than this engine ever was; below that, what was seen
//! while the command ran counts.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::FileExt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use rustix::process::Pid;
use sluis_model::Usage;
use wait4::ResourceUsage;

/// After how long a command's memory is first looked at; each time after that it is twice as long, up to the last.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LAST_PAUSE: Duration = Duration::from_secs(1);
/// The most processes of one command that are looked at.
const MOST_PROCESSES: usize = 4096;

/// The most memory that this engine was seen to hold, in bytes; what a command holds above it is the command's.
static ENGINE_PEAK: AtomicU64 = AtomicU64::new(0);

/// Looks at a command while it runs.
#[derive(Debug)]
pub(crate) struct Watch {
    leader: Pid,
    /// What it read and wrote. Opened while it runs: of a process that ended, only root may open it.
    transferred: Option<File>,
    peak_memory: Option<u64>,
    pause: Duration,
}

impl Watch {
    /// Of the process group that this process leads.
    pub fn on(leader: Pid) -> Self {
        let transferred = File::open(format!("/proc/{}/io", leader.as_raw_pid())).ok();
        Self { leader, transferred, peak_memory: None, pause: FIRST_LOOK }
    }

    /// How long to wait before looking for the next time.
    pub fn pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(LAST_PAUSE);
        pause
    }

    /// Looks at the memory of the command and everything that it started.
    pub fn look(&mut self) {
        let (mut sum, mut largest) = (0, 0);
        let mut open = vec![self.leader.as_raw_pid()];
        let mut seen = 0;
        while let Some(process) = open.pop()
            && seen < MOST_PROCESSES
        {
            seen += 1;
            let Ok(status) = fs::read_to_string(format!("/proc/{process}/status")) else { continue };
            sum += kibibytes(&status, "VmRSS:").unwrap_or(0);
            largest = largest.max(kibibytes(&status, "VmHWM:").unwrap_or(0));
            open.extend(children(process));
        }
        let now = sum.max(largest) * 1024;
        self.peak_memory = self.peak_memory.max((now > 0).then_some(now));
    }

    /// What the command used, once it has ended and before or after it is waited for.
    pub fn finish(&self, transferred: Option<(u64, u64)>, told: &ResourceUsage) -> Usage {
        let own = (told.maxrss > engine_peak(told.maxrss)).then_some(told.maxrss);
        let (read, written) = transferred.unzip();
        Usage {
            cpu_ms: Some((told.utime + told.stime).as_millis() as u64),
            peak_memory: self.peak_memory.max(own),
            read,
            written,
        }
    }

    /// What it read and wrote until now, in bytes. Of a command that ended: until it is waited for.
    pub fn transferred(&self) -> Option<(u64, u64)> {
        let mut buffer = [0; 512];
        let count = self.transferred.as_ref()?.read_at(&mut buffer, 0).ok()?;
        let text = std::str::from_utf8(&buffer[..count]).ok()?;
        let number = |name| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        Some((number("rchar:")?, number("wchar:")?))
    }
}

/// The most that this engine was seen to hold; looked up again only if the answer may matter to `other`.
fn engine_peak(other: u64) -> u64 {
    let known = ENGINE_PEAK.load(Ordering::Relaxed);
    if other <= known {
        return known;
    }
    let now = fs::read_to_string("/proc/self/status").ok().and_then(|status| kibibytes(&status, "VmHWM:"));
    // Unknown, anything may be the engine's.
    let now = now.map_or(u64::MAX, |now| now * 1024);
    ENGINE_PEAK.fetch_max(now, Ordering::Relaxed).max(now)
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix("kB")?.trim_end().parse().ok()
}

/// The bytes that the processes of a group hold; `None` if there are none. What they share counts for each.
pub(crate) fn resident(group: Pid) -> Option<u64> {
    let page = rustix::param::page_size() as u64;
    let held = |process: fs::DirEntry| {
        process.file_name().to_str()?.parse::<u32>().ok()?;
        let state = fs::read_to_string(process.path().join("stat")).ok()?;
        // The name of the program, in brackets, may hold anything; the group is the third field behind it, the resident
        // pages are the 22nd (proc(5)).
        let mut fields = state.rsplit_once(')')?.1.split_ascii_whitespace();
        let is_member = fields.nth(2)?.parse() == Ok(group.as_raw_pid());
        let pages: u64 = fields.nth(18)?.parse().ok()?;
        is_member.then_some(pages * page)
    };
    let members = fs::read_dir("/proc").ok()?.flatten().filter_map(held);
    members.reduce(|sum, one| sum + one)
}

/// The children of a process, where the kernel lists them.
fn children(process: i32) -> Vec<i32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    let mut found = Vec::new();
    let mut text = String::new();
    for thread in threads.flatten() {
        text.clear();
        if File::open(thread.path().join("children")).and_then(|mut list| list.read_to_string(&mut text)).is_ok() {
            found.extend(text.split_ascii_whitespace().filter_map(|child| child.parse::<i32>().ok()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_process_and_its_children_is_seen() {
        let mut watch = Watch::on(rustix::process::getpid());
        watch.look();
        let alone = watch.peak_memory.expect("this process has memory");
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep is on every machine");
        assert!(children(rustix::process::getpid().as_raw_pid()).contains(&child.id().cast_signed()));
        watch.look();
        child.kill().and_then(|()| child.wait()).expect("it is ours");
        assert!(alone > 1 << 20 && watch.peak_memory >= Some(alone), "{watch:?} {alone}");
    }

    #[test]
    fn the_engines_own_size_is_not_taken_for_the_commands() {
        let told = |maxrss| ResourceUsage { utime: Duration::from_millis(3), stime: Duration::from_millis(4), maxrss };
        let usage =
            |maxrss| Watch { transferred: None, ..Watch::on(rustix::process::getpid()) }.finish(None, &told(maxrss));
        assert_eq!(usage(1 << 20).peak_memory, None, "this process is larger than a mebibyte");
        assert_eq!(usage(1 << 50).peak_memory, Some(1 << 50));
        assert_eq!(usage(0).cpu_ms, Some(7));
    }
}
