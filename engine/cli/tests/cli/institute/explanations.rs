//! Who may do what, why, and who may ask about it.

use std::fs;

use serde_json::{Value as Json, json};

use super::{Institute, world::READS};
use crate::test_site::Ran;

const OF_PROJECT: [&str; 2] = ["--project", "neuroblastoma"];

fn explain(institute: &Institute, asker: &str, question: &[&str]) -> Ran {
    institute.run(asker, &[&["access", "explain"], question, &OF_PROJECT].concat())
}

#[track_caller]
fn assert_golden(ran: &Ran, expected: &str) {
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out == expected, "expected\n{expected}\nfound\n{}", ran.out);
}

#[test]
fn explanations_are_as_they_were() {
    let institute = Institute::with_network(&["anna", "dave"]);
    let allowed = explain(&institute, "anna", &["read", "trial-7"]);
    assert_golden(&allowed, include_str!("explanations/allowed.txt"));
    let lapsed = explain(&institute, "dave", &["submit", "trial-7", "--person", "fred"]);
    assert_golden(&lapsed, include_str!("explanations/training-lapsed.txt"));
    let several = explain(&institute, "dave", &["export", "trial-7", "--person", "carla"]);
    assert_golden(&several, include_str!("explanations/several.txt"));
}

#[test]
fn explanations_for_scripts_name_reasons_facts_and_every_policy() {
    let institute = Institute::with_network(&["anna", "dave"]);
    let lapsed = explain(&institute, "dave", &["read", "trial-7", "--person", "fred", "--json"]).json();
    let verdict = &lapsed["verdict"];
    assert_eq!((&verdict["allowed"], &verdict["deciding"]), (&json!(false), &json!(["valid-training"])), "{verdict}");
    let reason = &verdict["reasons"][0];
    assert!(reason["text"].as_str().unwrap().contains("2020-12-31"), "{reason}");
    assert!(reason["remedy"].as_str().unwrap().contains("fred") && reason["promise"].is_string(), "{reason}");
    let applied = |id: &str| {
        let policies = lapsed["policies"].as_array().unwrap().iter();
        policies.into_iter().find(|one| one["policy"]["id"] == id).map(|one| one["applied"].clone())
    };
    assert_eq!((applied("valid-training"), applied("membership")), (Some(json!(true)), Some(json!(false))));
    let own = explain(&institute, "anna", &["read", "trial-7", "--json"]).json();
    assert_eq!(own["verdict"]["allowed"], true, "{own}");

    // What holds for a dataset holds for an object of it; an approval is needed for either to leave.
    let address = institute.put("anna", "reads.fa", READS, "P012");
    let object = explain(&institute, "anna", &["export", &address[..20], "--json"]).json();
    assert_eq!(object["verdict"]["deciding"], json!(["approved-export"]), "{object}");
    explain(&institute, "anna", &["export", "b3:0000000000"]).failed(2, &["b3:0000000000"]);
    explain(&institute, "anna", &["steal", "trial-7"]).failed(2, &["steal"]);
}

#[test]
fn only_auditors_ask_about_others_and_each_question_is_written_down() {
    let institute = Institute::with_network(&["anna", "dave"]);
    for (arguments, action) in [
        (&["access", "explain", "read", "trial-7", "--person", "fred"][..], "explain-access"),
        (&["access", "who-can", "read", "trial-7"], "who-can-access"),
        (&["access", "report"], "list-audit"),
    ] {
        institute.run("anna", arguments).failed(4, &["anna is not an auditor", "remedy: ask somebody with the role"]);
        assert_eq!(institute.last_record(action, Some("deny"))["caller"], "anna");
        institute.succeed("dave", arguments);
        assert_eq!(institute.last_record(action, Some("allow"))["caller"], "dave");
    }
    // About oneself everybody may ask.
    institute.succeed("anna", &["access", "explain", "read", "trial-7", "--person", "anna"]);
}

#[test]
fn who_could_do_something_is_listed() {
    let institute = Institute::with_network(&["dave"]);
    let who = |question: &[&str]| institute.succeed("dave", &[&["access", "who-can"], question].concat()).out;
    assert_eq!(who(&["read", "trial-7"]), "anna  for neuroblastoma\n");
    assert_eq!(who(&["export", "trial-7"]), "", "nobody without an approval");
    assert_eq!(who(&["approve", "trial-7", "--project", "neuroblastoma"]), "bob  for neuroblastoma\n");
    for (action, person) in [("withdraw", "carla"), ("audit", "dave"), ("administer", "erin")] {
        assert_eq!(who(&[action, "site"]), format!("{person}\n"));
    }
    institute
        .run("dave", &["access", "who-can", "read", "site"])
        .failed(2, &["a dataset or an object, not of the site"]);
    institute.run("dave", &["access", "who-can", "audit", "trial-7"]).failed(2, &["the `site`, not of data"]);
    let granted = "    visa: https://data.example.org/trial-7\n    subjects:";
    institute.site.edit_registry("datasets.yaml", "    subjects:", granted);
    let conditional = who(&["read", "trial-7"]);
    assert!(
        conditional.starts_with("anna  for neuroblastoma\n  unless anna has no visa that grants "),
        "{conditional}"
    );
    institute.site.edit_registry("datasets.yaml", granted, "    subjects:");
    let read = institute.run("dave", &["access", "who-can", "read", "trial-7", "--json"]).json();
    assert_eq!(read, json!([{ "person": "anna", "project": "neuroblastoma", "visas": [] }]));
}

