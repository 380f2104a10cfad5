//! Why tasks ran, or did not.

use std::fs;

use super::{TestSite, script};

/// Sorts a file by the given option; `rest` are more fields.
fn sorting(option: &str, rest: &str) -> String {
    format!(
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: sort\narguments: ['{option}']\n\
         inputs: {{file: {{type: File, inputBinding: {{}}}}}}\noutputs: {{out: stdout}}\nstdout: out.txt\n{rest}"
    )
}

/// Two steps, of which the second reads what the first printed.
fn two_steps(word: &str, more: &str) -> String {
    format!(
        "cwlVersion: v1.2\nclass: Workflow\ninputs: []\noutputs: {{out: {{type: File, outputSource: second/out}}}}\n\
         steps:\n  first:\n    in: {{}}\n    out: [out]\n    run: {{class: CommandLineTool, baseCommand: [echo, {word}], inputs: [], \
         outputs: {{out: stdout}}, stdout: word.txt}}\n  second:\n    in: {{file: first/out}}\n    out: [out]\n    run: {{class: \
         CommandLineTool, baseCommand: cat, inputs: {{file: {{type: File, inputBinding: {{}}}}}}, outputs: {{out: stdout}}, \
         stdout: out.txt}}\n{more}"
    )
}

fn reads(site: &TestSite, text: &str) -> String {
    format!("file: {{class: File, path: '{}'}}\n", site.write("reads.txt", text))
}

#[test]
fn what_changed_is_told() {
    let site = TestSite::new();
    let inputs = reads(&site, "b\na\n");
    site.done_with(&sorting("-f", ""), &inputs);
    site.explains("workflow.cwl", "first-run.txt");
    site.done_with(&sorting("-f", ""), &inputs);
    site.explains("workflow.cwl", "cached.txt");
    site.done_with(&sorting("-r", ""), &inputs);
    site.explains("workflow.cwl", "changed-argument.txt");
    let inputs = reads(&site, "c\nb\na\n");
    site.done_with(&sorting("-r", ""), &inputs);
    site.explains("workflow.cwl", "changed-input.txt");
    let environment = "requirements: {EnvVarRequirement: {envDef: {LC_ALL: C}}}\n";
    site.done_with(&sorting("-r", environment), &inputs);
    site.explains("workflow.cwl", "changed-environment.txt");
    let named = sorting("-r", environment).replace("stdout: out.txt", "stdout: sorted.txt");
    site.done_with(&named, &inputs);
    site.explains("workflow.cwl", "changed-stdout.txt");
    let codes = format!("{named}successCodes: [0, 1]\n");
    site.done_with(&codes, &inputs);
    site.explains("workflow.cwl", "changed-success-codes.txt");
    let outputs =
        codes.replace("{out: stdout}", "{out: stdout, all: {type: 'File[]', outputBinding: {glob: '*.txt'}}}");
    site.done_with(&outputs, &inputs);
    site.explains("workflow.cwl", "changed-outputs.txt");
}

#[test]
fn a_text_that_is_staged_changed() {
    let site = TestSite::new();
    let tool = |line: &str| {
        format!(
            "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [sh, run.sh]\ninputs: []\noutputs: {{out: stdout}}\n\
             requirements:\n  InitialWorkDirRequirement:\n    listing:\n    - entryname: run.sh\n      entry: |\n        echo one\n        \
             {line}\n        echo three\n"
        )
    };
    assert_eq!(site.run_text(&tool("echo two")).code, Some(0));
    assert_eq!(site.run_text(&tool("echo 2")).code, Some(0));
    site.explains("workflow.cwl", "changed-script.txt");
}

#[test]
fn what_a_step_before_made_changed() {
    let site = TestSite::new();
    assert_eq!(site.run_text(&two_steps("one", "")).code, Some(0));
    assert_eq!(site.run_text(&two_steps("two", "")).code, Some(0));
    site.explains("second", "changed-upstream.txt");
    let third = "  third:\n    in: {file: second/out}\n    out: []\n    run: {class: CommandLineTool, baseCommand: cat, inputs: \
                 {file: {type: File, inputBinding: {}}}, outputs: []}\n";
    assert_eq!(site.run_text(&two_steps("two", third)).code, Some(0));
    site.explains("third", "new-step.txt");
    let workflow = site.path("workflow.cwl").display().to_string();
    assert_eq!(site.run(["run", "--rerun", "first", &workflow]).code, Some(0));
    site.explains("first", "rerun.txt");
    assert_eq!(site.run(["run", "--no-cache", &workflow]).code, Some(0));
    site.explains("first", "no-cache.txt");
    let run = site.newest_run();
    site.run(["explain", &run, "secnod"]).failed(2, &["no step `secnod`", "did you mean `second`?"]);
}

