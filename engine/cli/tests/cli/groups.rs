//! Task groups: many tasks of a scatter are found at once, and never more than each of them alone would give.

use std::fs;

use crate::test_site::{Ran, TestSite, addresses};

const SCATTER: &str = r#"
cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}}
inputs: {words: 'string[]'}
outputs: {files: {type: 'File[]', outputSource: print/file}}
steps:
  print:
    run:
      class: CommandLineTool
      requirements: {ResourceRequirement: {coresMin: 1, ramMin: 16}}
      baseCommand: printf
      inputs: {word: {type: string, inputBinding: {}}}
      outputs: {file: stdout}
      stdout: out.txt
    scatter: word
    in: {word: words}
    out: [file]
"#;

fn words(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("word-{number}")).collect()
}

fn run(site: &TestSite, words: &[String], options: &[&str]) -> Ran {
    let workflow = site.write("scatter.cwl", SCATTER);
    let inputs = site.write("inputs.json", &serde_json::json!({ "words": words }).to_string());
    site.run(["run"].iter().chain(options).chain([&&*workflow, &&*inputs]))
}

/// How many records of the audit log say that an earlier result was used.
fn uses(site: &TestSite) -> usize {
    let log = fs::read_to_string(site.site().join("audit/log.jsonl")).unwrap();
    log.lines().filter(|line| line.contains("\"action\":\"use-cached-result\"")).count()
}

#[test]
fn the_tasks_of_a_group_are_found_with_one_decision() {
    let site = TestSite::new();
    let first = run(&site, &words(40), &[]);
    assert!(first.err.contains("40 run, 0 cached"), "{}", first.err);
    assert_eq!(uses(&site), 0);
    let again = run(&site, &words(40), &[]);
    assert!(again.err.contains("0 run, 40 cached"), "{}", again.err);
    assert_eq!((again.json(), uses(&site)), (first.json(), 1));
    // Each task is told in the run's journal as if it had been found by itself.
    let status = site.run(["status"]);
    assert!(status.out.lines().filter(|line| line.contains("40")).count() >= 2, "{}", status.out);
    // It is the tasks that made the files, not the group; and nothing of it is garbage as long as its run is there.
    let lineage = site.run(["provenance", &addresses(&first.json())[7]]);
    assert!(lineage.out.contains("print") && !lineage.out.contains("task group"), "{}", lineage.out);
    assert_eq!(site.run(["store", "check"]).code, Some(0));
}

#[test]
fn where_one_task_changed_the_others_are_still_found() {
    let site = TestSite::new();
    run(&site, &words(20), &[]).json();
    let mut changed = words(20);
    changed[4] = "another".to_owned();
    let ran = run(&site, &changed, &[]);
    assert!(ran.err.contains("1 run, 19 cached"), "{}", ran.err);
    let both = run(&site, &words(20), &[]);
    assert!(both.err.contains("0 run, 20 cached"), "{}", both.err);
}

#[test]
fn a_group_does_not_stand_in_for_what_is_gone() {
    let site = TestSite::new();
    let first = run(&site, &words(20), &[]).json();
    let gone = &addresses(&first)[3];
    let hex = gone.strip_prefix("b3:").unwrap();
    fs::remove_dir_all(site.site().join("store/objects").join(&hex[..2]).join(&hex[2..])).unwrap();
    let ran = run(&site, &words(20), &[]);
    assert!(ran.err.contains("1 run, 19 cached"), "{}", ran.err);
    assert_eq!(ran.json(), first);
}

#[test]
fn a_group_is_not_looked_for_where_results_may_not_be_used() {
    let site = TestSite::new();
    run(&site, &words(20), &[]).json();
    for options in [&["--rerun", "print"][..], &["--no-cache"]] {
        let ran = run(&site, &words(20), options);
        assert!(ran.err.contains("20 run, 0 cached"), "{}", ran.err);
    }
    assert_eq!(uses(&site), 0);
}
