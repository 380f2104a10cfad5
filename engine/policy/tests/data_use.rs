//! Terms of data use, each both ways.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use std::collections::BTreeSet;

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
    told(terms, purpose).0
}

/// What comes of the first of some terms, and why.
fn told(terms: &[&str], purpose: &Purpose) -> (Use, String) {
    let parsed: Vec<DataUse> = terms.iter().map(|term| term.parse().unwrap()).collect();
    let mut verdicts = match_use(&parsed, purpose, CONTEXT);
    let written: Vec<_> = parsed.iter().map(ToString::to_string).collect();
    assert_eq!(verdicts.iter().map(|verdict| &verdict.term).collect::<Vec<_>>(), written.iter().collect::<Vec<_>>());
    let first = verdicts.remove(0);
    (first.verdict, first.reason)
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
    let of_others = "clinical care says nothing of research; the dataset's other terms do";
    assert_eq!(told(&["CC", "GRU"], &declared()), (Use::Met, of_others.to_owned()));
    let only = "the data may be used for clinical care only, and projects do research";
    assert_eq!(told(&["CC", "PUB"], &declared()), (Use::NotMet, only.to_owned()));
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
fn each_code_says_why_it_is_met_and_why_it_is_not() {
    type Change = fn(&mut Purpose);
    let table: &[(&str, &str, Change, Use, &str)] = &[
        (
            "GRU",
            "any research is allowed",
            |p| p.kind = ResearchKind::Undeclared,
            Use::Abstain,
            "the project does not declare what kind of research it does",
        ),
        (
            "HMB",
            "the project does health research",
            |p| p.kind = ResearchKind::Other,
            Use::NotMet,
            "the project does not do health research",
        ),
        (
            "HMB",
            "the project does health research",
            |p| p.kind = ResearchKind::Ancestry,
            Use::NotMet,
            "the project does not do health research",
        ),
        ("HMB", "the project does health research", |p| p.ancestry = Yes, Use::NotMet, "the project studies ancestry"),
        (
            "HMB",
            "the project does health research",
            |p| p.ancestry = Declared::Nothing,
            Use::Abstain,
            "the project does not declare whether it studies ancestry",
        ),
        (
            "HMB",
            "the project does health research",
            |p| p.kind = ResearchKind::Undeclared,
            Use::Abstain,
            "the project does not declare what kind of research it does",
        ),
        (
            "DS MONDO:0004992",
            "all diseases that the project studies are kinds of MONDO:0004992",
            |p| p.diseases[0].ancestors.clear(),
            Use::NotMet,
            "the project studies MONDO:0005072, which is no kind of MONDO:0004992",
        ),
        (
            "DS MONDO:0005072",
            "all diseases that the project studies are kinds of MONDO:0005072",
            |p| p.diseases.clear(),
            Use::Abstain,
            "the project does not declare which diseases it studies",
        ),
        (
            "DS MONDO:0005072",
            "all diseases that the project studies are kinds of MONDO:0005072",
            |p| p.kind = ResearchKind::Other,
            Use::NotMet,
            "the project does not do research on a disease",
        ),
        (
            "DS MONDO:0005072",
            "all diseases that the project studies are kinds of MONDO:0005072",
            |p| p.kind = ResearchKind::Undeclared,
            Use::Abstain,
            "the project does not declare what kind of research it does",
        ),
        (
            "RS survival of children",
            "the project declares the research `survival of children`",
            |p| p.research.clear(),
            Use::Abstain,
            "the project does not declare the research `survival of children`",
        ),
        (
            "NMDS",
            "the project develops no methods",
            |p| p.methods_development = Yes,
            Use::NotMet,
            "the project develops methods",
        ),
        (
            "NMDS",
            "the project develops no methods",
            |p| p.methods_development = Declared::Nothing,
            Use::Abstain,
            "the project does not declare whether it develops methods",
        ),
        (
            "GSO",
            "the project is a genetic study",
            |p| p.genetic = No,
            Use::NotMet,
            "the project is not a genetic study",
        ),
        (
            "GSO",
            "the project is a genetic study",
            |p| p.genetic = Declared::Nothing,
            Use::Abstain,
            "the project does not declare whether it is a genetic study",
        ),
        (
            "NPUNCU",
            "the project has no organisation for profit in it",
            |p| p.for_profit = Yes,
            Use::NotMet,
            "the project has an organisation for profit in it",
        ),
        (
            "NPUNCU",
            "the project has no organisation for profit in it",
            |p| p.commercial = Yes,
            Use::NotMet,
            "the project means a commercial use",
        ),
        (
            "NPUNCU",
            "the project has no organisation for profit in it",
            |p| p.commercial = Declared::Nothing,
            Use::Abstain,
            "the project does not declare whether it means a commercial use",
        ),
        (
            "NPUNCU",
            "the project has no organisation for profit in it",
            |p| (p.for_profit, p.commercial) = (Declared::Nothing, Yes),
            Use::NotMet,
            "the project means a commercial use",
        ),
        (
            "NPUNCU",
            "the project has no organisation for profit in it",
            |p| p.for_profit = Declared::Nothing,
            Use::Abstain,
            "the project does not declare whether it has an organisation for profit in it",
        ),
        (
            "NPU",
            "the project has no organisation for profit in it",
            |p| p.for_profit = Yes,
            Use::NotMet,
            "the project has an organisation for profit in it",
        ),
        (
            "NPU",
            "the project has no organisation for profit in it",
            |p| p.for_profit = Declared::Nothing,
            Use::Abstain,
            "the project does not declare whether it has an organisation for profit in it",
        ),
        (
            "NCU",
            "the project means no commercial use",
            |p| p.commercial = Yes,
            Use::NotMet,
            "the project means a commercial use",
        ),
        (
            "NCU",
            "the project means no commercial use",
            |p| p.commercial = Declared::Nothing,
            Use::Abstain,
            "the project does not declare whether it means a commercial use",
        ),
        (
            "NPOA",
            "the project does not study ancestry",
            |p| p.ancestry = Yes,
            Use::NotMet,
            "the project studies ancestry",
        ),
        (
            "NPOA",
            "the project does not study ancestry",
            |p| p.kind = ResearchKind::Ancestry,
            Use::NotMet,
            "the project studies ancestry",
        ),
        (
            "NPOA",
            "the project does not study ancestry",
            |p| p.ancestry = Declared::Nothing,
            Use::Abstain,
            "the project does not declare whether it studies ancestry",
        ),
        (
            "COL maxima",
            "the project collaborates with maxima",
            |p| p.collaborates_with.clear(),
            Use::NotMet,
            "the project does not collaborate with maxima",
        ),
        (
            "IRB",
            "an ethics committee's approval holds until 2027-01-01",
            |p| p.ethics_approval_until = None,
            Use::NotMet,
            "the project has no approval of an ethics committee",
        ),
        (
            "IRB",
            "an ethics committee's approval holds until 2027-01-01",
            |p| p.ethics_approval_until = Some(date(2026, 11, 22)),
            Use::NotMet,
            "the ethics committee's approval ended on 2026-11-22",
        ),
        (
            "GS NL,de,FR",
            "all countries of the project are among NL, DE, FR",
            |p| p.countries = ["GB".to_owned(), "NL".to_owned()].into(),
            Use::NotMet,
            "of the project's countries, GB is not among NL, DE, FR",
        ),
        (
            "GS NL,DE",
            "all countries of the project are among NL, DE",
            |p| p.countries.clear(),
            Use::Abstain,
            "the project does not declare its countries",
        ),
        (
            "US anna, bert",
            "all users of the project are among anna, bert",
            |p| p.users.extend(["carla".to_owned()]),
            Use::NotMet,
            "of the project's users, carla is not among anna, bert",
        ),
        (
            "US anna,bert",
            "all users of the project are among anna, bert",
            |p| p.users.clear(),
            Use::Abstain,
            "the project does not declare its users",
        ),
        (
            "IS maxima",
            "all institutions of the project are among maxima",
            |p| p.institutions.extend(["acme".to_owned()]),
            Use::NotMet,
            "of the project's institutions, acme is not among maxima",
        ),
        (
            "IS maxima",
            "all institutions of the project are among maxima",
            |p| p.institutions.clear(),
            Use::Abstain,
            "the project does not declare its institutions",
        ),
        (
            "PS neuro",
            "it is the project neuro",
            |p| p.project = "sarcoma".to_owned(),
            Use::NotMet,
            "only the project neuro may use the data, this is sarcoma",
        ),
    ];
    let mut codes: BTreeSet<_> = table.iter().map(|(term, ..)| term.split(' ').next().unwrap()).collect();
    for (term, is_met, change, expected, says) in table {
        assert_eq!(told(&[term], &declared()), (Use::Met, (*is_met).to_owned()), "{term}");
        assert_eq!(told(&[term], &changed(change)), (expected.clone(), (*says).to_owned()), "{term}");
    }
    // These depend on no single declaration, or give a duty; there is a test of their own for each, beside these texts.
    let others: [(&str, Use, &str); 7] = [
        ("NRES", Use::Met, "any use is allowed"),
        ("POA", Use::NotMet, "the project studies something else than ancestry"),
        ("CC", Use::NotMet, "the data may be used for clinical care only, and projects do research"),
        ("TS 2026-11-22", Use::NotMet, "the data could be used until 2026-11-22, today is 2026-11-23"),
        ("MOR 4", Use::Met, "the moratorium ended on 2026-10-30"),
        ("PUB", Use::Duty("publish the results".to_owned()), "the project publishes its results"),
        ("RTN", Use::Duty("give derived data back".to_owned()), "the project gives derived data back"),
    ];
    for (term, expected, says) in others {
        codes.insert(term.split(' ').next().unwrap());
        assert_eq!(told(&[term], &declared()), (expected, says.to_owned()), "{term}");
    }
    assert_eq!(codes, DataUse::CODES.iter().map(|(short, ..)| *short).collect());
    let ancestry = other_kind(ResearchKind::Ancestry);
    assert_eq!(told(&["POA"], &ancestry), (Use::Met, "the project studies ancestry".to_owned()));
}

#[test]
fn a_time_limit_holds_to_its_last_day() {
    let last_day = told(&["TS 2026-11-23"], &declared());
    assert_eq!(last_day, (Use::Met, "the data may be used until 2026-11-23".to_owned()));
    assert_eq!(verdict(&["TS 2026-11-22"], &declared()), Use::NotMet);
}

#[test]
fn duties_are_named() {
    let duty = |text: &str, why: &str| (Use::Duty(text.to_owned()), why.to_owned());
    let refused = |verdict: Use, why: &str| (verdict, why.to_owned());
    assert_eq!(told(&["PUB"], &declared()), duty("publish the results", "the project publishes its results"));
    let not = told(&["PUB"], &changed(|p| p.publishes = No));
    assert_eq!(not, refused(Use::NotMet, "the project publishes no results"));
    let silent = told(&["PUB"], &changed(|p| p.publishes = Declared::Nothing));
    assert_eq!(silent, refused(Use::Abstain, "the project does not declare whether it publishes its results"));
    assert_eq!(told(&["RTN"], &declared()), duty("give derived data back", "the project gives derived data back"));
    let not = told(&["RTN"], &changed(|p| p.returns_data = No));
    assert_eq!(not, refused(Use::NotMet, "the project gives no derived data back"));
    let silent = told(&["RTN"], &changed(|p| p.returns_data = Declared::Nothing));
    assert_eq!(silent, refused(Use::Abstain, "the project does not declare whether it gives derived data back"));
    let later = duty("publish no results before 2027-02-28", "the data were released on 2026-06-30");
    assert_eq!(told(&["MOR 8"], &declared()), later);
    let unreleased = MatchContext { released: None, ..CONTEXT };
    let found = match_use(&["MOR 8".parse().unwrap()], &declared(), unreleased).remove(0);
    let text = "publish no results until 8 months after the release of the data";
    assert_eq!((found.verdict, found.reason), duty(text, "it is not known when the data were released"));
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
