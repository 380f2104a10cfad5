//! A machine, a site and their clock.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::AddAssign,
    time::Duration,
};

use fastrand::Rng;
use sluis_access::RetryPolicy;
use sluis_model::{Mebibytes, MilliCores};
use sluis_schedule::{Allocator, Attempt, Cause, CoreSettings, Event, FailurePolicy, Priority, Room};

use crate::{
    disk::{Disk, Journal, Record},
    gpus::Gpus,
    ledger::Ledger,
    plan::Plans,
    shell::Run,
};

/// What happens at a time.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A run begins, or an engine goes on with it.
    Begin {
        run: usize,
    },
    /// A core is told something.
    Tell {
        run: usize,
        event: Event,
    },
    /// A core is told something again that it was told before.
    TellAgain {
        run: usize,
        event: Event,
    },
    /// A job is bound, looked up and permitted.
    Prepare {
        run: usize,
        attempt: Attempt,
    },
    /// A command ends well.
    CommandEnds {
        run: usize,
        attempt: Attempt,
    },
    /// The outputs of a command are sealed and kept.
    Commits {
        run: usize,
        attempt: Attempt,
    },
    /// An attempt fails while it runs.
    Fails {
        run: usize,
        attempt: Attempt,
        cause: Cause,
    },
    /// A command that was to be stopped ended.
    Stops {
        run: usize,
        attempt: Attempt,
    },
    /// The journal of a run is written to the disk.
    Flush {
        run: usize,
    },
    /// The journal of a run is written to its end.
    Close {
        run: usize,
    },
    JournalFails {
        run: usize,
    },
    Cancel {
        run: usize,
    },
    Withdraw {
        key: u64,
    },
    CheckPermits,
    LoseExecutor,
}

impl Happening {
    /// The run that only the engine's memory tells of this; the others happen whatever engine there is.
    pub fn in_memory_of(&self) -> Option<usize> {
        match *self {
            Self::Tell { run, .. }
            | Self::TellAgain { run, .. }
            | Self::Prepare { run, .. }
            | Self::CommandEnds { run, .. }
            | Self::Commits { run, .. }
            | Self::Fails { run, .. }
            | Self::Stops { run, .. }
            | Self::Flush { run }
            | Self::Close { run } => Some(run),
            _ => None,
        }
    }
}

/// How often things go wrong in this world, in thousandths.
#[derive(Debug)]
pub struct Faults {
    pub infrastructure: u32,
    pub preemption: u32,
    pub store: u32,
    pub repeated: u32,
    /// The longest that an answer takes.
    pub delay: u64,
}

/// What happened in a world, so that it is seen whether the simulation reaches everything.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Tally {
    pub steps: u64,
    pub runs: u64,
    pub complete: u64,
    pub failed: u64,
    pub canceled: u64,
    pub resumed: u64,
    pub crashes: u64,
    pub commits: u64,
    pub hits: u64,
    pub refused: u64,
    pub stopped: u64,
    pub too_large: u64,
    pub retries: u64,
    pub raised: u64,
    pub given_up: u64,
    pub lost_acknowledgements: u64,
    pub repeated: u64,
    pub parked: u64,
    pub reservations: u64,
    pub blocked: u64,
    pub frames: u64,
    pub gpus: u64,
    pub gpus_elsewhere: u64,
    pub gpus_left: u64,
    pub gpus_taken_up: u64,
    pub gpus_cleared: u64,
}

impl Tally {
    /// That the simulation is not blind for anything.
    pub fn assert_everything_happened(&self) {
        let shown = format!("{self:?}");
        assert!(!shown.contains(": 0,") && !shown.contains(": 0 "), "something never happens: {shown}");
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.runs += other.runs;
        self.complete += other.complete;
        self.failed += other.failed;
        self.canceled += other.canceled;
        self.resumed += other.resumed;
        self.crashes += other.crashes;
        self.commits += other.commits;
        self.hits += other.hits;
        self.refused += other.refused;
        self.stopped += other.stopped;
        self.too_large += other.too_large;
        self.retries += other.retries;
        self.raised += other.raised;
        self.given_up += other.given_up;
        self.lost_acknowledgements += other.lost_acknowledgements;
        self.repeated += other.repeated;
        self.parked += other.parked;
        self.reservations += other.reservations;
        self.blocked += other.blocked;
        self.frames += other.frames;
        self.gpus += other.gpus;
        self.gpus_elsewhere += other.gpus_elsewhere;
        self.gpus_left += other.gpus_left;
        self.gpus_taken_up += other.gpus_taken_up;
        self.gpus_cleared += other.gpus_cleared;
    }
}

