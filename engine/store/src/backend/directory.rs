//! A local directory as a backend.

use std::{
    any::Any,
    collections::BTreeSet,
    fs::{self, File, Metadata},
    io::{self, Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use sluis_crypt4gh::PieceWriter;

use crate::{
    StoreError,
    backend::{
        Backend, Content, Listed, Listing, Name, NewBlob, OpenBlob, Put, SMALL, Upload,
        disk::{Disk, DiskFile, OsDisk},
        foreign_upload,
        group::Group,
    },
};

mod batch;
mod flushed;
mod listing;
mod writer;

use batch::{Pending, Request};
use flushed::Flushed;
use writer::Writer;

/// A blob that was freshened within this time counts as fresh: each use of an object would otherwise write.
const FRESH: Duration = Duration::from_secs(60);

/// After so many bytes an upload is flushed to the disk, so that its end is not kept waiting for all of it, nor others
/// who flush.
const FLUSHED_EVERY: u64 = 256 << 20;

/// Blobs as files below a folder.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    disk: Arc<dyn Disk>,
    writer: Writer,
    group: Group<Request, Result<Vec<Vec<Put>>, StoreError>>,
    /// Folders right below the root's folders whose names are known to be on the disk.
    durable: Mutex<BTreeSet<PathBuf>>,
    flushed: Flushed,
}

impl Directory {
    /// Opens a folder, which is made if it is missing.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        Self::on(root, Arc::new(OsDisk))
    }

    /// As [`Directory::open`], with writes that go through `disk`.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn on(root: &Path, disk: Arc<dyn Disk>) -> Result<Self, StoreError> {
        let unfinished = root.join(writer::UNFINISHED);
        for folder in [root, &unfinished] {
            make_folders(&*disk, folder)?;
        }
        let writer = Writer::begin(&unfinished)?;
        let (group, durable, flushed) = (Group::default(), Mutex::default(), Flushed::default());
        Ok(Self { root: root.to_owned(), disk, writer, group, durable, flushed })
    }

    fn path(&self, name: &Name) -> PathBuf {
        self.root.join(name.as_str())
    }

    /// Writes a blob's content to a file without a name of its own yet.
    fn prepare(&self, blob: NewBlob) -> Result<Pending, StoreError> {
        let to = self.path(&blob.name);
        let failed = |error| StoreError::io(&to, "written")(error);
        let mut upload: DirectoryUpload = match blob.content {
            Content::Upload(upload) => *upload.into_any().downcast().map_err(|_| failed(foreign_upload()))?,
            Content::Bytes(bytes) => {
                let mut upload = self.upload()?;
                upload.write_all(&bytes).map_err(failed)?;
                upload
            }
        };
        upload.flush().map_err(failed)?;
        Ok(Pending { upload, to, mode: blob.mode })
    }

    fn upload(&self) -> Result<DirectoryUpload, StoreError> {
        let path = self.writer.next_path();
        let file = self.disk.create(&path).map_err(StoreError::io(&path, "made"))?;
        let pieces = PieceWriter::new(Steady { file, unflushed: 0 });
        Ok(DirectoryUpload { pieces, path, disk: Arc::clone(&self.disk), written: 0 })
    }
}

impl Backend for Directory {
    fn place(&self) -> String {
        self.root.display().to_string()
    }

    fn put(&self, stages: Vec<Vec<NewBlob>>) -> Result<Vec<Vec<Put>>, StoreError> {
        let prepare = |stage: Vec<NewBlob>| stage.into_iter().map(|blob| self.prepare(blob)).collect();
        let stages = stages.into_iter().map(prepare).collect::<Result<Vec<Vec<Pending>>, _>>()?;
        self.group.submit(Request { stages }, Ok(Vec::new()), |requests| self.carry_out(&requests))
    }

    fn begin(&self, _name: &Name) -> Result<Box<dyn Upload>, StoreError> {
        Ok(Box::new(self.upload()?))
    }

