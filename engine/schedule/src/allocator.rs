//! Who gets the machine's room next: fair between users and their runs, packed, and nobody waits for ever.
//!
//! - Between users, and between the runs of one user, the one with the smallest *dominant share* comes first: the
//!   greatest part that it holds of the cores, the memory, the scratch folder or the GPUs (dominant resource fairness,
//!   Ghodsi et al., NSDI 2011). A run's priority is a weight: one more counts twice as much against the user's other runs.
//! - Within a run the oldest request comes first.
//! - What does not fit now is overtaken by what does, but not for ever: once so many younger requests were granted before
//!   the oldest as the allocator has patience, room is reserved for it. From then on only what fits *beside* it is granted,
//!   so that it gets its room at the latest when what ran before has ended.
//!
//! GPUs are counted, and each is handed out by itself: nobody gets one that somebody has.
//!
//! Other engines on the machine are its neighbours: what they hold is not free, and their users and runs count as if they
//! were here.
//!
//! A request, a grant and a return cost time that grows with the logarithm of what waits.

mod devices;
mod neighbours;
mod priority;
mod queue;
mod room;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use devices::{Devices, Kept};
pub use devices::{Elsewhere, GpuSet, Needs, Wanted};
use neighbours::Neighbours;
pub use neighbours::Told;
pub use priority::{Priority, PriorityError};
use queue::{Held, Requests};
pub use room::Room;
use sluis_model::{Mebibytes, MilliCores};

use crate::core::JobId;

/// The number of a run among those that share the machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Sharer(u32);

/// A job of a run that asks for room or has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket {
    /// The run.
    pub sharer: Sharer,
    /// Its job.
    pub job: JobId,
}

/// A request that cannot be met however long it waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a task needs {needs}, and the machine has {total}")]
pub struct TooLarge {
    /// What was asked for.
    pub needs: Room,
    /// What the machine has.
    pub total: Room,
}

/// A place in the order in which requests came.
type Place = u64;

/// Who comes first: the smallest share, then the one whose last grant was the longest ago.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Rank {
    share: u64,
    served: u64,
    id: u32,
}

#[derive(Debug)]
struct Run {
    user: u32,
    priority: Priority,
    used: Room,
    served: u64,
    requests: Requests,
    rank: Option<Rank>,
}

#[derive(Debug, Default)]
struct User {
    /// By which other engines know it.
    number: u64,
    used: Room,
    served: u64,
    runs: u32,
    waiting: BTreeSet<Rank>,
    rank: Option<Rank>,
}

/// Room that is kept for the oldest request.
#[derive(Clone, Copy, Debug)]
struct Reservation {
    /// The count of grants when it was made, by which all engines know it.
    number: u64,
    place: Place,
    ticket: Ticket,
    needs: Needs,
    /// What can be granted in all without putting the reserved request off.
    all_beside: Room,
    /// What of it is left to be granted here.
    beside: Room,
    /// The GPUs that were granted since then and are not given back.
    gpus_beside: GpuSet,
}

/// Shares one machine between the runs of one engine, and with other engines.
#[derive(Debug)]
pub struct Allocator {
    total: Room,
    patience: u32,
    free: Room,
    devices: Devices,
    neighbours: Neighbours,
    names: HashMap<String, u32>,
    users: HashMap<u32, User>,
    runs: HashMap<u32, Run>,
    numbers: u32,
    places: Place,
    grants: u64,
    /// The users with requests that wait.
    waiting: BTreeSet<Rank>,
    /// All requests that wait, by age.
    ages: BTreeMap<Place, Ticket>,
    /// How many requests wait for so many cores, and for so much memory: when less is free than the least of them, there
    /// is nothing to look for.
    cores: BTreeMap<MilliCores, u32>,
    memory: BTreeMap<Mebibytes, u32>,
    /// How many requests wait for GPUs.
    for_gpus: usize,
    overtaken: (Place, u32),
    reservation: Option<Reservation>,
}

