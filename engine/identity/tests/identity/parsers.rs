//! No bytes make the readers of tokens, visas, delegations or answers panic.

use std::sync::OnceLock;

use jiff::SignedDuration;
use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_oneof, proptest};
use sluis_identity::{Act, DelegationVerifier, Expectations, Revoked, WebAddress};
use tokio::runtime::Runtime;

use crate::{
    keys::base64url,
    site::now,
    visas::{Broker, claims, grant},
};

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap())
}

fn broker() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(Broker::new)
}

/// Text that is a token to some degree: of any characters, of parts in base64url, or with fragments of the real thing.
fn token() -> impl Strategy<Value = String> {
    let fragments = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"alg\"",
        "\"ES256\"",
        "\"kid\"",
        "\"jku\"",
        "\"iss\"",
        "\"exp\"",
        "1e400",
        "-1",
        "\"ga4gh_visa_v1\"",
        "\"conditions\"",
        "null",
        "\"\\ud800\"",
        "\"\u{0}\"",
    ]);
    let json = prop::collection::vec(fragments, 0..24).prop_map(|parts| parts.concat().into_bytes());
    let part = prop_oneof![prop::collection::vec(any::<u8>(), 0..64), json].prop_map(base64url);
    prop_oneof![any::<String>(), prop::collection::vec(part, 0..5).prop_map(|parts| parts.join("."))]
}

/// A signed visa object: a good one, of which a field is something else.
fn object() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        "(const|pattern|split_pattern|x):[a*?;%,]{0,12}".prop_map(Into::into),
        "([a,;%]|%[0-9a-f]{2}){0,12}".prop_map(Into::into),
        prop::sample::select(vec!["LinkedIdentities", "AffiliationAndRole", "self", "dac"]).prop_map(Into::into),
    ];
    let name = prop::sample::select(vec!["type", "value", "source", "by", "asserted", "conditions"]);
    let value = leaf.prop_recursive(4, 16, 4, |inner| {
        let names = prop::sample::select(vec!["type", "value", "source", "by", "x"]).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(names, inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    });
    (name, value).prop_map(|(name, value)| crate::visas::changed(grant(), name, value))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_refused_as_a_token(token in token()) {
        let outcome = runtime().block_on(broker().site.verifier.verify(&token, &Expectations::default(), now()));
        assert!(outcome.is_err());
        let keys = Vec::new();
        let (longest, clock_skew) = (SignedDuration::from_hours(1), SignedDuration::ZERO);
        let verifier = DelegationVerifier { site: "site".to_owned(), keys, longest, clock_skew };
        let revoked = Revoked { delegation: &|_| false, person: &|_| false };
        assert!(verifier.verify(&token, Act { project: "p", action: "a" }, revoked, now()).is_err());
    }

    #[test]
    fn any_text_is_refused_as_a_visa(token in token()) {
        let passport = runtime().block_on(broker().passport(&[token]));
        assert_eq!((passport.visas.len(), passport.refused.len()), (0, 1));
    }

    #[test]
    fn whatever_is_signed_in_a_visa_is_read_or_refused(object in object()) {
        let visa = broker().sign(&claims(&object));
        let passport = runtime().block_on(broker().passport(&[visa]));
        assert_eq!(passport.visas.len() + passport.refused.len(), 1);
    }

    #[test]
    fn whatever_is_signed_in_claims_is_read_or_refused(text in any::<String>(), number in any::<f64>()) {
        for value in [serde_json::json!(text), serde_json::json!(number), serde_json::json!([text])] {
            for name in ["aud", "exp", "auth_time", "acr", "ga4gh_passport_v1"] {
                let _ = runtime().block_on(broker().site.verify_claims(name, value.clone()));
            }
        }
    }

    #[test]
    fn any_text_is_an_address_or_is_none(text in prop_oneof![any::<String>(), "https?://[a-z@:/.#?\\[\\]]{0,20}"]) {
        if let Ok(address) = text.parse::<WebAddress>() {
            assert_eq!(address.as_str(), text);
        }
    }
}
