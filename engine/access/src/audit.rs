//! The audit log: every decision, chained and signed, on the disk before its effect.
//!
//! The log, `audit/log.jsonl`, is a journal of [`AuditRecord`]s. A decision is on the disk before its permit is given
//! out, and what is done under it before it is done. One thing alone goes on while its record is on the way to the disk:
//! an object that is being opened; but no byte of it reaches anybody before the record is there ([`Written`]). When the
//! file is large or old enough it becomes a closed segment, and the journal goes on in a new file.
//!
//! Over the records stands an RFC 6962 Merkle tree. A checkpoint, `audit/checkpoint`, is a C2SP checkpoint of it: how many
//! records there are and what the root hash is, signed with the site's audit key. It follows each record within moments
//! and is replaced by a rename. With the public key in `keys/audit.pub` an outsider can tell that nothing before the
//! checkpoint was changed, dropped, added or moved; with a checkpoint that they kept, that nothing was rewritten since.
//!
//! `docs/audit.md` lays the format down.

mod actions;
mod checkpoint;
mod diagnosis;
mod error;
mod filter;
mod key;
mod leaves;
mod log;
mod proof;
mod reading;
mod record;
mod records;
mod retention;
mod roll;
mod segment;
mod settings;
mod signing;
mod tree;
mod verify;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_lc_rs::signature::Ed25519KeyPair;
use sluis_journal::{Disk, Summary};
use sluis_transparency::Signer;

pub use actions::{DECIDED_ACTIONS, DONE_ACTIONS};
pub use error::AuditError;
pub use filter::{AuditFilter, Outcome};
pub(crate) use log::Written;
pub use proof::{AuditProof, AuditProofError, Claim, Proved};
pub use reading::AuditReading;
pub(crate) use record::Entry;
pub use record::{AuditRecord, Verdict};
pub use records::AuditRecords;
pub use retention::ExpiredRecords;
pub use verify::{AuditSummary, verify_audit_log};

use crate::AccessError;
use log::Log;
use signing::Signing;

/// The audit log of a site.
#[derive(Debug)]
pub struct Audit {
    log: Arc<Log>,
    signing: Signing,
}

impl Audit {
    /// Opens the log; what its checkpoint covers is not read again until it is verified.
    pub(crate) fn open(
        folder: &Path,
        keys: &Arc<Ed25519KeyPair>,
        public: &[u8],
        disk: Arc<dyn Disk>,
    ) -> Result<Self, AccessError> {
        let unusable = || AuditError::PublicKey(folder.to_owned());
        let public = public.try_into().map_err(|_| unusable())?;
        let signer = Signer::new(&key::log_name(public), Arc::clone(keys)).map_err(|_| unusable())?;
        let log = Arc::new(Log::open(folder, signer, disk)?);
        let signing = Signing::of(&log, settings::read(folder)?);
        Ok(Self { log, signing })
    }

    /// Writes a decision; it is on the disk when this returns its number.
    pub(crate) fn decide(&self, entry: &Entry) -> Result<u64, AccessError> {
        let written = self.note(entry)?;
        written.flush().map_err(AccessError::Audit)?;
        Ok(written.number())
    }

    /// Writes down what is done; it is on the disk when this returns.
    pub(crate) fn record(&self, entry: &Entry) -> Result<(), AccessError> {
        self.decide(entry).map(drop)
    }

    /// Writes down what is about to be done, and does not wait for the disk yet.
    pub(crate) fn note(&self, entry: &Entry) -> Result<Written, AccessError> {
        self.signing.check().map_err(AccessError::Audit)?;
        let written = self.log.append(entry).map_err(AccessError::Audit)?;
        self.signing.wake();
        Ok(written)
    }

    /// Signs what this process has written. Happens by itself within moments, and when the site is closed.
    pub(crate) fn sign(&self) -> Result<(), AccessError> {
        self.signing.sign().map_err(AccessError::Audit)
    }

    /// Checks every record, the chain between them, the tree over them and the signed checkpoint, with the public key
    /// alone; and that everything is still there which `earlier` covers, the file of a checkpoint that was kept.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(&self, earlier: Option<&Path>) -> Result<AuditSummary, AuditError> {
        self.signing.sign()?;
        let key = self.log.signer().verifier();
        let earlier = earlier.map(|path| verify::open_earlier(path, key)).transpose()?;
        verify::verify(self.folder(), key, earlier.as_ref())
    }

    /// The newest checkpoint, a C2SP signed note.
    ///
    /// # Errors
    /// If it cannot be written or read.
    pub fn checkpoint(&self) -> Result<String, AuditError> {
        self.signing.sign()?;
        let note = checkpoint::read_note(self.folder())?;
        let note = note.ok_or_else(|| AuditError::NoCheckpoint(checkpoint::path(self.folder())))?;
        Ok(String::from_utf8_lossy(&note).into_owned())
    }

    /// The key that verifies the checkpoints, as a C2SP verifier key.
    pub fn verifier_key(&self) -> String {
        self.log.signer().verifier().to_string()
    }

    fn prove(&self, claim: Claim) -> Result<AuditProof, AuditError> {
        self.signing.sign()?;
        proof::prove(self.folder(), self.log.signer().verifier(), claim)
    }

    /// The records that are still there, in order.
    ///
    /// # Errors
    /// If the log cannot be opened; a damaged record is an error of the iterator.
    pub fn records(&self) -> Result<AuditRecords, AuditError> {
        self.records_after(&Summary::empty())
    }

    /// The file to which records are appended: it changes whenever the log does.
    pub fn path(&self) -> PathBuf {
        segment::current(self.folder())
    }

    /// The records behind those that were read before and are summed up in `known`, as far as they are still there.
    ///
    /// # Errors
    /// As [`Audit::records`], and if the log is shorter than it was.
    pub fn records_after(&self, known: &Summary) -> Result<AuditRecords, AuditError> {
        AuditRecords::after(self.folder(), known)
    }

    fn folder(&self) -> &Path {
        self.log.folder()
    }
}
