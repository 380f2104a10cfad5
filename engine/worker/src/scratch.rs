//! The memory-backed folder in which tasks work, one for each engine process.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustix::fs::{FsWord, statfs};
use sluis_model::{RunId, TaskId};

use crate::{
    SwapRule, WorkError,
    left::TakenOver,
    swap,
    task_folder::{self, TaskFolder},
};

const TMPFS: FsWord = 0x0102_1994;
const RAMFS: FsWord = 0x8584_58f6;
pub(crate) const LOCK: &str = "lock";
/// How long an engine may take from making its folder to putting its lock there.
const BEGINNING: Duration = Duration::from_secs(60);

/// This engine's folder in memory. The lock in it tells others that the engine lives; it is wiped when dropped, unless
/// something in it is left for another engine.
#[derive(Debug)]
pub struct Scratch {
    root: PathBuf,
    identity: Identity,
    engine: String,
    lock: File,
    pub(crate) taken: Mutex<Vec<TakenOver>>,
    /// Whether this engine leaves something for whoever goes on with its runs.
    leaves: AtomicBool,
}

impl Scratch {
    /// Opens the scratch folder of this machine's user, `/dev/shm/sluis-<uid>` unless another is given, and makes a
    /// folder for this engine in it.
    ///
    /// # Errors
    /// If it is not in memory, belongs to somebody else, or the machine swaps in a way that the rule refuses.
    pub fn open(root: Option<PathBuf>, rule: SwapRule) -> Result<Self, WorkError> {
        swap::check(rule)?;
        let root = root.unwrap_or_else(default_root);
        match DirBuilder::new().mode(0o700).create(&root) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(WorkError::scratch(&root, "made")(error));
            }
            _ => check_root(&root)?,
        }
        let identity = Identity::of(&root)?;
        let folder = tempfile::Builder::new().prefix(&identity.engine_prefix()).tempdir_in(&root);
        let folder = folder.map_err(WorkError::scratch(&root, "written"))?;
        let lock = make_lock(folder.path())?;
        let folder = folder.keep();
        let engine = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { root, identity, engine, lock, taken: Mutex::default(), leaves: AtomicBool::new(false) })
    }

    /// The folder that all engines of this user share.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The identifier of this engine.
    pub fn engine_id(&self) -> &str {
        &self.engine
    }

    /// Whether the engine with this identifier lives. Of an engine with another scratch folder (of another user, or
    /// in a container with its own `/dev/shm`) it cannot be said that it is dead, so it counts as living; unless it
    /// is of an earlier start of the machine.
    pub fn is_alive(&self, engine: &str) -> bool {
        engine == self.engine
            || match self.identity.relation_of(engine) {
                Relation::Ours => is_used(&self.folder_of(engine)),
                Relation::EarlierStart => false,
                Relation::Unknown => true,
            }
    }

    /// The identifiers of the engines that were killed and left their folders, and of which nobody may go on with
    /// what is in them.
    ///
    /// # Errors
    /// If the scratch folder cannot be read.
    pub fn dead_engines(&self) -> Result<Vec<String>, WorkError> {
        let unreadable = || WorkError::scratch(&self.root, "read");
        let mut dead = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(unreadable())? {
            let name = entry.map_err(unreadable())?.file_name().to_string_lossy().into_owned();
            if self.is_given_up(&name) {
                dead.push(name);
            }
        }
        Ok(dead)
    }

    /// Wipes the folders of the engines that [`Scratch::dead_engines`] names. What they left running must be stopped
    /// before.
    ///
    /// # Errors
    /// If a folder cannot be removed.
    pub fn sweep(&self) -> Result<(), WorkError> {
        self.dead_engines()?.iter().try_for_each(|engine| {
            let folder = self.folder_of(engine);
            // Held while it is wiped, so that nobody begins to go on with it.
            let _lock = self.lock_of_dead(engine);
            task_folder::wipe(&folder).map_err(WorkError::scratch(&folder, "wiped"))
        })
    }

    pub(crate) fn folder_of(&self, engine: &str) -> PathBuf {
        self.root.join(engine)
    }

    pub(crate) fn relation_of(&self, engine: &str) -> Relation {
        self.identity.relation_of(engine)
    }

    pub(crate) const fn lock(&self) -> &File {
        &self.lock
    }

    /// The folder of a task of this engine.
    pub(crate) fn task_folder(&self, run: &RunId, task: TaskId) -> PathBuf {
        self.folder_of(&self.engine).join(format!("{run}-{task}"))
    }

    /// Leaves a task's folder as it is to whoever goes on with its run, as if this engine had been killed.
    pub(crate) fn leave(&self, folder: TaskFolder) {
        self.leaves.store(true, Ordering::Relaxed);
        folder.leave();
    }

    /// What a running task has printed so far, on a machine whose scratch folder is at its usual place: in the folder of
    /// the engine that launched it, or of a dead one whose task another goes on with.
    pub fn live_log(run: &RunId, task: TaskId) -> Option<PathBuf> {
        let engines = fs::read_dir(default_root()).ok()?.flatten();
        let logs = engines.map(|engine| engine.path().join(format!("{run}-{task}")).join(task_folder::LOG));
        logs.filter_map(|log| Some((fs::metadata(&log).ok()?.modified().ok()?, log))).max().map(|(_, log)| log)
    }

    /// Bytes that the folder can hold at most.
    ///
    /// # Errors
    /// If its file system cannot be asked.
    pub fn capacity(&self) -> Result<u64, WorkError> {
        let facts = rustix::fs::statvfs(&self.root)
            .map_err(|error| WorkError::scratch(&self.root, "looked at")(error.into()))?;
        // A size of nothing means that there is no limit but the memory.
        Ok(if facts.f_blocks == 0 { u64::MAX } else { facts.f_blocks.saturating_mul(facts.f_frsize) })
    }

    /// Bytes that are free for staging: in the folder, and in the memory that it stands in.
    pub(crate) fn free(&self) -> Result<u64, WorkError> {
        let facts = rustix::fs::statvfs(&self.root)
            .map_err(|error| WorkError::scratch(&self.root, "looked at")(error.into()))?;
        let folder = facts.f_bavail.saturating_mul(facts.f_frsize);
        let memory = fs::read_to_string("/proc/meminfo").ok().and_then(|text| available_memory(&text));
        Ok(memory.map_or(folder, |memory| memory.min(folder)))
    }
}

