//! Commands that go on when their engine is killed, and engines that go on with them.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::{
    env, fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, LazyLock},
    time::Duration,
};

use sluis_executor::{
    CancellationToken, Ended, Executor, Launch, Outcome,
    suite::{Bench, Subject},
};
use sluis_executor_sandbox::{SandboxExecutor, images::Images};
use sluis_model::{ImageId, TaskId};

/// What the engine that is going to be killed runs, and where.
const SCRIPT: &str = "SLUIS_TEST_SCRIPT";
const ENGINE: &str = "SLUIS_TEST_ENGINE";

static IMAGE: LazyLock<ImageId> =
    LazyLock::new(|| images().load(&sluis_containers::archive("genomics", &|_| ()).unwrap()).unwrap().remove(0).id);

fn images() -> Images {
    Images::new(Path::new(env!("CARGO_TARGET_TMPDIR")).join("images"))
}

struct Sandbox;

impl Subject for Sandbox {
    fn executor(&self) -> Arc<dyn Executor> {
        Arc::new(SandboxExecutor::new(images()))
    }

    fn image(&self) -> Option<ImageId> {
        Some(IMAGE.clone())
    }
}

/// An engine in a process of its own, that was killed when its command had begun.
struct Killed(Bench);

impl Killed {
    async fn running(script: &str) -> Self {
        let mut bench = Bench::new(&Sandbox, &format!("touch ready; {script}"));
        bench.launch.task = TaskId(7);
        let mut engine = start(&bench.launch);
        bench.file_appears("ready").await;
        engine.kill().unwrap();
        engine.wait().unwrap();
        Self(bench)
    }

    async fn adopt(&self, cancel: CancellationToken) -> Option<Ended> {
        self.0.executor.adopt(&self.0.launch, cancel).await.unwrap()
    }
}

fn start(launch: &Launch) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "be_an_engine", "--ignored"])
        .env(SCRIPT, launch.command.arguments.last().unwrap())
        .env(ENGINE, &launch.engine)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the tests that kill it"]
async fn be_an_engine() {
    let mut bench = Bench::new(&Sandbox, &env::var(SCRIPT).unwrap());
    // Nobody removes this one when the engine is killed.
    fs::remove_dir_all(bench.folder()).unwrap();
    let folder = Path::new("/dev/shm").join(env::var(ENGINE).unwrap());
    let launch = &mut bench.launch;
    (launch.engine, launch.task, launch.log) = (env::var(ENGINE).unwrap(), TaskId(7), folder.join("log"));
    launch.folders.work = folder.join("work");
    launch.folders.temporary = folder.join("tmp");
    launch.folders.inputs = folder.join("in");
    launch.folders.elsewhere = folder.join("elsewhere");
    bench.run().await;
}

const UNTIL_TOLD: &str = "while [ ! -e on ]; do sleep 0.01; done; echo late; echo x > done; exit 7";

