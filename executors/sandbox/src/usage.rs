//! What a command used.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    process::{Child, ExitStatus},
};

use rustix::process::Pid;
use sluis_model::Usage;
use wait4::Wait4;

/// What the process that watches over a command tells of it: the kernel adds up for it all that it waited for.
pub(crate) struct Account {
    /// Opened while it runs: of a process that has ended only root may.
    moved: Option<File>,
}

impl Account {
    /// Of a process that runs.
    pub fn of(process: Pid) -> Self {
        Self { moved: File::open(format!("/proc/{}/io", process.as_raw_pid())).ok() }
    }

    /// Fetches the end of the process, which has ended, and what all of it used, but for memory: the most that the
    /// kernel tells of any process includes what this engine held when it started it.
    pub fn close(&self, child: Child) -> io::Result<(ExitStatus, Usage)> {
        let moved = self.moved().unwrap_or_default();
        let number = |name: &str| moved.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        let (read, written) = (number("rchar:"), number("wchar:"));
        let end = child.wait4()?;
        let processor = end.rusage.utime + end.rusage.stime;
        let usage = Usage { cpu_ms: u64::try_from(processor.as_millis()).ok(), peak_memory: None, read, written };
        Ok((end.status, usage))
    }

    fn moved(&self) -> Option<String> {
        let mut buffer = [0; 512];
        let count = self.moved.as_ref()?.read_at(&mut buffer, 0).ok()?;
        String::from_utf8(buffer[..count].to_vec()).ok()
    }
}
