//! The suite that each executor must pass, on this machine itself; and what it tells of a command's use of the machine.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::{path::Path, sync::Arc, time::Duration};

use sluis_executor::{
    CancellationToken, Executor, Outcome,
    suite::{Bench, Subject},
};
use sluis_executor_local::LocalExecutor;
use sluis_model::{Gpu, ImageId};

struct Local;

impl Subject for Local {
    fn executor(&self) -> Arc<dyn Executor> {
        Arc::new(LocalExecutor::new("/dev/shm"))
    }

    fn image(&self) -> Option<ImageId> {
        None
    }
}

sluis_executor::executor_suite!(Local);

/// Holds 64 MiB of memory for a while, reads 32 MiB in a child and writes them, and is busy all the time.
const BUSY: &str = "head -c 33554432 /dev/zero > big; held=$(head -c 67108864 /dev/zero | tr '\\0' a); \
                    for ((n = 0; n < 200000; n++)); do :; done; echo ${#held}";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_used_is_told_with_its_childrens_part() {
    let usage = Bench::new(&Local, BUSY).try_run(CancellationToken::new()).await.unwrap().usage;
    assert!(usage.cpu_ms >= Some(50), "{usage:?}");
    assert!(usage.peak_memory >= Some(64 << 20) && usage.peak_memory < Some(1 << 30), "{usage:?}");
    assert!(usage.read >= Some((32 + 64) << 20) && usage.read < Some(1 << 30), "{usage:?}");
    assert!(usage.written >= Some((32 + 64) << 20) && usage.written < Some(1 << 30), "{usage:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_that_is_killed_used_is_told() {
    let mut bench = Bench::new(&Local, &format!("{BUSY}; sleep 1000"));
    bench.launch.time_limit = Some(Duration::from_secs(3));
    let ended = bench.try_run(CancellationToken::new()).await.unwrap();
    assert_eq!(ended.outcome, Outcome::TimeLimit);
    assert!(ended.usage.cpu_ms > Some(0) && ended.usage.peak_memory >= Some(64 << 20), "{:?}", ended.usage);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_process_of_a_dropped_run_is_left_to_be_fetched() {
    let bench = Bench::new(&Local, "echo $$ > ready; sleep 1000");
    tokio::select! {
        _ = bench.executor.run(&bench.launch, CancellationToken::new()) => {}
        () = bench.file_appears("ready") => {}
    }
    let process = loop {
        if let Ok(process) = bench.text("ready").trim().parse::<u32>() {
            break process;
        }
    };
    let gone = async {
        while Path::new(&format!("/proc/{process}")).exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_told_which_gpus_are_its_own() {
    let gpu = |name: &str| Gpu { uuid: name.to_owned(), device: "/dev/nvidia0".into() };
    let told = async |gpus: Option<Vec<Gpu>>| {
        let mut bench = Bench::new(&Local, "echo \"${CUDA_VISIBLE_DEVICES-unset}\"");
        // Whatever the tool says.
        if gpus.is_some() {
            bench.launch.command.environment.insert("CUDA_VISIBLE_DEVICES".to_owned(), "0,1,2,3".to_owned());
        }
        bench.launch.gpus = gpus;
        bench.run().await;
        bench.log()
    };
    assert_eq!(told(Some(vec![gpu("GPU-a"), gpu("GPU-b")])).await, "GPU-a,GPU-b\n");
    assert_eq!(told(Some(Vec::new())).await, "\n", "it sees none of the machine's");
    assert_eq!(told(None).await, "unset\n", "the machine has none");
}
