//! The log goes on in new segments, and old ones go when their time is over; nothing is lost and all is verified.

use std::thread;

use jiff::{SignedDuration, Timestamp};
use sluis_access::{AuditProofError, Claim, Proved};

use super::*;

fn settings(site: &Path, text: &str) {
    fs::write(site.join("audit/settings.yaml"), format!("format: \"1\"\n{text}")).unwrap();
}

fn segments(site: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(site.join("audit/segments")).into_iter().flatten();
    let mut found: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.to_str().unwrap().ends_with(ending));
    found.sort();
    found
}

/// A site whose log has several segments, closed.
fn long_site(settings_too: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    drop(site(folder.path()));
    settings(folder.path(), &format!("segment-size: 1 KB\n{settings_too}"));
    for number in 0..6 {
        put(&Site::open(folder.path()).unwrap(), format!("text {number}").as_bytes());
    }
    assert!(segments(folder.path(), ".jsonl").len() >= 3);
    folder
}

fn sequences(site: &Site) -> Vec<u64> {
    site.audit().records().unwrap().map(|record| record.unwrap().sequence()).collect()
}

#[test]
fn the_log_goes_on_in_new_segments() {
    let folder = long_site("");
    let summary = verify(folder.path()).unwrap();
    let all = summary.records;
    assert_eq!((summary.signed, summary.removed), (all, 0));
    let site = Site::open(folder.path()).unwrap();
    assert_eq!(sequences(&site), (0..all).collect::<Vec<_>>());
    // Reading goes on from anywhere, also from between two segments.
    let mut records = site.audit().records().unwrap();
    for read in 0..=all {
        let known = records.summary().clone();
        assert_eq!(known.records, read);
        let rest = site.audit().records_after(&known).unwrap();
        assert_eq!(rest.map(|record| record.unwrap().sequence()).collect::<Vec<_>>(), (read..all).collect::<Vec<_>>());
        assert_eq!(records.next().is_some(), read < all);
    }
}

#[test]
fn several_engines_go_over_to_a_new_segment_together() {
    let folder = long_site("");
    let records = verify(folder.path()).unwrap().records;
    let sites = [0; 3].map(|_| Site::open(folder.path()).unwrap());
    thread::scope(|scope| {
        for (number, site) in sites.iter().enumerate() {
            scope.spawn(move || {
                for round in 0..10 {
                    put(site, format!("text {number} {round}").as_bytes());
                    site.audit().checkpoint().unwrap();
                }
            });
        }
    });
    let before = segments(folder.path(), ".jsonl").len();
    drop(sites);
    let summary = verify(folder.path()).unwrap();
    assert_eq!(summary.records, summary.signed);
    // Each of three took in 10 texts: a decision, and what was done.
    assert!(summary.records >= records + 3 * 20, "{summary:?}");
    assert!(before > 5, "{before} segments");
    let site = Site::open(folder.path()).unwrap();
    assert_eq!(sequences(&site), (0..summary.records).collect::<Vec<_>>());
}

#[test]
fn going_over_to_a_new_segment_can_be_interrupted_anywhere() {
    for with_new_file in [false, true] {
        let (folder, log) = closed_site();
        // Killed after the old segment got its name, or after the new file was made.
        fs::create_dir(folder.path().join("audit/segments")).unwrap();
        fs::rename(&log, folder.path().join("audit/segments/000000000000.jsonl")).unwrap();
        if with_new_file {
            fs::write(&log, "").unwrap();
        }
        let before = verify(folder.path()).unwrap().records;
        let site = Site::open(folder.path()).unwrap();
        put(&site, b"more");
        let summary = site.audit().verify(None).unwrap();
        assert_eq!(summary.records, summary.signed);
        assert_eq!(sequences(&site), (0..summary.records).collect::<Vec<_>>());
        assert!(fs::read_to_string(&log).unwrap().starts_with(&format!("{{\"seq\":{before},")));
    }
}

#[test]
fn a_segment_that_was_taken_away_or_changed_is_noticed() {
    let folder = long_site("");
    for path in segments(folder.path(), ".jsonl") {
        let whole = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let error = verify(folder.path()).unwrap_err();
        assert!(matches!(error, AuditError::Missing { .. } | AuditError::Cut { .. }), "{path:?}: {error}");
        let mut changed = whole.clone();
        changed[200] ^= 1;
        fs::write(&path, changed).unwrap();
        assert!(verify(folder.path()).is_err(), "{path:?}");
        fs::write(&path, &whole).unwrap();
    }
    verify(folder.path()).unwrap();
}

