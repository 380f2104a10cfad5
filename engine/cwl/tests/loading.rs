//! Documents from files: references, shorthands, requirements; and texts that mean harm.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::{fs, path::Path};

use proptest::prelude::*;
use sluis_cwl::{
    Amount, CommandLineTool, Inputs, LocalOnly, Process, RemoteDocuments, Source, Type, Workflow, load, load_for,
    load_whole,
};
use sluis_model::{ListingDepth, Location, Value as CwlValue};
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

/// Documents written as those of many repositories are: with fields and hints of vendors, metadata, much JavaScript, and
/// slips that do no harm.
#[test]
fn documents_as_they_are_found_are_accepted() {
    let mut count = 0;
    for entry in fs::read_dir("tests/wild").unwrap() {
        let path = entry.unwrap().path();
        let loaded = load_whole(path.to_str().unwrap(), &LocalOnly);
        let (processes, warnings) = loaded.unwrap_or_else(|problems| panic!("{problems}"));
        assert!(warnings.unsupported().is_none(), "{}: {warnings}", path.display());
        count += processes.len();
    }
    assert_eq!(count, 8);
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
fn symbols_are_told_by_their_last_part() {
    let folder = folder(&[(
        "tool.cwl",
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: echo\ninputs:\n  x: {type: {type: enum, symbols: \
         [plain, kind/one, '#two', 'types.yml#kind/three', '/']}}\noutputs: {}\n",
    )]);
    let process = try_load(&folder, "tool.cwl").unwrap_or_else(|problems| panic!("{problems}"));
    let ty = &tool(&process).inputs[0].ty;
    assert!(matches!(ty, Type::Enum(kind) if kind.symbols == ["plain", "one", "two", "three", "/"]), "{ty:?}");
}

#[test]
fn a_mixin_takes_a_mapping_and_changes_some_of_it() {
    let folder = folder(&[
        ("input.yml", "type: File\nformat: a\nlabel: reads\n"),
        (
            "tool.cwl",
            "cwlVersion: v1.0\nclass: CommandLineTool\nbaseCommand: echo\ninputs:\n  x: {$mixin: input.yml, format: b}\n\
             outputs: {}\n",
        ),
    ]);
    let process = try_load(&folder, "tool.cwl").unwrap_or_else(|problems| panic!("{problems}"));
    let input = &tool(&process).inputs[0];
    assert_eq!((&input.ty, input.format[0].text.as_str()), (&Type::File, "b"));
}

#[test]
fn a_document_follows_the_version_that_it_names() {
    let tool = |first: &str, more: &str| {
        format!("{first}class: CommandLineTool\nbaseCommand: a\ninputs: []\noutputs: []\n{more}")
    };
    let limits =
        "$namespaces: {cwltool: 'http://commonwl.org/cwltool#'}\nrequirements: {cwltool:TimeLimit: {timelimit: 7}}\n";
    let folder = folder(&[
        ("old.cwl", &tool("cwlVersion: v1.0\n", limits)),
        ("new.cwl", &tool("cwlVersion: v1.2.0-dev5\n", "")),
        ("silent.cwl", &tool("", "")),
        ("too-new.cwl", &tool("cwlVersion: v1.0\n", "requirements: {WorkReuse: {enableReuse: false}}\n")),
        (
            "mixed.cwl",
            "cwlVersion: v1.1\nclass: Workflow\ninputs: []\noutputs: []\nsteps:\n  a: {run: old.cwl, in: [], out: []}\n  \
             b: {run: new.cwl, in: [], out: []}\n  c: {run: silent.cwl, in: [], out: []}\n",
        ),
        (
            "mixed-badly.cwl",
            "cwlVersion: v1.2\nclass: Workflow\ninputs: []\noutputs: []\nsteps: [{id: a, run: too-new.cwl, in: [], out: \
             []}]\n",
        ),
    ]);
    let steps = workflow(&folder, "mixed.cwl").steps;
    let requirements = |step: usize| &self::tool(&steps[step].run).requirements;
    // Version 1.0 shows directories whole; later ones show nothing unless they are asked to.
    assert_eq!(requirements(0).load_listing, Some(ListingDepth::Deep));
    assert_eq!(requirements(1).load_listing, None);
    assert_eq!(requirements(0).time_limit, Some(Amount::Number(7.0)));
    for (name, why) in [
        ("silent.cwl", "the document has no `cwlVersion`"),
        ("too-new.cwl", "WorkReuse came with CWL v1.1, but this is v1.0"),
        ("mixed-badly.cwl", "too-new.cwl:6:16: WorkReuse came with CWL v1.1"),
    ] {
        let problems = try_load(&folder, name).unwrap_err().to_string();
        assert!(problems.contains(why), "{name}: {problems}");
    }
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
}

#[test]
fn texts_that_would_take_long_to_read_end_quickly() {
    let tool = |rest: &str| {
        format!(
            "cwlVersion: v1.2\nclass: CommandLineTool\nrequirements: {{InlineJavascriptRequirement: {{}}}}\nbaseCommand: a\noutputs: []\n{rest}"
        )
    };
    let many = 300_000;
    let bomb: String =
        (1..10).map(|n| format!("- &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "))).collect();
    let unknown: String = (0..many).map(|n| format!("baseComman{n}: a\n")).collect();
    for (rest, why) in [
        (format!("inputs: []\nx: \n- &a0 x\n{bomb}"), "aliases add"),
        (format!("inputs: []\nx: &x {}\ny: [{}]\n", "y".repeat(many), vec!["*x"; 5000].join(", ")), "aliases add"),
        (format!("inputs: []\ndoc: [{}]\n", vec!["{$include: tool.cwl}"; 30_000].join(", ")), "imports add"),
        (format!("inputs: {{a: 'File{}'}}\n", "[]".repeat(many)), "at most 64"),
        (format!("inputs: []\narguments: [\"${{{}\"]\n", "(/[".repeat(many)), "never closed"),
        (format!("inputs: []\narguments: [\"${{{}\"]\n", "('".repeat(many)), "never closed"),
        (format!("inputs: []\narguments: [\"{}\"]\n", "$(".repeat(many)), "never closed"),
        (format!("inputs: {}", "[".repeat(many)), "not YAML"),
        (format!("inputs: {}", "{a: ".repeat(many)), "nested deeper"),
        (format!("inputs: []\n{unknown}"), "has no field"),
        (format!("inputs: []\ndoc: {}\n", "x".repeat(17 << 20)), "bytes"),
    ] {
        let folder = folder(&[("tool.cwl", &tool(&rest))]);
        let problems = match load(folder.path().join("tool.cwl").to_str().unwrap()) {
            Ok(loaded) => loaded.warnings.to_string(),
            Err(problems) => problems.to_string(),
        };
        assert!(problems.contains(why), "{why}: {}", problems.chars().take(300).collect::<String>());
    }
}

