//! What each run needs: everything that its journal and its tasks' entries name.

use std::collections::{BTreeMap, BTreeSet};

use sluis_access::{Site, TaskRecord};
use sluis_model::{Address, TaskKey};
use sluis_schedule::{RunSummary, RunsError, TaskSummary, list_runs, read_run};

use crate::UpkeepError;

/// Every entry of the task cache.
#[derive(Clone, Debug, Default)]
pub struct TaskRecords {
    /// Those that can be read.
    pub records: BTreeMap<TaskKey, TaskRecord>,
    /// Those that are damaged, or cannot be read.
    pub damaged: BTreeSet<TaskKey>,
}

impl TaskRecords {
    /// Reads them all.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub fn read(site: &Site) -> Result<Self, UpkeepError> {
        let mut all = Self::default();
        for key in site.store().task_keys()? {
            let key = key?;
            match site.task(&key) {
                Ok(record) => all.records.extend(record.map(|record| (key, record))),
                Err(_) => drop(all.damaged.insert(key)),
            }
        }
        Ok(all)
    }
}

/// Everything that a task read and made.
pub(crate) fn objects_of(record: &TaskRecord) -> impl Iterator<Item = Address> {
    record.inputs.iter().chain(&record.outputs).chain([&record.result]).chain(&record.log).copied()
}

/// A run and what it needs.
#[derive(Clone, Debug)]
pub struct RunNeeds {
    /// The run.
    pub run: RunSummary,
    /// Its tasks.
    pub tasks: BTreeSet<TaskKey>,
}

impl RunNeeds {
    /// Those of all runs of a site.
    ///
    /// # Errors
    /// If a journal cannot be read.
    pub fn read_all(site: &Site) -> Result<Vec<Self>, RunsError> {
        let folder = site.runs_dir();
        let needs = |run| match read_run(&folder, &run) {
            Ok(run) => Some(Ok(Self { tasks: run.tasks.values().filter_map(|task| task.key).collect(), run })),
            // It begins just now, and what it uses is fresh; or it was killed before it named anything.
            Err(RunsError::Headless(_)) => None,
            Err(error) => Some(Err(error)),
        };
        list_runs(&folder)?.into_iter().filter_map(needs).collect()
    }

    /// The objects that it needs, by way of its tasks or by itself.
    pub fn objects(&self, tasks: &TaskRecords) -> BTreeSet<Address> {
        let run = &self.run;
        let own = [run.inputs]
            .into_iter()
            .chain(run.given)
            .chain(run.documents)
            .chain(run.outputs)
            .chain(run.files.iter().copied());
        let failures = run.tasks.values().flat_map(TaskSummary::sealed);
        let records = self.tasks.iter().filter_map(|key| tasks.records.get(key));
        own.chain(failures).chain(records.flat_map(objects_of)).collect()
    }
}
