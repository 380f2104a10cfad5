//! Terms of data use, each both ways.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use jiff::civil::date;
use proptest::prelude::*;
use sluis_policy::{
    DataUse, DataUseError,
    Declared::{self, No, Yes},
    Disease, MatchContext, OntologyCode, Purpose, ResearchKind, Use, match_use,
};

const CONTEXT: MatchContext = MatchContext { today: date(2026, 11, 23), released: Some(date(2026, 6, 30)) };

fn code(text: &str) -> OntologyCode {
    text.parse().unwrap()
}

/// A project that studies neuroblastoma, a kind of cancer, and declares everything.
fn declared() -> Purpose {
    Purpose {
        project: "neuro".to_owned(),
        kind: ResearchKind::Health,
        diseases: vec![Disease {
            code: code("MONDO:0005072"),
            ancestors: [code("MONDO:0004992"), code("MONDO:0000001")].into(),
        }],
        research: ["survival of children".to_owned()].into(),
        commercial: No,
        for_profit: No,
        methods_development: No,
        ancestry: No,
        genetic: Yes,
        ethics_approval_until: Some(date(2027, 1, 1)),
        collaborates_with: ["maxima".to_owned()].into(),
        publishes: Yes,
        returns_data: Yes,
        countries: ["NL".to_owned(), "DE".to_owned()].into(),
        institutions: ["maxima".to_owned()].into(),
        users: ["anna".to_owned(), "bert".to_owned()].into(),
    }
}

fn verdict(terms: &[&str], purpose: &Purpose) -> Use {
    let terms: Vec<DataUse> = terms.iter().map(|term| term.parse().unwrap()).collect();
    let verdicts = match_use(&terms, purpose, CONTEXT);
    assert_eq!(verdicts.len(), terms.len());
    assert!(verdicts.iter().all(|verdict| !verdict.reason.is_empty()));
    verdicts[0].verdict.clone()
}

fn changed(change: impl FnOnce(&mut Purpose)) -> Purpose {
    let mut purpose = declared();
    change(&mut purpose);
    purpose
}

fn other_kind(kind: ResearchKind) -> Purpose {
    changed(|purpose| purpose.kind = kind)
}

#[test]
fn permissions_are_met_by_their_kind_of_research() {
    let (ancestry, other) = (other_kind(ResearchKind::Ancestry), other_kind(ResearchKind::Other));
    let silent = other_kind(ResearchKind::Undeclared);
    let table = [
        ("NRES", [Use::Met, Use::Met, Use::Met, Use::Met]),
        ("GRU", [Use::Met, Use::Met, Use::Met, Use::Abstain]),
        ("HMB", [Use::Met, Use::NotMet, Use::NotMet, Use::Abstain]),
        ("DS MONDO:0005072", [Use::Met, Use::NotMet, Use::NotMet, Use::Abstain]),
        ("POA", [Use::NotMet, Use::Met, Use::NotMet, Use::Abstain]),
        ("NPOA", [Use::Met, Use::NotMet, Use::Met, Use::Met]),
        ("CC", [Use::NotMet, Use::NotMet, Use::NotMet, Use::NotMet]),
    ];
    for (term, expected) in table {
        let found = [&declared(), &ancestry, &other, &silent].map(|purpose| verdict(&[term], purpose));
        assert_eq!(found, expected, "{term}");
    }
    let beside = changed(|purpose| purpose.ancestry = Yes);
    assert_eq!(verdict(&["HMB"], &beside), Use::NotMet);
    assert_eq!(verdict(&["GRU"], &beside), Use::Met);
    let unsaid = changed(|purpose| purpose.ancestry = Declared::Nothing);
    assert_eq!(verdict(&["HMB"], &unsaid), Use::Abstain);
}

#[test]
fn clinical_care_beside_another_permission_says_nothing() {
    assert_eq!(verdict(&["CC", "GRU"], &declared()), Use::Met);
    assert_eq!(verdict(&["CC", "PUB"], &declared()), Use::NotMet);
}

#[test]
fn a_disease_covers_its_kinds_and_each_that_is_studied_has_to_be_covered() {
    let purpose = declared();
    assert_eq!(verdict(&["DS MONDO:0004992"], &purpose), Use::Met);
    assert_eq!(verdict(&["DS MONDO:0005015"], &purpose), Use::NotMet);
    assert_eq!(verdict(&["DS MONDO:0005015", "DS MONDO:0004992"], &purpose), Use::Met);
    let two = changed(|purpose| {
        purpose.diseases.push(Disease { code: code("MONDO:0005015"), ancestors: [code("MONDO:0000001")].into() });
    });
    assert_eq!(verdict(&["DS MONDO:0004992"], &two), Use::NotMet);
    assert_eq!(verdict(&["DS MONDO:0004992", "DS mondo:0005015"], &two), Use::Met);
    // A wider disease than the allowed one is not covered by it.
    let wider = changed(|purpose| {
        purpose.diseases = vec![Disease { code: code("MONDO:0004992"), ancestors: [code("MONDO:0000001")].into() }];
    });
    assert_eq!(verdict(&["DS MONDO:0005072"], &wider), Use::NotMet);
    assert_eq!(verdict(&["DS MONDO:0005072"], &changed(|purpose| purpose.diseases.clear())), Use::Abstain);
}

