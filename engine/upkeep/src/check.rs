//! The check of all objects: each part against what was sealed, on every core, resumable. Each thread works on an object of
//! its own, or on a part of one that is large.

use std::{
    collections::BTreeMap,
    num::NonZero,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use jiff::Timestamp;
use serde::Serialize;
use sluis_access::{AccessError, BegunCheck, Checked, LargeCheck, PartChecked, Permit, Site};
use sluis_model::{Address, RunId, TaskKey};
use sluis_store::Unreadable;

use crate::{
    UpkeepError,
    needs::{RunNeeds, TaskRecords},
    origin::{Dependent, Maker, Origins},
    progress_file::{DamagedPart, ProgressFile},
};

/// So many objects share a decision in the audit log.
const BATCH: usize = 256;

/// How to check.
#[derive(Clone, Copy, Default, Debug)]
pub struct Check {
    /// Whether to begin anew where an earlier check was interrupted.
    pub restart: bool,
    /// Whether to set aside what is damaged, so that it can be made anew.
    pub set_aside: bool,
    /// Whether to take for damaged what cannot be read.
    pub give_up: bool,
}

/// How far a check has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Objects that are done, those of an interrupted check included.
    pub objects: u64,
    /// All objects.
    pub total: u64,
    /// Bytes of plaintext in those that are done.
    pub bytes: u64,
    /// How many are damaged or cannot be read.
    pub damaged: u64,
}

/// What a check found.
#[derive(Clone, Debug, Serialize)]
pub struct CheckReport {
    /// When it began; when it was interrupted, at its first beginning.
    pub began: Timestamp,
    /// How many objects were checked.
    pub objects: u64,
    /// Their bytes of plaintext.
    pub bytes: u64,
    /// How many task entries were checked.
    pub tasks: u64,
    /// The objects that are damaged.
    pub damaged: Vec<Finding>,
    /// The objects that cannot be read now; nothing is known of what is there, and nothing was done to them.
    pub unreadable: Vec<Finding>,
    /// The task entries that are damaged.
    pub damaged_tasks: Vec<TaskKey>,
}

/// An object that is damaged, or cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// Its address.
    pub address: Address,
    /// What of it is.
    pub part: String,
    /// The task that made it; `None` if it was taken in.
    pub made_by: Option<Maker>,
    /// Every task that read it or something made from it.
    pub dependents: Vec<Dependent>,
    /// The runs that need it.
    pub runs: Vec<RunId>,
}

impl CheckReport {
    /// That of a check of no objects.
    pub fn nothing() -> Self {
        let (damaged, unreadable, damaged_tasks) = Default::default();
        Self { began: Timestamp::now(), objects: 0, bytes: 0, tasks: 0, damaged, unreadable, damaged_tasks }
    }

    /// Whether nothing is damaged and everything could be read.
    pub const fn is_whole(&self) -> bool {
        self.damaged.is_empty() && self.unreadable.is_empty() && self.damaged_tasks.is_empty()
    }
}

/// Checks every object and task entry; goes on where an earlier check was interrupted. Objects that are put meanwhile may
/// be passed over.
///
/// # Errors
/// If the store cannot be listed, a decision is no, or the site's folder cannot be written. Damage is no error.
pub fn check(site: &Site, how: Check, told: &(dyn Fn(Progress) + Sync)) -> Result<CheckReport, UpkeepError> {
    let file = ProgressFile::open(site.dir(), how.restart)?;
    let mut addresses = site.store().addresses()?.collect::<Result<Vec<_>, _>>()?;
    let total = addresses.len() as u64;
    addresses.retain(|address| file.state.after.is_none_or(|after| *address > after));
    let scrub = Scrub {
        site,
        how,
        total: total.max(file.state.objects + addresses.len() as u64),
        addresses: &addresses,
        told,
        queue: Mutex::default(),
        changed: Condvar::new(),
        done: Mutex::new(Done { file, low: 0, waiting: BTreeMap::new() }),
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| scrub.work())).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Err(UpkeepError::Lost)))
    })?;
    let Done { mut file, .. } = scrub.done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let report = report(site, &file)?;
    file.state.ended = Some(Timestamp::now());
    file.write()?;
    Ok(report)
}

fn report(site: &Site, file: &ProgressFile) -> Result<CheckReport, UpkeepError> {
    let tasks = TaskRecords::read(site)?;
    // A journal that cannot be read is `sluis status`'s to tell, and no reason to tell nothing of the damage.
    let runs = RunNeeds::read_all(site).unwrap_or_default();
    let origins = Origins::of(&tasks, &runs);
    let finding = |damaged: &DamagedPart| origins.finding(damaged.address, damaged.part.clone());
    Ok(CheckReport {
        began: file.state.began,
        objects: file.state.objects,
        bytes: file.state.bytes,
        tasks: (tasks.records.len() + tasks.damaged.len()) as u64,
        damaged: file.state.damaged.iter().map(finding).collect(),
        unreadable: file.state.unreadable.iter().map(finding).collect(),
        damaged_tasks: tasks.damaged.iter().copied().collect(),
    })
}

