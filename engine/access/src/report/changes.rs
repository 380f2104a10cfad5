//! What changed who has access, as the audit log tells.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;

use super::Days;
use crate::{AuditRecord, Verdict, decision::day_of};

/// What changes access: decisions that were allowed, and what was done.
const ACTIONS: [&str; 17] = [
    "load-registry",
    "refuse-registry",
    "load-policies",
    "withdraw-consent",
    "erased",
    "delegated",
    "delegation-revoked",
    "export-approved",
    "released",
    "granted",
    "revoked",
    "end-permit",
    "gave-key-share",
    "recovered-key",
    "rotated-key",
    "retired-key",
    "protected-key-by-kms",
];

/// Something that gave access or took it away.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AccessChange {
    /// When.
    pub at: Timestamp,
    /// The number of its record in the audit log.
    pub record: u64,
    /// What, by its name in the audit log.
    pub action: String,
    /// Who did it; empty if nobody in particular, or if the record of the decision says it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub person: String,
    /// For which project.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub project: String,
    /// To which registry, policies or key, to whom, of whom, until when, or why.
    pub about: Vec<String>,
}

/// What was met so far.
#[derive(Default)]
pub(super) struct Changes {
    found: Vec<AccessChange>,
    /// What was last loaded, by the name of the action: each process tells of it again.
    loaded: HashMap<String, Vec<String>>,
}

impl Changes {
    /// Takes the next record into account, if it is of one of the days.
    pub(super) fn take(&mut self, record: &AuditRecord, days: Days) {
        if !ACTIONS.contains(&record.action()) || record.verdict() == Some(Verdict::Deny) {
            return;
        }
        let about = record.changes();
        if record.action().starts_with("load-") {
            let last = self.loaded.insert(record.action().to_owned(), about.clone());
            if last.as_ref() == Some(&about) {
                return;
            }
        }
        if days.contain(day_of(record.at())) {
            self.found.push(AccessChange {
                at: record.at(),
                record: record.sequence(),
                action: record.action().to_owned(),
                person: record.caller().to_owned(),
                project: record.project().to_owned(),
                about,
            });
        }
    }

    /// In the order of the log.
    pub(super) fn found(self) -> Vec<AccessChange> {
        self.found
    }
}
