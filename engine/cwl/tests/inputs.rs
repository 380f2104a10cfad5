//! Input objects: job files, defaults, types, files beside files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::fs;

use sluis_cwl::{Process, load, read_inputs, tool_of_job};
use sluis_model::{Address, Entry, File, Location, Value, Values};
use sluis_yaml::Diagnostics;
use tempfile::TempDir;

struct Case {
    folder: TempDir,
    process: Process,
}

/// A tool with these inputs.
fn case(inputs: &str) -> Case {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tool.cwl");
    let head = "cwlVersion: v1.2\nclass: CommandLineTool\nrequirements: {InlineJavascriptRequirement: {}}\n";
    let namespaces = "$namespaces: {edam: http://edamontology.org/}\n";
    fs::write(&path, format!("{head}{namespaces}baseCommand: a\noutputs: []\ninputs:\n{inputs}")).unwrap();
    let loaded = load(path.to_str().unwrap()).unwrap_or_else(|problems| panic!("{problems}"));
    Case { folder, process: loaded.process }
}

impl Case {
    fn with(self, files: &[&str]) -> Self {
        for file in files {
            fs::write(self.folder.path().join(file), "text").unwrap();
        }
        self
    }

    fn check(&self, job: &str) -> Result<Values, Diagnostics> {
        let path = self.folder.path().join("job.yml");
        fs::write(&path, job).unwrap();
        self.process.check_inputs(read_inputs(Some(&path))?)
    }

    fn told(&self, job: &str) -> String {
        let folder = format!("{}/", self.folder.path().display());
        self.check(job).unwrap_err().to_string().replace(&folder, "").replace(folder.trim_end_matches('/'), "FOLDER")
    }
}

fn file(value: &Value) -> &File {
    match value {
        Value::File(file) => file,
        other => panic!("{other:?}"),
    }
}

fn beside(file: &File) -> Vec<&str> {
    file.secondary_files.iter().map(Entry::basename).collect()
}

#[test]
fn defaults_are_filled_in_and_numbers_take_their_type() {
    let case =
        case("  a: {type: int, default: 3}\n  b: double\n  c: 'int?'\n  d: [int, double]\n  e: 'float[]'\n  f: long\n");
    let values = case.check("{b: 2, d: 2, e: [1, 0.5], f: 3.0}").unwrap();
    let expected = [
        Value::Integer(3),
        Value::Float(2.0),
        Value::Null,
        Value::Integer(2),
        Value::Array(vec![Value::Float(1.0), Value::Float(0.5)]),
        Value::Integer(3),
    ];
    assert_eq!(values.into_values().collect::<Vec<_>>(), expected);
}

#[test]
fn every_wrong_value_is_told_with_its_place() {
    let case = case(
        "  count: int\n  kind: {type: {type: enum, symbols: [a, b]}}\n  sample:\n    type: {type: record, fields: {name: \
         string, reads: 'File[]'}}\n  names: 'string[]'\n  missing: string\n  any: Any\n  small: int\n",
    );
    assert_eq!(
        case.told("count: many\nkind: c\nsample: {name: x, reads: [{class: File, path: no.fq}, 1]}\nnames:\n- a\n- 1\nsmall: 9999999999\n"),
        "job.yml:1:8: `count` must be int, but is a string\n\
         job.yml:2:7: `kind` must be one of a, b, but is c\n\
         job.yml:3:1: item 1 of the field `reads` of `sample` must be File, but is an integer\n\
         job.yml:4:1: item 1 of `names` must be string, but is an integer\n\
         job.yml:1:1: the input `missing` (string) has no value\n\
         job.yml:1:1: the input `any` (Any) has no value\n\
         job.yml:7:8: `small` must be an int of 32 bits, but is 9999999999\n\
         job.yml:3:1: the input `sample`: no.fq does not exist"
    );
}

#[test]
fn a_misspelt_name_is_told_and_a_foreign_one_left_alone() {
    let case = case("  threads: 'int?'\n");
    assert_eq!(case.told("therads: 3\nother: 5\n"), "job.yml:1:1: there is no input `therads`");
    assert_eq!(case.check("threads: 3\nthread: 5\n").unwrap().len(), 1);
    assert_eq!(case.check("").unwrap()["threads"], Value::Null);
}