/// A check under way, shared by its threads.
struct Scrub<'a> {
    site: &'a Site,
    how: Check,
    addresses: &'a [Address],
    total: u64,
    told: &'a (dyn Fn(Progress) + Sync),
    queue: Mutex<Queue>,
    /// There is something large to work on, or one thread fewer that may find something.
    changed: Condvar,
    done: Mutex<Done>,
}

/// What comes next.
#[derive(Default)]
struct Queue {
    next: usize,
    /// That of the batch in which the next one is.
    permit: Option<Arc<Permit>>,
    /// Objects that are checked in parts.
    large: Vec<Large>,
    /// How many threads work on an object that may turn out to be large.
    beginning: usize,
}

/// An object, by its number.
#[derive(Clone)]
struct One {
    number: usize,
    permit: Arc<Permit>,
}

/// One that is checked in parts.
#[derive(Clone)]
struct Large {
    one: One,
    check: Arc<LargeCheck>,
}

/// What a thread can do.
enum Work {
    Object(One),
    Part(Large),
}

/// What is done.
struct Done {
    file: ProgressFile,
    /// Everything before is in the file's state.
    low: usize,
    /// What was done out of order.
    waiting: BTreeMap<usize, Checked>,
}

impl Scrub<'_> {
    fn work(&self) -> Result<(), UpkeepError> {
        while let Some(work) = self.take()? {
            match work {
                Work::Object(one) => {
                    let _others_know = Beginning(self);
                    match self.site.begin_check(&one.permit, &self.addresses[one.number])? {
                        BegunCheck::Done(found) => self.settle(&one, found)?,
                        BegunCheck::Large(check) => {
                            lock(&self.queue).large.push(Large { one, check: Arc::from(check) });
                        }
                    }
                }
                Work::Part(Large { one, check }) => match self.site.check_part(&check) {
                    PartChecked::More => {}
                    PartChecked::Last(found) => self.settle(&one, found)?,
                    PartChecked::NoneLeft => {
                        lock(&self.queue).large.retain(|large| large.one.number != one.number);
                    }
                },
            }
        }
        Ok(())
    }

    /// Notes what was found, and sets aside what is to be.
    fn settle(&self, one: &One, found: Checked) -> Result<(), UpkeepError> {
        let (found, unreadable) = match found {
            Checked::Unreadable(part) if self.how.give_up => (Checked::Damaged(part), Unreadable::GivenUp),
            found => (found, Unreadable::Kept),
        };
        if let (Checked::Damaged(part), true) = (&found, self.how.set_aside) {
            self.site.set_aside(&one.permit, &self.addresses[one.number], part, unreadable)?;
        }
        self.note(one.number, found)
    }

    /// A part of a large object, so that few are under way at a time, or the next object with the permit of its batch; waits
    /// as long as another thread may find something large. If a batch is refused, there is nothing more for anybody.
    fn take(&self) -> Result<Option<Work>, AccessError> {
        let mut queue = lock(&self.queue);
        loop {
            if let Some(large) = queue.large.first() {
                return Ok(Some(Work::Part(large.clone())));
            }
            if queue.next < self.addresses.len() {
                return self.next(&mut queue).map(|one| Some(Work::Object(one)));
            }
            if queue.beginning == 0 {
                return Ok(None);
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn next(&self, queue: &mut Queue) -> Result<One, AccessError> {
        let number = queue.next;
        if number.is_multiple_of(BATCH) {
            queue.permit = None;
        }
        let permit = match &queue.permit {
            Some(permit) => Arc::clone(permit),
            None => {
                let batch = &self.addresses[number..self.addresses.len().min(number + BATCH)];
                let permit = self.site.permit_check(batch).inspect_err(|_| queue.next = usize::MAX)?;
                Arc::clone(queue.permit.insert(Arc::new(permit)))
            }
        };
        queue.next += 1;
        queue.beginning += 1;
        Ok(One { number, permit })
    }

    fn note(&self, number: usize, found: Checked) -> Result<(), UpkeepError> {
        let mut done = lock(&self.done);
        let Done { file, low, waiting } = &mut *done;
        waiting.insert(number, found);
        while let Some(found) = waiting.remove(low) {
            let address = self.addresses[*low];
            match found {
                Checked::Whole(size) => file.state.bytes += size,
                Checked::Damaged(part) => file.state.damaged.push(DamagedPart { address, part }),
                Checked::Unreadable(part) => file.state.unreadable.push(DamagedPart { address, part }),
                Checked::Gone => {}
            }
            file.state.objects += 1;
            file.state.after = Some(address);
            *low += 1;
        }
        file.write_sometimes()?;
        let state = &file.state;
        let wrong = state.damaged.len() + state.unreadable.len();
        let (objects, bytes, damaged) = (state.objects, state.bytes, wrong as u64);
        (self.told)(Progress { objects, total: self.total, bytes, damaged });
        Ok(())
    }
}

/// A thread works on an object that may turn out to be large; however that ends, those that wait for it look again.
struct Beginning<'a>(&'a Scrub<'a>);

impl Drop for Beginning<'_> {
    fn drop(&mut self) {
        lock(&self.0.queue).beginning -= 1;
        self.0.changed.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
