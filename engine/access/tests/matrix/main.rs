//! From a request that is allowed, one fact at a time is flipped: each flip is refused for a reason of its own, the
//! refusal is in the audit log, and no data key was touched.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod facts;
mod flips;
mod issuer;
mod programs;
mod running;
mod services;
mod visas;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;
use sluis_access::{AccessError, Reason, Verdict};
use sluis_model::{Address, EuCountry};
use sluis_policy::Action;
use tempfile::TempDir;

use flips::{
    Against, By, CONSENTS, Closed, Flip, NETWORKS, NOBODY, PEOPLE, PROGRAMS, PROJECTS, REQUESTS, SetAside, TERMS,
    TOKENS, Token,
};
use issuer::Issuer;
use visas::VISAS;
use world::{Ask, Outcome, World, sealed_object, training};

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
        assert_eq!(outcome.key_uses > Some(0), opens, "only content needs a key");
    }
    let mut outside = World { addresses: Vec::new(), ..World::allowed(&issuer) };
    World::edit(&mut outside.datasets, "kind: molecular", "network: any");
    outside.outcome(&issuer, copy(&template).path(), &address).await.result.unwrap();
    let mut in_the_lab = World { addresses: vec!["198.51.100.17", "192.0.2.17"], ..World::allowed(&issuer) };
    World::edit(&mut in_the_lab.institutions, "{campus:", "{lab: [198.51.100.0/25], campus:");
    World::edit(&mut in_the_lab.datasets, "kind: molecular", "networks: [seminar of maxima, lab of maxima]");
    World::edit(&mut in_the_lab.institutions, "{lab:", "{seminar: [203.0.113.0/24], lab:");
    in_the_lab.outcome(&issuer, copy(&template).path(), &address).await.result.unwrap();
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
        "NPOA",
        "NPU",
        "NCU",
        "MOR 12",
    ] {
        let world = World { terms, ..World::allowed(&issuer) };
        let folder = copy(&template);
        world.outcome(&issuer, folder.path(), &address).await.result.unwrap_or_else(|error| panic!("{terms}: {error}"));
    }
}

const ALL: [&[Flip]; 9] = [TOKENS, PEOPLE, NETWORKS, PROJECTS, CONSENTS, TERMS, REQUESTS, VISAS, PROGRAMS];

