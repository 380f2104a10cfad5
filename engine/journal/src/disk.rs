//! The calls by which a journal writes, behind a trait: tests let them fail.

use std::{fmt, fs::File, io, os::unix::fs::FileExt};

/// What brings a journal's records to the disk.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Writes all of it at a place of the file.
    ///
    /// # Errors
    /// Those of the file system. Some of it may be written then.
    fn write(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Returns when everything that was written to the file is on the disk.
    ///
    /// # Errors
    /// Those of the file system: nothing can then be said of what was not on the disk before.
    fn flush(&self, file: &File) -> io::Result<()>;
}

/// The file system of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    fn write(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        file.write_all_at(bytes, at)
    }

    fn flush(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}
