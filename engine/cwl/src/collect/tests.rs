use std::{
    error::Error,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::Arc,
};

use sluis_model::{Address, Directory, Entry, File, ListingDepth, Location, Value, Values};

use super::{CollectError, PlaceError};
use crate::{
    ArrayType, CommandLineTool, Condition, Contents, Evaluator, Expression, InputParameter, OutputBinding,
    OutputParameter, RecordField, RecordType, SecondaryFile, Type, WorkDirEntry, bind,
};

struct NoText;

impl Contents for NoText {
    fn text(&self, _: &File) -> Result<String, Box<dyn Error + Send + Sync>> {
        Err("nothing to read".into())
    }
}

/// A task's folder with an input `in/0/reads.txt`, and a tool with the outputs to test.
struct Case {
    folder: tempfile::TempDir,
    tool: CommandLineTool,
    inputs: Values,
}

fn code(text: &str) -> Expression {
    Expression::from(text)
}

fn address() -> Address {
    Address::from_bytes([1; 32])
}

impl Case {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("work")).unwrap();
        fs::create_dir_all(folder.path().join("in/0")).unwrap();
        fs::write(folder.path().join("in/0/reads.txt"), "reads").unwrap();
        let mut tool = CommandLineTool { base_command: vec!["tool".to_owned()], ..CommandLineTool::default() };
        tool.requirements.javascript = Some(Vec::new());
        tool.inputs = vec![InputParameter {
            unreadable_default: None,
            about: crate::About::default(),
            name: "reads".to_owned(),
            ty: Type::File,
            default: None,
            input_binding: None,
            secondary_files: Vec::new(),
            format: Vec::new(),
            ontologies: Default::default(),
            load_contents: false,
            load_listing: None,
            streamable: false,
        }];
        let reads = Value::File(Box::new(File::new("reads.txt", Location::Object(address()))));
        Self { folder, tool, inputs: Values::from([("reads".to_owned(), reads)]) }
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.work().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn link(&self, target: impl AsRef<Path>, name: &str) {
        symlink(target, self.work().join(name)).unwrap();
    }

    fn outputs(&self, outputs: Vec<OutputParameter>) -> Result<Values, CollectError> {
        let tool = CommandLineTool { outputs, ..self.tool.clone() };
        let bound = bind(&Arc::new(tool), self.inputs.clone(), &Evaluator::default(), &NoText).unwrap();
        bound.collect(&self.work(), 0)
    }

    fn output(&self, ty: Type, binding: OutputBinding) -> Result<Value, CollectError> {
        self.outputs(vec![parameter(ty, Some(binding))]).map(|values| values["out"].clone())
    }
}

fn parameter(ty: Type, output_binding: Option<OutputBinding>) -> OutputParameter {
    let name = "out".to_owned();
    OutputParameter {
        about: crate::About::default(),
        name,
        ty,
        output_binding,
        secondary_files: Vec::new(),
        format: None,
        streamable: false,
    }
}

fn glob(pattern: &str) -> OutputBinding {
    OutputBinding { glob: vec![code(pattern)], ..OutputBinding::default() }
}

fn eval(text: &str) -> OutputBinding {
    OutputBinding { output_eval: Some(code(text)), ..OutputBinding::default() }
}

fn files() -> Type {
    Type::Array(ArrayType { items: Box::new(Type::Union(vec![Type::File, Type::Directory])), input_binding: None })
}

fn basenames(value: &Value) -> Vec<&str> {
    let Value::Array(items) = value else { panic!("{value:?}") };
    let names = items.iter().map(|item| match item {
        Value::File(file) => file.basename.as_str(),
        Value::Directory(directory) => directory.basename.as_str(),
        other => panic!("{other:?}"),
    });
    names.collect()
}

fn file(value: Value) -> File {
    match value {
        Value::File(file) => *file,
        other => panic!("{other:?}"),
    }
}

