//! Measures what a decision of the allocator costs while many requests wait:
//! `cargo run --release -p sluis-schedule --example allocator`.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement")]

use std::{collections::VecDeque, time::Instant};

use sluis_model::{Mebibytes, MilliCores};
use sluis_schedule::{Allocator, JobId, Priority, Room, Ticket};

const MACHINE: Room =
    Room { cores: MilliCores(64_000), memory: Mebibytes(256 * 1024), scratch: Mebibytes(128 * 1024), gpus: 0 };

/// A request, its grant and its return, on average over as many as wait.
fn microseconds(waiting: u32, sizes: u64) -> f64 {
    let mut allocator = Allocator::new(MACHINE, 64);
    let runs: Vec<_> = (0..10).map(|run| allocator.join(&format!("user {}", run % 5), Priority::default())).collect();
    let begun = Instant::now();
    for job in 0..waiting {
        let size = u64::from(job) % sizes;
        let needs = Room {
            cores: MilliCores(1000 + size % 4 * 500),
            memory: Mebibytes(1000 + size),
            scratch: Mebibytes(0),
            gpus: 0,
        };
        allocator.ask(Ticket { sharer: runs[job as usize % runs.len()], job: JobId(job) }, needs).unwrap();
    }
    let mut held = VecDeque::new();
    let mut granted = 0;
    while granted < waiting {
        while let Some(ticket) = allocator.grant() {
            granted += 1;
            held.push_back(ticket);
        }
        if let Some(ticket) = held.pop_front() {
            allocator.give_back_cores(ticket);
            allocator.give_back(ticket);
        }
    }
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(waiting)
}

fn main() {
    println!("waiting, sizes of request: µs for a request, its grant and its return");
    for waiting in [1_000, 10_000, 100_000, 1_000_000] {
        for sizes in [1, 10, 10_000] {
            println!("{waiting:>9}, {sizes:>6}: {:.2}", microseconds(waiting, sizes));
        }
    }
}
