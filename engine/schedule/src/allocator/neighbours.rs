//! What the engines that share a machine tell each other, so that together they share it as one engine would.
//!
//! One engine at a time looks at what all the others tell, grants, and tells what has become of it. So nothing is granted
//! twice. Who is next is decided by the same order as within an engine: an engine leaves room to another one whose request
//! comes before its own, until that engine has looked at the room and either took it or could not use it. Room that is
//! reserved for a request of one engine is kept free by all.
//!
//! Grants are counted over all engines: each goes on from the highest count that it has heard of.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Allocator, Place, Reservation, Room, Sharer, Ticket};

/// Users of whom an engine tells, at most: those that hold most. What all hold together is told besides.
const USERS_TOLD: usize = 16;

/// What an engine tells the others. GPUs are not among it: for these engines hold locks.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// What it takes the machine to have. One that may use a part of the processors only has less than others.
    total: Room,
    /// What all its jobs hold.
    held: Room,
    /// How many grants there were, in all engines, as far as it knows.
    grants: u64,
    users: Vec<User>,
    /// What it would grant next.
    next: Option<Next>,
    /// What was free when it looked last and it could not use; nothing if it left that to somebody else.
    seen: Room,
    /// The reservation that it kept clear of then, here or elsewhere.
    clear_of: Option<u64>,
    /// The count of grants when it left its turn to another engine.
    declined: Option<u64>,
    /// The room that is reserved for one of its requests.
    reserved: Option<Reserved>,
    /// What was granted beside the room that is reserved, here or elsewhere.
    beside: Option<(u64, Room)>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct User {
    /// A hash of its name.
    user: u64,
    used: Room,
    served: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Next {
    user: u64,
    /// The least that any of its requests needs.
    least: Room,
    /// How its run stands among those of the user.
    share: u64,
    served: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Reserved {
    /// Which reservation.
    number: u64,
    room: Room,
}

/// All that other engines tell.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    /// The most that any of them takes the machine to have.
    total: Room,
    held: Room,
    users: HashMap<u64, (Room, u64)>,
    waiting: Vec<Told>,
    reserved: Option<Reserved>,
    /// What other engines granted beside the room that is reserved.
    beside: Room,
    /// What this engine granted beside room that is reserved elsewhere, and what it still holds of it.
    pub own_beside: Option<(u64, Room)>,
    /// The request that was the oldest when the others' grants were counted last.
    oldest: Option<Place>,
    /// The count of grants when this engine left its turn to another one.
    declined: Option<u64>,
}

impl Neighbours {
    /// What others hold of a user, and the last grant to it elsewhere.
    pub fn of_user(&self, user: u64) -> (Room, u64) {
        self.users.get(&user).copied().unwrap_or_default()
    }

    /// The reservation beside which whatever is granted here is granted, if it is another engine's.
    pub fn reservation(&self) -> Option<u64> {
        self.reserved.map(|reserved| reserved.number)
    }
}

/// The number by which engines know a user.
pub(super) fn number_of(user: &str) -> u64 {
    let hash = blake3::hash(user.as_bytes());
    hash.as_bytes().iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}

impl Allocator {
    /// What the other engines on the machine tell; for those that do not look at it any more (`false`) nobody waits, but
    /// what they hold they hold.
    pub fn see_neighbours<'t>(&mut self, told: impl IntoIterator<Item = (&'t Told, bool)>) {
        let mut seen = Neighbours { own_beside: self.neighbours.own_beside, ..Neighbours::default() };
        let mut grants = self.grants;
        let mut all_beside = Vec::new();
        for (told, is_awake) in told {
            seen.total = seen.total.at_least(told.total);
            seen.held.give_back(told.held.counted());
            grants = grants.max(told.grants);
            for user in &told.users {
                let (used, served) = seen.users.entry(user.user).or_default();
                used.give_back(user.used);
                *served = user.served.max(*served);
            }
            all_beside.extend(told.beside);
            if is_awake {
                seen.reserved = seen.reserved.or(told.reserved);
                if told.next.is_some() {
                    seen.waiting.push(told.clone());
                }
            }
        }
        // There is one at a time, but for what an engine says that was not awake for a while.
        let in_force = match (&self.reservation, seen.reserved) {
            (Some(own), Some(other)) if own.number > other.number => {
                self.reservation = None;
                Some(other.number)
            }
            (Some(own), _) => {
                seen.reserved = None;
                Some(own.number)
            }
            (None, other) => other.map(|other| other.number),
        };
        let of_it = all_beside.into_iter().filter(|(number, _)| Some(*number) == in_force);
        of_it.for_each(|(_, room)| seen.beside.give_back(room));
        if seen.own_beside.is_some_and(|(number, _)| Some(number) != seen.reservation()) {
            seen.own_beside = None;
        }
        let missed = grants - self.grants;
        self.grants = grants;
        seen.oldest = self.ages.first_key_value().map(|(&place, _)| place);
        let waited = seen.oldest.filter(|oldest| self.neighbours.oldest == Some(*oldest));
        let others_changed = self.neighbours.users != seen.users;
        self.neighbours = seen;
        if others_changed {
            let runs: Vec<u32> = self.runs.keys().copied().collect();
            runs.into_iter().for_each(|run| self.rank(Sharer(run)));
        }
        if let Some(oldest) = waited {
            self.count_overtaking(oldest, u32::try_from(missed).unwrap_or(u32::MAX));
        }
    }

    /// What this engine tells the others now.
    pub fn told(&self) -> Told {
        let mut users: Vec<User> = self.users.values().map(|user| user.told()).collect();
        users.sort_by_key(|user| std::cmp::Reverse((user.used.dominant_share(self.total), user.served)));
        users.truncate(USERS_TOLD);
        let next = self.next_told();
        let reserved = self.reservation.map(|own| Reserved { number: own.number, room: own.needs.room.counted() });
        let own_beside = self.reservation.map(|own| (own.number, own.beside_held()));
        Told {
            total: self.total.counted(),
            held: self.total.without(self.free).counted(),
            grants: self.grants,
            users,
            seen: if self.neighbours.declined.is_some() { Room::default() } else { self.free_for_all().counted() },
            clear_of: self.reservation_in_force(),
            declined: self.neighbours.declined.filter(|_| next.is_some()),
            next,
            reserved,
            beside: own_beside.or(self.neighbours.own_beside).map(|(number, room)| (number, room.counted())),
        }
    }

    /// Whether another engine may have a use for what is free and has not tried. One that left its turn to somebody else
    /// since the last grant has to hear of it only from one that does not do the same.
    pub fn has_room_for(&self, told: &Told) -> bool {
        let free = self.free_for_all().counted();
        let has_tried = told.seen.fits(free) && told.clear_of == self.reservation_in_force();
        let has_left = self.neighbours.declined.is_some() && told.declined == self.neighbours.declined;
        !has_tried && !has_left && told.next.is_some_and(|next| free.fits(next.least))
    }

    fn reservation_in_force(&self) -> Option<u64> {
        self.reservation.map(|own| own.number).or(self.neighbours.reservation())
    }

    /// What no engine has.
    pub(super) fn free_for_all(&self) -> Room {
        let held = self.total.without(self.free);
        self.free.at_most(self.machine().without(held).without(self.neighbours.held))
    }

    /// All that any engine may use of the machine.
    fn machine(&self) -> Room {
        self.total.at_least(self.neighbours.total)
    }

    /// Whether a request keeps clear of the room that is reserved for another one, here or elsewhere.
    pub(super) fn is_beside(&self, needs: Room) -> bool {
        let beside = self.neighbours.beside;
        let beside_own = self.reservation.is_none_or(|own| own.beside.without(beside).fits(needs));
        let beside_other = self.neighbours.reserved.is_none_or(|other| {
            let held = self.neighbours.own_beside.map_or_else(Room::default, |(_, room)| room);
            let room = self.machine().without(other.room).without(beside).without(held);
            // Of the GPUs, their locks decide.
            room.fits(needs.counted())
        });
        beside_own && beside_other
    }

    /// Something was granted while room is reserved elsewhere.
    pub(super) fn count_beside(&mut self, room: Room) -> Option<u64> {
        let number = self.neighbours.reservation()?;
        let (_, held) = self.neighbours.own_beside.get_or_insert((number, Room::default()));
        held.give_back(room);
        Some(number)
    }

    /// Notes whether this engine leaves its turn to another one, of which a request comes before this one and has not been
    /// tried with what is free now.
    pub(super) fn leaves_turn(&mut self, ticket: Ticket) -> bool {
        let leaves = self.is_preceded(ticket).unwrap_or(false);
        self.neighbours.declined = leaves.then_some(self.grants);
        leaves
    }

    pub(super) const fn takes_turn(&mut self) {
        self.neighbours.declined = None;
    }

    /// Whether a request of another engine comes before this one.
    fn is_preceded(&self, ticket: Ticket) -> Option<bool> {
        let run = self.runs.get(&ticket.sharer.0)?;
        let own = self.users.get(&run.user)?.number;
        let standing = |user: u64| {
            let (used, served) = self.everywhere(user);
            (used.dominant_share(self.total), served)
        };
        let run_share = run.priority.weigh(run.used.dominant_share(self.total));
        let is_before = |next: &Next| {
            if next.user == own {
                (next.share, next.served) < (run_share, run.served)
            } else {
                standing(next.user) < standing(own)
            }
        };
        let is_in_turn = |told: &Told| {
            let is_next = |next: Next| self.is_beside(next.least) && is_before(&next);
            told.declined != Some(self.grants) && self.has_room_for(told) && told.next.is_some_and(is_next)
        };
        Some(self.neighbours.waiting.iter().any(is_in_turn))
    }

    /// What a user holds in all engines, and the last grant to it.
    fn everywhere(&self, user: u64) -> (Room, u64) {
        let (mut used, mut served) = self.neighbours.of_user(user);
        if let Some(here) = self.users.values().find(|here| here.number == user) {
            used.give_back(here.used);
            served = served.max(here.served);
        }
        (used, served)
    }

    /// Who is next of those who wait here, and the least that would be of use.
    fn next_told(&self) -> Option<Next> {
        let user = self.waiting.first().and_then(|rank| self.users.get(&rank.id))?;
        let run = user.waiting.first().and_then(|rank| self.runs.get(&rank.id))?;
        let share = run.priority.weigh(run.used.dominant_share(self.total));
        Some(Next { user: user.number, least: self.least()?, share, served: run.served })
    }
}

impl super::User {
    const fn told(&self) -> User {
        User { user: self.number, used: self.used.counted(), served: self.served }
    }
}

impl Reservation {
    /// What was granted beside it here and is not given back.
    fn beside_held(&self) -> Room {
        self.all_beside.without(self.beside)
    }
}

#[cfg(test)]
mod tests;
