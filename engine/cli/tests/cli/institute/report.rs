//! The yearly report: who used what, when and for what, and what changed.

use serde_json::{Value as Json, json};

use super::{
    Institute,
    delegations::make,
    world::{LAST_LINE, READS},
};

const OF_PROJECT: [&str; 2] = ["--project", "neuroblastoma"];

fn line<'a>(report: &'a Json, person: &str, dataset: &str) -> &'a Json {
    let mut lines = report["lines"].as_array().unwrap().iter();
    lines.find(|line| line["person"] == person && line["dataset"] == dataset).unwrap_or_else(|| panic!("{report}"))
}

/// What is told of one kind of use: how often it was allowed, refused, and a data key used.
fn counts(line: &Json, action: &str) -> [u64; 3] {
    let uses: Vec<_> = line["uses"].as_array().unwrap().iter().filter(|one| one["action"] == action).collect();
    let [one] = uses[..] else { panic!("{action} is told {} times of {line}", uses.len()) };
    ["allowed", "refused", "opened"].map(|name| one[name].as_u64().unwrap())
}

fn changes<'a>(report: &'a Json, action: &str) -> Vec<&'a Json> {
    report["changes"].as_array().unwrap().iter().filter(|change| change["action"] == action).collect()
}

#[test]
fn each_use_is_told_by_day_also_of_people_and_datasets_that_are_gone() {
    let institute = Institute::with_network(&["anna", "dave"]);
    let address = institute.put("anna", "reads.fa", READS, "P012");
    let show = [&["show", &address][..], &OF_PROJECT].concat();
    (0..2).for_each(|_| drop(institute.succeed("anna", &show)));
    let (workflow, job) = (institute.site.write("last.cwl", LAST_LINE), institute.job(&address));
    institute.succeed("anna", &[&["run", &workflow, &job, "--dataset", "trial-7"][..], &OF_PROJECT].concat());
    institute.run("anna", &[&["export", &address, "--to", "/nowhere/x"][..], &OF_PROJECT].concat()).failed(4, &[]);

    let report = institute.run("dave", &["access", "report", "--json"]).json();
    let anna = line(&report, "anna", "trial-7");
    assert_eq!((counts(anna, "put"), counts(anna, "show")), ([1, 0, 0], [2, 0, 2]), "{anna}");
    assert_eq!(counts(anna, "export"), [0, 1, 0], "{anna}");
    let tasks: Vec<_> = anna["uses"].as_array().unwrap().iter().filter(|one| one["action"] == "run-task").collect();
    let run = institute.last_record("run-task", Some("allow"))["run"].clone();
    assert!(!tasks.is_empty() && tasks.iter().all(|one| one["run"] == run && one["day"] == report["until"]), "{anna}");
    assert!(tasks.iter().any(|one| one["opened"] != 0), "{anna}");
    assert_eq!((&anna["gone"], &anna["refused_since"]), (&json!([]), &anna["last"]), "the export was the last");

    // Of who leaves and what goes, what was done stays.
    institute.site.edit_registry("people.yaml", "  anna:", "  anya:");
    institute.site.edit_registry("projects.yaml", "members: [anna, fred]", "members: [fred]");
    institute.site.edit_registry("projects.yaml", "datasets: [trial-7, genomes]", "datasets: [genomes]");
    institute.site.edit_registry("datasets.yaml", "  trial-7:", "  trial-8:");
    let report = institute.run("dave", &["access", "report", "--json"]).json();
    let later = line(&report, "anna", "trial-7");
    assert_eq!((&later["uses"], &later["could_read"]), (&anna["uses"], &anna["could_read"]), "{later}");
    assert_eq!((&later["gone"], &later["may_read"]), (&json!(["person", "dataset"]), &json!(false)), "{later}");
    let text = institute.succeed("dave", &["access", "report"]).out;
    let is_row = |row: &&str, word: &str| ["anna", "trial-7", word].iter().all(|part| row.contains(part));
    assert!(text.lines().any(|row| is_row(&row, "person, dataset")), "{text}");
    let shown = text.lines().find(|row| is_row(row, " show ")).unwrap();
    let cells: Vec<_> = shown.split_whitespace().skip(1).collect();
    assert_eq!(cells, ["anna", "neuroblastoma", "trial-7", "show", "2", "0", "2"], "{text}");

    let early = institute.run("dave", &["access", "report", "--from", "2020-01-01", "--to", "2020-12-31", "--json"]);
    assert!(early.json()["lines"].as_array().unwrap().iter().all(|line| line["uses"] == json!([])));
}

#[test]
fn what_changed_is_told_with_what_the_report_cannot_know() {
    let institute = Institute::with_network(&["anna", "carla", "dave"]);
    institute.put("anna", "reads.fa", READS, "P012");
    make(&institute, "anna", &["read"]);
    let id = institute.succeed("anna", &["delegation", "list", "--json"]).json()[0]["id"].as_str().unwrap().to_owned();
    institute.succeed("anna", &["delegation", "revoke", &id]);
    institute.succeed("carla", &["withdraw", "P012"]);
    let again = institute.site.path("reads.fa").display().to_string();
    let again = ["put", &again, "--dataset", "trial-7", "--subject", "P012"];
    institute.run("anna", &[&again[..], &OF_PROJECT].concat()).failed(4, &["P012"]);

    let report = institute.run("dave", &["access", "report", "--json"]).json();
    assert_eq!(line(&report, "anna", "trial-7")["refused_since"], line(&report, "anna", "trial-7")["last"]);
    let about = |action: &str| {
        let found = changes(&report, action);
        let [change] = found[..] else { panic!("{action} is told {} times: {report}", found.len()) };
        (change["person"].clone(), change["about"].to_string())
    };
    let (person, delegated) = about("delegated");
    assert_eq!(person, "anna");
    assert!(delegated.contains("delegated-action read") && delegated.contains("delegated-to nightly"), "{delegated}");
    assert!(about("delegation-revoked").1.contains(&id));
    let (person, withdrawn) = about("withdraw-consent");
    assert_eq!((person, &*withdrawn), (json!("carla"), "[\"subject P012\"]"));
    let loads = changes(&report, "load-registry");
    assert_eq!(loads.len(), 2, "each process tells of it again, the report once: {report}");
    for state in report["states"].as_array().unwrap() {
        let told = json!([format!("registry {}", state["digest"].as_str().unwrap())]);
        assert!(loads.iter().any(|load| load["about"] == told), "{report}");
    }
    assert_eq!(report["states"].as_array().unwrap().len(), 2, "before the withdrawal and after it");
    assert!(report["log_begins"].is_string() && report["limits"].as_array().unwrap().len() > 3, "{report}");
    let text = institute.succeed("dave", &["access", "report"]).out;
    for part in ["withdraw-consent", "subject P012", "nightly", "What this report does not say", "Before 20"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
