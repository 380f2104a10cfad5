//! What a store holds, what goes of it and what stays, by the journals of runs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod collect;
mod usage;

use std::{
    fs::{self, File},
    path::Path,
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use jiff::{SignedDuration, Timestamp};
use sluis_access::{ReadAction, Rule, Site, SiteConfig, TaskRecord, TaskRequest};
use sluis_journal::Journal;
use sluis_model::{Address, EuCountry, Labels, ProjectName, Region, RunId, TaskId, TaskKey};
use sluis_schedule::{RunEvent, RunSettings, RunState};
use sluis_upkeep::Options;

const DAY: Duration = Duration::from_secs(86_400);

fn site(folder: &Path) -> Site {
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
    Site::create(folder, &config).unwrap()
}

fn project() -> ProjectName {
    "personal".parse().unwrap()
}

fn put(site: &Site, text: &str) -> Address {
    put_for(site, "personal", text)
}

fn put_for(site: &Site, dataset: &str, text: &str) -> Address {
    let permit = site.permit_put(&project(), &Labels::of_dataset(dataset.parse().unwrap())).unwrap();
    site.seal(&permit, text.as_bytes()).unwrap().address
}

fn run(number: u8) -> RunId {
    format!("20261123-101500-0000{number:02x}").parse().unwrap()
}

/// A request for a task of a run with these inputs.
fn task_request<'a>(run: &'a RunId, inputs: &'a [Address]) -> TaskRequest<'a> {
    static PROJECT: LazyLock<ProjectName> = LazyLock::new(project);
    static NOTHING: LazyLock<Labels> = LazyLock::new(Labels::default);
    TaskRequest {
        run,
        task: TaskId(0),
        tool: "sort",
        project: &PROJECT,
        inputs,
        derived_from: &NOTHING,
        region: Region::on_site(EuCountry::NL),
        executor: "local",
        network: false,
    }
}

/// Keeps a task of a run that read one object and made another.
fn keep_task(site: &Site, run: &RunId, input: Address, output: &str) -> (TaskKey, [Address; 3]) {
    let permit = site.permit_task(&task_request(run, &[input])).unwrap();
    let seal = |text: &str| site.seal(&permit, text.as_bytes()).unwrap().address;
    let (made, result, log) = (seal(output), seal(&format!("result {output}")), seal(&format!("log {output}")));
    let key = site.task_key(output.as_bytes());
    let record = TaskRecord {
        version: TaskRecord::VERSION,
        tasks: 1,
        key,
        tool: "sort".into(),
        step: "sort".into(),
        run: run.clone(),
        task: TaskId(0),
        image: None,
        region: site.region(),
        executor: "local".into(),
        inputs: vec![input],
        outputs: vec![made],
        result,
        log: Some(log),
        exit_code: 0,
        started: Timestamp::now(),
        ended: Timestamp::now(),
    };
    site.put_task(&permit, &record).unwrap();
    (key, [made, result, log])
}

fn journal(site: &Site, run: &RunId, events: &[RunEvent]) {
    let folder = site.runs_dir().join(run.as_str());
    fs::create_dir_all(&folder).unwrap();
    Journal::open(&folder.join("journal.jsonl")).unwrap().append_all(events).unwrap();
}

fn started(run: &RunId, inputs: Address, files: Vec<Address>, days_ago: i64) -> RunEvent {
    started_for(project(), run, inputs, files, days_ago)
}

fn started_for(project: ProjectName, run: &RunId, inputs: Address, files: Vec<Address>, days_ago: i64) -> RunEvent {
    RunEvent::RunStarted {
        run: run.clone(),
        workflow: "sort.cwl".into(),
        project,
        self_issued: true,
        inputs,
        given: None,
        documents: None,
        files,
        settings: RunSettings::default(),
        engine: "engine".into(),
        at: Timestamp::now() - SignedDuration::from_hours(24 * days_ago),
    }
}

fn ended(outputs: Option<Address>, files: Vec<Address>, days_ago: i64) -> RunEvent {
    let at = Timestamp::now() - SignedDuration::from_hours(24 * days_ago);
    RunEvent::RunEnded { state: RunState::Complete, outputs, files, at }
}

fn complete(key: TaskKey) -> RunEvent {
    let at = Timestamp::now() - SignedDuration::from_hours(240);
    RunEvent::TaskComplete {
        task: TaskId(0),
        step: "sort".into(),
        key: Some(key),
        result: None,
        cached: false,
        skipped: false,
        measured: None,
        at,
    }
}

/// Makes everything in the store two days old.
fn age(site: &Site) {
    let mut open = vec![site.dir().join("store")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                File::options().append(true).open(path).unwrap().set_modified(SystemTime::now() - 2 * DAY).unwrap();
            }
        }
    }
}

fn options(runs_older_than: Option<Duration>) -> Options {
    Options { grace: DAY, runs_older_than, dry_run: false }
}
