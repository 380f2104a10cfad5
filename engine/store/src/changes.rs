//! Telling at little cost which task entries changed since they were last looked at.

use std::{
    fs, io,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sluis_model::TaskKey;

use crate::{Store, StoreError, layout};

/// Times of files are coarse: two changes within this long may look like one.
const SETTLED: Duration = Duration::from_secs(2);

/// Something in the store with what tells its states apart: while the stamp is the same, so is the thing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamped<T> {
    /// What it is.
    pub name: T,
    /// Its state; `None` if it changed so recently that a further change might not show, or if that cannot be told.
    pub stamp: Option<String>,
}

impl Store {
    /// The folders over which the task entries are spread, by name. A folder's stamp changes when an entry appears in it,
    /// goes, or is replaced. A store whose backend has no folders has one without a name.
    ///
    /// # Errors
    /// If they cannot be looked at.
    pub fn task_folders(&self) -> Result<Vec<Stamped<String>>, StoreError> {
        // Asked first: what changes from here on is not settled.
        let now = SystemTime::now();
        let Some(folders) = self.backend.folders(layout::TASKS)? else {
            return Ok(vec![Stamped { name: String::new(), stamp: None }]);
        };
        let stamped = |(name, modified)| Stamped { name, stamp: stamp(0, modified, now) };
        Ok(folders.into_iter().map(stamped).collect())
    }

    /// The keys of the task entries in one of [`Store::task_folders`]. An entry's stamp changes when it is replaced.
    ///
    /// # Errors
    /// If they cannot be listed. A folder that is gone is empty.
    pub fn task_entries(&self, folder: &str) -> Result<Vec<Stamped<TaskKey>>, StoreError> {
        let now = SystemTime::now();
        let prefix = if folder.is_empty() { layout::TASKS.to_owned() } else { format!("{}{folder}/", layout::TASKS) };
        let entry = |listed: crate::Listed| {
            let name = layout::key_of_task(&listed.name)?;
            Some(Stamped { name, stamp: stamp(listed.size, listed.modified, now) })
        };
        self.backend.list(&prefix)?.filter_map(|listed| listed.map(entry).transpose()).collect()
    }
}

/// What tells the states of a file apart, as in [`Stamped`].
///
/// # Errors
/// If the file cannot be looked at.
pub fn stamp_of(path: &Path) -> io::Result<Option<String>> {
    let now = SystemTime::now();
    let facts = fs::metadata(path)?;
    Ok(stamp(facts.len(), facts.modified()?, now))
}

fn stamp(size: u64, modified: SystemTime, now: SystemTime) -> Option<String> {
    let since = modified.duration_since(UNIX_EPOCH).ok()?;
    (modified + SETTLED < now).then(|| format!("{size} {}.{:09}", since.as_secs(), since.subsec_nanos()))
}
