//! Documents from files: references, shorthands, requirements; and texts that mean harm.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::{fs, path::Path, time::Instant};

use proptest::prelude::*;
use sluis_cwl::{Amount, CommandLineTool, Process, Source, Type, Workflow, load};
use sluis_yaml::Diagnostics;
use tempfile::TempDir;

/// A folder with files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn try_load(folder: &TempDir, name: &str) -> Result<Process, Diagnostics> {
    load(folder.path().join(name).to_str().unwrap()).map(|loaded| loaded.process)
}

fn workflow(folder: &TempDir, name: &str) -> Workflow {
    match try_load(folder, name) {
        Ok(Process::Workflow(workflow)) => (*workflow).clone(),
        other => panic!("{other:?}"),
    }
}

fn tool(process: &Process) -> &CommandLineTool {
    match process {
        Process::CommandLineTool(tool) => tool,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_workflow_of_the_project_loads_without_a_warning() {
    let mut folders = vec![Path::new("../../workflows").to_owned()];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "cwl") {
                let loaded = load(path.to_str().unwrap()).unwrap_or_else(|problems| panic!("{problems}"));
                assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
                count += 1;
            }
        }
    }
    assert!(count >= 20);
}

#[test]
fn a_packed_document_names_its_parts_in_full() {
    let folder = folder(&[(
        "packed.cwl",
        "cwlVersion: v1.2\n$graph:\n- class: CommandLineTool\n  id: '#tool'\n  baseCommand: cat\n  inputs:\n  - {id: \
         '#tool/file', type: File}\n  outputs:\n  - {id: '#tool/out', type: stdout}\n- class: Workflow\n  id: '#main'\n  \
         inputs:\n  - {id: '#main/file', type: File}\n  outputs:\n  - {id: '#main/out', type: File, outputSource: \
         '#main/step/out'}\n  steps:\n  - id: '#main/step'\n    run: '#tool'\n    in:\n    - {id: '#main/step/file', \
         source: '#main/file'}\n    out: ['#main/step/out']\n",
    )]);
    let workflow = workflow(&folder, "packed.cwl");
    assert_eq!(workflow.steps[0].inputs[0].sources, [Source::WorkflowInput("file".to_owned())]);
    let source = Source::StepOutput { step: "step".to_owned(), output: "out".to_owned() };
    assert_eq!(workflow.outputs[0].sources, [source]);
    assert_eq!(tool(&workflow.steps[0].run).name, "packed.cwl#tool");
    assert!(matches!(try_load(&folder, "packed.cwl#tool"), Ok(Process::CommandLineTool(_))));
}

#[test]
fn imports_and_includes_are_read_beside_the_file_that_names_them() {
    let folder = folder(&[
        (
            "tool.cwl",
            "cwlVersion: v1.2\nclass: CommandLineTool\nrequirements:\n  SchemaDefRequirement:\n    types:\n      - {$import: \
             types.yml}\n  InlineJavascriptRequirement:\n    expressionLib: [{$include: library.js}]\nbaseCommand: \
             echo\ninputs:\n  sample: types.yml#sample\n  all: types.yml#sample[]?\noutputs: {}\n",
        ),
        (
            "types.yml",
            "- {type: enum, name: kind, symbols: [a, b]}\n- type: record\n  name: sample\n  fields: {kind: kind, reads: \
             'File[]'}\n",
        ),
        ("library.js", "function one() { return 1; }\n"),
    ]);
    let process = try_load(&folder, "tool.cwl").unwrap_or_else(|problems| panic!("{problems}"));
    let tool = tool(&process);
    assert_eq!(tool.requirements.javascript.as_deref(), Some(&["function one() { return 1; }\n".to_owned()][..]));
    let Type::Record(record) = &tool.inputs[0].ty else { panic!("{:?}", tool.inputs[0].ty) };
    assert!(matches!(&record.fields[0].ty, Type::Enum(kind) if kind.symbols == ["a", "b"]));
    assert!(matches!(&tool.inputs[1].ty, Type::Union(types) if types[0] == Type::Null && types.len() == 2));
}