#[test]
fn the_report_says_who_could_read_what_and_what_they_did() {
    let institute = Institute::with_network(&["anna", "dave"]);
    let address = institute.put("anna", "reads.fa", READS, "P012");
    institute.succeed("anna", &[&["show", &address][..], &OF_PROJECT].concat());
    let to = institute.site.path("out").display().to_string();
    institute.run("anna", &[&["export", &address, "--to", &to][..], &OF_PROJECT].concat()).failed(4, &[]);
    institute.run("bob", &[&["show", &address][..], &OF_PROJECT].concat()).failed(4, &[]);
    let report = institute.run("dave", &["access", "report", "--json"]).json();
    let line = |person: &str, dataset: &str| -> Json {
        let lines = report["lines"].as_array().unwrap().iter();
        let found = lines.into_iter().find(|line| line["person"] == person && line["dataset"] == dataset);
        found.unwrap_or_else(|| panic!("no {person} in {report}")).clone()
    };
    let anna = line("anna", "trial-7");
    assert_eq!((&anna["may_read"], &anna["allowed"], &anna["refused"]), (&json!(true), &json!(2), &json!(1)), "{anna}");
    assert_eq!((&line("fred", "trial-7")["may_read"], &line("fred", "trial-7")["last"]), (&json!(false), &Json::Null));
    assert_eq!(line("nobody", "trial-7")["refused"], 1);
    assert_eq!(line("anna", "genomes")["may_read"], true);
    let table = institute.succeed("dave", &["access", "report", "--since", "2026-01-01"]).out;
    assert!(table.contains("MAY READ"), "{table}");
    let row = table.lines().find(|row| row.contains("anna") && row.contains("trial-7")).unwrap();
    let cells: Vec<_> = row.split_whitespace().take(6).collect();
    assert_eq!(cells, ["anna", "neuroblastoma", "trial-7", "yes", "2", "1"], "{table}");
    institute
        .run("dave", &["access", "report", "--since", "2026-01-02", "--until", "2026-01-01"])
        .failed(2, &["a report from 2026-01-02 cannot end on 2026-01-01"]);
    let later = institute.run("dave", &["access", "report", "--since", "2089-01-01", "--json"]).json();
    assert!(later["lines"].as_array().unwrap().iter().all(|line| line["allowed"] == 0), "{later}");
    institute.run("dave", &["access", "report", "--since", "soon"]).failed(2, &["soon"]);
}

#[test]
fn the_report_says_who_had_access_by_each_state_of_the_registry_that_was_in_force() {
    let institute = Institute::with_network(&["anna", "dave"]);
    institute.put("anna", "reads.fa", READS, "P012");
    let report = || institute.run("dave", &["access", "report", "--json"]).json();
    let line = |report: &Json, person: &str| -> Json {
        let lines = report["lines"].as_array().unwrap().iter();
        let is_asked = |line: &&Json| line["person"] == person && line["dataset"] == "trial-7";
        lines.into_iter().find(is_asked).cloned().unwrap_or(Json::Null)
    };
    let before = report();
    let today = &before["until"];
    assert_eq!(line(&before, "anna")["could_read"], json!([{ "from": today, "until": today }]), "{before}");
    assert_eq!(line(&before, "fred")["could_read"], json!([]), "his training had lapsed: {before}");
    assert_eq!(before["states"].as_array().unwrap().len(), 1, "{before}");
    assert_eq!(before["states"][0]["kept"], true, "{before}");

    // Anna leaves, and with her everything that now could be known of her.
    institute.site.edit_registry("projects.yaml", "members: [anna, fred]", "members: [fred]");
    let after = report();
    let anna = line(&after, "anna");
    assert_eq!((&anna["may_read"], &anna["could_read"]), (&json!(false), &json!([{ "from": today, "until": today }])));
    assert_eq!(after["states"].as_array().unwrap().len(), 2, "{after}");
    let table = institute.succeed("dave", &["access", "report"]).out;
    let row = table.lines().find(|row| row.contains("anna") && row.contains("trial-7")).unwrap();
    let today = today.as_str().unwrap();
    assert!(row.ends_with(&format!("{today} to {today}")), "{table}");
    // Days before anything was in force have nothing to tell.
    let early =
        institute.run("dave", &["access", "report", "--since", "2020-01-01", "--until", "2020-12-31", "--json"]);
    assert_eq!((early.json()["states"].clone(), line(&early.json(), "anna")), (json!([]), Json::Null));

    // What a state said that was lost is not known, and not taken for nothing.
    let digest = after["states"][0]["digest"].as_str().unwrap().to_owned();
    fs::remove_dir_all(institute.site.site().join("registry-history").join(&digest)).unwrap();
    let lost = institute.succeed("dave", &["access", "report"]);
    assert!(lost.err.contains(&digest) && lost.err.contains("is not in registry-history/ as it was"), "{}", lost.err);
    assert_eq!(report()["states"][0]["kept"], false);
}
