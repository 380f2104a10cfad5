//! Lineage: the tasks behind an object or a run, back to the data that were taken in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;
use sluis_access::{AccessError, ReadAction, Site, TaskRecord};
use sluis_model::{Address, Labels, ProjectName, TaskKey};
use sluis_schedule::RunSummary;

/// Why a lineage could not be told.
#[derive(Debug, thiserror::Error)]
pub enum LineageError {
    /// The site refused or failed.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// There is no such object.
    #[error("there is no object {0}; `sluis ls` lists the objects")]
    Unknown(Address),
}

/// The tasks behind something, the last ones first, and the data with which they began.
#[derive(Clone, Debug, Serialize)]
pub struct Lineage {
    /// Each task once; a task stands before those whose outputs it read.
    pub tasks: Vec<LineageTask>,
    /// The objects that no task made.
    pub origins: Vec<Origin>,
}

/// One task of a lineage.
#[derive(Clone, Debug, Serialize)]
pub struct LineageTask {
    /// What the task cache keeps of it; in a run's lineage with the step of that run.
    #[serde(flatten)]
    pub record: TaskRecord,
    /// Whether the run in question used it from an earlier run.
    pub cached: bool,
}

/// An object that was taken in.
#[derive(Clone, Debug, Serialize)]
pub struct Origin {
    /// The object.
    pub address: Address,
    /// The datasets it was taken in for; several if it was taken in more than once.
    pub labels: Vec<Labels>,
}

impl Lineage {
    /// Everything behind one object.
    ///
    /// # Errors
    /// If the project may not see the object, or a record is damaged.
    pub fn of_object(site: &Site, project: &ProjectName, address: &Address) -> Result<Self, LineageError> {
        if !site.store().contains(address).map_err(AccessError::from)? {
            return Err(LineageError::Unknown(*address));
        }
        site.permit_read(project, address, ReadAction::Provenance)?;
        let mut makers: BTreeMap<Address, TaskKey> = BTreeMap::new();
        let mut records: BTreeMap<TaskKey, TaskRecord> = BTreeMap::new();
        for record in site.tasks()? {
            let record = record?;
            for made in record.outputs.iter().chain([&record.result]).chain(&record.log) {
                keep_earliest(&mut makers, &records, *made, &record);
            }
            records.insert(record.key, record);
        }
        let mut lineage = Self { tasks: Vec::new(), origins: Vec::new() };
        let mut seen = BTreeSet::from([*address]);
        let mut told = BTreeSet::new();
        let mut open = VecDeque::from([*address]);
        while let Some(next) = open.pop_front() {
            let Some(record) = makers.get(&next).and_then(|key| records.get(key)) else {
                lineage.origins.push(Origin { address: next, labels: site.facts(&next)?.labels });
                continue;
            };
            if told.insert(record.key) {
                open.extend(record.inputs.iter().filter(|input| seen.insert(**input)));
                lineage.tasks.push(LineageTask { record: record.clone(), cached: false });
            }
        }
        Ok(lineage)
    }

    /// The tasks of one run, cached ones included, in order of their end.
    ///
    /// # Errors
    /// If a record is missing access or damaged.
    pub fn of_run(site: &Site, run: &RunSummary) -> Result<Self, LineageError> {
        site.permit_read(&run.project, &run.inputs, ReadAction::Provenance)?;
        let mut tasks = Vec::new();
        for task in run.tasks.values() {
            if let Some(key) = &task.key
                && let Some(record) = site.task(key)?
            {
                // A cached task may have been made by another step, of this run or of another.
                let record = TaskRecord { step: task.step.clone(), ..record };
                tasks.push(LineageTask { record, cached: task.cached });
            }
        }
        let made: BTreeSet<Address> = tasks.iter().flat_map(|task| task.record.outputs.iter().copied()).collect();
        let read: BTreeSet<Address> = tasks.iter().flat_map(|task| task.record.inputs.iter().copied()).collect();
        let origins = read
            .difference(&made)
            .map(|address| Ok(Origin { address: *address, labels: site.facts(address)?.labels }))
            .collect::<Result<_, LineageError>>()?;
        Ok(Self { tasks, origins })
    }
}

/// Of two tasks that made the same content, the one that ended first is its maker: the other only found it again.
/// A task that read the content and gave it back made nothing.
fn keep_earliest(
    makers: &mut BTreeMap<Address, TaskKey>,
    records: &BTreeMap<TaskKey, TaskRecord>,
    made: Address,
    record: &TaskRecord,
) {
    if record.inputs.contains(&made) {
        return;
    }
    let earlier = makers.get(&made).and_then(|key| records.get(key));
    if earlier.is_none_or(|earlier| record.ended < earlier.ended) {
        makers.insert(made, record.key);
    }
}
