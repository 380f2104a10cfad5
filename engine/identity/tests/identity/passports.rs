//! Passports: conditions, linked identities, limits, and visas from the userinfo endpoint.

use serde_json::{Value, json};
use sluis_identity::{
    ConditionProblem, FetchError, PassportError, Secret, TokenError, TrustedVisaIssuer, Verifier, VisaError, VisaType,
};

use crate::{
    keys::{self, Key},
    refused,
    server::Server,
    site::{NOW, Site, now},
    visas::{Broker, DATASET, SOURCE, VISA_ISSUER, changed, claims, grant},
};

/// What becomes of a grant on these conditions in a passport that holds an affiliation and a link beside it.
async fn on(broker: &Broker, conditions: Value) -> Result<(), VisaError> {
    let affiliation = json!({
        "type": "AffiliationAndRole", "value": "faculty@med.example.org", "source": SOURCE, "by": "so", "asserted": NOW,
    });
    let link = json!({ "type": "LinkedIdentities", "value": "1,a;22,b", "source": SOURCE, "asserted": NOW });
    let conditional =
        broker.visa(&changed(changed(grant(), "conditions", conditions), "value", json!("https://c.org")));
    let visas = [conditional, broker.visa(&affiliation), broker.visa(&link)];
    let mut passport = broker.passport(&visas).await;
    assert!(passport.visas.len() >= 2, "{passport:?}");
    passport.refused.pop().map_or(Ok(()), |refused| Err(refused.reason))
}

#[tokio::test]
async fn conditions_are_an_or_of_ands() {
    let broker = Broker::new();
    let faculty = json!({ "type": "AffiliationAndRole", "value": "const:faculty@med.example.org", "by": "const:so" });
    let student = json!({ "type": "AffiliationAndRole", "value": "pattern:student@*" });
    let linked = json!({ "type": "LinkedIdentities", "value": "split_pattern:2?,b" });
    for met in [
        json!([]),
        json!([[faculty]]),
        json!([[student], [faculty]]),
        json!([[faculty, linked]]),
        json!([[{ "type": "AffiliationAndRole", "value": "pattern:*@med.example.???" }]]),
        json!([[{ "type": "AffiliationAndRole", "value": "pattern:f*y@*.*.org*", "source": format!("const:{SOURCE}") }]]),
    ] {
        on(&broker, met.clone()).await.unwrap_or_else(|error| panic!("{met}: {error}"));
    }
    for unmet in [
        json!([[student]]),
        json!([[faculty, student]]),
        json!([[{ "type": "AffiliationAndRole", "value": "const:faculty@*" }]]),
        json!([[{ "type": "AffiliationAndRole", "value": "pattern:faculty" }]]),
        json!([[{ "type": "AffiliationAndRole", "value": "pattern:FACULTY@*" }]]),
        json!([[{ "type": "AffiliationAndRole", "value": "pattern:faculty@med.example.org?" }]]),
        json!([[{ "type": "AffiliationAndRole", "value": "pattern:faculty@*", "by": "const:dac" }]]),
        json!([[{ "type": "LinkedIdentities", "value": "pattern:2?,b" }]]),
        json!([[{ "type": "LinkedIdentities", "value": "split_pattern:1,a;22,b" }]]),
        // Not by itself: a visa with conditions meets none.
        json!([[{ "type": "ControlledAccessGrants", "value": "const:https://c.org" }]]),
        // An authority that is not said is none.
        json!([[{ "type": "LinkedIdentities", "by": "pattern:*" }]]),
    ] {
        refused!(on(&broker, unmet).await, VisaError::ConditionsUnmet);
    }
}

