//! Which ready job runs next on a machine of limited size.

use std::collections::VecDeque;

use sluis_model::{Mebibytes, MilliCores, Resources};

use super::JobId;

/// The room that is left on the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Free processor cores.
    pub cores: MilliCores,
    /// Free memory.
    pub memory: Mebibytes,
}

impl Room {
    /// Whether a job with these needs fits now.
    pub fn fits(&self, needs: Resources) -> bool {
        needs.cores <= self.cores && needs.memory <= self.memory
    }

    fn take(&mut self, needs: Resources) {
        self.cores.0 -= needs.cores.0;
        self.memory.0 -= needs.memory.0;
    }

    pub(super) fn give_back_cores(&mut self, needs: Resources) {
        self.cores.0 += needs.cores.0;
    }

    pub(super) fn give_back_memory(&mut self, needs: Resources) {
        self.memory.0 += needs.memory.0;
    }
}

/// How often a job may be overtaken by smaller ones before the others wait for it.
const MOST_OVERTAKINGS: u32 = 64;

/// Ready jobs in order of arrival; a job that does not fit may be overtaken by later ones, but not for ever.
#[derive(Debug, Default)]
pub(super) struct Queue {
    jobs: VecDeque<(JobId, Resources)>,
    overtaken: u32,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    pub(super) fn push(&mut self, id: JobId, needs: Resources) {
        self.jobs.push_back((id, needs));
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = JobId> {
        self.jobs.drain(..).map(|(id, _)| id)
    }

    /// Takes the first job that fits out of the queue and its needs out of the room.
    pub(super) fn take_fitting(&mut self, room: &mut Room) -> Option<JobId> {
        let reach = if self.overtaken < MOST_OVERTAKINGS { self.jobs.len() } else { 1 };
        let place = self.jobs.iter().take(reach).position(|(_, needs)| room.fits(*needs))?;
        self.overtaken = if place == 0 { 0 } else { self.overtaken + 1 };
        let (id, needs) = self.jobs.remove(place)?;
        room.take(needs);
        Some(id)
    }
}
