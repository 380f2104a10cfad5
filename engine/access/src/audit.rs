//! The audit log: every decision, chained and signed, on the disk before its effect.
//!
//! The log, `audit/log.jsonl`, is a journal of [`AuditRecord`]s. A decision is on the disk before its permit is given
//! out. What is done under a permit (a key used, an object sealed, a task kept) is written at once and on the disk with
//! the next decision or checkpoint.
//!
//! A checkpoint, `audit/checkpoint.json`, says how many records there are and what the hash of the last is, signed with
//! the site's audit key. It follows each record within moments and is replaced by a rename. With the public key in
//! `keys/audit.pub` an outsider can tell that nothing before the checkpoint was changed, dropped, added or moved.

mod checkpoint;
mod record;
mod signer;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_lc_rs::signature::Ed25519KeyPair;
use sluis_journal::{Journal, JournalError, Records, Summary};

pub(crate) use record::Entry;
pub use record::{AuditRecord, Verdict};

use crate::AccessError;
use signer::Signer;

const LOG: &str = "log.jsonl";

/// What is wrong with the audit log.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The log itself.
    #[error("the audit log is not whole")]
    Journal(#[from] JournalError),
    /// A file of the log could not be read.
    #[error("{path} cannot be read", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file does not hold a public audit key.
    #[error("{path} is not a public audit key: expected 64 hexadecimal digits", path = _0.display())]
    PublicKey(PathBuf),
    /// The checkpoint is not one, or was not signed with the site's key.
    #[error("the checkpoint {path} was not signed by this site: it or the log was changed", path = _0.display())]
    Signature(PathBuf),
    /// Records that the checkpoint covers are missing or others.
    #[error("the log has {found} records where the signed checkpoint has {signed}, or others: it was cut or rewritten")]
    Rewritten {
        /// How many records the log has.
        found: u64,
        /// How many the checkpoint covers.
        signed: u64,
    },
    /// A record is not one of the audit log's.
    #[error("record {sequence} of the audit log cannot be read")]
    Record {
        /// Its number.
        sequence: u64,
        /// Why.
        source: serde_json::Error,
    },
}

/// What a whole audit log amounts to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditSummary {
    /// How many records it has.
    pub records: u64,
    /// How many of them, from the first, the signed checkpoint covers; the rest were written just now, or just before
    /// an engine was killed.
    pub signed: u64,
    /// The hash of the last record.
    pub head: String,
}

/// The audit log of a site.
#[derive(Debug)]
pub struct Audit {
    folder: PathBuf,
    journal: Arc<Journal>,
    signer: Signer,
    public: Vec<u8>,
}

impl Audit {
    /// Opens the log; what its checkpoint covers is not read again until it is verified.
    pub(crate) fn open(folder: &Path, keys: &Arc<Ed25519KeyPair>, public: &[u8]) -> Result<Self, AccessError> {
        let log = folder.join(LOG);
        let known = match checkpoint::read(folder, public)? {
            Some(known) => known,
            None if fs::metadata(&log).map_or(0, |facts| facts.len()) == 0 => Summary::empty(),
            // The first record is signed when a site is made.
            None => return Err(AuditError::Signature(checkpoint::path(folder)).into()),
        };
        let journal = Arc::new(Journal::open_after(&log, known).map_err(AccessError::Audit)?);
        let signer = Signer::new(folder, &journal, keys);
        Ok(Self { folder: folder.to_owned(), journal, signer, public: public.to_vec() })
    }

    /// Writes a decision; it is on the disk when this returns its number.
    pub(crate) fn decide(&self, entry: &Entry) -> Result<u64, AccessError> {
        self.signer.check().map_err(AccessError::Audit)?;
        let position = self.journal.append(entry).map_err(AccessError::Audit)?;
        self.signer.wake();
        Ok(position.0)
    }

    /// Writes down what is done under a permit.
    pub(crate) fn note(&self, entry: &Entry) -> Result<(), AccessError> {
        self.signer.check().map_err(AccessError::Audit)?;
        self.journal.append_relaxed(entry).map_err(AccessError::Audit)?;
        self.signer.wake();
        Ok(())
    }

    /// Signs what this process has written. Happens by itself within moments, and when the site is closed.
    pub(crate) fn sign(&self) -> Result<(), AccessError> {
        self.signer.sign().map_err(AccessError::Audit)
    }

    /// Checks every record, the chain between them and the signed checkpoint, with the public key alone.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(&self) -> Result<AuditSummary, AuditError> {
        self.signer.sign()?;
        verify(&self.folder, &self.public)
    }

    /// The records, in order.
    ///
    /// # Errors
    /// If the log cannot be opened; a damaged record is an error of the iterator.
    pub fn records(&self) -> Result<AuditRecords, AuditError> {
        self.records_after(&Summary::empty())
    }

    /// The log's file.
    pub fn path(&self) -> PathBuf {
        self.folder.join(LOG)
    }

    /// The records behind those that were read before and are summed up in `known`.
    ///
    /// # Errors
    /// As [`Audit::records`], and if the log is shorter than it was.
    pub fn records_after(&self, known: &Summary) -> Result<AuditRecords, AuditError> {
        Ok(AuditRecords(Journal::read_after(&self.path(), known)?))
    }
}

/// Records of the audit log, in order.
#[derive(Debug)]
pub struct AuditRecords(Records);

impl AuditRecords {
    /// What was read so far.
    pub const fn summary(&self) -> &Summary {
        self.0.summary()
    }
}

impl Iterator for AuditRecords {
    type Item = Result<AuditRecord, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|record| AuditRecord::of(&record?))
    }
}

/// Verifies an audit log with nothing but a site's `audit` folder and its public audit key, `keys/audit.pub`.
///
/// A site's own [`Audit::verify`] does the same. This is for an outsider, who has neither the site nor any secret.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify_audit_log(folder: &Path, public_key: &Path) -> Result<AuditSummary, AuditError> {
    let text =
        fs::read_to_string(public_key).map_err(|source| AuditError::File { path: public_key.to_owned(), source })?;
    let mut public = [0; 32];
    hex::decode_to_slice(text.trim(), &mut public).map_err(|_| AuditError::PublicKey(public_key.to_owned()))?;
    verify(folder, &public)
}

fn verify(folder: &Path, public: &[u8]) -> Result<AuditSummary, AuditError> {
    // First the checkpoint: what is written meanwhile stands behind what it covers.
    let checkpoint =
        checkpoint::read(folder, public)?.ok_or_else(|| AuditError::Signature(checkpoint::path(folder)))?;
    let mut records = Journal::read(&folder.join(LOG))?;
    let mut agrees = covers(&records, &checkpoint);
    while let Some(record) = records.next() {
        AuditRecord::of(&record?)?;
        agrees |= covers(&records, &checkpoint);
    }
    let Summary { records, head, .. } = records.summary().clone();
    if !agrees {
        return Err(AuditError::Rewritten { found: records, signed: checkpoint.records });
    }
    Ok(AuditSummary { records, signed: checkpoint.records, head })
}

/// Whether what was read so far is what the checkpoint signs.
fn covers(records: &Records, checkpoint: &Summary) -> bool {
    records.summary() == checkpoint
}
