//! Both ends of `sluis crypt`: files, or standard input and output.

use std::{
    fs::File,
    io::{self, IoSlice, IoSliceMut, IsTerminal, Read, Seek, SeekFrom, Write},
    os::fd::AsFd,
    path::{Path, PathBuf},
};

use indicatif::{ProgressBar, ProgressStyle};
use tempfile::NamedTempFile;

use crate::{exit::Exit, failure::Failure};

/// What is read: a file, or standard input.
pub enum Input {
    File(File),
    Stream(io::Stdin),
}

impl Input {
    /// Opens a file; standard input if there is none, or if it is called `-`.
    pub fn open(path: Option<&Path>) -> Result<Self, Failure> {
        match path.filter(|path| *path != Path::new("-")) {
            None => Ok(Self::Stream(io::stdin())),
            Some(path) => File::open(path).map(Self::File).map_err(|error| unusable(path, "read", &error)),
        }
    }

    /// The file, if it is one that can be read at any place.
    pub fn seekable(&self) -> Option<&File> {
        match self {
            Self::File(file) if file.metadata().is_ok_and(|metadata| metadata.is_file()) => Some(file),
            _ => None,
        }
    }

    /// How many bytes are left, where that is known.
    fn left(&self) -> Option<u64> {
        let mut file = self.seekable()?;
        let at = file.stream_position().ok()?;
        let end = file.seek(SeekFrom::End(0)).ok()?;
        file.seek(SeekFrom::Start(at)).ok()?;
        Some(end.saturating_sub(at))
    }

    /// The input with a bar on the terminal that shows how far it was read.
    pub fn shown(self) -> impl Read + Send {
        let bar = match self.left() {
            _ if !io::stderr().is_terminal() => ProgressBar::hidden(),
            Some(length) => ProgressBar::new(length).with_style(style("{bar:40} {binary_bytes}/{binary_total_bytes}")),
            None => ProgressBar::new_spinner().with_style(style("{spinner} {binary_bytes}")),
        };
        bar.wrap_read(self)
    }
}

fn style(what: &str) -> ProgressStyle {
    // The template is one of the two above.
    ProgressStyle::with_template(&format!("{what} {{binary_bytes_per_sec}} {{elapsed_precise}}"))
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(out),
            Self::Stream(stream) => stream.read(out),
        }
    }

    fn read_vectored(&mut self, out: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read_vectored(out),
            Self::Stream(stream) => stream.read_vectored(out),
        }
    }
}

/// What is written: a file, which stands there whole or not at all, or standard output.
pub enum Output {
    File(NamedTempFile, PathBuf),
    /// Without the standard library's buffer, which looks for ends of lines in what it gets.
    Stream(File),
}

impl Output {
    /// Begins a file, which must not exist yet; standard output if there is none, or if it is called `-`.
    pub fn create(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            let stream =
                io::stdout().as_fd().try_clone_to_owned().map_err(|error| Failure::of(Exit::Environment, &error))?;
            return Ok(Self::Stream(stream.into()));
        };
        if path.symlink_metadata().is_ok() {
            let text = format!("{} is there already; name another file", path.display());
            return Err(Failure::new(Exit::Environment, text));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = NamedTempFile::new_in(folder).map_err(|error| unusable(path, "written", &error))?;
        Ok(Self::File(file, path.to_owned()))
    }

    /// Makes sure that everything is there, and gives the file its name.
    pub fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Stream(_) => Ok(()),
            Self::File(file, path) => {
                file.as_file().sync_all().map_err(|error| unusable(&path, "written", &error))?;
                let kept = file.persist_noclobber(&path).map_err(|error| unusable(&path, "written", &error.error));
                kept.map(drop)
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file, _) => file.write(bytes),
            Self::Stream(stream) => stream.write(bytes),
        }
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::File(file, _) => file.write_vectored(parts),
            Self::Stream(stream) => stream.write_vectored(parts),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file, _) => file.flush(),
            Self::Stream(stream) => stream.flush(),
        }
    }
}

/// The failure of a file that cannot be read or written.
pub fn unusable(path: &Path, how: &str, error: &io::Error) -> Failure {
    Failure::new(Exit::Environment, format!("{} cannot be {how}: {error}", path.display()))
}