#[test]
fn files_are_found_in_order_with_their_sizes() {
    let case = Case::new();
    case.write("b.txt", "bb");
    case.write("a.txt", "a");
    case.write("d/deep/x", "xxx");
    let found = case.output(files(), glob("*")).unwrap();
    assert_eq!(basenames(&found), ["a.txt", "b.txt", "d"]);
    let Value::Array(items) = &found else { panic!() };
    let Value::Directory(directory) = &items[2] else { panic!() };
    let Entry::Directory(deep) = &directory.listing[0] else { panic!() };
    let Entry::File(x) = &deep.listing[0] else { panic!() };
    assert_eq!((x.size, &x.location), (Some(3), &Location::Path(case.work().join("d/deep/x"))));
    assert_eq!((x.path.as_ref(), directory.path.as_ref()), (None, None));
    assert_eq!(file(case.output(Type::File, glob("a.txt")).unwrap()).size, Some(1));
    let patterns = OutputBinding { glob: vec![code("$(['b.*', 'a.*'])")], ..OutputBinding::default() };
    assert_eq!(basenames(&case.output(files(), patterns).unwrap()), ["b.txt", "a.txt"]);
    let optional = || Type::Union(vec![Type::Null, Type::File]);
    assert_eq!(case.output(optional(), glob("none")).unwrap(), Value::Null);
    assert_eq!(case.output(files(), glob("none")).unwrap(), Value::Array(Vec::new()));
    assert_eq!(case.output(Type::Union(vec![Type::Null, files()]), glob("none")).unwrap(), Value::Null);
    assert!(matches!(case.output(Type::File, glob("none")), Err(CollectError::NoMatch { .. })));
    assert!(matches!(case.output(Type::File, glob("*.txt")), Err(CollectError::SeveralMatches { count: 2, .. })));
    assert!(matches!(case.output(Type::Directory, glob("a.txt")), Err(CollectError::Type { .. })));
}

#[test]
fn expressions_compute_outputs_from_what_was_found() {
    let case = Case::new();
    case.write("n.txt", "41\n");
    case.write("d/one", "");
    let loaded = OutputBinding { load_contents: true, ..glob("n.txt") };
    let number = OutputBinding { output_eval: Some(code("$(parseInt(self[0].contents) + 1)")), ..loaded.clone() };
    assert_eq!(case.output(Type::Int, number).unwrap(), Value::Integer(42));
    assert_eq!(file(case.output(Type::File, loaded.clone()).unwrap()).contents, None);
    let code_of = eval("$(runtime.exitCode + inputs.reads.basename.length)");
    assert_eq!(case.output(Type::Int, code_of).unwrap(), Value::Integer(9));
    let listing = OutputBinding {
        load_listing: Some(ListingDepth::Shallow),
        output_eval: Some(code("$(self[0].listing[0])")),
        ..glob("d")
    };
    assert_eq!(file(case.output(Type::File, listing).unwrap()).location, Location::Path(case.work().join("d/one")));
    let made = eval("$({'class': 'File', path: runtime.outdir + '/n.txt', basename: 'renamed'})");
    let made = file(case.output(Type::File, made).unwrap());
    assert_eq!((made.basename.as_str(), made.size), ("renamed", Some(3)));
    assert!(matches!(case.output(Type::Int, eval("$('x')")), Err(CollectError::Type { .. })));
    case.write("n.txt", &"x".repeat(65_537));
    assert!(matches!(case.output(Type::File, loaded), Err(CollectError::TooLong(_))));
}

#[test]
fn inputs_are_passed_on_as_their_objects() {
    let case = Case::new();
    let passed = file(case.output(Type::File, eval("$(inputs.reads)")).unwrap());
    assert_eq!((passed.location, passed.path), (Location::Object(address()), None));
    case.link("/sluis/in/0/reads.txt", "link");
    case.link(case.folder.path().join("in/0/reads.txt"), "host");
    case.link("/sluis/in/0", "folder");
    for name in ["link", "host"] {
        let found = file(case.output(Type::File, glob(name)).unwrap());
        assert_eq!((found.basename.as_str(), found.location), (name, Location::Object(address())));
    }
    let Value::Directory(folder) = case.output(Type::Directory, glob("folder")).unwrap() else { panic!() };
    assert!(matches!(&folder.listing[..], [Entry::File(file)] if file.location == Location::Object(address())));
    let foreign = eval("$({'class': 'File', location: 'b3:' + 'ab'.repeat(32), basename: 'x'})");
    assert!(matches!(case.output(Type::File, foreign), Err(CollectError::ForeignObject(_))));
}

#[test]
fn an_input_that_the_command_may_change_is_read_again() {
    let mut case = Case::new();
    let entry = |writable| WorkDirEntry::Dirent { entry: code("$(inputs.reads)"), entry_name: None, writable };
    case.write("reads.txt", "changed");
    case.tool.requirements.initial_work_dir = vec![entry(true)];
    let changed = file(case.output(Type::File, eval("$(inputs.reads)")).unwrap());
    assert_eq!((changed.size, changed.location), (Some(7), Location::Path(case.work().join("reads.txt"))));
    case.tool.requirements.initial_work_dir = vec![entry(false)];
    let kept = file(case.output(Type::File, eval("$(inputs.reads)")).unwrap());
    assert_eq!(kept.location, Location::Object(address()));
}

