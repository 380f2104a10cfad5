use std::time::{Duration, Instant};

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use serde_json::json;
use sluis_model::{Address, Directory, Entry, File, ListingDepth, Location, Value, Values};

use super::{EvaluationError, Evaluator, ExpressionError, Limits, Session};

fn file() -> File {
    let mut file = File::new("reads.fq.gz", Location::Object(Address::from_bytes([7; 32])));
    file.path = Some("/sluis/in/0/reads.fq.gz".to_owned());
    file.size = Some(12);
    let index = File { size: Some(3), ..File::new("reads.idx", Location::Literal("idx".to_owned())) };
    file.secondary_files = vec![Entry::File(index)];
    file
}

fn directory(visible_depth: ListingDepth) -> Directory {
    let inner = Directory {
        source: None,
        basename: "inner".to_owned(),
        path: None,
        listing: vec![Entry::File(file())],
        visible_depth: ListingDepth::None,
    };
    Directory {
        source: None,
        basename: "outer".to_owned(),
        path: None,
        listing: vec![Entry::Directory(inner), Entry::File(file())],
        visible_depth,
    }
}

fn inputs() -> Values {
    let Value::Record(mut inputs) = Value::from_json(json!({
        "name": "s1", "count": 3, "rate": 0.00001, "flag": true, "none": null, "list": ["a", "b"],
        "nested": { "b'c": 1, "z": 1, "a": [1.5, null] },
    }))
    .unwrap() else {
        unreachable!()
    };
    inputs.insert("file".to_owned(), Value::File(Box::new(file())));
    inputs.insert("shallow".to_owned(), Value::Directory(Box::new(directory(ListingDepth::Shallow))));
    inputs.insert("hidden".to_owned(), Value::Directory(Box::new(directory(ListingDepth::None))));
    inputs
}

fn runtime() -> Value {
    Value::from_json(json!({ "cores": 2, "outdir": "/sluis/work" })).unwrap()
}

fn with_library(library: Option<&[String]>, text: &str) -> Result<Value, ExpressionError> {
    Session::new(&Evaluator::default(), library, inputs(), runtime()).evaluate(&text.into(), &Value::Integer(5), "here")
}

fn reference(text: &str) -> Result<Value, ExpressionError> {
    with_library(None, text)
}

fn script(text: &str) -> Result<Value, ExpressionError> {
    with_library(Some(&[]), text)
}

