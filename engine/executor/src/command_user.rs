//! As whom a command in a container runs, and giving it the folders it may write to.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, lchown},
    path::Path,
};

use crate::ExecutorError;

/// The user and group of a command when the engine itself is root: nobody in particular, and not root.
const UNPRIVILEGED: u32 = 65_532;

/// The owner's right to write, in a file's mode.
const OWNER_WRITES: u32 = 0o200;

/// As whom a command in a container runs: the engine's user, or nobody in particular if that is root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CommandUser {
    uid: u32,
    gid: u32,
    is_engine: bool,
}

impl CommandUser {
    /// The engine's own user and group; 65532 for each of them that is root's.
    pub fn of_commands() -> Self {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        if uid == 0 {
            return Self { uid: UNPRIVILEGED, gid: UNPRIVILEGED, is_engine: false };
        }
        Self { uid, gid: if gid == 0 { UNPRIVILEGED } else { gid }, is_engine: true }
    }

    /// The number of the user.
    pub const fn uid(self) -> u32 {
        self.uid
    }

    /// The number of the group.
    pub const fn gid(self) -> u32 {
        self.gid
    }

    /// Whether it is the engine's own user.
    pub const fn is_engine(self) -> bool {
        self.is_engine
    }

    /// Gives a file, or a folder with what is in it, to the user, but for files that nobody may write to.
    ///
    /// # Errors
    /// The file or folder that cannot be given away.
    pub fn hand_over(self, folder: &Path) -> Result<(), ExecutorError> {
        if self.is_engine {
            return Ok(());
        }
        self.take(folder).map_err(ExecutorError::file(folder, "given to the container's user"))
    }

    fn take(self, path: &Path) -> io::Result<()> {
        let facts = fs::symlink_metadata(path)?;
        if facts.is_dir() || facts.is_symlink() || facts.mode() & OWNER_WRITES != 0 {
            lchown(path, Some(self.uid), Some(self.gid))?;
        }
        if facts.is_dir() {
            for entry in fs::read_dir(path)? {
                self.take(&entry?.path())?;
            }
        }
        Ok(())
    }
}
