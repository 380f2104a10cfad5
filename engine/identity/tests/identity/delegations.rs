//! Delegations: what a service may do for a person, until it is taken back.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair},
};
use jiff::SignedDuration;
use serde_json::json;
use sluis_identity::{
    Act, Delegation, DelegationAlgorithm, DelegationError, DelegationSigner, DelegationVerifier, Person, Revoked,
    TokenError,
};

use crate::{
    keys::{Key, base64url},
    refused,
    site::{NOW, Site, at, now},
};

const DAY: i64 = 86_400;
const NOTHING: Revoked<'static> = Revoked { delegation: &|_| false, person: &|_| false };
const ACT: Act<'static> = Act { project: "neuroblastoma", action: "run" };

fn signer(algorithm: DelegationAlgorithm) -> DelegationSigner {
    let random = SystemRandom::new();
    let pkcs8 = match algorithm {
        DelegationAlgorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random).unwrap(),
        DelegationAlgorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap(),
    };
    DelegationSigner::new("site", algorithm, pkcs8.as_ref(), SignedDuration::from_hours(24 * 90)).unwrap()
}

fn verifier(signers: &[&DelegationSigner]) -> DelegationVerifier {
    DelegationVerifier {
        site: "site".to_owned(),
        keys: signers.iter().map(|signer| signer.public_key().clone()).collect(),
        longest: SignedDuration::from_hours(24 * 90),
        clock_skew: SignedDuration::from_secs(60),
    }
}

fn delegation() -> Delegation {
    Delegation {
        id: "d-1".to_owned(),
        service: "nightly-reanalysis".to_owned(),
        delegated_by: Person { issuer: "https://login.example.org".to_owned(), subject: "alice".to_owned() },
        project: "neuroblastoma".to_owned(),
        actions: ["run".to_owned(), "read".to_owned()].into(),
        not_before: at(NOW),
        expires: at(NOW + 30 * DAY),
    }
}

#[test]
fn what_was_delegated_may_be_done() {
    let (new, old) = (signer(DelegationAlgorithm::EdDsa), signer(DelegationAlgorithm::Es256));
    let both = verifier(&[&new, &old]);
    for signer in [&new, &old] {
        let token = signer.sign(&delegation(), now()).unwrap();
        assert_eq!(both.verify(&token, ACT, NOTHING, now()).unwrap(), delegation());
    }
    let token = new.sign(&delegation(), now()).unwrap();
    refused!(
        verifier(&[&old]).verify(&token, ACT, NOTHING, now()),
        DelegationError::Token(TokenError::UnknownKey { .. })
    );
    assert!(format!("{new:?}").contains("[redacted]"));
}

#[test]
fn what_was_not_delegated_or_was_taken_back_is_refused() {
    let signer = signer(DelegationAlgorithm::EdDsa);
    let token = signer.sign(&delegation(), now()).unwrap();
    let verifier = verifier(&[&signer]);
    let other = Act { project: "leukaemia", ..ACT };
    refused!(verifier.verify(&token, other, NOTHING, now()), DelegationError::OtherProject { .. });
    let other = Act { action: "export", ..ACT };
    refused!(verifier.verify(&token, other, NOTHING, now()), DelegationError::OtherAction(_));
    let revoked = Revoked { delegation: &|id| id == "d-1", ..NOTHING };
    refused!(verifier.verify(&token, ACT, revoked, now()), DelegationError::Revoked(_));
    let revoked = Revoked { person: &|person| *person == delegation().delegated_by, ..NOTHING };
    refused!(verifier.verify(&token, ACT, revoked, now()), DelegationError::PersonRevoked(_));
    let end = at(NOW + 30 * DAY + 60);
    refused!(verifier.verify(&token, ACT, NOTHING, end), DelegationError::Token(TokenError::Expired(_)));
    let before = at(NOW - 61);
    refused!(verifier.verify(&token, ACT, NOTHING, before), DelegationError::Token(TokenError::NotYetValid(_)));
    let elsewhere = DelegationVerifier { site: "elsewhere".to_owned(), ..verifier.clone() };
    refused!(elsewhere.verify(&token, ACT, NOTHING, now()), DelegationError::OtherSite(_));
    // Its own word on how long it lasts does not bind the site.
    let shorter = DelegationVerifier { longest: SignedDuration::from_hours(24), ..verifier };
    refused!(shorter.verify(&token, ACT, NOTHING, now()), DelegationError::Lifetime(_));
}

#[test]
fn delegations_that_are_not_the_sites_are_refused() {
    let (signer, verifier) = {
        let signer = signer(DelegationAlgorithm::EdDsa);
        let verifier = verifier(&[&signer]);
        (signer, verifier)
    };
    let token = signer.sign(&delegation(), now()).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let changed = format!("{header}.{}.{signature}", base64url(json!({ "iss": "site" }).to_string()));
    refused!(verifier.verify(&changed, ACT, NOTHING, now()), DelegationError::Token(TokenError::Signature));
    let name = signer.public_key().name();
    let with = |header: serde_json::Value| Key::ec().sign(&header, &json!({ "iss": "site" }));
    let refuse = |header: serde_json::Value| verifier.verify(&with(header), ACT, NOTHING, now());
    let typ = "sluis-delegation+jwt";
    refused!(
        refuse(json!({ "alg": "none", "typ": typ, "kid": name })),
        DelegationError::Token(TokenError::Algorithm(_))
    );
    refused!(
        refuse(json!({ "alg": "ES256", "typ": typ, "kid": name })),
        DelegationError::Token(TokenError::Algorithm(_))
    );
    refused!(
        refuse(json!({ "alg": "EdDSA", "typ": "JWT", "kid": name })),
        DelegationError::Token(TokenError::Type(..))
    );
    refused!(refuse(json!({ "alg": "EdDSA", "kid": name })), DelegationError::Token(TokenError::Missing("typ")));
    refused!(refuse(json!({ "alg": "EdDSA", "typ": typ, "kid": name })), DelegationError::Token(TokenError::Signature));
    refused!(
        refuse(json!({ "alg": "EdDSA", "typ": typ, "kid": name, "crit": [] })),
        DelegationError::Token(TokenError::Critical)
    );
    let site = Site::new();
    refused!(
        verifier.verify(&site.token(&site.claims()), ACT, NOTHING, now()),
        DelegationError::Token(TokenError::Type(..))
    );
    refused!(
        verifier.verify(&"x".repeat(20_000), ACT, NOTHING, now()),
        DelegationError::Token(TokenError::TooLarge { .. })
    );
}

#[test]
fn delegations_without_bounds_are_not_signed() {
    let signer = signer(DelegationAlgorithm::Es256);
    let refuse = |delegation: Delegation| signer.sign(&delegation, now());
    refused!(refuse(Delegation { expires: at(NOW + 91 * DAY), ..delegation() }), DelegationError::Lifetime(_));
    refused!(refuse(Delegation { expires: at(NOW), ..delegation() }), DelegationError::Lifetime(_));
    refused!(refuse(Delegation { actions: [].into(), ..delegation() }), DelegationError::Empty("action"));
    refused!(refuse(Delegation { project: String::new(), ..delegation() }), DelegationError::Empty("project"));
    refused!(refuse(Delegation { service: String::new(), ..delegation() }), DelegationError::Empty("service"));
    let day = SignedDuration::from_hours(24);
    let wrong = DelegationSigner::new("site", DelegationAlgorithm::EdDsa, b"no key", day);
    refused!(wrong, DelegationError::SigningKey("EdDSA"));
}
