//! Earlier results of people who may not see each other's data.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{
    Institute,
    world::{READS, training},
};
use crate::test_site::{Ran, addresses};

/// A tool that never gives the same twice, so that a result that was found is told from one that was made.
const NEVER_THE_SAME: &str = r#"
cwlVersion: v1.2
class: CommandLineTool
baseCommand: [sh, -c, 'tail -n 1 "$0"; od -An -N8 -tx1 /dev/urandom']
inputs:
  reads: {type: File, inputBinding: {position: 1}}
  note: string
outputs: {out: stdout}
stdout: out.txt
"#;

/// The institute with a second project, Bob's alone, and a dataset of its own.
pub fn with_two_projects() -> Institute {
    let institute = Institute::with_network(&["anna", "bob", "fred"]);
    let second = "projects:\n  sarcoma:\n    purpose: research\n    members: [bob]\n    datasets: [trial-8]\n    \
                  from: '2020-01-01'\n    until: '2090-01-01'\n    approval: DAC-2026-015\n    \
                  data-use: {kind: health, ancestry: false}\n";
    institute.site.edit_registry("projects.yaml", "projects:\n", second);
    let dataset = "datasets:\n  trial-8:\n    description: Tumours of trial 8.\n    consent: given\n    consent-date: \
                   '2020-01-01'\n    data-use: [HMB]\n    subjects:\n      P900: {consent: given, consent-date: '2020-01-01'}\n";
    institute.site.edit_registry("datasets.yaml", "datasets:\n", dataset);
    institute
}

fn run(institute: &Institute, name: &str, project: &str, address: &str) -> Ran {
    let (workflow, job) = (institute.site.write("random.cwl", NEVER_THE_SAME), institute.job(address));
    institute.run(name, &["run", &workflow, &job, "--project", project])
}

#[test]
fn a_result_of_data_beyond_ones_reach_is_made_anew_and_not_told_of() {
    let institute = with_two_projects();
    let address = institute.put("anna", "reads.fa", READS, "P012");
    let first = run(&institute, "anna", "neuroblastoma", &address).json();
    let again = run(&institute, "anna", "neuroblastoma", &address);
    assert_eq!(again.json(), first);
    assert!(again.err.contains("0 run, 1 cached"), "{}", again.err);
    assert_eq!(institute.last_record("use-cached-result", Some("allow"))["caller"], "anna");
    assert!(institute.records("use-cached-result", Some("deny")).is_empty());

    // The same bytes come to Bob in another way, so that his task has the same key.
    let file = institute.site.write("same.fa", READS);
    let put = ["put", &file, "--dataset", "trial-8", "--subject", "P900", "--project", "sarcoma"];
    let same = institute.succeed("bob", &put).out.split_whitespace().next().unwrap().to_owned();
    assert_eq!(same, address);
    let theirs = run(&institute, "bob", "sarcoma", &address);
    let (outputs, secret) = (theirs.json(), addresses(&first).remove(0));
    assert!(theirs.err.contains("1 run, 0 cached"), "{}", theirs.err);
    assert_ne!(addresses(&outputs), addresses(&first));
    for told in ["P012", "trial-7", "neuroblastoma", "anna", &secret] {
        assert!(!theirs.out.contains(told) && !theirs.err.contains(told), "{told}: {}{}", theirs.out, theirs.err);
    }
    let refused = institute.last_record("use-cached-result", Some("deny"));
    assert_eq!((&refused["caller"], &refused["project"]), (&json!("bob"), &json!("sarcoma")), "{refused}");
    assert!(refused["reasons"].as_array().is_some_and(|reasons| !reasons.is_empty()), "{refused}");
    // What he made is his own to find, and hers is still hers.
    assert_eq!(run(&institute, "bob", "sarcoma", &address).json(), outputs);
}

#[test]
fn who_may_not_use_the_inputs_is_refused_before_anything_is_looked_for() {
    let institute = with_two_projects();
    let address = institute.put("anna", "reads.fa", READS, "P012");
    run(&institute, "anna", "neuroblastoma", &address).json();
    for (name, project, why) in [("bob", "sarcoma", "trial-7"), ("fred", "neuroblastoma", "training")] {
        let refused = run(&institute, name, project, &address);
        refused.failed(4, &[why]);
        assert_eq!(refused.out, "");
        let used = institute.records("use-cached-result", Some("allow"));
        assert!(used.iter().all(|record| record["caller"] == "anna"), "{used:?}");
    }
    // With the training that he lacked he finds what was made: it is the same project's.
    let old = "training: [{course: 'https://example.org/protection/1', completed: '2020-01-01', until: '2020-12-31'}]";
    institute.site.edit_registry("people.yaml", old, &training());
    let found = run(&institute, "fred", "neuroblastoma", &address);
    assert!(found.err.contains("0 run, 1 cached"), "{}", found.err);
}

#[test]
fn who_waits_for_the_task_of_another_project_is_not_told_whose_it_is() {
    let institute = with_two_projects();
    let address = institute.put("anna", "reads.fa", READS, "P012");
    let file = institute.site.write("same.fa", READS);
    institute.succeed("bob", &["put", &file, "--dataset", "trial-8", "--subject", "P900", "--project", "sarcoma"]);
    let gate = institute.site.path("gate");
    let tool = NEVER_THE_SAME.replace(
        "tail -n 1",
        &format!("touch {0}.begun; while [ ! -e {0} ]; do sleep 0.01; done; tail -n 1", gate.display()),
    );
    let (workflow, job) = (institute.site.write("waiting.cwl", &tool), institute.job(&address));
    let begin = |name: &str, project: &str| {
        institute.command_of(name, &["run", &workflow, &job, "--project", project]).spawn().unwrap()
    };
    let until = |what: &str, is_so: &dyn Fn() -> bool| {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{what} never came about");
        }
    };
    let first = begin("anna", "neuroblastoma");
    until("the tool", &|| gate.with_extension("begun").exists());
    let second = begin("bob", "sarcoma");
    let runs = |name: &str| institute.run(name, &["status", "--json"]).json();
    until("Bob's run", &|| runs("bob").as_array().is_some_and(|runs| runs.len() == 1));
    let [hers, his] = ["anna", "bob"].map(|name| runs(name)[0]["run"].as_str().unwrap().to_owned());
    let explain = |name: &str| institute.succeed(name, &["explain", &his, "waiting.cwl"]).out;
    until("his task", &|| explain("bob").contains("another run does the same now, since "));
    let told = explain("bob");
    for secret in [&hers, "neuroblastoma", "anna"] {
        assert!(!told.contains(secret), "{told}");
    }
    // As a member of her project he may know.
    institute.site.edit_registry("projects.yaml", "members: [anna, fred]", "members: [anna, fred, bob]");
    assert!(explain("bob").contains(&format!("`waiting.cwl` of run {hers} does the same now")), "{}", explain("bob"));
    std::fs::write(&gate, "").unwrap();
    for run in [first, second] {
        assert_eq!(Ran::of(&run.wait_with_output().unwrap()).code, Some(0));
    }
}
