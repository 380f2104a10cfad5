//! Why something is allowed or not, and for whom it would be.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use sluis_model::{Address, DatasetName, Labels, ProjectName};
use sluis_policy::{Action, Explanation, Resource};

use crate::{AccessError, Caller, Site, audit::Entry, decide::Found, decision::Basis};

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

    /// A person as if they had just logged in from where the caller is.
    pub(crate) fn assumed(&self, person: &str) -> Caller {
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