#[test]
fn nothing_outside_the_working_directory_is_collected() {
    let case = Case::new();
    fs::write(case.folder.path().join("secret"), "s").unwrap();
    fs::create_dir(case.folder.path().join("outside")).unwrap();
    case.link("/etc/passwd", "passwd");
    case.link("../secret", "up");
    case.link("../outside", "folder");
    case.link("/sluis/in/7/none", "unstaged");
    case.link("/sluis/in/0/../../../secret", "around");
    for name in ["passwd", "up", "folder", "unstaged", "around"] {
        let result = case.output(files(), glob(name));
        assert!(matches!(result, Err(CollectError::Place(PlaceError::Outside(_)))), "{name}: {result:?}");
    }
    let result = case.output(Type::Directory, glob("."));
    assert!(matches!(result, Err(CollectError::Place(PlaceError::Outside(_)))), "{result:?}");
    for path in ["/etc/passwd", "../secret", "passwd", "file:///etc/passwd"] {
        let result = case.output(Type::File, eval(&format!("$({{'class': 'File', path: '{path}'}})")));
        assert!(matches!(result, Err(CollectError::Place(PlaceError::Outside(_)))), "{path}: {result:?}");
    }
}

#[test]
fn links_inside_are_followed_and_loops_are_refused() {
    let case = Case::new();
    case.write("d/original", "x");
    case.link("d/original", "link");
    case.link("/sluis/work/d/original", "absolute");
    for name in ["link", "absolute"] {
        let found = file(case.output(Type::File, glob(name)).unwrap());
        assert_eq!((found.basename.as_str(), found.location), (name, Location::Path(case.work().join("d/original"))));
    }
    case.link("loop", "loop");
    case.link(".", "d/self");
    case.link("missing", "broken");
    let refused = |name| case.output(files(), glob(name)).unwrap_err();
    assert!(matches!(refused("loop"), CollectError::Place(PlaceError::Links(_))));
    assert!(matches!(refused("d"), CollectError::Place(PlaceError::Links(_))));
    assert!(matches!(refused("broken"), CollectError::Place(PlaceError::Missing(_))));
    let _socket = std::os::unix::net::UnixListener::bind(case.work().join("socket")).unwrap();
    assert!(matches!(refused("socket"), CollectError::Place(PlaceError::Kind(_))));
}

#[test]
fn secondary_files_and_formats_are_added() {
    let case = Case::new();
    case.write("sub/a.bam", "b");
    case.write("sub/a.bai", "i");
    let with = |pattern: &str, required| {
        let required = Some(Condition::Fixed(required));
        let mut parameter = parameter(Type::File, Some(glob("sub/*.bam")));
        parameter.secondary_files = vec![SecondaryFile { pattern: code(pattern), required }];
        parameter.format = Some(code("http://edamontology.org/format_$('2572')"));
        case.outputs(vec![parameter]).map(|values| file(values["out"].clone()))
    };
    for pattern in ["^.bai", "$(self.nameroot + '.bai')", "$([null, {'class': 'File', path: self.dirname + '/a.bai'}])"]
    {
        let found = with(pattern, true).unwrap();
        assert_eq!(found.format.as_deref(), Some("http://edamontology.org/format_2572"));
        let Entry::File(index) = &found.secondary_files[0] else { panic!() };
        assert_eq!(
            (index.basename.as_str(), &index.location),
            ("a.bai", &Location::Path(case.work().join("sub/a.bai")))
        );
    }
    assert!(with(".none", false).unwrap().secondary_files.is_empty());
    assert!(
        matches!(with(".none", true), Err(CollectError::MissingSecondaryFile { missing, .. }) if missing == "a.bam.none")
    );
}

