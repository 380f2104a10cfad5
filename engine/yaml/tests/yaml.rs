//! Values, places and limits.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use proptest::prelude::*;
use sluis_yaml::{Content, Diagnostic, Diagnostics, Fields, Node, nearest};

fn parse(file: &str, text: &str) -> Result<Node, Diagnostics> {
    let mut problems = Diagnostics::default();
    match sluis_yaml::parse(file, text, &mut problems) {
        Some(node) if problems.is_empty() => Ok(node),
        _ => Err(problems),
    }
}

fn value(text: &str) -> Content {
    parse("test.yml", text).unwrap().value
}

fn error(text: &str) -> String {
    parse("test.yml", text).unwrap_err().to_string()
}

#[test]
fn plain_scalars_are_read_by_the_core_schema() {
    for (text, expected) in [
        ("y", Content::String("y".into())),
        ("yes", Content::String("yes".into())),
        ("NO", Content::String("NO".into())),
        ("true", Content::Boolean(true)),
        ("~", Content::Null),
        ("12", Content::Integer(12)),
        ("-0", Content::Integer(0)),
        ("0o17", Content::Integer(15)),
        ("0x1F", Content::Integer(31)),
        ("1e3", Content::Float(1000.0)),
        (".5", Content::Float(0.5)),
        ("1.", Content::Float(1.0)),
        (".", Content::String(".".into())),
        ("1.2.3", Content::String("1.2.3".into())),
        ("'12'", Content::String("12".into())),
        ("!!str 12", Content::String("12".into())),
        ("|\n  a\n  b\n", Content::String("a\nb\n".into())),
        ("", Content::Null),
    ] {
        assert_eq!(value(text), expected, "{text:?}");
    }
}

#[test]
fn every_node_knows_its_place() {
    let text = "é: 1\nsteps:\n  - run: tool.cwl\n    in: {}\n";
    let root = parse("w.cwl", text).unwrap();
    let step = &root.get("steps").unwrap().as_sequence().unwrap()[0];
    let run = step.get("run").unwrap();
    assert_eq!(run.span.to_string(), "w.cwl:3:10");
    assert_eq!(&text[run.span.range()], "tool.cwl");
    assert_eq!(&text[step.span.range()], "run: tool.cwl");
}

#[test]
fn duplicate_keys_are_all_reported_with_both_places() {
    let found = error("a: 1\nb: 2\na: 3\nb: 4\n");
    assert!(found.starts_with("test.yml:3:1: the key `a` stands here twice"), "{found}");
    assert!(found.contains("test.yml:4:1"), "{found}");
}

#[test]
fn aliases_repeat_their_anchor_and_bombs_are_refused() {
    let root = parse("test.yml", "a: &x [1, 2]\nb: *x\n").unwrap();
    assert_eq!(root.get("b").unwrap().as_sequence().map(<[Node]>::len), Some(2));
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let inner = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
    }
    assert!(error(&bomb).contains("nodes"));
}

#[test]
fn a_merge_key_takes_over_what_does_not_stand_there() {
    let text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 0}\nd: {<<: *b, y: 3}\ne: {'<<': 4}\n";
    let node = parse("a.yml", text).unwrap();
    let fields = |name: &str| {
        let fields = node.get(name).unwrap().as_mapping().unwrap();
        fields.iter().map(|(key, field)| (key.clone(), field.node.value.clone())).collect::<Vec<_>>()
    };
    let number = |key: &str, value| (key.to_owned(), Content::Integer(value));
    assert_eq!(fields("c"), [number("x", 0), number("y", 1), number("z", 2)]);
    assert_eq!(fields("d"), [number("y", 3), number("z", 2)]);
    assert_eq!(fields("e"), [number("<<", 4)]);
    assert!(error("<<: 7").contains("`<<` takes a mapping or a list of mappings"));
}

#[test]
fn no_number_of_warnings_hides_an_error() {
    let mut problems = Diagnostics::default();
    let span = |line: usize| parse("a.yml", &format!("{}x", "\n".repeat(line))).unwrap().span;
    for line in 0..500 {
        problems.push(Diagnostic::warning(&span(line), "doubtful"));
    }
    problems.push(Diagnostic { unsupported: true, ..Diagnostic::warning(&span(600), "not supported") });
    assert!(!problems.has_errors() && problems.unsupported().is_some_and(|found| found.is_unsupported()));
    problems.push(Diagnostic::error(&span(601), "wrong"));
    assert!(problems.has_errors() && !problems.is_unsupported() && !problems.is_full());
}