/// One world, from its seed to the end of its last run.
pub struct World<'a> {
    pub random: Rng,
    pub plans: Plans,
    pub settings: CoreSettings,
    pub faults: Faults,
    pub disk: Disk,
    pub allocator: Allocator,
    /// The GPUs that others have.
    pub gpus: Gpus,
    pub ledger: Ledger,
    pub runs: Vec<Option<Run>>,
    /// The keys of tasks whose data may not be used any more.
    pub withdrawn: BTreeSet<u64>,
    pub tally: Tally,
    patience: u32,
    now: u64,
    order: u64,
    agenda: BTreeMap<(u64, u64), Happening>,
    /// After how many more steps and effects the engine crashes.
    crashes: Vec<u64>,
    tell: Option<Box<dyn Fn(String) + 'a>>,
}

impl<'a> World<'a> {
    pub fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let machine = Room {
            cores: MilliCores(random.u64(1..9) * 1000),
            memory: Mebibytes(random.u64(1..9) * 1024),
            scratch: Mebibytes(random.u64(0..4) * 512),
            gpus: random.u32(0..5),
        };
        let patience = random.u32(1..8);
        let failing = [0, 0, 3, 10][random.usize(..4)];
        let plans = Plans { seed, machine, failing, shared: random.bool() };
        let settings = settings(&mut random, machine);
        let faults = faults(&mut random);
        let runs = random.usize(1..4);
        let mut world = Self {
            plans,
            settings,
            faults,
            disk: Disk::default(),
            allocator: Allocator::new(machine, patience),
            gpus: Gpus::new(random.bool()),
            ledger: Ledger::new(machine, patience),
            runs: Vec::new(),
            withdrawn: BTreeSet::new(),
            tally: Tally { runs: runs as u64, ..Tally::default() },
            patience,
            now: 0,
            order: 0,
            agenda: BTreeMap::new(),
            crashes: Vec::new(),
            tell: None,
            random,
        };
        world.fill_agenda(runs);
        world
    }

    /// The same world, which tells what happens in it.
    pub fn traced(seed: u64, tell: impl Fn(String) + 'a) -> Self {
        Self { tell: Some(Box::new(tell)), ..Self::new(seed) }
    }

    fn fill_agenda(&mut self, runs: usize) {
        for run in 0..runs {
            self.runs.push(None);
            self.disk.journals.push(Journal::default());
            let begin = self.random.u64(..5_000);
            self.at(begin, Happening::Begin { run });
            if self.random.u32(..6) == 0 {
                self.sometime(Happening::Cancel { run });
            }
            if self.random.u32(..12) == 0 {
                self.sometime(Happening::JournalFails { run });
            }
        }
        if self.random.u32(..4) == 0 {
            let key = self.random.u64(..8);
            self.sometime(Happening::Withdraw { key });
        }
        if self.random.u32(..4) == 0 {
            self.sometime(Happening::LoseExecutor);
        }
        self.at(1_000, Happening::CheckPermits);
        if self.random.u32(..2) == 0 {
            self.crashes = (0..self.random.usize(1..4)).map(|_| self.random.u64(1..400)).collect();
        }
    }

    pub fn at(&mut self, after: u64, happening: Happening) {
        self.order += 1;
        self.agenda.insert((self.now + after, self.order), happening);
    }

    fn sometime(&mut self, happening: Happening) {
        let when = self.random.u64(..60_000);
        self.at(when, happening);
    }

    /// In a while, as answers take their time.
    pub fn soon(&mut self, happening: Happening) {
        let delay = self.random.u64(..=self.faults.delay);
        self.at(delay, happening);
    }

    pub fn chance(&mut self, thousandths: u32) -> bool {
        self.random.u32(..1000) < thousandths
    }

    pub fn trace(&self, line: impl FnOnce() -> String) {
        if let Some(tell) = &self.tell {
            tell(format!("{:>7} {}", self.now, line()));
        }
    }

    /// Whether the engine crashes right now.
    pub fn crashes(&mut self) -> bool {
        let Some(left) = self.crashes.last_mut() else { return false };
        *left = left.saturating_sub(1);
        *left == 0
    }

    /// Lets everything happen, and checks all that must hold after each step.
    pub fn run(mut self) -> Tally {
        while self.disk.journals.iter().any(|journal| !journal.has_ended()) || self.runs.iter().any(Option::is_some) {
            let ((now, _), happening) = self.agenda.pop_first().expect("the runs make no progress");
            self.now = now;
            self.tally.steps += 1;
            assert!(self.tally.steps < 200_000, "the runs never end");
            self.trace(|| format!("{happening:?}"));
            let survives = self.happen(happening) && !self.crashes();
            if !survives {
                self.crash();
                continue;
            }
            self.ledger.check(&self.allocator);
            self.runs.iter().flatten().for_each(|run| run.check(&self.settings, &self.ledger));
        }
        assert!(self.ledger.is_empty(), "when all runs are over nothing is held");
        assert_eq!(self.allocator.free(), self.plans.machine);
        self.disk.check();
        self.tally.reservations += self.ledger.reservations;
        self.tally
    }

    /// Lets something happen; false if the engine crashed over it.
    fn happen(&mut self, happening: Happening) -> bool {
        match happening {
            Happening::Begin { run } => return self.begin(run),
            Happening::Tell { run, event } => return self.deliver(run, event),
            Happening::TellAgain { run, event } => self.deliver_again(run, &event),
            Happening::Prepare { run, attempt } => return self.prepare(run, attempt),
            Happening::CommandEnds { run, attempt } => return self.command_ends(run, attempt),
            Happening::Commits { run, attempt } => return self.commits(run, attempt),
            Happening::Fails { run, attempt, cause } => return self.fails(run, attempt, cause),
            Happening::Stops { run, attempt } => return self.stops(run, attempt),
            Happening::Flush { run } => self.disk.journals[run].flush(),
            Happening::Close { run } => self.close(run),
            Happening::JournalFails { run } => return self.journal_fails(run),
            Happening::Cancel { run } => return self.cancel(run),
            Happening::Withdraw { key } => drop(self.withdrawn.insert(key)),
            Happening::CheckPermits => {
                self.check_permits();
                self.look_for_gpus();
                self.at(1_000, Happening::CheckPermits);
                return self.grant(usize::MAX);
            }
            Happening::LoseExecutor => self.lose_executor(),
        }
        true
    }

    fn begin(&mut self, run: usize) -> bool {
        let user = ["a", "b"][run % 2];
        let priority = Priority::try_from(self.random.i8(-Priority::HIGHEST..=Priority::HIGHEST));
        let sharer = self.allocator.join(user, priority.expect("it is in range"));
        self.runs[run] = Some(Run::new(run, sharer, self.settings));
        self.deliver(run, Event::Start)
    }

    /// A run's end is on the disk. If its journal could not be written it is not, and an engine goes on with it.
    fn close(&mut self, index: usize) {
        let Some(run) = self.runs[index].take() else { return };
        self.forget(index);
        self.clear_left(index);
        self.allocator.leave(run.sharer);
        self.ledger.leaves(run.sharer);
        if run.journal_failed {
            self.disk.journals[index].tear(&mut self.random);
            self.tally.resumed += 1;
            return self.soon(Happening::Begin { run: index });
        }
        self.disk.journals[index].append(Record::Ended);
        self.disk.journals[index].flush();
        self.tally.complete += u64::from(run.is_complete());
        self.tally.failed += u64::from(!run.is_complete() && !run.canceled);
        self.tally.canceled += u64::from(run.canceled);
    }

    /// Nothing of an engine's memory is left; another one goes on with what has not ended.
    fn crash(&mut self) {
        self.trace(|| "crash".to_owned());
        self.crashes.pop();
        self.tally.crashes += 1;
        self.leave_gpus();
        self.allocator = Allocator::new(self.plans.machine, self.patience);
        self.tally.reservations += self.ledger.reservations;
        self.ledger = Ledger::new(self.plans.machine, self.patience);
        self.see_gpus();
        for run in 0..self.runs.len() {
            self.forget(run);
            self.disk.journals[run].tear(&mut self.random);
            if self.runs[run].take().is_some() {
                self.tally.resumed += 1;
                self.soon(Happening::Begin { run });
            }
        }
        self.disk.check();
    }

    /// Takes everything from the agenda that only the engine's memory of a run tells.
    fn forget(&mut self, run: usize) {
        self.agenda.retain(|_, happening| happening.in_memory_of() != Some(run));
    }
}

fn settings(random: &mut Rng, machine: Room) -> CoreSettings {
    let default = RetryPolicy::default();
    CoreSettings {
        window: random.usize(1..9),
        most_parked: random.usize(1..5),
        on_failure: if random.u32(..4) == 0 { FailurePolicy::StopAll } else { FailurePolicy::FinishOthers },
        retries: RetryPolicy {
            budget: random.u32(..4),
            infrastructure: random.u32(..6),
            preemptions: random.u32(..6),
            memory_ceiling: random.bool().then_some(Mebibytes(machine.memory.0 / 2)),
            time_factor: if random.bool() { default.memory_factor } else { default.time_factor },
            time_ceiling: random.bool().then_some(Duration::from_secs(15)),
            ..default
        },
        memory: machine.memory,
        seed: random.u64(..),
    }
}

fn faults(random: &mut Rng) -> Faults {
    let often = |random: &mut Rng| [0, 0, 20, 100][random.usize(..4)];
    Faults {
        infrastructure: often(random),
        preemption: often(random),
        store: often(random),
        repeated: often(random),
        delay: [0, 10, 1_000, 20_000][random.usize(..4)],
    }
}
