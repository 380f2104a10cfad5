//! `sluis audit`

mod ecs;
mod events;
mod ocsf;
mod proof;
mod search;

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;
use sluis_access::{AccessError, AuditError, AuditSummary, verify_audit_log};

use crate::{
    arguments::{Audit, AuditAction},
    exit::Exit,
    failure::Failure,
    output, site,
};

/// Reads, verifies, proves or exports the audit log.
pub fn carry_out(folder: &Path, audit: &Audit, json: bool) -> Result<Exit, Failure> {
    match &audit.action {
        AuditAction::Verify { log, public_key, checkpoint } => {
            let earlier = checkpoint.as_deref();
            let summary = match (log, public_key) {
                (Some(log), Some(public_key)) => verify_audit_log(log, public_key, earlier),
                _ => site::open(folder)?.audit().verify(earlier),
            };
            tell_summary(&summary.map_err(|error| failure(&error))?, json);
        }
        AuditAction::List => search::list(folder, json)?,
        AuditAction::Search(search) => search::search(folder, search, json)?,
        AuditAction::Export { format, search } => search::export(folder, *format, search)?,
        AuditAction::Checkpoint { key } => {
            let site = site::open(folder)?;
            let text = if *key {
                site.audit().verifier_key()
            } else {
                site.audit().checkpoint().map_err(|error| failure(&error))?
            };
            output::line(text.trim_end_matches('\n'));
        }
        AuditAction::Prove { record, since } => proof::prove(folder, *record, *since)?,
        AuditAction::CheckProof { proof, public_key, record, checkpoint } => {
            proof::check(proof, public_key, record.as_deref(), checkpoint.as_deref(), json)?;
        }
        AuditAction::Prune { dry_run } => prune(folder, *dry_run, json)?,
    }
    Ok(Exit::Success)
}

fn tell_summary(summary: &AuditSummary, json: bool) {
    let AuditSummary { records, signed, removed, head, root, agrees_with } = summary;
    if json {
        output::json(&json!({
            "records": records, "signed": signed, "removed": removed, "head": head, "root": root,
            "agrees_with": agrees_with,
        }));
        return;
    }
    output::line(&format!(
        "The audit log is whole: {records} records, each joined to the one before; the site's signature covers the \
         first {signed}."
    ));
    if *removed > 0 {
        output::line(&format!(
            "The first {removed} records were removed when their time was over, as the log says; their hashes are as \
             they were signed."
        ));
    }
    if let Some(size) = agrees_with {
        output::line(&format!("The first {size} are those of the checkpoint that was kept."));
    }
}

fn prune(folder: &Path, dry_run: bool, json: bool) -> Result<(), Failure> {
    let found = site::open(folder)?.remove_expired_audit(Timestamp::now(), dry_run).map_err(access_failure)?;
    if json {
        output::json(&json!({ "records": found.records, "kept_from": found.kept_from, "dry_run": dry_run }));
    } else {
        let done = if dry_run { "would be removed" } else { "removed" };
        output::line(&format!("{} records {done}; those from {} on stay.", found.records, found.kept_from));
    }
    Ok(())
}

/// What kept the site from doing it, with the exit code of its kind.
fn access_failure(error: AccessError) -> Failure {
    match error {
        AccessError::AuditLog(error) => failure(&error),
        error => error.into(),
    }
}

/// What is wrong with the log, with the exit code of its kind.
fn failure(error: &AuditError) -> Failure {
    let exit = match error {
        AuditError::NoRecord { .. } | AuditError::PublicKey(_) => Exit::Usage,
        AuditError::File { .. } => Exit::Environment,
        AuditError::Settings(_) | AuditError::NoRetention(_) => Exit::Invalid,
        _ => Exit::Damaged,
    };
    Failure::of(exit, error)
}
