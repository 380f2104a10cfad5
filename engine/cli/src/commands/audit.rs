//! `sluis audit`

use std::path::Path;

use serde_json::json;
use sluis_access::verify_audit_log;

use crate::{
    arguments::{Audit, AuditAction},
    exit::Exit,
    failure::Failure,
    output, site,
};

/// Verifies or lists the audit log.
pub fn carry_out(folder: &Path, audit: &Audit, json: bool) -> Result<Exit, Failure> {
    match &audit.action {
        AuditAction::Verify { log, public_key } => {
            let summary = match (log, public_key) {
                (Some(log), Some(public_key)) => verify_audit_log(log, public_key),
                _ => site::open(folder)?.audit().verify(),
            };
            let summary = summary.map_err(|error| Failure::of(Exit::Damaged, &error))?;
            if json {
                output::json(&json!({ "records": summary.records, "signed": summary.signed, "head": summary.head }));
            } else {
                output::line(&format!(
                    "The audit log is whole: {} records, each joined to the one before; the site's signature covers \
                     the first {}.",
                    summary.records, summary.signed
                ));
            }
        }
        AuditAction::List => {
            for record in site::open(folder)?.audit().records().map_err(|error| Failure::of(Exit::Damaged, &error))? {
                let record = record.map_err(|error| Failure::of(Exit::Damaged, &error))?;
                if json {
                    output::line(record.json());
                } else {
                    output::line(&record.to_string());
                }
            }
        }
    }
    Ok(Exit::Success)
}
