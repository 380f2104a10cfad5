//! Policies that a site adds: they narrow and permit, and change nothing of what ships.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

#[path = "base/facts.rs"]
#[allow(dead_code, reason = "the tests of this crate share it")]
mod base;

use base::allowed;
use proptest::prelude::*;
use sluis_policy::{Action, Place, PolicyError, PolicyId, PolicySet};

fn with(text: &str) -> Result<PolicySet, PolicyError> {
    PolicySet::with_extensions(&[("site.cedar", text)])
}

fn names(set: &PolicySet, facts: &sluis_policy::Facts) -> Vec<String> {
    set.decide(facts).deciding.iter().map(PolicyId::to_string).collect()
}

/// The problems of a text as file, line, column and message.
fn problems(text: &str) -> Vec<String> {
    let error = with(text).expect_err("the text is taken");
    assert!(error.to_string().contains("site.cedar:"), "{error}");
    error.problems().iter().map(ToString::to_string).collect()
}

#[test]
fn a_site_narrows() {
    let set = with(
        r#"
        @id("office-hours") @promise("Nobody works unseen.") @reason("it is late, {person}") @remedy("wait")
        forbid (principal, action == Action::"export", resource) unless { context.time >= 800 && context.time < 1800 };
        forbid (principal, action, resource in Dataset::"trial-7") when { context.today > 20270101 };
        "#,
    )
    .unwrap();
    let mut facts = allowed(Action::Export);
    assert!(set.decide(&facts).allowed);
    facts.asked = "2026-11-23T18:00:00Z".parse().unwrap();
    let verdict = set.decide(&facts);
    assert_eq!(names(&set, &facts), ["site.cedar/office-hours"]);
    assert_eq!((&*verdict.reasons[0].text, &*verdict.reasons[0].remedy), ("it is late, anna", "wait"));
    assert_eq!(verdict.reasons[0].facts["person"], "anna");
    // What was asked for by day goes on at night; the day is that of the decision.
    facts.asked = "2026-11-23T17:00:00Z".parse().unwrap();
    facts.now = "2026-11-23T23:00:00Z".parse().unwrap();
    assert!(set.decide(&facts).allowed);
    facts.now = "2027-01-02T12:00:00Z".parse().unwrap();
    assert_eq!(names(&set, &facts), ["site.cedar:4:9"]);
    assert!(PolicySet::shipped().unwrap().decide(&facts).allowed);
}

#[test]
fn a_site_cannot_undo_what_ships() {
    let set = with("permit (principal, action, resource);").unwrap();
    let mut facts = allowed(Action::Read);
    facts.network = None;
    assert_eq!(names(&set, &facts), ["institute-network"]);
    for place in ["europe-west2", "europe-west6", "US", "us-east-1", "GB", "", "eu", "nowhere"] {
        for action in Action::ALL {
            let mut facts = allowed(action);
            facts.place = Place::named(place);
            facts.allowed_places.push(place.to_owned());
            let verdict = set.decide(&facts);
            assert!(!verdict.allowed, "{place} {action}");
            assert_eq!(names(&set, &facts), ["no-place-outside-the-eu", "place-in-the-eu"]);
        }
    }
}