#[test]
fn there_are_sixty_flips_and_more_and_each_has_a_name_of_its_own_and_says_something() {
    let all = || ALL.into_iter().flatten();
    let names: BTreeSet<_> = all().map(|one| one.name).collect();
    let count = all().count();
    assert!(names.len() >= 60 && names.len() == count, "{count} flips, {} names", names.len());
    for flip in all() {
        let says = flip.says();
        assert!(!says.is_empty() && says.iter().all(|text| text.len() > 5), "{}: {says:?}", flip.name);
    }
    // Their policies are mostly the same: it is by what is said that they differ.
    let said: BTreeSet<_> = TERMS.iter().map(Flip::says).collect();
    assert_eq!(said.len(), TERMS.len());
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
async fn networks_are_refused() {
    each_is_refused_for_its_own_reason_without_a_key(NETWORKS).await;
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
async fn programs_are_refused() {
    let issuer = Issuer::start();
    let (template, address) = template();
    let outcome = World::with_program(&issuer).outcome(&issuer, copy(&template).path(), &address).await;
    outcome.result.unwrap();
    assert!(outcome.key_uses > Some(0));
    assert_eq!(outcome.record["caller"], "nightly for anna");
    each_of_a_world_is_refused(PROGRAMS, World::with_program).await;
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
    let mut in_registry = World { people: World::allowed(&issuer).people, ..World::with_visas(&issuer) };
    visas::trained_days_ago(&mut in_registry, 20);
    let outcome = asked(in_registry).await;
    outcome.result.unwrap();
    assert_eq!(outcome.record["facts"]["trained-until"], training().1.to_string());
    let mut lapsed = World { people: World::allowed(&issuer).people, ..World::with_visas(&issuer) };
    World::edit(
        &mut lapsed.people,
        "completed: TRAINED, until: LAST-DAY",
        "completed: '2020-01-01', until: '2020-12-31'",
    );
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
    let Err(error) = &outcome.result else { return Err("it was allowed".to_owned()) };
    if let Closed(text) = flip.refused {
        return is_closed(text, error, outcome);
    }
    if outcome.key_uses != Some(0) {
        return Err(format!("a key was used: {:?}", outcome.key_uses));
    }
    let AccessError::Refused(refusal) = error else { return Err(format!("{error}: {error:?}")) };
    let Some((Verdict::Deny, policies, reasons)) = &outcome.audited else {
        return Err(format!("the log's last decision is {:?}", outcome.audited));
    };
    let told: Vec<_> = refusal.reasons.iter().map(|reason| reason.text.clone()).collect();
    if told != *reasons {
        return Err(format!("told {told:?}, but the log has {reasons:?}"));
    }
    let deciding: BTreeSet<_> = refusal.reasons.iter().map(|reason| &reason.policy).collect();
    if deciding != policies.iter().collect() {
        return Err(format!("told of {deciding:?}, but the log has {policies:?}"));
    }
    match (&flip.refused, outcome.set_aside()) {
        (Token(text), _) => {
            is_refused_login(text, outcome)?;
            is_by(NOBODY, &refusal.reasons)
        }
        (By(expected), "") => {
            no_login_was_refused(outcome)?;
            is_by(expected, &refusal.reasons)
        }
        (SetAside(text, expected), found) if found.contains(text) => {
            no_login_was_refused(outcome)?;
            is_by(expected, &refusal.reasons)
        }
        (By(_) | SetAside(..), found) => Err(format!("set aside was `{found}`")),
        (Closed(_), _) => Err("it was opened".to_owned()),
    }
}

/// Nothing was opened, so that nothing can have been decided or written down: no file of the site is another one.
fn is_closed(text: &str, error: &AccessError, outcome: &Outcome) -> Result<(), String> {
    let (told, changed) = (error.to_string(), &outcome.changed);
    match outcome.key_uses {
        None if told.contains(text) && changed.is_empty() => Ok(()),
        uses => Err(format!("told `{told}`, changed {changed:?}, used {uses:?}")),
    }
}

/// The log has one login that was refused, of nobody, for what the token was refused for.
fn is_refused_login(text: &str, outcome: &Outcome) -> Result<(), String> {
    let Some(found) = &outcome.token else { return Err("the token was not refused".to_owned()) };
    if !found.contains(text) {
        return Err(format!("the token should be refused with `{text}`, was with `{found}`"));
    }
    let denied: Vec<_> = outcome.logins.iter().filter(|login| login["decision"] == "deny").collect();
    let [login] = denied[..] else { return Err(format!("the log's refused logins are {denied:?}")) };
    let is_last = outcome.logins.last() == Some(login);
    if is_last && login["caller"] == "nobody" && login["reasons"] == serde_json::json!([found]) {
        return Ok(());
    }
    Err(format!("the log has of logins {:?}", outcome.logins))
}

fn no_login_was_refused(outcome: &Outcome) -> Result<(), String> {
    let logins = &outcome.logins;
    if outcome.token.is_none() && logins.iter().all(|login| login["decision"] == "allow") {
        return Ok(());
    }
    Err(format!("the token was refused: {:?}, {logins:?}", outcome.token))
}

/// Whether each of these policies says what it is to say, once, and no other says anything.
fn is_by(expected: &[Against], reasons: &[Reason]) -> Result<(), String> {
    let mut left: Vec<_> = reasons.iter().collect();
    for (policy, text) in expected {
        let place = left.iter().position(|reason| reason.policy == *policy && reason.text.contains(text));
        let Some(place) = place else { return Err(format!("{policy} does not say `{text}`: {left:#?}")) };
        left.remove(place);
    }
    if left.is_empty() { Ok(()) } else { Err(format!("besides: {left:#?}")) }
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
