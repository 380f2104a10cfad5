//! What made an object, and what was made from it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;
use sluis_access::TaskRecord;
use sluis_model::{Address, RunId, TaskId, TaskKey};

use crate::{
    Finding,
    needs::{RunNeeds, TaskRecords},
};

/// The task that made an object.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Maker {
    /// The run that carried it out.
    pub run: RunId,
    /// The step's path in that run.
    pub step: String,
    /// Its number in that run.
    pub task: TaskId,
    /// Its key in the task cache.
    pub key: TaskKey,
}

/// A task that read an object, or something that was made from it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Dependent {
    /// The task.
    #[serde(flatten)]
    pub task: Maker,
    /// What it made.
    pub outputs: Vec<Address>,
}

impl Maker {
    fn of(record: &TaskRecord) -> Self {
        let TaskRecord { run, step, task, key, .. } = record;
        Self { run: run.clone(), step: step.clone(), task: *task, key: *key }
    }
}

/// Who made and who read every object.
pub(crate) struct Origins<'a> {
    makers: BTreeMap<Address, &'a TaskRecord>,
    readers: BTreeMap<Address, Vec<&'a TaskRecord>>,
    users: Vec<(&'a RunId, BTreeSet<Address>)>,
}

impl<'a> Origins<'a> {
    pub fn of(tasks: &'a TaskRecords, runs: &'a [RunNeeds]) -> Self {
        let mut makers: BTreeMap<Address, &TaskRecord> = BTreeMap::new();
        let mut readers: BTreeMap<Address, Vec<&TaskRecord>> = BTreeMap::new();
        for record in tasks.records.values() {
            for read in &record.inputs {
                readers.entry(*read).or_default().push(record);
            }
            // What a group repeats its tasks made.
            let outputs = record.outputs.iter().filter(|_| !record.is_group());
            for made in outputs.chain([&record.result]).chain(&record.log) {
                // Of two that made the same the first did; a task that gives back what it read made nothing.
                let is_first = makers.get(made).is_none_or(|earlier| record.ended < earlier.ended);
                if is_first && !record.inputs.contains(made) {
                    makers.insert(*made, record);
                }
            }
        }
        let users = runs.iter().map(|needs| (&needs.run.run, needs.objects(tasks))).collect();
        Self { makers, readers, users }
    }

    /// The task that made an object; `None` if it was taken in, or its task is not known any more.
    pub fn maker(&self, address: &Address) -> Option<Maker> {
        self.makers.get(address).map(|record| Maker::of(record))
    }

    /// Whether the object is what a task printed, and nothing else.
    pub fn is_log(&self, address: &Address) -> bool {
        self.makers.get(address).is_some_and(|record| {
            record.log == Some(*address) && record.result != *address && !record.outputs.contains(address)
        })
    }

    /// What is to be told of a damaged object.
    pub fn finding(&self, address: Address, part: String) -> Finding {
        let (made_by, dependents) = (self.maker(&address), self.dependents(&address));
        Finding { address, part, made_by, dependents, runs: self.runs(&address) }
    }

    /// Every task that read the object or something that was made from it, the nearest first.
    pub fn dependents(&self, address: &Address) -> Vec<Dependent> {
        let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
        let mut open = VecDeque::from([*address]);
        while let Some(next) = open.pop_front() {
            for record in self.readers.get(&next).into_iter().flatten() {
                if seen.insert(record.key) {
                    open.extend(&record.outputs);
                    found.push(Dependent { task: Maker::of(record), outputs: record.outputs.clone() });
                }
            }
        }
        found
    }

    /// The runs that need the object.
    pub fn runs(&self, address: &Address) -> Vec<RunId> {
        let needs = self.users.iter().filter(|(_, objects)| objects.contains(address));
        needs.map(|(run, _)| (*run).clone()).collect()
    }
}