#[test]
fn a_site_policy_cannot_pass_for_one_that_ships() {
    let set = with(r#"@id("multi-factor") permit (principal, action, resource);"#).unwrap();
    let ids: Vec<_> = set.policies().filter(|policy| !policy.shipped).map(|policy| policy.id.to_string()).collect();
    assert_eq!(ids, ["site.cedar/multi-factor"]);
    assert!(set.policies().any(|policy| policy.shipped && policy.id.as_str() == "multi-factor"));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let wrong = [
        ("permit (principal, action, resource)", "site.cedar:1:37: unexpected end of input"),
        ("\n  permit (principal, action, resurce);", "site.cedar:2:30: "),
        ("forbid (principal, action, resource)\nwhen { context.mfa };", "site.cedar:2:8: "),
        ("forbid (principal, action, resource)\nwhen { context.time > \"8\" };", "site.cedar:2:"),
        ("forbid (principal, action == Action::\"reed\", resource);", "site.cedar:1:30: "),
        ("// é\nforbid (principal, action, resource) when { context.network == \"x\" };", "site.cedar:2:45: "),
        ("permit (principal == ?principal, action, resource);", "site.cedar:1:1: a policy has a slot"),
        (
            "\n@reason(\"{who}\") forbid (principal, action, resource);",
            "site.cedar:2:1: in @reason: `{who}` is no fact",
        ),
        ("@remedy(\"}\") forbid (principal, action, resource);", "site.cedar:1:1: in @remedy: a brace stands alone"),
        ("@id(\"a/b\") forbid (principal, action, resource);", "site.cedar:1:1: an @id has letters"),
        (
            "@id(\"a\") forbid (principal, action, resource);\n@id(\"a\") permit (principal, action, resource);",
            "site.cedar:2:1: there are two policies with the id `site.cedar/a`",
        ),
        ("forbid (principal is Run, action, resource);", "site.cedar:1:1: "),
    ];
    for (text, start) in wrong {
        let found = problems(text);
        assert!(found.iter().any(|problem| problem.starts_with(start)), "{text}: {found:#?}");
    }
}

#[test]
fn one_wrong_file_refuses_all() {
    let good = ("a.cedar", "forbid (principal, action, resource);");
    let bad = ("b.cedar", "forbid (principal, action, resource) when { context.nothing };");
    assert!(PolicySet::with_extensions(&[good]).is_ok());
    let error = PolicySet::with_extensions(&[bad, good]).unwrap_err();
    assert!(error.problems().iter().all(|problem| problem.file == "b.cedar"), "{error}");
    assert!(PolicySet::with_extensions(&[good, good]).unwrap_err().to_string().contains("two files of this name"));
    assert!(PolicySet::with_extensions(&[("", "")]).is_err());
    let long = format!("//{}", " ".repeat(300_000));
    assert!(with(&long).unwrap_err().to_string().contains("longer than"));
}

#[test]
fn what_cannot_be_evaluated_refuses_and_says_so() {
    for effect in ["forbid", "permit"] {
        let text = format!(
            "@id(\"sum\") {effect} (principal, action, resource) when {{ context.time + 9223372036854775807 > 0 }};"
        );
        let verdict = with(&text).unwrap().decide(&allowed(Action::Read));
        assert!(!verdict.allowed, "{effect}");
        let reason = &verdict.reasons[0];
        assert_eq!(reason.policy.as_str(), "cannot-be-decided");
        assert!(reason.text.contains("overflow") && reason.remedy.contains("site.cedar/sum"), "{reason:?}");
    }
}

#[test]
fn the_digest_names_the_texts() {
    let digest = |extensions: &[(&str, &str)]| PolicySet::with_extensions(extensions).unwrap().digest().to_string();
    let (one, other) = (("a.cedar", "forbid (principal, action, resource);"), ("b.cedar", ""));
    assert_eq!(digest(&[]), PolicySet::shipped().unwrap().digest().to_string());
    assert_eq!(digest(&[one, other]), digest(&[other, one]));
    let different =
        [digest(&[]), digest(&[one]), digest(&[one, other]), digest(&[("b.cedar", one.1), ("a.cedar", "")])];
    for (index, digest) in different.iter().enumerate() {
        assert_eq!(digest.len(), 64);
        assert!(!different[..index].contains(digest));
    }
}

#[test]
fn what_ships_can_be_shown() {
    let texts: Vec<_> = PolicySet::shipped_texts().collect();
    assert_eq!(texts[0].0, "schema.cedarschema");
    assert!(texts.iter().any(|(name, text)| *name == "identity.cedar" && text.contains("@promise")));
}

#[test]
fn deeply_nested_texts_are_refused_and_those_at_the_limit_are_decided() {
    let open_and_close = [
        ("(", ")"),
        ("[", "]"),
        ("!", ""),
        ("-", ""),
        ("{a:", "}"),
        ("true && ", ""),
        ("if true then ", " else true"),
        ("true == ", ""),
        ("true has ", ""),
    ];
    for (open, close) in open_and_close {
        let condition = |depth| format!("{}true{}", open.repeat(depth), close.repeat(depth));
        let policy = |depth| format!("forbid (principal, action, resource) when {{ {} }};", condition(depth));
        let error = with(&policy(10_000)).unwrap_err().to_string();
        assert!(error.contains("too many parts"), "{open}: {error}");
        for depth in (1..200).rev().step_by(12) {
            if let Ok(set) = with(&policy(depth)) {
                set.decide(&allowed(Action::Read));
            }
        }
    }
    let names: Vec<_> = (0..2_000).map(|number| format!("\"person-{number}\"")).collect();
    let long = format!(
        "forbid (principal, action, resource) when {{ [{}].contains(context.project.name) }};",
        names.join(", ")
    );
    assert!(with(&long).unwrap().decide(&allowed(Action::Read)).allowed);
    assert!(with(&long.repeat(5)).is_ok());
    assert!(with("@id(\"a").unwrap_err().to_string().contains("a text does not end"));
}

fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "permit",
        "forbid",
        "(",
        ")",
        "principal",
        "action",
        "resource",
        ",",
        ";",
        "when",
        "unless",
        "{",
        "}",
        "context",
        ".",
        "time",
        "person",
        "has",
        "==",
        ">",
        "in",
        "is",
        "Person",
        "Action::\"read\"",
        "&&",
        "||",
        "!",
        "[",
        "]",
        "\"x\"",
        "1",
        "true",
        "@id",
        "@reason",
        "(\"{person}\")",
        "(\"{\")",
        "if",
        "then",
        "else",
        "like",
        "é",
        "\u{202e}",
        "/*",
        "//",
        "\n",
        "\0",
        "?principal",
        "contains",
        "isEmpty()",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(name in ".{0,12}", text in prop_oneof![".{0,200}", words()]) {
        match PolicySet::with_extensions(&[(&name, &text)]) {
            Ok(set) => {
                let mut facts = allowed(Action::Read);
                set.decide(&facts);
                facts.network = None;
                prop_assert!(!set.decide(&facts).allowed);
            }
            Err(error) => prop_assert!(error.problems().iter().all(|problem| problem.line > 0 && problem.column > 0)),
        }
    }
}
