//! Commands whose Docker daemon is stopped, killed and started again while they run.
//!
//! Each test has a daemon of its own, and so needs root.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod second;

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use second::SecondDaemon;
use sluis_executor::{
    CancellationToken, Ended, Executor, ExecutorError, Outcome,
    suite::{Bench, Subject, what_a_command_holds_is_told_while_it_runs},
};
use sluis_executor_docker::DockerExecutor;
use sluis_model::ImageId;

/// A daemon by an executor.
struct At(Arc<DockerExecutor>);

impl Subject for At {
    fn executor(&self) -> Arc<dyn Executor> {
        Arc::clone(&self.0) as Arc<dyn Executor>
    }

    fn image(&self) -> Option<ImageId> {
        sluis_containers::reference("bash").unwrap().id
    }
}

/// What is done to a daemon.
type Deed = fn(&mut SecondDaemon);

/// Both ways in which a daemon ends.
const ENDS: [Deed; 2] = [SecondDaemon::stop, SecondDaemon::kill];
/// Leaves containers alone when it ends, and finds them when it is started again.
const LIVE_RESTORE: &[&str] = &["--live-restore"];

fn bench(daemon: &SecondDaemon, script: &str) -> Bench {
    Bench::new(&At(Arc::new(DockerExecutor::at(&daemon.socket()))), script)
}

