//! `sluis audit`

use std::path::Path;

use serde_json::json;

use crate::{
    arguments::{Audit, AuditAction},
    exit::Exit,
    failure::Failure,
    output, site,
};

/// Verifies or lists the audit log.
pub fn carry_out(folder: &Path, audit: &Audit, json: bool) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    match audit.action {
        AuditAction::Verify => {
            let summary = site.audit().verify().map_err(|error| Failure::of(Exit::Damaged, &error))?;
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
            for record in site.audit().records().map_err(|error| Failure::of(Exit::Damaged, &error))? {
                let record = record.map_err(|error| Failure::of(Exit::Damaged, &error))?;
                output::line(&record.json());
            }
        }
    }
    Ok(Exit::Success)
}
