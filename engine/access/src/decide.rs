//! Decisions: from a request to a permit or a refusal, written down first.

use std::{collections::BTreeSet, sync::Mutex};

use jiff::Timestamp;
use sluis_model::{Address, Labels, ProjectName, Region, RunId};
use sluis_policy::{Action, Execution, Place, Resource, SourceHost};
use sluis_remote::Host;

use crate::{
    AccessError, DataClass, Permit, ReadAction, Refusal, Rule, Site, TaskRequest, Verdict,
    audit::Entry,
    caller::action_of,
    config::executors::LOCAL,
    decision::{Asked, Basis},
    error::Reason,
    intake,
    permit::Purpose,
    standing::Standing,
};

/// What is asked for.
struct Request<'a> {
    purpose: Purpose,
    /// For people, as `run sort for the project personal`.
    action: String,
    asked: Asked<'a>,
    addresses: &'a [Address],
    /// What the log is to say of it.
    entry: Entry,
}

/// What a request concerns, and what is against it beside the policies.
#[derive(Default)]
pub(crate) struct Found {
    pub labels: Labels,
    /// Objects of which it is not known what they were made from.
    pub without_labels: Vec<String>,
    pub reasons: Vec<Reason>,
}

impl From<Labels> for Found {
    fn from(labels: Labels) -> Self {
        Self { labels, ..Self::default() }
    }
}

/// A request that was allowed.
pub(crate) struct Decided {
    /// The number of its record in the audit log.
    pub position: u64,
    pub labels: Labels,
    pub class: DataClass,
    pub asked: Timestamp,
    pub standing: Standing,
}

impl Site {
    /// Decides whether data with these labels may be taken in: their dataset, and whose they are: subjects, or
    /// samples of which the dataset lists the subject.
    ///
    /// # Errors
    /// The refusal with every reason, or what kept the decision from being made or written down.
    pub fn permit_put(&self, project: &ProjectName, labels: &Labels) -> Result<Permit, AccessError> {
        let action = format!("take in data of {labels} for the project {project}");
        self.permit_intake(project, labels, action, Entry::new("put"), None)
    }

    /// Decides whether a file may be fetched from a host and taken in with these labels.
    ///
    /// # Errors
    /// As [`Site::permit_put`].
    pub fn permit_fetch(&self, project: &ProjectName, labels: &Labels, host: &Host) -> Result<Permit, AccessError> {
        let mut entry = Entry::new("put");
        entry.host = Some(host.to_string());
        let action = format!("take in data of {labels} from {host} for the project {project}");
        let source = SourceHost { name: host.to_string(), allowed: self.config().remote_hosts.contains(host) };
        self.permit_intake(project, labels, action, entry, Some(source))
    }

    fn permit_intake(
        &self,
        project: &ProjectName,
        labels: &Labels,
        action: String,
        entry: Entry,
        source: Option<SourceHost>,
    ) -> Result<Permit, AccessError> {
        let resource = labels
            .datasets
            .first()
            .map_or_else(|| Resource::Project(project.clone()), |name| Resource::Dataset(name.clone()));
        let asked = Asked { source, ..self.asked(Action::Submit, resource, Some(project)) };
        let request = Request { purpose: Purpose::Put, action, asked, addresses: &[], entry };
        self.permit(request, |basis, _| {
            let labels = &basis.registry.with_subjects_of_samples(labels);
            let mut reasons = intake::against(basis.registry, labels);
            if basis.registry.class_of(labels) == DataClass::Public {
                let keeping = self.asked(Action::Administer, self.as_resource(), None);
                reasons.extend(intake::against_public(basis, &keeping, labels));
            }
            Ok(Found { reasons, ..Found::from(labels.clone()) })
        })
    }

