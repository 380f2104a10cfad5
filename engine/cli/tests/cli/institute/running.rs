//! What takes a permit away stops what runs under it.

use std::{fs, process::Command};

use serde_json::json;

use super::{
    Institute,
    withdrawals::LONG,
    world::{READS, Spoken},
};
use crate::test_site::Ran;

/// Begins a run of a minute, and gives it once its task runs.
fn begin(institute: &Institute, command: impl FnOnce(&[&str]) -> Command) -> Spoken {
    let address = institute.put("anna", "reads.fa", READS, "P012");
    let (long, job) = (institute.site.write("long.cwl", LONG), institute.job(&address));
    let arguments = ["run", &long, &job, "--dataset", "trial-7", "--project", "neuroblastoma"];
    let mut run = Spoken::of(command(&arguments));
    run.line(|line| line.ends_with("running"));
    let runs = fs::read_dir(institute.site.site().join("runs")).unwrap();
    let journals = runs.map(|run| fs::read_to_string(run.unwrap().path().join("journal.jsonl")).unwrap());
    assert!(journals.into_iter().all(|journal| !journal.contains("self_issued")), "somebody vouches for who runs it");
    run
}

#[track_caller]
fn assert_ended(institute: &Institute, ran: &Ran, caller: &str, policy: &str, says: &str) {
    ran.failed(4, &[says]);
    let ended = institute.last_record("end-permit", None);
    assert_eq!((&ended["caller"], &ended["policies"]), (&json!(caller), &json!([policy])), "{ended}");
    assert!(ended["reasons"][0].as_str().unwrap().contains(says), "{ended}");
    assert_eq!(institute.records("end-permit", None).len(), 1, "once, not with each look");
    assert!(institute.records("keep-task", None).is_empty(), "nothing is kept of what it made");
}

#[test]
fn who_is_no_member_any_more_has_nothing_that_runs() {
    let institute = Institute::with_network(&["anna"]);
    let run = begin(&institute, |arguments| institute.command_of("anna", arguments));
    institute.site.edit_registry("projects.yaml", "members: [anna, fred]", "members: [fred]");
    assert_ended(&institute, &run.end(), "anna", "membership", "anna is not a member of the project neuroblastoma");
}

#[test]
fn what_a_program_runs_stops_when_its_delegation_is_taken_back() {
    let institute = Institute::with_network(&["anna"]);
    let token = super::delegations::make(&institute, "anna", &["read", "submit"]);
    let run = begin(&institute, |arguments| {
        let mut command = institute.command_of("nobody", arguments);
        command.env("SLUIS_DELEGATION_FILE", &token);
        command
    });
    let id = institute.succeed("anna", &["delegation", "list", "--json"]).json()[0]["id"].as_str().unwrap().to_owned();
    institute.succeed("anna", &["delegation", "revoke", &id]);
    let says = "anna revoked what they delegated to nightly";
    assert_ended(&institute, &run.end(), "nightly for anna", "delegation-not-revoked", says);
}
