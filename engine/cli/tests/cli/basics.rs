//! Everyday use, without containers.

use std::fs;

use crate::test_site::{TestSite, addresses, workflows};

const ECHO: &str = r#"
cwlVersion: v1.2
class: CommandLineTool
baseCommand: [sh, -c, "echo \"$0\"; echo printed >&2"]
inputs:
  text: {type: string, default: hello, inputBinding: {}}
outputs:
  out: {type: stdout}
stdout: out.txt
"#;

#[test]
fn a_run_prints_addresses_that_export_gives_back_in_plain() {
    let site = TestSite::new();
    let ran = site.run_text(ECHO);
    let address = addresses(&ran.json())[0].clone();
    let to = site.path("exported.txt").display().to_string();
    assert_eq!(site.run(["export", &address[..12], "--to", &to]).code, Some(0));
    assert_eq!(fs::read_to_string(&to).unwrap(), "hello\n");
    site.run(["export", &address, "--to", &to]).failed(6, &["exported.txt cannot be written"]);
    let shown = site.run(["show", &address, "--json"]).json();
    assert_eq!((shown["size"].as_u64(), shown["address"].as_str()), (Some(6), Some(&*address)));
}

#[test]
fn what_a_task_printed_is_sealed_and_shown_on_request() {
    let site = TestSite::new();
    site.run_text(ECHO).json();
    let runs = site.run(["status", "--json"]).json();
    let run = runs[0]["run"].as_str().unwrap();
    let logs = site.run(["logs", run]);
    assert_eq!(logs.out, "printed\n");
    let status = site.run(["status", run]);
    assert!(status.out.contains("complete"), "{}", status.out);
}

#[test]
fn a_second_run_finds_the_task_in_the_cache_and_gives_the_same_addresses() {
    let site = TestSite::new();
    let first = site.run_text(ECHO);
    let second = site.run_text(ECHO);
    assert_eq!(first.json(), second.json());
    assert!(second.err.contains("every task found in the cache"), "{}", second.err);
    let path = site.write("inputs.yml", "text: other\n");
    let workflow = site.path("workflow.cwl").display().to_string();
    let third = site.run(["run", &workflow, &path]);
    assert_ne!(first.json(), third.json());
    assert!(third.err.contains("1 run, 0 cached"), "{}", third.err);
    let fourth = site.run(["run", "--no-cache", &workflow]);
    assert!(fourth.err.contains("1 run, 0 cached"), "{}", fourth.err);
    assert_eq!(first.json(), fourth.json());
}

#[test]
fn outdir_exports_the_outputs_with_their_checksums() {
    let site = TestSite::new();
    let workflow = site.write("echo.cwl", ECHO);
    let outdir = site.path("results").display().to_string();
    let json = site.run(["run", "--outdir", &outdir, &workflow]).json();
    let path = json["out"]["path"].as_str().unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), "hello\n");
    assert_eq!(json["out"]["checksum"], "sha1$f572d396fae9206628714fb2ce00f72e94f2258f");
}

#[test]
fn put_files_can_be_named_by_address_in_the_inputs() {
    let site = TestSite::new();
    let tool = site.write(
        "count.cwl",
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [wc, -c]\nstdin: $(inputs.file.path)\n\
         inputs: {file: File}\noutputs: {out: {type: stdout}}\n",
    );
    let data = site.write("data.txt", "four");
    let put = site.run(["put", &data, "--json"]).json();
    let address = put[0]["address"].as_str().unwrap();
    let by_address = site.write("a.yml", &format!("file: {{class: File, location: '{address}'}}\n"));
    let by_path = site.write("b.yml", "file: {class: File, path: data.txt}\n");
    let first = site.run(["run", &tool, &by_address]);
    let out = addresses(&first.json())[0].clone();
    let to = site.path("out").display().to_string();
    site.run(["export", &out, "--to", &to]);
    assert_eq!(fs::read_to_string(&to).unwrap().trim(), "4");
    assert_eq!(addresses(&site.run(["run", &tool, &by_path]).json()), [out]);
}

#[test]
fn the_shipped_examples_run() {
    let site = TestSite::new();
    for example in ["hello", "scatter", "conditional"] {
        let path = workflows().join(format!("examples/{example}.cwl"));
        let ran = site.run([std::ffi::OsStr::new("run"), path.as_os_str()]);
        assert_eq!(ran.code, Some(0), "{example}: {}", ran.err);
    }
}

#[test]
fn a_dataset_without_grant_or_consent_is_refused_with_the_remedy_and_audited() {
    let site = TestSite::new();
    let data = site.write("data.txt", "text");
    site.run(["put", &data, "--dataset", "trial-7"]).failed(4, &["trial-7 is not in the registry", "remedy"]);
    let registry = site.site().join("registry/datasets.yaml");
    let declared = fs::read_to_string(&registry).unwrap();
    fs::write(&registry, format!("{declared}  trial-7:\n    description: x\n    consent: given\n")).unwrap();
    site.run(["put", &data, "--dataset", "trial-7"]).failed(4, &["not granted to the project personal"]);
    let address = site.run(["put", &data, "--json"]).json()[0]["address"].as_str().unwrap().to_owned();
    fs::write(&registry, declared.replace("consent: given", "consent: withdrawn")).unwrap();
    let to = site.path("out").display().to_string();
    site.run(["export", &address, "--to", &to]).failed(4, &["consent for the dataset personal was withdrawn"]);
    assert!(!site.path("out").exists());
    let log = site.run(["audit", "list"]).out;
    assert_eq!(log.lines().filter(|line| line.contains("  DENY ")).count(), 3, "{log}");
    assert!(site.run(["audit", "verify"]).out.contains("is whole"));
}

