//! Questions over all runs, and what becomes of them when the index cannot be used.

use std::fs;

use serde_json::Value as Json;

use crate::{
    faults::in_namespace,
    test_site::{Ran, TestSite, addresses},
};

/// Two steps: `first` copies a file with an addition, `second` does the same to what `first` made.
const CHAIN: &str = "
cwlVersion: v1.2
class: Workflow
inputs: {file: File}
outputs: {out: {type: File, outputSource: second/out}}
steps:
  first: {in: {file: file}, out: [out], run: add.cwl}
  second: {in: {file: first/out}, out: [out], run: add.cwl}
";
const ADD: &str = "
cwlVersion: v1.2
class: CommandLineTool
baseCommand: [sh, -c, 'cat \"$0\"; echo more']
inputs: {file: {type: File, inputBinding: {}}}
outputs: {out: stdout}
stdout: out.txt
";

/// A site on which the chain was run on one file of its own dataset; gives the file's address and the run's output.
fn site() -> (TestSite, String, String) {
    let site = TestSite::new();
    let registry = site.site().join("registry");
    for (file, from, to) in [
        ("datasets.yaml", "datasets:\n", "datasets:\n  trial-7: {description: x, consent: given}\n"),
        ("projects.yaml", "datasets: [personal", "datasets: [personal, trial-7"),
    ] {
        let text = fs::read_to_string(registry.join(file)).unwrap();
        fs::write(registry.join(file), text.replace(from, to)).unwrap();
    }
    let data = site.write("data.txt", "data\n");
    let put = site.run(["put", &data, "--dataset", "trial-7", "--json"]).json();
    let input = put[0]["address"].as_str().unwrap().to_owned();
    site.write("add.cwl", ADD);
    let output = run_chain(&site, &input);
    (site, input, output)
}

/// Runs the chain on an object and gives its output file.
fn run_chain(site: &TestSite, input: &str) -> String {
    let workflow = site.write("chain.cwl", CHAIN);
    let inputs = site.write("inputs.yml", &format!("file: {{class: File, location: '{input}', basename: data.txt}}\n"));
    addresses(&site.run(["run", &workflow, &inputs]).json())[0].clone()
}

fn find(site: &TestSite, arguments: &[&str]) -> Json {
    let ran = site.run(["find", "--json"].iter().chain(arguments));
    assert_eq!(ran.err, "", "nothing is told but the answer");
    ran.json()
}

/// Steps and kinds of what derives from an object.
fn derived(json: &Json) -> Vec<(String, String)> {
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    json.as_array().unwrap().iter().map(|found| (text(&found["step"]), text(&found["what"]))).collect()
}

#[test]
fn what_was_made_from_an_object_is_listed_through_all_tasks() {
    let (site, input, output) = site();
    let found = find(&site, &["derived", &input]);
    let of = |step: &str, what: &str| (step.to_owned(), what.to_owned());
    let [mut first, mut second] = ["first", "second"].map(|step| vec![of(step, "output"), of(step, "output-object")]);
    first.append(&mut second);
    let mut listed = derived(&found);
    listed.sort();
    assert_eq!(listed, first);
    assert!(found.as_array().unwrap().iter().any(|found| found["address"] == output));
    assert_eq!(find(&site, &["derived", &output]), Json::Array(vec![]));
    let table = site.run(["find", "derived", &input[..15]]).out;
    assert!(table.contains(&output) && table.contains("add.cwl") && table.contains("output object"), "{table}");
    site.run(["find", "derived", "b3:0123"]).failed(2, &["no object's address begins with"]);
}

#[test]
fn the_runs_that_used_a_dataset_are_listed_cached_and_failed_ones_too() {
    let (site, input, _) = site();
    run_chain(&site, &input);
    let failing = ADD.replace("echo more", "exit 3");
    let tool = site.write("failing.cwl", &failing);
    let inputs = site.write("failing.yml", &format!("file: {{class: File, location: '{input}', basename: a}}\n"));
    site.run(["run", &tool, &inputs]).failed(1, &["exit code 3"]);
    site.run_text(&ADD.replace("inputs: {file: {type: File, inputBinding: {}}}", "inputs: []")).json();
    let found = find(&site, &["runs", "--dataset", "trial-7"]);
    let found: Vec<_> = found.as_array().unwrap().iter().map(|run| (&run["workflow"], &run["state"])).collect();
    let complete = (&"chain.cwl".into(), &"complete".into());
    assert_eq!(found, [complete, complete, (&"failing.cwl".into(), &"failed".into())]);
    assert!(site.run(["find", "runs", "--dataset", "trial-7"]).out.contains("chain.cwl"));
    assert_eq!(find(&site, &["runs", "--dataset", "personal"]).as_array().unwrap().len(), 0);
    site.run(["find", "runs", "--dataset", "trail-7"]).failed(2, &["trail-7 is not in the registry"]);
}

#[test]
fn the_newest_result_of_a_workflow_for_an_input_is_found() {
    let (site, input, _) = site();
    let other = site.write("other.txt", "other\n");
    let other = site.run(["put", &other, "--json"]).json()[0]["address"].as_str().unwrap().to_owned();
    run_chain(&site, &input);
    let runs = site.run(["status", "--json"]).json();
    let last = runs.as_array().unwrap().iter().max_by_key(|run| run["ended"].as_str().unwrap().to_owned()).unwrap();
    run_chain(&site, &other);
    let found = find(&site, &["newest", "chain.cwl", "--input", &input]);
    assert_eq!((&found["run"], &found["outputs"]), (&last["run"], &last["outputs"]));
    let by_object = find(&site, &["newest", "chain.cwl", "--input", last["inputs"].as_str().unwrap()]);
    assert_eq!(by_object["run"], last["run"]);
    let people = site.run(["find", "newest", "./somewhere/chain.cwl", "--input", &input[..15]]);
    assert!(people.out.contains("output object b3:"), "{}", people.out);
    assert_eq!(find(&site, &["newest", "add.cwl", "--input", &input]), Json::Null);
    let none = site.run(["find", "newest", "add.cwl", "--input", &input]);
    assert_eq!((none.code, none.out.as_str()), (Some(0), ""));
    assert!(none.err.contains("No run of add.cwl"), "{}", none.err);
}

