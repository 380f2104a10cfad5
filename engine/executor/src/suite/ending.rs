//! How commands end.

use std::{fs, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{Bench, Subject};
use crate::{ExecutorError, Outcome};

/// A script that beats its heart in a child until it is killed.
const HEART: &str = "(while true; do printf . >> beat; sleep 0.01; done) & while [ ! -s beat ]; do sleep 0.01; done; \
                     touch ready; ";

/// Codes are passed on, success and failure alike.
pub async fn exit_codes_are_told(subject: &dyn Subject) {
    for code in [0, 1, 42, 127] {
        assert_eq!(Bench::new(subject, &format!("exit {code}")).run().await, Outcome::Exited(code));
    }
}

/// A command that a signal ends did not exit.
pub async fn signals_are_told_from_codes(subject: &dyn Subject) {
    // The first process of a container cannot kill itself, so its child does; `exec` makes it the command elsewhere.
    let outcome = Bench::new(subject, "bash -c 'kill -KILL $$'; code=$?; kill -KILL $$; exit $code").run().await;
    assert_eq!(outcome, Outcome::Signaled(9));
}

/// A command that takes too long is killed, and that is told.
pub async fn the_time_limit_kills(subject: &dyn Subject) {
    let mut bench = Bench::new(subject, &format!("{HEART} wait"));
    bench.launch.time_limit = Some(Duration::from_millis(400));
    assert_eq!(bench.run().await, Outcome::TimeLimit);
    bench.heart_stands_still().await;
}

/// Canceling kills the command and what it started.
pub async fn a_canceled_command_is_killed_with_its_children(subject: &dyn Subject) {
    let bench = Bench::new(subject, &format!("trap '' TERM INT; {HEART} wait"));
    assert_eq!(bench.run_and_cancel_when_ready().await, Outcome::Canceled);
    bench.heart_stands_still().await;
}

/// What is canceled before it starts does not start.
pub async fn canceling_before_the_start_runs_nothing(subject: &dyn Subject) {
    let bench = Bench::new(subject, "touch ran");
    let cancel = CancellationToken::new();
    cancel.cancel();
    assert_eq!(bench.try_run(cancel).await.unwrap().outcome, Outcome::Canceled);
    assert!(!bench.work("ran").exists());
}

/// A child in the background dies with the command.
pub async fn what_a_command_leaves_running_is_killed(subject: &dyn Subject) {
    let bench = Bench::new(subject, &format!("{HEART} exit 3"));
    assert_eq!(bench.run().await, Outcome::Exited(3));
    bench.heart_stands_still().await;
}

/// Dropping the future of a run kills its command.
pub async fn a_dropped_run_is_killed(subject: &dyn Subject) {
    let bench = Bench::new(subject, &format!("{HEART} wait"));
    tokio::select! {
        _ = bench.executor.run(&bench.launch, CancellationToken::new()) => {}
        () = bench.file_appears("ready") => {}
    }
    bench.executor.settle(&bench.launch).await.unwrap();
    bench.heart_stands_still().await;
}

/// The commands of dead engines are killed, those of living ones are not.
pub async fn orphans_of_dead_engines_are_killed(subject: &dyn Subject) {
    let orphan = Bench::new(subject, &format!("{HEART} wait"));
    let other = Bench::new(subject, "touch ready; while [ ! -e on ]; do sleep 0.01; done; exit 7");
    let removing = async {
        tokio::join!(orphan.file_appears("ready"), other.file_appears("ready"));
        let is_alive = |engine: &str| engine != orphan.launch.engine;
        let removed = subject.executor().remove_orphans(&is_alive).await;
        fs::write(other.work("on"), "").unwrap();
        removed
    };
    let (ended, removed, spared) = tokio::join!(orphan.try_run(CancellationToken::new()), removing, other.run());
    assert!(removed.unwrap() >= 1);
    assert_eq!(spared, Outcome::Exited(7));
    assert!(!matches!(ended.map(|ended| ended.outcome), Ok(Outcome::Exited(0))));
    orphan.heart_stands_still().await;
}

/// A program that is not there is told by its name.
pub async fn a_missing_program_is_told(subject: &dyn Subject) {
    let bench = Bench::of_arguments(subject, &["no-such-program", "x"]);
    match bench.try_run(CancellationToken::new()).await {
        Err(ExecutorError::Program { program, .. }) => assert_eq!(program, "no-such-program"),
        other => unreachable!("{other:?}"),
    }
}