#[test]
fn secondary_files_are_found_beside_local_files() {
    let case = case(
        "  bam:\n    type: File\n    secondaryFiles: [.bai, ^.txt, .missing?, '$(self.nameroot).js', {pattern: .x, \
         required: '$(false)'}]\n  list: {type: 'File[]?', secondaryFiles: .bai}\n",
    )
    .with(&["a.bam", "a.bam.bai", "a.txt", "a.js", "b.bam"]);
    let values = case.check("bam: {class: File, location: a.bam}\n").unwrap();
    let bam = file(&values["bam"]);
    assert_eq!(beside(bam), ["a.bam.bai", "a.txt", "a.js"]);
    assert_eq!(bam.size, Some(4));
    assert!(matches!(&bam.location, Location::Path(path) if path == &case.folder.path().join("a.bam")));
    assert_eq!(
        case.told(
            "bam: {class: File, path: a.bam}\nlist: [{class: File, path: ./x/../a.bam}, {class: File, path: b.bam}]\n"
        ),
        "job.yml:2:1: the input `list`: b.bam needs b.bam.bai beside it, which is not there in FOLDER"
    );
}

#[test]
fn files_that_are_not_there_or_have_another_format_are_told() {
    let case =
        case("  a: {type: File, format: [edam:format_1930, edam:format_1929]}\n  b: 'Directory?'\n").with(&["a.fq"]);
    let job = |format: &str| {
        format!("$namespaces: {{e: http://edamontology.org/}}\na: {{class: File, path: a.fq, format: {format}}}\n")
    };
    for format in ["e:format_1930", "edam:format_1929", "http://edamontology.org/format_1930"] {
        let values = case.check(&job(format)).unwrap();
        assert!(file(&values["a"]).format.as_deref().unwrap().starts_with("http://edamontology.org/format_19"));
    }
    assert!(case.told(&job("e:format_2572")).contains("but a.fq has http://edamontology.org/format_2572"));
    assert_eq!(
        case.told("a: {class: File, path: b.fq}\nb: {class: Directory, path: a.fq}\n"),
        "job.yml:1:1: the input `a`: b.fq does not exist\njob.yml:2:1: the input `b`: a.fq is not a folder"
    );
    assert!(case.told("a: {class: File, location: 'gs://example.org/a.fq'}\n").starts_with("job.yml:1:4: "));
}

#[test]
fn files_named_by_urls_or_given_in_the_job_file_are_taken() {
    let case = case("  a: File\n  b: File\n").with(&["a b%20c.txt"]);
    let url = format!("file://{}/a%20b%2520c.txt", case.folder.path().display());
    let values =
        case.check(&format!("a: {{class: File, location: '{url}'}}\nb: {{class: File, contents: text}}\n")).unwrap();
    assert_eq!(file(&values["a"]).basename, "a b%20c.txt");
    assert_eq!(file(&values["b"]).location, Location::Literal("text".to_owned()));
    assert!(!file(&values["b"]).basename.is_empty());
}

#[test]
fn values_from_other_steps_are_completed_without_looking_at_files() {
    let case = case("  bam: {type: File, secondaryFiles: [.bai, .x?]}\n  n: {type: int, default: 1}\n");
    let mut bam = File::new("a.bam", Location::Object(Address::from_bytes([1; 32])));
    let given = |bam: &File| Values::from_iter([("bam".to_owned(), Value::File(Box::new(bam.clone())))]);
    let problems = case.process.complete_inputs(given(&bam)).unwrap_err();
    assert_eq!(problems.to_string(), "the input `bam`: a.bam comes without a.bam.bai, which must be beside it");
    bam.secondary_files.push(Entry::File(File::new("a.bam.bai", Location::Object(Address::from_bytes([2; 32])))));
    assert_eq!(case.process.complete_inputs(given(&bam)).unwrap()["n"], Value::Integer(1));
}

#[test]
fn a_default_that_cannot_be_read_is_never_used() {
    let case =
        case("  a: {type: Any, default: {class: File}}\n  b: {type: 'File?', default: {class: File, path: ''}}\n");
    let told = case.told("{}\n");
    assert!(told.contains("`a` has no value, and its default cannot be used: a File needs"), "{told}");
    assert!(told.contains("`b` has no value, and its default cannot be used: a location cannot be empty"), "{told}");
    assert_eq!(case.check("{a: 1, b: {class: File, contents: x}}\n").unwrap()["a"], Value::Integer(1));
}

#[test]
fn an_expression_names_only_files_beside_a_file_or_among_the_inputs() {
    let job = "{f: {class: File, path: f.txt}, other: {class: File, path: /etc/hostname}}\n";
    let of = |code: &str| {
        let inputs = format!("  f: {{type: File, secondaryFiles: '{code}'}}\n  other: File\n");
        let case = case(&inputs).with(&["f.txt", "f.txt.idx"]);
        case.check(job).map(|values| beside(file(&values["f"])).join(" ")).map_err(|problems| problems.to_string())
    };
    assert_eq!(of("$(self.basename + \".idx\")").as_deref(), Ok("f.txt.idx"));
    assert_eq!(of("$({\"class\": \"File\", \"location\": self.location + \".idx\"})").as_deref(), Ok("f.txt.idx"));
    assert_eq!(of("$(inputs.other)").as_deref(), Ok("hostname"));
    for code in ["$(\"../../etc/passwd\")", "$({\"class\": \"File\", \"path\": \"/etc/passwd\"})"] {
        assert!(of(code).is_err(), "{code}");
    }
    let case = case("  f: {type: File, secondaryFiles: $(inputs.name)}\n  name: string\n");
    let told = case.told("{f: {class: File, location: 'https://example.org/f'}, name: secret}\n");
    assert!(told.contains("can only be named by patterns"), "{told}");
}

