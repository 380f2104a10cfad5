//! Visas, each verified for itself: one that fails is reported with its reason and leaves the rest.

use serde_json::{Value, json};
use sluis_identity::{Authority, Passport, TokenError, TrustedVisaIssuer, VisaError, VisaType};

use crate::{
    keys::{self, Key, base64url},
    refused,
    server::Server,
    site::{NOW, Site, at, now},
};

pub const VISA_ISSUER: &str = "https://visas.example.org/oidc";
pub const SOURCE: &str = "https://institute.example.org";
pub const DATASET: &str = "https://data.example.org/datasets/7";

/// A broker whose passports the site trusts, and a visa issuer that names people as the broker does.
pub struct Broker {
    pub site: Site,
    pub visa_server: Server,
    pub visa_key: Key,
}

impl Broker {
    pub fn new() -> Self {
        let (visa_server, visa_key) = (Server::start(), Key::ec());
        visa_server.page("/keys", &keys::key_set(&[&visa_key]));
        let site = Site::with(|trust, broker| {
            trust.visa_issuers.push(TrustedVisaIssuer {
                issuer: VISA_ISSUER.to_owned(),
                key_sets: [format!("{}/keys", visa_server.address).parse().unwrap()].into(),
                sources: VisaType::ALL.map(|kind| (kind, [SOURCE.to_owned()].into())).into(),
                subjects_of: [broker.address.clone()].into(),
            });
        });
        Self { site, visa_server, visa_key }
    }

    pub fn header(&self) -> Value {
        let mut header = self.visa_key.header();
        header["typ"] = json!("vnd.ga4gh.visa+jwt");
        header["jku"] = json!(format!("{}/keys", self.visa_server.address));
        header
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.visa_key.sign(&self.header(), claims)
    }

    /// A visa with this object, about alice.
    pub fn visa(&self, object: &Value) -> String {
        self.sign(&claims(object))
    }

    /// The passport that holds these visas.
    pub async fn passport(&self, visas: &[String]) -> Passport {
        let token = self.site.token(&self.site.claims_with("ga4gh_passport_v1", json!(visas)));
        let identity = self.site.verify(&token).await.unwrap();
        assert_eq!(identity.embedded_visas(), visas.len());
        self.site.verifier.embedded_passport(&identity, now()).await.unwrap()
    }

    /// What becomes of one visa beside a good one, which must stay.
    pub async fn outcome(&self, visa: String) -> Result<(), VisaError> {
        let mut passport = self.passport(&[visa, self.visa(&grant())]).await;
        assert!(passport.visas.iter().any(|visa| visa.value == DATASET), "{passport:?}");
        match passport.refused.pop() {
            None => Ok(()),
            Some(refused) => {
                assert_eq!(refused.index, 0);
                Err(refused.reason)
            }
        }
    }
}

pub fn grant() -> Value {
    json!({ "type": "ControlledAccessGrants", "value": DATASET, "source": SOURCE, "by": "dac", "asserted": NOW - 1000 })
}

pub fn claims(object: &Value) -> Value {
    json!({ "iss": VISA_ISSUER, "sub": "alice", "iat": NOW - 100, "exp": NOW + 3600, "jti": "v1", "ga4gh_visa_v1": object })
}

pub fn changed(mut object: Value, name: &str, value: Value) -> Value {
    match value {
        Value::Null => object.as_object_mut().unwrap().remove(name),
        value => object.as_object_mut().unwrap().insert(name.to_owned(), value),
    };
    object
}

#[tokio::test]
async fn good_visas_of_all_types_become_facts() {
    let broker = Broker::new();
    let of = |kind: &str, value: &str, by: Value| {
        let object = json!({ "type": kind, "value": value, "source": SOURCE, "asserted": NOW - 1000 });
        broker.visa(&changed(object, "by", by))
    };
    let link = "bob+1,https%3A%2F%2Fother.example.org;b%2Cb,https:%2F%2Fother.example.org";
    let visas = [
        of("ControlledAccessGrants", DATASET, json!("dac")),
        of("AffiliationAndRole", "faculty@uni.example.org@x", json!("so")),
        of("AcceptedTermsAndPolicies", "https://training.example.org/2026", json!("system")),
        of("ResearcherStatus", "https://doi.org/10.1038/s41431-018-0219-y", Value::Null),
        of("LinkedIdentities", link, json!("self")),
    ];
    let passport = broker.passport(&visas).await;
    assert!(passport.refused.is_empty(), "{:?}", passport.refused);
    let first = &passport.visas[0];
    assert_eq!((first.kind, first.by), (VisaType::ControlledAccessGrants, Some(Authority::DataAccessCommittee)));
    assert_eq!((first.value.as_str(), first.source.as_str(), first.id.as_deref()), (DATASET, SOURCE, Some("v1")));
    assert_eq!((first.asserted, first.issued, first.expires), (at(NOW - 1000), at(NOW - 100), at(NOW + 3600)));
    assert_eq!(passport.visas[1].affiliation(), Some(("faculty", "uni.example.org@x")));
    assert_eq!(passport.visas[3].by, None);
    let names: Vec<_> = passport.names.iter().filter(|name| name.issuer == "https://other.example.org").collect();
    assert_eq!(names.iter().map(|name| name.subject.as_str()).collect::<Vec<_>>(), ["b,b", "bob+1"]);
    // Nothing was fetched but the one key set.
    assert_eq!(broker.visa_server.total(), 1);
}

