//! A disk that records what is written, and file systems as a crash at any point of the record may leave them.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use sluis_store::backend::disk::{Disk, DiskFile, OsDisk};

/// What was done. A file is known by its number, whatever its names.
#[derive(Clone, Debug)]
pub enum Op {
    Create(usize, PathBuf),
    Write(usize, Vec<u8>),
    Sync(usize),
    MakeFolder(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    RemoveFolder(PathBuf),
    SyncFolder(PathBuf),
    SyncEverything,
    /// Somebody was told that this is done.
    Acknowledged(&'static str),
}

/// What happens at a certain call.
type Interruption = Box<dyn FnOnce() + Send>;

/// Carries out each call on the machine's file system and records it.
#[derive(Clone, Default)]
pub struct Recorder(Arc<State>);

#[derive(Default)]
struct State {
    log: Mutex<Vec<Op>>,
    files: AtomicUsize,
    calls: AtomicUsize,
    /// Before the call of this number something else happens.
    interruption: Mutex<Option<(usize, Interruption)>>,
    /// Before the next flush of a file something else happens.
    at_flush: Mutex<Option<Interruption>>,
    /// The call of this number and the following ones fail with this.
    fault: Mutex<Option<(usize, io::ErrorKind)>>,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

impl Recorder {
    /// Lets something happen before call `at`.
    pub fn interrupt(&self, at: usize, interruption: impl FnOnce() + Send + 'static) {
        *self.0.interruption.lock().unwrap() = Some((self.0.calls.load(Ordering::SeqCst) + at, Box::new(interruption)));
    }

    /// Lets something happen before the next flush of a file.
    pub fn interrupt_flush(&self, interruption: impl FnOnce() + Send + 'static) {
        *self.0.at_flush.lock().unwrap() = Some(Box::new(interruption));
    }

    /// Whether the interruption has happened.
    pub fn was_interrupted(&self) -> bool {
        self.0.interruption.lock().unwrap().is_none()
    }

    /// Lets call `at` and all later ones fail, until [`Recorder::mend`].
    pub fn fail(&self, at: usize, kind: io::ErrorKind) {
        *self.0.fault.lock().unwrap() = Some((self.0.calls.load(Ordering::SeqCst) + at, kind));
    }

    /// Ends the fault; `true` if a call failed for it.
    pub fn mend(&self) -> bool {
        let fault = self.0.fault.lock().unwrap().take();
        fault.is_some_and(|(at, _)| self.0.calls.load(Ordering::SeqCst) > at)
    }

    pub fn acknowledge(&self, what: &'static str) {
        self.0.log.lock().unwrap().push(Op::Acknowledged(what));
    }

    pub fn log(&self) -> Vec<Op> {
        self.0.log.lock().unwrap().clone()
    }

    fn call<T>(&self, op: Op, carry_out: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let number = self.0.calls.fetch_add(1, Ordering::SeqCst);
        let due = self.0.interruption.lock().unwrap().take_if(|(at, _)| *at == number);
        if let Some((_, interruption)) = due {
            interruption();
        }
        let fault = *self.0.fault.lock().unwrap();
        if let Some((at, kind)) = fault
            && number >= at
        {
            return Err(kind.into());
        }
        let mut log = self.0.log.lock().unwrap();
        let done = carry_out()?;
        log.push(op);
        Ok(done)
    }
}

struct RecordedFile {
    recorder: Recorder,
    number: usize,
    file: File,
}

impl fmt::Debug for RecordedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file {}", self.number)
    }
}

impl Write for RecordedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full disk takes a part of what it is given.
        let half = &bytes[..bytes.len().div_ceil(2)];
        let Self { recorder, number, file } = self;
        recorder.call(Op::Write(*number, half.to_vec()), || file.write_all(half))?;
        Ok(half.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for RecordedFile {
    fn sync(&self) -> io::Result<()> {
        let due = self.recorder.0.at_flush.lock().unwrap().take();
        if let Some(interruption) = due {
            interruption();
        }
        self.recorder.call(Op::Sync(self.number), || Ok(()))
    }
}

impl Disk for Recorder {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let number = self.0.files.fetch_add(1, Ordering::SeqCst);
        let open = || OpenOptions::new().write(true).create_new(true).open(path);
        let file = self.call(Op::Create(number, path.to_owned()), open)?;
        Ok(Box::new(RecordedFile { recorder: self.clone(), number, file }))
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.call(Op::MakeFolder(path.to_owned()), || OsDisk.make_folder(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(Op::Rename(from.to_owned(), to.to_owned()), || OsDisk.rename(from, to))
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(Op::Rename(from.to_owned(), to.to_owned()), || OsDisk.rename_new(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(Op::Remove(path.to_owned()), || OsDisk.remove(path))
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.call(Op::RemoveFolder(path.to_owned()), || OsDisk.remove_folder(path))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        // The disk itself is left alone: what is durable is worked out from the record.
        self.call(Op::SyncFolder(path.to_owned()), || fs::metadata(path).map(drop))
    }

    fn sync_everything(&self, _path: &Path) -> io::Result<()> {
        self.call(Op::SyncEverything, || Ok(()))
    }
}

/// What a crash does to what was not flushed.
#[derive(Clone, Copy, Debug)]
pub enum Crash {
    /// The process was killed: everything that was done stays.
    Killed,
    /// The power failed, and nothing is left that was not flushed.
    NothingUnflushed,
    /// The power failed, and of what was not flushed some is left, by this seed.
    SomeUnflushed(u64),
}

#[derive(Clone, Default)]
struct Folder {
    now: BTreeMap<OsString, Node>,
    on_disk: BTreeMap<OsString, Node>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    Folder(usize),
    File(usize),
}

/// A file system of which each change is known, and what of it is on the disk.
#[derive(Default)]
pub struct Model {
    root: PathBuf,
    folders: Vec<Folder>,
    files: BTreeMap<usize, (Vec<u8>, Vec<u8>)>,
    /// What was acknowledged.
    pub acknowledged: BTreeSet<&'static str>,
}

impl Model {
    /// An empty folder.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), folders: vec![Folder::default()], ..Self::default() }
    }

    /// Takes in one more step of the record.
    pub fn step(&mut self, op: &Op) {
        match op {
            Op::Create(number, path) => {
                self.files.insert(*number, Default::default());
                self.enter(path, Node::File(*number));
            }
            Op::Write(number, bytes) => self.files.get_mut(number).unwrap().0.extend_from_slice(bytes),
            Op::Sync(number) => {
                let (now, on_disk) = self.files.get_mut(number).unwrap();
                on_disk.clone_from(now);
            }
            Op::MakeFolder(path) => {
                self.folders.push(Folder::default());
                self.enter(path, Node::Folder(self.folders.len() - 1));
            }
            Op::Rename(from, to) => {
                let node = self.leave(from);
                self.enter(to, node);
            }
            Op::Remove(path) | Op::RemoveFolder(path) => drop(self.leave(path)),
            Op::SyncFolder(path) => {
                let folder = self.folder(path);
                let Folder { now, on_disk } = &mut self.folders[folder];
                on_disk.clone_from(now);
            }
            Op::SyncEverything => {
                self.folders.iter_mut().for_each(|folder| folder.on_disk.clone_from(&folder.now));
                self.files.values_mut().for_each(|(now, on_disk)| on_disk.clone_from(now));
            }
            Op::Acknowledged(what) => drop(self.acknowledged.insert(what)),
        }
    }

    fn place(&mut self, path: &Path) -> (usize, OsString) {
        (self.folder(path.parent().unwrap()), path.file_name().unwrap().to_owned())
    }

    /// Folders that the record does not know were there before.
    fn folder(&mut self, path: &Path) -> usize {
        let below = path.strip_prefix(&self.root).unwrap_or(Path::new("")).to_owned();
        let mut at = 0;
        for part in &below {
            at = match self.folders[at].now.get(part) {
                Some(Node::Folder(folder)) => *folder,
                _ => {
                    self.folders.push(Folder::default());
                    let new = self.folders.len() - 1;
                    self.folders[at].now.insert(part.to_owned(), Node::Folder(new));
                    self.folders[at].on_disk.insert(part.to_owned(), Node::Folder(new));
                    new
                }
            };
        }
        at
    }

    fn enter(&mut self, path: &Path, node: Node) {
        let (folder, name) = self.place(path);
        self.folders[folder].now.insert(name, node);
    }

    fn leave(&mut self, path: &Path) -> Node {
        let (folder, name) = self.place(path);
        self.folders[folder].now.remove(&name).unwrap()
    }

    /// Writes into `to` what the crash leaves.
    pub fn crash(&self, crash: Crash, to: &Path) {
        let mut random = match crash {
            Crash::SomeUnflushed(seed) => seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            Crash::Killed | Crash::NothingUnflushed => 0,
        };
        self.write(0, crash, &mut random, to);
    }

    fn write(&self, folder: usize, crash: Crash, random: &mut u64, to: &Path) {
        let Folder { now, on_disk } = &self.folders[folder];
        let names: BTreeSet<_> = now.keys().chain(on_disk.keys()).collect();
        for name in names {
            let stays = match crash {
                Crash::Killed => true,
                Crash::NothingUnflushed => false,
                Crash::SomeUnflushed(_) => next(random).is_multiple_of(2),
            };
            let Some(node) = (if stays { now } else { on_disk }).get(name) else { continue };
            let path = to.join(name);
            match node {
                Node::Folder(folder) => {
                    fs::create_dir(&path).unwrap();
                    self.write(*folder, crash, random, &path);
                }
                Node::File(number) => fs::write(&path, self.content(*number, crash, random)).unwrap(),
            }
        }
    }

    fn content(&self, file: usize, crash: Crash, random: &mut u64) -> &[u8] {
        let (now, on_disk) = &self.files[&file];
        match crash {
            Crash::Killed => now,
            Crash::NothingUnflushed => on_disk,
            Crash::SomeUnflushed(_) => &now[..on_disk.len() + next(random) as usize % (now.len() - on_disk.len() + 1)],
        }
    }
}

/// Numbers without pattern (xorshift), the same for the same seed.
fn next(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random >> 8
}
