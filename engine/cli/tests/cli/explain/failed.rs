//! Why tasks failed.

use std::fs;

use super::{TestSite, script};

#[test]
fn commands_that_fail() {
    let site = TestSite::new();
    let exit = script("echo working; echo broken >&2; printf '\\033[31mred'; exit 3", "outputs: []\n");
    site.run_text(&exit).failed(1, &[]);
    site.explains("workflow.cwl", "exit-code.txt");
    site.run_text(&script("missing-program x", "outputs: []\n")).failed(1, &[]);
    site.explains("workflow.cwl", "exit-code-127.txt");
    site.run_text(&script("kill -SEGV $$", "outputs: []\n")).failed(1, &[]);
    site.explains("workflow.cwl", "signal.txt");
    let limited = script("sleep 600", "outputs: []\nrequirements: {ToolTimeLimit: {timelimit: 1}}\n");
    site.run_text(&limited).failed(1, &[]);
    site.explains("workflow.cwl", "time-limit.txt");
    let missing = script("touch a.txt", "outputs: {out: {type: File, outputBinding: {glob: '*.bam'}}}\n");
    site.run_text(&missing).failed(1, &[]);
    site.explains("workflow.cwl", "missing-output.txt");
}

#[test]
fn tasks_that_cannot_begin() {
    let site = TestSite::new();
    let program = "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: no-such-program\ninputs: []\noutputs: []\n";
    site.run_text(program).failed(1, &[]);
    site.explains("workflow.cwl", "not-started.txt");
    let large = script("true", "outputs: []\nrequirements: {ResourceRequirement: {coresMin: 100000, ramMin: 1}}\n");
    site.run_text(&large).failed(6, &[]);
    let told = site.explain("workflow.cwl").out;
    assert!(told.contains("100000 cores (coresMin)") && told.contains("the most that this machine can give"), "{told}");
    let throws = "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: echo\n\
                  arguments: ['${throw new Error(\"no \" + inputs.word)}']\ninputs: {word: string}\noutputs: []\n\
                  requirements: {InlineJavascriptRequirement: {}}\n";
    site.run_with(throws, "word: secret\n").failed(3, &["no secret"]);
    site.explains("workflow.cwl", "binding.txt");
    let journal = site.site().join("runs").join(site.newest_run()).join("journal.jsonl");
    assert!(!fs::read_to_string(journal).unwrap().contains("secret"), "values stay sealed");
    let digest = "0".repeat(64);
    let image = script(
        "true",
        &format!(
            "outputs: []\nhints: {{DockerRequirement: {{dockerPull: 'localhost:1/a:1', dockerImageId: 'sha256:{digest}'}}}}\n"
        ),
    );
    site.run_text(&image).failed(6, &[]);
    let told = site.explain("workflow.cwl").out;
    assert!(told.contains("its image is missing") && told.contains("localhost:1/a:1"), "{told}");
    let network = script("true", "outputs: []\nrequirements: {NetworkAccess: {networkAccess: true}}\n");
    site.run_text(&network).failed(4, &[]);
    site.explains("workflow.cwl", "refused.txt");
}

#[test]
fn an_input_that_is_damaged() {
    let site = TestSite::new();
    let reads = site.write("reads.txt", &"ACGT".repeat(50));
    let address = site.run(["put", &reads]).out.split_whitespace().next().unwrap().to_owned();
    let body = site.body(&address);
    let mut bytes = fs::read(&body).unwrap();
    bytes[40] ^= 1;
    fs::write(&body, bytes).unwrap();
    let tool = "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: cat\n\
                inputs: {file: {type: File, inputBinding: {}}}\noutputs: []\n";
    site.run_with(tool, &format!("file: {{class: File, location: '{address}', basename: reads.txt}}\n")).failed(5, &[]);
    site.explains("workflow.cwl", "damaged.txt");
}

#[test]
fn each_explanation_is_decided_and_written_down() {
    let site = TestSite::new();
    site.run_text(&script("exit 3", "outputs: []\n")).failed(1, &[]);
    site.explain("workflow.cwl");
    let records = site.run(["audit", "search", "--action", "explain-task", "--json"]);
    assert!(records.out.contains("explain-task"), "{}{}", records.out, records.err);
    let shown = || site.run(["audit", "search", "--action", "show-run", "--json"]).out.matches("show-run").count();
    let before = shown();
    let page = site.path("page.html");
    assert_eq!(site.run(["report", &site.newest_run(), "--to", page.to_str().unwrap()]).code, Some(0));
    assert!(before > 0 && shown() > before, "{before}");
}