#[test]
fn failures_stop_what_depends_on_them_and_let_the_rest_finish_or_stop_all() {
    let site = TestSite::new();
    let workflow = r#"
cwlVersion: v1.2
class: Workflow
inputs: []
outputs: []
steps:
  bad:
    in: []
    out: [out]
    run: {class: CommandLineTool, baseCommand: ["false"], inputs: [], outputs: {out: stdout}, stdout: a}
  after:
    in: {x: bad/out}
    out: []
    run: {class: CommandLineTool, baseCommand: ["true"], inputs: {x: File}, outputs: []}
  aside:
    in: []
    out: []
    run: {class: CommandLineTool, baseCommand: ["true"], inputs: [], outputs: []}
"#;
    let ran = site.run_text(workflow);
    ran.failed(1, &["bad: failed (exit code 1)", "after: not run", "aside: done", "sluis logs"]);
    let path = site.path("workflow.cwl").display().to_string();
    site.run(["run", "--on-failure", "stop", &path]).failed(1, &["bad: failed"]);
}

#[test]
fn help_completions_and_usage_errors() {
    let site = TestSite::new();
    assert!(site.run(["--help"]).out.contains("Examples:"));
    assert!(site.run(["run", "--help"]).out.contains("sluis run germline.cwl"));
    assert!(site.run(["completions", "bash"]).out.contains("_sluis"));
    site.run(["run"]).failed(2, &["Usage"]);
    site.run(["init", "--country", "GB"]).failed(2, &["not a member state"]);
}

#[test]
fn without_a_site_and_without_a_terminal_the_remedy_is_named() {
    let site = TestSite::new();
    fs::remove_dir_all(site.site()).unwrap();
    site.run(["ls"]).failed(6, &["sluis init --country"]);
}

/// A workflow with a mistake in the tool that it runs, and a doubtful one.
const BROKEN: &str = "\
cwlVersion: v1.2
class: Workflow
inputs: {reads: File, count: int}
outputs: {}
steps:
  sort:
    run: tool.cwl
    in: {reads: count}
    out: []
";

const TOOL: &str = "\
cwlVersion: v1.2
class: CommandLineTool
label: Sorts reads
baseCommand: sort
arguments: [$(inputs.raeds.path)]
inputs:
  reads: {type: File, doc: What is sorted., secondaryFiles: .bai}
  mode: {type: {type: enum, symbols: [fast, no]}, default: no}
  groups: {type: 'string[]?', label: Groups}
outputs: {}
";

#[test]
fn problems_are_told_to_people_to_scripts_and_to_editors() {
    let site = TestSite::new();
    site.write("tool.cwl", TOOL);
    let workflow = site.write("workflow.cwl", BROKEN);
    let people = site.run(["validate", &workflow]);
    people
        .failed(3, &["error: `sort/reads` takes File, but its source `count` gives int", "workflow.cwl:8:17", "^^^^^"]);
    people.failed(3, &["warning: the expression names `inputs.raeds`", "help: did you mean `reads`?"]);
    let json = site.run(["validate", "--json", &workflow]);
    let problems: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json.code, Some(3));
    let problem = &problems[0];
    assert_eq!((&problem["line"], &problem["column"], &problem["endColumn"]), (&8.into(), &17.into(), &22.into()));
    assert_eq!(problem["labels"][0]["message"], "`count` is int");
    let sarif: serde_json::Value =
        serde_json::from_str(&site.run(["validate", "--format", "sarif", &workflow]).out).unwrap();
    let result = &sarif["runs"][0]["results"][1];
    assert_eq!((&result["ruleId"], &result["level"]), (&"doubtful".into(), &"warning".into()));
    let place = &result["locations"][0]["physicalLocation"];
    assert!(place["artifactLocation"]["uri"].as_str().unwrap().starts_with("file:///"));
    assert_eq!(place["region"]["startLine"], 5);
}

#[test]
fn a_tool_is_described_drawn_and_its_template_can_be_filled_in() {
    let site = TestSite::new();
    let tool = site.write("tool.cwl", TOOL);
    let described = site.run(["describe", &tool]);
    assert!(described.out.contains("File with .bai") && described.out.contains("What is sorted."), "{}", described.out);
    let json = site.run(["describe", "--json", &tool]).json();
    assert_eq!(json["inputs"][1]["default"], "no");
    let template = site.run(["describe", "--template", &tool]).out;
    assert!(template.contains("# mode: \"no\"\n") && template.contains("# groups: [\"FILL IN\"]\n"), "{template}");
    let filled = site.write("filled.yml", &template.replace("\"FILL IN\"", "reads.bam"));
    site.run(["validate", &tool, &filled]).failed(3, &["reads.bam does not exist"]);
    site.write("reads.bam", "reads");
    site.write("reads.bam.bai", "index");
    assert_eq!(site.run(["validate", &tool, &filled]).code, Some(0));
    let drawn = site.run(["validate", "--graph", &tool]);
    assert!(drawn.out.starts_with("<svg ") && drawn.out.contains("Sorts reads"), "{}", drawn.out);
}
