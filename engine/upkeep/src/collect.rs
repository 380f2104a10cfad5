//! Garbage collection: what no run and no pin needs, and what belongs to nothing, goes once it is old enough.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use serde::Serialize;
use sluis_access::{Permit, Pin, Site, TaskRecord};
use sluis_model::{Address, RunId, TaskKey};
use sluis_store::{Inventory, Leftover, Pinned, StoredParts};

use crate::{
    UpkeepError,
    needs::{RunNeeds, TaskRecords, objects_of},
};

/// What is pinned, with the notes on it.
type Pins = [(Pinned, Option<Pin>)];

/// So many at a time: each time costs a few flushes of the disk, and a record of the audit log.
const BATCH: usize = 128;

/// What is garbage.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Nothing is removed that was written or used within this time.
    pub grace: Duration,
    /// Runs that ended longer ago than this need nothing any more; `None` if all runs count.
    pub runs_older_than: Option<Duration>,
    /// Whether only to tell what would go.
    pub dry_run: bool,
}

/// Why something goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// An object that only runs need that ended long ago.
    EndedRun,
    /// An object that was made in a run whose journal is not there any more.
    GoneRun,
    /// An object that no run and no pin ever named.
    NeverReached,
    /// A task entry that no living run refers to.
    TaskEntry,
    /// A body without a record, or one of its header packets.
    OrphanedBody,
    /// A header packet without a body.
    OrphanedPacket,
    /// A label set of a body that its object has no more.
    OrphanedLabels,
    /// A part of an object that was set aside.
    Damaged,
}

impl From<Leftover> for Why {
    fn from(kind: Leftover) -> Self {
        match kind {
            Leftover::Body => Self::OrphanedBody,
            Leftover::Packet => Self::OrphanedPacket,
            Leftover::Labels => Self::OrphanedLabels,
            Leftover::Damaged => Self::Damaged,
        }
    }
}

/// One thing that goes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Garbage {
    /// The address, task key or name.
    pub name: String,
    /// Why.
    pub why: Why,
    /// Bytes as they were stored.
    pub size: u64,
}

/// What a collection did, or would do.
#[derive(Clone, Debug, Serialize)]
pub struct Collection {
    /// What went, or would go.
    pub garbage: Vec<Garbage>,
    /// Objects whose records are damaged: as long as there are any, bodies and packets without a record stay, since they
    /// may be theirs.
    pub unreadable: Vec<Address>,
}

/// Removes what is garbage, or tells what is. Either is decided first.
///
/// # Errors
/// If it cannot be told what is needed, the decision is no, or the store or the audit log cannot be written. What is
/// removed by then is in the audit log, and what was begun is finished by the next collection.
pub fn collect(site: &Site, options: &Options) -> Result<Collection, UpkeepError> {
    let _lock = site.lock_removals(false)?.ok_or(UpkeepError::UnderWay)?;
    // The moment is chosen before the journals are read: whatever is used from then on counts as fresh.
    let since = SystemTime::now() - options.grace;
    let decided = if options.dry_run { site.permit_survey() } else { site.permit_collection() }?;
    let pins = site.pins(&decided)?;
    let permit = if options.dry_run { None } else { Some(decided) };
    let (living, ended) = living_runs(site, options, &pins)?;
    let needed: BTreeSet<TaskKey> = living.iter().flat_map(|run| run.tasks.iter().copied()).collect();
    if let Some(permit) = &permit {
        site.settle_tasks(permit, &|key| needed.contains(key))?;
    }
    let mut tasks = TaskRecords::read(site)?;
    check_tasks(&living, &tasks)?;
    let mut needs = Needs::of(&pins, &living, &tasks);
    if let Some(permit) = &permit {
        let made: BTreeSet<Address> = tasks.records.values().flat_map(objects_of).collect();
        site.settle_objects(permit, since, &|address| needs.objects.contains(address) || made.contains(address))?;
    }
    let inventory = site.store().inventory()?;
    let makers = needs.makers(&ended, &tasks);
    let mut sweep = Sweep { site, permit: permit.as_ref(), since, garbage: Vec::new() };
    // A group is needed as long as a run is that made it.
    let of_living = |record: &TaskRecord| record.is_group() && living.iter().any(|needs| needs.run.run == record.run);
    let groups: BTreeSet<TaskKey> =
        tasks.records.iter().filter(|(_, record)| of_living(record)).map(|(key, _)| *key).collect();
    let is_garbage = |key: &TaskKey| !needed.contains(key) && !groups.contains(key);
    for key in sweep.tasks(&inventory, is_garbage)? {
        tasks.records.remove(&key);
    }
    // An entry that stays may be used at any time, so what it names stays with it.
    needs.objects.extend(tasks.records.values().flat_map(objects_of));
    sweep.objects(&inventory, &needs.objects, &makers)?;
    sweep.remnants(&inventory)?;
    if permit.is_some() {
        site.store().sweep_unfinished()?;
    }
    Ok(Collection { garbage: sweep.garbage, unreadable: inventory.unreadable })
}

