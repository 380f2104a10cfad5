//! Lineage: the tasks behind an object or a run, back to the data that were taken in.

use std::collections::BTreeSet;

use serde::Serialize;
use sluis_access::{AccessError, ReadAction, Site, TaskRecord};
use sluis_index::{Index, IndexError};
use sluis_model::{Address, Labels, ProjectName};
use sluis_schedule::RunSummary;

/// Why a lineage could not be told.
#[derive(Debug, thiserror::Error)]
pub enum LineageError {
    /// The site refused or failed.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The task records could not be searched.
    #[error(transparent)]
    Index(#[from] IndexError),
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
    pub fn of_object(
        site: &Site,
        index: &mut Index<'_>,
        project: &ProjectName,
        address: &Address,
    ) -> Result<Self, LineageError> {
        if !site.store().contains(address).map_err(AccessError::from)? {
            return Err(LineageError::Unknown(*address));
        }
        let permit = site.permit_read(project, address, ReadAction::Provenance)?;
        let behind = index.behind(&permit, address)?;
        let tasks = behind.tasks.into_iter().map(|record| LineageTask { record, cached: false }).collect();
        let origins = behind.origins.into_iter().map(|address| origin(site, address)).collect::<Result<_, _>>()?;
        Ok(Self { tasks, origins })
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
        let origins =
            read.difference(&made).map(|address| origin(site, *address)).collect::<Result<_, LineageError>>()?;
        Ok(Self { tasks, origins })
    }
}

fn origin(site: &Site, address: Address) -> Result<Origin, LineageError> {
    Ok(Origin { address, labels: site.facts(&address)?.labels })
}
