//! As whom a command runs, and giving it the folders it may write to.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, lchown},
    path::Path,
};

use sluis_executor::ExecutorError;

/// The user and group of a command when the engine itself is root: nobody in particular, and not root.
const UNPRIVILEGED: u32 = 65_532;

/// The owner's right to write, in a file's mode.
const OWNER_WRITES: u32 = 0o200;

/// As whom a command runs.
#[derive(Clone, Copy)]
pub(crate) struct User {
    uid: u32,
    gid: u32,
    is_engine: bool,
}

impl User {
    /// The engine's own user and group; [`UNPRIVILEGED`] for each of them that is root's.
    pub fn of_commands() -> Self {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        if uid == 0 {
            return Self { uid: UNPRIVILEGED, gid: UNPRIVILEGED, is_engine: false };
        }
        Self { uid, gid: if gid == 0 { UNPRIVILEGED } else { gid }, is_engine: true }
    }

    /// As the daemon wants it.
    pub fn to_text(self) -> String {
        format!("{}:{}", self.uid, self.gid)
    }

    /// Gives a file, or a folder with what is in it, to the user, but for files that nobody may write to.
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
