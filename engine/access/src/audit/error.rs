//! What can be wrong with an audit log, each with words of its own.

use std::{io, path::PathBuf};

use sluis_journal::JournalError;
use sluis_transparency::CheckpointError;
use sluis_yaml::Diagnostics;

/// What is wrong with the audit log.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The log itself.
    #[error("the audit log is not whole")]
    Journal(#[from] JournalError),
    /// A file of the log could not be read or written.
    #[error("{path} cannot be {doing}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The file does not hold a public audit key.
    #[error(
        "{path} is not a public audit key: expected 64 hexadecimal digits, or a verifier key NAME+HASH+KEY",
        path = _0.display()
    )]
    PublicKey(PathBuf),
    /// There is no checkpoint.
    #[error("there is no checkpoint {path}: it was removed, or this is not an audit log", path = _0.display())]
    NoCheckpoint(PathBuf),
    /// The site was made by a version whose logs this one cannot go on with.
    #[error(
        "{path} was written by an earlier version of sluis, whose audit log this one can neither verify nor go on with: keep          the folder and that version for reading it, and make a new site with `sluis init`",
        path = _0.display()
    )]
    Earlier(PathBuf),
    /// The checkpoint is none, or was not signed with the site's key.
    #[error("the checkpoint {path} cannot be trusted", path = path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// Why.
        source: CheckpointError,
    },
    /// A record's content or number is not what was written.
    #[error("record {record} of the audit log was changed: its line in {path} is not what was written", path = path.display())]
    Changed {
        /// Its number.
        record: u64,
        /// The file.
        path: PathBuf,
    },
    /// Records are gone from the middle or the beginning.
    #[error("records {first} to {last} of the audit log are missing: they were taken out")]
    Missing {
        /// The first one's number.
        first: u64,
        /// The last one's number.
        last: u64,
    },
    /// Records stand in another order.
    #[error("record {record} of the audit log is not in its place: records were moved or repeated")]
    Moved {
        /// The record that is not where it belongs.
        record: u64,
    },
    /// A record is well-formed, but was not written behind the one before it.
    #[error("record {record} of the audit log does not follow the record before it: one of them was written anew")]
    Unchained {
        /// Its number.
        record: u64,
    },
    /// Records at the end that the checkpoint covers are gone.
    #[error("the audit log has {found} records where the signed checkpoint has {signed}: its end was cut off")]
    Cut {
        /// How many records the log has.
        found: u64,
        /// How many the checkpoint covers.
        signed: u64,
    },
    /// The records that the checkpoint covers are others, though they are well chained.
    #[error("the first {signed} records are not those that the site signed: the audit log was written anew")]
    Rewritten {
        /// How many records the checkpoint covers.
        signed: u64,
    },
    /// The log does not begin as it did when an outsider kept a checkpoint.
    #[error(
        "the first {size} records are not those of the checkpoint that was kept: the audit log was rewritten after the \
         site had signed it"
    )]
    Contradicted {
        /// How many records the checkpoint that was kept covers.
        size: u64,
    },
    /// The log is shorter than when an outsider kept a checkpoint.
    #[error(
        "the audit log has {found} records, the checkpoint that was kept has {size}: its end was cut off after the \
         site had signed it"
    )]
    CutSince {
        /// How many records the log has.
        found: u64,
        /// How many the checkpoint that was kept covers.
        size: u64,
    },
    /// Records are gone, and the log does not say that their time was over.
    #[error(
        "the records before {first} are gone, and no record of the audit log says that those before {first} were \
         removed when their time was over: somebody took them out"
    )]
    RemovedUnrecorded {
        /// The first record that is there.
        first: u64,
    },
    /// A record is not one of the audit log's.
    #[error("record {sequence} of the audit log cannot be read")]
    Record {
        /// Its number.
        sequence: u64,
        /// Why.
        source: serde_json::Error,
    },
    /// There is no such record, or none that is signed.
    #[error("there is no record {record}: the audit log has {size}")]
    NoRecord {
        /// The number asked for.
        record: u64,
        /// How many records there are.
        size: u64,
    },
    /// The settings cannot be read.
    #[error("the audit log's settings are not valid:\n{0}")]
    Settings(Diagnostics),
    /// Nothing may be removed.
    #[error(
        "no record may be removed, since {path} names no `retention`; for example `retention: 400 days`",
        path = _0.display()
    )]
    NoRetention(PathBuf),
}

impl AuditError {
    /// For `map_err`: names a file and what was tried.
    pub(super) fn file(path: &std::path::Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, doing, source }
    }
}

impl AuditError {
    /// Whether the log could not be read or written, and nothing is known to be wrong with it.
    pub const fn is_of_the_machine(&self) -> bool {
        matches!(self, Self::File { .. } | Self::Journal(JournalError::Io { .. }))
    }
}
