//! What a run would do.

use std::fs;

use serde_json::{Value as Json, json};

use super::TestSite;

/// A scatter over files, and a step that reads all that it made.
const WORKFLOW: &str = "
cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}}
inputs: {files: 'File[]'}
outputs: {all: {type: File, outputSource: join/out}}
steps:
  sort:
    in: {file: files}
    scatter: file
    out: [out]
    run:
      class: CommandLineTool
      baseCommand: sort
      inputs: {file: {type: File, inputBinding: {}}}
      outputs: {out: stdout}
      stdout: sorted.txt
      requirements: {ResourceRequirement: {coresMin: 1, ramMin: 100}}
  join:
    in: {files: sort/out}
    out: [out]
    run: {class: CommandLineTool, baseCommand: cat, inputs: {files: {type: 'File[]', inputBinding: {}}}, outputs: {out: stdout}}
";

fn files(site: &TestSite, texts: &[&str]) -> String {
    let mut inputs = "files:\n".to_owned();
    for (number, text) in texts.iter().enumerate() {
        let path = site.write(&format!("{number}.txt"), text);
        inputs.push_str(&format!("- {{class: File, path: '{path}'}}\n"));
    }
    inputs
}

/// The plan of a workflow with inputs given as text.
fn plan(site: &TestSite, workflow: &str, inputs: &str, more: &[&str]) -> Json {
    let workflow = site.write("workflow.cwl", workflow);
    let inputs = site.write("inputs.yml", inputs);
    site.run([&["plan", "--json", &workflow, &inputs], more].concat()).json()
}

fn step<'p>(plan: &'p Json, name: &str) -> &'p Json {
    plan["steps"].as_array().unwrap().iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("{plan}"))
}

fn counts(step: &Json) -> [&Json; 4] {
    [&step["tasks"], &step["cached"], &step["to_run"], &step["waits_for"]]
}

fn objects(site: &TestSite) -> usize {
    let listed = site.run(["ls", "--json"]).json();
    listed.as_array().unwrap().len()
}

#[test]
fn what_is_there_is_told_from_what_would_run_and_nothing_is_taken_in() {
    let site = TestSite::new();
    let inputs = files(&site, &["b\na\n", "d\nc\n"]);
    let first = plan(&site, WORKFLOW, &inputs, &[]);
    assert_eq!(counts(step(&first, "sort")), [&json!(2), &json!(0), &json!(2), &json!([])], "{first}");
    assert_eq!(counts(step(&first, "join")), [&json!(1), &json!(0), &json!(0), &json!(["sort"])], "{first}");
    assert_eq!(step(&first, "sort")["reason"], json!({ "reason": "new", "is_first_run": true }), "{first}");
    assert_eq!(step(&first, "sort")["resources"]["memory"], 100, "{first}");
    assert_eq!(objects(&site), 0, "nothing is taken in");
    assert!(fs::read_dir(site.site().join("runs")).map_or(true, |mut runs| runs.next().is_none()), "nothing is run");

    site.done_with(WORKFLOW, &inputs);
    let before = objects(&site);
    let again = plan(&site, WORKFLOW, &inputs, &[]);
    assert_eq!(counts(step(&again, "sort")), [&json!(2), &json!(2), &json!(0), &json!([])], "{again}");
    assert_eq!(counts(step(&again, "join")), [&json!(1), &json!(1), &json!(0), &json!([])], "{again}");

    let inputs = files(&site, &["b\na\n", "e\nc\n"]);
    let changed = plan(&site, WORKFLOW, &inputs, &[]);
    assert_eq!(counts(step(&changed, "sort")), [&json!(2), &json!(1), &json!(1), &json!([])], "{changed}");
    let reason = &step(&changed, "sort")["reason"];
    assert_eq!(reason["reason"], "changed", "{changed}");
    let changes = reason["comparison"]["changes"].as_array().unwrap();
    assert_eq!((changes.len(), &changes[0]["part"]), (1, &json!("the input /sluis/in/0/1.txt")), "{changed}");
    assert!(step(&changed, "sort")["estimate"]["tasks"] == 2, "{changed}");
    let rerun = plan(&site, WORKFLOW, &inputs, &["--rerun", "sort"]);
    assert_eq!(step(&rerun, "sort")["reason"], json!({ "reason": "asked-for", "by_step": true }), "{rerun}");
    assert_eq!(objects(&site), before);
    // And what was planned is what happens.
    site.done_with(WORKFLOW, &inputs);
    let status = site.run(["status", &site.newest_run(), "--json"]).json();
    let cached = status["tasks"].as_array().unwrap().iter().filter(|task| task["cached"] == true).count();
    assert_eq!((cached, status["tasks"].as_array().unwrap().len()), (1, 3), "{status}");
}

#[test]
fn a_plan_is_a_table_for_people() {
    let site = TestSite::new();
    let inputs = files(&site, &["b\na\n", "d\nc\n"]);
    let (workflow, inputs) = (site.write("workflow.cwl", WORKFLOW), site.write("inputs.yml", &inputs));
    super::golden("plan.txt", &site.run(["plan", &workflow, &inputs]).out);
}

#[test]
fn what_this_machine_cannot_run_is_refused_with_what_it_could() {
    let site = TestSite::new();
    let large = WORKFLOW.replace("coresMin: 1,", "coresMin: 100000,");
    let workflow = site.write("workflow.cwl", &large);
    let inputs = site.write("inputs.yml", &files(&site, &["a\n"]));
    let ran = site.run(["plan", &workflow, &inputs]);
    ran.failed(6, &["sort: the tool asks for 100000 cores", "the most that this machine can give it is"]);
    let missing = WORKFLOW.replace(
        "requirements: {ResourceRequirement",
        &format!(
            "hints: {{DockerRequirement: {{dockerPull: 'localhost:1/a:1', dockerImageId: 'sha256:{}'}}}}\n      \
                  requirements: {{ResourceRequirement",
            "0".repeat(64)
        ),
    );
    site.write("workflow.cwl", &missing);
    site.run(["plan", &workflow, &inputs]).failed(6, &["localhost:1/a:1"]);
}

#[test]
fn a_large_scatter_is_looked_at_here_and_there() {
    let site = TestSite::new();
    let workflow = "cwlVersion: v1.2\nclass: Workflow\nrequirements: {ScatterFeatureRequirement: {}, InlineJavascriptRequirement: {}}\n\
                    inputs: {count: int}\noutputs: []\nsteps:\n  numbers:\n    in: {count: count}\n    out: [all]\n    run: {class: \
                    ExpressionTool, inputs: {count: int}, outputs: {all: 'int[]'}, expression: '${var all = []; for (var i = 0; i < \
                    inputs.count; i++) all.push(i); return {all: all};}'}\n  wide:\n    in: {n: numbers/all}\n    scatter: n\n    \
                    out: []\n    run: {class: CommandLineTool, baseCommand: echo, inputs: {n: {type: int, inputBinding: {}}}, \
                    outputs: []}\n";
    let found = plan(&site, workflow, "count: 200000\n", &[]);
    let wide = step(&found, "wide");
    assert_eq!(wide["tasks"], 200_000, "{found}");
    let looked_at = wide["looked_at"].as_u64().unwrap();
    assert!((100..2000).contains(&looked_at) && wide["to_run"] == looked_at, "{found}");
}
