use proptest::prelude::*;
use sluis_model::{Mebibytes, MilliCores};

use super::*;
use crate::{allocator::Priority, core::JobId};

const MACHINE: Room = Room { cores: MilliCores(8_000), memory: Mebibytes(8_000), scratch: Mebibytes(1_000), gpus: 0 };

fn room(cores: u64, memory: u64) -> Room {
    Room { cores: MilliCores(cores * 1000), memory: Mebibytes(memory), scratch: Mebibytes(0), gpus: 0 }
}

/// Engines on one machine, each with one run, and their board.
struct Engines {
    engines: Vec<(Allocator, Sharer)>,
    board: Vec<Told>,
    /// Those that do not look any more.
    asleep: Vec<usize>,
    jobs: u32,
    waiting: Vec<(usize, Ticket, Room)>,
    held: Vec<(usize, Ticket, Room)>,
}

impl Engines {
    fn new(runs: &[(&str, i8)], patience: u32) -> Self {
        let join = |&(user, priority): &(&str, i8)| {
            let mut allocator = Allocator::new(MACHINE, patience);
            let sharer = allocator.join(user, Priority::try_from(priority).unwrap());
            (allocator, sharer)
        };
        Self {
            engines: runs.iter().map(join).collect(),
            board: vec![Told::default(); runs.len()],
            asleep: Vec::new(),
            jobs: 0,
            waiting: Vec::new(),
            held: Vec::new(),
        }
    }

    /// A request is made, and the engines do what comes of it.
    fn ask(&mut self, engine: usize, needs: Room) -> Ticket {
        let ticket = Ticket { sharer: self.engines[engine].1, job: JobId(self.jobs) };
        self.jobs += 1;
        self.engines[engine].0.ask(ticket, needs).unwrap();
        self.waiting.push((engine, ticket, needs));
        self.settle(engine);
        ticket
    }

    fn give_back(&mut self, place: usize) {
        let (engine, ticket, _) = self.held.remove(place);
        self.engines[engine].0.give_back(ticket);
        self.settle(engine);
    }

    fn look(&mut self, engine: usize) {
        let allocator = &mut self.engines[engine].0;
        let others = self.board.iter().enumerate().filter(|(other, _)| *other != engine);
        allocator.see_neighbours(others.map(|(other, told)| (told, !self.asleep.contains(&other))));
        while let Some(ticket) = allocator.grant() {
            let asked = |of: &(usize, Ticket, Room)| (of.0, of.1) == (engine, ticket);
            let place = self.waiting.iter().position(asked).expect("what is granted was asked for");
            self.held.push(self.waiting.remove(place));
        }
        self.board[engine] = allocator.told();
        assert!(MACHINE.fits(self.in_use()), "overbooked: {:?}", self.in_use());
    }

    /// An engine looks, then those that it rings, until nobody is rung.
    fn settle(&mut self, engine: usize) {
        let mut to_look = vec![engine];
        for _ in 0..1_000 {
            let Some(engine) = to_look.pop() else { return };
            self.look(engine);
            let others = (0..self.engines.len()).filter(|other| *other != engine && !self.asleep.contains(other));
            let rung: Vec<_> = others.filter(|&it| self.engines[engine].0.has_room_for(&self.board[it])).collect();
            to_look.retain(|it| !rung.contains(it));
            to_look.extend(rung);
        }
        panic!("they ring each other for ever");
    }

    /// Every engine in which something waits looks by itself, as it does now and then.
    fn look_again(&mut self) {
        let awake: Vec<_> = (0..self.engines.len()).filter(|engine| !self.asleep.contains(engine)).collect();
        awake.into_iter().for_each(|engine| self.settle(engine));
    }

    fn in_use(&self) -> Room {
        self.held.iter().fold(Room::default(), |mut used, (.., needs)| {
            used.give_back(*needs);
            used
        })
    }

    /// How many tasks of each engine were granted in `rounds`, when every engine always asks for its `needs` and the task
    /// that has run longest ends first.
    fn shares(&mut self, needs: &[Room], rounds: usize) -> Vec<usize> {
        for (engine, &needs) in needs.iter().enumerate() {
            (0..rounds).for_each(|_| _ = self.ask(engine, needs));
        }
        let mut granted = vec![0; needs.len()];
        for _ in 0..rounds {
            granted[self.held[0].0] += 1;
            self.give_back(0);
        }
        granted
    }

    fn runs(&self, ticket: Ticket, engine: usize) -> bool {
        self.engines[engine].0.holds(ticket)
    }
}

#[test]
fn users_share_alike_however_many_engines_they_have() {
    let mut engines = Engines::new(&[("many", 0), ("many", 0), ("many", 0), ("one", 0)], 64);
    let shares = engines.shares(&[room(1, 1); 4], 1200);
    // What ran before the others came ran alone.
    assert!(shares[3].abs_diff(600) <= 16, "{shares:?}");
    assert!(shares[1].abs_diff(200) <= 16 && shares[2].abs_diff(200) <= 16, "{shares:?}");
}

#[test]
fn a_priority_counts_against_the_users_runs_in_other_engines() {
    let mut engines = Engines::new(&[("a", -1), ("a", 1), ("b", -8)], 64);
    let shares = engines.shares(&[room(1, 1); 3], 3000);
    assert!(shares[2].abs_diff(1500) <= 16, "{shares:?}");
    assert!(shares[1] * 10 >= shares[0] * 29, "{shares:?}");
}

#[test]
fn what_others_hold_is_not_free_and_what_they_give_back_is() {
    let mut engines = Engines::new(&[("a", 0), ("b", 0)], 64);
    let first = engines.ask(0, room(5, 1));
    let second = engines.ask(1, room(5, 1));
    assert!(engines.runs(first, 0) && !engines.runs(second, 1));
    let third = engines.ask(1, room(3, 1));
    assert!(engines.runs(third, 1), "it fits beside both");
    engines.give_back(0);
    assert!(engines.runs(second, 1), "it was rung");
}