#[tokio::test]
async fn a_key_set_that_is_not_permitted_is_never_fetched() {
    let (broker, elsewhere) = (Broker::new(), Server::start());
    elsewhere.page("/keys", &keys::key_set(&[&broker.visa_key]));
    let permitted = format!("{}/keys", broker.visa_server.address);
    for address in [
        format!("{}/keys", elsewhere.address),
        format!("{permitted}/"),
        format!("{permitted}?x"),
        format!("{}/x/../keys", broker.visa_server.address),
        permitted.replace("127.0.0.1", "localhost"),
        permitted.replace("http://", "http://user@"),
        "file:///etc/passwd".to_owned(),
    ] {
        let header = changed(broker.header(), "jku", json!(address));
        refused!(broker.outcome(broker.visa_key.sign(&header, &claims(&grant()))).await, VisaError::KeySet { .. });
    }
    assert_eq!((elsewhere.total(), broker.visa_server.total()), (0, 1));
    let header = changed(broker.header(), "jku", Value::Null);
    refused!(broker.outcome(broker.visa_key.sign(&header, &claims(&grant()))).await, VisaError::NoKeySet);
}

#[tokio::test]
async fn visas_that_are_no_good_tokens_are_refused() {
    let broker = Broker::new();
    let with = |name: &str, value: Value| broker.sign(&changed(claims(&grant()), name, value));
    refused!(broker.outcome(with("exp", json!(NOW - 60))).await, VisaError::Token(TokenError::Expired(_)));
    refused!(broker.outcome(with("nbf", json!(NOW + 61))).await, VisaError::Token(TokenError::NotYetValid(_)));
    refused!(broker.outcome(with("exp", Value::Null)).await, VisaError::Token(TokenError::Missing("exp")));
    refused!(broker.outcome(with("sub", Value::Null)).await, VisaError::Token(TokenError::Missing("sub")));
    refused!(broker.outcome(with("iss", json!("https://evil.example"))).await, VisaError::Issuer(_));
    refused!(broker.outcome(with("scope", json!("openid ga4gh_passport_v1"))).await, VisaError::AccessToken);
    broker.outcome(with("scope", json!("ga4gh"))).await.unwrap();
    refused!(broker.outcome(with("aud", json!("another"))).await, VisaError::Audience(_));
    refused!(broker.outcome(with("aud", json!([]))).await, VisaError::Audience(_));
    broker.outcome(with("aud", json!(["another", "sluis"]))).await.unwrap();
    refused!(broker.outcome(with("x", json!("x".repeat(16_000)))).await, VisaError::Token(TokenError::TooLarge { .. }));
    let stranger = Key::ec().sign(&broker.header(), &claims(&grant()));
    refused!(broker.outcome(stranger).await, VisaError::Token(TokenError::Signature));
    let header = json!({ "alg": "none", "jku": broker.header()["jku"] }).to_string();
    let bare = format!("{}.{}.", base64url(header), base64url(claims(&grant()).to_string()));
    refused!(broker.outcome(bare).await, VisaError::Token(TokenError::Unsigned));
    refused!(broker.outcome("no token".to_owned()).await, VisaError::Token(TokenError::Malformed(_)));
    let double = claims(&grant()).to_string().replacen("\"type\"", "\"type\":\"ResearcherStatus\",\"type\"", 1);
    let double = broker.visa_key.sign_texts(&broker.header().to_string(), &double);
    refused!(broker.outcome(double).await, VisaError::Token(TokenError::Duplicate { .. }));
}

