//! What the audit log says. No value, no content and no secret is in it.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sluis_journal::Record;

use super::{AuditError, actions};

/// The outcome of a decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// A permit was given out.
    Allow,
    /// It was refused.
    Deny,
}

/// One record's content: a decision, or something that was done under a permit.
///
/// The names of the fields are the format; absent ones do not apply.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Verdict>,
    pub action: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub caller: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permit: Option<u64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub project: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub datasets: Vec<String>,
    /// By pseudonym.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_key: Option<String>,
    /// The public key of those to whom an object is given, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// The host from which data come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The hash of the registry's files by which it was decided.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub registry: String,
    /// The policies that decided, or the digest of all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// What was known of who asked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// What the project has to do in return.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub duties: Vec<String>,
    /// What somebody looked for who read the audit log.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub filter: BTreeMap<String, String>,
    /// So many records, from the first, may be gone, since their time was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<u64>,
}

impl Entry {
    /// The same about a request for data to leave.
    pub(crate) fn about_request(mut self, id: &str) -> Self {
        self.facts.insert("request".to_owned(), id.to_owned());
        self
    }

    /// An entry that says only what happened, now.
    pub(crate) fn new(action: impl Into<String>) -> Self {
        let action = action.into();
        debug_assert!(actions::is_known(&action), "`{action}` is in no list of actions");
        Self {
            at: Timestamp::now(),
            decision: None,
            action,
            caller: String::new(),
            permit: None,
            project: String::new(),
            objects: Vec::new(),
            datasets: Vec::new(),
            subjects: Vec::new(),
            region: String::new(),
            run: None,
            task: None,
            tool: None,
            executor: None,
            task_key: None,
            recipient: None,
            host: None,
            registry: String::new(),
            policies: Vec::new(),
            facts: BTreeMap::new(),
            reasons: Vec::new(),
            duties: Vec::new(),
            filter: BTreeMap::new(),
            removed: None,
        }
    }
}

/// One record of the audit log. `Display` gives one line for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditRecord {
    sequence: u64,
    entry: Entry,
    json: String,
}

impl AuditRecord {
    pub(super) fn of(record: &Record) -> Result<Self, AuditError> {
        let sequence = record.sequence;
        let entry = record.decode().map_err(|source| AuditError::Record { sequence, source })?;
        Ok(Self { sequence, entry, json: record.json().to_owned() })
    }

    /// One that stands in no log.
    #[cfg(test)]
    pub(crate) const fn of_test(sequence: u64, entry: Entry) -> Self {
        Self { sequence, entry, json: String::new() }
    }

    /// Its number, from 0.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When it was written.
    pub const fn at(&self) -> Timestamp {
        self.entry.at
    }

    /// How it was decided; `None` for what was done under a permit.
    pub const fn verdict(&self) -> Option<Verdict> {
        self.entry.decision
    }

    /// What was asked for or done, as `run-task` or `seal`.
    pub fn action(&self) -> &str {
        &self.entry.action
    }

    /// The number of the decision under which it was done.
    pub const fn permit(&self) -> Option<u64> {
        self.entry.permit
    }

    /// The run and the task that it is about.
    pub fn task(&self) -> Option<(&str, u32)> {
        Some((self.entry.run.as_deref()?, self.entry.task?))
    }

    /// The datasets whose data are concerned.
    pub fn datasets(&self) -> &[String] {
        &self.entry.datasets
    }

    /// The objects concerned.
    pub fn objects(&self) -> &[String] {
        &self.entry.objects
    }

    /// Who asked for it; empty for what was done under a permit.
    pub fn caller(&self) -> &str {
        &self.entry.caller
    }

    /// The project on whose behalf; empty if none.
    pub fn project(&self) -> &str {
        &self.entry.project
    }

    /// The subjects whose data are concerned, by pseudonym.
    pub fn subjects(&self) -> &[String] {
        &self.entry.subjects
    }

    /// The run that it is about.
    pub fn run(&self) -> Option<&str> {
        self.entry.run.as_deref()
    }

    /// The hash of the registry's files by which it was decided; empty if none is named.
    pub fn registry(&self) -> &str {
        &self.entry.registry
    }

    /// How many records, from the first, may have been removed by then.
    pub const fn removed(&self) -> Option<u64> {
        self.entry.removed
    }

    /// What a record of a changed access says of it: the registry or the policies, whose key, which subjects, which request,
    /// until when it is approved, what was delegated, or why.
    pub(crate) fn changes(&self) -> Vec<String> {
        let Entry { action, registry, policies, recipient, permit, subjects, facts, reasons, .. } = &self.entry;
        let is = |name: &str| action == name;
        let mut about = Vec::new();
        about.extend(Some(registry).filter(|_| is("load-registry")).map(|digest| format!("registry {digest}")));
        about.extend(policies.first().filter(|_| is("load-policies")).map(|digest| format!("policies {digest}")));
        let named = [
            "refused",
            "request",
            "approved-until",
            "delegation",
            "delegated-action",
            "delegated-to",
            "delegated-days",
            "old-key",
            "kms-key",
        ];
        about.extend(named.iter().filter_map(|name| Some(format!("{name} {}", facts.get(*name)?))));
        about.extend(recipient.iter().map(|key| format!("recipient {key}")));
        about.extend(subjects.iter().map(|subject| format!("subject {subject}")));
        about.extend(permit.map(|number| format!("under {number}")));
        about.extend(reasons.iter().cloned());
        about
    }

    /// Why it was refused.
    pub fn reasons(&self) -> &[String] {
        &self.entry.reasons
    }

    /// The record as it was written, as JSON on one line.
    pub fn json(&self) -> &str {
        &self.json
    }
}

impl fmt::Display for AuditRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = &self.entry;
        let kind = match entry.decision {
            Some(Verdict::Allow) => "allow",
            Some(Verdict::Deny) => "DENY ",
            None => "done ",
        };
        write!(f, "{:>6}  {:.3}  {kind}  {}", self.sequence, entry.at, entry.action)?;
        let mut part = |name: &str, value: &dyn fmt::Display| write!(f, "  {name} {value}");
        if !entry.project.is_empty() {
            part("project", &entry.project)?;
        }
        if let (Some(run), Some(task)) = (&entry.run, entry.task) {
            part("run", &format_args!("{run}/{task}"))?;
        }
        if let Some(tool) = &entry.tool {
            part("tool", tool)?;
        }
        if let Some(permit) = entry.permit {
            part("under", &permit)?;
        }
        if !entry.datasets.is_empty() {
            part("datasets", &entry.datasets.join(", "))?;
        }
        if !entry.subjects.is_empty() {
            part("subjects", &entry.subjects.join(", "))?;
        }
        for object in &entry.objects {
            write!(f, "  {object}")?;
        }
        entry.reasons.iter().try_for_each(|reason| write!(f, "; {reason}"))
    }
}
