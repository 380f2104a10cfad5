//! The folder of one task, wiped when it is dropped.

use std::{
    fs::{self, DirBuilder, Permissions},
    io, mem,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use sluis_executor::{Ended, Folders};
use sluis_model::Gpu;

use crate::{WorkError, gpus};

/// The file in a task's folder that takes what the command prints.
pub(crate) const LOG: &str = "log";
/// The file that says which task it is.
pub(crate) const NOTE: &str = "task";
/// The file that says which GPUs its command uses, if it uses any.
pub(crate) const GPUS: &str = "gpus";
/// The file that says how its command ended, if it ended well.
const ENDED: &str = "ended";

/// A task's folder in memory.
#[derive(Debug)]
pub(crate) struct TaskFolder {
    root: PathBuf,
    pub folders: Folders,
}

impl TaskFolder {
    /// Makes the folder of a task of which this is noted, and which uses these GPUs.
    pub fn make(root: PathBuf, note: &str, gpus: &[Gpu]) -> Result<Self, WorkError> {
        // If it is there already it is another task's, and not ours to wipe.
        DirBuilder::new().mode(0o755).create(&root).map_err(WorkError::scratch(&root, "made"))?;
        // From here on the folder is wiped whatever happens.
        let folder = Self::at(root);
        folder.folders.roots().into_iter().try_for_each(|(_, path)| make_folder(path))?;
        if !gpus.is_empty() {
            let path = folder.root.join(GPUS);
            fs::write(&path, gpus::note(gpus)).map_err(WorkError::scratch(&path, "written"))?;
        }
        let path = folder.root.join(NOTE);
        fs::write(&path, note).map_err(WorkError::scratch(&path, "written"))?;
        Ok(folder)
    }

    /// The folder that a dead engine made.
    pub fn left(root: PathBuf) -> Self {
        Self::at(root)
    }

    fn at(root: PathBuf) -> Self {
        let at = |name| root.join(name);
        let folders = Folders { work: at("work"), temporary: at("tmp"), inputs: at("in"), elsewhere: at("elsewhere") };
        Self { root, folders }
    }

    /// Notes that the command uses its GPUs no more.
    pub fn give_back_gpus(&self) -> Result<(), WorkError> {
        let path = self.root.join(GPUS);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(WorkError::scratch(&path, "removed")(error)),
            _ => Ok(()),
        }
    }

    /// Notes that the command has ended well, so that another engine need only collect what it made.
    pub fn note_end(&self, ended: &Ended) -> Result<(), WorkError> {
        let path = self.root.join(ENDED);
        let failed = WorkError::scratch(&path, "written");
        let text = serde_json::to_vec(ended).map_err(io::Error::from);
        text.and_then(|text| fs::write(&path, text)).map_err(failed)
    }

    /// How the command ended, if that was noted.
    pub fn end(&self) -> Option<Ended> {
        serde_json::from_slice(&fs::read(self.root.join(ENDED)).ok()?).ok()
    }

    pub fn log(&self) -> PathBuf {
        self.root.join(LOG)
    }

    /// Leaves it as it is.
    pub fn leave(self) {
        mem::forget(self);
    }

    /// Wipes the folder and says whether it is gone.
    pub fn wipe(self) -> Result<(), WorkError> {
        wipe(&self.root).map_err(WorkError::scratch(&self.root, "wiped"))
    }
}

impl Drop for TaskFolder {
    fn drop(&mut self) {
        // What cannot be removed here is in this engine's folder, which is wiped again when the engine ends.
        let _ = wipe(&self.root);
    }
}

/// Makes a folder, and those above it that are missing, so that the command's user can look into it whatever mask the
/// engine was started with.
pub(crate) fn make_folder(path: &Path) -> Result<(), WorkError> {
    let mut made = fs::create_dir(path);
    if made.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        && let Some(parent) = path.parent()
    {
        make_folder(parent)?;
        made = fs::create_dir(path);
    }
    match made.and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o755))) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome.map_err(WorkError::scratch(path, "made")),
    }
}

/// Removes a folder with everything in it; folders that the task made unwritable are made writable first.
pub(crate) fn wipe(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            make_writable(folder)?;
            fs::remove_dir_all(folder)
        }
        outcome => outcome,
    }
}

fn make_writable(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            make_writable(&entry.path())?;
        }
    }
    Ok(())
}
