//! Checks give nothing out and set nothing aside; removals need their own permit and are written down.

use std::time::{Duration, SystemTime};

use sluis_access::{Checked, SiteConfig, Verdict};
use sluis_store::{Pinned, Unreadable};

use super::*;

#[test]
fn a_check_sees_a_flipped_byte_in_any_part_and_leaves_the_object_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let address = put(&site, &[7; 70_000]).address;
    let parts = site.store().object(&address).unwrap().unwrap().parts().unwrap();
    let permit = site.permit_check(&[address]).unwrap();
    assert_eq!(site.check(&permit, &address).unwrap(), Checked::Whole(70_000));
    for part in parts {
        let path = site.dir().join("store").join(part.name.as_str());
        let bytes = fs::read(&path).unwrap();
        for place in (0..bytes.len()).step_by(bytes.len().div_ceil(20)) {
            let mut wrong = bytes.clone();
            wrong[place] ^= 0x20;
            fs::write(&path, wrong).unwrap();
            let found = site.check(&permit, &address).unwrap();
            assert!(matches!(found, Checked::Damaged(_)), "byte {place} of {}: {found:?}", part.name);
        }
        fs::write(&path, [&*bytes, b"x"].concat()).unwrap();
        assert!(matches!(site.check(&permit, &address).unwrap(), Checked::Damaged(_)), "{} grew", part.name);
        fs::write(&path, bytes).unwrap();
    }
    assert_eq!(site.check(&permit, &address).unwrap(), Checked::Whole(70_000));
    let other = put(&site, b"other").address;
    assert!(matches!(site.check(&permit, &other), Err(AccessError::NotCovered(_))));
}

#[test]
fn the_permit_of_a_check_opens_nothing_and_that_of_a_reader_checks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let address = put(&site, b"text").address;
    let check = site.permit_check(&[address]).unwrap();
    assert!(matches!(site.unseal(&check, &address), Err(AccessError::NotCovered(_))));
    assert!(matches!(site.seal(&check, &b"new"[..]), Err(AccessError::NotCovered(_))));
    let read = site.permit_read(&project(), &address, ReadAction::Show).unwrap();
    assert!(matches!(site.check(&read, &address), Err(AccessError::NotCovered(_))));
    assert!(matches!(site.set_aside(&read, &address, "x", Unreadable::Kept), Err(AccessError::NotCovered(_))));
    let now = SystemTime::now() + Duration::from_secs(60);
    for wrong in [check, read] {
        assert!(matches!(site.collect_objects(&wrong, &[address], now), Err(AccessError::NotCovered(_))));
    }
    let collect = site.permit_collection().unwrap();
    assert!(matches!(site.unseal(&collect, &address), Err(AccessError::NotCovered(_))));
    assert_eq!(site.collect_objects(&collect, &[address], now).unwrap().removed, [address]);
    assert!(matches!(show(&site, &address), Err(AccessError::NotFound(_))));
}

#[test]
fn upkeep_is_refused_to_whom_the_registry_does_not_know_and_that_is_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    edit(&site, "people.yaml", "  self:", "  other:");
    edit(&site, "projects.yaml", "members: [self]", "members: [other]");
    age_registry(&site);
    assert!(refusal(site.permit_check(&[])).contains("not in the registry"));
    assert!(refusal(site.permit_collection()).contains("not in the registry"));
    let records: Vec<_> = site.audit().records().unwrap().map(Result::unwrap).collect();
    let denied = records.iter().filter(|record| record.verdict() == Some(Verdict::Deny));
    assert_eq!(denied.map(sluis_access::AuditRecord::action).collect::<Vec<_>>(), ["check", "collect-garbage"]);
}