#[test]
fn a_large_request_is_not_put_off_for_ever_by_another_engine() {
    let mut engines = Engines::new(&[("a", 0), ("b", 0), ("c", 0)], 3);
    for engine in [0, 2] {
        (0..4).for_each(|_| _ = engines.ask(engine, room(1, 1)));
    }
    let large = engines.ask(1, room(6, 1));
    for round in 0..40 {
        (0..2).for_each(|_| _ = engines.ask([0, 2][round % 2], room(1, 1)));
        engines.look_again();
        engines.give_back(0);
        if engines.runs(large, 1) {
            assert!(round >= 3, "small ones run while it waits");
            assert!(engines.held.len() > 1, "what fits beside it runs");
            return;
        }
    }
    panic!("the large task never ran");
}

#[test]
fn an_engine_that_was_stopped_keeps_what_it_holds_and_holds_nobody_up() {
    let mut engines = Engines::new(&[("stopped", 0), ("a", 0)], 2);
    engines.ask(1, room(6, 1));
    engines.ask(0, room(2, 1));
    // It waits with a reservation, and then sleeps.
    engines.ask(0, room(4, 1));
    (0..2).for_each(|_| _ = engines.ask(0, room(0, 1)));
    assert!(engines.engines[0].0.reserved().is_some());
    engines.asleep.push(0);
    let waits = engines.ask(1, room(6, 1));
    engines.give_back(0);
    assert!(engines.runs(waits, 1), "its turn and its reservation do not count");
    let too_much = engines.ask(1, room(2, 1));
    assert!(!engines.runs(too_much, 1), "what it holds does");
    engines.asleep.clear();
    engines.settle(0);
}

#[test]
fn an_engine_that_may_use_a_part_of_the_machine_gets_it_beside_one_that_may_use_all() {
    let mut engines = Engines::new(&[("part", 0), ("all", 0)], 64);
    let part = Room { cores: MilliCores(2_000), ..MACHINE };
    let mut allocator = Allocator::new(part, 64);
    engines.engines[0] = {
        let run = allocator.join("part", Priority::default());
        (allocator, run)
    };
    (0..6).for_each(|_| _ = engines.ask(1, room(1, 1)));
    let first = engines.ask(0, room(1, 1));
    let second = engines.ask(0, room(1, 1));
    assert!(engines.runs(first, 0) && engines.runs(second, 0), "two of eight are free, and it may use two");
    let third = engines.ask(0, room(1, 1));
    engines.give_back(0);
    assert!(!engines.runs(third, 0), "it has all that it may use");
    let waits = engines.ask(1, room(2, 1));
    assert!(!engines.runs(waits, 1));
}

#[test]
fn nonsense_on_the_board_leaves_an_engine_to_itself_and_does_no_harm() {
    let most = Room { cores: MilliCores(u64::MAX), memory: Mebibytes(u64::MAX), scratch: Mebibytes(u64::MAX), gpus: 9 };
    let user = User { user: number_of("a"), used: most, served: u64::MAX };
    let nonsense = Told {
        held: most,
        grants: u64::MAX,
        users: vec![user; 3],
        next: Some(Next { user: 0, least: Room::default(), share: 0, served: 0 }),
        reserved: Some(Reserved { number: u64::MAX, room: most }),
        beside: Some((u64::MAX, most)),
        ..Told::default()
    };
    let mut engines = Engines::new(&[("a", 0), ("b", 0), ("c", 0)], 2);
    engines.board[1..].fill(nonsense);
    engines.asleep.extend([1, 2]);
    let waits = engines.ask(0, room(1, 1));
    assert!(!engines.runs(waits, 0), "everything is taken");
    engines.board[1..].fill(Told::default());
    engines.look(0);
    assert!(engines.runs(waits, 0));
}

proptest! {
    #[test]
    fn nothing_is_overbooked_and_whatever_fits_runs(
        runs in proptest::collection::vec((0_usize..3, -2_i8..3), 2..5),
        deeds in proptest::collection::vec((any::<u8>(), any::<bool>(), 0_u64..9, 0_u64..8_000), 1..200),
    ) {
        let runs: Vec<_> = runs.iter().map(|&(user, priority)| (["a", "b", "c"][user], priority)).collect();
        let mut engines = Engines::new(&runs, 5);
        for (of, asks, cores, memory) in deeds {
            if asks || engines.held.is_empty() {
                engines.ask(usize::from(of) % runs.len(), room(cores, memory));
            } else {
                engines.give_back(usize::from(of) % engines.held.len());
            }
            let free = MACHINE.without(engines.in_use());
            let is_reserved = engines.engines.iter().any(|(allocator, _)| allocator.reserved().is_some());
            let waits = engines.waiting.iter().find(|(.., needs)| free.fits(*needs));
            prop_assert!(is_reserved || waits.is_none(), "{waits:?} fits into {free:?}");
            for (engine, (allocator, _)) in engines.engines.iter().enumerate() {
                let mut held = Room::default();
                engines.held.iter().filter(|(of, ..)| *of == engine).for_each(|(.., needs)| held.give_back(*needs));
                prop_assert_eq!(MACHINE.without(allocator.free()), held);
            }
        }
        // Everything that waits has its turn when what runs ends.
        for _ in 0..2_000 {
            if engines.held.is_empty() {
                break;
            }
            engines.give_back(0);
            engines.look_again();
        }
        prop_assert!(engines.waiting.is_empty(), "{:?}", engines.waiting);
    }
}
