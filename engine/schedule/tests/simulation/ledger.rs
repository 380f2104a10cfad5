//! An account of the machine of its own, against which the allocator is checked.

use std::collections::BTreeMap;

use sluis_model::{Mebibytes, MilliCores};
use sluis_schedule::{Allocator, Elsewhere, GpuSet, Needs, Room, Sharer, Ticket, Wanted};

/// Who asks for what of the machine, and who holds it.
#[derive(Debug)]
pub struct Ledger {
    total: Room,
    patience: u32,
    requests: u64,
    grants: u64,
    /// With the age of each request.
    asking: BTreeMap<Ticket, (u64, Needs)>,
    /// With the number of each grant.
    held: BTreeMap<Ticket, (u64, Room)>,
    /// Which GPUs each has.
    gpus: BTreeMap<Ticket, (u64, GpuSet)>,
    elsewhere: Elsewhere,
    /// Whether others had GPUs at any time.
    is_shared: bool,
    /// The age of the oldest request, and how often it was overtaken.
    overtaken: Option<(u64, u32)>,
    /// The age of the request for which room is reserved, and how many grants there had been before.
    reserved: Option<(u64, u64)>,
    pub reservations: u64,
}

impl Ledger {
    pub fn new(total: Room, patience: u32) -> Self {
        Self {
            total,
            patience,
            requests: 0,
            grants: 0,
            asking: BTreeMap::new(),
            held: BTreeMap::new(),
            gpus: BTreeMap::new(),
            elsewhere: Elsewhere::default(),
            is_shared: false,
            overtaken: None,
            reserved: None,
            reservations: 0,
        }
    }

    pub fn asks(&mut self, ticket: Ticket, needs: Needs) {
        assert!(!self.held.contains_key(&ticket), "{ticket:?} asks for room and has it");
        assert!(self.asking.insert(ticket, (self.requests, needs)).is_none(), "{ticket:?} asks twice");
        self.requests += 1;
    }

    pub fn granted(&mut self, ticket: Ticket, allocator: &Allocator) {
        let oldest = self.oldest();
        let (age, needs) = self.asking.remove(&ticket).expect("only what asks is granted");
        self.grants += 1;
        self.held.insert(ticket, (self.grants, needs.room));
        self.takes_gpus(ticket, needs, allocator.gpus_of(ticket));
        let (_, oldest) = oldest.expect("something asks");
        if age > oldest {
            let before = self.overtaken.filter(|(overtaken, _)| *overtaken == oldest).map_or(0, |(_, count)| count);
            self.overtaken = Some((oldest, before + 1));
        }
        self.observe(allocator);
    }

    /// Nobody else has any of them, here or elsewhere, and they are what was asked for.
    fn takes_gpus(&mut self, ticket: Ticket, needs: Needs, gpus: GpuSet) {
        assert_eq!(gpus.count(), needs.room.gpus, "{ticket:?} has as many GPUs as it asked for");
        assert_eq!(gpus - GpuSet::first(self.total.gpus), GpuSet::default(), "{gpus:?} are there");
        assert_eq!(gpus & (self.gpus_held() | self.elsewhere.used), GpuSet::default(), "{gpus:?} are given twice");
        match needs.gpus {
            _ if gpus.is_empty() => {}
            Wanted::Of(of) => assert_eq!(gpus - (of - self.elsewhere.left), GpuSet::default(), "{gpus:?} will do"),
            Wanted::Left(left) => assert_eq!(gpus, left, "{ticket:?} goes on with what it has"),
        }
        self.gpus.insert(ticket, (self.grants, gpus));
    }

    /// The GPUs that somebody here has.
    fn gpus_held(&self) -> GpuSet {
        self.gpus.values().fold(GpuSet::default(), |all, &(_, gpus)| all | gpus)
    }

