//! What a collection takes and what it leaves, by the journals of runs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::{
    fs::{self, File},
    path::Path,
    time::{Duration, SystemTime},
};

use jiff::{SignedDuration, Timestamp};
use sluis_access::{Rule, Site, SiteConfig, TaskRecord, TaskRequest};
use sluis_journal::Journal;
use sluis_model::{Address, EuCountry, Labels, ProjectName, RunId, TaskId, TaskKey};
use sluis_schedule::{FailureKind, RunEvent, RunSettings, RunState};
use sluis_store::Pinned;
use sluis_upkeep::{Check, Options, UpkeepError, Why, check, collect};

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
    let permit = site.permit_put(&project(), &Labels::of_dataset("personal".parse().unwrap())).unwrap();
    site.seal(&permit, text.as_bytes()).unwrap().address
}

fn run(number: u8) -> RunId {
    format!("20261123-101500-0000{number:02x}").parse().unwrap()
}

/// Keeps a task of a run that read one object and made another.
fn keep_task(site: &Site, run: &RunId, input: Address, output: &str) -> (TaskKey, [Address; 3]) {
    let permit = site
        .permit_task(&TaskRequest {
            run,
            task: TaskId(0),
            tool: "sort",
            project: &project(),
            inputs: &[input],
            derived_from: &Labels::default(),
            region: site.region(),
            executor: "local",
            network: false,
        })
        .unwrap();
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
    RunEvent::RunStarted {
        run: run.clone(),
        workflow: "sort.cwl".into(),
        project: project(),
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

fn left(site: &Site) -> Vec<Address> {
    site.store().addresses().unwrap().map(Result::unwrap).collect()
}

#[test]
fn everything_that_a_journal_or_its_tasks_name_stays() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let [input_object, input, literal, output_object, output, failed_log, failed_account, earlier_log, garbage] =
        ["inputs", "input", "literal", "outputs", "output", "failed", "account", "earlier", "garbage"]
            .map(|text| put(&site, text));
    let (key, _) = keep_task(&site, &run(1), input, "made");
    let retried = RunEvent::TaskRetried {
        task: TaskId(1),
        step: "fail".into(),
        failure: FailureKind::OutOfMemory,
        log: Some(earlier_log),
        measured: None,
        account: None,
        at: Timestamp::now(),
        next: Timestamp::now(),
    };
    let failed = RunEvent::TaskFailed {
        task: TaskId(1),
        step: "fail".into(),
        failure: FailureKind::ExitCode(1),
        log: Some(failed_log),
        measured: None,
        account: Some(failed_account),
        at: Timestamp::now(),
    };
    let first = started(&run(1), input_object, vec![literal], 10);
    journal(&site, &run(1), &[first, complete(key), retried, failed, ended(Some(output_object), vec![output], 10)]);
    age(&site);
    let done = collect(&site, &options(None)).unwrap();
    assert_eq!(done.garbage.len(), 1, "{:?}", done.garbage);
    assert_eq!((&done.garbage[0].name, done.garbage[0].why), (&garbage.to_string(), Why::NeverReached));
    assert_eq!(left(&site).len(), 8 + 3);
    assert!(site.task(&key).unwrap().is_some());
}

#[test]
fn a_run_that_ended_long_ago_needs_nothing_unless_it_is_pinned() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let input = put(&site, "input");
    for (number, days_ago) in [(1, 10), (2, 1)] {
        let (key, [made, ..]) = keep_task(&site, &run(number), input, &format!("made {number}"));
        let events =
            [started(&run(number), input, Vec::new(), days_ago), complete(key), ended(None, vec![made], days_ago)];
        journal(&site, &run(number), &events);
    }
    // One that was interrupted ended with the last thing that it did.
    let interrupted = put(&site, "of an interrupted run");
    journal(&site, &run(3), &[started(&run(3), interrupted, Vec::new(), 10)]);
    age(&site);
    site.pin(&Pinned::Run(run(1)), "").unwrap();
    let dry = Options { dry_run: true, ..options(Some(5 * DAY)) };
    assert_eq!(collect(&site, &dry).unwrap().garbage.len(), 1);
    site.unpin(&Pinned::Run(run(1))).unwrap();
    let done = collect(&site, &options(Some(5 * DAY))).unwrap();
    let whys: Vec<_> = done.garbage.iter().map(|garbage| garbage.why).collect();
    assert_eq!(whys, [Why::TaskEntry, Why::EndedRun, Why::EndedRun, Why::EndedRun, Why::EndedRun]);
    assert_eq!(left(&site).len(), 4, "the input, and what the younger run made");
}