#[test]
fn modifiers_hold_for_what_is_declared() {
    type Change = fn(&mut Purpose);
    let table: &[(&str, Change, Use)] = &[
        ("RS survival of children", |p| p.research.clear(), Use::Abstain),
        ("NMDS", |p| p.methods_development = Yes, Use::NotMet),
        ("NMDS", |p| p.methods_development = Declared::Nothing, Use::Abstain),
        ("GSO", |p| p.genetic = No, Use::NotMet),
        ("GSO", |p| p.genetic = Declared::Nothing, Use::Abstain),
        ("NPUNCU", |p| p.for_profit = Yes, Use::NotMet),
        ("NPUNCU", |p| p.commercial = Yes, Use::NotMet),
        ("NPUNCU", |p| p.commercial = Declared::Nothing, Use::Abstain),
        ("NPUNCU", |p| (p.for_profit, p.commercial) = (Declared::Nothing, Yes), Use::NotMet),
        ("NPU", |p| p.for_profit = Yes, Use::NotMet),
        ("NPU", |p| p.for_profit = Declared::Nothing, Use::Abstain),
        ("NCU", |p| p.commercial = Yes, Use::NotMet),
        ("NCU", |p| p.commercial = Declared::Nothing, Use::Abstain),
        ("NPOA", |p| p.ancestry = Yes, Use::NotMet),
        ("COL maxima", |p| p.collaborates_with.clear(), Use::NotMet),
        ("IRB", |p| p.ethics_approval_until = None, Use::NotMet),
        ("IRB", |p| p.ethics_approval_until = Some(date(2026, 11, 22)), Use::NotMet),
        ("GS NL,de,FR", |p| p.countries = ["GB".to_owned(), "NL".to_owned()].into(), Use::NotMet),
        ("GS NL,DE", |p| p.countries.clear(), Use::Abstain),
        ("US anna, bert", |p| p.users.extend(["carla".to_owned()]), Use::NotMet),
        ("US anna,bert", |p| p.users.clear(), Use::Abstain),
        ("IS maxima", |p| p.institutions.extend(["acme".to_owned()]), Use::NotMet),
        ("IS maxima", |p| p.institutions.clear(), Use::Abstain),
        ("PS neuro", |p| p.project = "sarcoma".to_owned(), Use::NotMet),
    ];
    for (term, change, expected) in table {
        assert_eq!(verdict(&[term], &declared()), Use::Met, "{term}");
        assert_eq!(verdict(&[term], &changed(change)), *expected, "{term}");
    }
}

#[test]
fn a_time_limit_holds_to_its_last_day() {
    assert_eq!(verdict(&["TS 2026-11-23"], &declared()), Use::Met);
    assert_eq!(verdict(&["TS 2026-11-22"], &declared()), Use::NotMet);
}

#[test]
fn duties_are_named() {
    let duty = |text: &str| Use::Duty(text.to_owned());
    assert_eq!(verdict(&["PUB"], &declared()), duty("publish the results"));
    assert_eq!(verdict(&["PUB"], &changed(|p| p.publishes = No)), Use::NotMet);
    assert_eq!(verdict(&["PUB"], &changed(|p| p.publishes = Declared::Nothing)), Use::Abstain);
    assert_eq!(verdict(&["RTN"], &declared()), duty("give derived data back"));
    assert_eq!(verdict(&["RTN"], &changed(|p| p.returns_data = No)), Use::NotMet);
    assert_eq!(verdict(&["MOR 8"], &declared()), duty("publish no results before 2027-02-28"));
    assert_eq!(verdict(&["MOR 4"], &declared()), Use::Met);
    let unreleased = MatchContext { released: None, ..CONTEXT };
    let found = match_use(&["MOR 8".parse().unwrap()], &declared(), unreleased);
    assert!(matches!(&found[0].verdict, Use::Duty(text) if text.contains("8 months after the release")));
}

#[test]
fn a_code_is_read_in_both_forms_and_written_in_one() {
    for (short, number, name) in DataUse::CODES {
        let parameter = match *short {
            "DS" => Some("MONDO:0005072"),
            "RS" | "COL" | "PS" | "US" | "IS" => Some("neuro"),
            "GS" => Some("nl, DE"),
            "MOR" => Some("12"),
            "TS" => Some("2030-12-31"),
            _ => None,
        };
        let term = DataUse::parse(short, parameter).unwrap();
        assert_eq!(term.number(), *number, "{name}");
        assert_eq!(DataUse::parse(&format!("DUO:{number:07}"), parameter), Ok(term.clone()));
        assert_eq!(term.to_string().parse(), Ok(term.clone()));
        let other = if parameter.is_some() { None } else { Some("more") };
        assert!(DataUse::parse(short, other).is_err(), "{short}");
    }
    assert_eq!(DataUse::CODES.len(), 23);
}

#[test]
fn what_is_no_term_is_refused() {
    for text in ["", "XX", "ds MONDO:0005072", "DUO:0000001", "DUO:7", "DUO:+000007", "DUO:0000007", "GRU ", "DUO:"] {
        assert!(text == "GRU " || text.parse::<DataUse>().is_err(), "{text}");
    }
    assert_eq!("XX".parse::<DataUse>(), Err(DataUseError::Unknown("XX".to_owned())));
    let wrong = [
        "DS neuroblastoma",
        "GS NLD",
        "GS NL,,DE",
        "MOR soon",
        "MOR 0",
        "MOR +4",
        "MOR 9999",
        "TS 2026-02-30",
        "TS 2026-13-01T00",
    ];
    for text in wrong {
        let error = text.parse::<DataUse>().unwrap_err();
        assert!(matches!(error, DataUseError::WrongParameter { .. }), "{text}: {error}");
        assert!(error.to_string().contains(text.split_once(' ').unwrap().1), "{error}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,80}", code in "[A-Z]{2,6}|DUO:[0-9]{7}", parameter in ".{0,40}") {
        for term in [text.parse::<DataUse>(), DataUse::parse(&code, Some(&parameter))].into_iter().flatten() {
            prop_assert_eq!(term.to_string().parse::<DataUse>(), Ok(term.clone()));
            match_use(&[term], &Purpose::default(), CONTEXT);
        }
    }
}