fn limited(text: &str, limits: Limits) -> EvaluationError {
    let session = Session::new(&Evaluator::with_limits(limits), Some(&[]), inputs(), runtime());
    session.evaluate(&text.into(), &Value::Null, "here").unwrap_err().cause
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

#[test]
fn references_keep_their_type_when_they_fill_the_text() {
    for (reference_text, expected) in [
        ("$(inputs.count)", Value::Integer(3)),
        (" $(inputs.flag)\n", Value::Boolean(true)),
        ("\n  is $(inputs.flag) \n", text("is true")),
        ("$(inputs.list[1])", text("b")),
        ("$(inputs.list.length)", Value::Integer(2)),
        ("$(inputs.nested['b\\'c'])", Value::Integer(1)),
        ("$(inputs.file.nameroot)", text("reads.fq")),
        ("$(inputs.file.nameext)", text(".gz")),
        ("$(inputs.file.dirname)", text("/sluis/in/0")),
        ("$(inputs.file.secondaryFiles[0].basename)", text("reads.idx")),
        ("$(inputs.shallow.listing[1].basename)", text("reads.fq.gz")),
        ("$(self)", Value::Integer(5)),
        ("$(runtime.cores)", Value::Integer(2)),
        ("$(null)", Value::Null),
        ("a $(inputs.count) b", text("a 3 b")),
        ("$(inputs.rate)!", text("0.00001!")),
        ("$(inputs.nested)\n", Value::Record(inputs()["nested"].clone().into_record())),
        ("<$(inputs.nested)>", text("<{\"a\": [1.5, null], \"b'c\": 1, \"z\": 1}>")),
        ("no expression \\\\", text("no expression \\\\")),
    ] {
        assert_eq!(reference(reference_text).unwrap(), expected, "{reference_text}");
        assert_eq!(script(reference_text).unwrap(), expected, "{reference_text} with JavaScript allowed");
    }
}

trait IntoRecord {
    fn into_record(self) -> Values;
}

impl IntoRecord for Value {
    fn into_record(self) -> Values {
        match self {
            Self::Record(fields) => fields,
            other => panic!("{other:?} is no record"),
        }
    }
}

#[test]
fn a_failed_reference_names_the_expression_its_place_and_the_reason() {
    let error = reference("$(inputs.file.color)").unwrap_err();
    assert_eq!(error.to_string(), "cannot evaluate `$(inputs.file.color)` in here");
    assert_eq!(error.cause.to_string(), "`inputs.file` has no field `color`");
    let error = reference("$(inputs.hidden.listing)").unwrap_err();
    assert_eq!(error.cause.to_string(), "`inputs.hidden` has no field `listing`");
    let error = reference("$(inputs.count + 1)").unwrap_err();
    assert!(error.cause.to_string().contains("InlineJavascriptRequirement"));
    assert!(reference("$(inputs.count.length)").is_err());
    assert!(reference("$(inputs.x").is_err());
}

#[test]
fn scripts_compute_and_see_the_same_values_as_references() {
    for (code, expected) in [
        ("$(inputs.count + self)", Value::Integer(8)),
        ("${ var n = 0; for (var i = 0; i < 4; i++) { n += i; } return n / 4; }", Value::Float(1.5)),
        ("$(inputs.file.path + '|' + inputs.file.size)", text("/sluis/in/0/reads.fq.gz|12")),
        ("$(inputs.missing)", Value::Null),
        ("$(inputs.hidden.listing === undefined)", Value::Boolean(true)),
        ("$(inputs.shallow.listing[0].listing === undefined)", Value::Boolean(true)),
        ("$(inputs.list.map(function (x) { return x + ')'; }).join(\"'\"))", text("a)'b)")),
        ("$(Math.round(2.5) // comment\n)", Value::Integer(3)),
    ] {
        assert_eq!(script(code).unwrap(), expected, "{code}");
    }
}

#[test]
fn files_and_directories_survive_the_way_through_a_script() {
    assert_eq!(script("${ return inputs.file; }").unwrap(), inputs()["file"]);
    for name in ["shallow", "hidden"] {
        assert_eq!(script(&format!("${{ return inputs.{name}; }}")).unwrap(), inputs()[name], "{name}");
    }
    let Value::File(renamed) = script("${ inputs.file.basename = 'x'; return inputs.file; }").unwrap() else {
        panic!()
    };
    assert_eq!((renamed.basename.as_str(), &renamed.location), ("x", &file().location));
    let by_path = script("${ return { 'class': 'File', path: inputs.file.path }; }").unwrap();
    assert!(matches!(by_path, Value::File(by_path) if by_path.location == file().location));
    let literal = script("${ return { 'class': 'File', basename: 'a', contents: 'b' }; }").unwrap();
    assert!(matches!(literal, Value::File(literal) if literal.location == Location::Literal("b".to_owned())));
    let outside = script("${ return { 'class': 'Directory', basename: '../x', listing: [] }; }");
    assert!(matches!(outside.unwrap_err().cause, EvaluationError::Value(_)));
}

#[test]
fn expressions_cannot_change_what_later_ones_see() {
    let session = Session::new(&Evaluator::default(), Some(&[]), inputs(), runtime());
    let evaluate = |code: &str| session.evaluate(&code.into(), &Value::Null, "here").unwrap();
    evaluate("${ inputs.list.push('c'); inputs.count = 9; return 0; }");
    assert_eq!(evaluate("$(inputs.list.length + inputs.count)"), Value::Integer(5));
}

#[test]
fn the_library_is_there_and_its_faults_are_named() {
    let library = ["var K = 2; function twice(x) { return K * x; }".to_owned(), "var L = twice(4);".to_owned()];
    assert_eq!(with_library(Some(&library), "$(twice(L))").unwrap(), Value::Integer(16));
    assert_eq!(with_library(Some(&library), "$(L)").unwrap(), Value::Integer(8));
    let error = with_library(Some(&["var x = ;".to_owned()]), "$(1 + 1)").unwrap_err();
    assert!(matches!(error.cause, EvaluationError::Library { number: 0, .. }));
}

#[test]
fn results_depend_on_inputs_alone() {
    for (code, expected) in [
        ("$(Date.now() + new Date().getTime())", Value::Integer(0)),
        ("$(new Date(2020, 1, 3, 4).toISOString())", text("2020-02-03T04:00:00.000Z")),
        ("$(new Date('2020-02-03T04:05:06').getHours())", Value::Integer(4)),
        ("$(new Date('2020-02-03T04:05:06+02:00').getHours())", Value::Integer(2)),
        ("$(new Date('2020-02-03').getDate())", Value::Integer(3)),
        ("$(new Date(0).constructor.now())", Value::Integer(0)),
        ("$(typeof performance + typeof WeakRef + typeof require + typeof fetch)", text(&"undefined".repeat(4))),
    ] {
        assert_eq!(script(code).unwrap(), expected, "{code}");
    }
    let error = script("$(Math.random())").unwrap_err();
    assert!(error.cause.to_string().contains("Math.random is not available"), "{}", error.cause);
}

#[test]
fn runaway_expressions_end_with_an_error() {
    let limits = Limits { time: Duration::from_millis(50), ..Limits::default() };
    let started = Instant::now();
    for code in [
        "${ while (true) {} }",
        "${ try { while (true) {} } catch (e) {} while (true) {} }",
        "$(/(a+)+$/.test(new Array(60).join('a') + 'b'))",
    ] {
        assert!(matches!(limited(code, limits), EvaluationError::TimeLimit(_)), "{code}");
    }
    assert!(started.elapsed() < Duration::from_secs(10));
    let limits = Limits { memory: 8 << 20, ..Limits::default() };
    for code in ["${ var a = []; while (true) { a.push('x' + a.length); } }", "$('x'.repeat(1e8))"] {
        let error = limited(code, limits);
        assert!(matches!(error, EvaluationError::Memory(8)), "{code}: {error:?}");
    }
    for code in ["$(new Array(4e9).join(''))", "$(Array.prototype.reverse.call({ length: 1e15 }))"] {
        let error = limited(code, limits).to_string();
        assert!(error.contains("too long for an expression"), "{code}: {error}");
    }
    let error = limited("${ function f() { return f() + 1; } return f(); }", Limits::default());
    assert!(matches!(error, EvaluationError::Script(_)), "{error:?}");
}

#[test]
fn a_script_error_says_what_and_where() {
    let error = script("${\n  var x = inputs.none;\n  return x.length;\n}").unwrap_err();
    let message = error.cause.to_string();
    assert!(message.contains("null") && message.contains("line 3"), "{message}");
    let message = script("${ throw 'no reads'; }").unwrap_err().cause.to_string();
    assert!(message.contains("no reads"), "{message}");
    assert!(script("$(1 +)").is_err());
}

fn json_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        (-(1_i64 << 53)..(1_i64 << 53)).prop_map(Value::Integer),
        any::<f64>()
            .prop_filter("JSON has no other numbers", |value| value.is_finite())
            // JavaScript writes minus zero as zero.
            .prop_map(|value| Value::Float(value + 0.0)),
        any::<String>().prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|fields| Value::Record(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn every_plain_value_survives_the_way_through_a_script(value in json_values()) {
        let session = Session::new(&Evaluator::default(), Some(&[]), Values::new(), Value::Null);
        // Integer-like names come first in JavaScript objects: order is compared only by name.
        let back = session.evaluate(&"${ return self; }".into(), &value, "here").unwrap();
        let text = |value: &Value| super::render::json_text(value.to_json());
        assert_eq!(text(&back), text(&value));
    }
}

#[test]
fn threads_share_one_evaluator() {
    const fn is_shared<T: Clone + Send + Sync>(_: &T) {}
    let evaluator = Evaluator::default();
    is_shared(&evaluator);
    let thread = std::thread::spawn(move || {
        Session::new(&evaluator, Some(&[]), inputs(), runtime())
            .evaluate(&"$(1 + 1)".into(), &Value::Null, "here")
            .unwrap()
    });
    assert_eq!(thread.join().unwrap(), Value::Integer(2));
}