    /// The GPUs that somebody has.
    pub fn gpus(&self, ticket: Ticket) -> GpuSet {
        self.gpus.get(&ticket).map_or_else(GpuSet::default, |&(_, gpus)| gpus)
    }

    /// Sees whether room is reserved for another request than before.
    fn observe(&mut self, allocator: &Allocator) {
        let reserved = allocator.reserved().map(|ticket| self.asking.get(&ticket).expect("the reserved one asks").0);
        if reserved != self.reserved.map(|(age, _)| age) {
            self.reserved = reserved.map(|age| (age, self.grants));
            self.reservations += u64::from(reserved.is_some());
        }
    }

    pub fn gives_back_cores(&mut self, ticket: Ticket) {
        let (_, held) = self.held.get_mut(&ticket).expect("only what is held is given back");
        (held.cores, held.gpus) = (MilliCores(0), 0);
        self.gpus.remove(&ticket);
    }

    pub fn gives_back(&mut self, ticket: Ticket) {
        assert!(self.held.remove(&ticket).is_some(), "{ticket:?} gives back what it has not");
        self.gpus.remove(&ticket);
    }

    /// The run stops: nothing of this job waits any more, and what it was granted is free.
    pub fn forgets(&mut self, ticket: Ticket) {
        self.asking.remove(&ticket);
        self.held.remove(&ticket);
        self.gpus.remove(&ticket);
    }

    pub fn leaves(&mut self, sharer: Sharer) {
        self.asking.retain(|ticket, _| ticket.sharer != sharer);
        self.held.retain(|ticket, _| ticket.sharer != sharer);
        self.gpus.retain(|ticket, _| ticket.sharer != sharer);
    }

    pub fn holds(&self, ticket: Ticket) -> bool {
        self.held.contains_key(&ticket)
    }

    pub fn cores(&self, ticket: Ticket) -> MilliCores {
        self.held.get(&ticket).map_or(MilliCores(0), |(_, held)| held.cores)
    }

    fn oldest(&self) -> Option<(Ticket, u64)> {
        self.asking.iter().map(|(&ticket, &(age, _))| (ticket, age)).min_by_key(|&(_, age)| age)
    }

    /// What the grants of these numbers hold.
    fn held_by(&self, grants: impl Fn(u64) -> bool) -> Room {
        let mut sum = Room::default();
        for (_, held) in self.held.values().filter(|(number, _)| grants(*number)) {
            sum.cores.0 += held.cores.0;
            sum.memory.0 += held.memory.0;
            sum.scratch.0 += held.scratch.0;
            sum.gpus += held.gpus;
        }
        sum
    }

    fn without(&self, held: Room) -> Room {
        let left = |total: u64, held: u64| total.checked_sub(held).expect("the machine is overbooked");
        Room {
            cores: MilliCores(left(self.total.cores.0, held.cores.0)),
            memory: Mebibytes(left(self.total.memory.0, held.memory.0)),
            scratch: Mebibytes(left(self.total.scratch.0, held.scratch.0)),
            gpus: self.total.gpus.checked_sub(held.gpus).expect("the GPUs are overbooked"),
        }
    }

    /// What must hold whenever the allocator has nothing more to grant.
    pub fn check(&mut self, allocator: &Allocator) {
        let free = self.without(self.held_by(|_| true));
        assert_eq!(allocator.free(), free, "what is free is what nobody holds");
        let free_gpus = GpuSet::first(self.total.gpus) - self.gpus_held();
        assert_eq!(allocator.free_gpus(), free_gpus, "those are free that nobody has");
        assert_eq!(free.gpus, free_gpus.count(), "GPUs are counted one by one");
        assert_eq!(allocator.waiting(), self.asking.len(), "every request waits or is granted");
        let oldest = self.oldest();
        self.observe(allocator);
        let reserved = self.reserved.map(|(age, _)| age);
        assert!(reserved.is_none() || reserved == oldest.map(|(_, age)| age), "room is reserved for the oldest");
        if let Some((overtaken, count)) = self.overtaken
            && let Some((ticket, _)) = oldest.filter(|(_, age)| *age == overtaken)
        {
            assert!(count < self.patience || reserved == Some(overtaken), "{ticket:?} was overtaken {count} times");
        }
        self.check_progress(free);
    }

