//! Documents from their text to what a task and a step make of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::{error::Error, fs, sync::Arc};

use sluis_cwl::{BoundTool, CommandLineTool, Contents, Evaluator, Process, Source, Workflow, bind, load, read_inputs};
use sluis_model::{Address, Entry, File, Location, StagedSource, Value, Values};

struct Text;

impl Contents for Text {
    fn text(&self, file: &File) -> Result<String, Box<dyn Error + Send + Sync>> {
        Ok(format!("text of {}", file.basename))
    }
}

fn process(text: &str) -> Process {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("document.cwl");
    fs::write(&path, text).unwrap();
    match load(path.to_str().unwrap()) {
        Ok(loaded) => loaded.process,
        Err(problems) => panic!("{problems}"),
    }
}

fn tool(text: &str) -> Arc<CommandLineTool> {
    match process(text) {
        Process::CommandLineTool(tool) => tool,
        other => panic!("{other:?}"),
    }
}

fn workflow(text: &str) -> Arc<Workflow> {
    match process(text) {
        Process::Workflow(workflow) => workflow,
        other => panic!("{other:?}"),
    }
}

fn values<const N: usize>(values: [(&str, Value); N]) -> Values {
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn object(basename: &str, byte: u8) -> Value {
    Value::File(Box::new(File::new(basename, Location::Object(Address::from_bytes([byte; 32])))))
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn bound(document: &str, inputs: Values) -> BoundTool {
    bind(&tool(document), inputs, &Evaluator::default(), &Text).unwrap()
}

#[test]
fn an_aligner_is_bound_as_its_author_means() {
    let reads = Value::Array(vec![object("r_1.fq", 1), object("r_2.fq", 2)]);
    let inputs = values([("reference", object("ref.fa", 3)), ("reads", reads), ("sample", text("NA 12"))]);
    let bound = bound(
        r#"
cwlVersion: v1.2
class: CommandLineTool
requirements:
  InlineJavascriptRequirement:
    expressionLib:
      - "function group(sample) { return '@RG\\tID:' + sample.replace(/ /g, '_'); }"
  ResourceRequirement: { coresMin: 2, ramMin: 1500 }
  EnvVarRequirement: { envDef: { LC_ALL: C } }
hints:
  DockerRequirement: { dockerPull: aligner:1 }
baseCommand: [bwa, mem]
arguments:
  - { prefix: -t, valueFrom: $(runtime.cores) }
  - { prefix: -R, valueFrom: $(group(inputs.sample)) }
inputs:
  reference: { type: File, inputBinding: { position: 1 } }
  reads: { type: "File[]", inputBinding: { position: 2 } }
  sample: string
  seed: { type: int?, inputBinding: { prefix: -s } }
outputs:
  aligned: stdout
stdout: $(inputs.sample).sam
"#,
        inputs,
    );
    let expected = [
        "bwa",
        "mem",
        "-t",
        "2",
        "-R",
        "@RG\tID:NA_12",
        "/sluis/in/0/ref.fa",
        "/sluis/in/1/r_1.fq",
        "/sluis/in/2/r_2.fq",
    ];
    assert_eq!(bound.task.command.arguments, expected);
    assert_eq!(bound.task.command.stdout.as_deref(), Some("NA 12.sam"));
    assert_eq!(bound.task.command.environment["LC_ALL"], "C");
    assert_eq!(bound.task.image.as_ref().map(|image| image.name.as_str()), Some("aligner:1"));
    assert_eq!(bound.task.inputs().len(), 3);
}

#[test]
fn a_script_in_the_working_directory_runs_and_its_outputs_are_found() {
    let document = r#"
cwlVersion: v1.2
class: CommandLineTool
requirements:
  InlineJavascriptRequirement: {}
  InitialWorkDirRequirement:
    listing:
      - entryname: run.sh
        entry: |
          printf '%s' "$(inputs.word)" > \$(echo out).txt
          mkdir d; printf index > out.txt.idx; printf x > d/x
baseCommand: [sh, run.sh]
inputs: { word: string }
outputs:
  file:
    type: File
    secondaryFiles: [.idx]
    outputBinding: { glob: "*.txt" }
  length:
    type: int
    outputBinding: { glob: out.txt, loadContents: true, outputEval: "$(self[0].contents.length)" }
  folder:
    type: Directory
    outputBinding: { glob: d }
"#;
    let bound = bound(document, values([("word", text("héllo"))]));
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path().join("work");
    fs::create_dir(&work).unwrap();
    for entry in &bound.task.staged {
        let StagedSource::Literal(script) = &entry.source else { panic!("{entry:?}") };
        fs::write(work.join(entry.target.strip_prefix("/sluis/work/").unwrap()), script).unwrap();
    }
    let [program, arguments @ ..] = &bound.task.command.arguments[..] else { panic!() };
    let status = std::process::Command::new(program).args(arguments).current_dir(&work).status().unwrap();
    assert!(status.success());
    let outputs = bound.collect(&work, 0).unwrap();
    assert_eq!(outputs["length"], Value::Integer(5));
    let Value::File(file) = &outputs["file"] else { panic!() };
    assert_eq!((file.basename.as_str(), file.size, file.secondary_files.len()), ("out.txt", Some(6), 1));
    let Value::Directory(directory) = &outputs["folder"] else { panic!() };
    assert_eq!(directory.listing.len(), 1);
}

#[test]
fn a_scattered_conditional_step_gives_arrays_with_holes() {
    let workflow = workflow(
        r#"
cwlVersion: v1.2
class: Workflow
requirements:
  ScatterFeatureRequirement: {}
  InlineJavascriptRequirement: {}
  StepInputExpressionRequirement: {}
  MultipleInputFeatureRequirement: {}
inputs: { numbers: "int[]", extra: int }
outputs:
  all: { type: "Any[]", outputSource: double/out, pickValue: all_non_null }
steps:
  double:
    in:
      n: { source: [numbers, extra], linkMerge: merge_flattened }
      twice: { valueFrom: $(inputs.n * 2) }
    scatter: n
    when: $(inputs.twice > 2)
    out: [out]
    run:
      class: ExpressionTool
      requirements: { InlineJavascriptRequirement: {} }
      inputs: { n: int, twice: int }
      outputs: { out: int }
      expression: '$({out: inputs.twice})'
"#,
    );
    let given =
        values([("numbers", Value::Array(vec![Value::Integer(1), Value::Integer(2)])), ("extra", Value::Integer(3))]);
    let step = &workflow.steps[0];
    let lookup = |source: &Source| match source {
        Source::WorkflowInput(name) => given.get(name).cloned(),
        Source::StepOutput { .. } => None,
    };
    let scattered = step.gather_inputs(&lookup, &Text).and_then(|inputs| step.scatter(inputs)).unwrap();
    let Process::ExpressionTool(tool) = &step.run else { panic!() };
    let evaluator = Evaluator::default();
    let results = scattered.jobs.into_iter().map(|job| {
        let inputs = step.job_inputs(job, &evaluator, &Text).unwrap()?;
        Some(tool.evaluate(inputs, &evaluator, &Text).unwrap())
    });
    let outputs = scattered.shape.gather(&step.outputs, results.collect());
    let doubled = [Value::Null, Value::Integer(4), Value::Integer(6)];
    assert_eq!(outputs["out"], Value::Array(doubled.to_vec()));
    let lookup = |source: &Source| match source {
        Source::StepOutput { step, output } if step == "double" => outputs.get(output).cloned(),
        _ => None,
    };
    assert_eq!(workflow.gather_outputs(&lookup).unwrap()["all"], Value::Array(doubled[1..].to_vec()));
}

#[test]
fn every_file_written_in_a_document_can_be_sealed_before_a_run() {
    let mut process = process(
        r#"
cwlVersion: v1.2
class: Workflow
inputs: {}
outputs: {}
steps:
  one:
    in: { given: { default: { class: File, location: given.txt } } }
    out: []
    run:
      class: CommandLineTool
      requirements:
        InitialWorkDirRequirement: { listing: [{ class: File, location: staged.txt }] }
      baseCommand: "true"
      inputs:
        given: File
        own: { type: File, default: { class: File, location: own.txt } }
      outputs: {}
"#,
    );
    let mut names = Vec::new();
    let Ok(()) = process.change_values(&mut |value| {
        let Value::File(file) = value else { panic!("{value:?}") };
        names.push(file.basename.clone());
        *value = object(&file.basename, 1);
        Ok::<_, std::convert::Infallible>(())
    });
    names.sort();
    assert_eq!(names, ["given.txt", "own.txt", "staged.txt"]);
    let Process::Workflow(workflow) = &process else { panic!() };
    let Process::CommandLineTool(tool) = &workflow.steps[0].run else { panic!() };
    let inputs = values([("given", object("given.txt", 1)), ("own", object("own.txt", 1))]);
    let bound = bind(tool, inputs, &Evaluator::default(), &Text).unwrap();
    assert!(bound.task.staged.iter().any(|entry| entry.target == "/sluis/work/staged.txt"));
}

#[test]
fn a_list_of_one_source_is_a_list_once_what_is_null_is_left_out() {
    let workflow = workflow(
        r#"
cwlVersion: v1.2
class: Workflow
inputs: { a: "int?" }
outputs:
  all: { type: "int[]", outputSource: [a], pickValue: all_non_null }
  plain: { type: "int?", outputSource: [a] }
steps: []
"#,
    );
    for (given, expected) in [(Value::Null, vec![]), (Value::Integer(1), vec![Value::Integer(1)])] {
        let lookup = |_: &Source| Some(given.clone());
        let outputs = workflow.gather_outputs(&lookup).unwrap();
        assert_eq!((&outputs["all"], &outputs["plain"]), (&Value::Array(expected), &given));
    }
}

#[test]
fn a_listing_that_is_written_out_is_seen_and_one_of_a_folder_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("real")).unwrap();
    let job = folder.path().join("job.yml");
    let inner = "{class: Directory, basename: inner, listing: [{class: File, basename: a, contents: a}]}";
    fs::write(
        &job,
        format!("d: {{class: Directory, basename: d, listing: [{inner}, {{class: Directory, path: real}}]}}\n"),
    )
    .unwrap();
    let mut inputs = read_inputs(Some(&job)).unwrap().values;
    let Some(Value::Directory(directory)) = inputs.get_mut("d") else { panic!() };
    let Entry::Directory(real) = &mut directory.listing[1] else { panic!() };
    // As when it was taken into the store.
    (real.source, real.listing) =
        (None, vec![Entry::File(File::new("b", Location::Object(Address::from_bytes([1; 32]))))]);
    for (depth, expected) in [
        ("no_listing", ["inner true", "real false"]),
        ("shallow_listing", ["inner true", "real false"]),
        ("deep_listing", ["inner true", "real true"]),
    ] {
        let document = format!(
            "cwlVersion: v1.2\nclass: CommandLineTool\nrequirements: {{InlineJavascriptRequirement: {{}}}}\nbaseCommand: \
             echo\ninputs: {{d: {{type: Directory, loadListing: {depth}}}}}\narguments: [\"$(inputs.d.listing.map(function(x) \
             {{ return x.basename + ' ' + ('listing' in x); }}))\"]\noutputs: {{}}\n"
        );
        assert_eq!(bound(&document, inputs.clone()).task.command.arguments[1..], expected, "{depth}");
    }
}

#[test]
fn backslashes_are_read_as_the_version_of_the_document_has_them() {
    let rest = r"
class: CommandLineTool
baseCommand: echo
inputs: {a: string, x: {type: string, inputBinding: {position: 1}}}
requirements: {EnvVarRequirement: {envDef: {A: '\y $(inputs.a)'}}}
arguments: ['\$1 $(inputs.a)', '\\. $(inputs.a)', '\$(x) $(inputs.a)', '\$1', {valueFrom: '\y $(inputs.a)'}]
outputs: {}
";
    let older = ([r"$1 a", r"\. a", r"$(x) a", r"\$1", r"y a", r"\n $(a)"], r"y a");
    let newer = ([r"\$1 a", r"\. a", r"$(x) a", r"\$1", r"\y a", r"\n $(a)"], r"\y a");
    for (version, (arguments, variable)) in [("v1.0", older), ("v1.1", older), ("v1.2", newer)] {
        let inputs = values([("a", text("a")), ("x", text(r"\n $(a)"))]);
        let command = bound(&format!("cwlVersion: {version}{rest}"), inputs).task.command;
        assert_eq!(command.arguments[1..], arguments, "{version}");
        assert_eq!(command.environment["A"], variable, "{version}");
    }
}
