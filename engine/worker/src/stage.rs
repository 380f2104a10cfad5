//! Staging: a task's inputs, opened just in time and verified to their ends before the command starts.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    num::NonZero,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    panic::resume_unwind,
    path::{Path, PathBuf},
    sync::{
        LazyLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use sluis_access::{AccessError, Permit, Site};
use sluis_executor::Folders;
use sluis_model::{Address, StagedEntry, StagedSource, Task};
use tokio_util::sync::CancellationToken;

use crate::{Scratch, WorkError, task_folder::make_folder};

/// From how many bytes on more than one thread opens them: less is done before another thread has begun.
const WORTH_A_THREAD: u64 = 1 << 20;

/// The cores of this process. Asked once: the answer takes a dozen calls to the system.
static CORES: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, NonZero::get));

/// Where a task's inputs come from and go to.
#[derive(Clone, Copy)]
pub(crate) struct Staging<'a> {
    pub site: &'a Site,
    pub permit: &'a Permit,
    pub scratch: &'a Scratch,
    pub folders: &'a Folders,
    /// Whether the command finds its folders at the canonical roots; if not, texts get the real paths.
    pub has_canonical_roots: bool,
}

impl Staging<'_> {
    /// Puts everything in place, objects at the same time where that helps. When it returns, the audit log has on the disk
    /// which keys were used for it: nothing may run before. Blocks. Gives `false` if it was cancelled before the end.
    pub fn put(self, task: &Task, cancel: &CancellationToken) -> Result<bool, WorkError> {
        let needed = self.check_room(task)?;
        let mut objects: Vec<Opening> = Vec::new();
        for entry in &task.staged {
            let path = self.place(entry)?;
            match &entry.source {
                StagedSource::Folder => make_folder(&path)?,
                StagedSource::Literal(text) => self.put_text(text, &path, entry.writable)?,
                StagedSource::Object(address) => Opening::add(&mut objects, *address, path, entry.writable),
            }
        }
        let workers = if needed < WORTH_A_THREAD { 1 } else { CORES.min(objects.len()) };
        let is_whole = self.open_all(&objects, workers, cancel)?;
        self.site.flush_log(self.permit).map_err(WorkError::Input)?;
        Ok(is_whole)
    }

    /// Where an entry goes, in a folder that is there.
    fn place(self, entry: &StagedEntry) -> Result<PathBuf, WorkError> {
        let outside = || io::Error::other("it is outside of the task's folders");
        let path = self.folders.host_path(&entry.target);
        let path = path.ok_or_else(|| WorkError::scratch(Path::new(&entry.target), "staged")(outside()))?;
        path.parent().map(make_folder).transpose()?;
        Ok(path)
    }

    fn put_text(self, text: &str, path: &Path, writable: bool) -> Result<(), WorkError> {
        let text = self.text(text);
        let written = create(path, writable)?.write_all(text.as_bytes());
        written.map_err(|error| self.write_failed(path, text.len() as u64, error))
    }

    fn open_all(self, objects: &[Opening], workers: usize, cancel: &CancellationToken) -> Result<bool, WorkError> {
        let next = AtomicUsize::new(0);
        // Few large objects are opened by several threads each.
        let threads = *CORES / workers.max(1);
        let threads = NonZero::new(threads).unwrap_or(NonZero::<usize>::MIN);
        let stopped = AtomicBool::new(false);
        let is_stopped = || cancel.is_cancelled() || stopped.load(Ordering::Relaxed);
        let work = || {
            while let Some(object) = objects.get(next.fetch_add(1, Ordering::Relaxed)) {
                let outcome = self.open(object, threads, &is_stopped);
                if outcome.is_err() {
                    stopped.store(true, Ordering::Relaxed);
                }
                if !outcome? {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        if workers < 2 {
            return if objects.is_empty() { Ok(!cancel.is_cancelled()) } else { work() };
        }
        let outcomes: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        // An error first: the others stopped because of it.
        let ends = outcomes.into_iter().collect::<Result<Vec<bool>, _>>()?;
        Ok(ends.into_iter().all(|done| done))
    }

    /// Opens one object to the end. Gives `false` if it was stopped before.
    fn open(
        self,
        object: &Opening,
        threads: NonZero<usize>,
        is_stopped: &(dyn Fn() -> bool + Sync),
    ) -> Result<bool, WorkError> {
        let Opening { address, path, .. } = object;
        let file = create(path, object.writable)?;
        let size = self.site.facts(address).map_err(WorkError::Input)?.size;
        let to = Stoppable { file: &file, is_stopped };
        match self.site.unseal_into(self.permit, address, to, threads) {
            Err(AccessError::Output(_)) if is_stopped() => return Ok(false),
            Err(AccessError::Output(error)) => return Err(self.write_failed(path, size, error)),
            outcome => outcome.map_err(WorkError::Input)?,
        };
        object.links.iter().try_for_each(|link| fs::hard_link(path, link).map_err(WorkError::scratch(link, "made")))?;
        Ok(true)
    }

    /// Refuses beforehand what cannot fit; gives the bytes that are needed.
    fn check_room(self, task: &Task) -> Result<u64, WorkError> {
        let mut needed = 0_u64;
        let mut shared = BTreeSet::new();
        for entry in &task.staged {
            needed = needed.saturating_add(match &entry.source {
                StagedSource::Object(address) if !entry.writable && !shared.insert(*address) => 0,
                StagedSource::Object(address) => self.site.facts(address).map_err(WorkError::Input)?.size,
                StagedSource::Literal(text) => text.len() as u64,
                StagedSource::Folder => 0,
            });
        }
        if needed == 0 {
            return Ok(0);
        }
        let free = self.scratch.free()?;
        if needed <= free { Ok(needed) } else { Err(self.full(needed, free)) }
    }

    fn full(self, needed: u64, free: u64) -> WorkError {
        WorkError::Full { path: self.scratch.root().to_owned(), needed, free }
    }

    /// What it means that a staged file could not be written: others may have taken the room meanwhile.
    fn write_failed(self, path: &Path, missing: u64, error: io::Error) -> WorkError {
        match (error.kind(), self.scratch.free()) {
            (io::ErrorKind::StorageFull, Ok(free)) => self.full(missing, free),
            _ => WorkError::scratch(path, "written")(error),
        }
    }

    fn text<'t>(self, literal: &'t str) -> Cow<'t, str> {
        if self.has_canonical_roots { Cow::Borrowed(literal) } else { self.folders.localize(literal) }
    }
}

