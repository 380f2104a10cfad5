use proptest::prelude::*;

use super::*;

const MACHINE: Room = Room { cores: MilliCores(8_000), memory: Mebibytes(8_000), scratch: Mebibytes(1_000), gpus: 4 };

fn room(cores: u64, memory: u64) -> Room {
    Room { cores: MilliCores(cores * 1000), memory: Mebibytes(memory), scratch: Mebibytes(0), gpus: 0 }
}

/// Runs that always have as much to do as there is room for.
struct Machine {
    allocator: Allocator,
    next: u32,
    held: Vec<Ticket>,
}

impl Machine {
    fn new(patience: u32) -> Self {
        Self { allocator: Allocator::new(MACHINE, patience), next: 0, held: Vec::new() }
    }

    fn ask(&mut self, sharer: Sharer, needs: Room) -> Ticket {
        let ticket = Ticket { sharer, job: JobId(self.next) };
        self.next += 1;
        self.allocator.ask(ticket, needs).unwrap();
        ticket
    }

    fn grant_all(&mut self) -> Vec<Ticket> {
        let granted: Vec<_> = std::iter::from_fn(|| self.allocator.grant()).collect();
        self.held.extend(&granted);
        granted
    }

    /// The task that has run longest ends.
    fn end_one(&mut self) {
        let ended = self.held.remove(0);
        self.allocator.give_back(ended);
    }

    /// How many of the tasks that were granted in `rounds` are whose, when everybody always asks for `needs`.
    fn shares(&mut self, runs: &[(Sharer, Room)], rounds: usize) -> Vec<usize> {
        for &(sharer, needs) in runs {
            for _ in 0..rounds {
                self.ask(sharer, needs);
            }
        }
        let mut granted = Vec::new();
        while granted.len() < rounds {
            granted.extend(self.grant_all());
            self.end_one();
        }
        runs.iter().map(|(sharer, _)| granted.iter().filter(|ticket| ticket.sharer == *sharer).count()).collect()
    }
}

fn priority(text: &str) -> Priority {
    text.parse().unwrap()
}

#[test]
fn users_share_alike_however_many_runs_and_tasks_they_have() {
    let mut machine = Machine::new(64);
    let many: Vec<_> = (0..3).map(|_| machine.allocator.join("many", Priority::default())).collect();
    let one = machine.allocator.join("one", Priority::default());
    let runs = [(many[0], room(1, 1)), (many[1], room(1, 1)), (many[2], room(1, 1)), (one, room(1, 1))];
    let shares = machine.shares(&runs, 1200);
    assert!(shares[3].abs_diff(600) <= 8, "{shares:?}");
    assert!(shares[..3].iter().all(|share| share.abs_diff(200) <= 8), "{shares:?}");
}

#[test]
fn what_somebody_has_most_of_is_what_counts() {
    // One needs cores, the other memory: each gets about two thirds of what it needs most, as in the paper's example.
    let mut machine = Machine::new(64);
    let cores = machine.allocator.join("cores", Priority::default());
    let memory = machine.allocator.join("memory", Priority::default());
    for _ in 0..20 {
        machine.ask(cores, room(1, 500));
        machine.ask(memory, room(0, 1_000));
    }
    let granted = machine.grant_all();
    let of = |sharer| granted.iter().filter(|ticket| ticket.sharer == sharer).count();
    assert_eq!((of(cores), of(memory)), (6, 5), "6 cores and 5 GB of the memory of 8");
}

#[test]
fn a_priority_counts_twice_as_much_a_step_but_only_among_ones_own_runs() {
    let mut machine = Machine::new(64);
    let low = machine.allocator.join("a", priority("-1"));
    let high = machine.allocator.join("a", priority("1"));
    let other = machine.allocator.join("b", priority("-8"));
    let shares = machine.shares(&[(low, room(1, 1)), (high, room(1, 1)), (other, room(1, 1))], 3000);
    assert!(shares[2].abs_diff(1500) <= 8, "{shares:?}");
    // Of the four cores of that user three and one: as near to four times as much as whole cores come.
    assert!(shares[1] >= shares[0] * 3, "{shares:?}");
    for text in ["9", "-9", "x", "", "1.5"] {
        assert_eq!(text.parse::<Priority>(), Err(PriorityError), "{text}");
    }
}

