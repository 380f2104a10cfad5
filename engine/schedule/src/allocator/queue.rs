//! What one run waits for and holds.

use std::collections::{BTreeMap, HashMap};

use super::{GpuSet, Needs, Place, Room};
use crate::core::JobId;

/// How many sizes of request are looked at for one that fits, in order of their oldest request.
const SIZES_LOOKED_AT: usize = 64;

/// The requests of one run that wait, and what it was granted.
#[derive(Debug, Default)]
pub(super) struct Requests {
    waiting: HashMap<JobId, (Place, Needs)>,
    /// Requests of one size are alike: the oldest of them stands for all.
    sizes: HashMap<Needs, BTreeMap<Place, JobId>>,
    /// The size of the oldest request of each size.
    oldest: BTreeMap<Place, Needs>,
    pub held: HashMap<JobId, Held>,
}

/// What a job was granted and has not given back yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub room: Room,
    /// Which GPUs they are that `room` counts.
    pub gpus: GpuSet,
    /// The number of the reservation beside which it was granted, here or in another engine.
    pub beside: Option<u64>,
}

impl Requests {
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub fn needs(&self, job: JobId) -> Option<(Place, Needs)> {
        self.waiting.get(&job).copied()
    }

    pub fn push(&mut self, place: Place, job: JobId, needs: Needs) {
        let alike = self.sizes.entry(needs).or_default();
        // The newest request is the oldest of its size only if it is the first.
        if alike.is_empty() {
            self.oldest.insert(place, needs);
        }
        alike.insert(place, job);
        self.waiting.insert(job, (place, needs));
    }

    pub fn remove(&mut self, job: JobId) -> Option<(Place, Needs)> {
        let (place, needs) = self.waiting.remove(&job)?;
        if let Some(alike) = self.sizes.get_mut(&needs) {
            alike.remove(&place);
            let next = alike.first_key_value().map(|(&next, _)| next);
            if self.oldest.remove(&place).is_some()
                && let Some(next) = next
            {
                self.oldest.insert(next, needs);
            }
            if next.is_none() {
                self.sizes.remove(&needs);
            }
        }
        Some((place, needs))
    }

    /// The oldest request for which there is room, as `fits` says.
    pub fn first_fitting(&self, fits: impl Fn(Needs) -> bool) -> Option<JobId> {
        let (place, needs) = self.oldest.iter().take(SIZES_LOOKED_AT).find(|&(_, &needs)| fits(needs))?;
        self.sizes.get(needs)?.get(place).copied()
    }

    /// Whether a job waits or holds room.
    pub fn knows(&self, job: JobId) -> bool {
        self.waiting.contains_key(&job) || self.held.contains_key(&job)
    }

    /// Every job that waits or holds room.
    pub fn jobs(&self) -> impl Iterator<Item = JobId> {
        self.waiting.keys().chain(self.held.keys()).copied()
    }
}
