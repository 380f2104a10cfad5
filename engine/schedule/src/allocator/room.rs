//! Amounts of a machine.

use std::fmt;

use serde::{Deserialize, Serialize};
use sluis_model::{Mebibytes, MilliCores, Resources};

/// An amount of everything of a machine that tasks share: what it has, what is free, what a task takes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Room {
    /// Processor cores.
    pub cores: MilliCores,
    /// Memory, that of the scratch folder included.
    pub memory: Mebibytes,
    /// Room in the scratch folder.
    pub scratch: Mebibytes,
    /// GPUs.
    pub gpus: u32,
}

impl Room {
    /// What a task takes: the scratch folder stands in memory, so what is set aside there is memory, too.
    pub const fn of(resources: Resources) -> Self {
        Self {
            cores: resources.cores,
            memory: Mebibytes(resources.memory.0.saturating_add(resources.scratch.0)),
            scratch: resources.scratch,
            gpus: resources.gpus,
        }
    }

    /// Whether a task that takes this much fits.
    pub fn fits(&self, needs: Self) -> bool {
        needs.cores <= self.cores
            && needs.memory <= self.memory
            && needs.scratch <= self.scratch
            && needs.gpus <= self.gpus
    }

    /// The nearest to `resources` that fits into all of this room: `None` if they fit as they are.
    ///
    /// What goes into the scratch folder is cut before the command's own memory.
    pub fn nearest(&self, resources: Resources) -> Option<Resources> {
        if self.fits(Self::of(resources)) {
            return None;
        }
        let memory = resources.memory.min(self.memory);
        let left = Mebibytes(self.memory.0 - memory.0);
        let scratch = resources.scratch.min(self.scratch).min(left);
        let (cores, gpus) = (resources.cores.min(self.cores), resources.gpus.min(self.gpus));
        Some(Resources { cores, memory, scratch, gpus, ..resources })
    }

    pub(super) fn take(&mut self, part: Self) {
        self.cores.0 -= part.cores.0;
        self.memory.0 -= part.memory.0;
        self.scratch.0 -= part.scratch.0;
        self.gpus -= part.gpus;
    }

    pub(super) const fn give_back(&mut self, part: Self) {
        self.cores.0 = self.cores.0.saturating_add(part.cores.0);
        self.memory.0 = self.memory.0.saturating_add(part.memory.0);
        self.scratch.0 = self.scratch.0.saturating_add(part.scratch.0);
        self.gpus = self.gpus.saturating_add(part.gpus);
    }

    /// What is left of it without this part, even if that is more than all.
    pub(super) const fn without(self, part: Self) -> Self {
        Self {
            cores: MilliCores(self.cores.0.saturating_sub(part.cores.0)),
            memory: Mebibytes(self.memory.0.saturating_sub(part.memory.0)),
            scratch: Mebibytes(self.scratch.0.saturating_sub(part.scratch.0)),
            gpus: self.gpus.saturating_sub(part.gpus),
        }
    }

    /// The least of both of everything.
    pub(super) fn at_most(self, other: Self) -> Self {
        Self {
            cores: self.cores.min(other.cores),
            memory: self.memory.min(other.memory),
            scratch: self.scratch.min(other.scratch),
            gpus: self.gpus.min(other.gpus),
        }
    }

    /// The most of both of everything.
    pub(super) fn at_least(self, other: Self) -> Self {
        Self {
            cores: self.cores.max(other.cores),
            memory: self.memory.max(other.memory),
            scratch: self.scratch.max(other.scratch),
            gpus: self.gpus.max(other.gpus),
        }
    }

    /// What of it is only counted: all but its GPUs.
    pub(super) const fn counted(self) -> Self {
        Self { gpus: 0, ..self }
    }

    /// What of it computes, its cores and GPUs, alone.
    pub(super) fn only_processors(self) -> Self {
        Self { cores: self.cores, gpus: self.gpus, ..Self::default() }
    }

    /// It without its cores and GPUs.
    pub(super) fn without_processors(self) -> Self {
        Self { cores: MilliCores(0), gpus: 0, ..self }
    }

    /// The greatest part that this is of anything that `total` has, in units of 2⁻³².
    pub(super) fn dominant_share(self, total: Self) -> u64 {
        let share = |part: u64, whole: u64| (u128::from(part) << 32).checked_div(u128::from(whole)).unwrap_or(0);
        let cores = share(self.cores.0, total.cores.0);
        let memory = share(self.memory.0, total.memory.0);
        let scratch = share(self.scratch.0, total.scratch.0);
        let gpus = share(self.gpus.into(), total.gpus.into());
        u64::try_from(cores.max(memory).max(scratch).max(gpus)).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = self.cores.0 as f64 / 1000.0;
        write!(f, "{cores} cores, {} of memory and {} of scratch", self.memory, self.scratch)?;
        match self.gpus {
            0 => Ok(()),
            1 => f.write_str(", and 1 GPU"),
            gpus => write!(f, ", and {gpus} GPUs"),
        }
    }
}
