//! One task from permit to sealed outputs, with an executor that is a closure.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    io::{self, Read},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use sluis_access::{AccessError, KeyPrompt, Permit, ReadAction, Rule, Site, SiteConfig, TaskRequest};
use sluis_executor::{Ended, Executor, ExecutorError, Launch, Outcome};
use sluis_journal::{Disk, OsDisk};
use sluis_model::{
    Address, CommandLine, EuCountry, File, Gpu, ImageId, ImageReference, Labels, Location, ProjectName, Resources,
    RunId, StagedEntry, StagedSource, Task, TaskId, TaskKey, Value, Values,
};
use sluis_worker::{Collect, Finished, Scratch, SwapRule, WorkError, WorkRequest, Worker};
use tokio_util::sync::CancellationToken;

type Act = Box<dyn Fn(&Launch) -> Outcome + Send + Sync>;

struct Acts(Act);

#[async_trait]
impl Executor for Acts {
    fn name(&self) -> &'static str {
        "acts"
    }

    async fn image_id(&self, _: &ImageReference) -> Result<ImageId, ExecutorError> {
        panic!("no image is asked for")
    }

    async fn run(&self, launch: &Launch, _: CancellationToken) -> Result<Ended, ExecutorError> {
        let now = SystemTime::now();
        Ok(Ended { outcome: (self.0)(launch), started: now, ended: now, usage: Default::default() })
    }

    async fn remove_orphans(
        &self,
        _: &(dyn for<'a> Fn(&'a str) -> bool + Send + Sync),
    ) -> Result<usize, ExecutorError> {
        Ok(0)
    }
}

/// Takes the file `out` of the work folder.
struct TakesOut;

impl Collect for TakesOut {
    fn collect(&self, work: &Path, _: i32) -> Result<Values, Box<dyn Error + Send + Sync>> {
        let file = File::new("out", Location::Path(work.join("out")));
        Ok(Values::from([("out".to_owned(), Value::File(Box::new(file)))]))
    }
}

struct Bench {
    _folder: tempfile::TempDir,
    memory: tempfile::TempDir,
    site: Arc<Site>,
}

impl Bench {
    fn new() -> Self {
        Self::with_log(Arc::new(OsDisk))
    }

    /// With an audit log that is written through `disk`.
    fn with_log(disk: Arc<dyn Disk>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
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
        let root = folder.path().join("site");
        drop(Site::create(&root, &config).unwrap());
        let nobody = |_: &KeyPrompt| Err(io::Error::other("nobody is asked"));
        let site = Arc::new(Site::open_on(&root, &nobody, disk).unwrap());
        Self { _folder: folder, memory, site }
    }

    fn put(&self, text: &[u8]) -> Address {
        let permit = self.site.permit_put(&project(), &Labels::of_dataset("personal".parse().unwrap())).unwrap();
        self.site.seal(&permit, text).unwrap().address
    }

    fn permit(&self, task: &Task) -> Permit {
        let request = TaskRequest {
            network: false,
            run: &run_id(),
            task: TaskId(0),
            tool: "tool",
            project: &project(),
            inputs: &task.inputs(),
            derived_from: &Labels::default(),
            region: self.site.region(),
            executor: "acts",
        };
        self.site.permit_task(&request).unwrap()
    }

    fn scratch(&self) -> Arc<Scratch> {
        Arc::new(Scratch::open(Some(self.memory.path().join("scratch")), SwapRule::Allow).unwrap())
    }

