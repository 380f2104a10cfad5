//! Withdrawals of consent, also of what runs.

use serde_json::{Value as Json, json};

use super::{
    Institute,
    world::{LAST_LINE, READS, Spoken},
};
use crate::test_site::addresses;

/// Reads the file, and goes on for a minute.
pub const LONG: &str = r#"
cwlVersion: v1.2
class: CommandLineTool
baseCommand: [sh, -c, "cat $0 > copy.txt; sleep 60"]
inputs:
  reads: {type: File, inputBinding: {position: 1}}
  note: {type: string, default: none}
outputs:
  out: {type: File, outputBinding: {glob: copy.txt}}
"#;

const OF_PROJECT: [&str; 4] = ["--dataset", "trial-7", "--project", "neuroblastoma"];

/// The objects of the store, each with its label sets as texts.
fn objects(institute: &Institute) -> Vec<(String, Vec<String>)> {
    let listed = institute.succeed("erin", &["ls", "--json"]).json();
    let objects = listed.as_array().unwrap().iter();
    let sets = |object: &Json| object["labels"].as_array().unwrap().iter().map(Json::to_string).collect();
    objects.map(|object| (object["address"].as_str().unwrap().to_owned(), sets(object))).collect()
}

/// What is left of them if everything goes that names a subject: an object stays that is of another one, too.
fn without(objects: Vec<(String, Vec<String>)>, subject: &str) -> Vec<(String, Vec<String>)> {
    let sets = |sets: Vec<String>| sets.into_iter().filter(|set| !set.contains(subject)).collect::<Vec<_>>();
    let left = objects.into_iter().map(|(address, named)| (address, sets(named)));
    left.filter(|(_, sets)| !sets.is_empty()).collect()
}

#[test]
fn a_withdrawal_stops_what_runs_and_erases_what_was_made() {
    let institute = Institute::with_network(&["anna", "carla", "erin"]);
    let theirs = institute.put("anna", "reads.fa", READS, "P012");
    let others = institute.put("anna", "others.fa", ">other\nCCCC\n", "P013");
    let last = institute.site.write("last.cwl", LAST_LINE);
    for address in [&theirs, &others] {
        institute.succeed("anna", &[&["run", &last, &institute.job(address)][..], &OF_PROJECT].concat());
    }
    let (long, job) = (institute.site.write("long.cwl", LONG), institute.job(&theirs));
    let mut run = Spoken::of(institute.command_of("anna", &[&["run", &long, &job][..], &OF_PROJECT].concat()));
    run.line(|line| line.ends_with("running"));
    let before = objects(&institute);

    let plan = institute.succeed("carla", &["withdraw", "P012", "--plan"]);
    assert!(plan.out.contains(&theirs) && plan.out.contains("trial-7"), "{}", plan.out);
    assert!(plan.err.contains("would be erased") && plan.err.contains("Nothing was changed"), "{}", plan.err);
    let under_way = plan.out.lines().filter(|line| line.contains("would be stopped")).collect::<Vec<_>>();
    assert!(
        matches!(&under_way[..], [one] if one.starts_with("run ") && one.contains("under way: long")),
        "{}",
        plan.out
    );
    assert!(!plan.out.contains("from now on"), "nothing was withdrawn: {}", plan.out);
    assert!(!institute.site.site().join("registry/withdrawals.yaml").exists());
    assert_eq!(objects(&institute), before);
    institute.run("anna", &["withdraw", "P012"]).failed(4, &["anna is not a data steward"]);
    institute.run("anna", &["withdraw", "P012", "--plan"]).failed(4, &["anna is not a data steward"]);
    assert_eq!(institute.last_record("plan-withdrawal", Some("allow"))["caller"], "carla");
    assert_eq!(institute.last_record("plan-withdrawal", Some("deny"))["caller"], "anna");

    let withdrawn = institute.succeed("carla", &["withdraw", "P012"]);
    assert!(withdrawn.out.contains("consent withdrawn from now on"), "{}", withdrawn.out);
    assert!(withdrawn.err.contains("No object of the store carries the label of P012 any more"), "{}", withdrawn.err);
    let ended = run.end();
    ended.failed(4, &["the consent of the subject P012 was withdrawn on "]);
    let after = objects(&institute);
    assert!(!after.is_empty() && after.iter().all(|(address, _)| *address != theirs));
    assert_eq!(after, without(before, "P012"));

    // Nothing of theirs comes in or is used any more; a second withdrawal does no harm.
    let path = institute.site.write("again.fa", READS);
    let put = institute.run("anna", &[&["put", &path, "--subject", "P012"][..], &OF_PROJECT].concat());
    put.failed(4, &["P012", "withdrawn"]);
    let again = institute.succeed("carla", &["withdraw", "P012", "--json"]);
    assert_eq!(again.json()["erasure"]["objects"], json!([]));
    let again = institute.succeed("carla", &["withdraw", "P012"]);
    assert!(again.out.contains("consent did not hold before"), "{}", again.out);
    institute.run("carla", &["withdraw", "P999"]).failed(4, &["no dataset of the registry lists the subject P999"]);
    assert_recorded(&institute, &theirs);
}

