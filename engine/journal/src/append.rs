//! Appending: many callers, one write and one flush to the disk for all that wait. Nobody waits for a flush only to write,
//! except for what [`Journal::sync`] flushes of what was written while it flushed the rest.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek, SeekFrom},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::{Serialize, ser::Error};

use crate::{Disk, JournalError, OsDisk, Record, Records, Summary, group::Group, line};

/// So many bytes, or a line more, are in memory when they are written again.
const WRITTEN_AT_ONCE: usize = 1 << 20;

/// Where a record stands: its number, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Position(pub u64);

/// A journal that can be appended to, by many threads and processes at once.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    disk: Arc<dyn Disk>,
    writing: Group,
    flushing: Group,
    /// Held while the file is flushed, and taken before `known`: the system tells of an error only once.
    flush: Mutex<()>,
    /// What this process knows of the file. Held while the file is locked.
    known: Mutex<Known>,
    /// So many records, from the first, are on the disk for certain.
    flushed: AtomicU64,
}

/// What is known of the file.
#[derive(Debug)]
struct Known {
    all: Summary,
    /// The records that are on the disk for certain.
    flushed: Summary,
    /// Whether a flush failed since, or may have failed to another process before this one opened the file. The system may
    /// have given up what it could not write, and report that once only, to who had the file open; so what is not on the
    /// disk for certain is verified and written again before the next flush.
    is_doubtful: bool,
    /// Whether a flush failed to this process, and what it may have lost was not verified since: nothing is written behind it
    /// before.
    is_unverified: bool,
    /// Whether that was not there any more. Nothing is written behind it.
    is_lost: bool,
}

impl Known {
    fn is_unflushed(&self) -> bool {
        self.is_doubtful || self.flushed.length < self.all.length
    }
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

