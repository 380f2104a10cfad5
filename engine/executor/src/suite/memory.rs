//! What can be asked of a command while it runs.

use std::fs;

use tokio_util::sync::CancellationToken;

use super::{Bench, Subject};
use crate::Outcome;

/// The memory that a command holds is told while it runs, and before and after it nothing.
pub async fn what_a_command_holds_is_told_while_it_runs(subject: &dyn Subject) {
    let script = "held=$(head -c 67108864 /dev/zero | tr '\\0' a); touch ready; \
                  while [ ! -e on ]; do sleep 0.01; done; echo ${#held}";
    let bench = Bench::new(subject, script);
    let held = async || bench.executor.held_memory(&bench.launch.run, bench.launch.task).await;
    assert_eq!(held().await, None);
    let asking = async {
        bench.file_appears("ready").await;
        let told = held().await;
        fs::write(bench.work("on"), "").unwrap();
        told
    };
    let (ended, told) = tokio::join!(bench.try_run(CancellationToken::new()), asking);
    assert_eq!(ended.unwrap().outcome, Outcome::Exited(0), "{}", bench.log());
    let told = told.unwrap();
    assert!(told.held >= 64 << 20 && told.held <= 256 << 20, "{told:?}");
    assert!(told.given >= bench.launch.resources.memory.bytes(), "{told:?}");
    assert_eq!(held().await, None);
}