#[test]
fn secondary_files_are_those_of_the_record_that_a_union_holds() {
    let record = |name: &str, field: &str, pattern: &str| {
        format!("{{type: record, name: {name}, fields: {{{field}: {{type: File, secondaryFiles: {pattern}}}}}}}")
    };
    let (one, two) = (record("one", "x", ".none"), record("two", "y", ".bai"));
    let case = case(&format!("  r: {{type: [{one}, {two}]}}")).with(&["a.bam", "a.bam.bai"]);
    let values = case.check("r: {y: {class: File, path: a.bam}}").unwrap();
    let Value::Record(fields) = &values["r"] else { panic!() };
    assert_eq!(beside(file(&fields["y"])), ["a.bam.bai"]);
}

#[test]
fn a_file_with_another_checksum_than_the_job_file_says_is_refused() {
    let case = case("  a: 'File[]'\n").with(&["f.txt"]);
    let job = |sha1: &str| format!("a:\n- {{class: File, path: f.txt, checksum: {sha1}}}\n");
    let right = "sha1$372ea08cab33e71c02c651dbc83a474d32c676ea";
    for checksum in [right, &right.to_uppercase().replace("SHA1", "sha1"), "md5$0", "sha1$hash"] {
        assert!(case.check(&job(checksum)).is_ok(), "{checksum}");
    }
    assert_eq!(
        case.told(&job("sha1$0000000000000000000000000000000000000000")),
        format!("job.yml:2:40: f.txt is not the file that is meant: its checksum is {right}")
    );
    // Nobody asks for this file.
    assert!(
        case.check("a: []\nb: {class: File, path: f.txt, checksum: sha1$0000000000000000000000000000000000000000}\n")
            .is_ok()
    );
}

#[test]
fn inputs_of_expression_tools_are_checked_as_those_of_commands_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tool.cwl");
    let head = "cwlVersion: v1.2\nclass: ExpressionTool\nrequirements: {InlineJavascriptRequirement: {}}\n";
    let inputs = "inputs:\n  a: {type: File, format: http://edamontology.org/format_1930}\n  b: {type: 'File?', secondaryFiles: .idx}\n";
    fs::write(&path, format!("{head}{inputs}outputs: {{}}\nexpression: $({{}})\n")).unwrap();
    let case = Case { process: load(path.to_str().unwrap()).unwrap().process, folder }.with(&["f.fq", "g", "g.idx"]);
    let format =
        |number: u32| format!("a: {{class: File, path: f.fq, format: 'http://edamontology.org/format_{number}'}}\n");
    let values = case.check(&format!("{}b: {{class: File, path: g}}\n", format(1930))).unwrap();
    assert_eq!(beside(file(&values["b"])), ["g.idx"]);
    assert!(case.told(&format(2572)).contains("but f.fq has http://edamontology.org/format_2572"));
    let told = case.told(&format!("{}b: {{class: File, path: f.fq}}\n", format(1930)));
    assert!(told.contains("f.fq needs f.fq.idx beside it"), "{told}");
    let mut values = Values::new();
    values.insert(
        "a".to_owned(),
        Value::File(Box::new(File::new("f.fq", Location::Object(Address::from_bytes([1; 32]))))),
    );
    values.insert("b".to_owned(), values["a"].clone());
    let problems = case.process.complete_inputs(values).unwrap_err().to_string();
    assert!(problems.contains("f.fq comes without f.fq.idx"), "{problems}");
}

#[test]
fn a_job_file_may_name_its_document() {
    let folder = tempfile::tempdir().unwrap();
    let of = |text: &str| {
        let path = folder.path().join("job.yml");
        fs::write(&path, text).unwrap();
        tool_of_job(&path).map(|tool| tool.replace(&format!("{}/", folder.path().display()), ""))
    };
    assert_eq!(of("cwl:tool: tool.cwl\nm: 1\n").as_deref(), Some("tool.cwl"));
    assert_eq!(of("cwl:tool: 'tools/all.cwl#main'\n").as_deref(), Some("tools/all.cwl#main"));
    assert_eq!(of("cwl:tool: https://example.org/tool.cwl\n").as_deref(), Some("https://example.org/tool.cwl"));
    for other in ["m: 1\n", "cwl:tool: 1\n", "class: Workflow\ncwl:tool: tool.cwl\n", "[]\n", "{"] {
        assert_eq!(of(other), None, "{other}");
    }
}
