//! Watching how much memory a command and what it started hold, where no control group limits it.

use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use rustix::process::Pid;
use tokio::time;

/// How long between two looks: a command that takes memory fast gets past its limit by what it can fill meanwhile.
const PAUSE: Duration = Duration::from_millis(20);
/// More processes than this are not looked for: they are limited by their number.
const MOST: usize = 10_000;

/// The processes below one, and the most memory that they were seen to hold.
pub(crate) struct Tree {
    top: Pid,
    limit: u64,
    peak: AtomicU64,
}

impl Tree {
    /// What is below this process may hold so many bytes.
    pub fn new(top: Pid, limit: u64) -> Self {
        Self { top, limit, peak: AtomicU64::new(0) }
    }

    /// The most that was seen, in bytes.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// What the processes may hold, in bytes.
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// Returns when the processes hold more than they may.
    pub async fn grows_too_large(&self) {
        loop {
            time::sleep(PAUSE).await;
            if self.look() > self.limit {
                return;
            }
        }
    }

    /// The bytes that the processes hold now. What they share is counted once only where it matters: the exact figure
    /// takes the kernel long.
    pub fn look(&self) -> u64 {
        let members = self.members();
        let page = rustix::param::page_size() as u64;
        let resident = |&process: &i32| {
            let text = fs::read_to_string(format!("/proc/{process}/statm")).unwrap_or_default();
            text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * page
        };
        let mut held: u64 = members.iter().map(resident).sum();
        if held > self.limit {
            held = members.iter().map(|&process| proportional(process).unwrap_or_else(|| resident(&process))).sum();
        }
        self.peak.fetch_max(held, Ordering::Relaxed);
        held
    }

    fn members(&self) -> Vec<i32> {
        let mut found = children_of(self.top.as_raw_pid());
        let mut next = 0;
        while next < found.len() && found.len() < MOST {
            found.extend(children_of(found[next]));
            next += 1;
        }
        found
    }
}

/// The processes that a process started and that are not gone; none for one that is gone itself.
fn children_of(process: i32) -> Vec<i32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    let texts = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    texts.flat_map(|text| text.split_whitespace().filter_map(|child| child.parse().ok()).collect::<Vec<_>>()).collect()
}

/// The bytes that a process holds, of what it shares with others its part (proc(5), `smaps_rollup`).
fn proportional(process: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    let amount = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    amount.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn children_of_children_are_counted() {
        let script = "sh -c 'read line' & read line";
        let mut shell =
            std::process::Command::new("sh").args(["-c", script]).stdin(std::process::Stdio::piped()).spawn().unwrap();
        let top = rustix::process::getpid();
        let tree = Tree::new(top, 1);
        tree.grows_too_large().await;
        assert!(tree.peak() > 1);
        while children_of(shell.id().cast_signed()).is_empty() {
            std::thread::yield_now();
        }
        assert!(tree.members().contains(&shell.id().cast_signed()) && tree.members().len() >= 2);
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }
}
