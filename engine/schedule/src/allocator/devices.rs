//! Which GPUs of a machine are whose: they are counted like everything else, and each is handed out by itself.

use std::ops::{BitAnd, BitOr, Sub};

use super::Room;

/// Some GPUs of a machine, by their places in its list of at most [`GpuSet::MOST`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct GpuSet(u64);

impl GpuSet {
    /// How many GPUs a machine can have.
    pub const MOST: u32 = u64::BITS;
    /// Every GPU that a machine may have.
    pub const ALL: Self = Self(u64::MAX);

    /// The first so many of a machine.
    pub const fn first(count: u32) -> Self {
        match 1_u64.checked_shl(count) {
            Some(above) => Self(above - 1),
            None => Self::ALL,
        }
    }

    /// How many they are.
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Their places.
    pub fn places(self) -> impl Iterator<Item = usize> {
        (0..Self::MOST as usize).filter(move |place| self.0 >> place & 1 == 1)
    }

    /// So many of them; `None` if there are fewer.
    pub fn take(self, count: u32) -> Option<Self> {
        (count <= self.count()).then(|| self.places().take(count as usize).collect())
    }
}

impl FromIterator<usize> for GpuSet {
    fn from_iter<I: IntoIterator<Item = usize>>(places: I) -> Self {
        Self(places.into_iter().filter(|place| *place < Self::MOST as usize).fold(0, |set, place| set | 1 << place))
    }
}

impl BitOr for GpuSet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for GpuSet {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Sub for GpuSet {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// Which GPUs a request can be granted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Wanted {
    /// Any of these that nobody has.
    Of(GpuSet),
    /// Exactly these: a command that another engine left running has them, and the request is for going on with it.
    Left(GpuSet),
}

impl Default for Wanted {
    fn default() -> Self {
        Self::Of(GpuSet::ALL)
    }
}

/// What a request asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Needs {
    /// How much.
    pub room: Room,
    /// Which GPUs will do.
    pub gpus: Wanted,
}

impl From<Room> for Needs {
    /// With any GPUs, if there are some among it.
    fn from(room: Room) -> Self {
        Self { room, gpus: Wanted::default() }
    }
}

/// What is known of GPUs that other engines have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Elsewhere {
    /// Those that engines have that live: nobody here gets them.
    pub used: GpuSet,
    /// Those of commands that dead engines may have left running: only who goes on with such a command gets them.
    pub left: GpuSet,
}

/// The GPUs of a machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Devices {
    all: GpuSet,
    pub free: GpuSet,
    pub elsewhere: Elsewhere,
}

impl Devices {
    pub fn new(count: u32) -> Self {
        let all = GpuSet::first(count);
        Self { all, free: all, elsewhere: Elsewhere::default() }
    }

    /// Whether a request for so many can ever be granted.
    pub fn can_ever(&self, count: u32, wanted: Wanted) -> bool {
        let (Wanted::Of(wanted) | Wanted::Left(wanted)) = wanted;
        (self.all & wanted).count() >= count
    }

    /// Those that a request for so many would be granted now. What is kept for the reserved request is left to it, but for
    /// what a command has already that is gone on with.
    pub fn choose(&self, count: u32, wanted: Wanted, kept: Kept) -> Option<GpuSet> {
        let there = self.free - self.elsewhere.used;
        let wanted = match wanted {
            Wanted::Left(left) => return Some(left).filter(|left| (*left - there).is_empty() && left.count() == count),
            Wanted::Of(wanted) => (there & wanted) - self.elsewhere.left,
        };
        let (outside, inside) = (wanted - kept.of, wanted & kept.of);
        let from_outside = count.min(outside.count());
        let from_inside = count - from_outside;
        if from_inside > kept.spare {
            return None;
        }
        Some(outside.take(from_outside)? | inside.take(from_inside)?)
    }

    /// What is kept for a request for so many, for which room is reserved, while others have those of `beside` since then.
    /// Those that other engines have are not counted on.
    pub fn keep(&self, count: u32, wanted: Wanted, beside: GpuSet) -> Kept {
        let (Wanted::Of(wanted) | Wanted::Left(wanted)) = wanted;
        let of = (self.all & wanted) - beside;
        let certain = of - (self.elsewhere.used | self.elsewhere.left);
        Kept { of, spare: certain.count().saturating_sub(count) }
    }
}

/// What is kept of the GPUs for the request for which room is reserved: of these all but so many.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kept {
    of: GpuSet,
    spare: u32,
}