#[test]
fn the_nearest_requirement_wins_and_requirements_win_over_hints() {
    let tool = |fields: &str| {
        format!("cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: a\ninputs: []\noutputs: []\n{fields}")
    };
    let folder = folder(&[
        ("own.cwl", &tool("requirements: {ResourceRequirement: {coresMin: 3}}\n")),
        ("hint.cwl", &tool("hints: {ResourceRequirement: {coresMin: 3}, ToolTimeLimit: {timelimit: 9}}\n")),
        (
            "workflow.cwl",
            "cwlVersion: v1.2\nclass: Workflow\nrequirements: {ResourceRequirement: {coresMin: 1}}\nhints: \
             {ToolTimeLimit: {timelimit: 5}}\ninputs: []\noutputs: []\nsteps:\n  plain: {run: own.cwl, in: [], out: \
             []}\n  hinted: {run: hint.cwl, in: [], out: []}\n  step: {run: hint.cwl, in: [], out: [], requirements: \
             {ResourceRequirement: {coresMin: 2}}}\n",
        ),
    ]);
    let workflow = workflow(&folder, "workflow.cwl");
    let cores: Vec<_> =
        workflow.steps.iter().map(|step| self::tool(&step.run).requirements.resources.cores_min.clone()).collect();
    assert_eq!(cores, [3.0, 1.0, 2.0].map(|cores| Some(Amount::Number(cores))));
    let limit = |step: usize| self::tool(&workflow.steps[step].run).requirements.time_limit.clone();
    assert_eq!((limit(0), limit(1)), (Some(Amount::Number(5.0)), Some(Amount::Number(9.0))));
}

#[test]
fn documents_that_grow_without_bound_end_quickly_with_an_error() {
    let begun = Instant::now();
    let head = "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: a\noutputs: []\n";
    let mut files = Vec::new();
    for level in 0..9 {
        let next = if level < 8 { format!("{{$import: {}.yml}}", level + 1) } else { "int".to_owned() };
        files.push((format!("{level}.yml"), format!("x: [{}]\n", vec![next; 10].join(", "))));
    }
    files.push(("imports.cwl".to_owned(), format!("{head}inputs: {{$import: 0.yml}}\n")));
    let types: Vec<_> = (0..30)
        .map(|n| format!("{{type: record, name: r{n}, fields: {{a: r{0}, b: r{0}}}}}", n + 1))
        .chain(["{type: enum, name: r30, symbols: [x]}".to_owned()])
        .collect();
    let schemas = format!("requirements: {{SchemaDefRequirement: {{types: [{}]}}}}\n", types.join(", "));
    files.push(("types.cwl".to_owned(), format!("{head}{schemas}inputs: {{x: r0}}\n")));
    for level in 0..30 {
        let run = if level < 29 { format!("w{}.cwl", level + 1) } else { "leaf.cwl".to_owned() };
        let steps = format!("  a: {{run: {run}, in: [], out: []}}\n  b: {{run: {run}, in: [], out: []}}\n");
        let text = format!("cwlVersion: v1.2\nclass: Workflow\ninputs: []\noutputs: []\nsteps:\n{steps}");
        files.push((format!("w{level}.cwl"), text));
    }
    files.push(("leaf.cwl".to_owned(), format!("{head}inputs: []\n")));
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let folder = folder(&files);
    for (name, why) in [("imports.cwl", "imports add"), ("types.cwl", "used too often"), ("w0.cwl", "processes")] {
        let problems = try_load(&folder, name).unwrap_err().to_string();
        assert!(problems.contains(why), "{name}: {problems}");
    }
    assert!(begun.elapsed().as_secs() < 60);
}

/// Texts that look like documents.
fn document() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "class",
        "Workflow",
        "CommandLineTool",
        "ExpressionTool",
        "inputs",
        "outputs",
        "steps",
        "run",
        "in",
        "out",
        "type",
        "File",
        "array",
        "record",
        "items",
        "fields",
        "scatter",
        "source",
        "#main",
        "$graph",
        "$import",
        "document.cwl",
        "id",
        "a",
        "a/b",
        "requirements",
        "SchemaDefRequirement",
        "types",
        "hints",
        "default",
        "null",
        "1",
        "$(inputs.a)",
        "${",
        "string[]?",
        "outputSource",
        "linkMerge",
        "secondaryFiles",
        "when",
        "cwlVersion",
        "v1.2",
    ]);
    let leaf = word.clone().prop_map(|word| format!("\"{word}\""));
    leaf.prop_recursive(6, 60, 6, move |inner| {
        let pairs = prop::collection::vec((word.clone(), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            pairs.prop_map(|pairs| {
                let pairs: std::collections::BTreeMap<_, _> = pairs.into_iter().collect();
                let fields: Vec<_> = pairs.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
                format!("{{{}}}", fields.join(", "))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_the_loader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("document.cwl"), bytes).unwrap();
        let _ = try_load(&folder, "document.cwl");
    }

    #[test]
    fn no_document_makes_the_loader_panic(class in "Workflow|CommandLineTool", rest in document(), more in document()) {
        let text = format!("cwlVersion: v1.2\nclass: {class}\ninputs: {rest}\nsteps: {more}\noutputs: {more}\nbaseCommand: a\n");
        let folder = folder(&[("document.cwl", &text)]);
        if let Err(problems) = try_load(&folder, "document.cwl") {
            prop_assert!(problems.has_errors());
            for problem in problems.iter() {
                prop_assert!(text.get(problem.span.range()).is_some());
            }
        }
    }
}
