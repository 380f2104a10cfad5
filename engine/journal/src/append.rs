//! Appending: many callers, one write and one flush to the disk for all that wait.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek, SeekFrom},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Serialize, ser::Error};

use crate::{
    JournalError, Record, Records, Summary,
    group::{Bodies, Group},
    line,
};

/// Where a record stands: its number, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Position(pub u64);

/// A journal that can be appended to, by many threads and processes at once.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    group: Group,
    /// What this process knows of the file. Held while the file is locked.
    known: Mutex<Summary>,
}

impl Journal {
    /// Opens a journal, making it, for its owner alone, if there is none.
    ///
    /// Nothing is read before the first append, so damage shows then.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        Self::open_after(path, Summary::empty())
    }

    /// Opens a journal whose beginning was verified before and is summed up in `known`: only what follows is read.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn open_after(path: &Path, known: Summary) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Io { path: path.to_owned(), doing: "opened", source };
        let is_new = !path.try_exists().map_err(failed)?;
        let mut options = OpenOptions::new();
        let file =
            options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map_err(failed)?;
        if is_new && let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        Ok(Self { path: path.to_owned(), file, group: Group::default(), known: Mutex::new(known) })
    }

    /// The records of the journal at `path`, without those that are torn. Takes no lock.
    ///
    /// # Errors
    /// If it cannot be opened. A damaged record is an error of the iterator.
    pub fn read(path: &Path) -> Result<Records, JournalError> {
        Self::read_after(path, &Summary::empty())
    }

    /// The records behind those that were read before and are summed up in `known`. Takes no lock.
    ///
    /// # Errors
    /// As [`Journal::read`], and if the journal is shorter than it was. If its beginning is another now, that is an
    /// error of the iterator as soon as there is a further record.
    pub fn read_after(path: &Path, known: &Summary) -> Result<Records, JournalError> {
        let failed = |source| JournalError::Io { path: path.to_owned(), doing: "opened", source };
        let mut file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() < known.length {
            return Err(JournalError::Cut { path: path.to_owned(), known: known.records });
        }
        file.seek(SeekFrom::Start(known.length)).map_err(failed)?;
        Ok(Records::new(path, file, known.clone()))
    }

    /// Reads the whole journal and checks number, hash and chain of every record.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(path: &Path) -> Result<Summary, JournalError> {
        read_to_end(Self::read(path)?)
    }

    /// Appends one record and waits until it is on the disk.
    ///
    /// # Errors
    /// If it is not. It is then not in the journal, and what was torn is cut off.
    pub fn append(&self, body: &impl Serialize) -> Result<Position, JournalError> {
        self.append_all(std::slice::from_ref(body))
    }

    /// Appends records next to each other and waits until they are on the disk; gives the first one's position.
    ///
    /// # Errors
    /// As [`Journal::append`]: then none of them is in the journal.
    pub fn append_all(&self, bodies: &[impl Serialize]) -> Result<Position, JournalError> {
        self.append_texts(bodies, true)
    }

    /// Appends one record without waiting for the disk: it survives a killed process at once, a power failure after
    /// the next [`Journal::append`] or [`Journal::sync`].
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn append_relaxed(&self, body: &impl Serialize) -> Result<Position, JournalError> {
        self.append_texts(std::slice::from_ref(body), false)
    }

    fn append_texts(&self, bodies: &[impl Serialize], durable: bool) -> Result<Position, JournalError> {
        let texts = bodies.iter().map(one_line).collect::<Result<Vec<_>, _>>().map_err(JournalError::Encode)?;
        let outcome = self.group.append(texts, durable, |bodies| self.write(bodies));
        outcome.map(Position).map_err(JournalError::NotRecorded)
    }

    /// Puts everything that was appended on the disk, by whomever, and calls `then` with what the journal amounts to.
    /// Nobody appends while `then` runs.
    ///
    /// # Errors
    /// If the file cannot be read or flushed, and those of `then`.
    pub fn sync(&self, then: impl FnOnce(&Summary) -> io::Result<()>) -> Result<(), JournalError> {
        let mut known = self.known();
        let _lock = FileLock::take(&self.file).map_err(self.failed("locked"))?;
        *known = self.catch_up(&known)?;
        self.file.sync_data().map_err(self.failed("flushed to the disk"))?;
        then(&known).map_err(self.failed("concluded"))
    }

    /// Writes bodies as records behind whatever other processes wrote; gives the first one's number.
    fn write(&self, bodies: &Bodies) -> Result<u64, JournalError> {
        let mut known = self.known();
        let _lock = FileLock::take(&self.file).map_err(self.failed("locked"))?;
        *known = self.catch_up(&known)?;
        let mut after = known.clone();
        let mut lines = String::new();
        for body in &bodies.texts {
            after.head = line::write(&mut lines, after.records, &after.head, body);
            after.records += 1;
        }
        after.length += lines.len() as u64;
        if let Err(source) = self.write_lines(known.length, &lines, bodies.durable) {
            // What is not acknowledged is taken back. If even that fails, a half line is torn, and a whole one records
            // something that then was not done, which is the safe side.
            let _ = self.file.set_len(known.length);
            return Err(self.failed("written")(source));
        }
        Ok(std::mem::replace(&mut *known, after).records)
    }

    fn write_lines(&self, at: u64, lines: &str, durable: bool) -> io::Result<()> {
        if self.file.metadata()?.len() != at {
            self.file.set_len(at)?;
        }
        self.file.write_all_at(lines.as_bytes(), at)?;
        if durable { self.file.sync_data() } else { Ok(()) }
    }

    /// Reads what others have appended since this process last looked.
    fn catch_up(&self, known: &Summary) -> Result<Summary, JournalError> {
        let here = self.file.metadata().map_err(self.failed("read"))?;
        // An append to a file that has no name any more would be lost.
        let is_same = |named: fs::Metadata| (named.dev(), named.ino()) == (here.dev(), here.ino());
        if !fs::metadata(&self.path).is_ok_and(is_same) {
            return Err(JournalError::Replaced { path: self.path.clone() });
        }
        if here.len() == known.length {
            return Ok(known.clone());
        }
        read_to_end(Self::read_after(&self.path, known)?)
    }

    fn known(&self) -> MutexGuard<'_, Summary> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, doing: &'static str) -> impl Fn(io::Error) -> JournalError {
        move |source| JournalError::Io { path: self.path.clone(), doing, source }
    }
}

fn one_line(body: &impl Serialize) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string(body)?;
    // Only JSON that was taken over as it was can hold one.
    if text.contains('\n') { Err(serde_json::Error::custom("it holds a line feed")) } else { Ok(text) }
}

fn read_to_end(mut records: Records) -> Result<Summary, JournalError> {
    records.by_ref().try_for_each(|record| record.map(|_: Record| ()))?;
    Ok(records.summary().clone())
}

/// Keeps other processes from appending.
struct FileLock<'a>(&'a File);

impl<'a> FileLock<'a> {
    fn take(file: &'a File) -> io::Result<Self> {
        file.lock()?;
        Ok(Self(file))
    }
}

impl Drop for FileLock<'_> {
    fn drop(&mut self) {
        // Unlocking a file that is open and locked does not fail.
        let _ = self.0.unlock();
    }
}
