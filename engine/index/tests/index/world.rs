//! A site with a few objects, to which task records and runs are added and from which they are taken away.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use sluis_access::{AccessError, Permit, ReadAction, Rule, Site, SiteConfig, TaskRecord, TaskRequest};
use sluis_journal::Journal;
use sluis_model::{Address, EuCountry, Labels, ProjectName, RunId, TaskId, TaskKey};
use sluis_schedule::{RunEvent, RunSettings};

/// How many objects there are. The first is of the dataset `a`, the second of `b`, and so on in turn.
pub const OBJECTS: usize = 8;

pub struct World {
    pub site: Site,
    pub objects: Vec<Address>,
    /// How many things were aged, so that no two get the same time.
    aged: u64,
    folder: tempfile::TempDir,
}

/// What a task is to look like; numbers are those of objects.
#[derive(Clone, Debug)]
pub struct TaskShape {
    pub key: u8,
    pub run: u8,
    pub reads: Vec<usize>,
    pub outputs: Vec<usize>,
    pub result: usize,
    pub log: Option<usize>,
    pub ended: i64,
}

pub fn project() -> ProjectName {
    "personal".parse().unwrap()
}

pub fn run_id(number: u8) -> RunId {
    format!("20261124-10150{number}-3fa2b1").parse().unwrap()
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

impl World {
    pub fn new() -> Self {
        // In memory: each permit and record is flushed to the disk.
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
        let site = Site::create(&folder.path().join("site"), &config).unwrap();
        edit(&site, "datasets.yaml", "datasets:\n", "datasets:\n  a:\n    consent: given\n    description: x\n");
        edit(&site, "datasets.yaml", "datasets:\n", "datasets:\n  b:\n    consent: given\n    description: x\n");
        edit(&site, "projects.yaml", "datasets: [personal", "datasets: [personal, a, b");
        let objects = (0..OBJECTS).map(|number| {
            let permit =
                site.permit_put(&project(), &Labels::of_dataset(["a", "b"][number % 2].parse().unwrap())).unwrap();
            site.seal(&permit, format!("object {number}").as_bytes()).unwrap().address
        });
        let objects = objects.collect();
        Self { site, objects, aged: 0, folder }
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("site/index.sqlite")
    }

    pub fn key(&self, number: u8) -> TaskKey {
        self.site.task_key(&[number])
    }

    /// A permit to see where an object came from.
    pub fn permit(&self, object: &Address) -> Permit {
        self.site.permit_read(&project(), object, ReadAction::Provenance).unwrap()
    }

    /// A permit for a task, if there is one to be had.
    pub fn permit_task(&self, run: &RunId, task: u8, inputs: &[Address]) -> Result<Permit, AccessError> {
        self.site.permit_task(&TaskRequest {
            run,
            task: TaskId(task.into()),
            tool: "tool",
            project: &project(),
            inputs,
            derived_from: &Labels::default(),
            region: self.site.region(),
            executor: "local",
            network: false,
        })
    }

    /// Writes a task's record; one with the same key is replaced.
    pub fn keep(&self, shape: &TaskShape) {
        let address = |number: &usize| self.objects[*number];
        let inputs: Vec<_> = shape.reads.iter().map(address).collect();
        let (run, task) = (run_id(shape.run), TaskId(shape.key.into()));
        let permit = self.permit_task(&run, shape.key, &inputs).unwrap();
        let record = TaskRecord {
            version: TaskRecord::VERSION,
            tasks: 1,
            key: self.key(shape.key),
            tool: "tool".into(),
            step: "step".into(),
            run,
            task,
            image: None,
            region: self.site.region(),
            executor: "local".into(),
            inputs,
            outputs: shape.outputs.iter().map(address).collect(),
            result: address(&shape.result),
            log: shape.log.as_ref().map(address),
            exit_code: 0,
            started: at(shape.ended),
            ended: at(shape.ended),
        };
        self.site.put_task(&permit, &record).unwrap();
    }

    /// The file of a task's entry, if there is one.
    pub fn entry(&self, key: u8) -> Option<PathBuf> {
        let digits = self.key(key).hex();
        let mut entries = self.entries().into_iter();
        entries.find(|path| path.is_file() && path.to_str().unwrap().ends_with(&digits[2..]))
    }

    /// Everything below the folder of task entries.
    fn entries(&self) -> Vec<PathBuf> {
        let mut found = vec![self.site.dir().join("store/tasks")];
        let mut next = 0;
        while let Some(path) = found.get(next).cloned() {
            if path.is_dir() {
                found.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
            next += 1;
        }
        found
    }

    /// Makes journals, task entries and their folders look as if the last change of each were long ago, but at a time of its own.
    pub fn age(&mut self) {
        let long_ago = SystemTime::now() - Duration::from_secs(1_000_000);
        let journals = (0..10).map(|run| self.run_folder(run).join("journal.jsonl")).filter(|path| path.exists());
        let paths = self.entries().into_iter().chain(journals).chain([self.site.audit().path()]);
        let paths: Vec<_> = paths.filter(|path| path.exists()).collect();
        for path in paths {
            if fs::metadata(&path).unwrap().modified().unwrap() > long_ago + Duration::from_secs(500_000) {
                self.aged += 1;
                File::open(&path).unwrap().set_modified(long_ago + Duration::from_secs(self.aged)).unwrap();
            }
        }
    }

    pub fn run_folder(&self, run: u8) -> PathBuf {
        self.site.runs_dir().join(run_id(run).as_str())
    }

    /// Appends to a run's journal.
    pub fn record(&self, run: u8, event: &RunEvent) {
        fs::create_dir_all(self.run_folder(run)).unwrap();
        Journal::open(&self.run_folder(run).join("journal.jsonl")).unwrap().append(event).unwrap();
    }

    /// Begins a run, unless it has begun.
    pub fn begin(&self, run: u8, workflow: &str, inputs: usize) {
        if !self.run_folder(run).exists() {
            self.record(
                run,
                &RunEvent::RunStarted {
                    run: run_id(run),
                    workflow: workflow.into(),
                    project: project(),
                    self_issued: true,
                    inputs: self.objects[inputs],
                    given: None,
                    documents: None,
                    files: Vec::new(),
                    settings: RunSettings::default(),
                    engine: "engine".into(),
                    at: at(0),
                },
            );
        }
    }

    /// Has a run complete a task.
    pub fn complete(&self, run: u8, key: u8, cached: bool) {
        let event = RunEvent::TaskComplete {
            task: TaskId(key.into()),
            step: "step".into(),
            key: Some(self.key(key)),
            result: None,
            cached,
            skipped: false,
            measured: None,
            at: at(1),
        };
        self.record(run, &event);
    }
}

fn edit(site: &Site, file: &str, from: &str, to: &str) {
    let path: &Path = &site.dir().join("registry").join(file);
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}