#[test]
fn a_large_task_gets_its_room_when_what_ran_before_has_ended() {
    let mut machine = Machine::new(3);
    let run = machine.allocator.join("a", Priority::default());
    for _ in 0..8 {
        machine.ask(run, room(1, 1));
    }
    assert_eq!(machine.grant_all().len(), 8);
    let large = machine.ask(run, room(6, 1));
    let mut before = 8;
    for overtakings in 0..100 {
        machine.ask(run, room(1, 1));
        machine.end_one();
        if machine.grant_all().contains(&large) {
            assert!(overtakings >= 3, "small ones run while it waits");
            // Three were granted before room was reserved; two more fit beside it.
            assert!(before <= 3, "{before}");
            assert!(machine.held.len() >= 2, "what fits beside it runs");
            return;
        }
        before = machine.held.len();
    }
    panic!("the large task never ran");
}

#[test]
fn what_can_never_be_met_is_refused_with_the_nearest_possible() {
    let mut machine = Machine::new(64);
    let run = machine.allocator.join("a", Priority::default());
    let needs = room(9, 1);
    let refused = machine.allocator.ask(Ticket { sharer: run, job: JobId(0) }, needs);
    assert_eq!(refused, Err(TooLarge { needs, total: MACHINE }));
    let asked = sluis_model::Resources {
        cores: MilliCores(9_000),
        memory: Mebibytes(7_900),
        scratch: Mebibytes(2_000),
        ..Default::default()
    };
    let nearest = MACHINE.nearest(asked).unwrap();
    assert_eq!((nearest.cores, nearest.memory, nearest.scratch), (MilliCores(8_000), Mebibytes(7_900), Mebibytes(100)));
    assert!(MACHINE.fits(Room::of(nearest)));
    assert_eq!(MACHINE.nearest(nearest), None);
}

#[test]
fn gpus_count_as_much_as_anything_else() {
    // One user holds all that there is of the cores, the other of the GPUs: they are equally rich.
    let mut machine = Machine::new(64);
    let cores = machine.allocator.join("cores", Priority::default());
    let gpus = machine.allocator.join("gpus", Priority::default());
    let one_gpu = Room { gpus: 1, ..room(0, 1) };
    let shares = machine.shares(&[(cores, room(2, 1)), (gpus, one_gpu)], 800);
    assert!(shares[0].abs_diff(400) <= 8, "{shares:?}");
    let refused = machine.allocator.ask(Ticket { sharer: gpus, job: JobId(9_999) }, Room { gpus: 5, ..room(1, 1) });
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("and 5 GPUs") && text.contains("and 4 GPUs"), "{text}");
}

#[test]
fn gpus_are_kept_for_the_one_that_was_overtaken() {
    // It can use the last two only; the others run meanwhile, those that need one of these two as long as one is left.
    let mut machine = Machine::new(2);
    let run = machine.allocator.join("a", Priority::default());
    let of = |count, of| Needs { room: Room { gpus: count, ..room(1, 1) }, gpus: Wanted::Of(of) };
    let last = GpuSet::first(4) - GpuSet::first(2);
    let mut job = 0;
    let mut ask = |machine: &mut Machine, needs| {
        job += 1;
        let ticket = Ticket { sharer: run, job: JobId(job) };
        machine.allocator.ask(ticket, needs).unwrap();
        ticket
    };
    let first = ask(&mut machine, of(1, last));
    machine.grant_all();
    let waits = ask(&mut machine, of(2, last));
    let small: Vec<_> = (0..2).map(|_| ask(&mut machine, of(1, GpuSet::first(2)))).collect();
    assert_eq!(machine.grant_all(), small, "they overtake it");
    assert_eq!(machine.allocator.reserved(), Some(waits));
    let also_last = ask(&mut machine, of(1, last));
    assert_eq!(machine.grant_all(), [], "one of the two is free, and kept");
    machine.allocator.give_back(small[0]);
    let beside = ask(&mut machine, of(1, GpuSet::ALL));
    assert_eq!(machine.grant_all(), [beside]);
    assert_eq!(machine.allocator.gpus_of(beside), machine.allocator.gpus_of(beside) & GpuSet::first(2));
    machine.allocator.give_back(first);
    assert_eq!(machine.grant_all(), [waits]);
    machine.allocator.give_back(waits);
    assert_eq!(machine.grant_all(), [also_last]);
}

