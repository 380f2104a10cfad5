//! Who reads the log is in the log.

use sluis_access::{AuditFilter, AuditReading, Outcome};

use super::*;

fn actions(site: &Site, filter: AuditFilter) -> Vec<String> {
    let found = site.read_audit(AuditReading::Search, filter).unwrap();
    found.map(|record| record.unwrap().action().to_owned()).collect()
}

#[test]
fn records_are_found_by_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let address = put(&site, b"text").address;
    show(&site, &address).unwrap();
    let (run, project) = (run(), project());
    let inputs = [address];
    let labels = of_dataset("personal");
    site.permit_task(&request(&run, &project, &inputs, &labels)).unwrap();
    assert!(site.permit_put(&project, &of_dataset("unknown")).is_err());
    let by = |change: fn(&mut AuditFilter, String), value: &str| {
        let mut filter = AuditFilter { action: None, ..AuditFilter::default() };
        change(&mut filter, value.to_owned());
        let found = actions(&site, filter);
        found
            .into_iter()
            .filter(|action| !action.starts_with("search-") && !action.starts_with("load-"))
            .collect::<Vec<_>>()
    };
    let all = ["create-site", "put", "seal", "show", "use-key", "run-task", "put"];
    assert_eq!(by(|_, _| {}, ""), all);
    assert_eq!(
        by(|filter, value| filter.caller = Some(value), "self"),
        ["create-site", "put", "show", "run-task", "put"]
    );
    assert_eq!(by(|filter, value| filter.project = Some(value), "personal"), ["put", "show", "run-task", "put"]);
    assert_eq!(by(|filter, value| filter.dataset = Some(value), "unknown"), ["put"]);
    assert_eq!(by(|filter, value| filter.subject = Some(value), "P012"), [""; 0]);
    assert_eq!(
        by(|filter, value| filter.object = Some(value), &address.to_string()),
        ["seal", "show", "use-key", "run-task"]
    );
    assert_eq!(by(|filter, value| filter.object = Some(value), "b3:"), ["seal", "show", "use-key", "run-task"]);
    assert_eq!(by(|filter, value| filter.run = Some(value), "20261123"), ["run-task"]);
    assert_eq!(by(|filter, value| filter.action = Some(value), "seal"), ["seal"]);
    assert_eq!(by(|filter, _| filter.outcome = Some(Outcome::Denied), ""), ["put"]);
    assert_eq!(by(|filter, _| filter.outcome = Some(Outcome::Done), ""), ["seal", "use-key"]);
    assert_eq!(by(|filter, value| filter.from = value.parse().ok(), "2100-01-01T00:00:00Z"), [""; 0]);
    assert_eq!(by(|filter, value| filter.to = value.parse().ok(), "2100-01-01T00:00:00Z"), all);
}

#[test]
fn who_reads_the_log_is_written_down_first_with_what_they_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let filter = AuditFilter { subject: Some("P012".to_owned()), ..AuditFilter::default() };
    assert_eq!(site.read_audit(AuditReading::Search, filter).unwrap().count(), 0);
    let own = site.audit().records().unwrap().map(Result::unwrap).last().unwrap();
    assert_eq!((own.action(), own.verdict(), own.caller()), ("search-audit", Some(Verdict::Allow), "self"));
    assert!(own.json().contains(r#""filter":{"subject":"P012"}"#), "{}", own.json());
    for reading in [AuditReading::Export, AuditReading::List] {
        assert!(site.read_audit(reading, AuditFilter::default()).unwrap().count() > 0);
    }
    let all = actions(&site, AuditFilter::default());
    assert!(all.ends_with(&["export-audit", "list-audit", "search-audit"].map(str::to_owned)), "{all:?}");
}

#[test]
fn nobody_reads_the_log_whom_the_registry_does_not_know_or_when_it_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let read = || site.read_audit(AuditReading::Search, AuditFilter::default()).map(Iterator::count);
    assert!(read().is_ok());
    let log = folder.path().join("audit/log.jsonl");
    fs::rename(&log, log.with_extension("away")).unwrap();
    assert!(matches!(read(), Err(AccessError::Audit(_))));
    fs::rename(log.with_extension("away"), &log).unwrap();
    fs::write(site.dir().join("registry/people.yaml"), "people: [").unwrap();
    fs::remove_dir_all(site.dir().join("registry-history")).unwrap();
    assert!(read().is_err());
    let last = site.audit().records().unwrap().map(Result::unwrap).last().unwrap();
    assert_eq!((last.action(), last.verdict()), ("search-audit", Some(Verdict::Deny)));
}
