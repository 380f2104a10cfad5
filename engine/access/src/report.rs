//! The report for the yearly audit: who had access to what in a time, by each state of the registry that was in force in
//! it; who used it, when and for what, and what changed, by the audit log.

mod changes;
mod days;
mod states;
mod uses;

use jiff::{Timestamp, civil::time, tz::Offset};
use serde::Serialize;
use sluis_model::{DatasetName, Labels, ProjectName};
use sluis_policy::{Action, Resource};

use crate::{
    AccessError, AuditFilter, AuditReading, Caller, Site,
    decision::Basis,
    registry::{Project, Registry, Trust},
};

pub use changes::AccessChange;
use changes::Changes;
pub use days::Days;
pub use states::StateInForce;
use states::States;
pub use uses::AccessUse;
use uses::Lines;

/// What the report does not say.
const LIMITS: [&str; 7] = [
    "Days are those of UTC.",
    "Who could have read what is by the policies of today, and takes for granted a login, one of the institute's networks \
     and the visas that are asked for. Consents count as far as they are the dataset's.",
    "A state of the registry is known from the first decision by it until that of the next: what stood in its files without \
     anything being decided by it is not in the log.",
    "What was allowed need not have been done. `opened` says how often a data key was used under it; what is not sealed \
     (public data, where something came from) has none.",
    "Whoever received what was granted or released has it: what they do with it is in no log of this site.",
    "Delegations and approvals are told as they were done. A log of a version that wrote down their decisions alone has these \
     in `sluis audit search`, and not here.",
    "Who is told by another name, as `nobody` for a person whom the registry did not know then, has lines of their own.",
];

/// What the report says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AccessReport {
    /// The days that it is about, by UTC.
    #[serde(flatten)]
    pub days: Days,
    /// The states of the registry that were in force, as the log tells.
    pub states: Vec<StateInForce>,
    /// For each person, project and dataset who or which had to do with each other.
    pub lines: Vec<AccessLine>,
    /// What gave access or took it away.
    pub changes: Vec<AccessChange>,
    /// When the first record of the log was written that is still there: before, nothing is known.
    pub log_begins: Option<Timestamp>,
    /// What the report does not say.
    pub limits: Vec<&'static str>,
}

/// One line of the report: a person, a project and a dataset of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AccessLine {
    /// The person.
    pub person: String,
    /// The project.
    pub project: String,
    /// The dataset.
    pub dataset: String,
    /// When in the time of the report they could read its data, had they logged in, from one of the institute's networks,
    /// with the visas that are asked for.
    pub could_read: Vec<Days>,
    /// Whether they could read its data now, after a fresh login from where the caller is.
    pub may_read: bool,
    /// What of the line the registry does not name any more: `person`, `project`, `dataset`.
    pub gone: Vec<&'static str>,
    /// How often something was allowed to them with its data in the time of the report.
    pub allowed: u64,
    /// How often something was refused to them.
    pub refused: u64,
    /// Since when nothing was allowed any more and something was refused.
    pub refused_since: Option<Timestamp>,
    /// When they last asked.
    pub last: Option<Timestamp>,
    /// What they asked for, day by day.
    pub uses: Vec<AccessUse>,
}

impl Site {
    /// Who could read what on some days, what they did with it and what changed, from the audit log and the states of the
    /// registry that were in force then, by the policies of now.
    ///
    /// # Errors
    /// If the caller may not read the log, it is damaged, or the registry cannot be read.
    pub fn access_report(&self, days: Days) -> Result<AccessReport, AccessError> {
        let (mut lines, mut states) = (Lines::default(), States::default());
        let (mut changes, mut log_begins) = (Changes::default(), None);
        for record in self.read_audit(AuditReading::List, AuditFilter::default())? {
            let record = record?;
            states.take(record.at(), record.registry());
            log_begins.get_or_insert(record.at());
            lines.count(&record, days);
            changes.take(&record, days);
        }
        let mut states = states.during(days, Timestamp::now());
        for state in &mut states {
            if let Some(registry) = self.registry_folder().kept(&state.digest) {
                state.is_kept = true;
                self.report_state(&registry, state.days_within(days), &mut lines);
            }
        }
        self.report_now(&mut lines)?;
        let registry = self.registry()?;
        let mut lines = lines.sorted();
        for line in &mut lines {
            days::join(&mut line.could_read);
            line.gone = gone(&registry, line);
        }
        Ok(AccessReport { days, states, lines, changes: changes.found(), log_begins, limits: LIMITS.to_vec() })
    }

    /// Notes who could read what by a state of the registry on the days on which it was in force.
    fn report_state(&self, registry: &Registry, days: Days, lines: &mut Lines) {
        each_access(registry, |name, project, person, dataset| {
            let caller = self.at_work(registry, person);
            let changes = days::changes(registry, project, person, dataset);
            for part in days.split_at(changes) {
                // All of such a day is alike, and so is its noon.
                let noon = Offset::UTC.to_timestamp(part.from.to_datetime(time(12, 0, 0, 0)));
                if noon.is_ok_and(|noon| self.could_read(registry, &caller, noon, name, dataset)) {
                    lines.line(person, name.as_str(), dataset.as_str()).could_read.push(part);
                }
            }
        });
    }

    fn report_now(&self, lines: &mut Lines) -> Result<(), AccessError> {
        let (registry, now) = (self.registry()?, Timestamp::now());
        each_access(&registry, |name, _, person, dataset| {
            let caller = self.assumed(person);
            let may_read = self.could_read(&registry, &caller, now, name, dataset);
            lines.line(person, name.as_str(), dataset.as_str()).may_read = may_read;
        });
        Ok(())
    }

    fn could_read(
        &self,
        registry: &Registry,
        caller: &Caller,
        now: Timestamp,
        project: &ProjectName,
        dataset: &DatasetName,
    ) -> bool {
        let basis = Basis { caller, ..self.basis(registry, now) };
        let asked = self.asked(Action::Read, Resource::Dataset(dataset.clone()), Some(project));
        basis.verdict(&asked, &Labels::of_dataset(dataset.clone()), Vec::new()).allowed
    }

    /// A person as if they had just logged in, from every network that the registry trusts.
    fn at_work(&self, registry: &Registry, person: &str) -> Caller {
        let trusted = registry.institutions.values().filter(|known| known.trust == Trust::Trusted);
        let ranges = trusted.flat_map(|known| known.networks.values().flatten());
        self.assumed(person).from_addresses(ranges.map(|range| range.network()).collect())
    }
}

/// What of a line the registry does not name.
fn gone(registry: &Registry, line: &AccessLine) -> Vec<&'static str> {
    // A program is told with the person for whom it acts.
    let person = line.person.rsplit(" for ").next().unwrap_or_default();
    let project = registry.projects.keys().any(|name| name.as_str() == line.project);
    let dataset = registry.datasets.keys().any(|name| name.as_str() == line.dataset);
    let named = [("person", registry.people.contains_key(person)), ("project", project), ("dataset", dataset)];
    named.into_iter().filter(|(_, is_named)| !is_named).map(|(what, _)| what).collect()
}

/// Every member of a project with every dataset of it.
fn each_access(registry: &Registry, mut visit: impl FnMut(&ProjectName, &Project, &str, &DatasetName)) {
    for (name, project) in &registry.projects {
        for person in &project.members {
            project.datasets.iter().for_each(|dataset| visit(name, project, person, dataset));
        }
    }
}