#[tokio::test]
async fn an_id_token_is_no_visa() {
    let broker = Broker::new();
    // As it is: it is from no visa issuer. From one, and with a `jku`: it has no visa in it.
    refused!(broker.outcome(broker.site.token(&broker.site.claims())).await, VisaError::Issuer(_));
    let claims = broker.site.claims_with("iss", json!(VISA_ISSUER));
    refused!(broker.outcome(broker.sign(&claims)).await, VisaError::NotAVisa);
    let header = changed(broker.header(), "typ", json!("at+jwt"));
    let access = broker.visa_key.sign(&header, &crate::visas::claims(&grant()));
    refused!(broker.outcome(access).await, VisaError::Token(TokenError::Type(..)));
    // And a visa is no ID token.
    refused!(broker.site.verify(&broker.visa(&grant())).await, TokenError::KeyElsewhere("jku"));
}

#[tokio::test]
async fn visas_whose_object_is_wrong_are_refused() {
    let broker = Broker::new();
    let with = |name: &str, value: Value| broker.visa(&changed(grant(), name, value));
    refused!(broker.outcome(with("by", Value::Null)).await, VisaError::NoAuthority(VisaType::ControlledAccessGrants));
    let terms = json!({ "type": "AcceptedTermsAndPolicies", "value": DATASET, "source": SOURCE, "asserted": NOW });
    refused!(broker.outcome(broker.visa(&terms)).await, VisaError::NoAuthority(VisaType::AcceptedTermsAndPolicies));
    refused!(broker.outcome(with("by", json!("boss"))).await, VisaError::UnknownAuthority(_));
    refused!(broker.outcome(with("by", json!(7))).await, VisaError::Field("by"));
    refused!(broker.outcome(with("type", json!("https://ras.nih.gov/visas/v1.1"))).await, VisaError::UnknownType(_));
    refused!(broker.outcome(with("source", json!("https://no.organization"))).await, VisaError::Source { .. });
    refused!(broker.outcome(with("source", json!(format!("{SOURCE}/")))).await, VisaError::Source { .. });
    refused!(broker.outcome(with("value", json!("dataset 7"))).await, VisaError::Field("value"));
    refused!(
        broker.outcome(with("value", json!(format!("https://a.org/{}", "x".repeat(250))))).await,
        VisaError::Field("value")
    );
    refused!(broker.outcome(with("value", json!([DATASET]))).await, VisaError::Field("value"));
    refused!(broker.outcome(with("asserted", json!(NOW + 61))).await, VisaError::AssertedInFuture(_));
    refused!(broker.outcome(with("asserted", json!("2026"))).await, VisaError::Field("asserted"));
    for name in ["type", "value", "source", "asserted"] {
        refused!(broker.outcome(with(name, Value::Null)).await, VisaError::Missing(_));
    }
    refused!(broker.outcome(broker.visa(&json!([]))).await, VisaError::Token(TokenError::Claim("ga4gh_visa_v1")));
    let affiliation = changed(changed(grant(), "type", json!("AffiliationAndRole")), "value", json!("faculty"));
    refused!(broker.outcome(broker.visa(&affiliation)).await, VisaError::Field("value"));
    for value in ["bob", "bob,", ",https%3A%2F%2Fa", "bob,a b", "bob,%zz", "bob,%", "bob,%ff", "a,b;", "a,b,c"] {
        let link = changed(changed(grant(), "type", json!("LinkedIdentities")), "value", json!(value));
        refused!(broker.outcome(broker.visa(&link)).await, VisaError::Field("value"));
    }
}

#[tokio::test]
async fn a_type_that_the_issuer_is_not_trusted_with_is_refused() {
    let broker = Broker::new();
    let mut trust = broker.site.verifier.trust().clone();
    trust.visa_issuers[0].sources.retain(|kind, _| *kind == VisaType::ControlledAccessGrants);
    // A source is believed with the types that it is named for, and with no others.
    let elsewhere = "https://elsewhere.example.org".to_owned();
    trust.visa_issuers[0].sources.insert(VisaType::AffiliationAndRole, [elsewhere].into());
    let broker =
        Broker { site: Site { verifier: sluis_identity::Verifier::new(trust).unwrap(), ..broker.site }, ..broker };
    let status = changed(changed(grant(), "type", json!("ResearcherStatus")), "by", Value::Null);
    refused!(broker.outcome(broker.visa(&status)).await, VisaError::Type { kind: VisaType::ResearcherStatus, .. });
    let affiliation = changed(changed(grant(), "type", json!("AffiliationAndRole")), "value", json!("faculty@b.org"));
    refused!(broker.outcome(broker.visa(&affiliation)).await, VisaError::Source { .. });
}
