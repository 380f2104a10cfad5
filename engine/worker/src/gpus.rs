//! Which GPUs the engines of this user have, so that no two of them hand out the same.
//!
//! An engine that lives holds a lock for each GPU that its tasks use. The folder of a task says which it uses for as long
//! as its command may run: what a killed engine left running keeps its GPUs until it is gone on with or cleared away.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use sluis_model::{Gpu, RunId, TaskKey};

use crate::{Scratch, WorkError, left::note_of, scratch::Relation, task_folder::GPUS};

/// A GPU that this engine may hand out; it is anybody's again when this is dropped.
#[derive(Debug)]
pub struct GpuLease {
    _lock: File,
}

impl Scratch {
    /// Takes a GPU for this engine; `None` if another engine of this user has it.
    ///
    /// # Errors
    /// If that cannot be found out.
    pub fn lease_gpu(&self, gpu: &Gpu) -> Result<Option<GpuLease>, WorkError> {
        let path = self.root().join(format!("{}.lock", gpu.uuid));
        let lock = File::create(&path).map_err(WorkError::scratch(&path, "made"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(GpuLease { _lock: lock })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(WorkError::scratch(&path, "locked")(error)),
        }
    }

    /// The identifiers of the GPUs that commands of other engines use or may still use, those of dead engines included.
    ///
    /// # Errors
    /// If that cannot be found out.
    pub fn gpus_of_others(&self) -> Result<Vec<String>, WorkError> {
        let mut used = Vec::new();
        let unreadable = || WorkError::scratch(self.root(), "read");
        for entry in fs::read_dir(self.root()).map_err(unreadable())? {
            let engine = entry.map_err(unreadable())?.file_name().to_string_lossy().into_owned();
            if engine == self.engine_id() || self.relation_of(&engine) != Relation::Ours {
                continue;
            }
            for (run, task) in self.tasks_of(&engine) {
                used.extend(noted(&self.folder_of(&engine).join(format!("{run}-{task}")))?);
            }
        }
        Ok(used)
    }

    /// The identifiers of the GPUs that a command uses which a dead engine left running, and with which whoever runs the
    /// task with this key goes on.
    ///
    /// # Errors
    /// If that cannot be found out.
    pub fn gpus_left(&self, run: &RunId, key: &TaskKey, executor: &str) -> Result<Vec<String>, WorkError> {
        let folders = self.left_folders(run, &note_of(key, executor));
        folders.iter().try_fold(Vec::new(), |mut left, folder| {
            left.extend(noted(folder)?);
            Ok(left)
        })
    }
}

/// What a task's folder says of the GPUs that its command uses.
fn noted(folder: &Path) -> Result<Vec<String>, WorkError> {
    let path = folder.join(GPUS);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(WorkError::scratch(&path, "read")(error)),
    }
}

/// The text in which a task's folder says which GPUs its command uses.
pub(crate) fn note(gpus: &[Gpu]) -> String {
    gpus.iter().map(|gpu| format!("{}\n", gpu.uuid)).collect()
}
