//! Damaged objects are made again from what the run's journal names, whatever has become of its files.

use std::fs;

use serde_json::Value as Json;

use crate::test_site::TestSite;

/// Two steps; a tool in a file of its own, a text that is included, and a file that is a default.
const WORKFLOW: &str = "
cwlVersion: v1.2
class: Workflow
requirements: {StepInputExpressionRequirement: {}}
inputs:
  reads: File
  reference: {type: File, default: {class: File, location: reference.txt}}
outputs:
  sorted: {type: File, outputSource: sort/sorted}
  joined: {type: File, outputSource: join/joined}
steps:
  sort:
    run: sort.cwl
    in: {lines: reads}
    out: [sorted]
  join:
    in: {one: sort/sorted, two: reference}
    out: [joined]
    run:
      class: CommandLineTool
      baseCommand: [sh, join.sh]
      requirements:
        InitialWorkDirRequirement:
          listing: [{entryname: join.sh, entry: {$include: join.sh}}]
      inputs:
        one: {type: File, inputBinding: {}}
        two: {type: File, inputBinding: {}}
      outputs: {joined: stdout}
      stdout: joined.txt
";

const SORT: &str = "
cwlVersion: v1.2
class: CommandLineTool
baseCommand: sort
inputs: {lines: {type: File, inputBinding: {}}}
outputs: {sorted: stdout}
stdout: sorted.txt
";

/// A site with one run whose files are all gone; its output object.
fn site_with_run() -> (TestSite, Json) {
    let site = TestSite::new();
    let files = [
        site.write("sort.cwl", SORT),
        site.write("join.sh", "cat \"$@\"\n"),
        site.write("reference.txt", "reference\n"),
        site.write("reads.txt", "b\na\n"),
        site.write("workflow.cwl", WORKFLOW),
        site.write("in.yml", "reads: {class: File, path: reads.txt}\n"),
    ];
    let outputs = site.run(["run", &files[4], &files[5]]).json();
    files.iter().for_each(|file| fs::remove_file(file).unwrap());
    (site, outputs)
}

fn damage(site: &TestSite, address: &str) {
    let body = site.body(address);
    let mut bytes = fs::read(&body).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&body, bytes).unwrap();
}

fn export(site: &TestSite, address: &str) -> String {
    let to = site.path("exported");
    let ran = site.run(["export", address, "--to", to.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let text = fs::read_to_string(&to).unwrap();
    fs::remove_file(&to).unwrap();
    text
}

#[test]
fn what_a_task_made_is_made_again_when_all_files_of_the_run_are_gone() {
    let (site, outputs) = site_with_run();
    let (joined, sorted) =
        (outputs["joined"]["location"].as_str().unwrap(), outputs["sorted"]["location"].as_str().unwrap());
    damage(&site, sorted);
    damage(&site, joined);
    let healed = site.run(["store", "heal", "--json"]).json();
    let mut made_again: Vec<_> =
        healed["made_again"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    made_again.sort_unstable();
    let mut damaged = [joined, sorted];
    damaged.sort_unstable();
    assert_eq!(made_again, damaged);
    assert_eq!(export(&site, joined), "a\nb\nreference\n");
    assert_eq!(site.run(["store", "check"]).code, Some(0));
    let nothing = site.run(["store", "heal"]);
    assert_eq!((nothing.code, nothing.out.trim()), (Some(0), "Nothing is damaged."));
}

#[test]
fn what_was_set_aside_when_it_was_read_is_made_again_without_a_check() {
    let (site, outputs) = site_with_run();
    let joined = outputs["joined"]["location"].as_str().unwrap();
    damage(&site, joined);
    let to = site.path("exported");
    site.run(["export", joined, "--to", to.to_str().unwrap()]).failed(5, &[joined]);
    let healed = site.run(["store", "heal", "--no-check"]);
    assert_eq!(healed.code, Some(0), "{}", healed.err);
    assert!(healed.out.contains(&format!("{joined}  made again")), "{}", healed.out);
    assert_eq!(export(&site, joined), "a\nb\nreference\n");
}

#[test]
fn what_was_taken_in_is_reported_with_everything_that_depends_on_it() {
    let (site, outputs) = site_with_run();
    let sorted = outputs["sorted"]["location"].as_str().unwrap();
    let put = site.write("again.txt", "b\na\n");
    let reads = site.run(["put", &put, "--json"]).json()[0]["address"].as_str().unwrap().to_owned();
    damage(&site, &reads);
    let healed = site.run(["store", "heal"]);
    assert_eq!(healed.code, Some(5), "{}", healed.err);
    for told in [&*reads, "no task made it; put the same file again", "read by   sort", "read by   join", &sorted[..9]]
    {
        assert!(healed.out.contains(told), "expected `{told}` in: {}", healed.out);
    }
    assert_eq!(site.run(["put", &put]).code, Some(0));
    assert_eq!(site.run(["store", "heal"]).code, Some(0));
}

#[test]
fn what_comes_out_otherwise_the_second_time_is_told() {
    let site = TestSite::new();
    let random = "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [sh, -c, 'head -c 16 /dev/urandom']\n\
                  inputs: {}\noutputs: {out: stdout}\n";
    let outputs = site.run_text(random).json();
    let out = outputs["out"]["location"].as_str().unwrap();
    damage(&site, out);
    let healed = site.run(["store", "heal"]);
    assert_eq!(healed.code, Some(5), "{}", healed.err);
    assert!(healed.out.contains("failed or made something else"), "{}", healed.out);
}

#[test]
fn a_file_that_appeared_since_is_not_taken_in() {
    let site = TestSite::new();
    site.write("reads.txt", "b\na\n");
    let default = "default: {class: File, location: later.txt}";
    let sort = SORT.replace("lines: {type: File,", &format!("lines: {{type: File, {default},"));
    site.write("sort.cwl", &sort);
    let inputs = site.write("in.yml", "lines: {class: File, path: reads.txt}\n");
    let outputs = site.run(["run", &site.path("sort.cwl").display().to_string(), &inputs]).json();
    let sorted = outputs["sorted"]["location"].as_str().unwrap();
    let objects = |site: &TestSite| site.run(["ls", "--json"]).json().as_array().unwrap().len();
    let before = objects(&site);
    damage(&site, sorted);
    site.write("later.txt", "nobody said whose this is\n");
    let healed = site.run(["store", "heal"]);
    assert_eq!(healed.code, Some(0), "{}{}", healed.out, healed.err);
    assert_eq!(export(&site, sorted), "a\nb\n");
    assert_eq!(objects(&site), before);
}
