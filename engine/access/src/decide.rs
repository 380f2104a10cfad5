//! Decisions: from a request to a permit or a refusal, written down first.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sluis_model::{Address, Labels, ProjectName};
use sluis_remote::Host;

use crate::{
    AccessError, DataClass, Permit, ReadAction, Refusal, Rule, Site, TaskRequest, Verdict,
    audit::Entry,
    decision::{CALLER, reasons_against, unknown_person},
    error::Reason,
    permit::Purpose,
    registry::Registry,
};

/// What is asked for.
struct Request<'a> {
    purpose: Purpose,
    /// For people, as `run sort for the project personal`.
    action: String,
    project: &'a ProjectName,
    addresses: &'a [Address],
    /// What the log is to say of it.
    entry: Entry,
}

/// The labels of what is asked for, and what is against it.
type Findings = (Labels, Vec<Reason>);

impl Site {
    /// Decides whether data with these labels may be taken in: their dataset, and whose they are.
    ///
    /// # Errors
    /// The refusal with every reason, or what kept the decision from being made or written down.
    pub fn permit_put(&self, project: &ProjectName, labels: &Labels) -> Result<Permit, AccessError> {
        let request = Request {
            purpose: Purpose::Put,
            action: format!("take in data of {labels} for the project {project}"),
            project,
            addresses: &[],
            entry: Entry::new("put"),
        };
        self.decide(request, |_, _| Ok((labels.clone(), of_no_dataset(labels).into_iter().collect())))
    }

    /// Decides whether a file may be fetched from a host and taken in with these labels.
    ///
    /// # Errors
    /// As [`Site::permit_put`].
    pub fn permit_fetch(&self, project: &ProjectName, labels: &Labels, host: &Host) -> Result<Permit, AccessError> {
        let mut entry = Entry::new("put");
        entry.host = Some(host.to_string());
        let request = Request {
            purpose: Purpose::Put,
            action: format!("take in data of {labels} from {host} for the project {project}"),
            project,
            addresses: &[],
            entry,
        };
        self.decide(request, |_, _| {
            let known = &self.config().remote_hosts;
            let reasons = (!known.contains(host)).then(|| Reason {
                text: format!("the host {host} is not among those from which this site takes data"),
                remedy: format!("fetch the file and name the local copy; or, if the host is trusted, add it to `remote-hosts` in site.yaml:\n  remote-hosts: [{host}]"),
            });
            Ok((labels.clone(), reasons.into_iter().chain(of_no_dataset(labels)).collect()))
        })
    }