/// Runs a script whose daemon ends when the file `ready` is there, and does a second thing before it is started again.
async fn run_through(
    daemon: &mut SecondDaemon,
    bench: &Bench,
    end: Deed,
    meanwhile: impl AsyncFnOnce(),
    cancel: CancellationToken,
) -> Result<Ended, ExecutorError> {
    let disturbing = async {
        bench.file_appears("ready").await;
        end(daemon);
        meanwhile().await;
        daemon.up();
    };
    tokio::join!(bench.try_run(cancel), disturbing).0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_its_daemon_killed_has_not_ended_whatever_it_does_about_signals() {
    let mut daemon = SecondDaemon::start(&[]);
    for end in ENDS {
        let bench = bench(&daemon, "trap 'exit 0' TERM; touch ready; while :; do sleep 0.02; done");
        let ended = run_through(&mut daemon, &bench, end, async || (), CancellationToken::new()).await;
        assert!(matches!(ended, Err(ExecutorError::Lost { .. })), "{ended:?}");
        assert_eq!(daemon.containers(), [""; 0], "nothing of it is left");
    }
}

/// Until a file is there; then another is made.
const UNTIL_TOLD: &str = "touch ready; while [ ! -e on ]; do sleep 0.02; done; echo late; echo x > done; exit 7";

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_goes_on_without_its_daemon_is_found_again() {
    let mut daemon = SecondDaemon::start(LIVE_RESTORE);
    for end in ENDS {
        let bench = bench(&daemon, UNTIL_TOLD);
        let running = bench.try_run(CancellationToken::new());
        let disturbing = async {
            bench.file_appears("ready").await;
            let before = daemon.containers();
            end(&mut daemon);
            daemon.up();
            // When it is watched again that stands in the log.
            while !bench.log().contains("the Docker daemon went away") {
                tokio::task::yield_now().await;
            }
            assert_eq!(daemon.containers(), before);
            fs::write(bench.work("on"), "").unwrap();
        };
        let (ended, ()) = tokio::join!(running, disturbing);
        assert_eq!(ended.unwrap().outcome, Outcome::Exited(7));
        assert!(bench.log().contains("is lost]\n") && bench.log().ends_with("late\n"), "{}", bench.log());
        assert_eq!(daemon.containers(), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_ended_well_while_its_daemon_was_away_counts_unless_its_output_was_lost() {
    let mut daemon = SecondDaemon::start(LIVE_RESTORE);
    for (redirected, counts) in [(None, true), (Some("out".to_owned()), false)] {
        let mut bench = bench(&daemon, UNTIL_TOLD);
        bench.launch.command.success_codes = vec![7];
        bench.launch.command.stdout = redirected;
        let ending = async || {
            fs::write(bench.work("on"), "").unwrap();
            bench.file_appears("done").await;
        };
        let ended = run_through(&mut daemon, &bench, SecondDaemon::kill, ending, CancellationToken::new()).await;
        match ended {
            Ok(ended) => assert!(counts && ended.outcome == Outcome::Exited(7), "{ended:?}"),
            Err(error) => assert!(!counts && matches!(error, ExecutorError::Lost { .. }), "{error:?}"),
        }
        assert_eq!(daemon.containers(), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_canceled_while_its_daemon_is_away_is_removed_when_it_is_back() {
    let mut daemon = SecondDaemon::start(LIVE_RESTORE);
    let bench = bench(&daemon, "touch ready; while :; do echo >> beat; sleep 0.02; done");
    let cancel = CancellationToken::new();
    let canceling = async || cancel.cancel();
    let ended = run_through(&mut daemon, &bench, SecondDaemon::kill, canceling, cancel.clone()).await;
    assert_eq!(ended.unwrap().outcome, Outcome::Canceled);
    assert_eq!(daemon.containers(), [""; 0]);
    bench.heart_stands_still().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_which_its_daemon_knows_nothing_any_more_is_killed() {
    let mut daemon = SecondDaemon::start(LIVE_RESTORE);
    let bench = bench(&daemon, "touch ready; while :; do echo >> beat; sleep 0.02; done");
    let disturbing = async {
        bench.file_appears("ready").await;
        let container = daemon.containers().remove(0);
        daemon.kill();
        daemon.forget(&container);
        daemon.up();
    };
    let (ended, ()) = tokio::join!(bench.try_run(CancellationToken::new()), disturbing);
    assert!(matches!(ended, Err(ExecutorError::Lost { .. })), "{ended:?}");
    assert_eq!(daemon.containers(), [""; 0]);
    bench.heart_stands_still().await;
}

/// Starts the daemon again as soon as somebody says that it is waited for.
async fn up_when_missed(daemon: &mut SecondDaemon, executor: &dyn Executor) {
    let mut awaited = executor.awaited().unwrap();
    awaited.wait_for(Option::is_some).await.unwrap();
    daemon.up();
    awaited.wait_for(Option::is_none).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launch_while_the_daemon_is_away_waits_for_it_and_leaves_nothing_and_the_next_succeeds() {
    let mut daemon = SecondDaemon::start(&[]);
    let bench = bench(&daemon, "exit 7");
    assert_eq!(bench.run().await, Outcome::Exited(7));
    daemon.stop();
    let launching = bench.try_run(CancellationToken::new());
    let (launched, ()) = tokio::join!(launching, up_when_missed(&mut daemon, &*bench.executor));
    assert!(matches!(launched, Err(ExecutorError::Lost { .. })), "{launched:?}");
    assert_eq!(daemon.containers(), [""; 0]);
    assert_eq!(bench.run().await, Outcome::Exited(7));
    let image = sluis_containers::reference("bash").unwrap();
    daemon.stop();
    let finding = bench.executor.image_id(&image);
    let (found, ()) = tokio::join!(finding, up_when_missed(&mut daemon, &*bench.executor));
    assert_eq!(Some(found.unwrap()), image.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_stays_away_is_given_up_and_what_runs_in_it_is_found_by_another() {
    let mut daemon = SecondDaemon::start(LIVE_RESTORE);
    let executor = DockerExecutor::at(&daemon.socket()).with_patience(Duration::from_millis(300));
    let bench = Bench::new(&At(Arc::new(executor)), UNTIL_TOLD);
    let mut awaited = bench.executor.awaited().unwrap();
    let disturbing = async {
        bench.file_appears("ready").await;
        daemon.kill();
        awaited.wait_for(Option::is_some).await.unwrap();
        Instant::now()
    };
    let (ended, missed) = tokio::join!(bench.try_run(CancellationToken::new()), disturbing);
    assert!(matches!(ended, Err(ExecutorError::Unavailable { .. })), "{ended:?}");
    assert!(missed.elapsed() < Duration::from_secs(30), "{:?}", missed.elapsed());
    let again = bench.try_run(CancellationToken::new()).await;
    assert!(matches!(again, Err(ExecutorError::Unavailable { .. })), "{again:?}");
    daemon.up();
    let other = DockerExecutor::at(&daemon.socket());
    fs::write(bench.work("on"), "").unwrap();
    bench.file_appears("done").await;
    let mut launch = bench.launch.clone();
    launch.command.success_codes = vec![7];
    let adopted = other.adopt(&launch, CancellationToken::new()).await.unwrap();
    assert_eq!(adopted.unwrap().outcome, Outcome::Exited(7));
    other.settle(&launch).await.unwrap();
    assert_eq!(daemon.containers(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_tells_what_a_command_holds_whose_control_group_is_elsewhere() {
    let daemon = SecondDaemon::start(&[]);
    what_a_command_holds_is_told_while_it_runs(&At(Arc::new(DockerExecutor::at(&daemon.socket())))).await;
}