#[test]
fn records_whose_time_is_over_go_and_all_can_still_be_proved() {
    let folder = long_site("retention: 400 days\n");
    let site = Site::open(folder.path()).unwrap();
    let all = site.audit().verify(None).unwrap().records;
    let now = Timestamp::now();
    let later = now + SignedDuration::from_hours(24 * 401);
    assert_eq!(site.remove_expired_audit(now, false).unwrap().records, 0);
    let prove = |number| site.prove_audit(Claim::Record(number)).unwrap();
    let before: Vec<_> = (0..all).map(prove).collect();
    let kept = folder.path().join("kept");
    fs::write(&kept, site.audit().checkpoint().unwrap()).unwrap();
    let kept_size = site.audit().verify(Some(&kept)).unwrap().agrees_with.unwrap();
    let planned = site.remove_expired_audit(later, true).unwrap();
    assert!(planned.records >= all && segments(folder.path(), ".leaves").is_empty(), "{planned:?}");
    assert_eq!(site.remove_expired_audit(later, false).unwrap(), planned);
    assert!(!segments(folder.path(), ".leaves").is_empty());
    let summary = site.audit().verify(Some(&kept)).unwrap();
    assert_eq!((summary.removed, summary.agrees_with), (planned.kept_from, Some(kept_size)));
    assert_eq!(sequences(&site)[0], planned.kept_from);
    let said = site.audit().records().unwrap().map(Result::unwrap).find(|record| record.removed().is_some()).unwrap();
    assert_eq!((said.action(), said.removed()), ("remove-audit-records", Some(planned.kept_from)));
    // The old proofs hold, and new ones can be made, without the records.
    let key = folder.path().join("keys/audit.pub");
    for (number, old) in (0..).zip(&before) {
        let Proved::Inclusion { content, .. } = old.check(&key, None, None).unwrap() else { panic!("{old:?}") };
        let new = prove(number);
        assert!(matches!(new.check(&key, None, None), Err(AuditProofError::NoRecord)));
        new.check(&key, Some(&content), None).unwrap();
    }
    site.prove_audit(Claim::Since(kept_size)).unwrap().check(&key, None, Some(&kept)).unwrap();
    // It goes on, and the cache can be made anew.
    drop(site);
    fs::remove_file(folder.path().join("audit/tree.json")).unwrap();
    put(&Site::open(folder.path()).unwrap(), b"more");
    verify(folder.path()).unwrap();
    // The hashes are as much part of what was signed as the records were.
    let leaves = &segments(folder.path(), ".leaves")[0];
    let mut changed = fs::read(leaves).unwrap();
    changed[0] ^= 1;
    fs::write(leaves, changed).unwrap();
    assert!(matches!(verify(folder.path()), Err(AuditError::Rewritten { .. })));
}

#[test]
fn what_the_log_does_not_say_was_removed_must_be_there() {
    let folder = long_site("");
    // Somebody who cannot write records keeps the hashes, so that the signature is right, and takes the records away.
    let path = &segments(folder.path(), ".jsonl")[0];
    let text = fs::read_to_string(path).unwrap();
    let bodies = text.lines().map(|line| line.split_once("\"body\":").unwrap().1.strip_suffix('}').unwrap());
    let hashes: Vec<u8> = bodies.flat_map(leaf).collect();
    fs::write(path.with_extension("leaves"), hashes).unwrap();
    verify(folder.path()).unwrap();
    fs::remove_file(path).unwrap();
    let refused = verify(folder.path());
    assert!(matches!(refused, Err(AuditError::RemovedUnrecorded { .. })), "{refused:?}");
}

fn leaf(record: &str) -> [u8; 32] {
    *sluis_transparency::leaf_hash(record.as_bytes()).as_bytes()
}

#[test]
fn less_than_a_year_is_no_retention_and_none_is_none() {
    let folder = long_site("");
    let site = Site::open(folder.path()).unwrap();
    let refused = site.remove_expired_audit(Timestamp::now(), false);
    assert!(matches!(refused, Err(AccessError::AuditLog(AuditError::NoRetention(_)))), "{refused:?}");
    drop(site);
    for wrong in
        ["retention: 365 days", "retention: 400", "segment-size: many", "segment-age: 0 days", "retain: 400 days"]
    {
        settings(folder.path(), wrong);
        let refused = Site::open(folder.path());
        assert!(matches!(refused, Err(AccessError::AuditLog(AuditError::Settings(_)))), "{wrong}");
    }
}