    fn work(&self, task: &Task, act: Act) -> Result<Finished, WorkError> {
        let permit = self.permit(task);
        let scratch = self.scratch();
        let worker = Worker::new(Arc::clone(&self.site), Arc::new(Acts(act)), Arc::clone(&scratch));
        let request = WorkRequest {
            permit: &permit,
            run: &run_id(),
            task_id: TaskId(0),
            task,
            key: TaskKey::from_bytes([7; 32]),
            image: None,
            gpus: None,
            command_ended: &|| {},
            collect: &TakesOut,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let finished = runtime.block_on(worker.run(request, CancellationToken::new()));
        let left: Vec<_> = fs::read_dir(scratch.root().join(scratch.engine_id())).unwrap().collect();
        assert_eq!(left.len(), 1, "nothing but the engine's lock is left: {left:?}");
        finished
    }

    fn text(&self, address: &Address) -> Vec<u8> {
        let permit = self.site.permit_read(&project(), address, ReadAction::Show).unwrap();
        let mut text = Vec::new();
        self.site.unseal(&permit, address).unwrap().read_to_end(&mut text).unwrap();
        text
    }
}

fn project() -> ProjectName {
    "personal".parse().unwrap()
}

fn run_id() -> RunId {
    "20261123-101500-3fa2b1".parse().unwrap()
}

fn task(staged: Vec<StagedEntry>) -> Task {
    Task {
        tool: "tool".into(),
        command: CommandLine {
            arguments: vec!["act".into()],
            environment: BTreeMap::new(),
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

/// A disk that flushes nothing any more once the use of a key was written.
#[derive(Debug, Default)]
struct NoKeyUse(AtomicBool);

impl Disk for NoKeyUse {
    fn write(&self, file: &fs::File, bytes: &[u8], at: u64) -> io::Result<()> {
        if String::from_utf8_lossy(bytes).contains("\"use-key\"") {
            self.0.store(true, Ordering::Relaxed);
        }
        OsDisk.write(file, bytes, at)
    }

    fn flush(&self, file: &fs::File) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(io::Error::other("no disk")) } else { OsDisk.flush(file) }
    }
}

#[test]
fn no_command_runs_as_long_as_the_use_of_a_key_is_not_on_the_disk() {
    let bench = Bench::with_log(Arc::new(NoKeyUse::default()));
    let address = bench.put(b"text");
    let task = task(vec![staged("/sluis/in/0/a", StagedSource::Object(address))]);
    let outcome = bench.work(&task, Box::new(|_| panic!("the command runs")));
    assert!(matches!(outcome, Err(WorkError::Input(AccessError::Audit(_)))), "{outcome:?}");
}

#[test]
fn inputs_are_staged_and_outputs_and_log_sealed() {
    let bench = Bench::new();
    let big = vec![7; 300_000];
    let (small, large) = (bench.put(b"small"), bench.put(&big));
    let task = task(vec![
        staged("/sluis/in/0/a", StagedSource::Object(small)),
        staged("/sluis/in/1/b", StagedSource::Object(large)),
        staged("/sluis/in/2/again", StagedSource::Object(large)),
        staged("/sluis/work/sub", StagedSource::Folder),
        StagedEntry { writable: true, ..staged("/sluis/work/sub/note", StagedSource::Literal("text".into())) },
    ]);
    let act: Act = Box::new(move |launch| {
        let read = |path: PathBuf| fs::read(path).unwrap();
        assert_eq!(read(launch.folders.inputs.join("0/a")), b"small");
        assert!(read(launch.folders.inputs.join("1/b")) == big && read(launch.folders.inputs.join("2/again")) == big);
        assert!(fs::metadata(launch.folders.inputs.join("0/a")).unwrap().permissions().readonly());
        assert_eq!(read(launch.folders.work.join("sub/note")), b"text");
        fs::write(launch.folders.work.join("out"), "made").unwrap();
        fs::write(&launch.log, "printed").unwrap();
        Outcome::Exited(0)
    });
    let finished = bench.work(&task, act).unwrap();
    let Some(Value::File(out)) = finished.outputs.unwrap().swap_remove("out") else { panic!("an output") };
    let Location::Object(address) = out.location else { panic!("a sealed output") };
    assert_eq!((out.size, finished.objects), (Some(4), vec![address]));
    assert_eq!(bench.text(&address), b"made");
    assert_eq!(bench.text(&finished.log.unwrap()), b"printed");
}

#[test]
fn a_damaged_input_stops_the_task_before_its_command() {
    let bench = Bench::new();
    let address = bench.put(&vec![1; 200_000]);
    let task = task(vec![staged("/sluis/in/0/a", StagedSource::Object(address))]);
    let body = bench.site.store().object(&address).unwrap().unwrap().body_name();
    let body = bench.site.dir().join("store").join(body.as_str());
    let mut bytes = fs::read(&body).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&body, bytes).unwrap();
    let error = bench.work(&task, Box::new(|_| panic!("the command must not run"))).unwrap_err();
    assert!(
        matches!(&error, WorkError::Input(sluis_access::AccessError::Damaged { address: named, .. }) if *named == address)
    );
}

#[test]
fn a_command_that_fails_gives_its_log_and_no_outputs() {
    let bench = Bench::new();
    let act: Act = Box::new(|launch| {
        fs::write(&launch.log, "why").unwrap();
        Outcome::Exited(3)
    });
    let finished = bench.work(&task(Vec::new()), act).unwrap();
    assert_eq!(finished.outcome, Outcome::Exited(3));
    assert!(finished.outputs.is_none() && finished.problem.is_none());
    assert_eq!(bench.text(&finished.log.unwrap()), b"why");
}

#[test]
fn outputs_that_are_missing_or_lead_out_of_the_folder_are_refused() {
    let bench = Bench::new();
    let missing = bench.work(&task(Vec::new()), Box::new(|_| Outcome::Exited(0))).unwrap();
    assert!(missing.outputs.is_none() && missing.problem.is_some());
    let leads_out: Act = Box::new(|launch| {
        symlink("/etc/hostname", launch.folders.work.join("out")).unwrap();
        Outcome::Exited(0)
    });
    let finished = bench.work(&task(Vec::new()), leads_out).unwrap();
    assert!(matches!(finished.problem, Some(WorkError::NotAFile { .. })), "{:?}", finished.problem);
}

#[test]
fn a_folder_that_the_task_made_unreadable_is_wiped_too() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let act: Act = Box::new(|launch| {
        let locked = launch.folders.work.join("locked");
        fs::create_dir(&locked).unwrap();
        fs::write(locked.join("file"), "x").unwrap();
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
        Outcome::Exited(1)
    });
    bench.work(&task(Vec::new()), act).unwrap();
}

