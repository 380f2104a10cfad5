//! The scheduler's pure parts under a simulated clock, with simulated executors, store, journal and permissions that fail
//! as a seed says, and engines that crash at any event. After each step every invariant is checked.
//!
//! - `SLUIS_SEEDS=1000000 cargo test -p sluis-schedule --test simulation` tries that many seeds.
//! - `SLUIS_SEED=17 cargo test -p sluis-schedule --test simulation` replays one and prints what happens in it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test may fail")]

mod disk;
mod gpus;
mod ledger;
mod plan;
mod running;
mod shell;
mod world;

use std::{
    env,
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use world::{Tally, World};

/// How many seeds are tried each time the tests run.
const SEEDS: u64 = 4000;

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is not a number")))
}

fn run(seed: u64) -> Tally {
    panic::catch_unwind(|| World::new(seed).run()).unwrap_or_else(|panic| {
        println!("SLUIS_SEED={seed} cargo test -p sluis-schedule --test simulation");
        panic::resume_unwind(panic)
    })
}

#[test]
fn every_invariant_holds_whatever_fails() {
    if let Some(seed) = number("SLUIS_SEED") {
        println!("{:#?}", World::traced(seed, |line| println!("{line}")).run());
        return;
    }
    let seeds = number("SLUIS_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let tallies: Vec<_> = thread::scope(|scope| {
        let work = || {
            let mut tally = Tally::default();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds {
                    return tally;
                }
                tally += run(seed);
            }
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic))).collect()
    });
    let mut tally = Tally::default();
    tallies.into_iter().for_each(|part| tally += part);
    println!("{seeds} seeds: {tally:?}");
    if seeds >= SEEDS {
        tally.assert_everything_happened();
    }
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..20 {
        let trace = || {
            let lines = std::cell::RefCell::new(Vec::new());
            let tally = World::traced(seed, |line| lines.borrow_mut().push(line)).run();
            (format!("{tally:?}"), lines.into_inner())
        };
        assert_eq!(panic::catch_unwind(AssertUnwindSafe(trace)).unwrap(), trace(), "seed {seed}");
    }
}
