//! The files behind a command's standard streams.

use std::{
    fs::{File, OpenOptions, create_dir_all},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

use crate::{ExecutorError, Launch, folders::stays_inside};

/// A file that is written, with its path for messages.
#[derive(Debug)]
pub struct OutputFile {
    /// The open file.
    pub file: File,
    /// Where it is.
    pub path: PathBuf,
}

/// What a command's standard streams are connected to.
#[derive(Debug)]
pub struct StreamFiles {
    /// What it reads; `None` for nothing.
    pub stdin: Option<File>,
    /// Where its standard output goes: the file it is redirected to, or the log.
    pub stdout: OutputFile,
    /// Where its standard error goes; shares its position with standard output if both go to one file.
    pub stderr: OutputFile,
}

impl StreamFiles {
    /// Opens all of them; redirected outputs are made anew, the log is appended to.
    ///
    /// # Errors
    /// The file that cannot be opened, or a redirection that leaves its folder.
    pub fn open(launch: &Launch) -> Result<Self, ExecutorError> {
        let command = &launch.command;
        let stdin = command.stdin.as_deref().map(|path| open_input(launch, path)).transpose()?;
        let stdout = match &command.stdout {
            Some(name) => open_output(&launch.folders.work, name)?,
            None => open_log(&launch.log)?,
        };
        let stderr = match &command.stderr {
            name if *name == command.stdout => OutputFile {
                file: stdout.file.try_clone().map_err(ExecutorError::file(&stdout.path, "opened twice"))?,
                path: stdout.path.clone(),
            },
            Some(name) => open_output(&launch.folders.work, name)?,
            None => open_log(&launch.log)?,
        };
        Ok(Self { stdin, stdout, stderr })
    }
}

fn open_input(launch: &Launch, canonical: &str) -> Result<File, ExecutorError> {
    let path = launch.folders.host_path(canonical).ok_or_else(|| outside(Path::new(canonical)))?;
    File::open(&path).map_err(ExecutorError::file(&path, "read as standard input"))
}

fn open_output(work: &Path, name: &str) -> Result<OutputFile, ExecutorError> {
    if name.is_empty() || !stays_inside(Path::new(name)) {
        return Err(outside(Path::new(name)));
    }
    let path = work.join(name);
    if let Some(folder) = path.parent() {
        create_dir_all(folder).map_err(ExecutorError::file(folder, "made"))?;
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o644)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(&path)
        .map_err(ExecutorError::file(&path, "written"))?;
    Ok(OutputFile { file, path })
}

fn open_log(path: &Path) -> Result<OutputFile, ExecutorError> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(ExecutorError::file(path, "written"))?;
    Ok(OutputFile { file, path: path.to_owned() })
}

fn outside(path: &Path) -> ExecutorError {
    let reason = "it is not below the task's folders";
    ExecutorError::File {
        path: path.to_owned(),
        doing: "a standard stream",
        source: io::Error::new(io::ErrorKind::InvalidInput, reason),
    }
}
