//! Proofs: made by the site, checked by anybody.

use std::{fs, path::Path};

use serde_json::json;
use sluis_access::{AuditProof, AuditProofError, Claim, Proved};

use super::{access_failure, failure};
use crate::{exit::Exit, failure::Failure, output, site};

/// Prints a proof, which is JSON for people and scripts alike.
pub(super) fn prove(folder: &Path, record: Option<u64>, since: Option<u64>) -> Result<(), Failure> {
    let claim = match (record, since) {
        (Some(record), _) => Claim::Record(record),
        (None, Some(since)) => Claim::Since(since),
        (None, None) => return Err(Failure::new(Exit::Usage, "give the number of a record, or --since SIZE")),
    };
    let proof = site::open(folder)?.prove_audit(claim).map_err(access_failure)?;
    output::json(&serde_json::to_value(proof).map_err(|error| Failure::of(Exit::Internal, &error))?);
    Ok(())
}

/// Checks a proof and says what it proves.
pub(super) fn check(
    proof: &Path,
    public_key: &Path,
    record: Option<&Path>,
    checkpoint: Option<&Path>,
    json: bool,
) -> Result<(), Failure> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| Failure::of(Exit::Environment, &error).about(&path)
    };
    let record = record.map(|path| fs::read_to_string(path).map_err(unreadable(path))).transpose()?;
    let text = fs::read(proof).map_err(unreadable(proof))?;
    let proved = AuditProof::parse(&text).and_then(|known| {
        known.check(public_key, record.as_deref().map(|text| text.trim_end_matches('\n')), checkpoint)
    });
    let proved = proved.map_err(|error| refused(error).about(proof))?;
    match proved {
        Proved::Inclusion { record, size, content } if json => {
            output::json(&json!({ "proved": "inclusion", "record": record, "size": size, "content": content }));
        }
        Proved::Consistency { from, size } if json => {
            output::json(&json!({ "proved": "consistency", "from": from, "size": size }));
        }
        Proved::Inclusion { record, size, content } => {
            output::line(&format!(
                "Proved: record {record} of the log, when it had {size} and was signed, is\n{content}"
            ));
        }
        Proved::Consistency { from, size } => output::line(&format!(
            "Proved: when the log had {size} records and was signed, its first {from} were those of the checkpoint that \
             was kept."
        )),
    }
    Ok(())
}

fn refused(error: AuditProofError) -> Failure {
    match error {
        AuditProofError::Audit(error) => failure(&error),
        AuditProofError::NoRecord | AuditProofError::NoEarlier(_) | AuditProofError::OtherEarlier { .. } => {
            Failure::of(Exit::Usage, &error)
        }
        error => Failure::of(Exit::Damaged, &error),
    }
}
