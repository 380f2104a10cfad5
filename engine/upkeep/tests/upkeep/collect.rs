//! What a collection takes and what it leaves.

use sluis_schedule::FailureKind;
use sluis_store::Pinned;
use sluis_upkeep::{Check, UpkeepError, Why, check, collect};

use super::*;

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
