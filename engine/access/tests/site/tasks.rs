//! The task cache.

use jiff::Timestamp;
use sluis_access::{Permit, TaskRecord};
use sluis_model::{Region, TaskKey};

use super::*;

/// A task that read `inputs` and made `result`.
pub fn record(key: TaskKey, inputs: &[Address], result: Address) -> TaskRecord {
    TaskRecord {
        version: TaskRecord::VERSION,
        tasks: 1,
        key,
        tool: "sort".into(),
        step: "main/sort".into(),
        run: run(),
        task: TaskId(7),
        image: None,
        region: Region::on_site(EuCountry::NL),
        executor: "local".into(),
        inputs: inputs.to_vec(),
        outputs: vec![],
        result,
        log: None,
        exit_code: 0,
        started: Timestamp::UNIX_EPOCH,
        ended: Timestamp::UNIX_EPOCH,
    }
}

fn permit(site: &Site, inputs: &[Address]) -> Permit {
    site.permit_task(&request(&run(), &project(), inputs, &Labels::default())).unwrap()
}

#[test]
fn a_task_record_comes_back_under_its_own_key_alone() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let input = put(&site, b"input").address;
    let permit = permit(&site, &[input]);
    let (one, two) = (site.task_key(b"one"), site.task_key(b"two"));
    assert_ne!(one, two);
    assert_eq!(one, Site::open(folder.path()).unwrap().task_key(b"one"));
    let kept = record(one, &[input], input);
    site.put_task(&permit, &kept).unwrap();
    assert_eq!(site.task(&one).unwrap(), Some(kept.clone()));
    assert_eq!(site.task(&two).unwrap(), None);
    assert_eq!(site.tasks().unwrap().collect::<Result<Vec<_>, _>>().unwrap(), [kept]);

    let entry = site.store().task(&one).unwrap().unwrap();
    site.store().put_task(&two, &entry).unwrap();
    assert!(matches!(site.task(&two), Err(AccessError::DamagedTask { key }) if key == two));
    for place in 0..entry.len() {
        let mut changed = entry.clone();
        changed[place] ^= 0x20;
        site.store().put_task(&one, &changed).unwrap();
        assert!(matches!(site.task(&one), Err(AccessError::DamagedTask { key }) if key == one), "byte {place}");
    }
}

#[test]
fn a_permit_keeps_just_its_own_task() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let (input, other) = (put(&site, b"input").address, put(&site, b"other").address);
    let (permit, key) = (permit(&site, &[input]), site.task_key(b"key"));
    let right = record(key, &[input], input);
    let wrong = [
        TaskRecord { task: TaskId(8), ..right.clone() },
        TaskRecord { run: "20261123-101500-3fa2b2".parse().unwrap(), ..right.clone() },
        TaskRecord { executor: "docker".into(), ..right.clone() },
        TaskRecord { region: Region::on_site(EuCountry::BE), ..right.clone() },
        TaskRecord { inputs: vec![input, other], ..right.clone() },
    ];
    for wrong in wrong {
        assert!(matches!(site.put_task(&permit, &wrong), Err(AccessError::NotCovered(_))));
    }
    let reading = site.permit_read(&project(), &input, ReadAction::Show).unwrap();
    assert!(matches!(site.put_task(&reading, &right), Err(AccessError::NotCovered(_))));
    assert_eq!(site.task(&key).unwrap(), None);
    site.put_task(&permit, &right).unwrap();
}