impl Allocator {
    /// A machine with this much room, all of it free. The oldest request may be overtaken by `patience` younger ones before
    /// room is reserved for it.
    pub fn new(total: Room, patience: u32) -> Self {
        Self {
            total,
            patience,
            free: total,
            devices: Devices::new(total.gpus),
            neighbours: Neighbours::default(),
            names: HashMap::new(),
            users: HashMap::new(),
            runs: HashMap::new(),
            numbers: 0,
            places: 0,
            grants: 0,
            waiting: BTreeSet::new(),
            ages: BTreeMap::new(),
            cores: BTreeMap::new(),
            memory: BTreeMap::new(),
            for_gpus: 0,
            overtaken: (0, 0),
            reservation: None,
        }
    }

    /// What the machine has.
    pub const fn total(&self) -> Room {
        self.total
    }

    /// What of it nobody here has.
    pub const fn free(&self) -> Room {
        self.free
    }

    /// The request for which room is reserved.
    pub fn reserved(&self) -> Option<Ticket> {
        self.reservation.map(|reservation| reservation.ticket)
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.ages.len()
    }

    /// Whether there is room for anything that waits, as far as can be said without looking at each.
    pub fn may_have_room(&self) -> bool {
        self.least().is_some_and(|least| self.free_for_all().fits(least))
    }

    /// The least of the cores, and the least of the memory, for which something waits.
    fn least(&self) -> Option<Room> {
        let ((&cores, _), (&memory, _)) = self.cores.first_key_value().zip(self.memory.first_key_value())?;
        Some(Room { cores, memory, ..Room::default() })
    }

    /// How many requests wait for GPUs.
    pub const fn waiting_for_gpus(&self) -> usize {
        self.for_gpus
    }

    /// The GPUs that nobody here has.
    pub const fn free_gpus(&self) -> GpuSet {
        self.devices.free
    }

    /// The GPUs that a job was granted and has not given back.
    pub fn gpus_of(&self, ticket: Ticket) -> GpuSet {
        let held = self.runs.get(&ticket.sharer.0).and_then(|run| run.requests.held.get(&ticket.job));
        held.map_or_else(GpuSet::default, |held| held.gpus)
    }

    /// Whether a job was granted room that it has not given back.
    pub fn holds(&self, ticket: Ticket) -> bool {
        self.runs.get(&ticket.sharer.0).is_some_and(|run| run.requests.held.contains_key(&ticket.job))
    }

    /// What other engines have is this from now on.
    pub const fn see_elsewhere(&mut self, elsewhere: Elsewhere) {
        self.devices.elsewhere = elsewhere;
    }

    /// A run of this user begins to share the machine.
    pub fn join(&mut self, user: &str, priority: Priority) -> Sharer {
        let number = self.numbers;
        self.numbers += 1;
        let name = user;
        let user = *self.names.entry(name.to_owned()).or_insert(number);
        let new = || User { number: neighbours::number_of(name), ..User::default() };
        self.users.entry(user).or_insert_with(new).runs += 1;
        let run = Run { user, priority, used: Room::default(), served: 0, requests: Requests::default(), rank: None };
        self.runs.insert(number, run);
        Sharer(number)
    }

    /// A run is over: nothing of it waits any more, and what it holds is free.
    pub fn leave(&mut self, sharer: Sharer) {
        let Some(run) = self.runs.get(&sharer.0) else { return };
        let user = run.user;
        let jobs: Vec<JobId> = run.requests.jobs().collect();
        for job in jobs {
            self.give_back(Ticket { sharer, job });
        }
        self.runs.remove(&sharer.0);
        if let Some(state) = self.users.get_mut(&user) {
            state.runs -= 1;
            if state.runs == 0 {
                self.users.remove(&user);
                self.names.retain(|_, number| *number != user);
            }
        }
    }

    /// A job waits for room from now on.
    ///
    /// # Errors
    /// If it could never have it.
    pub fn ask(&mut self, ticket: Ticket, needs: impl Into<Needs>) -> Result<(), TooLarge> {
        let needs = needs.into();
        if !self.total.fits(needs.room) || !self.devices.can_ever(needs.room.gpus, needs.gpus) {
            return Err(TooLarge { needs: needs.room, total: self.total });
        }
        let place = self.places;
        let Some(run) = self.runs.get_mut(&ticket.sharer.0) else { return Ok(()) };
        if run.requests.knows(ticket.job) {
            return Ok(());
        }
        run.requests.push(place, ticket.job, needs);
        self.places += 1;
        self.ages.insert(place, ticket);
        *self.cores.entry(needs.room.cores).or_default() += 1;
        *self.memory.entry(needs.room.memory).or_default() += 1;
        self.for_gpus += usize::from(needs.room.gpus > 0);
        self.rank(ticket.sharer);
        Ok(())
    }