#[tokio::test]
async fn conditions_of_an_unknown_form_are_refused_even_beside_one_that_is_met() {
    let broker = Broker::new();
    let met = json!([{ "type": "AffiliationAndRole", "value": "pattern:*" }]);
    let odd = |clause: Value| json!([met, [clause]]);
    let long = format!("const:{}", "x".repeat(600));
    let kind = "AffiliationAndRole";
    use ConditionProblem as Problem;
    refused!(
        on(&broker, odd(json!({ "type": kind, "value": "regex:.*" }))).await,
        VisaError::Condition(Problem::Match(_))
    );
    refused!(
        on(&broker, odd(json!({ "type": kind, "value": "faculty" }))).await,
        VisaError::Condition(Problem::Match(_))
    );
    refused!(
        on(&broker, odd(json!({ "type": kind, "asserted": "const:1" }))).await,
        VisaError::Condition(Problem::Field(_))
    );
    refused!(
        on(&broker, odd(json!({ "type": kind, "conditions": "const:x" }))).await,
        VisaError::Condition(Problem::Field(_))
    );
    refused!(on(&broker, odd(json!({ "type": kind, "value": 7 }))).await, VisaError::Condition(Problem::Field(_)));
    refused!(on(&broker, odd(json!({ "type": kind }))).await, VisaError::Condition(Problem::Bare));
    refused!(on(&broker, odd(json!({ "value": "const:x" }))).await, VisaError::Condition(Problem::Type));
    refused!(
        on(&broker, odd(json!({ "type": "const:x", "value": "const:x" }))).await,
        VisaError::Condition(Problem::Type)
    );
    refused!(on(&broker, odd(json!({ "type": kind, "value": long }))).await, VisaError::Condition(Problem::TooLarge));
    for shape in [json!({}), json!("x"), json!([{}]), json!([[]]), json!([["x"]]), json!([[[]]])] {
        refused!(on(&broker, shape).await, VisaError::Condition(Problem::Shape));
    }
    let many = vec![json!([{ "type": kind, "value": "pattern:*" }]); 101];
    refused!(on(&broker, json!(many)).await, VisaError::Condition(Problem::TooLarge));
    let link =
        json!({ "type": "LinkedIdentities", "value": "1,a", "source": SOURCE, "asserted": NOW, "conditions": [met] });
    refused!(broker.outcome(broker.visa(&link)).await, VisaError::ConditionalLink);
}

/// A second visa issuer, which names people in its own way.
fn with_second_issuer(broker: Broker) -> (Broker, impl Fn(&Broker, &str) -> String) {
    let key = Key::ec();
    broker.visa_server.page("/second", &keys::key_set(&[&key]));
    let key_set = format!("{}/second", broker.visa_server.address);
    let mut trust = broker.site.verifier.trust().clone();
    trust.visa_issuers.push(TrustedVisaIssuer {
        issuer: "https://second.example.org".to_owned(),
        key_sets: [key_set.parse().unwrap()].into(),
        sources: [(VisaType::ControlledAccessGrants, [SOURCE.to_owned()].into())].into(),
        subjects_of: [].into(),
    });
    let site = Site { verifier: Verifier::new(trust).unwrap(), ..broker.site };
    let sign = move |_: &Broker, subject: &str| {
        let header = changed(key.header(), "jku", json!(key_set));
        let claims = changed(claims(&grant()), "iss", json!("https://second.example.org"));
        key.sign(&header, &changed(claims, "sub", json!(subject)))
    };
    (Broker { site, ..broker }, sign)
}

