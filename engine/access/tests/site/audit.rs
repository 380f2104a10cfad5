//! The audit log: what is in it, and that no change of it goes unnoticed.

mod actions;
mod damage;
mod faults;
mod proofs;
mod reading;
mod segments;

use std::path::PathBuf;

use sluis_access::{AuditError, AuditSummary, Verdict, verify_audit_log};

use super::*;

/// As an outsider does it, with the log and the public key alone.
fn verify(site: &Path) -> Result<AuditSummary, AuditError> {
    verify_audit_log(&site.join("audit"), &site.join("keys/audit.pub"), None)
}

/// A site with a few records, closed, and where its log is.
fn closed_site() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    for text in [b"one", b"two"] {
        show(&site, &put(&site, text).address).unwrap();
    }
    let log = folder.path().join("audit/log.jsonl");
    (folder, log)
}

/// How many records a log has.
fn count(log: &Path) -> u64 {
    fs::read_to_string(log).unwrap().lines().count() as u64
}

#[test]
fn everything_that_happens_is_written_down_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let address = put(&site, b"text").address;
    put(&site, b"text");
    show(&site, &address).unwrap();
    assert!(site.permit_put(&project(), &of_dataset("unknown")).is_err());
    assert!(site.permit_read(&project(), &Address::from_bytes([0; 32]), ReadAction::Export).is_err());
    fs::write(site.dir().join("registry/people.yaml"), "people: [").unwrap();
    fs::remove_dir_all(site.dir().join("registry-history")).unwrap();
    assert!(matches!(site.permit_put(&project(), &of_dataset("personal")), Err(AccessError::Registry(_))));
    let records: Vec<_> = site.audit().records().unwrap().map(Result::unwrap).collect();
    let actions: Vec<_> = records.iter().map(|record| (record.action(), record.verdict())).collect();
    let (allow, deny) = (Some(Verdict::Allow), Some(Verdict::Deny));
    let expected = [
        ("create-site", allow),
        ("load-registry", None),
        ("load-policies", None),
        ("put", allow),
        ("seal", None),
        ("put", allow),
        ("seal-again", None),
        ("show", allow),
        ("use-key", None),
        ("put", deny),
        ("export", deny),
        ("put", deny),
    ];
    assert_eq!(actions, expected);
    assert_eq!(records[8].permit(), Some(7));
    assert_eq!(records[8].objects(), [address.to_string()]);
    assert!(records[9].reasons()[0].contains("unknown is not in the registry"));
    assert!(records[11].reasons()[0].contains("people.yaml:"), "{:?}", records[11].reasons());
    assert!(records[8].to_string().contains("use-key  under 7"), "{}", records[8]);
    assert!(records[9].to_string().contains("DENY"), "{}", records[9]);
}

#[test]
fn any_change_is_noticed_with_the_public_key_alone() {
    let (folder, log) = closed_site();
    let summary = verify(folder.path()).unwrap();
    assert_eq!((summary.records, summary.signed), (count(&log), count(&log)));
    let whole = fs::read(&log).unwrap();
    let noticed = |changed: &[u8], what: &str| {
        fs::write(&log, changed).unwrap();
        assert!(verify(folder.path()).is_err(), "{what}");
    };
    for place in (0..whole.len()).step_by(3) {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        noticed(&changed, &format!("byte {place}"));
    }
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    for i in 0..lines.len() {
        let mut dropped = lines.clone();
        dropped.remove(i);
        noticed(&dropped.concat(), &format!("record {i} dropped"));
        noticed(&lines[..i].concat(), &format!("cut before record {i}"));
        if i > 0 {
            let mut swapped = lines.clone();
            swapped.swap(i, i - 1);
            noticed(&swapped.concat(), &format!("record {i} moved"));
        }
    }
}

#[test]
fn a_log_that_was_cut_or_taken_away_stops_the_site() {
    let (folder, log) = closed_site();
    let site = Site::open(folder.path()).unwrap();
    let refused = || matches!(site.permit_put(&project(), &of_dataset("personal")), Err(AccessError::Audit(_)));
    let whole = fs::read(&log).unwrap();
    fs::write(&log, &whole[..whole.len() / 2]).unwrap();
    assert!(refused());
    fs::write(&log, &whole).unwrap();
    assert!(!refused());
    fs::rename(&log, log.with_extension("away")).unwrap();
    assert!(refused());
    fs::write(&log, &whole).unwrap();
    assert!(refused());
}

#[test]
fn records_of_a_killed_engine_are_kept_and_signed_by_the_next() {
    let (folder, log) = closed_site();
    let checkpoint = folder.path().join("audit/checkpoint");
    let before = fs::read(&checkpoint).unwrap();
    let signed = count(&log);
    put(&Site::open(folder.path()).unwrap(), b"three");
    // The engine was killed after it wrote and before it signed, in the middle of a line.
    fs::write(&checkpoint, before).unwrap();
    let mut torn = fs::read(&log).unwrap();
    let records = count(&log);
    torn.extend_from_slice(format!("{{\"seq\":{records},\"pr").as_bytes());
    fs::write(&log, torn).unwrap();
    let summary = verify(folder.path()).unwrap();
    assert_eq!((summary.records, summary.signed), (records, signed));
    put(&Site::open(folder.path()).unwrap(), b"four");
    let summary = verify(folder.path()).unwrap();
    assert_eq!((summary.records, summary.signed), (count(&log), count(&log)));
    assert!(summary.records > records);
}

#[test]
fn as_long_as_no_checkpoint_can_be_written_nothing_is_permitted() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let address = put(&site, b"text").address;
    site.audit().verify(None).unwrap();
    // A folder in the new checkpoint's way makes signing fail.
    let way = folder.path().join("audit/checkpoint.new");
    fs::create_dir(&way).unwrap();
    let _ = site.permit_read(&project(), &address, ReadAction::Show);
    assert!(site.audit().verify(None).is_err());
    assert!(matches!(site.permit_read(&project(), &address, ReadAction::Show), Err(AccessError::Audit(_))));
    fs::remove_dir(&way).unwrap();
    assert_eq!(show(&site, &address).unwrap(), b"text");
    let summary = site.audit().verify(None).unwrap();
    assert_eq!(summary.records, summary.signed);
}