#[test]
fn earlier_results_that_cannot_be_used() {
    let site = TestSite::new();
    let forbidden = script("echo a", "outputs: {out: stdout}\nrequirements: {WorkReuse: {enableReuse: false}}\n");
    assert_eq!(site.run_text(&forbidden).code, Some(0));
    site.explains("workflow.cwl", "work-reuse.txt");
    let marker = site.path("marker").display().to_string();
    let failing = script(&format!("test -e {marker} && echo b"), "outputs: {out: stdout}\n");
    site.run_text(&failing).failed(1, &[]);
    fs::write(&marker, "").unwrap();
    assert_eq!(site.run_text(&failing).code, Some(0));
    site.explains("workflow.cwl", "failed-before.txt");
    fs::remove_dir_all(site.site().join("store/tasks")).unwrap();
    assert_eq!(site.run_text(&failing).code, Some(0));
    site.explains("workflow.cwl", "gone.txt");
}

#[test]
fn tasks_without_a_command() {
    let site = TestSite::new();
    let workflow = "
cwlVersion: v1.2
class: Workflow
requirements: {InlineJavascriptRequirement: {}}
inputs: []
outputs: []
steps:
  number:
    in: {}
    out: [n]
    run: {class: ExpressionTool, inputs: [], outputs: {n: int}, expression: '${return {n: 3};}'}
  maybe:
    in: {n: number/n}
    when: $(inputs.n > 5)
    out: []
    run: {class: CommandLineTool, baseCommand: [echo], inputs: {n: int}, outputs: []}
";
    assert_eq!(site.run_text(workflow).code, Some(0));
    site.explains("number", "expression.txt");
    site.explains("maybe", "skipped.txt");
}

#[test]
fn an_image_changed_behind_its_name() {
    let docker = |arguments: &[&str]| {
        let output = std::process::Command::new("docker").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let base = sluis_containers::ensure("genomics").unwrap();
    let name = format!("sluis-test/explain:{}", std::process::id());
    let container = docker(&["create", base.as_str(), "true"]);
    let commit = |mark: &str| docker(&["commit", "--change", &format!("LABEL mark={mark}"), &container, &name]);
    let one = commit("one");
    let site = TestSite::new();
    let image = format!("outputs: {{out: stdout}}\nhints: {{DockerRequirement: {{dockerPull: '{name}'}}}}\n");
    let tool = script("echo a", &image);
    let first = site.run_text(&tool);
    let two = commit("two");
    let second = site.run_text(&tool);
    let told = site.explain("workflow.cwl");
    docker(&["rm", &container]);
    docker(&["rmi", "--force", &one, &two]);
    assert_eq!((first.code, second.code), (Some(0), Some(0)), "{}{}", first.err, second.err);
    super::golden("changed-image.txt", &told.out.replace(&name, "sluis-test/explain:1"));
}

#[test]
fn a_task_that_needs_more_memory_than_it_asked_for() {
    let image = sluis_containers::ensure("genomics").unwrap();
    let reference = sluis_containers::reference("genomics").unwrap();
    let site = TestSite::new();
    site.set("retries: {budget: 1}\n");
    let tool = script(
        "head -c 600000000 /dev/zero | tail -c 500000000 > /dev/null",
        &format!(
            "outputs: []\nrequirements:\n  DockerRequirement: {{dockerPull: '{}', dockerImageId: '{image}'}}\n  \
             ResourceRequirement: {{ramMin: 32, tmpdirMin: 1, outdirMin: 1}}\n",
            reference.name
        ),
    );
    site.run_text(&tool).failed(1, &[]);
    let told = site.explain("workflow.cwl");
    super::golden("out-of-memory.txt", &told.out.replace(&reference.name, "IMAGE"));
}
