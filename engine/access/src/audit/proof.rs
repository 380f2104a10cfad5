//! Proofs that go to outsiders: each says with a signed checkpoint what it proves.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sluis_transparency::{
    Checkpoint, CheckpointError, CompactRange, ConsistencyProof, InclusionProof, ProofBuilder, VerifierKey, leaf_hash,
};

use super::{AuditError, checkpoint, key, leaves::Leaves, verify::open_earlier};

/// The version of the form in which proofs are given out.
const FORMAT: u32 = 1;

/// What an outsider can check with the public key alone. Its JSON is what is given out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuditProof {
    format: u32,
    #[serde(flatten)]
    proof: Proof,
    /// The signed checkpoint, as it was written.
    checkpoint: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Proof {
    Inclusion {
        /// The record as it was written; nothing if it was removed when its time was over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        record: Option<String>,
        #[serde(flatten)]
        proof: InclusionProof,
    },
    Consistency(ConsistencyProof),
}

/// What was proved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Proved {
    /// The log has this record.
    Inclusion {
        /// Its number.
        record: u64,
        /// How many records the log had then.
        size: u64,
        /// The record as it was written.
        content: String,
    },
    /// The log begins with everything that an earlier checkpoint covers.
    Consistency {
        /// How many records the earlier checkpoint covers.
        from: u64,
        /// How many the later one covers.
        size: u64,
    },
}

/// Why a proof proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum AuditProofError {
    /// The key or a checkpoint.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The text is no proof.
    #[error("it is not a proof of this version of sluis")]
    Malformed(#[source] Option<serde_json::Error>),
    /// The checkpoint in the proof.
    #[error("the checkpoint in the proof cannot be trusted")]
    Checkpoint(#[from] CheckpointError),
    /// The proof does not have the record in it.
    #[error("the proof does not say what the record is, since it was removed when its time was over: give the record")]
    NoRecord,
    /// The proof is about another record.
    #[error("the record that was given is not the one in the proof, record {0}")]
    OtherRecord(u64),
    /// The earlier checkpoint is needed.
    #[error("the proof is about an earlier checkpoint of {0} records: give that checkpoint")]
    NoEarlier(u64),
    /// The checkpoint that was given is not the one in question.
    #[error("the proof is about an earlier checkpoint of {from} records, the one given covers {given}")]
    OtherEarlier {
        /// What it is about.
        from: u64,
        /// What was given.
        given: u64,
    },
    /// The checkpoint covers another number of records than the proof.
    #[error("the proof is about {proof} records, its checkpoint about {checkpoint}")]
    OtherSize {
        /// What the proof says.
        proof: u64,
        /// What the checkpoint says.
        checkpoint: u64,
    },
    /// The hashes do not lead to the signed root.
    #[error("the proof is false: {0}")]
    False(&'static str),
}

/// What is to be proved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Claim {
    /// That the log has the record with this number.
    Record(u64),
    /// That the log begins with as many records as it had when a checkpoint was kept.
    Since(u64),
}

/// Makes a proof from the log, and checks it against the signed checkpoint before it is given out.
pub(super) fn prove(folder: &Path, key: &VerifierKey, claim: Claim) -> Result<AuditProof, AuditError> {
    let missing = || AuditError::NoCheckpoint(checkpoint::path(folder));
    let note = checkpoint::read_note(folder)?.ok_or_else(missing)?;
    let untrusted = |source| AuditError::Checkpoint { path: checkpoint::path(folder), source };
    let Checkpoint { size, root, .. } = Checkpoint::open(&note, key).map_err(untrusted)?;
    let (subject, builder) = match claim {
        Claim::Record(record) => (record, ProofBuilder::inclusion(record, size)),
        Claim::Since(from) => (from, ProofBuilder::consistency(from, size)),
    };
    let absent = AuditError::NoRecord { record: subject, size };
    let mut builder = builder.ok_or(absent)?;
    let (mut tree, mut record) = (CompactRange::default(), None);
    let mut leaves = Leaves::of(folder)?;
    while tree.size() < size {
        let leaf = leaves.next().ok_or(AuditError::Cut { found: tree.size(), signed: size })??;
        if claim == Claim::Record(tree.size()) {
            record = leaf.record.map(|record| record.json().to_owned());
        }
        tree.push(leaf.hash);
        builder.push(leaf.hash);
    }
    if tree.root() != root {
        return Err(AuditError::Rewritten { signed: size });
    }
    let proof = match claim {
        Claim::Record(_) => builder.into_inclusion().map(|proof| Proof::Inclusion { record, proof }),
        Claim::Since(_) => builder.into_consistency().map(Proof::Consistency),
    };
    // All leaves were taken.
    let proof = proof.ok_or(AuditError::NoRecord { record: subject, size })?;
    Ok(AuditProof { format: FORMAT, proof, checkpoint: String::from_utf8_lossy(&note).into_owned() })
}

impl AuditProof {
    /// Reads a proof.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &[u8]) -> Result<Self, AuditProofError> {
        let proof: Self = serde_json::from_slice(text).map_err(|error| AuditProofError::Malformed(Some(error)))?;
        if proof.format == FORMAT { Ok(proof) } else { Err(AuditProofError::Malformed(None)) }
    }

    /// Checks it with the site's public key: that `record`, or the record in it, is in the log, or that the log begins
    /// with what the checkpoint in the file `earlier` covers.
    ///
    /// # Errors
    /// If it proves nothing of the kind.
    pub fn check(
        &self,
        public_key: &Path,
        record: Option<&str>,
        earlier: Option<&Path>,
    ) -> Result<Proved, AuditProofError> {
        let key = key::read_public(public_key)?;
        let signed = Checkpoint::open(self.checkpoint.as_bytes(), &key)?;
        match &self.proof {
            Proof::Inclusion { record: known, proof } => {
                check_size(proof.size, &signed)?;
                let content = match (record, known) {
                    (Some(given), Some(known)) if given != known => {
                        return Err(AuditProofError::OtherRecord(proof.index));
                    }
                    (given, known) => given.or(known.as_deref()).ok_or(AuditProofError::NoRecord)?,
                };
                if !proof.proves(&leaf_hash(content.as_bytes()), &signed.root) {
                    return Err(AuditProofError::False("the signed log does not have this record at this place"));
                }
                Ok(Proved::Inclusion { record: proof.index, size: proof.size, content: content.to_owned() })
            }
            Proof::Consistency(proof) => {
                check_size(proof.size, &signed)?;
                let note = earlier.ok_or(AuditProofError::NoEarlier(proof.from))?;
                let kept = open_earlier(note, &key)?;
                if kept.size != proof.from {
                    return Err(AuditProofError::OtherEarlier { from: proof.from, given: kept.size });
                }
                if !proof.proves(&kept.root, &signed.root) {
                    return Err(AuditProofError::False("the signed log does not begin as it did then"));
                }
                Ok(Proved::Consistency { from: proof.from, size: proof.size })
            }
        }
    }
}

fn check_size(proof: u64, signed: &Checkpoint) -> Result<(), AuditProofError> {
    if proof == signed.size {
        return Ok(());
    }
    Err(AuditProofError::OtherSize { proof, checkpoint: signed.size })
}
