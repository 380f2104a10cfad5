//! The upkeep of a store: what it holds, what goes, whether it is whole.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use serde_json::Value as Json;

use crate::test_site::{TestSite, addresses};

/// Two steps, the second of which reads what the first made; an input that no step uses.
const TWO_STEPS: &str = r#"
cwlVersion: v1.2
class: Workflow
inputs: {used: File, unused: File}
outputs: {out: {type: File, outputSource: second/out}}
steps:
  first:
    in: {file: used}
    out: [out]
    run:
      class: CommandLineTool
      baseCommand: [sh, -c, "cat $0; echo printed >&2; echo one"]
      inputs: {file: {type: File, inputBinding: {}}}
      outputs: {out: stdout}
      stdout: one
  second:
    in: {file: first/out}
    out: [out]
    run:
      class: CommandLineTool
      baseCommand: [sh, -c, "cat $0; echo two"]
      inputs: {file: {type: File, inputBinding: {}}}
      outputs: {out: stdout}
      stdout: two
"#;

/// A site with one run of two steps; its output object.
fn site_with_run() -> (TestSite, Json) {
    let site = TestSite::new();
    site.write("used.txt", "used\n");
    site.write("unused.txt", "unused\n");
    let outputs = run_again(&site).json();
    (site, outputs)
}

fn run_again(site: &TestSite) -> crate::test_site::Ran {
    let workflow = site.write("two.cwl", TWO_STEPS);
    let inputs = site.write("in.yml", "used: {class: File, path: used.txt}\nunused: {class: File, path: unused.txt}\n");
    site.run(["run", &workflow, &inputs])
}