    /// A job that holds room needs its cores and GPUs no more.
    pub fn give_back_cores(&mut self, ticket: Ticket) {
        let Some(run) = self.runs.get_mut(&ticket.sharer.0) else { return };
        let Some(held) = run.requests.held.get_mut(&ticket.job) else { return };
        let part = Held { room: held.room.only_processors(), ..*held };
        (held.room, held.gpus) = (held.room.without_processors(), GpuSet::default());
        self.release(ticket.sharer, part);
    }

    /// A job needs no room any more: it gives back what it holds, or waits no longer.
    pub fn give_back(&mut self, ticket: Ticket) {
        let Some(run) = self.runs.get_mut(&ticket.sharer.0) else { return };
        if let Some(held) = run.requests.held.remove(&ticket.job) {
            self.release(ticket.sharer, held);
        } else if let Some((place, needs)) = run.requests.remove(ticket.job) {
            self.forget_request(place, needs);
            self.rank(ticket.sharer);
        }
    }

    /// Grants the request that is next, if there is room for one: to be asked again until there is none.
    pub fn grant(&mut self) -> Option<Ticket> {
        self.takes_turn();
        let ticket = self.next()?;
        if !self.is_reserved(ticket) && self.leaves_turn(ticket) {
            return None;
        }
        let oldest = self.ages.first_key_value().map(|(&place, _)| place)?;
        let (_, needs) = self.runs.get(&ticket.sharer.0)?.requests.needs(ticket.job)?;
        // As `next` found them.
        let gpus = self.choose(needs, self.is_reserved(ticket))?;
        let run = self.runs.get_mut(&ticket.sharer.0)?;
        let (place, Needs { room, .. }) = run.requests.remove(ticket.job)?;
        if self.reservation.is_some_and(|reservation| reservation.place == place) {
            self.reservation = None;
        }
        let beside = self.reservation.map(|reservation| reservation.number);
        let beside = beside.or_else(|| self.count_beside(room));
        let run = self.runs.get_mut(&ticket.sharer.0)?;
        run.requests.held.insert(ticket.job, Held { room, gpus, beside });
        self.grants = self.grants.saturating_add(1);
        run.served = self.grants;
        run.used.give_back(room);
        if let Some(user) = self.users.get_mut(&run.user) {
            user.served = self.grants;
            user.used.give_back(room);
        }
        self.free.take(room);
        self.devices.free = self.devices.free - gpus;
        if let Some(reservation) = &mut self.reservation {
            reservation.beside.take(room);
            reservation.gpus_beside = reservation.gpus_beside | gpus;
        }
        self.forget_request(place, needs);
        self.rank(ticket.sharer);
        if place > oldest {
            self.count_overtaking(oldest, 1);
        }
        Some(ticket)
    }

    fn next(&self) -> Option<Ticket> {
        if !self.may_have_room() {
            return None;
        }
        let free = self.free_for_all();
        if let Some(Reservation { ticket, needs, .. }) = self.reservation
            && free.fits(needs.room)
            && self.choose(needs, true).is_some()
        {
            return Some(ticket);
        }
        let fits =
            |needs: Needs| free.fits(needs.room) && self.is_beside(needs.room) && self.choose(needs, false).is_some();
        let runs = self.waiting.iter().filter_map(|user| self.users.get(&user.id)).flat_map(|user| &user.waiting);
        runs.filter_map(|run| Some((run.id, self.runs.get(&run.id)?)))
            .find_map(|(id, run)| Some(Ticket { sharer: Sharer(id), job: run.requests.first_fitting(fits)? }))
    }

    fn is_reserved(&self, ticket: Ticket) -> bool {
        self.reserved() == Some(ticket)
    }