    /// Whatever fits runs, unless that would put off the one for which room is reserved.
    fn check_progress(&self, free: Room) {
        let mut beside = free;
        let mut kept = None;
        if let Some((reserved, since)) = self.reserved {
            let (ticket, (_, needs)) = self.asking.iter().find(|(_, (age, _))| *age == reserved).expect("it asks");
            let needs = *needs;
            let fits = free.fits(needs.room) && self.gpus_fit(needs, None);
            assert!(!fits, "{ticket:?} has room reserved, fits and does not run");
            let is_certain = !self.is_shared || self.has_gpus_here(needs, since);
            let is_starved = self.held.values().all(|(grant, _)| *grant > since) && is_certain;
            assert!(!is_starved, "{ticket:?} is starved by those behind it");
            let mut taken = self.held_by(|grant| grant > since);
            taken.cores.0 += needs.room.cores.0;
            taken.memory.0 += needs.room.memory.0;
            taken.scratch.0 += needs.room.scratch.0;
            beside = self.without(taken);
            kept = Some((needs, since)).filter(|(needs, _)| needs.room.gpus > 0);
        }
        for (ticket, (_, needs)) in &self.asking {
            let fits = free.fits(needs.room) && beside.fits(needs.room) && self.gpus_fit(*needs, kept);
            assert!(!fits, "{ticket:?} fits and does not run: {needs:?} of {free}");
        }
    }

    /// Whether there are GPUs for a request besides those that are kept for one since so many grants.
    fn gpus_fit(&self, needs: Needs, kept: Option<(Needs, u64)>) -> bool {
        let there = GpuSet::first(self.total.gpus) - self.gpus_held() - self.elsewhere.used;
        let there = match needs.gpus {
            _ if needs.room.gpus == 0 => return true,
            Wanted::Left(left) => return (left - there).is_empty(),
            Wanted::Of(of) => (there & of) - self.elsewhere.left,
        };
        let Some((reserved, since)) = kept else { return there.count() >= needs.room.gpus };
        let will_do = self.will_do(reserved) - self.gpus_since(since);
        let certain = (will_do - self.elsewhere.used) - self.elsewhere.left;
        let spare = certain.count().saturating_sub(reserved.room.gpus);
        (there - will_do).count() + (there & will_do).count().min(spare) >= needs.room.gpus
    }

    fn will_do(&self, needs: Needs) -> GpuSet {
        let (Wanted::Of(of) | Wanted::Left(of)) = needs.gpus;
        of & GpuSet::first(self.total.gpus)
    }

    /// The GPUs of what was granted after so many grants.
    fn gpus_since(&self, since: u64) -> GpuSet {
        let later = self.gpus.values().filter(|(grant, _)| *grant > since);
        later.fold(GpuSet::default(), |all, &(_, gpus)| all | gpus)
    }

    /// Whether a request that waits since so many grants could have GPUs that neither others have nor those that went on
    /// with what they had.
    fn has_gpus_here(&self, needs: Needs, since: u64) -> bool {
        let gone = self.elsewhere.used | self.elsewhere.left | self.gpus_since(since);
        needs.room.gpus == 0 || (self.will_do(needs) - gone).count() >= needs.room.gpus
    }

    /// What others have is this from now on.
    pub fn see_elsewhere(&mut self, elsewhere: Elsewhere) {
        self.elsewhere = elsewhere;
        self.is_shared |= elsewhere != Elsewhere::default();
    }

    pub fn is_empty(&self) -> bool {
        self.asking.is_empty() && self.held.is_empty()
    }
}