#[test]
fn scratch_must_be_in_memory_and_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let on_disk = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let opened = Scratch::open(Some(on_disk.path().join("scratch")), SwapRule::Allow);
    assert!(matches!(opened, Err(WorkError::OnDisk { .. })), "{opened:?}");
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    fs::set_permissions(memory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let opened = Scratch::open(Some(memory.path().to_owned()), SwapRule::Allow);
    assert!(matches!(opened, Err(WorkError::Foreign { .. })), "{opened:?}");
}

#[test]
fn a_dead_engines_folder_is_swept_and_a_living_ones_is_not() {
    let bench = Bench::new();
    let (one, two) = (bench.scratch(), bench.scratch());
    let name = format!("{}-dead", one.engine_id().rsplit_once('-').unwrap().0);
    let dead = one.root().join(&name);
    fs::create_dir_all(dead.join("task/work")).unwrap();
    fs::write(dead.join("lock"), "").unwrap();
    fs::write(dead.join("task/work/reads"), "ACGT").unwrap();
    assert_eq!(one.dead_engines().unwrap(), [name.as_str()]);
    assert!(one.is_alive(two.engine_id()) && two.is_alive(one.engine_id()) && !one.is_alive(&name));
    let [_, user, start, folder, _] = name.split('-').collect::<Vec<_>>().try_into().unwrap();
    for other in [format!("engine-9{user}-{start}-{folder}-x"), format!("engine-{user}-{start}-1.2-x"), "../x".into()] {
        assert!(one.is_alive(&other), "nobody else's engine is called dead: {other}");
    }
    assert!(!one.is_alive(&format!("engine-{user}-0-1.2-x")), "nothing outlives a start of the machine");
    one.sweep().unwrap();
    assert!(!dead.exists() && two.root().join(two.engine_id()).exists());
    let folder = two.root().join(two.engine_id());
    drop(two);
    assert!(!folder.exists());
}

