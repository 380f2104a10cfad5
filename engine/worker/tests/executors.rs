//! One task from permit to sealed outputs, with real processes and real containers.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use sluis_access::{ReadAction, Rule, Site, SiteConfig, TaskRequest};
use sluis_executor::{Ended, Executor, Outcome};
use sluis_executor_docker::DockerExecutor;
use sluis_executor_local::LocalExecutor;
use sluis_executor_sandbox::{SandboxExecutor, images::Images};
use sluis_model::{
    Address, CommandLine, EuCountry, File, ImageId, Labels, Location, ProjectName, Resources, RunId, StagedEntry,
    StagedSource, Task, TaskId, TaskKey, Value, Values,
};
use sluis_worker::{Collect, Finished, Scratch, SwapRule, WorkError, WorkRequest, Worker};
use tokio_util::sync::CancellationToken;

/// Every file of the work folder, by its name.
struct TakesAll;

impl Collect for TakesAll {
    fn collect(&self, work: &Path, _: i32) -> Result<Values, Box<dyn Error + Send + Sync>> {
        let mut names: Vec<_> =
            fs::read_dir(work)?.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        let file = |name: &String| Value::File(Box::new(File::new(name, Location::Path(work.join(name)))));
        Ok(names.iter().map(|name| (name.clone(), file(name))).collect())
    }
}

struct Bench {
    folder: tempfile::TempDir,
    site: Arc<Site>,
    scratch: Arc<Scratch>,
    executor: Arc<dyn Executor>,
    image: Option<ImageId>,
}

impl Bench {
    fn local() -> Self {
        let (folder, site, scratch) = Self::surroundings();
        let executor = Arc::new(LocalExecutor::new(scratch.root()));
        Self { folder, site, scratch, executor, image: None }
    }

    fn docker() -> Self {
        let (folder, site, scratch) = Self::surroundings();
        let image = sluis_containers::ensure("genomics").unwrap();
        Self { folder, site, scratch, executor: Arc::new(DockerExecutor::new()), image: Some(image) }
    }

    fn sandbox() -> Self {
        let (folder, site, scratch) = Self::surroundings();
        let images = Images::new(Path::new(env!("CARGO_TARGET_TMPDIR")).join("images"));
        let image = images.load(&sluis_containers::archive("genomics", &|_| ()).unwrap()).unwrap().remove(0).id;
        Self { folder, site, scratch, executor: Arc::new(SandboxExecutor::new(images)), image: Some(image) }
    }

    fn surroundings() -> (tempfile::TempDir, Arc<Site>, Arc<Scratch>) {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let config = SiteConfig {
            name: "test".into(),
            country: EuCountry::NL,
            unencrypted_swap: Rule::Allow,
            network_access: Rule::Refuse,
            local_executor: Rule::Refuse,
            executors: Default::default(),
            containers: Default::default(),
            remote_hosts: Vec::new(),
            quota: None,
            bucket: None,
            retries: Default::default(),
            resume_within: Default::default(),
            docker_patience: Default::default(),
            identity: None,
        };
        let site = Arc::new(Site::create(&folder.path().join("site"), &config).unwrap());
        let scratch = Arc::new(Scratch::open(Some(folder.path().join("scratch")), SwapRule::Allow).unwrap());
        (folder, site, scratch)
    }

    fn put(&self, content: &[u8]) -> Address {
        let permit = self.site.permit_put(&project(), &Labels::of_dataset("personal".parse().unwrap())).unwrap();
        self.site.seal(&permit, content).unwrap().address
    }

