//! What can go wrong: with the truth, which is the caller's concern, and with the index, which is not.

use std::io;

use rusqlite::ErrorCode;
use sluis_access::{AccessError, AuditError};
use sluis_schedule::RunsError;
use sluis_store::StoreError;

/// Why a question could not be answered. The index file itself is never the reason.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The site refused or failed, or a task record is damaged.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// A run's journal could not be read.
    #[error(transparent)]
    Runs(#[from] RunsError),
    /// The audit log could not be read.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The index could not even be built in memory.
    #[error("the records of the site could not be put in order in memory: {0}; try again")]
    Memory(String),
}

/// Why one attempt at an answer failed.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The truth is damaged or unreadable: no other attempt fares better.
    Truth(IndexError),
    /// The index file is not what it should be, and can be built anew.
    Damaged(String),
    /// The index says something that the truth does not bear out.
    Untrue(String),
    /// The index file cannot be used, for a reason that building it anew does not mend.
    Unusable(String),
}

impl From<IndexError> for Trouble {
    fn from(error: IndexError) -> Self {
        Self::Truth(error)
    }
}

impl From<AccessError> for Trouble {
    fn from(error: AccessError) -> Self {
        Self::Truth(error.into())
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        AccessError::from(error).into()
    }
}

impl From<RunsError> for Trouble {
    fn from(error: RunsError) -> Self {
        Self::Truth(error.into())
    }
}

impl From<AuditError> for Trouble {
    fn from(error: AuditError) -> Self {
        Self::Truth(error.into())
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(
                ErrorCode::ReadOnly
                | ErrorCode::DiskFull
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::OutOfMemory
                | ErrorCode::FileLockingProtocolFailed,
            ) => Self::Unusable(text),
            _ => Self::Damaged(text),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Unusable(error.to_string())
    }
}
