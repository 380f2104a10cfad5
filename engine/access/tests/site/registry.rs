//! What a check of the registry finds, and where.

use std::path::PathBuf;

use sluis_access::Registry;
use tempfile::TempDir;

use super::*;

const INSTITUTIONS: &str = "\
institutions:
  maxima:
    description: The institute.
    trust: trusted
    networks: {campus: [192.0.2.0/24], lab: [198.51.100.0/25]}
";

const PEOPLE: &str = "\
people:
  anna:
    issuer: https://login.example.org
    subject: 8f14e45f
    institution: maxima
    training:
      - course: https://example.org/protection/1
        completed: 2024-02-29
        until: 2025-02-27
";

const PROJECTS: &str = "\
projects:
  neuroblastoma:
    purpose: research
    members: [anna]
    datasets: [trial-7]
    from: 2026-01-01
    until: 2026-12-31
    approval: DAC-1
    allowed-outputs: [figures]
";

const DATASETS: &str = "\
datasets:
  trial-7:
    description: Trial 7.
    consent: given
    network: institute
";

const FILES: [(&str, &str); 4] = [
    ("institutions.yaml", INSTITUTIONS),
    ("people.yaml", PEOPLE),
    ("projects.yaml", PROJECTS),
    ("datasets.yaml", DATASETS),
];

/// A registry with one text in one of its files in the place of another.
fn registry(file: &str, from: &str, to: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in FILES {
        assert!(name != file || text.contains(from), "{from}");
        let text = if name == file { text.replacen(from, to, 1) } else { text.to_owned() };
        fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().to_owned();
    (folder, path)
}

#[track_caller]
fn assert_found(file: &str, from: &str, to: &str, place: &str, says: &str) {
    let (_folder, path) = registry(file, from, to);
    let found = Registry::check(&path).unwrap_err().to_string();
    assert!(found.contains(&format!("{file}:{place}: ")) && found.contains(says), "{found}");
}

#[track_caller]
fn assert_valid(file: &str, from: &str, to: &str) -> Registry {
    let (_folder, path) = registry(file, from, to);
    Registry::check(&path).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn a_training_counts_for_a_year_and_no_longer() {
    let says = "a training completed on 2024-02-29 counts for a year, until 2025-02-27 at the latest";
    assert_found("people.yaml", "until: 2025-02-27", "until: 2025-02-28", "9:16", says);
    assert_found("people.yaml", "until: 2025-02-27", "until: 2090-01-01", "9:16", says);
    assert_valid("people.yaml", "completed: 2024-02-29", "completed: 2024-03-01");
    assert_valid("people.yaml", "until: 2025-02-27", "until: 2024-03-01");
}

#[test]
fn a_dataset_is_bound_to_networks_that_there_are() {
    let bound = |networks: &str| format!("networks: {networks}");
    let registry = assert_valid("datasets.yaml", "network: institute", &bound("[lab of maxima, campus of maxima]"));
    let dataset = registry.datasets.values().next().unwrap();
    let names = ["lab of maxima", "campus of maxima"].map(str::to_owned);
    assert_eq!(dataset.network, sluis_access::Network::Named(names.into()));
    let found = |networks: &str, place: &str, says: &str| {
        assert_found("datasets.yaml", "network: institute", &bound(networks), place, says);
    };
    found("[lab of maxima, attic of maxima]", "5:31", "the network `attic of maxima` is not declared");
    found("[lab]", "5:16", "the network `lab` is not declared in institutions.yaml; name one as campus of maxima");
    found("[]", "5:15", "`networks` names none");
    let both = "network: any\n    networks: [lab of maxima]";
    assert_found("datasets.yaml", "network: institute", both, "6:15", "either `network` or `networks`");
}

#[test]
fn an_aggregate_is_of_ten_subjects_or_more_and_small() {
    let marked = |rule: &str| format!("allowed-outputs: [figures, {{output: counts{rule}}}]");
    let (from, good) = ("allowed-outputs: [figures]", marked(", aggregate-of: 10, at-most: 1 MiB"));
    let registry = assert_valid("projects.yaml", from, &good);
    let allowed = &registry.projects.values().next().unwrap().allowed_outputs;
    assert_eq!((&*allowed[0].name, &allowed[0].aggregate), ("figures", &None));
    let rule = sluis_access::AggregateRule { subjects: 10, bytes: 1 << 20 };
    assert_eq!((&*allowed[1].name, &allowed[1].aggregate), ("counts", &Some(rule)));
    for (rule, place, says) in [
        (", aggregate-of: 9, at-most: 1 KiB", "9:63", "an aggregate is of 10 subjects or more, not of 9"),
        (", aggregate-of: 10, at-most: 2 MiB", "9:76", "without a look at it no more than 1 MiB leaves"),
        (", at-most: 1 KiB", "9:32", "`aggregate-of`"),
        (", aggregate-of: 10", "9:32", "`at-most`"),
        (", aggregate-of: 10, at-most: 1 KiB, by: workflow", "9:83", "has no field `by`"),
    ] {
        assert_found("projects.yaml", from, &marked(rule), place, says);
    }
}
