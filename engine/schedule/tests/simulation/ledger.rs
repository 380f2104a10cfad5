//! An account of the machine of its own, against which the allocator is checked.

use std::collections::BTreeMap;

use sluis_model::{Mebibytes, MilliCores};
use sluis_schedule::{Allocator, Room, Sharer, Ticket};

/// Who asks for what of the machine, and who holds it.
#[derive(Debug)]
pub struct Ledger {
    total: Room,
    patience: u32,
    requests: u64,
    grants: u64,
    /// With the age of each request.
    asking: BTreeMap<Ticket, (u64, Room)>,
    /// With the number of each grant.
    held: BTreeMap<Ticket, (u64, Room)>,
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
            overtaken: None,
            reserved: None,
            reservations: 0,
        }
    }

    pub fn asks(&mut self, ticket: Ticket, needs: Room) {
        assert!(!self.held.contains_key(&ticket), "{ticket:?} asks for room and has it");
        assert!(self.asking.insert(ticket, (self.requests, needs)).is_none(), "{ticket:?} asks twice");
        self.requests += 1;
    }

    pub fn granted(&mut self, ticket: Ticket, allocator: &Allocator) {
        let oldest = self.oldest();
        let (age, needs) = self.asking.remove(&ticket).expect("only what asks is granted");
        self.grants += 1;
        self.held.insert(ticket, (self.grants, needs));
        let (_, oldest) = oldest.expect("something asks");
        if age > oldest {
            let before = self.overtaken.filter(|(overtaken, _)| *overtaken == oldest).map_or(0, |(_, count)| count);
            self.overtaken = Some((oldest, before + 1));
        }
        self.observe(allocator);
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
        held.cores = MilliCores(0);
    }

    pub fn gives_back(&mut self, ticket: Ticket) {
        assert!(self.held.remove(&ticket).is_some(), "{ticket:?} gives back what it has not");
    }

    /// The run stops: nothing of this job waits any more, and what it was granted is free.
    pub fn forgets(&mut self, ticket: Ticket) {
        self.asking.remove(&ticket);
        self.held.remove(&ticket);
    }

    pub fn leaves(&mut self, sharer: Sharer) {
        self.asking.retain(|ticket, _| ticket.sharer != sharer);
        self.held.retain(|ticket, _| ticket.sharer != sharer);
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
        }
        sum
    }

    fn without(&self, held: Room) -> Room {
        let left = |total: u64, held: u64| total.checked_sub(held).expect("the machine is overbooked");
        Room {
            cores: MilliCores(left(self.total.cores.0, held.cores.0)),
            memory: Mebibytes(left(self.total.memory.0, held.memory.0)),
            scratch: Mebibytes(left(self.total.scratch.0, held.scratch.0)),
        }
    }

    /// What must hold whenever the allocator has nothing more to grant.
    pub fn check(&mut self, allocator: &Allocator) {
        let free = self.without(self.held_by(|_| true));
        assert_eq!(allocator.free(), free, "what is free is what nobody holds");
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
        if let Some((reserved, since)) = self.reserved {
            let (ticket, (_, needs)) = self.asking.iter().find(|(_, (age, _))| *age == reserved).expect("it asks");
            let needs = *needs;
            assert!(!free.fits(needs), "{ticket:?} has room reserved, fits and does not run");
            assert!(!self.held.values().all(|(grant, _)| *grant > since), "{ticket:?} is starved by those behind it");
            let mut taken = self.held_by(|grant| grant > since);
            taken.cores.0 += needs.cores.0;
            taken.memory.0 += needs.memory.0;
            taken.scratch.0 += needs.scratch.0;
            beside = self.without(taken);
        }
        for (ticket, (_, needs)) in &self.asking {
            assert!(!(free.fits(*needs) && beside.fits(*needs)), "{ticket:?} fits and does not run: {needs} of {free}");
        }
    }

    pub fn is_empty(&self) -> bool {
        self.asking.is_empty() && self.held.is_empty()
    }
}