#[test]
fn what_nests_too_deep_or_is_not_yaml_is_an_error_with_a_place() {
    assert!(error(&"- ".repeat(1_000)).contains("nested deeper"));
    assert!(error(&"[".repeat(100_000)).starts_with("test.yml:1:"));
    assert!(error("a: [1, 2").starts_with("test.yml:"));
    let mut problems = Diagnostics::default();
    let first = sluis_yaml::parse("a.yml", "--- 1\n--- 2\n", &mut problems).unwrap();
    assert_eq!(first.value, Content::Integer(1));
    assert!(problems.to_string().contains("warning: a second document"));
    assert_eq!(value("a: 1\n---\n"), value("a: 1\n"));
    assert!(error("a: !what 1\n").contains("!what"));
}

#[test]
fn the_nearest_name_is_offered_only_if_it_is_near() {
    assert_eq!(nearest("inptus", ["inputs", "outputs", "steps"]), Some("inputs"));
    assert_eq!(nearest("zebra", ["inputs", "outputs", "steps"]), None);
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[-:\\[\\]{},&*!|>'\"%@# \na-c0-9~\u{e9}\t]{0,60}") {
        if let Err(problems) = parse("test.yml", &text) {
            for problem in problems.iter() {
                prop_assert!(text.get(problem.span.range()).is_some());
            }
        }
    }
}

#[test]
fn fields_report_what_is_missing_wrong_or_unknown_all_at_once() {
    let root = parse("site.yml", "nmae: a\ncountry: [1]\n").unwrap();
    let mut problems = Diagnostics::default();
    let fields = Fields::of(&root, "the site", &mut problems).unwrap();
    fields.check_known(&["name", "country"], &mut problems);
    assert_eq!(fields.required_string("name", &mut problems), None);
    assert_eq!(fields.required_string("country", &mut problems), None);
    assert_eq!(
        problems.to_string(),
        "site.yml:1:1: the site has no field `nmae`\nsite.yml:1:1: the site has no `name`, which it needs\n\
         site.yml:2:10: `country` of the site must be a text, but there is a list"
    );
    assert_eq!(problems.iter().next().unwrap().help.as_deref(), Some("did you mean `name`?"));
}

#[test]
fn brackets_may_close_below_their_key() {
    let text = "é: [\n]\nb:\n  c: {\nx: 1,\n  y: [a,\nb]\n  }\nd: e\n";
    let root = parse("w.cwl", text).unwrap();
    let c = root.get("b").unwrap().get("c").unwrap();
    assert_eq!(c.get("y").unwrap().as_sequence().map(<[Node]>::len), Some(2));
    let x = c.get("x").unwrap();
    assert_eq!((x.span.to_string().as_str(), &text[x.span.range()]), ("w.cwl:5:4", "1"));
    assert_eq!(root.get("d").unwrap().span.to_string(), "w.cwl:9:4");
    assert_eq!(value("|\n  a\n  b"), Content::String("a\nb".into()));
}

#[test]
fn lines_of_quoted_texts_may_begin_at_the_margin() {
    let text = "a: \"é\nb\n\n  c\\\nd\"\ne: 'it''s\nf' # g\nh: {i: \"j\nk\", l: m}\n";
    let root = parse("w.cwl", text).unwrap();
    let string = |name: &str| root.get(name).and_then(Node::as_str).unwrap();
    assert_eq!((string("a"), string("e")), ("é b\ncd", "it's f"));
    let l = root.get("h").unwrap().get("l").unwrap();
    assert_eq!((l.span.to_string().as_str(), &text[l.span.range()]), ("w.cwl:9:8", "m"));
    let broken = error("a: \"b\nc: \"d\"\n");
    assert!(broken.starts_with("test.yml:2:5: not YAML"), "{broken}");
}

#[test]
fn characters_may_be_written_as_the_two_escapes_of_json() {
    let text = r#"{"a": "\u00e9 \ud83e\uddec\ud83e\uddec \\ud83e\\uddec", "b": "c"}"#;
    let root = parse("w.cwl", text).unwrap();
    assert_eq!(root.get("a").and_then(Node::as_str), Some(r"é 🧬🧬 \ud83e\uddec"));
    let b = root.get("b").unwrap();
    assert_eq!(&text[b.span.range()], "\"c\"");
    assert_eq!(b.span.to_string(), format!("w.cwl:1:{}", text.len() - 3));
    assert!(error(r#"{"a": "\ud83e"}"#).contains("escape"));
}

#[test]
fn a_text_of_too_many_nodes_is_not_read() {
    assert!(error(&format!("[{}]", "a,".repeat(2_500_001))).contains("over 2500000 nodes"));
}
