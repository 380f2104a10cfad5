//! The calls to the file system by which a directory store writes, behind a trait: tests record them, cut the record at
//! any point, and let them fail.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rustix::{
    fs::{Advice, CWD, RenameFlags},
    io::Errno,
};

/// A file that is being written.
pub trait DiskFile: Write + Send + fmt::Debug {
    /// Begins to bring its content to the disk, without waiting and without a promise: of several files that are flushed
    /// one after the other, the first then has to wait, and the others hardly.
    fn begin_sync(&self) {}

    /// Returns when its content is on the disk.
    ///
    /// # Errors
    /// If it cannot be flushed: nothing can then be said of the content.
    fn sync(&self) -> io::Result<()>;
}

/// Everything that writes. Names may be lost in a power loss until the folder in which they stand is flushed, content
/// until the file is.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes a file that must not be there yet, for its owner alone.
    ///
    /// # Errors
    /// Those of the file system.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Makes a folder in one that is there.
    ///
    /// # Errors
    /// Those of the file system.
    fn make_folder(&self, path: &Path) -> io::Result<()>;

    /// Gives a file a new name; whatever has that name is replaced at once.
    ///
    /// # Errors
    /// Those of the file system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file a new name, which must be free.
    ///
    /// # Errors
    /// Those of the file system.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Those of the file system.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes a folder that is empty.
    ///
    /// # Errors
    /// Those of the file system.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;

    /// Returns when the names in a folder are on the disk.
    ///
    /// # Errors
    /// Those of the file system.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Returns when everything written so far on the file system of `path` is on the disk, contents and names.
    ///
    /// # Errors
    /// Those of the file system.
    fn sync_everything(&self, path: &Path) -> io::Result<()>;
}

/// The file system of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsDisk;

impl DiskFile for File {
    fn begin_sync(&self) {
        // What is not needed in memory any more the system begins to write; what is not written yet stays in memory.
        let _ = rustix::fs::fadvise(self, 0, None, Advice::DontNeed);
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

impl Disk for OsDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?))
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // Not every file system knows how to, network file systems least of all.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                fs::hard_link(from, to)?;
                fs::remove_file(from)
            }
            outcome => Ok(outcome?),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn sync_everything(&self, path: &Path) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(path)?)?)
    }
}
