//! Output objects as the CWL standard's tools want them.

use std::fs;

use crate::test_site::TestSite;

/// A tool that writes a few files, some of which are outputs twice.
const TWICE: &str = r#"
cwlVersion: v1.2
class: CommandLineTool
requirements: {ShellCommandRequirement: {}}
arguments: [{shellQuote: false, valueFrom: "mkdir d 'a b'; echo 1 > d/x; echo 1 > x; echo 2 > 'a b/x'; echo 3 > 'c d#%e'"}]
inputs: {}
outputs:
  first: {type: File, outputBinding: {glob: x}}
  second: {type: File, outputBinding: {glob: x}}
  other: {type: File, outputBinding: {glob: 'a b/x'}}
  folder: {type: Directory, outputBinding: {glob: d}}
  again: {type: Directory, outputBinding: {glob: d}}
  odd: {type: File, outputBinding: {glob: 'c d#%e'}}
"#;

#[test]
fn what_is_an_output_twice_is_written_once() {
    let site = TestSite::new();
    let tool = site.write("tool.cwl", TWICE);
    let results = site.path("results");
    let json = site.run(["cwl-runner", "--quiet", "--outdir", &results.display().to_string(), &tool]).json();
    let path = |output: &str| json[output]["path"].as_str().unwrap().to_owned();
    let at = |name: &str| results.join(name).display().to_string();
    assert_eq!((path("first"), path("second"), path("other")), (at("x"), at("x"), at("x_2")));
    assert_eq!((path("folder"), path("again")), (at("d"), at("d")));
    assert_eq!(json["folder"], json["again"]);
    let mut names: Vec<_> = fs::read_dir(&results).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["c d#%e", "d", "x", "x_2"]);
    assert_eq!(json["odd"]["location"], format!("file://{}/c%20d%23%25e", results.display()));
}

#[test]
fn a_job_file_that_names_its_document_runs_it() {
    let site = TestSite::new();
    let tool = "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: echo\ninputs: {m: {type: string, inputBinding: \
                {}}}\noutputs: {o: stdout}\nstdout: said\n";
    site.write("tool.cwl", tool);
    let job = site.write("job.yml", "cwl:tool: tool.cwl\nm: hello\n");
    let results = site.path("results").display().to_string();
    let json = site.run(["cwl-runner", "--quiet", "--outdir", &results, &job]).json();
    assert_eq!(fs::read_to_string(json["o"]["path"].as_str().unwrap()).unwrap(), "hello\n");
}

#[test]
fn secondary_files_stay_beside_a_file_that_gets_another_name() {
    let site = TestSite::new();
    let workflow = site.write(
        "workflow.cwl",
        r#"
cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}}
inputs: {texts: {type: 'string[]', default: [one, two]}}
steps:
  each:
    scatter: text
    in: {text: texts}
    out: [out]
    run:
      class: CommandLineTool
      baseCommand: [sh, -c, "echo $0 > a.bam; touch a.bam.bai a.txt other"]
      inputs: {text: {type: string, inputBinding: {}}}
      outputs:
        out: {type: File, outputBinding: {glob: a.bam}, secondaryFiles: [.bai, ^.txt, $("other")]}
      requirements: {InlineJavascriptRequirement: {}}
outputs: {out: {type: 'File[]', outputSource: each/out}}
"#,
    );
    let results = site.path("results").display().to_string();
    let json = site.run(["cwl-runner", "--quiet", "--outdir", &results, &workflow]).json();
    let name = |file: &serde_json::Value| file["path"].as_str().unwrap().replace(&format!("{results}/"), "");
    let names = |file: &serde_json::Value| {
        let secondary = file["secondaryFiles"].as_array().unwrap().iter().map(name);
        std::iter::once(name(file)).chain(secondary).collect::<Vec<_>>()
    };
    assert_eq!(names(&json["out"][0]), ["a.bam", "a.bam.bai", "a.txt", "other"]);
    assert_eq!(names(&json["out"][1]), ["a_2.bam", "a_2.bam.bai", "a_2.txt", "other"]);
}