#[test]
fn what_a_fresh_task_entry_names_stays_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let input = put(&site, "input");
    let (key, _) = keep_task(&site, &run(1), input, "made");
    age(&site);
    assert!(site.store().touch_task(&key).unwrap());
    assert!(collect(&site, &options(None)).unwrap().garbage.is_empty());
    age(&site);
    assert_eq!(collect(&site, &options(None)).unwrap().garbage.len(), 1 + 4);
    assert!(left(&site).is_empty());
}

#[test]
fn nothing_goes_if_it_cannot_be_told_what_a_run_needs() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let input = put(&site, "input");
    let (key, _) = keep_task(&site, &run(1), input, "made");
    journal(&site, &run(1), &[started(&run(1), input, Vec::new(), 1), complete(key), ended(None, Vec::new(), 1)]);
    age(&site);
    let entry = site.store().task(&key).unwrap().unwrap();
    site.store().put_task(&key, &entry[1..]).unwrap();
    match collect(&site, &options(None)) {
        Err(UpkeepError::DamagedTask { key: named, .. }) => assert_eq!(named, key),
        other => panic!("{other:?}"),
    }
    assert_eq!(check(&site, Check::default(), &|_| {}).unwrap().damaged_tasks, [key]);
    site.store().put_task(&key, &entry).unwrap();
    let path = site.runs_dir().join(run(1).as_str()).join("journal.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("sort.cwl", "other.cwl", 1)).unwrap();
    assert!(matches!(collect(&site, &options(None)), Err(UpkeepError::Runs(_))));
    assert_eq!(left(&site).len(), 4);
}

#[test]
fn of_two_collections_at_the_same_time_one_is_told_to_wait() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let lock = File::create(folder.path().join("removal.lock")).unwrap();
    lock.lock().unwrap();
    assert!(matches!(collect(&site, &options(None)), Err(UpkeepError::UnderWay)));
    lock.unlock().unwrap();
    assert!(collect(&site, &options(None)).is_ok());
}

#[test]
fn bodies_stay_as_long_as_a_record_that_may_be_theirs_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let address = put(&site, "text");
    let parts = site.store().object(&address).unwrap().unwrap().parts().unwrap();
    let record = parts.iter().find(|part| part.name.as_str().ends_with("/record")).unwrap();
    fs::write(folder.path().join("store").join(record.name.as_str()), "no record").unwrap();
    age(&site);
    let done = collect(&site, &options(None)).unwrap();
    assert_eq!((done.garbage.len(), done.unreadable), (0, vec![address]));
    let found = check(&site, Check { set_aside: true, ..Check::default() }, &|_| {}).unwrap();
    assert_eq!((found.damaged.len(), &*found.damaged[0].part), (1, "its record"));
    age(&site);
    collect(&site, &options(None)).unwrap();
    assert_eq!(site.store().size().unwrap(), 0);
}

#[test]
fn a_check_goes_through_more_objects_than_share_a_decision() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    for number in 0..260 {
        put(&site, &format!("object {number}"));
    }
    let report = check(&site, Check::default(), &|progress| assert!(progress.objects <= progress.total)).unwrap();
    assert_eq!((report.objects, report.is_whole()), (260, true));
    let checks = site.audit().records().unwrap().filter(|record| record.as_ref().unwrap().action() == "check");
    assert_eq!(checks.count(), 2);
}
