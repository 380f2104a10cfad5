//! What can go wrong with the upkeep of a store.

use std::{io, path::PathBuf};

use sluis_access::AccessError;
use sluis_model::{RunId, TaskKey};
use sluis_schedule::RunsError;
use sluis_store::StoreError;

/// Why the store could not be kept in order.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// The site refused or failed.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The runs could not be read, so nobody can tell what they need.
    #[error(transparent)]
    Runs(#[from] RunsError),
    /// Another collection or an erasure is under way.
    #[error("another garbage collection or an erasure is under way in this site; wait until it has ended")]
    UnderWay,
    /// A run's task is known, but not what it read and made.
    #[error(
        "nothing is removed, since nobody can tell what {run} needs: the entry of {key} in the task cache is damaged; \
         run its workflow again with --no-cache to replace it"
    )]
    DamagedTask {
        /// The run.
        run: RunId,
        /// The task.
        key: TaskKey,
    },
    /// A file of the site could not be read or written.
    #[error("{path} cannot be {doing}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A thread of the check ended early.
    #[error("a part of the check ended early")]
    Lost,
}

impl From<StoreError> for UpkeepError {
    fn from(error: StoreError) -> Self {
        Self::Access(error.into())
    }
}

impl UpkeepError {
    /// For `map_err`: names a file of the site and what was tried.
    pub(crate) fn file(path: &std::path::Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, doing, source }
    }
}
