//! Carrying out what several threads want to put, with as few flushes as that takes.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
};

use super::{Directory, DirectoryUpload, make_unflushed_folders};
use crate::{
    StoreError,
    backend::{Mode, Put},
};

/// From so many files or folders on, one flush of the whole file system costs less than one of each.
const MANY: usize = 16;

/// The bytes of a file for which the wait is for the disk's journal, not for the content. What lies in memory of a longer
/// one may be read soon, and stays there.
const SHORT: u64 = 1 << 20;

/// A file that is written and waits for its name.
#[derive(Debug)]
pub(super) struct Pending {
    pub upload: DirectoryUpload,
    pub to: PathBuf,
    pub mode: Mode,
}

/// What one thread wants to put.
#[derive(Debug)]
pub(super) struct Request {
    pub stages: Vec<Vec<Pending>>,
}

type Outcome = Result<Vec<Vec<Put>>, StoreError>;

impl Directory {
    /// Puts what all requests want, stage by stage. An error is that of its request alone, unless it concerns a folder
    /// that several share.
    pub(super) fn carry_out(&self, requests: &[Request]) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = requests.iter().map(|_| Ok(Vec::new())).collect();
        self.flush_contents(requests, &mut outcomes);
        let stages = requests.iter().map(|request| request.stages.len()).max().unwrap_or(0);
        for stage in 0..stages {
            let mut touched = Vec::with_capacity(requests.len());
            for (request, outcome) in requests.iter().zip(&mut outcomes) {
                let mut folders = BTreeSet::new();
                if let (Ok(puts), Some(pending)) = (outcome.as_mut(), request.stages.get(stage)) {
                    match pending.iter().map(|one| self.name(one, &mut folders)).collect() {
                        Ok(named) => puts.push(named),
                        Err(error) => *outcome = Err(error),
                    }
                }
                touched.push(folders);
            }
            self.flush_names(&touched, &mut outcomes);
        }
        outcomes
    }

    fn flush_contents(&self, requests: &[Request], outcomes: &mut [Outcome]) {
        let files: usize = requests.iter().flat_map(|request| &request.stages).map(Vec::len).sum();
        if files >= MANY && self.flush_everything(outcomes) {
            return;
        }
        let all = requests.iter().flat_map(|request| request.stages.iter().flatten());
        all.filter(|one| one.upload.written <= SHORT).for_each(|one| one.upload.file().begin_sync());
        for (request, outcome) in requests.iter().zip(outcomes) {
            let flush =
                |one: &Pending| one.upload.file().sync().map_err(StoreError::io(&one.to, "flushed to the disk"));
            if let Err(error) = request.stages.iter().flatten().try_for_each(flush) {
                *outcome = Err(error);
            }
        }
    }

    /// One flush for all; if it fails, all fail. `false` if the file system cannot do that.
    fn flush_everything(&self, outcomes: &mut [Outcome]) -> bool {
        let Err(error) = self.disk.sync_everything(&self.root) else { return true };
        if is_unsupported(&error) {
            return false;
        }
        for outcome in outcomes {
            *outcome = Err(self.unflushed(&self.root, &error));
        }
        true
    }

    /// An error for each of several requests: an error cannot be copied.
    fn unflushed(&self, folder: &Path, error: &io::Error) -> StoreError {
        StoreError::io(folder, "flushed to the disk")(io::Error::new(error.kind(), error.to_string()))
    }

    /// Gives a file its name; notes the folders that have to be flushed for it.
    fn name(&self, pending: &Pending, folders: &mut BTreeSet<PathBuf>) -> Result<Put, StoreError> {
        let Pending { upload, to, mode } = pending;
        self.note_folders(to, folders);
        let mut named = self.give_name(&upload.path, to, *mode);
        // A folder that is empty may vanish again before it is used: those of objects that are deleted meanwhile do.
        for _ in 0..10 {
            let is_missing = named.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
            let Some(folder) = to.parent().filter(|_| is_missing) else { break };
            // They are among the folders that are flushed afterwards.
            make_unflushed_folders(&*self.disk, folder, &|_| Ok(()))?;
            named = self.give_name(&upload.path, to, *mode);
        }
        named.map_err(StoreError::io(to, "put in place"))
    }

    fn give_name(&self, from: &Path, to: &Path, mode: Mode) -> io::Result<Put> {
        let named = match mode {
            Mode::Replace => self.disk.rename(from, to),
            Mode::Create => self.disk.rename_new(from, to),
        };
        match named {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Put::Existing),
            outcome => outcome.map(|()| Put::Written),
        }
    }

    /// The folder in which a name appears, and those above it that may be new.
    fn note_folders(&self, path: &Path, folders: &mut BTreeSet<PathBuf>) {
        let known = self.known_durable();
        let mut at = path.parent();
        while let Some(folder) = at {
            folders.insert(folder.to_owned());
            if folder == self.root || known.contains(folder) {
                break;
            }
            at = folder.parent();
        }
    }

    fn flush_names(&self, touched: &[BTreeSet<PathBuf>], outcomes: &mut [Outcome]) {
        let all: BTreeSet<PathBuf> = touched.iter().flatten().cloned().collect();
        if all.len() >= MANY && self.flush_everything(outcomes) {
            if outcomes.iter().all(Result::is_ok) {
                self.remember(&all);
            }
            return;
        }
        // Each once: an error is told only once by the system.
        let mut failed = BTreeMap::new();
        for folder in &all {
            if let Err(error) = self.disk.sync_folder(folder) {
                failed.insert(folder, error);
            }
        }
        for (folders, outcome) in touched.iter().zip(outcomes) {
            if let Some((folder, error)) = failed.iter().find(|(folder, _)| folders.contains(**folder)) {
                *outcome = Err(self.unflushed(folder, error));
            }
        }
        if failed.is_empty() {
            self.remember(&all);
        }
    }

    /// Flushes everything that can be seen, `path` at least.
    pub(super) fn flush_as_seen(&self, path: &Path) -> Result<(), StoreError> {
        match self.disk.sync_everything(&self.root) {
            Err(error) if is_unsupported(&error) => {
                let mut folders = BTreeSet::new();
                self.note_folders(path, &mut folders);
                self.sync_folders(&folders)
            }
            outcome => outcome.map_err(StoreError::io(&self.root, "flushed to the disk")),
        }
    }

    /// Flushes the names in some folders; those that are gone need it no more.
    pub(super) fn sync_folders(&self, folders: &BTreeSet<PathBuf>) -> Result<(), StoreError> {
        if folders.len() >= MANY {
            match self.disk.sync_everything(&self.root) {
                Err(error) if is_unsupported(&error) => {}
                outcome => return outcome.map_err(StoreError::io(&self.root, "flushed to the disk")),
            }
        }
        folders.iter().try_for_each(|folder| match self.disk.sync_folder(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome.map_err(StoreError::io(folder, "flushed to the disk")),
        })
    }

    /// Remembers the folders that objects share: there are few of them, and they are never removed.
    fn remember(&self, flushed: &BTreeSet<PathBuf>) {
        let is_shared = |folder: &&PathBuf| {
            folder.strip_prefix(&self.root).is_ok_and(|below| (1..=2).contains(&below.components().count()))
                && folder.parent().is_some_and(|parent| flushed.contains(parent))
        };
        let shared: Vec<_> = flushed.iter().filter(is_shared).cloned().collect();
        self.known_durable().extend(shared);
    }
}

fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput)
}