/// The bytes that a text like `/proc/meminfo` says can be had without swapping.
fn available_memory(text: &str) -> Option<u64> {
    let amount = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    amount.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if *self.leaves.get_mut() {
            return;
        }
        // What cannot be removed now is wiped by the next engine that starts.
        let _ = task_folder::wipe(&self.root.join(&self.engine));
    }
}

fn default_root() -> PathBuf {
    PathBuf::from(format!("/dev/shm/sluis-{}", rustix::process::geteuid().as_raw()))
}

/// What tells a scratch folder from all others. It is part of the name of every engine in it, for engines that know
/// nothing of each other may share one Docker daemon.
#[derive(Debug)]
struct Identity {
    /// The user and the start of the machine.
    start: String,
    /// The folder: its file system and its number there.
    folder: String,
}

/// How an engine relates to this scratch folder.
#[derive(PartialEq, Eq)]
pub(crate) enum Relation {
    /// Its folder is in it, if it lives.
    Ours,
    /// It is of this user and ended with an earlier start of the machine.
    EarlierStart,
    /// It is of another user or another scratch folder, or no engine's name.
    Unknown,
}

impl Identity {
    fn of(root: &Path) -> Result<Self, WorkError> {
        let facts = fs::symlink_metadata(root).map_err(WorkError::scratch(root, "looked at"))?;
        let boot = Path::new("/proc/sys/kernel/random/boot_id");
        let boot = fs::read_to_string(boot).map_err(WorkError::scratch(boot, "read"))?;
        let boot: String = boot.chars().filter(char::is_ascii_hexdigit).take(12).collect();
        let user = rustix::process::geteuid().as_raw();
        Ok(Self { start: format!("engine-{user}-{boot}"), folder: format!("{:x}.{:x}", facts.dev(), facts.ino()) })
    }

    fn engine_prefix(&self) -> String {
        format!("{}-{}-", self.start, self.folder)
    }

    fn relation_of(&self, engine: &str) -> Relation {
        let user = self.start.rsplit_once('-').map_or("", |(user, _)| user);
        let mut parts = engine.rsplitn(3, '-');
        let (Some(random), Some(folder), Some(start)) = (parts.next(), parts.next(), parts.next()) else {
            return Relation::Unknown;
        };
        let (this_start, this_folder) = (start == self.start, folder == self.folder);
        let this_user = start.rsplit_once('-').is_some_and(|(other, _)| other == user);
        match (this_user && !random.contains('/'), this_start, this_folder) {
            (true, true, true) => Relation::Ours,
            (true, false, _) => Relation::EarlierStart,
            _ => Relation::Unknown,
        }
    }
}

fn check_root(root: &Path) -> Result<(), WorkError> {
    let facts = fs::symlink_metadata(root).map_err(WorkError::scratch(root, "looked at"))?;
    if !facts.is_dir() || facts.uid() != rustix::process::geteuid().as_raw() || facts.mode() & 0o077 != 0 {
        return Err(WorkError::Foreign { path: root.to_owned() });
    }
    let kind = statfs(root).map_err(|error| WorkError::scratch(root, "looked at")(error.into()))?.f_type;
    if kind == TMPFS || kind == RAMFS { Ok(()) } else { Err(WorkError::OnDisk { path: root.to_owned() }) }
}

/// Makes the lock under another name and moves it into place when it is held: nobody ever sees it free while this
/// engine lives.
fn make_lock(folder: &Path) -> Result<File, WorkError> {
    let (new, path) = (folder.join("lock.new"), folder.join(LOCK));
    let lock = File::create_new(&new).map_err(WorkError::scratch(&new, "made"))?;
    lock.lock().map_err(WorkError::scratch(&new, "locked"))?;
    fs::rename(&new, &path).map_err(WorkError::scratch(&path, "made"))?;
    Ok(lock)
}

/// Whether a living engine uses the folder: it holds the lock, or may just be making the folder.
fn is_used(folder: &Path) -> bool {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => lock.try_lock_shared().is_err(),
        Err(_) => {
            let age = fs::metadata(folder).and_then(|facts| facts.modified()).map(|time| time.elapsed());
            age.is_ok_and(|age| age.is_ok_and(|age| age < BEGINNING))
        }
    }
}
