//! From a request that is allowed, one fact at a time is flipped: each flip is refused for a reason of its own, the
//! refusal is in the audit log, and no data key was touched.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod flips;
mod issuer;
mod services;
mod visas;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;
use sluis_access::{AccessError, Verdict};
use sluis_model::{Address, EuCountry};
use sluis_policy::Action;
use tempfile::TempDir;

use flips::{By, CONSENTS, Closed, Flip, PEOPLE, PROJECTS, REQUESTS, SetAside, TERMS, TOKENS, Token};
use issuer::Issuer;
use visas::VISAS;
use world::{Ask, Outcome, World, sealed_object};

/// The same request, asked for in ways that are allowed: each flip above differs from one of these in one fact.
#[tokio::test]
async fn without_a_flip_every_request_is_allowed() {
    let issuer = Issuer::start();
    let (template, address) = template();
    let requests: [(Ask, &str); 14] = [
        (Ask::Show, "[]"),
        (Ask::Provenance, "[]"),
        (Ask::Repeat, "[]"),
        (Ask::Task { region: EuCountry::NL, network: false }, "[]"),
        (Ask::TakeIn { dataset: "trial-7", subject: Some("P012") }, "[]"),
        (Ask::TakeIn { dataset: "genomes", subject: None }, "[administrator]"),
        (Ask::Delegate(Action::Submit), "[]"),
        (Ask::ReadAudit, "[auditor]"),
        (Ask::WhoCan, "[auditor]"),
        (Ask::Withdraw, "[steward]"),
        (Ask::Check, "[administrator]"),
        (Ask::Survey, "[administrator]"),
        (Ask::Pin, "[administrator]"),
        (Ask::Unpin, "[administrator]"),
    ];
    for (ask, roles) in requests {
        let mut world = World { ask, ..World::allowed(&issuer) };
        World::edit(&mut world.people, "roles: []", &format!("roles: {roles}"));
        let folder = copy(&template);
        let outcome = world.outcome(&issuer, folder.path(), &address).await;
        outcome.result.unwrap();
        let opens = matches!(ask, Ask::Show | Ask::Task { .. });
        assert_eq!(outcome.key_uses > 0, opens, "only content needs a key");
    }
    let mut outside = World { addresses: Vec::new(), ..World::allowed(&issuer) };
    World::edit(&mut outside.datasets, "kind: molecular", "network: any");
    outside.outcome(&issuer, copy(&template).path(), &address).await.result.unwrap();
    for terms in [
        "NRES",
        "HMB",
        "GRU",
        "DS MONDO:0021038",
        "GSO",
        "NPUNCU",
        "NMDS",
        "PUB",
        "COL trial office",
        "IRB",
        "'GS NL'",
        "TS 2090-01-01",
        "US anna",
        "PS neuroblastoma",
        "IS maxima",
        "RTN",
        "NPOA, HMB",
        "NPU",
        "NCU",
        "MOR 12",
    ] {
        let world = World { terms, ..World::allowed(&issuer) };
        let folder = copy(&template);
        world.outcome(&issuer, folder.path(), &address).await.result.unwrap_or_else(|error| panic!("{terms}: {error}"));
    }
}

#[test]
fn there_are_sixty_flips_and_more_and_each_has_a_name_of_its_own() {
    let names: BTreeSet<_> = [TOKENS, PEOPLE, PROJECTS, CONSENTS, TERMS, REQUESTS, VISAS]
        .into_iter()
        .flatten()
        .map(|one| one.name)
        .collect();
    let count: usize =
        [TOKENS, PEOPLE, PROJECTS, CONSENTS, TERMS, REQUESTS, VISAS].iter().map(|flips| flips.len()).sum();
    assert!(names.len() >= 60 && names.len() == count, "{count} flips, {} names", names.len());
}

#[tokio::test]
async fn tokens_are_refused() {
    each_is_refused_for_its_own_reason_without_a_key(TOKENS).await;
}

#[tokio::test]
async fn people_are_refused() {
    each_is_refused_for_its_own_reason_without_a_key(PEOPLE).await;
}

#[tokio::test]
async fn projects_are_refused() {
    each_is_refused_for_its_own_reason_without_a_key(PROJECTS).await;
}

#[tokio::test]
async fn missing_consents_refuse() {
    each_is_refused_for_its_own_reason_without_a_key(CONSENTS).await;
}

#[tokio::test]
async fn unmet_terms_refuse() {
    each_is_refused_for_its_own_reason_without_a_key(TERMS).await;
}

#[tokio::test]
async fn requests_are_refused() {
    each_is_refused_for_its_own_reason_without_a_key(REQUESTS).await;
}

#[tokio::test]
async fn missing_visas_refuse() {
    each_of_a_world_is_refused(VISAS, World::with_visas).await;
}