/// Documents on the web, by their addresses.
struct Web(Vec<(&'static str, String)>);

impl RemoteDocuments for Web {
    fn text(&self, address: &str) -> Result<String, String> {
        let found = self.0.iter().find(|(known, _)| *known == address);
        found.map(|(_, text)| text.clone()).ok_or_else(|| "not there".to_owned())
    }
}

#[test]
fn a_document_on_the_web_refers_to_the_web_alone() {
    let tool = |fields: &str| {
        format!(
            "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: a\noutputs: []\ninputs: {{f: {{type: File, {fields}}}}}\n"
        )
    };
    let secret = folder(&[("secret.txt", "secret")]);
    let path = secret.path().join("secret.txt").display().to_string();
    let web = |fields: &str| {
        Web(vec![("https://a.org/x/tool.cwl", tool(fields)), ("https://a.org/doc.txt", "a doc".to_owned())])
    };
    let load = |fields: &str| load_for("https://a.org/x/tool.cwl", &mut Inputs::default(), &web(fields));
    for (location, expected) in [
        ("beside.txt", "https://a.org/x/beside.txt"),
        ("/rooted.txt", "https://a.org/rooted.txt"),
        ("../../../../up.txt", "https://a.org/up.txt"),
        ("//b.org/file", "https://b.org/file"),
        (&path, &format!("https://a.org{path}")),
    ] {
        let loaded = load(&format!("default: {{class: File, location: '{location}'}}")).unwrap();
        let Some(CwlValue::File(file)) = &self::tool(&loaded.process).inputs[0].default else { panic!("{location}") };
        assert_eq!(file.location, Location::Remote(expected.to_owned()), "{location}");
    }
    let loaded = load(&format!("default: {{class: File, location: 'file://{path}'}}")).unwrap();
    assert!(self::tool(&loaded.process).inputs[0].unreadable_default.is_some());
    let loaded = load("doc: {$include: ../doc.txt}").unwrap();
    assert_eq!(self::tool(&loaded.process).inputs[0].about.doc.as_deref(), Some("a doc"));
    for reference in [path.clone(), format!("file://{path}"), format!("../../../../../..{path}")] {
        let problems = load(&format!("doc: {{$include: '{reference}'}}")).unwrap_err().to_string();
        assert!(problems.contains("cannot") && !problems.contains("secret\n"), "{problems}");
    }
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
