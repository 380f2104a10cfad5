//! One launch with its folders, ready to be changed and run.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use sluis_model::{CommandLine, ImageId, Mebibytes, MilliCores, Resources, TaskId};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::{Ended, Executor, ExecutorError, Folders, Launch, Outcome};

/// How the suite gets at an executor.
pub trait Subject: Send + Sync {
    /// The executor.
    fn executor(&self) -> Arc<dyn Executor>;
    /// The image in which the suite's commands run, for executors that need one.
    fn image(&self) -> Option<ImageId>;
}

/// One launch with its folders in memory; they are gone when it is dropped.
///
/// Each has an engine of its own, whose folder is `/dev/shm/` and its identifier.
pub struct Bench {
    /// The executor under test.
    pub executor: Arc<dyn Executor>,
    /// What is going to be run.
    pub launch: Launch,
    folder: TempDir,
}

impl Bench {
    /// A launch of a `bash` script.
    pub fn new(subject: &dyn Subject, script: &str) -> Self {
        Self::of_arguments(subject, &["bash", "-c", script])
    }

    /// A launch of a program with its arguments.
    pub fn of_arguments(subject: &dyn Subject, arguments: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let folder = tempfile::Builder::new().prefix("sluis-suite-").tempdir_in("/dev/shm").unwrap();
        // Each launch has an engine of its own, whose folder is below `/dev/shm` as a real one's is below its scratch.
        let engine = folder.path().file_name().unwrap().to_str().unwrap().to_owned();
        let path = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let folders =
            Folders { work: path("work"), temporary: path("tmp"), inputs: path("in"), elsewhere: path("elsewhere") };
        let environment = [("HOME", "/sluis/work"), ("TMPDIR", "/sluis/tmp")];
        let launch = Launch {
            engine,
            run: "20261123-101500-3fa2b1".parse().unwrap(),
            task: TaskId(NEXT.fetch_add(1, Ordering::Relaxed)),
            command: CommandLine {
                arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
                environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
                ..CommandLine::default()
            },
            image: subject.image(),
            folders,
            work_directory: None,
            elsewhere: Vec::new(),
            log: folder.path().join("log"),
            resources: Resources {
                cores: MilliCores(1000),
                memory: Mebibytes(128),
                temporary: Mebibytes(128),
                work: Mebibytes(128),
                scratch: Mebibytes(256),
                gpus: 0,
            },
            gpus: None,
            time_limit: None,
            network: false,
        };
        Self { executor: subject.executor(), launch, folder }
    }

    /// Runs it to its end and waits until nothing of it is left.
    pub async fn try_run(&self, cancel: CancellationToken) -> Result<Ended, ExecutorError> {
        let ended = self.executor.run(&self.launch, cancel).await;
        self.executor.settle(&self.launch).await.unwrap();
        ended
    }

    /// Runs it to its end, which must be known.
    pub async fn run(&self) -> Outcome {
        let before = Instant::now();
        let ended = self.try_run(CancellationToken::new()).await.unwrap();
        let told = ended.ended.duration_since(ended.started).unwrap();
        assert!(told <= before.elapsed() + Duration::from_millis(1), "the times are those of this run");
        ended.outcome
    }

    /// Runs it, cancels it when the command has made the file `ready` in its work folder, and gives the outcome.
    pub async fn run_and_cancel_when_ready(&self) -> Outcome {
        let cancel = CancellationToken::new();
        let canceling = async {
            self.file_appears("ready").await;
            cancel.cancel();
        };
        let (ended, ()) = tokio::join!(self.try_run(cancel.clone()), canceling);
        ended.unwrap().outcome
    }

    /// Waits until a file is in the work folder; fails if that takes too long.
    pub async fn file_appears(&self, name: &str) {
        let path = self.work(name);
        let appears = async {
            while !path.exists() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), appears).await.unwrap();
    }

    /// Where something in the work folder is.
    pub fn work(&self, name: &str) -> PathBuf {
        self.launch.folders.work.join(name)
    }

    /// The text of a file in the work folder.
    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.work(name)).unwrap()
    }

    /// What is in the log.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.launch.log).unwrap_or_default()
    }

    /// Puts an input in place and gives the path by which the command names it.
    pub fn input(&self, name: &str, content: &[u8]) -> String {
        fs::write(self.launch.folders.inputs.join(name), content).unwrap();
        format!("/sluis/in/{name}")
    }

    /// Waits until the count in the work folder's file `beat` stands still, which a killed command's does.
    pub async fn heart_stands_still(&self) {
        let beat = || fs::metadata(self.work("beat")).map_or(0, |facts| facts.len());
        let still = async {
            loop {
                let before = beat();
                tokio::time::sleep(Duration::from_millis(100)).await;
                if beat() == before {
                    break;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), still).await.unwrap();
    }

    /// The folder that holds everything of this launch.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}