fn assert_recorded(institute: &Institute, address: &str) {
    let records = institute.records("withdraw-consent", Some("allow"));
    assert_eq!(records.len(), 3, "each withdrawal is a decision");
    assert!(records.iter().all(|record| record["caller"] == "carla" && record["subjects"] == json!(["P012"])));
    assert_eq!(institute.records("withdraw-consent", Some("deny")).len(), 2);
    let ended = institute.last_record("end-permit", None);
    let permit = ended["permit"].as_u64().unwrap();
    let task = institute.records("run-task", Some("allow")).pop().unwrap();
    assert!(ended["reasons"][0].as_str().unwrap().contains("P012"), "{ended}");
    assert_eq!((&task["caller"], &task["subjects"]), (&json!("anna"), &json!(["P012"])));
    let log = std::fs::read_to_string(institute.site.site().join("audit/log.jsonl")).unwrap();
    let at = |number: u64| -> Json { serde_json::from_str(log.lines().nth(number as usize).unwrap()).unwrap() };
    assert_eq!(at(permit)["body"], task, "what was ended is what the run had");
    assert_eq!(institute.records("end-permit", None).len(), 1, "once, not with each look");
    let erased = institute.records("erased", None);
    let objects = erased.iter().flat_map(|record| record["objects"].as_array().unwrap());
    assert!(objects.into_iter().any(|object| object == address));
    assert_eq!(institute.site.run(["audit", "verify"]).code, Some(0));
}

#[test]
fn a_withdrawal_waits_for_nobodys_mistake_in_the_registry() {
    let institute = Institute::with_network(&["anna", "carla"]);
    let address = institute.put("anna", "reads.fa", READS, "P012");
    // A steward writes two withdrawals down by hand, and makes a mistake elsewhere.
    institute.site.edit_registry("datasets.yaml", "P012: {consent: given", "P012: {consent: withdrawn");
    institute.site.edit_registry("datasets.yaml", "P013: {consent: given", "P013: {consent: withdrawn");
    institute.site.edit_registry("projects.yaml", "purpose: research", "purpos: research");
    institute
        .site
        .run(["registry", "check"])
        .failed(3, &["projects.yaml:3:5", "a project has no field `purpos`", "did you mean `purpose`?"]);
    let show = ["show", &address, "--project", "neuroblastoma"];
    let shown = institute.succeed("anna", &show);
    for says in ["the registry is not valid", "last valid state stays in force", "P012 of trial-7, P013 of trial-7"] {
        assert!(shown.err.contains(says), "{}", shown.err);
    }
    let digest = institute.last_record("show", Some("allow"))["registry"].clone();
    // What was refused is in the log once, with what it would have taken back.
    institute.succeed("anna", &show);
    let refused = institute.records("refuse-registry", None);
    assert_eq!((refused.len(), &refused[0]["registry"]), (1, &digest), "{refused:?}");
    assert!(refused[0]["facts"]["refused"].as_str().is_some_and(|other| other.len() == 64), "{refused:?}");
    assert!(refused[0]["reasons"].to_string().contains("P013 of trial-7"), "{refused:?}");

    // The command takes the consent back at once, and leaves the mistake to be mended.
    let withdrawn = institute.succeed("carla", &["withdraw", "P012"]);
    assert!(withdrawn.err.contains("No object of the store carries the label of P012"), "{}", withdrawn.err);
    let path = institute.site.write("again.fa", READS);
    let put = institute.run("anna", &[&["put", &path, "--subject", "P012"][..], &OF_PROJECT].concat());
    put.failed(4, &["P012", "withdrawn"]);
    assert!(put.err.contains("P013 of trial-7") && !put.err.contains("P012 of trial-7,"), "{}", put.err);
    let now = institute.last_record("put", Some("deny"))["registry"].clone();
    assert_ne!(now, digest, "a state of its own");
    assert!(
        institute.site.site().join("registry-history").join(now.as_str().unwrap()).join("withdrawals.yaml").exists()
    );

    institute.site.edit_registry("projects.yaml", "purpos: research", "purpose: research");
    assert_eq!(institute.site.run(["registry", "check"]).code, Some(0));
    let put = institute.run("anna", &[&["put", &path, "--subject", "P013"][..], &OF_PROJECT].concat());
    put.failed(4, &["P013"]);
    assert!(!put.err.contains("warning"), "{}", put.err);
}

#[test]
fn results_of_runs_name_the_addresses_that_a_withdrawal_erases() {
    let institute = Institute::with_network(&["anna", "carla"]);
    let address = institute.put("anna", "reads.fa", READS, "P012");
    let (last, job) = (institute.site.write("last.cwl", LAST_LINE), institute.job(&address));
    let made = addresses(&institute.run("anna", &[&["run", &last, &job][..], &OF_PROJECT].concat()).json()).remove(0);
    let erasure = institute.succeed("carla", &["withdraw", "P012", "--json"]).json()["erasure"].take();
    let erased: Vec<_> = erasure["objects"].as_array().unwrap().iter().map(|one| one["address"].clone()).collect();
    assert!(erased.contains(&json!(made)) && erased.contains(&json!(address)), "{erasure}");
    assert!(!erasure["tasks"].as_array().unwrap().is_empty(), "the cache knows nothing of it any more");
    institute.run("anna", &["show", &made, "--project", "neuroblastoma"]).failed(2, &["there is no object"]);
}
