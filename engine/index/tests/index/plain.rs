//! The same answers without an index: everything is read, each time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sluis_access::{Site, TaskRecord, Verdict};
use sluis_model::{Address, RunId, TaskKey};
use sluis_schedule::{RunState, RunSummary, list_runs, read_run};

fn records(site: &Site) -> Vec<TaskRecord> {
    site.tasks().unwrap().collect::<Result<_, _>>().unwrap()
}

fn runs(site: &Site) -> Vec<RunSummary> {
    let folder = site.runs_dir();
    list_runs(&folder).unwrap().iter().map(|run| read_run(&folder, run).unwrap()).collect()
}

fn made(record: &TaskRecord) -> BTreeSet<Address> {
    let left = record.outputs.iter().chain([&record.result]).chain(&record.log);
    left.filter(|left| !record.inputs.contains(left)).copied().collect()
}

/// Each object that derives from one, with the key of the first task that made it from that.
pub fn derived(site: &Site, origin: &Address) -> BTreeMap<Address, TaskKey> {
    let records = records(site);
    let mut from = BTreeSet::from([*origin]);
    loop {
        let reading = |record: &&TaskRecord| record.inputs.iter().any(|input| from.contains(input));
        let more: BTreeSet<_> = records.iter().filter(reading).flat_map(made).collect();
        if more.is_subset(&from) {
            break;
        }
        from.extend(more);
    }
    let mut first: BTreeMap<Address, &TaskRecord> = BTreeMap::new();
    for record in records.iter().filter(|record| record.inputs.iter().any(|input| from.contains(input))) {
        for made in made(record) {
            let earliest = first.entry(made).or_insert(record);
            if (record.ended, record.key) < (earliest.ended, earliest.key) {
                *earliest = record;
            }
        }
    }
    first.remove(origin);
    first.into_iter().map(|(address, record)| (address, record.key)).collect()
}

/// The keys of the tasks behind an object, and the objects that no task made.
pub fn behind(site: &Site, object: &Address) -> (Vec<TaskKey>, Vec<Address>) {
    let records = records(site);
    let (mut tasks, mut origins) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::from([*object]);
    let mut open = VecDeque::from([*object]);
    while let Some(next) = open.pop_front() {
        let makers = records.iter().filter(|record| made(record).contains(&next));
        let Some(maker) = makers.min_by_key(|record| (record.ended, record.key)) else {
            origins.push(next);
            continue;
        };
        if !tasks.contains(&maker.key) {
            tasks.push(maker.key);
            open.extend(maker.inputs.iter().filter(|input| seen.insert(**input)));
        }
    }
    (tasks, origins)
}

/// The runs that were permitted to use a dataset.
pub fn runs_using(site: &Site, dataset: &str) -> BTreeSet<RunId> {
    let mut permitted = BTreeSet::new();
    for record in site.audit().records().unwrap() {
        let record = record.unwrap();
        if record.verdict() == Some(Verdict::Allow)
            && record.datasets().iter().any(|name| name == dataset)
            && let Some((run, task)) = record.task()
        {
            permitted.insert((run.parse::<RunId>().unwrap(), task));
        }
    }
    let records = records(site);
    let made_by =
        |key| records.iter().find(|record| Some(record.key) == key).map(|made| (made.run.clone(), made.task.0));
    let used = |run: &RunSummary| {
        let mut cached = run.tasks.values().filter(|task| task.cached).filter_map(|task| made_by(task.key));
        cached.any(|made_by| permitted.contains(&made_by))
    };
    let cached = runs(site).into_iter().filter(used).map(|run| run.run);
    permitted.iter().map(|(run, _)| run.clone()).chain(cached).collect()
}

/// The newest complete run of a workflow that was given an object.
pub fn newest(site: &Site, workflow: &str, input: &Address) -> Option<RunId> {
    let records = records(site);
    let is_given = |run: &RunSummary| {
        let keys: BTreeSet<_> = run.tasks.values().filter_map(|task| task.key).collect();
        let of_run = || records.iter().filter(|record| keys.contains(&record.key));
        run.inputs == *input
            || of_run().any(|record| record.inputs.contains(input))
                && !of_run().any(|record| made(record).contains(input))
    };
    let complete = runs(site).into_iter().filter(|run| run.state == RunState::Complete && run.workflow == workflow);
    complete.filter(is_given).max_by_key(|run| (run.ended, run.run.clone())).map(|run| run.run)
}