#[test]
fn a_run_that_leaves_gives_everything_back() {
    let mut machine = Machine::new(64);
    let stays = machine.allocator.join("a", Priority::default());
    let leaves = machine.allocator.join("b", Priority::default());
    for _ in 0..10 {
        machine.ask(leaves, room(1, 1));
    }
    assert_eq!(machine.grant_all().len(), 8);
    machine.ask(stays, room(8, 8));
    machine.allocator.leave(leaves);
    assert_eq!((machine.allocator.waiting(), machine.allocator.free()), (1, MACHINE));
    assert_eq!(machine.grant_all().iter().map(|ticket| ticket.sharer).collect::<Vec<_>>(), [stays]);
    machine.allocator.leave(stays);
    assert_eq!((machine.allocator.waiting(), machine.allocator.free()), (0, MACHINE));
}

/// Users who always have something to do, one size of task each.
struct Users {
    machine: Machine,
    runs: Vec<(Sharer, Room)>,
}

impl Users {
    fn new(needs: &[(u64, u64)]) -> Self {
        let mut machine = Machine::new(u32::MAX);
        let join = |(user, &(cores, memory)): (usize, &(u64, u64))| {
            (machine.allocator.join(&user.to_string(), Priority::default()), room(cores, memory + 100))
        };
        let runs: Vec<_> = needs.iter().enumerate().map(join).collect();
        for &(sharer, needs) in &runs {
            for _ in 0..300 {
                machine.ask(sharer, needs);
            }
        }
        Self { machine, runs }
    }

    /// The dominant share of what a user holds.
    fn share(&self, user: usize) -> u64 {
        let (sharer, needs) = self.runs[user];
        let tasks = self.machine.held.iter().filter(|ticket| ticket.sharer == sharer).count() as u64;
        let held = Room {
            cores: MilliCores(needs.cores.0 * tasks),
            memory: Mebibytes(needs.memory.0 * tasks),
            ..Room::default()
        };
        held.dominant_share(MACHINE)
    }
}

proptest! {
    #[test]
    fn the_poorest_user_whose_task_fits_is_next(
        needs in proptest::collection::vec((0_u64..4, 0_u64..3_000), 2..6),
        ends in proptest::collection::vec(any::<u8>(), 50..150),
    ) {
        let mut users = Users::new(&needs);
        users.machine.grant_all();
        for end in ends {
            let place = usize::from(end) % users.machine.held.len();
            let ended = users.machine.held.swap_remove(place);
            users.machine.allocator.give_back(ended);
            loop {
                let free = users.machine.allocator.free();
                let fits = (0..needs.len()).filter(|&user| free.fits(users.runs[user].1));
                let poorest = fits.map(|user| users.share(user)).min();
                let Some(ticket) = users.machine.allocator.grant() else {
                    prop_assert_eq!(poorest, None, "what fits runs");
                    break;
                };
                let next = users.runs.iter().position(|(sharer, _)| *sharer == ticket.sharer).unwrap();
                prop_assert_eq!(Some(users.share(next)), poorest);
                users.machine.held.push(ticket);
            }
        }
    }
}
