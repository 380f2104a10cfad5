//! What a decision's record says of the project, the consents and the terms by which it was made.

use crate::{
    copy,
    issuer::Issuer,
    template,
    world::{Ask, World},
};

#[tokio::test]
async fn period_consents_and_terms_stand_in_each_record() {
    let issuer = Issuer::start();
    let (template, address) = template();
    let asked = async |world: World| world.outcome(&issuer, copy(&template).path(), &address).await;
    let outcome = asked(World { terms: "HMB, PUB", ..World::allowed(&issuer) }).await;
    outcome.result.unwrap();
    let facts = &outcome.record["facts"];
    for (name, value) in [
        ("project-period", "2020-01-01 to 2090-01-01"),
        ("project-purpose", "research"),
        ("consents", "trial-7: given since 2020-01-01"),
        ("subject-consents", "given since 2020-01-01"),
        ("terms", "HMB of trial-7: met; PUB of trial-7: a duty; HMB of P012 of trial-7: met"),
    ] {
        assert_eq!(facts[name], value, "{facts}");
    }

    let mut refused = World { terms: "NCU, POA", ..World::allowed(&issuer) };
    World::edit(&mut refused.projects, "      commercial: false\n", "");
    World::edit(&mut refused.projects, "until: '2090-01-01'", "until: '2021-01-01'");
    World::edit(&mut refused.datasets, "consent: given\n    consent-date: '2020-01-01'", "consent: unknown");
    World::edit(&mut refused.datasets, "{consent: given", "{consent: withdrawn");
    let outcome = asked(refused).await;
    assert!(outcome.result.is_err());
    let facts = &outcome.record["facts"];
    for (name, value) in [
        ("project-period", "2020-01-01 to 2021-01-01"),
        ("consents", "trial-7: unknown"),
        ("subject-consents", "withdrawn since 2020-01-01"),
        ("terms", "NCU of trial-7: undecided; POA of trial-7: not met; HMB of P012 of trial-7: met"),
    ] {
        assert_eq!(facts[name], value, "{facts}");
    }
}

#[tokio::test]
async fn of_many_terms_a_record_tells_some_and_how_many_more_there_are() {
    let issuer = Issuer::start();
    let (template, address) = template();
    let terms = "HMB, GRU, NRES, GSO, NMDS, NPU, NCU, NPOA, 'GS NL'";
    let world = World { terms, ..World::allowed(&issuer) };
    let outcome = world.outcome(&issuer, copy(&template).path(), &address).await;
    outcome.result.unwrap();
    let told = outcome.record["facts"]["terms"].as_str().unwrap();
    assert!(told.starts_with("HMB of trial-7: met; ") && told.ends_with("; and 2 more"), "{told}");
    assert_eq!(told.matches("; ").count(), 8, "{told}");
    // What concerns no data has nothing to tell of them.
    let mut auditing = World { ask: Ask::ReadAudit, ..World::allowed(&issuer) };
    World::edit(&mut auditing.people, "roles: []", "roles: [auditor]");
    let outcome = auditing.outcome(&issuer, copy(&template).path(), &address).await;
    outcome.result.unwrap();
    let facts = outcome.record["facts"].as_object().unwrap();
    assert!(["terms", "consents", "subject-consents", "project-period"].iter().all(|name| !facts.contains_key(*name)));
}
