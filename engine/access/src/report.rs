//! The report for the yearly audit: who had access to what in a time, by each state of the registry that was in force in
//! it, and what they did with it, by the audit log.

mod days;
mod states;

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::time, tz::Offset};
use serde::Serialize;
use sluis_model::{DatasetName, Labels, ProjectName};
use sluis_policy::{Action, Resource};

use crate::{
    AccessError, AuditFilter, AuditReading, AuditRecord, Caller, Site, Verdict,
    decision::{Basis, day_of},
    registry::{Project, Registry, Trust},
};

pub use days::Days;
pub use states::StateInForce;
use states::States;

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
    /// How often something was allowed to them with its data in the time of the report.
    pub allowed: u64,
    /// How often something was refused to them.
    pub refused: u64,
    /// When they last asked.
    pub last: Option<Timestamp>,
}

/// The lines by person, project and dataset.
#[derive(Default)]
struct Lines(BTreeMap<(String, String, String), AccessLine>);

impl Lines {
    fn line(&mut self, person: &str, project: &str, dataset: &str) -> &mut AccessLine {
        let key = (person.to_owned(), project.to_owned(), dataset.to_owned());
        let (person, project, dataset) = key.clone();
        let new = || AccessLine {
            person,
            project,
            dataset,
            could_read: Vec::new(),
            may_read: false,
            allowed: 0,
            refused: 0,
            last: None,
        };
        self.0.entry(key).or_insert_with(new)
    }

    /// Counts what somebody did, or wanted to do.
    fn count(&mut self, record: &AuditRecord) {
        let Some(verdict) = record.verdict() else { return };
        for dataset in record.datasets() {
            let line = self.line(record.caller(), record.project(), dataset);
            match verdict {
                Verdict::Allow => line.allowed += 1,
                Verdict::Deny => line.refused += 1,
            }
            line.last = line.last.max(Some(record.at()));
        }
    }
}

impl Site {
    /// Who could read what on some days, and what they did with it, from the audit log and the states of the registry
    /// that were in force then, by the policies of now.
    ///
    /// # Errors
    /// If the caller may not read the log, it is damaged, or the registry cannot be read.
    pub fn access_report(&self, days: Days) -> Result<AccessReport, AccessError> {
        let (mut lines, mut states) = (Lines::default(), States::default());
        for record in self.read_audit(AuditReading::List, AuditFilter::default())? {
            let record = record?;
            states.take(record.at(), record.registry());
            if days.contain(day_of(record.at())) {
                lines.count(&record);
            }
        }
        let mut states = states.during(days, Timestamp::now());
        for state in &mut states {
            if let Some(registry) = self.registry_folder().kept(&state.digest) {
                state.is_kept = true;
                self.report_state(&registry, state.days_within(days), &mut lines);
            }
        }
        self.report_now(&mut lines)?;
        let mut lines: Vec<_> = lines.0.into_values().collect();
        lines.iter_mut().for_each(|line| days::join(&mut line.could_read));
        Ok(AccessReport { days, states, lines })
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

/// Every member of a project with every dataset of it.
fn each_access(registry: &Registry, mut visit: impl FnMut(&ProjectName, &Project, &str, &DatasetName)) {
    for (name, project) in &registry.projects {
        for person in &project.members {
            project.datasets.iter().for_each(|dataset| visit(name, project, person, dataset));
        }
    }
}
