//! What there is: objects, runs and requests by name. Whom a list is shown, and what of it, is decided as well.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sluis_model::{Labels, ProjectName, RunId};
use sluis_policy::{Action, Resource};

use crate::{
    AccessError, ExportRequest, ObjectFacts, Registry, Site,
    audit::Entry,
    decide::Found,
    decision::{Asked, Basis},
};

/// Of which projects somebody may see what there is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Visible {
    /// Of all: they keep the site.
    Everything,
    /// Of these.
    Projects(BTreeSet<ProjectName>),
}

impl Visible {
    /// Whether what belongs to a project may be shown.
    pub fn shows(&self, project: &ProjectName) -> bool {
        match self {
            Self::Everything => true,
            Self::Projects(projects) => projects.contains(project),
        }
    }
}

impl Site {
    /// The objects of the store, with those of their label sets by which the caller may see where they came from, on
    /// behalf of any project that they are a member of. Who keeps the site sees all.
    ///
    /// # Errors
    /// If the caller may see nothing of it, or the store cannot be read.
    pub fn list_objects(&self) -> Result<Vec<ObjectFacts>, AccessError> {
        let visible = self.decide_listing("list-objects", None, None)?;
        let registry = self.registry()?;
        let basis = self.basis(&registry, Timestamp::now());
        let mut listed = Vec::new();
        for address in self.store().addresses()? {
            let mut facts = self.facts(&address?)?;
            if let Visible::Projects(projects) = &visible {
                let resource = Resource::Object(facts.address.to_string());
                facts.labels.retain(|labels| self.is_visible(&basis, &resource, labels, projects));
                if facts.labels.is_empty() {
                    continue;
                }
            }
            listed.push(facts);
        }
        Ok(listed)
    }

    /// Decides of which projects the caller may see the runs: of those that they are a member of. Who keeps the site
    /// sees all.
    ///
    /// # Errors
    /// If they may see those of none.
    pub fn permit_runs(&self) -> Result<Visible, AccessError> {
        self.decide_listing("list-runs", None, None)
    }

    /// Decides whether the caller may see how a run of a project went.
    ///
    /// # Errors
    /// If they may not.
    pub fn permit_run_status(&self, project: &ProjectName, run: &RunId) -> Result<(), AccessError> {
        self.decide_listing("show-run", Some(project), Some(run)).map(drop)
    }

    /// The requests to let objects leave that the caller may see, the oldest first: their own; all, if they may decide
    /// about them, as who may refuse them does.
    ///
    /// # Errors
    /// If a request cannot be read or was changed, or the caller may see nothing.
    pub fn list_export_requests(&self) -> Result<Vec<ExportRequest>, AccessError> {
        const NAME: &str = "list-requests";
        let mut requests = self.export_requests()?;
        let registry = self.registry()?;
        let basis = self.basis(&registry, Timestamp::now());
        let decides = |request: &ExportRequest| {
            let asked = self.asked(Action::Refuse, Resource::Project(request.project.clone()), Some(&request.project));
            basis.verdict(&asked, &Labels::default(), Vec::new()).allowed
        };
        if let Some(first) = requests.iter().find(|request| decides(request)) {
            let asked = self.asked(Action::Refuse, Resource::Project(first.project.clone()), Some(&first.project));
            self.decide_to_list(&asked, NAME, None)?;
            requests.retain(decides);
            return Ok(requests);
        }
        let visible = self.decide_listing(NAME, None, None)?;
        let own = self.caller_name();
        requests.retain(|request| request.asked_by == own && visible.shows(&request.project));
        Ok(requests)
    }

    fn decide_listing(
        &self,
        name: &'static str,
        project: Option<&ProjectName>,
        run: Option<&RunId>,
    ) -> Result<Visible, AccessError> {
        let registry = self.registry()?;
        let keeping = self.asked(Action::Administer, self.as_resource(), None);
        let keeps = self.basis(&registry, Timestamp::now()).verdict(&keeping, &Labels::default(), Vec::new()).allowed;
        let projects = project.map_or_else(|| self.own_projects(&registry), |project| vec![project.clone()]);
        if keeps || projects.is_empty() {
            self.decide_to_list(&keeping, name, run)?;
            return Ok(Visible::Everything);
        }
        let (mut visible, mut refused) = (BTreeSet::new(), None);
        for project in projects {
            let asked = self.asked(Action::ViewProvenance, Resource::Project(project.clone()), Some(&project));
            match self.decide_to_list(&asked, name, run) {
                Ok(()) => drop(visible.insert(project)),
                Err(error @ AccessError::Refused(_)) => drop(refused.get_or_insert(error)),
                Err(error) => return Err(error),
            }
        }
        match refused {
            Some(error) if visible.is_empty() => Err(error),
            _ => Ok(Visible::Projects(visible)),
        }
    }

    fn decide_to_list(&self, asked: &Asked<'_>, name: &'static str, run: Option<&RunId>) -> Result<(), AccessError> {
        let mut entry = Entry::new(name);
        entry.run = run.map(ToString::to_string);
        let of = asked.project.map_or_else(String::new, |project| format!(" of the project {project}"));
        self.decide(asked, format!("{name}{of}"), entry, |_, _| Ok(Found::default())).map(drop)
    }

    /// The projects of which the caller, or the person for whom a program acts, is a member.
    fn own_projects(&self, registry: &Registry) -> Vec<ProjectName> {
        let own = self.caller().name(registry);
        let projects = registry.projects.iter().filter(|(_, project)| project.members.contains(&own));
        projects.map(|(name, _)| name.clone()).collect()
    }

    fn is_visible(
        &self,
        basis: &Basis<'_>,
        resource: &Resource,
        labels: &Labels,
        projects: &BTreeSet<ProjectName>,
    ) -> bool {
        projects.iter().any(|project| {
            let asked = self.asked(Action::ViewProvenance, resource.clone(), Some(project));
            basis.verdict(&asked, labels, Vec::new()).allowed
        })
    }
}
