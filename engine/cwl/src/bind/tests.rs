use std::{error::Error, sync::Arc, time::Duration};

use serde_json::json;
use sluis_model::{
    Address, Directory, Entry, File, ListingDepth, Location, MilliCores, StagedSource, Task, Value, Values,
};

use super::{BindError, BoundTool, StagingError, bind};
use crate::{
    Amount, Argument, ArrayType, CommandLineBinding, CommandLineTool, Condition, Contents, DockerRequirement, EnumType,
    EnvironmentDefinition, Evaluator, Expression, InputParameter, OutputBinding, OutputParameter, Position,
    RecordField, RecordType, SecondaryFile, Type, WorkDirEntry,
};

struct Text;

impl Contents for Text {
    fn text(&self, file: &File) -> Result<String, Box<dyn Error + Send + Sync>> {
        Ok(format!("text of {}", file.basename))
    }
}

fn code(text: &str) -> Expression {
    Expression::from(text)
}

fn at(position: i64) -> CommandLineBinding {
    CommandLineBinding { position: Some(Position::Number(position)), ..CommandLineBinding::default() }
}

fn with_prefix(prefix: &str, binding: CommandLineBinding) -> CommandLineBinding {
    CommandLineBinding { prefix: Some(prefix.to_owned()), ..binding }
}

fn value_from(text: &str, binding: CommandLineBinding) -> CommandLineBinding {
    CommandLineBinding { value_from: Some(code(text)), ..binding }
}

fn input(name: &str, ty: Type, binding: Option<CommandLineBinding>) -> InputParameter {
    InputParameter {
        unreadable_default: None,
        about: crate::About::default(),
        name: name.to_owned(),
        ty,
        default: None,
        input_binding: binding,
        secondary_files: Vec::new(),
        format: Vec::new(),
        ontologies: Default::default(),
        load_contents: false,
        load_listing: None,
        streamable: false,
    }
}

fn array(items: Type, binding: Option<CommandLineBinding>) -> Type {
    Type::Array(ArrayType { items: Box::new(items), input_binding: binding })
}

fn field(name: &str, ty: Type, binding: Option<CommandLineBinding>) -> RecordField {
    RecordField {
        name: name.to_owned(),
        ty,
        input_binding: binding,
        output_binding: None,
        secondary_files: Vec::new(),
        format: Vec::new(),
        load_contents: false,
        load_listing: None,
    }
}

fn tool(inputs: Vec<InputParameter>) -> CommandLineTool {
    let mut tool = CommandLineTool { base_command: vec!["tool".to_owned()], inputs, ..CommandLineTool::default() };
    tool.requirements.javascript = Some(Vec::new());
    tool
}

fn values(json: serde_json::Value) -> Values {
    match Value::from_json(json).unwrap() {
        Value::Record(values) => values,
        other => panic!("{other:?}"),
    }
}

fn bound(tool: CommandLineTool, inputs: Values) -> Result<BoundTool, BindError> {
    bind(&Arc::new(tool), inputs, &Evaluator::default(), &Text)
}

fn task(tool: CommandLineTool, inputs: serde_json::Value) -> Task {
    bound(tool, values(inputs)).unwrap().task
}

fn arguments(tool: CommandLineTool, inputs: serde_json::Value) -> Vec<String> {
    task(tool, inputs).command.arguments
}

fn object(basename: &str, byte: u8) -> Value {
    let mut file = File::new(basename, Location::Object(Address::from_bytes([byte; 32])));
    file.size = Some(3);
    Value::File(Box::new(file))
}

#[test]
fn arguments_are_sorted_by_position_then_arguments_before_inputs_then_by_name() {
    let mut tool = tool(vec![
        input("z", Type::Int, Some(at(1))),
        input("a", Type::String, Some(at(1))),
        input("early", Type::String, Some(at(-1))),
        input("unbound", Type::String, None),
        input(
            "computed",
            Type::String,
            Some(CommandLineBinding {
                position: Some(Position::Expression(code("$(self.length)"))),
                ..CommandLineBinding::default()
            }),
        ),
    ]);
    tool.arguments = vec![
        Argument::Binding(value_from("$(1 + 1)", at(1))),
        Argument::Text(code("plain")),
        Argument::Text(code("$(['x', 'y'])")),
    ];
    let inputs = json!({ "z": 9, "a": "$(not evaluated)", "early": "e", "unbound": "u", "computed": "xx" });
    let expected = ["tool", "e", "plain", "x", "y", "2", "$(not evaluated)", "9", "xx"];
    assert_eq!(arguments(tool, inputs), expected);
}

