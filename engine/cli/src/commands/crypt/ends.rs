//! Both ends of `sluis crypt`: files, or standard input and output.

use std::{
    fs::{self, File},
    io::{self, BufWriter, IoSlice, IoSliceMut, IsTerminal, Read, Seek, SeekFrom, Write},
    ops::Range,
    os::fd::{AsFd, AsRawFd},
    path::{Path, PathBuf},
};

use indicatif::{ProgressBar, ProgressStyle};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use sluis_crypt4gh::PieceWriter;
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
    pub fn shown(self) -> impl Read + Send + use<> {
        bar(self.left()).wrap_read(self)
    }

    /// The same for a part of what is left: a file is gone to it, of a pipe everything before is read and thrown away.
    pub fn part(self, range: &Range<u64>) -> io::Result<impl Read + Send + use<>> {
        let (length, skipped) = match self.left() {
            None => (None, range.start),
            Some(left) => {
                let start = range.start.min(left);
                if let Some(mut file) = self.seekable() {
                    let here = file.stream_position()?;
                    file.seek(SeekFrom::Start(here + start))?;
                }
                (Some(range.end.min(left) - start), 0)
            }
        };
        let mut shown = bar(length).wrap_read(self);
        io::copy(&mut Read::by_ref(&mut shown).take(skipped), &mut io::sink())?;
        Ok(Read::take(shown, range.end - range.start))
    }

    /// A file that can be read at any place, with a bar that shows at which it is; a pipe is given back.
    pub fn shown_file(self) -> Result<impl Read + Seek + use<>, Self> {
        if self.seekable().is_none() {
            return Err(self);
        }
        let bar = bar(self.left());
        match self {
            Self::File(file) => Ok(bar.wrap_read(file)),
            Self::Stream(stream) => Err(Self::Stream(stream)),
        }
    }
}

fn bar(length: Option<u64>) -> ProgressBar {
    match length {
        _ if !io::stderr().is_terminal() => ProgressBar::hidden(),
        Some(length) => ProgressBar::new(length).with_style(style("{bar:40} {binary_bytes}/{binary_total_bytes}")),
        None => ProgressBar::new_spinner().with_style(style("{spinner} {binary_bytes}")),
    }
}

fn style(what: &str) -> ProgressStyle {
    // The template is one of those above.
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
    File(PieceWriter<NewFile>, PathBuf),
    /// Without the standard library's buffer, which looks for ends of lines in what it gets.
    Stream(BufWriter<File>),
}

impl Output {
    /// Begins a file, which must not exist yet; standard output if there is none, or if it is called `-`.
    pub fn create(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            let stream =
                io::stdout().as_fd().try_clone_to_owned().map_err(|error| Failure::of(Exit::Environment, &error))?;
            return Ok(Self::Stream(BufWriter::with_capacity(1 << 18, stream.into())));
        };
        if path.symlink_metadata().is_ok() {
            let text = format!("{} is there already; name another file", path.display());
            return Err(Failure::new(Exit::Environment, text));
        }
        let file = NewFile::begin(folder_of(path)).map_err(|error| unusable(path, "written", &error))?;
        Ok(Self::File(PieceWriter::new(file), path.to_owned()))
    }

    /// Makes sure that everything is there, and gives the file its name.
    pub fn finish(self) -> Result<(), Failure> {
        self.settle()?.name()
    }

    /// Makes sure that everything is there.
    pub fn settle(self) -> Result<Settled, Failure> {
        match self {
            Self::Stream(mut stream) => {
                stream.flush().map_err(|error| Failure::of(Exit::Environment, &error))?;
                Ok(Settled(None))
            }
            Self::File(pieces, path) => {
                let whole = pieces.finish().and_then(|file| file.as_file().sync_all().map(|()| file));
                let file = whole.map_err(|error| unusable(&path, "written", &error))?;
                Ok(Settled(Some((file, path))))
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

/// A file that is whole and on the disk, and has no name yet; or what went to standard output.
pub struct Settled(Option<(NewFile, PathBuf)>);

impl Settled {
    /// Gives it its name, which must be free.
    pub fn name(self) -> Result<(), Failure> {
        let Some((file, path)) = self.0 else { return Ok(()) };
        let failed = |error| unusable(&path, "written", &error);
        file.name(&path).map_err(failed)?;
        File::open(folder_of(&path)).and_then(|folder| folder.sync_all()).map_err(|error| {
            let _ = fs::remove_file(&path);
            failed(error)
        })
    }

    /// Gives two files their names, both or neither. Whoever is interrupted in between leaves the first one alone.
    pub fn name_both(first: Self, second: Self) -> Result<(), Failure> {
        let path = first.0.as_ref().map(|(_, path)| path.clone());
        first.name()?;
        second.name().inspect_err(|_| {
            // What remains then is what an interruption would leave, too.
            let _ = path.map(fs::remove_file);
        })
    }
}

/// A file that is being written.
pub enum NewFile {
    /// It vanishes with the process, however that ends.
    Unnamed(File),
    /// Where the file system has no files without a name.
    Named(NamedTempFile),
}

impl NewFile {
    /// Begins one that its owner alone can read.
    fn begin(folder: &Path) -> io::Result<Self> {
        let how = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        match rustix::fs::open(folder, how, Mode::RUSR | Mode::WUSR) {
            Ok(file) if Path::new(OPEN_FILES).exists() => Ok(Self::Unnamed(file.into())),
            _ => NamedTempFile::new_in(folder).map(Self::Named),
        }
    }

    fn as_file(&self) -> &File {
        match self {
            Self::Unnamed(file) => file,
            Self::Named(file) => file.as_file(),
        }
    }

    fn name(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Named(file) => file.persist_noclobber(path).map(drop).map_err(|error| error.error),
            Self::Unnamed(file) => {
                let from = format!("{OPEN_FILES}/{}", file.as_raw_fd());
                Ok(rustix::fs::linkat(CWD, from, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
            }
        }
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.as_file().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where the system shows a process the files that it has open.
const OPEN_FILES: &str = "/proc/self/fd";

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The failure of a file that cannot be read or written.
pub fn unusable(path: &Path, how: &str, error: &io::Error) -> Failure {
    Failure::new(Exit::Environment, format!("{} cannot be {how}: {error}", path.display()))
}