    fn text(&self, address: &Address) -> String {
        let permit = self.site.permit_read(&project(), address, ReadAction::Show).unwrap();
        let mut text = String::new();
        self.site.unseal(&permit, address).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    async fn run(&self, task: &Task, cancel: CancellationToken) -> Result<Finished, WorkError> {
        let request = TaskRequest {
            network: false,
            run: &run_id(),
            task: TaskId(0),
            tool: "tool",
            project: &project(),
            inputs: &task.inputs(),
            derived_from: &Labels::default(),
            region: self.site.region(),
            executor: self.executor.name(),
        };
        let permit = self.site.permit_task(&request).unwrap();
        let worker = Worker::new(Arc::clone(&self.site), Arc::clone(&self.executor), Arc::clone(&self.scratch));
        let image = self.image.clone();
        let request = WorkRequest {
            permit: &permit,
            run: &run_id(),
            task_id: TaskId(0),
            task,
            key: key(),
            image,
            gpus: None,
            command_ended: &|| {},
            collect: &TakesAll,
        };
        worker.run(request, cancel).await
    }

    /// The names of what is in this engine's folder.
    fn left(&self) -> Vec<String> {
        let folder = self.scratch.root().join(self.scratch.engine_id());
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Waits until a file whose path ends so is in the scratch folder.
    async fn appears(&self, end: &str) {
        let path = self.scratch.root().join(self.scratch.engine_id()).join(format!("{}-0", run_id())).join(end);
        let appears = async {
            while !path.exists() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), appears).await.unwrap();
    }
}

fn project() -> ProjectName {
    "personal".parse().unwrap()
}

fn key() -> TaskKey {
    TaskKey::from_bytes([7; 32])
}

fn run_id() -> RunId {
    "20261123-101500-3fa2b1".parse().unwrap()
}

fn task(script: &str, staged: Vec<StagedEntry>) -> Task {
    let environment = [("HOME", "/sluis/work"), ("TMPDIR", "/sluis/tmp")];
    Task {
        tool: "tool".into(),
        command: CommandLine {
            arguments: ["bash", "-c", script].map(str::to_owned).to_vec(),
            environment: BTreeMap::from(environment.map(|(name, value)| (name.to_owned(), value.to_owned()))),
            success_codes: vec![0],
            ..CommandLine::default()
        },
        image: None,
        work_directory: None,
        resources: Resources::default(),
        gpu_kind: None,
        time_limit: None,
        network: false,
        reuse: true,
        staged,
        collection: String::new(),
    }
}

fn staged(target: &str, source: StagedSource) -> StagedEntry {
    StagedEntry { target: target.into(), source, writable: false }
}

async fn a_task_runs_from_sealed_to_sealed(bench: &Bench) {
    let reads = bench.put(b"b\na\n");
    let mut task = task(
        "sort /sluis/in/0/reads > sorted; cat \"$(cat list)\" > again; echo told >&2",
        vec![
            staged("/sluis/in/0/reads", StagedSource::Object(reads)),
            staged("/sluis/work/list", StagedSource::Literal("/sluis/in/0/reads".into())),
        ],
    );
    task.command.stdout = Some("out".into());
    let finished = bench.run(&task, CancellationToken::new()).await.unwrap();
    assert_eq!(finished.outcome, Outcome::Exited(0), "{finished:?}");
    let outputs = finished.outputs.unwrap();
    let sealed = |name: &str| match &outputs[name] {
        Value::File(file) => match file.location {
            Location::Object(address) => address,
            ref other => unreachable!("{other:?}"),
        },
        other => unreachable!("{other:?}"),
    };
    assert_eq!((bench.text(&sealed("sorted")).as_str(), bench.text(&sealed("out")).as_str()), ("a\nb\n", ""));
    assert_eq!(sealed("again"), reads, "the same content has the same address");
    assert_eq!(bench.text(&finished.log.unwrap()), "told\n");
    assert_eq!(bench.left(), ["lock"]);
}

async fn a_canceled_task_leaves_nothing(bench: &Bench) {
    let reads = bench.put(b"reads");
    let staged = vec![staged("/sluis/in/0/reads", StagedSource::Object(reads))];
    let task = task("echo begun; cp /sluis/in/0/reads copy; exec sleep 1000", staged);
    let cancel = CancellationToken::new();
    let canceling = async {
        bench.appears("work/copy").await;
        cancel.cancel();
    };
    let (finished, ()) = tokio::join!(bench.run(&task, cancel.clone()), canceling);
    let finished = finished.unwrap();
    assert_eq!((finished.outcome, finished.outputs), (Outcome::Canceled, None));
    assert_eq!(bench.text(&finished.log.unwrap()), "begun\n");
    assert_eq!(bench.left(), ["lock"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_runs_from_sealed_to_sealed() {
    a_task_runs_from_sealed_to_sealed(&Bench::local()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_runs_from_sealed_to_sealed() {
    a_task_runs_from_sealed_to_sealed(&Bench::docker()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_runs_from_sealed_to_sealed() {
    a_task_runs_from_sealed_to_sealed(&Bench::sandbox()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canceled_process_leaves_nothing() {
    a_canceled_task_leaves_nothing(&Bench::local()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canceled_container_leaves_nothing() {
    a_canceled_task_leaves_nothing(&Bench::docker()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canceled_sandbox_leaves_nothing() {
    a_canceled_task_leaves_nothing(&Bench::sandbox()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_inputs_are_staged_whole_and_each_but_once() {
    let bench = Bench::local();
    let content =
        |i: u8| -> Vec<u8> { (0..700_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8 ^ i).collect() };
    let inputs: Vec<_> = (0..8).map(|i| (i, bench.put(&content(i)))).collect();
    let place = |folder: &str, (i, address): &(u8, Address)| {
        staged(&format!("/sluis/in/{folder}/{i}"), StagedSource::Object(*address))
    };
    let all = inputs.iter().map(|input| place("a", input)).chain(inputs.iter().map(|input| place("b", input)));
    let task =
        task("cat /sluis/in/a/* > a; cmp a <(cat /sluis/in/b/*); stat -c %h /sluis/in/a/* | sort -u", all.collect());
    let finished = bench.run(&task, CancellationToken::new()).await.unwrap();
    assert_eq!(finished.outcome, Outcome::Exited(0));
    assert_eq!(bench.text(&finished.log.unwrap()), "2\n", "both places are one file");
    let whole: Vec<u8> = (0..8).flat_map(content).collect();
    assert_eq!(finished.objects, [bench.put(&whole)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn canceling_while_staging_starts_nothing_and_leaves_nothing() {
    let bench = Bench::local();
    let reads = bench.put(&vec![7; 64 << 20]);
    let task = task("touch ran", vec![staged("/sluis/in/0/reads", StagedSource::Object(reads))]);
    let cancel = CancellationToken::new();
    let canceling = async {
        bench.appears("in/0/reads").await;
        cancel.cancel();
    };
    let (finished, ()) = tokio::join!(bench.run(&task, cancel.clone()), canceling);
    // Where staging was faster the command ran, or was killed: nothing is left either way.
    assert!(matches!(finished.unwrap().outcome, Outcome::Canceled | Outcome::Exited(0)));
    assert_eq!(bench.left(), ["lock"]);
    let canceled = bench.run(&task, cancel).await.unwrap();
    assert_eq!((canceled.outcome, canceled.log), (Outcome::Canceled, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_run_leaves_nothing() {
    let bench = Bench::local();
    let task = task("touch ready; exec sleep 1000", Vec::new());
    tokio::select! {
        _ = bench.run(&task, CancellationToken::new()) => {}
        () = bench.appears("work/ready") => {}
    }
    assert_eq!(bench.left(), ["lock"]);
    let folder = bench.folder.path().join("scratch").join(bench.scratch.engine_id());
    drop(bench.scratch);
    assert!(!folder.exists());
}

/// The folder of a task that an engine had begun when it died, with this in its working folder.
fn left_behind(bench: &Bench, task: u32, key: TaskKey, file: &str) -> PathBuf {
    let engine = format!("{}-dead", bench.scratch.engine_id().rsplit_once('-').unwrap().0);
    let engine = bench.scratch.root().join(engine);
    let folder = engine.join(format!("{}-{task}", run_id()));
    fs::create_dir_all(folder.join("work")).unwrap();
    fs::write(engine.join("lock"), "600").unwrap();
    fs::write(folder.join("task"), format!("{key}\nlocal\n")).unwrap();
    fs::write(folder.join("work").join(file), "left behind").unwrap();
    folder
}

/// Notes in a task's folder that its command ended well.
fn note_end(folder: &Path) {
    let now = SystemTime::now();
    let ended = Ended { outcome: Outcome::Exited(0), started: now, ended: now, usage: Default::default() };
    fs::write(folder.join("ended"), serde_json::to_vec(&ended).unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_engine_had_ready_is_collected_and_nothing_else_of_it_is_used() {
    let bench = Bench::local();
    let ready = left_behind(&bench, 4, key(), "ready");
    note_end(&ready);
    let half_done = left_behind(&bench, 5, key(), "half-done");
    let other = left_behind(&bench, 6, TaskKey::from_bytes([8; 32]), "other");
    note_end(&other);
    bench.scratch.take_over(&run_id()).unwrap();
    let script = task("echo anew > anew", Vec::new());
    let names = async || {
        let finished = bench.run(&script, CancellationToken::new()).await.unwrap();
        finished.outputs.unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let mut given = [names().await, names().await, names().await];
    given.sort();
    // What was begun and had not ended cannot be gone on with by this executor.
    assert_eq!(given, [vec!["anew"], vec!["anew"], vec!["ready"]]);
    assert!(!ready.exists() && !half_done.exists() && other.exists());
    assert_eq!(bench.scratch.taken_for(&run_id()).len(), 1);
    bench.scratch.clear_taken(&run_id()).unwrap();
    assert!(!other.parent().unwrap().exists());
}
