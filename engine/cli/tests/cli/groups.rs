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

/// The scatter, of a tool that never gives the same twice.
fn random() -> String {
    SCATTER.replace("baseCommand: printf", "baseCommand: [sh, -c, 'od -An -N8 -tx1 /dev/urandom']")
}

fn run_random(site: &TestSite, words: &[String], options: &[&str]) -> Ran {
    let workflow = site.write("random.cwl", &random());
    let inputs = site.write("inputs.json", &serde_json::json!({ "words": words }).to_string());
    site.run(["run"].iter().chain(options).chain([&&*workflow, &&*inputs]))
}

#[test]
fn an_interrupted_run_is_not_given_the_results_of_another() {
    let site = TestSite::new();
    let first = run_random(&site, &words(20), &[]).json();
    let runs = site.run(["status", "--json"]).json();
    let run = runs[0]["run"].as_str().unwrap();
    let other = run_random(&site, &words(20), &["--no-cache"]).json();
    assert_ne!(first, other);
    // As if its engine had been killed when the last task was done.
    let journal = site.site().join("runs").join(run).join("journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let last = lines.iter().rposition(|line| line.contains("task_complete")).unwrap();
    fs::write(&journal, lines[..=last].iter().flat_map(|line| [line, "\n"]).collect::<String>()).unwrap();
    let resumed = site.run(["resume", run]);
    assert!(resumed.err.contains("0 run"), "{}", resumed.err);
    assert_eq!(resumed.json(), first);
}

#[test]
fn a_task_that_was_done_anew_counts_with_its_new_result() {
    let site = TestSite::new();
    let first = run_random(&site, &words(20), &[]).json();
    let anew = run_random(&site, &words(20)[3..4], &["--no-cache"]).json();
    let again = run_random(&site, &words(20), &[]);
    assert!(again.err.contains("0 run, 20 cached"), "{}", again.err);
    let (first, anew, again) = (addresses(&first), addresses(&anew), addresses(&again.json()));
    assert_eq!(again[3], anew[0]);
    assert_ne!(again[3], first[3]);
    assert_eq!((&again[..3], &again[4..]), (&first[..3], &first[4..]));
}