#[tokio::test]
async fn what_visas_say_is_a_fact_of_decisions_until_they_expire() {
    let issuer = Issuer::start();
    let (template, address) = template();
    let asked = async |world: World| world.outcome(&issuer, copy(&template).path(), &address).await;
    let outcome = asked(World::with_visas(&issuer)).await;
    outcome.result.unwrap();
    let facts = &outcome.record["facts"];
    let completed = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(1000);
    let completed = jiff::tz::Offset::UTC.to_datetime(completed).date();
    let last_day = completed.saturating_add(1.year()).saturating_sub(1.day());
    assert_eq!(facts["trained-until"], last_day.to_string(), "{facts}");
    let told = facts["visas"].as_str().unwrap();
    assert!(told.contains("ResearcherStatus of https://academy.example.org (`visa-ResearcherStatus`)"), "{told}");
    // No value and no token of a visa is in the log.
    let (record, visas) = (outcome.record.to_string(), World::with_visas(&issuer).visas);
    let tokens: Vec<_> = visas.iter().map(|visa| visa.token(&issuer)).collect();
    let parts = tokens.iter().flat_map(|token| token.split('.')).chain(["maxima.example.org", "doi.org"]);
    assert!(parts.into_iter().all(|part| !record.contains(part)), "{record}");

    // Of registry and visas the later day counts.
    let in_registry = World { people: World::allowed(&issuer).people, ..World::with_visas(&issuer) };
    let outcome = asked(in_registry).await;
    outcome.result.unwrap();
    assert_eq!(outcome.record["facts"]["trained-until"], "2090-01-01");
    let mut lapsed = World { people: World::allowed(&issuer).people, ..World::with_visas(&issuer) };
    World::edit(&mut lapsed.people, "until: '2090-01-01'", "until: '2021-01-01'");
    asked(lapsed).await.result.unwrap();

    // A visa about another name of the same person counts if it is linked.
    let mut linked = World::with_visas(&issuer);
    visas::linked(&mut linked, &issuer);
    asked(linked).await.result.unwrap();
}

async fn each_is_refused_for_its_own_reason_without_a_key(flips: &[Flip]) {
    each_of_a_world_is_refused(flips, World::allowed).await;
}

async fn each_of_a_world_is_refused(flips: &[Flip], world: fn(&Issuer) -> World) {
    let issuer = Issuer::start();
    let (template, address) = template();
    let mut problems = BTreeMap::new();
    for one in flips {
        let folder = copy(&template);
        let mut world = world(&issuer);
        (one.flip)(&mut world);
        let outcome = world.outcome(&issuer, folder.path(), &address).await;
        if let Err(problem) = check(one, &outcome) {
            problems.insert(one.name, problem);
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

fn check(flip: &Flip, outcome: &Outcome) -> Result<(), String> {
    if outcome.key_uses != 0 {
        return Err(format!("a key was used {} times", outcome.key_uses));
    }
    let Err(error) = &outcome.result else { return Err("it was allowed".to_owned()) };
    if let Closed(text) = flip.refused {
        return if error.to_string().contains(text) { Ok(()) } else { Err(error.to_string()) };
    }
    let AccessError::Refused(refusal) = error else { return Err(format!("{error}: {error:?}")) };
    let Some((Verdict::Deny, policies, reasons)) = &outcome.audited else {
        return Err(format!("the log's last decision is {:?}", outcome.audited));
    };
    let told: Vec<_> = refusal.reasons.iter().map(|reason| reason.text.clone()).collect();
    if told != *reasons {
        return Err(format!("told {told:?}, but the log has {reasons:?}"));
    }
    match (&flip.refused, &outcome.token) {
        (Token(text), Some(found)) if found.contains(text) => Ok(()),
        (Token(text), found) => Err(format!("the token should be refused with `{text}`, was {found:?}")),
        (By(_) | SetAside(..), Some(found)) => Err(format!("the token was refused: {found}")),
        (By(expected), None) if outcome.set_aside().is_empty() => is_by(expected, policies, reasons),
        (By(_), None) => Err(format!("visas were set aside: {}", outcome.set_aside())),
        (SetAside(text, expected), None) if outcome.set_aside().contains(text) => is_by(expected, policies, reasons),
        (SetAside(..), None) => Err(format!("set aside was `{}`", outcome.set_aside())),
        (Closed(_), _) => Err("it was opened".to_owned()),
    }
}

fn is_by(expected: &[&str], policies: &[String], reasons: &[String]) -> Result<(), String> {
    let (mut found, mut expected) = (policies.to_vec(), expected.to_vec());
    found.sort();
    expected.sort_unstable();
    if found == expected { Ok(()) } else { Err(format!("by {found:?}: {reasons:?}")) }
}

fn template() -> (TempDir, Address) {
    let folder = tempfile::tempdir().unwrap();
    let address = sealed_object(&folder.path().join("site"));
    (folder, address)
}

/// A site of its own for each flip: two of them change nothing for each other.
fn copy(template: &TempDir) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in walkdir::WalkDir::new(template.path().join("site")).min_depth(1) {
        let entry = entry.unwrap();
        let to = folder.path().join(entry.path().strip_prefix(template.path().join("site")).unwrap());
        if entry.file_type().is_dir() {
            std::fs::create_dir(&to).unwrap();
        } else {
            std::fs::copy(entry.path(), &to).unwrap();
        }
        std::fs::set_permissions(&to, entry.metadata().unwrap().permissions()).unwrap();
    }
    folder
}