#[test]
fn what_a_dead_engine_left_is_kept_for_its_time_and_can_be_taken_over_by_one() {
    let bench = Bench::new();
    let (one, two) = (bench.scratch(), bench.scratch());
    let name = format!("{}-dead", one.engine_id().rsplit_once('-').unwrap().0);
    let dead = one.root().join(&name);
    let (run, other): (RunId, RunId) =
        ("20261123-101500-3fa2b1".parse().unwrap(), "20261123-101500-3fa2b2".parse().unwrap());
    fs::create_dir_all(dead.join(format!("{run}-3/work"))).unwrap();
    let lock = dead.join("lock");
    fs::write(&lock, "600").unwrap();
    assert!(!one.is_alive(&name) && !one.is_given_up(&name));
    assert!(one.dead_engines().unwrap().is_empty());
    one.sweep().unwrap();
    assert!(dead.exists(), "its time has not passed");

    one.take_over(&other).unwrap();
    assert!(!one.is_alive(&name), "it left nothing of that run");
    one.take_over(&run).unwrap();
    assert!(two.is_alive(&name), "who goes on with it lives for it");
    two.take_over(&run).unwrap();
    assert_eq!((one.taken_for(&run), two.taken_for(&run)), (vec![name.clone()], Vec::new()));
    drop(one);
    assert!(dead.exists() && !two.is_alive(&name), "an engine that ends early leaves it to others");

    let long_ago = SystemTime::now() - Duration::from_secs(601);
    fs::File::options().write(true).open(&lock).unwrap().set_modified(long_ago).unwrap();
    assert!(two.is_given_up(&name));
    two.take_over(&run).unwrap();
    two.show_life();
    fs::create_dir_all(dead.join(format!("{other}-3/work"))).unwrap();
    assert!(two.taken_for(&run).is_empty(), "there is something of another run");
    two.clear_taken(&run).unwrap();
    assert!(!dead.join(format!("{run}-3")).exists() && dead.join(format!("{other}-3")).exists());
    assert!(!two.is_given_up(&name), "its time counts from the last sign of life of who went on with it");
    two.keep_for(Duration::from_secs(60)).unwrap();
    let own = two.root().join(two.engine_id()).join("lock");
    assert_eq!(fs::read_to_string(own).unwrap(), "60");
}

#[test]
fn a_command_has_its_gpus_until_it_ends_and_others_see_that() {
    let bench = Bench::new();
    let gpu = |digit: char| Gpu { uuid: format!("GPU-{digit}"), device: PathBuf::from("/dev/nvidia0") };
    let given = vec![gpu('a'), gpu('b')];
    let (scratch, other) = (bench.scratch(), bench.scratch());
    let lease = scratch.lease_gpu(&given[0]).unwrap().unwrap();
    assert!(other.lease_gpu(&given[0]).unwrap().is_none() && other.lease_gpu(&given[1]).unwrap().is_some());
    drop(lease);
    assert!(other.lease_gpu(&given[0]).unwrap().is_some());

    let task = task(Vec::new());
    let permit = bench.permit(&task);
    let (expected, looks) = (given.clone(), Arc::clone(&other));
    let act: Act = Box::new(move |launch| {
        assert_eq!(launch.gpus.as_ref(), Some(&expected));
        assert_eq!(looks.gpus_of_others().unwrap(), ["GPU-a", "GPU-b"]);
        fs::write(launch.folders.work.join("out"), "").unwrap();
        Outcome::Exited(0)
    });
    let worker = Worker::new(Arc::clone(&bench.site), Arc::new(Acts(act)), Arc::clone(&scratch));
    let request = WorkRequest {
        permit: &permit,
        run: &run_id(),
        task_id: TaskId(0),
        task: &task,
        key: TaskKey::from_bytes([7; 32]),
        image: None,
        gpus: Some(given),
        command_ended: &|| assert!(other.gpus_of_others().unwrap().is_empty(), "somebody else may have them"),
        collect: &TakesOut,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let finished = runtime.block_on(worker.run(request, CancellationToken::new())).unwrap();
    assert!(finished.outputs.is_some() && finished.problem.is_none());
}

#[test]
fn what_a_killed_engine_left_running_is_gone_on_with_on_its_gpus() {
    let bench = Bench::new();
    let (scratch, run) = (bench.scratch(), run_id());
    let dead = scratch.root().join(format!("{}-dead", scratch.engine_id().rsplit_once('-').unwrap().0));
    let folder = dead.join(format!("{run}-4"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(dead.join("lock"), "600").unwrap();
    let key = TaskKey::from_bytes([7; 32]);
    fs::write(folder.join("task"), format!("{key}\nacts\n")).unwrap();
    fs::write(folder.join("gpus"), "GPU-a\n").unwrap();
    let left = |key: u8, executor: &str| scratch.gpus_left(&run, &TaskKey::from_bytes([key; 32]), executor).unwrap();
    assert!(left(7, "acts").is_empty(), "nobody took it over");
    scratch.take_over(&run).unwrap();
    assert_eq!((left(7, "acts"), scratch.gpus_of_others().unwrap()), (vec!["GPU-a".into()], vec!["GPU-a".into()]));
    assert!(left(8, "acts").is_empty() && left(7, "other").is_empty(), "it is another task's");
    scratch.clear_taken(&run).unwrap();
    assert!(left(7, "acts").is_empty() && scratch.gpus_of_others().unwrap().is_empty());
}