    /// Decides whether a task may run on its inputs, where it is to run.
    ///
    /// # Errors
    /// As [`Site::permit_put`], and if an input is not there or damaged.
    pub fn permit_task(&self, task: &TaskRequest<'_>) -> Result<Permit, AccessError> {
        let mut entry = Entry::new("run-task");
        entry.run = Some(task.run.to_string());
        entry.task = Some(task.task.0);
        entry.tool = Some(task.tool.to_owned());
        entry.executor = Some(task.executor.to_owned());
        entry.region = task.region.country().to_string();
        let on_site = task.region == self.region();
        let execution = Execution {
            executor: task.executor.to_owned(),
            executor_allowed: self.allows_executor(task.executor),
            on_site,
            // Of other machines nobody has said it.
            confidential: on_site && self.config().executors.confidential,
            tool_network: task.network,
            tool_network_allowed: self.config().network_access == Rule::Allow,
        };
        let asked = self.asked_to_run(task.run, task.project, task.region, execution.clone());
        let (run, project) = (task.run.clone(), task.project.clone());
        let purpose = Purpose::Task { run, task: task.task, project, execution };
        let action = format!("run {} for the project {}", task.tool, task.project);
        let request = Request { purpose, action, asked, addresses: task.inputs, entry };
        self.permit(request, |basis, asked| {
            let mut found = self.labels_for(basis, asked, task.inputs)?;
            found.labels.join(task.derived_from);
            Ok(found)
        })
    }

    /// Decides whether an object may be read for an action.
    ///
    /// # Errors
    /// As [`Site::permit_task`].
    pub fn permit_read(
        &self,
        project: &ProjectName,
        address: &Address,
        action: ReadAction,
    ) -> Result<Permit, AccessError> {
        let addresses = [*address];
        let purpose = Purpose::Read(action);
        let asked = self.asked(action_of(&purpose), Resource::Object(address.to_string()), Some(project));
        let request = Request {
            purpose,
            action: format!("{} {address} for the project {project}", action.name()),
            asked,
            addresses: &addresses,
            entry: Entry::new(action.name()),
        };
        self.permit(request, |basis, asked| self.labels_for(basis, asked, &addresses))
    }

    /// Decides whether the store may be kept in order: objects checked or removed. No project has a part in it.
    pub(crate) fn permit_upkeep(&self, purpose: Purpose, addresses: &[Address]) -> Result<Permit, AccessError> {
        let name = Permit::action_of(&purpose);
        let asked = self.asked(action_of(&purpose), self.as_resource(), None);
        let action = format!("{name} of the store");
        let request = Request { purpose, action, asked, addresses, entry: Entry::new(name) };
        self.permit(request, |_, _| Ok(Found::default()))
    }

    /// Decides whether objects may be read in a way that needs more to be said than who reads them; `against` is what
    /// speaks against it beside the policies.
    pub(crate) fn permit_as(
        &self,
        purpose: Purpose,
        action: String,
        asked: Asked<'_>,
        addresses: &[Address],
        entry: Entry,
        against: Vec<Reason>,
    ) -> Result<Permit, AccessError> {
        let request = Request { purpose, action, asked, addresses, entry };
        self.permit(request, |basis, asked| {
            let found = self.labels_for(basis, asked, addresses)?;
            Ok(Found { reasons: against, ..found })
        })
    }

    /// Tools without a container have the rights of whoever runs the engine.
    fn allows_executor(&self, executor: &str) -> bool {
        let config = self.config();
        if executor == LOCAL {
            return config.identity.is_none() || config.local_executor == Rule::Allow;
        }
        config.executors.allow(executor)
    }