#[test]
fn an_object_that_the_project_may_not_use_has_no_answer_and_the_refusal_is_audited() {
    let (site, input, _) = site();
    let registry = site.site().join("registry/datasets.yaml");
    let text = fs::read_to_string(&registry).unwrap();
    fs::write(&registry, text.replace("x, consent: given", "x, consent: withdrawn")).unwrap();
    for arguments in [&["find", "derived", &input][..], &["find", "newest", "chain.cwl", "--input", &input]] {
        site.run(arguments).failed(4, &["the consent for the dataset trial-7 was withdrawn"]);
    }
    let log = site.run(["audit", "list"]).out;
    assert_eq!(log.lines().filter(|line| line.contains("DENY") && line.contains("view-provenance")).count(), 2);
}

/// Every question's answer.
fn ask_all(site: &TestSite, input: &str, output: &str) -> Vec<Json> {
    let provenance = site.run(["provenance", output, "--json"]);
    assert_eq!(provenance.err, "");
    vec![
        find(site, &["derived", input]),
        find(site, &["runs", "--dataset", "trial-7"]),
        find(site, &["newest", "chain.cwl", "--input", input]),
        provenance.json(),
    ]
}

#[test]
fn an_index_that_is_deleted_or_overwritten_is_built_anew() {
    let (site, input, output) = site();
    let answers = ask_all(&site, &input, &output);
    assert_eq!(answers[3]["tasks"].as_array().unwrap().len(), 2);
    let index = site.site().join("index.sqlite");
    fs::remove_file(&index).unwrap();
    assert_eq!(ask_all(&site, &input, &output), answers);
    let whole = fs::read(&index).unwrap();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 3000].fill(0xa5);
    for content in [&damaged[..], b"garbage", b"", &whole[..middle]] {
        fs::write(&index, content).unwrap();
        assert_eq!(ask_all(&site, &input, &output), answers);
    }
}

/// Asks in namespaces of its own, after a script prepared them; every command must succeed with the same answer and
/// the note that says why it took longer.
fn assert_answered_without_file(site: &TestSite, prepare: &str, says: &str) {
    let (asked, script) = (site.path("asked"), "SLUIS_SITE=$FOLDER/site $SLUIS find derived $(cat $FOLDER/input)");
    let plain = in_namespace(site, script);
    let ran = in_namespace(site, &format!("{prepare}\n{script}\ntouch {}", asked.display()));
    assert_eq!((ran.code, &ran.out), (Some(0), &plain.out), "{}", ran.err);
    assert!(ran.err.contains("index.sqlite cannot be used") && ran.err.contains(says), "{}", ran.err);
    assert!(asked.exists());
}

#[test]
fn an_index_that_cannot_be_written_is_done_without() {
    let (site, input, _) = site();
    site.write("input", &input);
    let read_only = "S=$FOLDER/site; cd $S
         $SLUIS --site $S find derived $(cat $FOLDER/input) >/dev/null
         mount --bind index.sqlite index.sqlite && mount -o remount,ro,bind index.sqlite
         rm -rf store/tasks/00; mkdir store/tasks/00";
    assert_answered_without_file(&site, read_only, "readonly");
    let folder = "S=$FOLDER/site; rm -f $S/index.*
         mount --bind $S $S && for part in audit runs store; do mount --bind $S/$part $S/$part; done
         mount -o remount,ro,bind $S";
    assert_answered_without_file(&site, folder, "Read-only file system");
}

#[test]
fn an_index_for_which_the_disk_has_no_room_is_done_without() {
    let (site, input, _) = site();
    site.write("input", &input);
    // Store, runs and audit log are on a disk with room; the site's own folder, in which the index is, has none.
    let full = "S=$FOLDER/site; T=$FOLDER/small; mkdir $T && mount -t tmpfs -o size=96k small $T
         rm -f $S/index.*; cp -r $S/keys $S/registry $S/registry-history $S/site.yaml $T
         for part in audit runs store; do mkdir $T/$part; mount --bind $S/$part $T/$part; done
         mount --rbind $T $S
         head -c 1000000 /dev/zero > $S/filler || true";
    assert_answered_without_file(&site, full, "full");
}

#[test]
fn many_processes_ask_at_once() {
    let (site, input, output) = site();
    let answers = ask_all(&site, &input, &output);
    fs::remove_file(site.site().join("index.sqlite")).unwrap();
    let commands = [
        vec!["find", "derived", &input, "--json"],
        vec!["find", "runs", "--dataset", "trial-7", "--json"],
        vec!["find", "newest", "chain.cwl", "--input", &input, "--json"],
        vec!["provenance", &output, "--json"],
    ];
    let started: Vec<_> = commands.iter().cycle().take(12).map(|words| site.command(words).spawn().unwrap()).collect();
    for (child, answer) in started.into_iter().zip(answers.iter().cycle()) {
        let ran = Ran::of(&child.wait_with_output().unwrap());
        assert_eq!((&ran.json(), ran.err.as_str()), (answer, ""));
    }
}