#[tokio::test]
async fn visas_about_others_count_only_if_they_are_linked() {
    let (broker, second) = with_second_issuer(Broker::new());
    let bob = broker.sign(&changed(claims(&grant()), "sub", json!("bob")));
    refused!(broker.outcome(bob.clone()).await, VisaError::OtherPerson(_));
    // The same subject at another issuer is another person.
    refused!(broker.outcome(second(&broker, "alice")).await, VisaError::OtherPerson(_));
    let link = |subject: &str, value: &str| {
        let object = json!({ "type": "LinkedIdentities", "value": value, "source": SOURCE, "asserted": NOW });
        broker.sign(&changed(claims(&object), "sub", json!(subject)))
    };
    let second_name = "8%2C8,https%3A%2F%2Fsecond.example.org";
    let passport = broker.passport(&[second(&broker, "8,8"), link("alice", second_name)]).await;
    assert_eq!((passport.visas.len(), passport.refused.len()), (2, 0), "{passport:?}");
    // By a chain, in whatever order: bob is alice, and 8,8 is bob.
    let own = VISA_ISSUER.replace(':', "%3A").replace('/', "%2F");
    let chain = [second(&broker, "8,8"), link("bob", second_name), bob.clone(), link("alice", &format!("bob,{own}"))];
    let passport = broker.passport(&chain).await;
    assert_eq!((passport.visas.len(), passport.refused.len()), (4, 0), "{passport:?}");
    // A link between two others links neither to alice, and the link itself is about somebody else.
    let passport = broker.passport(&[link("carol", second_name), second(&broker, "8,8")]).await;
    assert!(passport.visas.is_empty(), "{passport:?}");
    assert!(passport.refused.iter().all(|refused| matches!(refused.reason, VisaError::OtherPerson(_))));
}

#[tokio::test]
async fn a_visa_counts_no_longer_than_those_that_it_depends_on() {
    let (broker, second) = with_second_issuer(Broker::new());
    let with_end = |object: &Value, end: i64| broker.sign(&changed(claims(object), "exp", json!(end)));
    let affiliation = |role: &str| {
        let value = format!("{role}@b.org");
        json!({ "type": "AffiliationAndRole", "value": value, "source": SOURCE, "asserted": NOW })
    };
    let clause = |role: &str| json!({ "type": "AffiliationAndRole", "value": format!("const:{role}@b.org") });
    let conditions = json!([[clause("student")], [clause("faculty"), clause("member")]]);
    let conditional = broker.visa(&changed(grant(), "conditions", conditions));
    let ends = async |visas: &[String]| broker.passport(visas).await.visas[0].expires.as_second() - NOW;
    let (faculty, member) = (with_end(&affiliation("faculty"), NOW + 50), with_end(&affiliation("member"), NOW + 70));
    assert_eq!(ends(&[conditional.clone(), faculty.clone(), member.clone()]).await, 50);
    // The alternative that is met for longer counts, and of each clause the visa that does.
    let (student, later) = (with_end(&affiliation("student"), NOW + 60), with_end(&affiliation("student"), NOW + 65));
    assert_eq!(ends(&[conditional.clone(), faculty, member, student, later]).await, 65);
    assert_eq!(ends(&[conditional, with_end(&affiliation("student"), NOW + 9000)]).await, 3600);
    let link = |end: i64| {
        let value = "8,https%3A%2F%2Fsecond.example.org";
        with_end(&json!({ "type": "LinkedIdentities", "value": value, "source": SOURCE, "asserted": NOW }), end)
    };
    assert_eq!(ends(&[second(&broker, "8"), link(NOW + 40)]).await, 40);
    assert_eq!(ends(&[second(&broker, "8"), link(NOW + 40), link(NOW + 45)]).await, 45);
}

#[tokio::test]
async fn too_many_visas_are_refused() {
    let broker = Broker::new();
    let visas = |count| broker.site.token(&broker.site.claims_with("ga4gh_passport_v1", json!(vec!["x"; count])));
    broker.site.verify(&visas(200)).await.unwrap();
    refused!(broker.site.verify(&visas(201)).await, TokenError::TooManyVisas { count: 201, .. });
    for odd in [json!("x"), json!({}), json!([7])] {
        refused!(broker.site.verify_claims("ga4gh_passport_v1", odd).await, TokenError::Claim("ga4gh_passport_v1"));
    }
}

