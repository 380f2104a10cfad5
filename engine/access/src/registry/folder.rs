//! The registry's folder, read again whenever a file in it changed, and the last state of it that was valid.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{Timestamp, civil::Date};
use sluis_model::{DatasetName, SubjectName};
use sluis_yaml::Diagnostics;

use super::{Consent, DATASETS, FILES, Registry, WITHDRAWALS, datasets, digest, entries, history, withdrawals};
use crate::AccessError;

/// The registry by which is decided.
#[derive(Clone, Debug)]
pub struct RegistryInForce {
    /// What it declares.
    pub registry: Arc<Registry>,
    /// What is wrong with the files as they are now. Then the registry is the last one that was valid.
    pub problems: Option<Arc<Diagnostics>>,
    /// The BLAKE3 hash of the files as they are now, if they are not valid.
    pub refused: Option<String>,
    /// Whose consents the files take back that still hold, since the files are not valid: a dataset's, or a subject's
    /// of a dataset.
    pub not_yet_withdrawn: Vec<String>,
}

/// The folder of the registry's files, beside that of the states that were in force.
#[derive(Debug)]
pub(crate) struct RegistryFolder {
    folder: PathBuf,
    history: PathBuf,
    last: Mutex<Option<(Stamp, RegistryInForce)>>,
}

/// Times of files are coarse: two changes within this many seconds may look like one.
const SETTLED: i64 = 2;

/// What tells one state of the files from another.
type Stamp = Vec<Option<FileStamp>>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct FileStamp {
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    changed: (i64, i64),
    modified: (i64, i64),
}

impl RegistryFolder {
    pub(crate) fn new(site: &Path) -> Self {
        Self { folder: site.join("registry"), history: site.join(history::FOLDER), last: Mutex::default() }
    }

    /// The registry as its files say now; if they are not valid, as they said when they last were.
    pub(crate) fn current(&self) -> Result<RegistryInForce, AccessError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = Timestamp::now().as_second();
            let stamp = self.stamp()?;
            if let Some((known, in_force)) = &*last
                && *known == stamp
            {
                return Ok(in_force.clone());
            }
            *last = None;
            let read = Registry::read(&self.folder).and_then(|read| self.with_what_was_withdrawn(read));
            let read = read.map_err(|problems| (problems, digest_of(&self.folder)));
            if self.stamp()? != stamp {
                // It was changed while it was read: what was read may be half old and half new.
                continue;
            }
            let in_force = match read {
                Ok((registry, files)) => {
                    history::keep(&self.history, &registry.digest, &files)?;
                    let registry = Arc::new(registry);
                    RegistryInForce { registry, problems: None, refused: None, not_yet_withdrawn: Vec::new() }
                }
                Err((problems, digest)) => self.last_valid(problems, digest)?,
            };
            let is_settled = |facts: &FileStamp| facts.changed.0.max(facts.modified.0) + SETTLED < now;
            if stamp.iter().flatten().all(is_settled) {
                *last = Some((stamp, in_force.clone()));
            }
            return Ok(in_force);
        }
    }

    /// What was read, if it has every withdrawal of the last valid state: none is undone by a file that is lost or older.
    fn with_what_was_withdrawn<T>(&self, read: T) -> Result<T, Diagnostics> {
        let mut problems = Diagnostics::default();
        if let Some(digest) = history::last_digest(&self.history) {
            withdrawals::check_kept(&self.folder, &self.history.join(digest), &mut problems);
        }
        if problems.has_errors() { Err(problems) } else { Ok(read) }
    }

    /// A state that was in force, if it is still there as it was.
    pub(crate) fn kept(&self, digest: &str) -> Option<Registry> {
        history::state(&self.history, digest)
    }

    /// Writes down that a subject took their consent back.
    pub(crate) fn withdraw(&self, subject: &SubjectName, date: Date) -> Result<(), AccessError> {
        // Alone, so that of two at once none is lost.
        let alone = fs::File::open(&self.folder).and_then(|folder| folder.lock().map(|()| folder));
        let _alone = alone.map_err(AccessError::file(&self.folder, "locked"))?;
        withdrawals::add(&self.folder, subject, date)
    }

    /// The last state that was valid, with what was withdrawn since: a withdrawal waits for nobody's mistake.
    fn last_valid(&self, problems: Diagnostics, digest: String) -> Result<RegistryInForce, AccessError> {
        let Some(last) = history::last(&self.history)? else { return Err(AccessError::Registry(problems)) };
        let registry = match withdrawals::newer(&self.folder, &self.history.join(&last.digest))? {
            Some(text) => history::keep_with(&self.history, &last.digest, WITHDRAWALS, &text)?.unwrap_or(last),
            None => last,
        };
        let not_yet_withdrawn = not_yet_withdrawn(&self.folder, &registry);
        let (registry, problems) = (Arc::new(registry), Some(Arc::new(problems)));
        Ok(RegistryInForce { registry, problems, refused: Some(digest), not_yet_withdrawn })
    }

    /// Whether a state of the files that was refused is another than the last one of which that was noted.
    pub(crate) fn is_newly_refused(&self, digest: &str) -> bool {
        history::last_refused(&self.history).is_none_or(|noted| noted != digest)
    }

    /// Remembers that it was noted that a state of the files was refused.
    pub(crate) fn keep_refused(&self, digest: &str) -> Result<(), AccessError> {
        history::keep_refused(&self.history, digest)
    }

    fn stamp(&self) -> Result<Stamp, AccessError> {
        let facts = |name: &&str| {
            let path = self.folder.join(name);
            match fs::metadata(&path) {
                Ok(facts) => Ok(Some(FileStamp {
                    inode: facts.ino(),
                    size: facts.len(),
                    changed: (facts.ctime(), facts.ctime_nsec()),
                    modified: (facts.mtime(), facts.mtime_nsec()),
                })),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(AccessError::file(&path, "read")(error)),
            }
        };
        FILES.iter().map(facts).collect()
    }
}

/// The hash of the files as they are, whatever is in them.
fn digest_of(folder: &Path) -> String {
    let files: Vec<_> = FILES.into_iter().filter_map(|name| Some((name, fs::read(folder.join(name)).ok()?))).collect();
    digest(files.iter().map(|(name, bytes)| (*name, &**bytes)))
}

/// The consents that hold by the state in force, but that the datasets' file takes back, as far as it can be read.
fn not_yet_withdrawn(folder: &Path, in_force: &Registry) -> Vec<String> {
    let mut problems = Diagnostics::default();
    let node = sluis_yaml::read(&folder.join(DATASETS), &mut problems);
    let written: BTreeMap<DatasetName, _> = entries(node.as_ref(), "datasets", &mut problems, datasets::read_dataset);
    let mut found = Vec::new();
    for (name, dataset) in &written {
        let Some(known) = in_force.datasets.get(name) else { continue };
        if dataset.consent == Consent::Withdrawn && known.consent == Consent::Given {
            found.push(format!("the dataset {name}"));
        }
        for (subject, written) in &dataset.subjects {
            let holds = known.subjects.get(subject).is_some_and(|known| known.consent == Consent::Given);
            if written.consent == Consent::Withdrawn && holds {
                found.push(format!("{subject} of {name}"));
            }
        }
    }
    found
}