#[tokio::test(flavor = "multi_thread")]
async fn a_command_goes_on_and_its_end_is_told() {
    let killed = Killed::running(UNTIL_TOLD).await;
    let telling = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        fs::write(killed.0.work("on"), "").unwrap();
    };
    let (ended, ()) = tokio::join!(killed.adopt(CancellationToken::new()), telling);
    let ended = ended.unwrap();
    assert_eq!(ended.outcome, Outcome::Exited(7));
    assert!(ended.started < ended.ended);
    assert_eq!(killed.0.log(), "late\n");
    // Once more, of what has ended.
    assert_eq!(killed.adopt(CancellationToken::new()).await.unwrap().outcome, Outcome::Exited(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_told_of_a_command_that_ended_when_nobody_watched() {
    let killed = Killed::running(UNTIL_TOLD).await;
    fs::write(killed.0.work("on"), "").unwrap();
    killed.0.file_appears("done").await;
    assert_eq!(killed.adopt(CancellationToken::new()).await.unwrap().outcome, Outcome::Exited(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_killed_when_nobody_watched_is_run_anew() {
    let killed =
        Killed::running("while [ ! -e on ]; do sleep 0.01; done; echo x > done; bash -c 'kill -KILL $$'; exit $?")
            .await;
    fs::write(killed.0.work("on"), "").unwrap();
    killed.0.file_appears("done").await;
    let record: serde_json::Value =
        serde_json::from_slice(&fs::read(killed.0.folder().join("sandbox.json")).unwrap()).unwrap();
    let watcher = format!("/proc/{}/stat", record["pid"]);
    let gone = async {
        while fs::read_to_string(&watcher).is_ok_and(|facts| !facts.contains(") Z ")) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.unwrap();
    assert_eq!(killed.adopt(CancellationToken::new()).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_adopted_can_be_canceled_and_keeps_its_time_limit() {
    let canceled = Killed::running("while true; do printf . >> beat; sleep 0.01; done").await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    assert_eq!(canceled.adopt(cancel).await.unwrap().outcome, Outcome::Canceled);
    canceled.0.heart_stands_still().await;
    let mut late = Killed::running("while true; do printf . >> beat; sleep 0.01; done").await;
    late.0.launch.time_limit = Some(Duration::from_millis(1));
    assert_eq!(late.adopt(CancellationToken::new()).await.unwrap().outcome, Outcome::TimeLimit);
    late.0.heart_stands_still().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_up_of_what_is_not_there() {
    let never = Bench::new(&Sandbox, "true");
    assert_eq!(never.executor.adopt(&never.launch, CancellationToken::new()).await.unwrap(), None);
    // Its record is lost: it cannot be watched, so it is killed.
    let lost = Killed::running("while true; do printf . >> beat; sleep 0.01; done").await;
    fs::remove_file(lost.0.folder().join("sandbox.json")).unwrap();
    assert_eq!(lost.adopt(CancellationToken::new()).await, None);
    lost.0.heart_stands_still().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_under_a_recorded_number_is_neither_taken_for_the_command_nor_killed() {
    let killed = Killed::running("while true; do printf . >> beat; sleep 0.01; done").await;
    let mut stranger = Command::new("sleep").arg("1000").spawn().unwrap();
    let number = stranger.id();
    let facts = fs::read_to_string(format!("/proc/{number}/stat")).unwrap();
    let start: u64 = facts.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().parse().unwrap();
    // Even if it was started as long after its machine as the command after another start of it.
    let record = serde_json::json!({ "pid": number, "start": start, "launched": 1 });
    fs::write(killed.0.folder().join("sandbox.json"), record.to_string()).unwrap();
    let path = killed.0.folder().join("sandbox.status");
    let status = fs::read_to_string(&path).unwrap();
    let mut status: serde_json::Value =
        serde_json::Deserializer::from_str(&status).into_iter().next().unwrap().unwrap();
    status["child-pid"] = number.into();
    fs::write(path, status.to_string()).unwrap();
    assert_eq!(killed.adopt(CancellationToken::new()).await, None);
    assert!(stranger.try_wait().unwrap().is_none());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    killed.0.heart_stands_still().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_does_not_outlive_the_process_that_watches_over_it() {
    let bench = Bench::new(&Sandbox, "echo said; touch ready; while true; do printf . >> beat; sleep 0.01; done");
    let killing = async {
        bench.file_appears("ready").await;
        let record = fs::read(bench.folder().join("sandbox.json")).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        assert!(Command::new("kill").args(["-9", &record["pid"].to_string()]).status().unwrap().success());
    };
    let (ended, ()) = tokio::join!(bench.try_run(CancellationToken::new()), killing);
    assert!(ended.is_err(), "{ended:?}");
    assert_eq!(bench.log(), "said\n");
    bench.heart_stands_still().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_goes_on_with_is_killed_and_nothing_else() {
    let dead = Killed::running("while true; do printf . >> beat; sleep 0.01; done").await;
    let living = Killed::running(UNTIL_TOLD).await;
    let removed = dead.0.executor.remove_orphans(&|engine| engine != dead.0.launch.engine).await.unwrap();
    assert_eq!(removed, 1);
    dead.0.heart_stands_still().await;
    let outcome = dead.adopt(CancellationToken::new()).await.map(|ended| ended.outcome);
    assert!(matches!(outcome, None | Some(Outcome::Signaled(9))), "{outcome:?}");
    fs::write(living.0.work("on"), "").unwrap();
    assert_eq!(living.adopt(CancellationToken::new()).await.unwrap().outcome, Outcome::Exited(7));
}