/// The runs whose needs count, and the others.
fn living_runs(site: &Site, options: &Options, pins: &Pins) -> Result<(Vec<RunNeeds>, Vec<RunNeeds>), UpkeepError> {
    let pinned: BTreeSet<&RunId> = pins
        .iter()
        .filter_map(|(pinned, _)| match pinned {
            Pinned::Run(run) => Some(run),
            Pinned::Object(_) => None,
        })
        .collect();
    let now = Timestamp::now();
    let is_living = |needs: &RunNeeds| {
        let RunNeeds { run, .. } = needs;
        let last = run.tasks.values().filter_map(|task| task.ended.max(task.started)).max().unwrap_or(run.started);
        // A run that was interrupted has no end: it ended with the last thing that it did.
        let ended = run.ended.or_else(|| run.interrupted.then(|| last.max(run.started)));
        let age = ended.map(|ended| now.duration_since(ended).unsigned_abs());
        let is_old = options.runs_older_than.is_some_and(|limit| age.is_some_and(|age| age > limit));
        !is_old || pinned.contains(&run.run)
    };
    Ok(RunNeeds::read_all(site)?.into_iter().partition(is_living))
}

/// A living run whose task cannot be read may need anything.
fn check_tasks(living: &[RunNeeds], tasks: &TaskRecords) -> Result<(), UpkeepError> {
    for needs in living {
        if let Some(key) = needs.tasks.iter().find(|key| tasks.damaged.contains(key)) {
            return Err(UpkeepError::DamagedTask { run: needs.run.run.clone(), key: *key });
        }
    }
    Ok(())
}

/// What is needed.
struct Needs {
    objects: BTreeSet<Address>,
    runs: BTreeSet<RunId>,
}

impl Needs {
    fn of(pins: &Pins, living: &[RunNeeds], tasks: &TaskRecords) -> Self {
        let mut objects: BTreeSet<Address> = living.iter().flat_map(|run| run.objects(tasks)).collect();
        for (pinned, _) in pins {
            if let Pinned::Object(address) = pinned {
                objects.insert(*address);
            }
        }
        Self { objects, runs: living.iter().map(|needs| needs.run.run.clone()).collect() }
    }

    /// Why objects would go of which something is known.
    fn makers(&self, ended: &[RunNeeds], tasks: &TaskRecords) -> BTreeMap<Address, Why> {
        let known = |run: &RunId| self.runs.contains(run) || ended.iter().any(|needs| needs.run.run == *run);
        let gone = tasks.records.values().filter(|record| !known(&record.run));
        let mut whys: BTreeMap<Address, Why> = gone.flat_map(objects_of).map(|made| (made, Why::GoneRun)).collect();
        whys.extend(ended.iter().flat_map(|run| run.objects(tasks)).map(|named| (named, Why::EndedRun)));
        whys
    }
}

/// One collection under way.
struct Sweep<'a> {
    site: &'a Site,
    /// None if nothing is removed.
    permit: Option<&'a Permit>,
    since: SystemTime,
    garbage: Vec<Garbage>,
}

impl Sweep<'_> {
    /// Removes the task entries that are garbage; gives those that are gone.
    fn tasks(
        &mut self,
        inventory: &Inventory,
        is_garbage: impl Fn(&TaskKey) -> bool,
    ) -> Result<Vec<TaskKey>, UpkeepError> {
        let mut gone = Vec::new();
        let old: Vec<TaskKey> = self.old(&inventory.tasks, is_garbage);
        for batch in old.chunks(BATCH) {
            let removed = match self.permit {
                Some(permit) => self.site.collect_tasks(permit, batch, self.since)?.removed,
                None => batch.to_vec(),
            };
            self.note(&inventory.tasks, &removed, |_| Why::TaskEntry);
            gone.extend(removed);
        }
        Ok(gone)
    }

    fn objects(
        &mut self,
        inventory: &Inventory,
        needed: &BTreeSet<Address>,
        makers: &BTreeMap<Address, Why>,
    ) -> Result<(), UpkeepError> {
        let is_garbage = |address: &Address| !needed.contains(address) && !inventory.unreadable.contains(address);
        for batch in self.old(&inventory.objects, is_garbage).chunks(BATCH) {
            let removed = match self.permit {
                Some(permit) => self.site.collect_objects(permit, batch, self.since)?.removed,
                None => batch.to_vec(),
            };
            let why = |address: &Address| makers.get(address).copied().unwrap_or(Why::NeverReached);
            self.note(&inventory.objects, &removed, why);
        }
        Ok(())
    }

    fn remnants(&mut self, inventory: &Inventory) -> Result<(), UpkeepError> {
        let may_be_needed = !inventory.unreadable.is_empty();
        let old = inventory.remnants.iter().filter(|remnant| {
            remnant.blob.modified < self.since && (remnant.kind == Leftover::Damaged || !may_be_needed)
        });
        let old: Vec<_> = old.collect();
        for batch in old.chunks(BATCH) {
            if let Some(permit) = self.permit {
                let names: Vec<_> = batch.iter().map(|remnant| remnant.blob.name.clone()).collect();
                self.site.collect_remnants(permit, &names)?;
            }
            self.garbage.extend(batch.iter().map(|remnant| Garbage {
                name: remnant.blob.name.to_string(),
                why: remnant.kind.into(),
                size: remnant.blob.size,
            }));
        }
        Ok(())
    }

    /// What is garbage and older than the grace.
    fn old<T: Copy>(&self, stored: &BTreeMap<T, StoredParts>, is_garbage: impl Fn(&T) -> bool) -> Vec<T> {
        let is_old = |(what, parts): &(&T, &StoredParts)| parts.modified < self.since && is_garbage(what);
        stored.iter().filter(is_old).map(|(what, _)| *what).collect()
    }

    fn note<T: Ord + ToString>(&mut self, stored: &BTreeMap<T, StoredParts>, removed: &[T], why: impl Fn(&T) -> Why) {
        self.garbage.extend(removed.iter().map(|what| Garbage {
            name: what.to_string(),
            why: why(what),
            size: stored.get(what).map_or(0, |parts| parts.size),
        }));
    }
}
