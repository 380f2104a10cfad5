//! Measures what the executor adds to a bare spawn of `true`: the medians of many rounds of both, in turns.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example that measures prints what it found")]

use std::{process::Stdio, sync::Arc, time::Instant};

use sluis_executor::{
    CancellationToken, Executor,
    suite::{Bench, Subject},
};
use sluis_executor_local::LocalExecutor;
use sluis_model::ImageId;

const ROUNDS: usize = 2000;

struct Local(Arc<LocalExecutor>);

impl Subject for Local {
    fn executor(&self) -> Arc<dyn Executor> {
        Arc::clone(&self.0) as Arc<dyn Executor>
    }

    fn image(&self) -> Option<ImageId> {
        None
    }
}

#[tokio::main]
async fn main() {
    let bench = Bench::of_arguments(&Local(Arc::new(LocalExecutor::new("/dev/shm"))), &["true"]);
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let before = Instant::now();
        bench.executor.run(&bench.launch, CancellationToken::new()).await.unwrap();
        ours.push(before.elapsed());
        let before = Instant::now();
        std::process::Command::new("true").stdin(Stdio::null()).status().unwrap();
        bare.push(before.elapsed());
    }
    ours.sort_unstable();
    bare.sort_unstable();
    let (ours, bare) = (ours[ROUNDS / 2].as_secs_f64() * 1e3, bare[ROUNDS / 2].as_secs_f64() * 1e3);
    println!("executor {ours:.3} ms, bare spawn {bare:.3} ms: {:.3} ms more", ours - bare);
}
