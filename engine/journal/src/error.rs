//! What can go wrong with a journal.

use std::{io, path::PathBuf, sync::Arc};

/// Why a journal cannot be read or appended to.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file could not be read or written.
    #[error("the journal {path} cannot be {doing}", path = path.display())]
    Io {
        /// The journal.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A whole line is not a record.
    #[error("line {line} of the journal {path} is not a record: the journal was changed", path = path.display())]
    Malformed {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// A record is not what was written, or does not follow the one before it.
    #[error(
        "line {line} of the journal {path} is not what was written there, or does not follow the line before it: the \
         journal was changed",
        path = path.display()
    )]
    Broken {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// The journal is shorter than it was.
    #[error("the journal {path} had {known} records and is shorter now: it was cut", path = path.display())]
    Cut {
        /// The journal.
        path: PathBuf,
        /// How many records it had.
        known: u64,
    },
    /// What was written is not there any more after a flush that failed.
    #[error(
        "of the {known} records of the journal {path} not all are still as they were written, after the disk could not be \
         flushed: records were lost",
        path = path.display()
    )]
    Lost {
        /// The journal.
        path: PathBuf,
        /// How many records were written.
        known: u64,
    },
    /// Another file stands in the journal's place, or none.
    #[error("the journal {path} was removed or replaced while it was in use", path = path.display())]
    Replaced {
        /// The journal.
        path: PathBuf,
    },
    /// What is to be recorded cannot be written as JSON on one line.
    #[error("a record cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
    /// The disk write that this append shared with others failed: the record is not in the journal.
    #[error("nothing was recorded")]
    NotRecorded(#[source] Arc<JournalError>),
}