#[test]
fn every_kind_of_value_has_its_words() {
    let joined = CommandLineBinding { item_separator: Some(",".to_owned()), ..at(0) };
    let glued = CommandLineBinding { separate: false, ..with_prefix("-p", at(0)) };
    let strings = || array(Type::String, None);
    let each = || array(Type::String, Some(with_prefix("-i", at(0))));
    let optional = Type::Union(vec![Type::Null, Type::Int]);
    let symbols = Type::Enum(EnumType { symbols: vec!["fast".to_owned()], input_binding: None });
    for (ty, binding, value, expected) in [
        (Type::Boolean, with_prefix("-v", at(0)), json!(true), &["-v"][..]),
        (Type::Boolean, with_prefix("-v", at(0)), json!(false), &[]),
        (Type::Boolean, at(0), json!(true), &[]),
        (Type::Double, at(0), json!(0.00001), &["0.00001"]),
        (Type::Double, at(0), json!(1.23e5), &["123000"]),
        (Type::Long, at(0), json!(4_147_483_647_i64), &["4147483647"]),
        (Type::Int, glued, json!(3), &["-p3"]),
        (Type::Int, with_prefix("-p", at(0)), json!(3), &["-p", "3"]),
        (optional.clone(), with_prefix("-p", at(0)), json!(null), &[]),
        (optional, with_prefix("-p", at(0)), json!(4), &["-p", "4"]),
        (symbols, with_prefix("-m", at(0)), json!("fast"), &["-m", "fast"]),
        (strings(), at(0), json!(["a", "b"]), &["a", "b"]),
        (strings(), with_prefix("-p", at(0)), json!(["a", "b"]), &["-p", "a", "b"]),
        (strings(), with_prefix("-p", joined), json!(["a", "b"]), &["-p", "a,b"]),
        (strings(), with_prefix("-p", at(0)), json!([]), &[]),
        (each(), at(0), json!(["a", "b"]), &["-i", "a", "-i", "b"]),
        (each(), with_prefix("-p", at(0)), json!(["a"]), &["-p", "-i", "a"]),
        (each(), value_from("$(self.length)", at(0)), json!(["a", "b"]), &["2"]),
        (array(strings(), None), at(0), json!([["a", "b"], ["c"]]), &["a", "b", "c"]),
        (Type::Any, with_prefix("-p", at(0)), json!("a"), &["-p", "a"]),
        (
            Type::Int,
            value_from("$([[self, 'b'], null, [['c']]])", with_prefix("-p", at(0))),
            json!(1),
            &["-p", "1", "b", "c"],
        ),
    ] {
        let words = arguments(tool(vec![input("x", ty.clone(), Some(binding))]), json!({ "x": value }));
        assert_eq!(&words[1..], expected, "{} {value}", ty.describe());
    }
}

#[test]
fn fields_of_records_are_bound_in_their_order() {
    let record = |own| {
        let fields = vec![
            field("second", Type::Int, Some(with_prefix("-s", at(2)))),
            field("first", Type::String, Some(with_prefix("-f", at(1)))),
            field("absent", Type::Union(vec![Type::Null, Type::String]), Some(with_prefix("-a", at(0)))),
        ];
        Type::Record(RecordType { fields, input_binding: own })
    };
    let inputs = || json!({ "r": { "second": 2, "first": "1" } });
    let plain = tool(vec![input("r", record(None), None)]);
    assert_eq!(arguments(plain, inputs()), ["tool", "-f", "1", "-s", "2"]);
    let prefixed =
        tool(vec![input("r", record(None), Some(with_prefix("--r", at(5)))), input("z", Type::Int, Some(at(3)))]);
    let words = arguments(prefixed, json!({ "r": { "second": 2, "first": "1" }, "z": 0 }));
    assert_eq!(words, ["tool", "0", "--r", "-f", "1", "-s", "2"]);
    let several = tool(vec![input("r", array(record(None), None), Some(at(0)))]);
    let words = arguments(several, json!({ "r": [{ "second": 2, "first": "1" }, { "second": 4, "first": "3" }] }));
    assert_eq!(words, ["tool", "-f", "1", "-s", "2", "-f", "3", "-s", "4"]);
    let own = tool(vec![input("r", record(Some(with_prefix("--own", at(1)))), None)]);
    assert_eq!(arguments(own, inputs()), ["tool", "--own", "-f", "1", "-s", "2"]);
}