    /// A request for something that is done on the site's own machines.
    pub(crate) fn asked<'a>(&self, action: Action, resource: Resource, project: Option<&'a ProjectName>) -> Asked<'a> {
        Asked {
            action,
            resource,
            project,
            place: Place::in_country(self.region().country()),
            execution: None,
            source: None,
            asked_by: None,
            approved_by: None,
            aggregate: None,
        }
    }

    /// A request for something that runs.
    pub(crate) fn asked_to_run<'a>(
        &self,
        run: &RunId,
        project: &'a ProjectName,
        region: Region,
        execution: Execution,
    ) -> Asked<'a> {
        let asked = self.asked(Action::Submit, Resource::Run(run.to_string()), Some(project));
        Asked { place: Place::in_country(region.country()), execution: Some(execution), ..asked }
    }

    /// The site as that of which something is asked.
    pub(crate) fn as_resource(&self) -> Resource {
        Resource::Site(self.config().name.clone())
    }

    /// The join over the objects of the smallest label set that the project may use; reasons for an object that has
    /// none.
    pub(crate) fn labels_for(
        &self,
        basis: &Basis<'_>,
        asked: &Asked<'_>,
        addresses: &[Address],
    ) -> Result<Found, AccessError> {
        let mut found = Found::default();
        for address in addresses {
            let object = self.stored(address)?;
            let mut sets = self.label_sets(&object)?;
            if sets.is_empty() {
                // A damaged record may name a body that the label sets are not those of.
                self.record_of(&object)?;
            }
            sets.sort_by_key(|set| (set.datasets.len() + set.subjects.len(), set.clone()));
            // Without a choice there is nothing to find out beforehand.
            let allowed = match &*sets {
                [only] => Some(only),
                _ => sets.iter().find(|set| basis.verdict(asked, set, Vec::new()).allowed),
            };
            match allowed.or(sets.first()) {
                Some(set) => found.labels.join(set),
                None => found.without_labels.push(address.to_string()),
            }
        }
        Ok(found)
    }

    /// Decides, and gives a permit for what was asked for.
    fn permit(
        &self,
        request: Request<'_>,
        find: impl FnOnce(&Basis<'_>, &Asked<'_>) -> Result<Found, AccessError>,
    ) -> Result<Permit, AccessError> {
        let Request { purpose, action, asked, addresses, mut entry } = request;
        entry.objects = addresses.iter().map(Address::to_string).collect();
        let Decided { position, labels, class, asked, standing } = self.decide(&asked, action, entry, find)?;
        let addresses: BTreeSet<_> = addresses.iter().copied().collect();
        let site = self.keys().recipient();
        let (region, standing, unflushed) = (self.region(), Mutex::new(standing), Mutex::default());
        Ok(Permit { site, purpose, region, addresses, labels, class, position, asked, standing, unflushed })
    }

    /// Finds what a request concerns and what is against it, and writes the decision down.
    pub(crate) fn decide(
        &self,
        asked: &Asked<'_>,
        action: String,
        mut entry: Entry,
        find: impl FnOnce(&Basis<'_>, &Asked<'_>) -> Result<Found, AccessError>,
    ) -> Result<Decided, AccessError> {
        entry.caller = self.caller().name_without_registry();
        entry.project = asked.project.map_or_else(String::new, ToString::to_string);
        if entry.region.is_empty() {
            entry.region = self.region().country().to_string();
        }
        let found = self.in_force().and_then(|in_force| {
            let registry = &*in_force.registry;
            self.note_refused_registry(&in_force)?;
            let _comes_with_the_decision = self.note_basis(registry)?;
            entry.registry.clone_from(&registry.digest);
            entry.caller = self.caller().told_name(registry);
            let basis = self.basis(registry, entry.at);
            let found = find(&basis, asked)?;
            let facts = basis.facts(asked, &found.labels, found.without_labels.clone());
            entry.facts.extend(crate::facts_told::told(&facts));
            entry.facts.extend(self.caller().visas().into_iter().flat_map(|visas| visas.told(entry.at)));
            let standing = Standing::of(registry, self.caller(), entry.at);
            Ok(((registry.class_of(&found.labels), standing), found, self.policies().decide(&facts)))
        });
        let ((class, standing), Found { labels, mut reasons, .. }, verdict) = match found {
            Ok(found) => found,
            Err(error) => {
                // What cannot be decided is refused, and that is a decision, too.
                entry.decision = Some(Verdict::Deny);
                entry.reasons = vec![error.to_string()];
                self.audit().decide(&entry)?;
                return Err(error);
            }
        };
        entry.policies = verdict.deciding.iter().map(ToString::to_string).collect();
        let is_allowed = verdict.allowed && reasons.is_empty();
        reasons.extend(verdict.reasons.into_iter().map(Reason::from));
        reasons.sort();
        reasons.dedup();
        entry.decision = Some(if is_allowed { Verdict::Allow } else { Verdict::Deny });
        entry.datasets = labels.datasets.iter().map(ToString::to_string).collect();
        if entry.subjects.is_empty() {
            entry.subjects = labels.subjects.iter().map(ToString::to_string).collect();
        }
        entry.reasons = reasons.iter().map(|reason| reason.text.clone()).collect();
        if !is_allowed {
            entry.policies = reasons.iter().map(|reason| reason.policy.clone()).collect();
            entry.policies.sort();
            entry.policies.dedup();
            // Nothing is removed then, so nothing may be missing.
            entry.removed = None;
        }
        if is_allowed {
            entry.duties = verdict.duties.iter().map(ToString::to_string).collect();
        }
        let position = self.audit().decide(&entry)?;
        if is_allowed {
            self.note_duties(verdict.duties);
            Ok(Decided { position, labels, class, asked: entry.at, standing })
        } else {
            Err(AccessError::Refused(Refusal { action, reasons }))
        }
    }
}