    /// Opens a journal whose beginning was verified before, is on the disk, and is summed up in `known`: only what follows is
    /// read, and written again before the first flush.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn open_after(path: &Path, known: Summary) -> Result<Self, JournalError> {
        Self::open_on(path, known, Arc::new(OsDisk))
    }

    /// As [`Journal::open_after`], with writes that go through `disk`.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn open_on(path: &Path, known: Summary, disk: Arc<dyn Disk>) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Io { path: path.to_owned(), doing: "opened", source };
        let is_new = !path.try_exists().map_err(failed)?;
        let mut options = OpenOptions::new();
        let file =
            options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map_err(failed)?;
        if is_new && let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        let (flushed, known) = (
            known.records,
            Known { flushed: known.clone(), all: known, is_doubtful: true, is_unverified: false, is_lost: false },
        );
        let (known, flushed) = (Mutex::new(known), AtomicU64::new(flushed));
        let (writing, flushing, flush) = (Group::default(), Group::default(), Mutex::default());
        Ok(Self { path: path.to_owned(), file, disk, writing, flushing, flush, known, flushed })
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
    /// If it cannot be written: it is then not in the journal, and what was torn is cut off. Or if it cannot be flushed: it
    /// stays in the journal, unless the machine loses it.
    pub fn append(&self, body: &impl Serialize) -> Result<Position, JournalError> {
        self.append_all(std::slice::from_ref(body))
    }

    /// Appends records next to each other and waits until they are on the disk; gives the first one's position.
    ///
    /// # Errors
    /// As [`Journal::append`], for all of them.
    pub fn append_all(&self, bodies: &[impl Serialize]) -> Result<Position, JournalError> {
        let first = self.append_texts(bodies)?;
        self.flush(Position(first.0 + (bodies.len() as u64).saturating_sub(1)))?;
        Ok(first)
    }

    /// Appends one record without waiting for the disk: it survives a killed process at once, a power failure after
    /// [`Journal::flush`], or whatever else flushes.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn append_relaxed(&self, body: &impl Serialize) -> Result<Position, JournalError> {
        self.append_texts(std::slice::from_ref(body))
    }

    /// Waits until a record, and all before it, are on the disk. Who waits shares the flush with others who wait; what others
    /// flushed meanwhile costs nothing.
    ///
    /// # Errors
    /// If it cannot be flushed. It stays in the journal, unless the machine loses it.
    pub fn flush(&self, position: Position) -> Result<(), JournalError> {
        if position.0 < self.flushed.load(Ordering::Acquire) {
            return Ok(());
        }
        let outcome = self.flushing.append(Vec::new(), |_| self.flush_written());
        outcome.map(drop).map_err(JournalError::NotRecorded)
    }

    fn append_texts(&self, bodies: &[impl Serialize]) -> Result<Position, JournalError> {
        let texts = bodies.iter().map(one_line).collect::<Result<Vec<_>, _>>().map_err(JournalError::Encode)?;
        let outcome = self.writing.append(texts, |bodies| self.write(bodies));
        outcome.map(Position).map_err(JournalError::NotRecorded)
    }

    /// Puts everything that was appended on the disk, by whomever, and calls `then` with what the journal amounts to.
    /// Nobody appends while `then` runs.
    ///
    /// # Errors
    /// If the file cannot be read or flushed, and those of `then`.
    pub fn sync(&self, then: impl FnOnce(&Summary) -> io::Result<()>) -> Result<(), JournalError> {
        let _turn = lock(&self.flush);
        // The most of it while others may append; they wait only for the rest.
        drop(self.locked()?);
        self.flush_known()?;
        let mut locked = self.locked()?;
        let known = &mut *locked.known;
        let all = known.all.clone();
        if known.is_unflushed() {
            self.settle_doubt(known)?;
            let flushed = self.disk.flush(&self.file).map_err(self.failed("flushed to the disk"));
            self.note_flush(known, &all, flushed)?;
        }
        then(&all).map_err(self.failed("concluded"))
    }

    /// Writes bodies as records behind whatever other processes wrote; gives the first one's number.
    fn write(&self, bodies: &[String]) -> Result<u64, JournalError> {
        let mut locked = self.locked()?;
        let known = &mut *locked.known;
        if known.is_unverified {
            self.settle_doubt(known)?;
        }
        if known.is_lost {
            return Err(self.lost(&known.all));
        }
        let mut after = known.all.clone();
        let mut lines = String::new();
        for body in bodies {
            after.head = line::write(&mut lines, after.records, &after.head, body);
            after.records += 1;
        }
        after.length += lines.len() as u64;
        if let Err(source) = self.write_lines(known.all.length, &lines) {
            // What is not acknowledged is taken back. If even that fails, a half line is torn, and a whole one records
            // something that then was not done, which is the safe side.
            let _ = self.file.set_len(known.all.length);
            return Err(self.failed("written")(source));
        }
        Ok(std::mem::replace(&mut known.all, after).records)
    }

    fn write_lines(&self, at: u64, lines: &str) -> io::Result<()> {
        if self.file.metadata()?.len() != at {
            self.file.set_len(at)?;
        }
        self.disk.write(&self.file, lines.as_bytes(), at)
    }

    /// Brings what is written by now to the disk; others may append meanwhile.
    fn flush_written(&self) -> Result<u64, JournalError> {
        let _turn = lock(&self.flush);
        self.flush_known()
    }

    /// Flushes what this process knows of, whose turn it is.
    fn flush_known(&self) -> Result<u64, JournalError> {
        let written = {
            let mut known = self.known();
            if !known.is_unflushed() {
                return Ok(known.all.records);
            }
            self.settle_doubt(&mut known)?;
            known.all.clone()
        };
        let flushed = self.disk.flush(&self.file).map_err(self.failed("flushed to the disk"));
        // Only now: also a file that has another name by now is to have what was written to it.
        let flushed = flushed.and_then(|()| self.check_place().map(drop));
        self.note_flush(&mut self.known(), &written, flushed)?;
        Ok(written.records)
    }

    /// Writes again what a flush that failed may have lost.
    fn settle_doubt(&self, known: &mut Known) -> Result<(), JournalError> {
        let outcome = if known.is_doubtful { self.write_again(&known.flushed, &known.all) } else { Ok(()) };
        known.is_lost |= matches!(outcome, Err(JournalError::Lost { .. }));
        known.is_unverified &= outcome.is_err();
        outcome
    }

    /// Writes again what stands between two places, if it still is what was written.
    fn write_again(&self, flushed: &Summary, all: &Summary) -> Result<(), JournalError> {
        // Nobody else reads at the place where the file stands: all other calls name theirs.
        let mut file = self.file.try_clone().map_err(self.failed("read"))?;
        file.seek(SeekFrom::Start(flushed.length)).map_err(self.failed("read"))?;
        let mut records = Records::new(&self.path, file, flushed.clone());
        let (mut again, mut at) = (Vec::new(), flushed.length);
        while records.summary().length < all.length {
            match records.read_line(&mut again) {
                Ok(Some(_)) => {}
                Err(error @ JournalError::Io { .. }) => return Err(error),
                Ok(None) | Err(_) => return Err(self.lost(all)),
            }
            let end = records.summary().length;
            if end >= all.length && records.summary() != all {
                return Err(self.lost(all));
            }
            if again.len() >= WRITTEN_AT_ONCE || end >= all.length {
                self.disk.write(&self.file, &again, at).map_err(self.failed("written"))?;
                (again, at) = (Vec::new(), end);
            }
        }
        Ok(())
    }

    fn lost(&self, known: &Summary) -> JournalError {
        JournalError::Lost { path: self.path.clone(), known: known.records }
    }

    /// Takes note of how a flush went, of what was written before it began.
    fn note_flush(
        &self,
        known: &mut Known,
        written: &Summary,
        flushed: Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        known.is_doubtful = flushed.is_err();
        known.is_unverified = flushed.is_err();
        flushed?;
        if known.flushed.length < written.length {
            known.flushed = written.clone();
        }
        self.flushed.fetch_max(written.records, Ordering::Release);
        Ok(())
    }

    /// What is known of the file, which is locked and read to its end.
    fn locked(&self) -> Result<Locked<'_>, JournalError> {
        let mut known = self.known();
        let lock = FileLock::take(&self.file).map_err(self.failed("locked"))?;
        known.all = self.catch_up(&known.all)?;
        Ok(Locked { _lock: lock, known })
    }

    /// Reads what others have appended since this process last looked.
    fn catch_up(&self, known: &Summary) -> Result<Summary, JournalError> {
        let here = self.check_place()?;
        if here.len() == known.length {
            return Ok(known.clone());
        }
        read_to_end(Self::read_after(&self.path, known)?)
    }

    /// What is written to a file that has no name any more would be lost.
    fn check_place(&self) -> Result<fs::Metadata, JournalError> {
        let here = self.file.metadata().map_err(self.failed("read"))?;
        let is_same = |named: fs::Metadata| (named.dev(), named.ino()) == (here.dev(), here.ino());
        if fs::metadata(&self.path).is_ok_and(is_same) {
            Ok(here)
        } else {
            Err(JournalError::Replaced { path: self.path.clone() })
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.known)
    }

    fn failed(&self, doing: &'static str) -> impl Fn(io::Error) -> JournalError {
        move |source| JournalError::Io { path: self.path.clone(), doing, source }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

/// The right to append. The file is unlocked first: its lock is the whole process's.
struct Locked<'a> {
    _lock: FileLock<'a>,
    known: MutexGuard<'a, Known>,
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
