//! A record of the audit log as the systems see it to which it is exported.

use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use sluis_access::{AuditRecord, Verdict};

use crate::{exit::Exit, failure::Failure};

/// What kind of thing was done, as event schemas tell it apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Create,
    Read,
    Update,
    Delete,
    Other,
}

/// A record with its fields.
pub(super) struct Event {
    pub record: u64,
    /// The log's name, which no other site's log has.
    pub log: String,
    pub at: Timestamp,
    pub verdict: Option<Verdict>,
    pub action: String,
    fields: Map<String, Json>,
}

impl Event {
    /// The event of a record of the log with this verifier key.
    pub(super) fn of(record: &AuditRecord, verifier_key: &str) -> Result<Self, Failure> {
        // A record that was read is an object.
        let fields = serde_json::from_str(record.json()).map_err(|error| Failure::of(Exit::Damaged, &error))?;
        let log = verifier_key.split('+').next().unwrap_or_default().to_owned();
        let action = record.action().to_owned();
        Ok(Self { record: record.sequence(), log, at: record.at(), verdict: record.verdict(), action, fields })
    }

    /// Its identifier, which no other record of any log has.
    pub(super) fn id(&self) -> String {
        format!("{}/{}", self.log, self.record)
    }

    /// The record with its number.
    pub(super) fn plain(&self) -> Json {
        let number = ("record".to_owned(), self.record.into());
        Json::Object(std::iter::once(number).chain(self.fields.clone()).collect())
    }

    /// A field that is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.as_str()
    }

    /// A field that is a list of texts.
    pub(super) fn texts(&self, name: &str) -> Vec<&str> {
        let list = self.fields.get(name).and_then(Json::as_array);
        list.into_iter().flatten().filter_map(Json::as_str).collect()
    }

    /// The reasons as one text.
    pub(super) fn reason(&self) -> Option<String> {
        let reasons = self.texts("reasons");
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    /// The fields that are not among these.
    pub(super) fn others(&self, told: &[&str]) -> Map<String, Json> {
        let others = self.fields.iter().filter(|(name, _)| !told.contains(&name.as_str()));
        others.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// What kind of thing was asked for or done.
    pub(super) fn kind(&self) -> Kind {
        match self.action.as_str() {
            "create-site" | "put" | "seal" | "seal-again" | "keep-task" => Kind::Create,
            "show" | "export" | "look-at-export" | "release" | "read-log" | "read-in-expression"
            | "view-provenance" | "use-cached-result" | "use-key" | "check" | "list-audit" | "search-audit"
            | "export-audit" | "prove-audit" => Kind::Read,
            "grant" | "granted" | "revoke" | "revoked" | "pin" | "pinned" | "unpin" | "unpinned" | "load-registry"
            | "load-policies" | "set-aside-damaged" | "unlabelled" | "withdraw-consent" | "end-permit" => Kind::Update,
            "erase"
            | "erased"
            | "collect-garbage"
            | "remove-object"
            | "remove-task"
            | "remove-remnant"
            | "remove-audit-records" => Kind::Delete,
            _ => Kind::Other,
        }
    }
}