    /// The GPUs that a request would be granted now; those that are kept for the reserved one only if it is that one.
    fn choose(&self, needs: Needs, is_reserved: bool) -> Option<GpuSet> {
        if needs.room.gpus == 0 {
            return Some(GpuSet::default());
        }
        let kept = match self.reservation {
            Some(Reservation { needs, gpus_beside, .. }) if !is_reserved && needs.room.gpus > 0 => {
                self.devices.keep(needs.room.gpus, needs.gpus, gpus_beside)
            }
            _ => Kept::default(),
        };
        self.devices.choose(needs.room.gpus, needs.gpus, kept)
    }

    /// The oldest request was overtaken so many times, here or by what other engines granted.
    fn count_overtaking(&mut self, oldest: Place, times: u32) {
        let (of, count) = self.overtaken;
        self.overtaken = (oldest, if of == oldest { count.saturating_add(times) } else { times });
        let is_reserved = self.reservation.is_some() || self.neighbours.reservation().is_some();
        if self.overtaken.1 < self.patience || is_reserved {
            return;
        }
        let Some(&ticket) = self.ages.get(&oldest) else { return };
        let needs = self.runs.get(&ticket.sharer.0).and_then(|run| run.requests.needs(ticket.job));
        if let Some((_, needs)) = needs {
            // Of the GPUs it is not enough to count them.
            let all_beside = self.total.without(needs.room.counted());
            let (beside, gpus_beside) = (all_beside, GpuSet::default());
            self.grants = self.grants.saturating_add(1);
            let number = self.grants;
            self.reservation =
                Some(Reservation { number, place: oldest, ticket, needs, all_beside, beside, gpus_beside });
        }
    }

    /// A request waits no longer, granted or not.
    fn forget_request(&mut self, place: Place, needs: Needs) {
        self.ages.remove(&place);
        forget_one(&mut self.cores, needs.room.cores);
        forget_one(&mut self.memory, needs.room.memory);
        self.for_gpus -= usize::from(needs.room.gpus > 0);
        if self.reservation.is_some_and(|reservation| reservation.place == place) {
            self.reservation = None;
        }
    }

    fn release(&mut self, sharer: Sharer, Held { room: part, gpus, beside }: Held) {
        self.free.give_back(part);
        self.devices.free = self.devices.free | gpus;
        if let Some(reservation) = &mut self.reservation
            && beside == Some(reservation.number)
        {
            reservation.beside.give_back(part);
            reservation.gpus_beside = reservation.gpus_beside - gpus;
        }
        if let Some((number, held)) = &mut self.neighbours.own_beside
            && beside == Some(*number)
        {
            *held = held.without(part);
        }
        if let Some(run) = self.runs.get_mut(&sharer.0) {
            run.used.take(part);
            if let Some(user) = self.users.get_mut(&run.user) {
                user.used.take(part);
            }
        }
        self.rank(sharer);
    }

    /// Puts a run and its user where they belong in the order, after anything about them changed.
    fn rank(&mut self, sharer: Sharer) {
        let Some(run) = self.runs.get_mut(&sharer.0) else { return };
        let Some(user) = self.users.get_mut(&run.user) else { return };
        if let Some(rank) = run.rank.take() {
            user.waiting.remove(&rank);
        }
        if run.requests.is_waiting() {
            let share = run.priority.weigh(run.used.dominant_share(self.total));
            let rank = Rank { share, served: run.served, id: sharer.0 };
            user.waiting.insert(rank);
            run.rank = Some(rank);
        }
        if let Some(rank) = user.rank.take() {
            self.waiting.remove(&rank);
        }
        if !user.waiting.is_empty() {
            let (mut used, served) = self.neighbours.of_user(user.number);
            used.give_back(user.used);
            let served = served.max(user.served);
            let rank = Rank { share: used.dominant_share(self.total), served, id: run.user };
            self.waiting.insert(rank);
            user.rank = Some(rank);
        }
    }
}

/// Counts one less of an amount.
fn forget_one<K: Ord + Copy>(counts: &mut BTreeMap<K, u32>, amount: K) {
    if let Some(count) = counts.get_mut(&amount) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&amount);
        }
    }
}
