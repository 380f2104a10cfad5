//! How long questions take on a site of many task records, with and without the index.
//!
//! `cargo run --release -p sluis-index --example questions [RUNS]`: each run has 100 tasks, one after the other; each
//! task reads a reference and what the one before it made. The site is in memory, so that the disk is not measured.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement, not a program")]

use std::{
    env, fs, thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use sluis_access::{Permit, ReadAction, Rule, Site, SiteConfig, TaskRecord, TaskRequest};
use sluis_index::Index;
use sluis_journal::Journal;
use sluis_model::{Address, EuCountry, Labels, ProjectName, RunId, TaskId};
use sluis_schedule::{RunEvent, RunSettings, RunState};

const TASKS: u32 = 100;
const ROUNDS: usize = 9;

struct Measured {
    site: Site,
    project: ProjectName,
    reference: Address,
}

fn run_id(run: u32) -> RunId {
    format!("20261124-{:06}-3fa2b1", run).parse().unwrap()
}

impl Measured {
    fn new(folder: &std::path::Path) -> Self {
        let config = SiteConfig {
            name: "measured".into(),
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
        let site = Site::create(folder, &config).unwrap();
        let project: ProjectName = "personal".parse().unwrap();
        let reference = put(&site, &project, "reference");
        Self { site, project, reference }
    }

    /// Writes a run as the engine would; gives its first input and its last output.
    fn add_run(&self, run: u32) -> (Address, Address) {
        let id = run_id(run);
        let folder = self.site.runs_dir().join(id.as_str());
        fs::create_dir_all(&folder).unwrap();
        let first = put(&self.site, &self.project, &format!("run {run}, input"));
        let mut events = vec![RunEvent::RunStarted {
            run: id.clone(),
            workflow: "germline.cwl".into(),
            project: self.project.clone(),
            self_issued: true,
            inputs: first,
            given: None,
            documents: None,
            files: Vec::new(),
            settings: RunSettings::default(),
            engine: "engine".into(),
            at: Timestamp::now(),
        }];
        let mut last = first;
        for task in 0..TASKS {
            let made = put(&self.site, &self.project, &format!("run {run}, task {task}"));
            events.push(self.add_task(&id, TaskId(task), last, made));
            last = made;
        }
        events.push(RunEvent::RunEnded {
            state: RunState::Complete,
            outputs: Some(last),
            files: vec![last],
            at: Timestamp::now(),
        });
        Journal::open(&folder.join("journal.jsonl")).unwrap().append_all(&events).unwrap();
        (first, last)
    }

    fn add_task(&self, run: &RunId, task: TaskId, read: Address, made: Address) -> RunEvent {
        let inputs = [read, self.reference];
        let request = TaskRequest {
            run,
            task,
            tool: "tool.cwl",
            project: &self.project,
            inputs: &inputs,
            derived_from: &Labels::default(),
            region: self.site.region(),
            executor: "local",
            network: false,
        };
        let permit = self.site.permit_task(&request).unwrap();
        let key = self.site.task_key(format!("{run} {task}").as_bytes());
        let other =
            |kind: u8| Address::from_bytes(*self.site.task_key(&[made.as_bytes(), &[kind][..]].concat()).as_bytes());
        let record = TaskRecord {
            version: TaskRecord::VERSION,
            tasks: 1,
            key,
            tool: "tool.cwl".into(),
            step: "align/mem".into(),
            run: run.clone(),
            task,
            image: None,
            region: self.site.region(),
            executor: "local".into(),
            inputs: inputs.to_vec(),
            outputs: vec![made],
            result: other(0),
            log: Some(other(1)),
            exit_code: 0,
            started: Timestamp::now(),
            ended: Timestamp::now(),
        };
        self.site.put_task(&permit, &record).unwrap();
        let step = record.step;
        RunEvent::TaskComplete {
            task,
            step,
            key: Some(key),
            result: None,
            cached: false,
            skipped: false,
            measured: None,
            at: Timestamp::now(),
        }
    }

    fn permit(&self, object: &Address) -> Permit {
        self.site.permit_read(&self.project, object, ReadAction::Provenance).unwrap()
    }

    /// Asks what derives from an object; gives the time and the number of objects.
    fn derived(&self, object: &Address) -> (Duration, usize) {
        let permit = self.permit(object);
        let begun = Instant::now();
        let found = Index::new(&self.site).derived(&permit, object).unwrap().len();
        (begun.elapsed(), found)
    }
}

fn put(site: &Site, project: &ProjectName, text: &str) -> Address {
    let permit = site.permit_put(project, &Labels::of_dataset("personal".parse().unwrap())).unwrap();
    site.seal(&permit, text.as_bytes()).unwrap().address
}

/// The median time of several rounds.
fn median(mut ask: impl FnMut()) -> Duration {
    let times = (0..ROUNDS).map(|_| {
        let begun = Instant::now();
        ask();
        begun.elapsed()
    });
    let mut times: Vec<_> = times.collect();
    times.sort();
    times[ROUNDS / 2]
}

/// Waits until a change just made can be told from a later one, so that nothing is read again to be sure.
fn settle() {
    thread::sleep(Duration::from_millis(2500));
}

fn main() {
    let runs: u32 = env::args().nth(1).map_or(1000, |count| count.parse().unwrap());
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let measured = Measured::new(folder.path());
    let begun = Instant::now();
    let (mut first, mut last) = measured.add_run(0);
    for run in 1..runs {
        (first, last) = measured.add_run(run);
    }
    println!("{} task records in {runs} runs, written in {:.0} s", runs * TASKS, begun.elapsed().as_secs_f64());
    settle();
    let (permit, all) = (measured.permit(&last), || measured.site.tasks().unwrap().map(Result::unwrap));
    println!("reading every task record, as without an index: {:.2?}", median(|| assert!(all().count() > 0)));

    let (built, found) = measured.derived(&first);
    println!("first build from the task records, and one question: {built:.2?}");
    let (newest, origin) = (|| Index::new(&measured.site), measured.permit(&first));
    let begun = Instant::now();
    newest().newest(&origin, "germline.cwl", &first).unwrap().unwrap();
    println!("the same from the runs' journals: {:.2?}", begun.elapsed());
    let begun = Instant::now();
    assert_eq!(newest().runs_using(&"personal".parse().unwrap()).unwrap().len(), runs as usize);
    println!("the same from the audit log: {:.2?}", begun.elapsed());
    let size = fs::metadata(folder.path().join("index.sqlite")).unwrap().len();
    println!("index.sqlite: {:.1} MB", size as f64 / 1e6);
    settle();

    println!(
        "up to date: what derives from an object, {found} objects: {:.2?}",
        median(|| assert_eq!(measured.derived(&first).1, found))
    );
    println!("up to date: what is behind an object: {:.2?}", median(|| drop(newest().behind(&permit, &last).unwrap())));
    let ask = || drop(newest().newest(&origin, "germline.cwl", &first).unwrap());
    println!("up to date: newest result: {:.2?}", median(ask));
    let ask = || drop(newest().runs_using(&"personal".parse().unwrap()).unwrap());
    println!("up to date: runs that used a dataset, {runs} runs: {:.2?}", median(ask));

    let (first, _) = measured.add_run(runs);
    let (taken, found) = measured.derived(&first);
    println!("after one more run of {TASKS} tasks: {taken:.2?} ({found} objects)");
}
