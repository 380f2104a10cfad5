//! The GPUs that others have: engines besides the one under test, and commands that killed engines left running.

use std::collections::BTreeMap;

use sluis_model::Resources;
use sluis_schedule::{Attempt, Elsewhere, GpuSet, Needs, Room, Wanted};

use crate::world::World;

/// What others have.
#[derive(Debug)]
pub struct Gpus {
    /// Whether there are other engines.
    has_others: bool,
    /// What engines have that live.
    pub used: GpuSet,
    /// What commands have that were left running, by their run and the key of their task.
    left: BTreeMap<(usize, u64), GpuSet>,
}

impl Gpus {
    /// Nobody has any yet.
    pub fn new(has_others: bool) -> Self {
        Self { has_others, used: GpuSet::default(), left: BTreeMap::new() }
    }

    /// What commands have that were left running.
    pub fn left(&self) -> GpuSet {
        self.left.values().fold(GpuSet::default(), |all, &gpus| all | gpus)
    }
}

impl World<'_> {
    /// What a prepared attempt asks for.
    pub fn needs(&mut self, run: usize, attempt: Attempt, resources: Resources) -> Needs {
        let tool = &self.run_mut(run).prepared[&attempt].tool;
        let (key, of) = (tool.key, tool.gpus);
        let room = Room::of(resources);
        let left = self.gpus.left.get(&(run, key)).filter(|_| room.gpus > 0);
        Needs { room, gpus: left.map_or(Wanted::Of(of), |left| Wanted::Left(*left)) }
    }

    /// A job that was granted room goes on with what was left running of it.
    pub fn take_up(&mut self, run: usize, key: u64) {
        if self.gpus.left.remove(&(run, key)).is_some() {
            self.tally.gpus_taken_up += 1;
            self.see_gpus();
        }
    }

    /// The engine is killed: some of its commands go on.
    pub fn leave_gpus(&mut self) {
        for run in self.runs.iter().flatten() {
            for (&attempt, running) in &run.running {
                let gpus = self.ledger.gpus(run.ticket(attempt));
                if !gpus.is_empty() && self.random.bool() {
                    assert!(self.gpus.left.insert((run.index, running.tool.key), gpus).is_none());
                    self.tally.gpus_left += 1;
                }
            }
        }
    }

    /// Nothing that was left running of a run is there any more.
    pub fn clear_left(&mut self, run: usize) {
        let before = self.gpus.left.len();
        self.gpus.left.retain(|(of, _), _| *of != run);
        self.tally.gpus_cleared += (before - self.gpus.left.len()) as u64;
        self.see_gpus();
    }

    /// Other engines take GPUs and give them back. Runs in which nothing may go on with what was left clear it away.
    pub fn look_for_gpus(&mut self) {
        let idle = self.runs.iter().flatten().filter(|run| run.is_idle(&self.ledger)).map(|run| run.index);
        let idle: Vec<usize> = idle.collect();
        idle.into_iter().for_each(|run| self.clear_left(run));
        let free = self.allocator.free_gpus() - self.gpus.left();
        let take = self.gpus.has_others && self.random.u32(..4) == 0;
        self.gpus.used = free.places().filter(|_| take && self.random.bool()).collect();
        self.tally.gpus_elsewhere += u64::from(self.gpus.used.count());
        self.see_gpus();
    }

    /// Tells the allocator what others have.
    pub fn see_gpus(&mut self) {
        let elsewhere = Elsewhere { used: self.gpus.used, left: self.gpus.left() };
        self.allocator.see_elsewhere(elsewhere);
        self.ledger.see_elsewhere(elsewhere);
    }
}
