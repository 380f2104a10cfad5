//! Why something is allowed or not, for whom it would be, and who had access to what.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use sluis_model::{Address, DatasetName, Labels, ProjectName};
use sluis_policy::{Action, Explanation, Resource};

use crate::{
    AccessError, AuditFilter, AuditReading, Caller, Site, Verdict, audit::Entry, decide::Found, decision::Basis,
};

/// What a question is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Thing {
    /// A dataset.
    Dataset(DatasetName),
    /// A stored object.
    Object(Address),
    /// The site itself: its store, its log, its registry.
    Site,
}

/// What somebody would want to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// What.
    pub action: Action,
    /// With what.
    pub thing: Thing,
    /// On behalf of which project.
    pub project: Option<ProjectName>,
}

/// Somebody who could do something, and on behalf of which project.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Able {
    /// The person's name in the registry.
    pub person: String,
    /// The project; none where no project has a part in it.
    pub project: Option<ProjectName>,
    /// What would be against it if they had none of the visas that they are taken to have.
    pub visas: Vec<String>,
}

/// One line of the yearly report: a person, a project and a dataset of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AccessLine {
    /// The person.
    pub person: String,
    /// The project.
    pub project: String,
    /// The dataset.
    pub dataset: String,
    /// Whether they could read its data now, after a fresh login.
    pub may_read: bool,
    /// How often something was allowed to them with its data in the time of the report.
    pub allowed: u64,
    /// How often something was refused to them.
    pub refused: u64,
    /// When they last asked.
    pub last: Option<Timestamp>,
}

impl Site {
    /// Explains what would be decided for a person of the registry after a fresh login from where the caller is; for
    /// the caller as they are if no person is named. A question about others is written down.
    ///
    /// # Errors
    /// If the caller asks about others and may not, or the object is not there.
    pub fn explain(&self, person: Option<&str>, question: &Question) -> Result<Explanation, AccessError> {
        let registry = self.registry()?;
        let own = self.caller().name(&registry);
        let caller = match person {
            Some(name) if name != own => {
                self.ask_about_others("explain-access")?;
                Caller::assumed(name, self.caller().addresses())
            }
            _ => self.caller().clone(),
        };
        let basis = Basis { caller: &caller, ..self.basis(&registry, Timestamp::now()) };
        self.explain_for(&basis, question)
    }

    /// Everybody who could do something now, after a fresh login from where the caller is.
    ///
    /// # Errors
    /// As [`Site::explain`].
    pub fn who_can(&self, question: &Question) -> Result<BTreeSet<Able>, AccessError> {
        self.ask_about_others("who-can-access")?;
        let registry = self.registry()?;
        let mut able = BTreeSet::new();
        let projects: Vec<Option<ProjectName>> = match (&question.project, &question.thing) {
            (Some(project), _) => vec![Some(project.clone())],
            (None, Thing::Site) => vec![None],
            (None, _) => registry.projects.keys().cloned().map(Some).collect(),
        };
        for project in projects {
            let question = Question { project: project.clone(), ..question.clone() };
            for person in registry.people.keys() {
                let caller = self.assumed(person);
                let basis = Basis { caller: &caller, ..self.basis(&registry, Timestamp::now()) };
                if self.explain_for(&basis, &question)?.verdict.allowed {
                    let without = caller.without_visas();
                    let basis = Basis { caller: &without, ..basis };
                    let against = self.explain_for(&basis, &question)?.verdict.reasons;
                    let visas = against.into_iter().map(|reason| reason.text).collect();
                    able.insert(Able { person: person.clone(), project: project.clone(), visas });
                }
            }
        }
        Ok(able)
    }

    /// Who could read what, and what they did with it since a time, from the registry and the audit log.
    ///
    /// # Errors
    /// If the caller may not read the log, or it is damaged.
    pub fn access_report(&self, since: Timestamp) -> Result<Vec<AccessLine>, AccessError> {
        let registry = self.registry()?;
        let mut lines: BTreeMap<(String, String, String), AccessLine> = BTreeMap::new();
        let new = |key: &(String, String, String)| AccessLine {
            person: key.0.clone(),
            project: key.1.clone(),
            dataset: key.2.clone(),
            may_read: false,
            allowed: 0,
            refused: 0,
            last: None,
        };
        for record in self.read_audit(AuditReading::List, AuditFilter::default())? {
            let record = record?;
            let Some(verdict) = record.verdict().filter(|_| record.at() >= since) else { continue };
            for dataset in record.datasets() {
                let key = (record.caller().to_owned(), record.project().to_owned(), dataset.clone());
                let line = lines.entry(key.clone()).or_insert_with(|| new(&key));
                match verdict {
                    Verdict::Allow => line.allowed += 1,
                    Verdict::Deny => line.refused += 1,
                }
                line.last = line.last.max(Some(record.at()));
            }
        }
        for (name, project) in &registry.projects {
            for (person, dataset) in
                project.members.iter().flat_map(|member| project.datasets.iter().map(move |one| (member, one)))
            {
                let key = (person.clone(), name.to_string(), dataset.to_string());
                let caller = self.assumed(person);
                let basis = Basis { caller: &caller, ..self.basis(&registry, Timestamp::now()) };
                let question = Question {
                    action: Action::Read,
                    thing: Thing::Dataset(dataset.clone()),
                    project: Some(name.clone()),
                };
                let line = lines.entry(key.clone()).or_insert_with(|| new(&key));
                line.may_read = self.explain_for(&basis, &question)?.verdict.allowed;
            }
        }
        Ok(lines.into_values().collect())
    }

    fn assumed(&self, person: &str) -> Caller {
        if self.config().identity.is_none() {
            return Caller::self_issued();
        }
        Caller::assumed(person, self.caller().addresses())
    }

    /// Who may do what is about people: it is asked by those who may read the audit log.
    fn ask_about_others(&self, what: &str) -> Result<(), AccessError> {
        let asked = self.asked(Action::Audit, self.as_resource(), None);
        self.decide(&asked, format!("{what} about others"), Entry::new(what), |_, _| Ok(Found::default())).map(drop)
    }

    fn explain_for(&self, basis: &Basis<'_>, question: &Question) -> Result<Explanation, AccessError> {
        let (resource, labels, without_labels) = match &question.thing {
            Thing::Dataset(name) => (Resource::Dataset(name.clone()), Labels::of_dataset(name.clone()), Vec::new()),
            Thing::Site => (self.as_resource(), Labels::default(), Vec::new()),
            Thing::Object(address) => {
                let asked =
                    self.asked(question.action, Resource::Object(address.to_string()), question.project.as_ref());
                let found = self.labels_for(basis, &asked, &[*address])?;
                (asked.resource, found.labels, found.without_labels)
            }
        };
        let asked = self.asked(question.action, resource, question.project.as_ref());
        Ok(self.policies().explain(&basis.facts(&asked, &labels, without_labels)))
    }
}
