//! How an engine that is root shows its folders to a command's user.
//!
//! The engine's scratch folder and the images are closed to other users, and `bwrap` runs as the command's. So it is
//! started by a thread with a mount namespace of its own, in which just what the command needs is mounted again at a
//! place that its user can reach. Nothing of that is seen outside of the thread and its children, and it is gone with
//! them. An engine that is not root runs commands as its own user, who can reach everything.

use std::{
    fs::{self, File},
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use nix::sched::{CloneFlags, unshare};
use rustix::{
    fs::CWD,
    mount::{
        MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount, mount_change, move_mount, open_tree,
    },
};

/// Where it is mounted; `bwrap` itself mounts its own there later, for the same reason: it is there everywhere.
const PLACE: &str = "/tmp";

/// What is mounted again, and where it is then found.
#[derive(Default)]
pub(crate) struct PrivateMounts {
    is_needed: bool,
    sources: Vec<PathBuf>,
}

impl PrivateMounts {
    /// None, where paths stay as they are; or as many as are asked for.
    pub fn new(is_needed: bool) -> Self {
        Self { is_needed, sources: Vec::new() }
    }

    /// Where `bwrap` finds this file or folder.
    pub fn reach(&mut self, source: &Path) -> PathBuf {
        if !self.is_needed {
            return source.to_owned();
        }
        let known = self.sources.iter().position(|known| known == source);
        let number = known.unwrap_or_else(|| {
            self.sources.push(source.to_owned());
            self.sources.len() - 1
        });
        Path::new(PLACE).join(number.to_string())
    }

    /// Moves this thread into a mount namespace of its own and mounts everything there. Only a thread that starts
    /// something and ends may do so.
    pub fn enter(&self) -> io::Result<()> {
        if !self.is_needed {
            return Ok(());
        }
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        // With what is mounted below it.
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
        let open = |source: &PathBuf| -> io::Result<(OwnedFd, bool)> {
            let tree = open_tree(CWD, source, flags)?;
            Ok((tree, fs::metadata(source)?.is_dir()))
        };
        // Opened before they may be hidden by what is mounted next.
        let trees = self.sources.iter().map(open).collect::<io::Result<Vec<_>>>()?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        mount("sluis", PLACE, "tmpfs", flags, c"mode=0755,size=64k")?;
        for (number, (tree, is_folder)) in trees.iter().enumerate() {
            let target = Path::new(PLACE).join(number.to_string());
            if *is_folder {
                fs::create_dir(&target)?;
            } else {
                File::create(&target)?;
            }
            move_mount(tree, "", CWD, &target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
        }
        Ok(())
    }
}