#[test]
fn pins_say_since_when_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let (object, of_run) = (Pinned::Object(put(&site, b"text").address), Pinned::Run(run()));
    site.pin(&object, "first").unwrap();
    site.pin(&object, "second").unwrap();
    site.pin(&of_run, "").unwrap();
    let survey = site.permit_survey().unwrap();
    let pins = site.pins(&survey).unwrap();
    assert_eq!(pins.iter().map(|(pinned, _)| pinned.clone()).collect::<Vec<_>>(), [object.clone(), of_run]);
    assert_eq!(pins[0].1.as_ref().unwrap().reason, "second");
    assert!(site.unpin(&object).unwrap() && !site.unpin(&object).unwrap());
    assert_eq!(site.pins(&survey).unwrap().len(), 1);
    let now = SystemTime::now() + Duration::from_secs(60);
    let removed = site.collect_objects(&survey, &[put(&site, b"text").address], now);
    assert!(matches!(removed, Err(AccessError::NotCovered(_))), "who looks removes nothing");
}

#[test]
fn what_is_taken_in_is_pinned_by_the_permit_to_take_it_in_and_by_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let intake = site.permit_put(&project(), &of_dataset("personal")).unwrap();
    let sealed = site.seal_pinned(&intake, &b"text"[..], "taken in").unwrap();
    let [(pinned, Some(pin))] = &*site.pins(&site.permit_survey().unwrap()).unwrap() else { panic!("one pin") };
    assert_eq!((pinned, pin.reason.as_str()), (&Pinned::Object(sealed.address), "taken in"));
    let (run, project, none) = (run(), project(), Labels::default());
    let task = site.permit_task(&request(&run, &project, &[], &none)).unwrap();
    assert!(matches!(site.seal_pinned(&task, &b"made"[..], "x"), Err(AccessError::NotCovered(_))));
    assert!(matches!(site.pins(&intake), Err(AccessError::NotCovered(_))));
}

/// Content that no other has.
fn content(number: u8) -> Vec<u8> {
    vec![number; 200_000]
}

#[test]
fn nothing_is_sealed_beyond_the_quota_and_what_was_written_of_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let config = SiteConfig { quota: Some("500 KiB".parse().unwrap()), ..config() };
    let site = Site::create(folder.path(), &config).unwrap();
    assert_eq!(Site::open(folder.path()).unwrap().config().quota, config.quota);
    let permit = site.permit_put(&project(), &of_dataset("personal")).unwrap();
    for number in [1, 1, 1, 2] {
        // What was there already does not count twice.
        site.seal(&permit, &*content(number)).unwrap();
    }
    let held = site.store().size().unwrap();
    match site.seal(&permit, &*content(3)) {
        // The object counts with its parts, of which only the body was foreseen.
        Err(AccessError::Quota { used, quota }) => assert!(used <= held && quota == 500 * 1024, "{used}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(site.store().size().unwrap(), held);
    site.seal(&permit, &b"little"[..]).unwrap();
    let again = Site::open(folder.path()).unwrap();
    let error = again.seal(&again.permit_put(&project(), &of_dataset("personal")).unwrap(), &*content(3)).unwrap_err();
    assert!(error.to_string().contains("quota of 500.0 KiB"), "{error}");
}

#[test]
fn a_quota_is_a_number_of_bytes_with_its_unit() {
    let folder = tempfile::tempdir().unwrap();
    drop(site(folder.path()));
    let path = folder.path().join("site.yaml");
    let text = fs::read_to_string(&path).unwrap();
    for (quota, bytes) in [("2 TB", 2_000_000_000_000), ("500 GiB", 500 << 30), ("1.5GB", 1_500_000_000)] {
        fs::write(&path, format!("{text}quota: {quota}\n")).unwrap();
        assert_eq!(Site::open(folder.path()).unwrap().config().quota.unwrap().bytes(), bytes);
    }
    for wrong in ["much", "0 B", "-1 TB", "2 parsecs"] {
        fs::write(&path, format!("{text}quota: {wrong}\n")).unwrap();
        let error = Site::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("`quota`") && error.contains("2 TB"), "{error}");
    }
}