#[test]
fn a_shell_command_is_quoted_except_where_it_asks_not_to_be() {
    let mut tool = tool(vec![input("name", Type::String, Some(at(1)))]);
    tool.requirements.shell_command = true;
    let unquoted = CommandLineBinding { shell_quote: false, ..value_from("> out.txt", at(2)) };
    tool.arguments = vec![Argument::Text(code("a b")), Argument::Binding(unquoted)];
    let words = arguments(tool, json!({ "name": "it's; rm $HOME" }));
    assert_eq!(words[..2], ["/bin/sh", "-c"]);
    assert_eq!(shlex::split(&words[2]).unwrap(), ["tool", "a b", "it's; rm $HOME", ">", "out.txt"]);
    assert!(words[2].ends_with(" > out.txt"), "{}", words[2]);
}

#[test]
fn staged_inputs_have_canonical_paths_and_equal_tasks_equal_keys() {
    let reads = |byte| {
        let Value::File(mut file) = object("a.bam", byte) else { panic!() };
        let Value::File(index) = object("a.bam.bai", byte + 1) else { panic!() };
        file.secondary_files = vec![Entry::File(*index)];
        Value::File(file)
    };
    let make = |order: [(&str, Value); 2]| {
        let mut reads = input("reads", Type::File, Some(at(1)));
        reads.secondary_files = vec![SecondaryFile { pattern: code(".bai"), required: None }];
        let tool = tool(vec![reads, input("reference", Type::File, Some(at(2)))]);
        bound(tool, order.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    };
    let one = make([("reads", reads(1)), ("reference", object("r.fa", 5))]).unwrap().task;
    let two = make([("reference", object("r.fa", 5)), ("reads", reads(1))]).unwrap().task;
    assert_eq!(one, two);
    assert_eq!(one.key_material(None), two.key_material(None));
    assert_eq!(one.command.arguments, ["tool", "/sluis/in/0/a.bam", "/sluis/in/1/r.fa"]);
    let targets: Vec<_> = one.staged.iter().map(|entry| entry.target.as_str()).collect();
    assert!(targets.contains(&"/sluis/in/0/a.bam.bai"), "{targets:?}");
    let other = make([("reads", reads(9)), ("reference", object("r.fa", 5))]).unwrap().task;
    assert_ne!(one.key_material(None), other.key_material(None));
    let bare = make([("reads", object("a.bam", 1)), ("reference", object("r.fa", 5))]);
    assert!(matches!(bare, Err(BindError::MissingSecondaryFile { missing, .. }) if missing == "a.bam.bai"));
    let unsealed = Value::File(Box::new(File::new("r.fa", Location::Path("/tmp/r.fa".into()))));
    let unsealed = make([("reads", reads(1)), ("reference", unsealed)]);
    assert!(matches!(unsealed, Err(BindError::Staging(StagingError::NotSealed(_)))));
}

#[test]
fn a_file_has_one_of_the_formats_that_its_input_computes() {
    let with = |wanted: &str, found: Option<&str>| {
        let mut reads = input("reads", Type::File, None);
        reads.format = vec![code(wanted)];
        let Value::File(mut file) = object("a", 1) else { panic!() };
        file.format = found.map(str::to_owned);
        bound(tool(vec![reads]), Values::from([("reads".to_owned(), Value::File(file))]))
    };
    for wanted in ["$('http://x/a')", "$(['http://x/b', 'http://x/a'])", "$(null)"] {
        assert!(with(wanted, Some("http://x/a")).is_ok(), "{wanted}");
    }
    assert!(with("$('http://x/b')", None).is_ok());
    assert!(matches!(with("$('http://x/b')", Some("http://x/a")), Err(BindError::Format { .. })));
    assert!(matches!(with("$(3)", Some("http://x/a")), Err(BindError::Expression(_))));
}

#[test]
fn the_working_directory_takes_every_form_of_listing() {
    let mut tool =
        tool(vec![input("f", Type::File, Some(at(1))), input("n", Type::Int, None), input("d", Type::Directory, None)]);
    let dirent = |entry: &str, name: Option<&str>, writable| WorkDirEntry::Dirent {
        entry: code(entry),
        entry_name: name.map(code),
        writable,
    };
    tool.requirements.initial_work_dir = vec![
        dirent("n=$(inputs.n)\n", Some("sub/$('conf').txt"), false),
        dirent("$(inputs.f)", Some("renamed.txt"), true),
        dirent("$(inputs.f)\n", Some("described.json"), false),
        dirent("$(['a', 1])", Some("list.json"), false),
        dirent("$(null)", None, false),
        dirent("$(inputs.d)", None, true),
        WorkDirEntry::Expression(code("$([{entryname: 'computed', entry: '$' + '(date)'}, null])")),
        WorkDirEntry::Value(object("given", 8)),
    ];
    let listing = vec![Entry::File(File::new("inside", Location::Object(Address::from_bytes([2; 32]))))];
    let directory =
        Directory { source: None, basename: "d".to_owned(), path: None, listing, visible_depth: ListingDepth::None };
    let inputs = Values::from([
        ("f".to_owned(), object("f.txt", 1)),
        ("n".to_owned(), Value::Integer(3)),
        ("d".to_owned(), Value::Directory(Box::new(directory))),
    ]);
    let task = bound(tool, inputs).unwrap().task;
    let shown: Vec<_> = task
        .staged
        .iter()
        .map(|entry| {
            let source = match &entry.source {
                StagedSource::Object(address) => format!("object {}", address.as_bytes()[0]),
                StagedSource::Literal(text) if text.contains("b3:") => "described".to_owned(),
                StagedSource::Literal(text) => format!("{text:?}"),
                StagedSource::Folder => "folder".to_owned(),
            };
            format!("{} {source}{}", &entry.target["/sluis/".len()..], if entry.writable { " w" } else { "" })
        })
        .collect();
    let expected = [
        "work/computed \"$(date)\"",
        "work/d folder w",
        "work/d/inside object 2 w",
        "work/described.json described",
        "work/given object 8",
        "work/list.json \"[\\\"a\\\", 1]\"",
        "work/renamed.txt object 1 w",
        "work/sub folder w",
        "work/sub/conf.txt \"n=3\\n\"",
    ];
    assert_eq!(shown, expected);
    assert_eq!(task.command.arguments, ["tool", "/sluis/work/renamed.txt"]);
}

#[test]
fn a_working_directory_that_cannot_be_is_refused() {
    let refused = |entry: &str, name: Option<&str>| {
        let mut tool = tool(Vec::new());
        let entry = WorkDirEntry::Dirent { entry: code(entry), entry_name: name.map(code), writable: false };
        tool.requirements.initial_work_dir = vec![entry];
        bound(tool, Values::new()).unwrap_err()
    };
    assert!(matches!(refused("x", None), BindError::TextWithoutName));
    assert!(matches!(refused("x", Some("../x")), BindError::Staging(StagingError::Outside(_))));
    assert!(matches!(refused("x", Some("/etc/x")), BindError::Staging(StagingError::Outside(_))));
    let two = "$([{class: 'File', basename: 'a', contents: ''}])";
    assert!(matches!(refused(two, Some("x")), BindError::NameForSeveral(_)));
}

#[test]
fn environment_streams_container_and_limits() {
    let mut made = tool(vec![input("n", Type::Int, None), input("in", Type::Stdin, None)]);
    let requirements = &mut made.requirements;
    requirements.environment = vec![EnvironmentDefinition { name: "N".to_owned(), value: code("n$(inputs.n)") }];
    requirements.resources.cores_min = Some(Amount::Expression(code("$(inputs.n / 2)")));
    requirements.resources.ram_max = Some(Amount::Number(100.2));
    requirements.time_limit = Some(Amount::Number(1.5));
    requirements.network_access = Some(Condition::Expression(code("$(inputs.n > 2)")));
    requirements.work_reuse = Some(Condition::Fixed(false));
    let digest = format!("sha256:{}", "a".repeat(64));
    requirements.docker = Some(DockerRequirement {
        pull: Some("tools:1".to_owned()),
        image_id: Some(digest.clone()),
        ..DockerRequirement::default()
    });
    made.arguments = vec![Argument::Text(code("$(runtime.cores):$(runtime.ram):$(runtime.outdir)"))];
    made.stderr = Some(code("err/$(inputs.n).txt"));
    made.outputs = vec![OutputParameter {
        about: crate::About::default(),
        name: "out".to_owned(),
        ty: Type::Stdout,
        output_binding: None,
        secondary_files: Vec::new(),
        format: None,
        streamable: false,
    }];
    let inputs = Values::from([("n".to_owned(), Value::Integer(3)), ("in".to_owned(), object("in.txt", 1))]);
    let task = bound(made, inputs).unwrap().task;
    let environment: Vec<_> = task.command.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(environment[..2], ["HOME=/sluis/work", "N=n3"]);
    assert_eq!(environment[3], "TMPDIR=/sluis/tmp");
    assert_eq!(task.command.stdin.as_deref(), Some("/sluis/in/0/in.txt"));
    assert_eq!(task.command.stdout.as_deref(), Some("out.stdout"));
    assert_eq!(task.command.stderr.as_deref(), Some("err/3.txt"));
    assert_eq!(task.command.success_codes, [0]);
    assert_eq!(task.resources.cores, MilliCores(1500));
    assert_eq!(task.command.arguments, ["tool", "2:101:/sluis/work"]);
    assert_eq!((task.time_limit, task.network, task.reuse), (Some(Duration::from_millis(1500)), true, false));
    let image = task.image.unwrap();
    assert_eq!((image.name.as_str(), image.id.unwrap().as_str()), ("tools:1", digest.as_str()));
}

#[test]
fn zero_is_success_unless_the_tool_says_otherwise() {
    for (success, temporary, permanent, expected) in [
        (&[][..], &[][..], &[][..], &[0][..]),
        (&[1], &[], &[], &[1, 0]),
        (&[0, 1], &[], &[], &[0, 1]),
        (&[0], &[], &[0], &[0]),
        (&[1], &[], &[0], &[1]),
        (&[], &[0], &[], &[]),
    ] {
        let mut made = tool(Vec::new());
        made.success_codes = success.to_vec();
        made.temporary_fail_codes = temporary.to_vec();
        made.permanent_fail_codes = permanent.to_vec();
        assert_eq!(bound(made, Values::new()).unwrap().task.command.success_codes, expected);
    }
}

#[test]
fn what_makes_no_task_says_why() {
    let mut empty = tool(Vec::new());
    empty.base_command.clear();
    assert!(matches!(bound(empty, Values::new()), Err(BindError::EmptyCommand)));
    let mut outside = tool(Vec::new());
    outside.stdout = Some(code("../out"));
    assert!(matches!(bound(outside, Values::new()), Err(BindError::Stream { stream: "stdout", .. })));
    for path in ["/etc/passwd", "/sluis/work/../x", "/sluis/workshop/x"] {
        let mut outside = tool(Vec::new());
        outside.stdin = Some(code(path));
        assert!(matches!(bound(outside, Values::new()), Err(BindError::Stream { stream: "stdin", .. })), "{path}");
    }
    for place in ["stdout", "stderr", "environment"] {
        let mut number = tool(vec![input("n", Type::Int, None)]);
        match place {
            "stdout" => number.stdout = Some(code("$(inputs.n)")),
            "stderr" => number.stderr = Some(code("$(inputs.n)")),
            _ => {
                number.requirements.environment =
                    vec![EnvironmentDefinition { name: "N".to_owned(), value: code("$(inputs.n)") }]
            }
        }
        let error = bound(number, Values::from([("n".to_owned(), Value::Integer(3))])).unwrap_err();
        assert!(matches!(error, BindError::Expression(_)), "{place}");
    }
    let mut negative = tool(Vec::new());
    negative.requirements.resources.ram_min = Some(Amount::Number(-1.0));
    assert!(matches!(bound(negative, Values::new()), Err(BindError::Negative { .. })));
    let mut reversed = tool(Vec::new());
    reversed.requirements.resources.cores_min = Some(Amount::Number(4.0));
    reversed.requirements.resources.cores_max = Some(Amount::Number(2.0));
    assert!(matches!(bound(reversed, Values::new()), Err(BindError::Resources { name: "cores", .. })));
    let mut nul = tool(Vec::new());
    nul.arguments = vec![Argument::Text(code("a\0b"))];
    assert!(matches!(bound(nul, Values::new()), Err(BindError::Nul(_))));
}

#[test]
fn the_record_of_collecting_holds_what_expressions_can_see_and_nothing_else() {
    let record = |eval: Option<&str>, n: i64| {
        let mut loaded = input("f", Type::File, None);
        loaded.load_contents = true;
        let mut tool = tool(vec![input("n", Type::Int, None), loaded]);
        tool.outputs = vec![OutputParameter {
            about: crate::About::default(),
            name: "out".to_owned(),
            ty: Type::Any,
            output_binding: Some(OutputBinding {
                glob: vec![code("*.txt")],
                output_eval: eval.map(code),
                ..OutputBinding::default()
            }),
            secondary_files: Vec::new(),
            format: None,
            streamable: false,
        }];
        let inputs = Values::from([("n".to_owned(), Value::Integer(n)), ("f".to_owned(), object("f", 1))]);
        bound(tool, inputs).unwrap().task.collection
    };
    assert_eq!(record(None, 1), record(None, 2));
    assert_ne!(record(None, 1), record(Some("$(self)"), 1));
    assert_ne!(record(Some("$(self)"), 1), record(Some("$(self)"), 2));
    let text = record(Some("$(self)"), 1);
    assert!(text.contains(&Address::from_bytes([1; 32]).to_string()) && text.contains("text of f"), "{text}");
}