    /// Decides whether a task may run on its inputs, where it is to run.
    ///
    /// # Errors
    /// As [`Site::permit_put`], and if an input is not there or damaged.
    pub fn permit_task(&self, task: &TaskRequest<'_>) -> Result<Permit, AccessError> {
        let purpose = Purpose::Task { run: task.run.clone(), task: task.task, executor: task.executor.to_owned() };
        let mut entry = Entry::new("run-task");
        entry.run = Some(task.run.to_string());
        entry.task = Some(task.task.0);
        entry.tool = Some(task.tool.to_owned());
        entry.executor = Some(task.executor.to_owned());
        entry.region = task.region.country().to_string();
        let request = Request {
            purpose,
            action: format!("run {} for the project {}", task.tool, task.project),
            project: task.project,
            addresses: task.inputs,
            entry,
        };
        self.decide(request, |registry, now| {
            let (mut labels, mut reasons) = self.labels_for(registry, task.project, task.inputs, now)?;
            labels.join(task.derived_from);
            if task.region != self.region() {
                reasons.push(Reason {
                    text: format!(
                        "the task was to run in {}, the site's machines stand in {}",
                        task.region,
                        self.region()
                    ),
                    remedy: "run it on the site's own machines".to_owned(),
                });
            }
            if task.network && self.config().network_access == Rule::Refuse {
                reasons.push(Reason {
                    text: "the tool asks to reach the network, which this site refuses".to_owned(),
                    remedy: "take NetworkAccess out of the tool; or, where nothing that must stay here can meet the \
                             tool, set `network-access: allow` in site.yaml"
                        .to_owned(),
                });
            }
            Ok((labels, reasons))
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
        let request = Request {
            purpose: Purpose::Read(action),
            action: format!("{} {address} for the project {project}", action.name()),
            project,
            addresses: &addresses,
            entry: Entry::new(action.name()),
        };
        self.decide(request, |registry, now| self.labels_for(registry, project, &addresses, now))
    }

    /// Decides whether the store may be kept in order: objects checked or removed. No project has a part in it.
    pub(crate) fn permit_upkeep(&self, purpose: Purpose, addresses: &[Address]) -> Result<Permit, AccessError> {
        let position = 0;
        let (site, region) = (self.keys().recipient(), self.region());
        let addresses = addresses.iter().copied().collect();
        let (labels, class) = (Labels::default(), DataClass::Controlled);
        let mut permit = Permit { site, purpose, region, addresses, labels, class, position };
        let mut entry = Entry::new(permit.action());
        CALLER.clone_into(&mut entry.caller);
        entry.region = region.country().to_string();
        entry.objects = permit.addresses.iter().map(Address::to_string).collect();
        let found = self.registry().and_then(|registry| {
            self.note_registry(&registry)?;
            entry.registry.clone_from(&registry.digest);
            Ok(unknown_person(&registry))
        });
        let reason =
            found.as_ref().map_or_else(|error| Some(error.to_string()), |reason| Some(reason.as_ref()?.text.clone()));
        entry.decision = Some(if reason.is_none() { Verdict::Allow } else { Verdict::Deny });
        entry.reasons = reason.into_iter().collect();
        permit.position = self.audit().decide(&entry)?;
        match found? {
            None => Ok(permit),
            Some(reason) => {
                let action = format!("{} of the store", permit.action());
                Err(AccessError::Refused(Refusal { action, reasons: vec![reason] }))
            }
        }
    }

    /// The join over the objects of the smallest label set that the project may use; reasons for an object that has
    /// none.
    fn labels_for(
        &self,
        registry: &Registry,
        project: &ProjectName,
        addresses: &[Address],
        now: Timestamp,
    ) -> Result<Findings, AccessError> {
        let (mut joined, mut reasons) = (Labels::default(), Vec::new());
        for address in addresses {
            let object = self.stored(address)?;
            let mut sets = self.label_sets(&object)?;
            if sets.is_empty() {
                // A damaged record may name a body that the label sets are not those of.
                self.record_of(&object)?;
            }
            sets.sort_by_key(|set| (set.datasets.len() + set.subjects.len(), set.clone()));
            let allowed = sets.iter().find(|set| reasons_against(registry, project, set, now).is_empty());
            match (allowed, sets.first()) {
                (Some(set), _) => joined.join(set),
                (None, Some(set)) => reasons.extend(reasons_against(registry, project, set, now)),
                (None, None) => reasons.push(Reason {
                    text: format!("{address} carries no labels"),
                    remedy: "put the file again, so that its dataset is known".to_owned(),
                }),
            }
        }
        Ok((joined, reasons))
    }

    /// Finds what is against a request, writes the decision down, and carries it out: a permit if nothing is.
    fn decide(
        &self,
        request: Request<'_>,
        find: impl FnOnce(&Registry, Timestamp) -> Result<Findings, AccessError>,
    ) -> Result<Permit, AccessError> {
        let Request { purpose, action, project, addresses, mut entry } = request;
        CALLER.clone_into(&mut entry.caller);
        project.as_str().clone_into(&mut entry.project);
        if entry.region.is_empty() {
            entry.region = self.region().country().to_string();
        }
        entry.objects = addresses.iter().map(Address::to_string).collect();
        let found = self.registry().and_then(|registry| {
            self.note_registry(&registry)?;
            entry.registry.clone_from(&registry.digest);
            let (labels, mut reasons) = find(&registry, entry.at)?;
            reasons.extend(reasons_against(&registry, project, &labels, entry.at));
            Ok((registry.class_of(&labels), labels, reasons))
        });
        let (class, labels, mut reasons) = match found {
            Ok(found) => found,
            Err(error) => {
                // What cannot be decided is refused, and that is a decision, too.
                entry.decision = Some(Verdict::Deny);
                entry.reasons = vec![error.to_string()];
                self.audit().decide(&entry)?;
                return Err(error);
            }
        };
        reasons.sort();
        reasons.dedup();
        entry.decision = Some(if reasons.is_empty() { Verdict::Allow } else { Verdict::Deny });
        entry.datasets = labels.datasets.iter().map(ToString::to_string).collect();
        entry.subjects = labels.subjects.iter().map(ToString::to_string).collect();
        entry.reasons = reasons.iter().map(|reason| reason.text.clone()).collect();
        let position = self.audit().decide(&entry)?;
        if !reasons.is_empty() {
            return Err(AccessError::Refused(Refusal { action, reasons }));
        }
        let addresses: BTreeSet<_> = addresses.iter().copied().collect();
        let site = self.keys().recipient();
        Ok(Permit { site, purpose, region: self.region(), addresses, labels, class, position })
    }
}

/// Data come in as part of a dataset: otherwise nobody could say what consent covers them.
fn of_no_dataset(labels: &Labels) -> Option<Reason> {
    labels.datasets.is_empty().then(|| Reason {
        text: "it is said of no dataset that the data are part of it".to_owned(),
        remedy: "name their dataset: --dataset NAME".to_owned(),
    })
}
