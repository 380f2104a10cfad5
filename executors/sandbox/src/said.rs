//! What `bwrap` says when it cannot start a command: it shares the command's standard error.

use std::{fs::File, io, os::unix::fs::FileExt, path::PathBuf, process::ExitStatus};

use sluis_executor::{ExecutorError, Launch, OutputFile};

use crate::bubblewrap;

/// How much of it is looked at, in bytes.
const MOST: usize = 4096;

/// Where standard error goes, and how long the file was before anything was started.
pub(crate) struct Said {
    /// None if it is no plain file.
    file: Option<(PathBuf, u64)>,
}

impl Said {
    /// Looks at the file.
    pub fn before(stderr: &OutputFile) -> io::Result<Self> {
        let facts = stderr.file.metadata()?;
        Ok(Self { file: facts.is_file().then(|| (stderr.path.clone(), facts.len())) })
    }

    /// The error behind what was said since, by `bwrap` alone; it is taken out of the file, for it is not the command's.
    pub fn fault(&self, launch: &Launch, status: ExitStatus) -> ExecutorError {
        // Where it was killed, the command may have run, and what was said is the command's.
        let file = self.file.as_ref().filter(|_| status.code().is_some());
        let said = file.and_then(|(path, length)| take(path, *length).ok()).unwrap_or_default();
        let program = launch.command.arguments.first().map_or("", String::as_str);
        let doing = format!("start task {} of run {} ({status})", launch.task, launch.run);
        bubblewrap::fault(&said, program, doing)
    }
}

fn take(path: &PathBuf, length: u64) -> io::Result<String> {
    let file = File::options().read(true).write(true).open(path)?;
    let mut said = vec![0; MOST];
    let count = file.read_at(&mut said, length)?;
    file.set_len(length)?;
    Ok(String::from_utf8_lossy(&said[..count]).into_owned())
}
