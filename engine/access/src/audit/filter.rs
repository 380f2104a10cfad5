//! Which records somebody looks for.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{AuditRecord, Verdict};

/// How a record was decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Permitted.
    Allowed,
    /// Refused.
    Denied,
    /// Not a decision: done under one.
    Done,
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allow",
            Self::Denied => "deny",
            Self::Done => "done",
        }
    }
}

/// What records must have in common to be found; what is `None` does not matter.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditFilter {
    /// Who asked.
    pub caller: Option<String>,
    /// On behalf of which project.
    pub project: Option<String>,
    /// With data of which dataset.
    pub dataset: Option<String>,
    /// With whose data, by pseudonym.
    pub subject: Option<String>,
    /// With which object, by its address or the beginning of it.
    pub object: Option<String>,
    /// In which run, by its identifier or the beginning of it.
    pub run: Option<String>,
    /// What was asked for or done.
    pub action: Option<String>,
    /// How it was decided.
    pub outcome: Option<Outcome>,
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
}

impl AuditFilter {
    /// Whether a record is one of those.
    pub fn finds(&self, record: &AuditRecord) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        let among = |wanted: &Option<String>, found: &[String]| wanted.as_ref().is_none_or(|name| found.contains(name));
        let begins = |wanted: &Option<String>, mut found: std::slice::Iter<'_, String>| {
            wanted.as_ref().is_none_or(|start| found.any(|one| one.starts_with(start)))
        };
        let outcome = match record.verdict() {
            Some(Verdict::Allow) => Outcome::Allowed,
            Some(Verdict::Deny) => Outcome::Denied,
            None => Outcome::Done,
        };
        is(&self.caller, record.caller())
            && is(&self.project, record.project())
            && is(&self.action, record.action())
            && among(&self.dataset, record.datasets())
            && among(&self.subject, record.subjects())
            && begins(&self.object, record.objects().iter())
            && self.run.as_ref().is_none_or(|start| record.run().is_some_and(|run| run.starts_with(start)))
            && self.outcome.is_none_or(|wanted| wanted == outcome)
            && self.from.is_none_or(|from| record.at() >= from)
            && self.to.is_none_or(|to| record.at() < to)
    }

    /// What is looked for, by the names of the command line.
    pub(super) fn told(&self) -> BTreeMap<String, String> {
        let texts = [
            ("person", &self.caller),
            ("project", &self.project),
            ("dataset", &self.dataset),
            ("subject", &self.subject),
            ("object", &self.object),
            ("run", &self.run),
            ("action", &self.action),
        ];
        let texts = texts.map(|(name, value)| (name, value.clone()));
        let times = [("from", self.from), ("to", self.to)].map(|(name, at)| (name, at.map(|at| at.to_string())));
        let decision = self.outcome.map(|outcome| outcome.name().to_owned());
        let all = texts.into_iter().chain(times).chain([("decision", decision)]);
        all.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}