    fn read(&self, name: &Name) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(name);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(SMALL + 1).read_to_end(&mut bytes));
        let count = unless_missing(read).map_err(StoreError::io(&path, "read"))?;
        if bytes.len() as u64 > SMALL {
            return Err(StoreError::Damaged(path.display().to_string()));
        }
        Ok(count.map(|_| bytes))
    }

    fn open(&self, name: &Name) -> Result<Option<Box<dyn OpenBlob>>, StoreError> {
        let path = self.path(name);
        let file = unless_missing(File::open(&path)).map_err(StoreError::io(&path, "opened"))?;
        Ok(file.map(|file| Box::new(file) as Box<dyn OpenBlob>))
    }

    fn look(&self, name: &Name) -> Result<Option<Listed>, StoreError> {
        let path = self.path(name);
        let facts = unless_missing(fs::metadata(&path).and_then(|facts| Ok((facts.len(), facts.modified()?))));
        let facts = facts.map_err(StoreError::io(&path, "looked at"))?;
        Ok(facts.map(|(size, modified)| Listed { name: name.clone(), size, modified }))
    }

    fn freshen(&self, name: &Name) -> Result<bool, StoreError> {
        let path = self.path(name);
        let freshened = fs::metadata(&path).and_then(|facts| make_young(&path, &facts));
        Ok(unless_missing(freshened).map_err(StoreError::io(&path, "freshened"))?.is_some())
    }

    fn confirm(&self, name: &Name) -> Result<bool, StoreError> {
        let path = self.path(name);
        let facts = unless_missing(fs::metadata(&path)).map_err(StoreError::io(&path, "looked at"))?;
        match facts {
            Some(facts) => self.flushed.confirm(facts.ctime(), || self.flush_as_seen(&path)).map(|()| true),
            None => Ok(false),
        }
    }

    fn keep(&self, name: &Name) -> Result<bool, StoreError> {
        let path = self.path(name);
        let facts = unless_missing(fs::metadata(&path)).map_err(StoreError::io(&path, "looked at"))?;
        let Some(facts) = facts else { return Ok(false) };
        self.flushed.confirm(facts.ctime(), || self.flush_as_seen(&path))?;
        Ok(unless_missing(make_young(&path, &facts)).map_err(StoreError::io(&path, "freshened"))?.is_some())
    }

    fn delete(&self, names: &[Name]) -> Result<(), StoreError> {
        let mut folders = BTreeSet::new();
        for name in names {
            let path = self.path(name);
            unless_missing(self.disk.remove(&path)).map_err(StoreError::io(&path, "removed"))?;
            folders.extend(path.parent().map(Path::to_owned));
        }
        self.sync_folders(&folders)?;
        for folder in folders {
            self.remove_if_empty(&folder);
        }
        Ok(())
    }

    fn list(&self, prefix: &str) -> Result<Listing<'_>, StoreError> {
        listing::list(&self.root, prefix)
    }

    fn folders(&self, prefix: &str) -> Result<Option<Vec<(String, SystemTime)>>, StoreError> {
        listing::folders(&self.root.join(prefix)).map(Some)
    }

    fn sweep_unfinished(&self) -> Result<(), StoreError> {
        self.writer.sweep()
    }
}

/// Gives a file the present time, unless it is young by these facts of it.
fn make_young(path: &Path, facts: &Metadata) -> io::Result<()> {
    let age = SystemTime::now().duration_since(facts.modified()?);
    if age.is_ok_and(|age| age < FRESH) {
        Ok(())
    } else {
        File::options().append(true).open(path)?.set_modified(SystemTime::now())
    }
}

/// `None` for what is not there.
fn unless_missing<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        // A file where a folder should be is no blob either.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes a folder and those above it that are missing, and flushes the ones in which they appear.
fn make_folders(disk: &dyn Disk, folder: &Path) -> Result<(), StoreError> {
    make_unflushed_folders(disk, folder, &|parent| {
        disk.sync_folder(parent).map_err(StoreError::io(parent, "flushed to the disk"))
    })
}

/// Makes a folder and those above it that are missing; `made` is told in which folders they appear.
fn make_unflushed_folders(
    disk: &dyn Disk,
    folder: &Path,
    made: &dyn Fn(&Path) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let failed = |error| StoreError::io(folder, "made")(error);
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    match disk.make_folder(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(parent) = parent {
                make_unflushed_folders(disk, parent, made)?;
            }
            disk.make_folder(folder).or_else(ignore_existing).map_err(failed)?;
        }
        outcome => outcome.or_else(ignore_existing).map_err(failed)?,
    }
    made(parent.unwrap_or(Path::new(".")))
}

fn ignore_existing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
}

impl Directory {
    /// An empty folder of an object that is gone; another writer that needs it makes it again.
    fn remove_if_empty(&self, folder: &Path) {
        let depth = folder.strip_prefix(&self.root).map_or(0, |below| below.components().count());
        if depth > 2 {
            // That it stays is no harm.
            let _ = self.disk.remove_folder(folder);
        }
    }

    fn known_durable(&self) -> std::sync::MutexGuard<'_, BTreeSet<PathBuf>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file that is brought to the disk while it is written.
#[derive(Debug)]
struct Steady {
    file: Box<dyn DiskFile>,
    unflushed: u64,
}

impl Write for Steady {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.unflushed >= FLUSHED_EVERY {
            self.file.sync()?;
            self.unflushed = 0;
        }
        let count = self.file.write(bytes)?;
        self.unflushed += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file in the writer's folder.
#[derive(Debug)]
struct DirectoryUpload {
    pieces: PieceWriter<Steady>,
    path: PathBuf,
    disk: Arc<dyn Disk>,
    written: u64,
}

impl DirectoryUpload {
    /// The file, which has all that was written once that is flushed.
    fn file(&self) -> &dyn DiskFile {
        &*self.pieces.get_ref().file
    }
}

impl Write for DirectoryUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.pieces.write(bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pieces.flush()
    }
}

impl Upload for DirectoryUpload {
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

impl Drop for DirectoryUpload {
    fn drop(&mut self) {
        // After a rename there is nothing here any more; otherwise the sweep takes away what this does not.
        let _ = self.disk.remove(&self.path);
    }
}