/// All files of the store.
fn stored(site: &TestSite) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![site.site().join("store")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Makes everything in the store two days old.
fn age(site: &TestSite) {
    for path in stored(site) {
        let then = SystemTime::now() - Duration::from_secs(2 * 86_400);
        File::options().append(true).open(path).unwrap().set_modified(then).unwrap();
    }
}

fn forget_runs(site: &TestSite) {
    fs::remove_dir_all(site.site().join("runs")).unwrap();
}

/// What a collection removed or would remove, by reason.
fn garbage(collection: &Json, why: &str) -> Vec<String> {
    let all = collection["garbage"].as_array().unwrap().iter().filter(|garbage| garbage["why"] == why);
    all.map(|garbage| garbage["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_a_run_needs_stays_with_every_step_and_every_input() {
    let (site, outputs) = site_with_run();
    age(&site);
    let before = stored(&site);
    let told = site.run(["store", "gc"]);
    assert!(told.out.contains("Nothing is garbage"), "{}{}", told.out, told.err);
    assert_eq!(stored(&site), before);
    let again = run_again(&site);
    assert_eq!(again.json(), outputs);
    assert!(again.err.contains("every task found in the cache"), "{}", again.err);
    let run = site.run(["status", "--json"]).json()[0]["run"].as_str().unwrap().to_owned();
    assert_eq!(site.run(["logs", &run]).out.trim(), "printed");
}

#[test]
fn what_no_run_needs_goes_and_a_dry_run_says_so_before() {
    let (site, _) = site_with_run();
    let kept = site.write("kept.txt", "kept");
    let put = site.run(["put", &kept, "--json"]).json()[0]["address"].as_str().unwrap().to_owned();
    forget_runs(&site);
    let young = site.run(["store", "gc", "--json"]).json();
    assert_eq!(young["garbage"], Json::Array(Vec::new()), "nothing younger than the grace goes");
    age(&site);
    let before = stored(&site);
    let dry = site.run(["store", "gc", "--dry-run", "--json"]).json();
    assert_eq!(stored(&site), before);
    assert_eq!((dry["dry_run"].as_bool(), garbage(&dry, "task-entry").len()), (Some(true), 2));
    let done = site.run(["store", "gc", "--json"]).json();
    assert_eq!(done["garbage"], dry["garbage"]);
    let objects = [garbage(&done, "gone-run"), garbage(&done, "never-reached")].concat();
    let left: Vec<_> =
        site.run(["ls", "--json"]).json().as_array().unwrap().iter().map(|o| o["address"].clone()).collect();
    assert_eq!(left, [Json::from(put.clone())], "what was put is pinned");
    // Two inputs, two outputs, two results, the run's output object, a log, the input object, the documents.
    assert_eq!(objects.len(), 10, "{objects:?}");
    assert_eq!(stored(&site).len(), 1 + 4 + 1, "the format, the object's parts, its pin");
    assert_eq!(site.run(["audit", "verify"]).code, Some(0));
    let log = site.run(["audit", "list"]).out;
    assert!(log.contains("allow  collect-garbage"), "{log}");
    for address in objects {
        assert!(log.lines().any(|line| line.contains("remove-object") && line.contains(&address)), "{address}: {log}");
    }
    assert!(run_again(&site).err.contains("2 run, 0 cached"));
    site.run(["store", "unpin", &put[..12]]);
    age(&site);
    site.run(["store", "gc"]);
    site.run(["show", &put]).failed(2, &["there is no object"]);
}

#[test]
fn a_pinned_object_stays_with_its_reason_listed() {
    let (site, outputs) = site_with_run();
    let address = addresses(&outputs).swap_remove(0);
    site.run(["store", "pin", &address[..15], "--reason", "Figure 2"]);
    site.run(["store", "pin", "b3:00"]).failed(2, &["no object's address"]);
    forget_runs(&site);
    age(&site);
    site.run(["store", "gc"]);
    let listed = site.run(["store", "pins"]).out;
    assert!(listed.contains(&address) && listed.contains("Figure 2"), "{listed}");
    assert_eq!(site.run(["show", &address]).code, Some(0));
    site.run(["store", "unpin", "b3:ffffffffff"]).failed(2, &["is not pinned"]);
}

#[test]
fn leftovers_go_when_they_are_old() {
    let (site, outputs) = site_with_run();
    let address = addresses(&outputs).swap_remove(0);
    let body = site.body(&address);
    fs::write(&body, "damaged").unwrap();
    let to = site.path("out").display().to_string();
    site.run(["export", &address, "--to", &to]).failed(5, &["damaged"]);
    let usage = site.run(["store", "du", "--json"]).json();
    assert_eq!((usage["damaged"]["objects"].as_u64(), usage["orphaned"]["objects"].as_u64()), (Some(2), Some(2)));
    assert_eq!(run_again(&site).json(), outputs);
    age(&site);
    let done = site.run(["store", "gc", "--json"]).json();
    assert_eq!((garbage(&done, "damaged").len(), garbage(&done, "orphaned-body").len()), (2, 2), "{done}");
    assert!(!body.exists());
    assert_eq!(site.run(["store", "check"]).code, Some(0));
}

#[test]
fn usage_tells_shared_from_unique_by_run_project_and_dataset() {
    let (site, _) = site_with_run();
    site.write("unused.txt", "another\n");
    run_again(&site).json();
    let usage = site.run(["store", "du", "--by", "run", "--json"]).json();
    // Each run has its unused input, its input object; they share the rest, the documents included.
    for group in usage["groups"].as_array().unwrap() {
        let count = |share: &str| group[share]["objects"].as_u64().unwrap();
        assert_eq!((count("unique"), count("shared")), (2, 8), "{group}");
    }
    let files: u64 = stored(&site).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert_eq!(usage["total"].as_u64().unwrap() + "sluis-store 2\n".len() as u64, files);
    for by in ["project", "dataset"] {
        let usage = site.run(["store", "du", "--by", by, "--json"]).json();
        assert_eq!(usage["groups"][0]["name"], "personal");
        assert_eq!(usage["groups"][0]["unique"], usage["objects"]);
    }
    assert!(site.run(["store", "du", "--by", "dataset"]).out.contains("personal"));
}

#[test]
fn a_check_names_what_is_damaged_where_it_came_from_and_what_depends_on_it() {
    let (site, outputs) = site_with_run();
    assert!(site.run(["store", "check"]).out.contains("Checked 10 objects"));
    let run = site.run(["status", "--json"]).json()[0]["run"].as_str().unwrap().to_owned();
    let lineage = site.run(["provenance", &run, "--json"]).json();
    let first = lineage["tasks"].as_array().unwrap().iter().find(|task| task["step"] == "first").unwrap().clone();
    let (taken_in, made) = (first["inputs"][0].as_str().unwrap(), first["outputs"][0].as_str().unwrap());
    let mut bytes = fs::read(site.body(taken_in)).unwrap();
    bytes[20] ^= 1;
    fs::write(site.body(taken_in), bytes).unwrap();
    // A body that the disk does not give back.
    fs::remove_file(site.body(made)).unwrap();
    fs::create_dir(site.body(made)).unwrap();
    let checked = site.run(["store", "check"]);
    assert_eq!(checked.code, Some(5), "{}{}", checked.out, checked.err);
    for text in [taken_in, made, "taken in", "made by   first", "read by   second", "needed by run", "cannot be read"] {
        assert!(checked.out.contains(text), "`{text}` in {}", checked.out);
    }
    let json = site.run(["store", "check", "--json"]);
    let report: Json = serde_json::from_str(&json.out).unwrap();
    let count = |what: &str| report[what].as_array().unwrap().len();
    assert_eq!((json.code, count("damaged"), count("unreadable")), (Some(5), 1, 1));
    let of_input = report["damaged"].as_array().unwrap().iter().find(|one| one["address"] == taken_in).unwrap();
    assert_eq!(of_input["dependents"].as_array().unwrap().len(), 2, "both steps depend on the input");
    assert_eq!(site.run(["ls", "--json"]).json().as_array().unwrap().len(), 10, "nothing is set aside");
    assert_eq!(site.run(["store", "check", "--set-aside"]).code, Some(5));
    assert_eq!(site.run(["ls", "--json"]).json().as_array().unwrap().len(), 9, "what cannot be read stays");
    let given_up = site.run(["store", "check", "--set-aside", "--give-up"]);
    assert_eq!(given_up.code, Some(5), "{}", given_up.out);
    assert_eq!(site.run(["ls", "--json"]).json().as_array().unwrap().len(), 8);
    assert_eq!(run_again(&site).json(), outputs);
    assert_eq!(site.run(["store", "check"]).code, Some(0));
    let log = site.run(["audit", "list"]).out;
    assert_eq!(log.matches("allow  check").count(), 6, "one decision for all objects of a check: {log}");
}

#[test]
fn a_check_that_was_interrupted_goes_on_where_it_was() {
    let (site, outputs) = site_with_run();
    let mut all = site.run(["ls", "--json"]).json().as_array().unwrap().clone();
    all.sort_by_key(|object| object["address"].as_str().unwrap().to_owned());
    let file = site.site().join("check.json");
    site.run(["store", "check"]);
    let mut state: Json = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert!(state["ended"].is_string());
    // As if it had been interrupted after four of ten objects, one of which was damaged.
    state["ended"] = Json::Null;
    state["after"] = all[3]["address"].clone();
    state["objects"] = 4.into();
    state["damaged"] = serde_json::json!([{ "address": all[0]["address"], "part": "its body" }]);
    fs::write(&file, state.to_string()).unwrap();
    let log_before = site.run(["audit", "list"]).out.lines().count();
    let checked = site.run(["store", "check", "--json"]);
    let report: Json = serde_json::from_str(&checked.out).unwrap();
    assert_eq!((checked.code, report["objects"].as_u64()), (Some(5), Some(10)));
    assert_eq!(report["damaged"][0]["address"], all[0]["address"]);
    let log = site.run(["audit", "list"]).out;
    let decision = log.lines().skip(log_before).find(|line| line.contains("allow  check")).unwrap();
    assert_eq!(decision.matches("b3:").count(), 6, "{decision}");
    fs::write(&file, state.to_string()).unwrap();
    assert_eq!(site.run(["store", "check", "--restart"]).code, Some(0));
    assert!(!addresses(&outputs).is_empty());
}

#[test]
fn a_check_of_an_object_that_is_checked_in_parts_names_what_is_damaged_in_which_part() {
    let (site, _) = site_with_run();
    let large = site.path("large");
    File::create(&large).unwrap().set_len(150 << 20).unwrap();
    let put = site.run(["put", large.to_str().unwrap(), "--json"]).json();
    let address = put[0]["address"].as_str().unwrap();
    let checked = site.run(["store", "check"]);
    assert!(checked.code == Some(0) && checked.out.contains("Checked 11 objects"), "{}{}", checked.out, checked.err);
    let body = File::options().write(true).open(site.body(address)).unwrap();
    body.write_at(b"damaged", 2000 * 65_564 + 300).unwrap();
    let checked = site.run(["store", "check", "--set-aside"]);
    assert_eq!(checked.code, Some(5), "{}{}", checked.out, checked.err);
    for text in ["Checked 11 objects", address, "segment 2000 is damaged", "taken in"] {
        assert!(checked.out.contains(text), "`{text}` in {}", checked.out);
    }
    assert!(site.run(["store", "check"]).out.contains("Checked 10 objects"), "it is set aside");
}

#[test]
fn a_full_quota_is_told_with_what_to_do() {
    let site = TestSite::new();
    let config = site.site().join("site.yaml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}quota: 100 KB\n")).unwrap();
    let big = site.write("big.txt", &"big".repeat(50_000));
    site.run(["put", &big]).failed(6, &["quota of 97.7 KiB", "sluis store gc", "site.yaml"]);
    fs::write(&config, format!("{text}quota: 1 MB\n")).unwrap();
    assert_eq!(site.run(["put", &big]).code, Some(0));
}