#[tokio::test]
async fn no_more_than_ten_key_sets_are_fetched_for_a_passport() {
    let server = Server::start();
    let key = Key::ec();
    let site = Site::with(|trust, broker| {
        for number in 0..12 {
            server.page(&format!("/keys/{number}"), &keys::key_set(&[&key]));
            trust.visa_issuers.push(TrustedVisaIssuer {
                issuer: format!("issuer-{number}"),
                key_sets: [format!("{}/keys/{number}", server.address).parse().unwrap()].into(),
                sources: VisaType::ALL.map(|kind| (kind, [SOURCE.to_owned()].into())).into(),
                subjects_of: [broker.address.clone()].into(),
            });
        }
    });
    let visas: Vec<String> = (0..12)
        .map(|number| {
            let header = changed(key.header(), "jku", json!(format!("{}/keys/{number}", server.address)));
            key.sign(&header, &changed(claims(&grant()), "iss", json!(format!("issuer-{number}"))))
        })
        .collect();
    let identity = site.verify_claims("ga4gh_passport_v1", json!(visas)).await.unwrap();
    let passport = site.verifier.embedded_passport(&identity, now()).await.unwrap();
    assert_eq!((passport.visas.len(), passport.refused.len(), server.total()), (10, 2, 10));
    let reasons = passport.refused.iter().map(|refused| &refused.reason);
    assert!(reasons.into_iter().all(|reason| matches!(reason, VisaError::Token(TokenError::TooManyKeySets { .. }))));
    // Those at hand do not count, so the next passport gets the rest.
    let passport = site.verifier.embedded_passport(&identity, now()).await.unwrap();
    assert_eq!((passport.visas.len(), server.total()), (12, 12));
}

#[tokio::test]
async fn a_passport_of_no_broker_is_not_looked_at() {
    let site = Site::with(|trust, _| trust.issuers[0].passport_broker = false);
    let identity = site.verify_claims("ga4gh_passport_v1", json!(["x"])).await.unwrap();
    assert_eq!(identity.embedded_visas(), 0);
    let outcome = site.verifier.embedded_passport(&identity, now()).await;
    assert!(matches!(outcome, Err(PassportError::NotABroker(_))));
}

#[tokio::test]
async fn passports_are_fetched_for_the_one_who_logged_in() {
    let broker = Broker::new();
    let identity = broker.site.verify(&broker.site.token(&broker.site.claims())).await.unwrap();
    let fetched = async || broker.site.verifier.fetched_passport(&identity, &Secret::new("t".to_owned()), now()).await;
    let serve = |fields: Value| broker.site.server.page("/userinfo", &fields.to_string());
    serve(json!({ "sub": "alice", "ga4gh_passport_v1": [broker.visa(&grant()), "x"] }));
    let passport = fetched().await.unwrap();
    assert_eq!((passport.visas[0].value.as_str(), passport.refused.len()), (DATASET, 1));
    // What the token brought comes first; without it the endpoint is asked.
    let token = Secret::new("t".to_owned());
    let either = async |identity| broker.site.verifier.passport_of(identity, &token, now()).await.unwrap();
    assert_eq!(either(&identity).await.visas.len(), 1);
    let asked = broker.site.server.count("/userinfo");
    let brought = broker.site.verify_claims("ga4gh_passport_v1", json!(["x"])).await.unwrap();
    assert_eq!((either(&brought).await.visas.len(), broker.site.server.count("/userinfo")), (0, asked));
    serve(json!({ "sub": "alice" }));
    assert!(fetched().await.unwrap().visas.is_empty());
    serve(json!({ "sub": "bob", "ga4gh_passport_v1": [broker.visa(&grant())] }));
    assert!(matches!(fetched().await, Err(PassportError::OtherPerson)));
    serve(json!({ "ga4gh_passport_v1": [] }));
    assert!(matches!(fetched().await, Err(PassportError::Token(TokenError::Missing("sub")))));
    serve(json!({ "sub": "alice", "ga4gh_passport_v1": vec!["x"; 201] }));
    assert!(matches!(fetched().await, Err(PassportError::Token(TokenError::TooManyVisas { .. }))));
    broker.site.server.status("/userinfo", "401 Unauthorized", "");
    assert!(matches!(fetched().await, Err(PassportError::Fetch(FetchError::Status { status: 401, .. }))));
}