/// A file that takes no more once the task is stopped.
struct Stoppable<'a> {
    file: &'a File,
    is_stopped: &'a (dyn Fn() -> bool + Sync),
}

impl Write for Stoppable<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if (self.is_stopped)() { Err(io::Error::other("the task is stopped")) } else { self.file.write(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// An object that is opened once, and the further places where the same unchanging file belongs.
struct Opening {
    address: Address,
    path: PathBuf,
    writable: bool,
    links: Vec<PathBuf>,
}

impl Opening {
    fn add(all: &mut Vec<Self>, address: Address, path: PathBuf, writable: bool) {
        let same = all.iter_mut().find(|other| other.address == address && !other.writable && !writable);
        match same {
            Some(same) => same.links.push(path),
            None => all.push(Self { address, path, writable, links: Vec::new() }),
        }
    }
}

/// Makes a file that the task may read, or also write. It must not be there: two inputs never share a place.
fn create(path: &Path, writable: bool) -> Result<fs::File, WorkError> {
    let mode = if writable { 0o644 } else { 0o444 };
    let made = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    // Once more, for the engine's own mask must not keep the command's user from reading it.
    let made = made.and_then(|file| file.set_permissions(Permissions::from_mode(mode)).map(|()| file));
    made.map_err(WorkError::scratch(path, "made"))
}