#[test]
fn records_and_streams_are_collected() {
    let mut case = Case::new();
    case.write("a", "a");
    case.write("out.txt", "o");
    case.tool.stdout = Some(code("out.txt"));
    let field = |name: &str, ty, output_binding| RecordField {
        name: name.to_owned(),
        ty,
        input_binding: None,
        output_binding: Some(output_binding),
        secondary_files: Vec::new(),
        format: Vec::new(),
        load_contents: false,
        load_listing: None,
    };
    let fields = vec![field("f", Type::File, glob("a")), field("n", Type::Int, eval("$(1 + 1)"))];
    let absent = RecordType { fields: vec![field("f", Type::File, glob("none"))], input_binding: None };
    let optional = |record| Type::Union(vec![Type::Null, Type::Record(record)]);
    assert_eq!(case.outputs(vec![parameter(optional(absent.clone()), None)]).unwrap()["out"], Value::Null);
    assert!(matches!(
        case.outputs(vec![parameter(Type::Record(absent), None)]),
        Err(CollectError::NoMatch { output, .. }) if output == "out.f"
    ));
    let record = Type::Record(RecordType { fields, input_binding: None });
    let mut stream = parameter(Type::Stdout, None);
    stream.name = "stream".to_owned();
    let mut none = parameter(Type::Union(vec![Type::Null, Type::File]), None);
    none.name = "none".to_owned();
    let outputs = case.outputs(vec![parameter(record, None), stream, none]).unwrap();
    let Value::Record(record) = &outputs["out"] else { panic!() };
    assert_eq!(record["n"], Value::Integer(2));
    assert_eq!(file(record["f"].clone()).basename, "a");
    assert_eq!(file(outputs["stream"].clone()).basename, "out.txt");
    assert_eq!(outputs["none"], Value::Null);
}

#[test]
fn a_tool_may_write_its_output_object_itself() {
    let case = Case::new();
    case.write("a.txt", "a");
    let host = case.work().join("a.txt").display().to_string();
    for path in ["a.txt", "/sluis/work/a.txt", &host] {
        case.write("cwl.output.json", &format!(r#"{{"out": {{"class": "File", "path": "{path}"}}, "extra": 1}}"#));
        let outputs = case.outputs(vec![parameter(Type::File, Some(glob("none")))]).unwrap();
        assert_eq!(outputs.len(), 1);
        let found = file(outputs["out"].clone());
        assert_eq!((found.basename.as_str(), found.size), ("a.txt", Some(1)));
    }
    let refused = |text: &str| {
        case.write("cwl.output.json", text);
        case.outputs(vec![parameter(Type::File, None)]).unwrap_err()
    };
    assert!(matches!(refused("[]"), CollectError::Json(_)));
    assert!(matches!(refused(r#"{"class": "File", "path": "a.txt"}"#), CollectError::Class { .. }));
    assert!(matches!(refused(r#"{"out": 1}"#), CollectError::Type { .. }));
    let outside = refused(r#"{"out": {"class": "File", "path": "../in/1/x"}}"#);
    assert!(matches!(outside, CollectError::Place(PlaceError::Outside(_))));
}

#[test]
fn an_expression_tool_passes_files_on_and_checks_types() {
    let case = Case::new();
    let directory = Directory {
        source: None,
        basename: "d".to_owned(),
        path: None,
        listing: Vec::new(),
        visible_depth: ListingDepth::None,
    };
    let evaluate = |ty: Type, text: &str| {
        let mut input = case.tool.inputs[0].clone();
        input.ty = Type::Any;
        let tool = crate::ExpressionTool {
            inputs: vec![case.tool.inputs[0].clone(), InputParameter { name: "d".to_owned(), ..input }],
            outputs: vec![parameter(ty, None)],
            requirements: case.tool.requirements.clone(),
            expression: code(text),
            ..crate::ExpressionTool::default()
        };
        let mut inputs = case.inputs.clone();
        inputs.insert("d".to_owned(), Value::Directory(Box::new(directory.clone())));
        tool.evaluate(inputs, &Evaluator::default(), &NoText).map(|outputs| outputs["out"].clone())
    };
    assert_eq!(evaluate(Type::File, "$({out: inputs.reads})").unwrap(), case.inputs["reads"]);
    assert_eq!(evaluate(Type::Directory, "$({out: inputs.d})").unwrap(), Value::Directory(Box::new(directory.clone())));
    let made = "$({out: {'class': 'Directory', basename: 'new', listing: [inputs.reads]}})";
    let Value::Directory(made) = evaluate(Type::Directory, made).unwrap() else { panic!() };
    assert!(matches!(&made.listing[..], [Entry::File(file)] if file.location == Location::Object(address())));
    assert!(evaluate(Type::Int, "$({out: 'x'})").is_err());
    assert!(evaluate(Type::Int, "$(3)").is_err());
    let forged = evaluate(Type::File, "$({out: {'class': 'File', path: '/etc/passwd'}})");
    assert!(matches!(forged, Err(crate::ExpressionToolError::Path { .. })));
}
