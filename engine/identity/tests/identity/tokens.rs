//! Hostile tokens: each refused for its own reason.

use serde_json::{Value, json};
use sluis_identity::{Expectations, MultiFactor, REFEDS_MFA, TokenError, TokenKind};

use crate::{
    keys::{self, Key, base64url},
    refused,
    server::Server,
    site::{NOW, Site, at, now},
};

#[tokio::test]
async fn good_tokens_become_facts() {
    let site = Site::new();
    let expected = Expectations { nonce: Some("n"), multi_factor: true, ..Expectations::default() };
    let identity = site.verifier.verify(&site.token(&site.claims()), &expected, now()).await.unwrap();
    assert_eq!((identity.issuer(), identity.subject()), (site.server.address.as_str(), "alice"));
    assert!(identity.mfa());
    assert_eq!(identity.multi_factor(), &MultiFactor::Yes(REFEDS_MFA.to_owned()));
    assert_eq!((identity.auth_time(), identity.expires()), (Some(at(NOW - 20)), at(NOW + 600)));
    let rsa = keys::rsa();
    site.verify(&rsa.sign(&rsa.header(), &site.claims())).await.unwrap();
    let access = site.token_with_header("typ", json!("at+jwt"));
    let expected = Expectations { kind: TokenKind::Access, ..Expectations::default() };
    site.verifier.verify(&access, &expected, now()).await.unwrap();
    refused!(site.verify(&access).await, TokenError::Type(..));
    site.verify_claims("aud", json!(["sluis"])).await.unwrap();
}

#[tokio::test]
async fn unsigned_tokens_and_shared_secrets_are_refused() {
    let site = Site::new();
    for name in ["none", "None", "NONE"] {
        let header = json!({ "alg": name, "kid": site.key.name() }).to_string();
        let bare = format!("{}.{}.", base64url(header), base64url(site.claims().to_string()));
        refused!(site.verify(&bare).await, TokenError::Unsigned);
        refused!(site.verify(&site.token_with_header("alg", json!(name))).await, TokenError::Unsigned);
    }
    // The public key as the secret of an HMAC.
    for key in [&site.key, keys::rsa()] {
        let header = json!({ "alg": "HS256", "kid": key.name() }).to_string();
        let message = format!("{}.{}", base64url(header), base64url(site.claims().to_string()));
        let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key.public());
        let signature = base64url(aws_lc_rs::hmac::sign(&secret, message.as_bytes()));
        refused!(site.verify(&format!("{message}.{signature}")).await, TokenError::SharedSecret(_));
    }
    for name in ["RS384", "PS256", "EdDSA", "ES384", "rs256", ""] {
        refused!(site.verify(&site.token_with_header("alg", json!(name))).await, TokenError::Algorithm(_));
    }
}

#[tokio::test]
async fn an_algorithm_that_is_not_pinned_is_refused() {
    let site = Site::with(|trust, _| {
        trust.issuers[0].algorithms = [sluis_identity::Algorithm::Es256].into();
    });
    site.verify(&site.token(&site.claims())).await.unwrap();
    let rsa = keys::rsa();
    refused!(site.verify(&rsa.sign(&rsa.header(), &site.claims())).await, TokenError::Algorithm(_));
}

#[tokio::test]
async fn changed_tokens_and_those_of_others_are_refused() {
    let site = Site::new();
    let good = site.token(&site.claims());
    let (message, _) = good.rsplit_once('.').unwrap();
    let stranger = Key::ec().sign(&site.key.header(), &site.claims());
    refused!(site.verify(&stranger).await, TokenError::Signature);
    let other = site.token(&site.claims_with("sub", json!("mallory")));
    let (_, signature) = other.rsplit_once('.').unwrap();
    refused!(site.verify(&format!("{message}.{signature}")).await, TokenError::Signature);
    refused!(site.verify(&format!("{message}.")).await, TokenError::Signature);
    refused!(site.verify(&format!("{message}.{}", base64url([0; 64]))).await, TokenError::Signature);
    refused!(site.verify_claims("iss", json!("https://evil.example")).await, TokenError::Issuer(_));
    refused!(site.verify_claims("iss", json!(format!("{}/", site.server.address))).await, TokenError::Issuer(_));
    refused!(site.verify_claims("iss", Value::Null).await, TokenError::Missing("iss"));
}

#[tokio::test]
async fn odd_names_of_keys_are_refused_and_fetch_nothing() {
    let site = Site::new();
    for name in ["../../etc/passwd", "..", "a/b", "a\\b", "a%2fb", "a b", "a\nb", "", &"a".repeat(300)] {
        refused!(site.verify(&site.token_with_header("kid", json!(name))).await, TokenError::KeyName(_));
    }
    assert_eq!(site.server.total(), 0);
    refused!(site.verify(&site.token_with_header("kid", json!(7))).await, TokenError::Claim("kid"));
    refused!(site.verify(&site.token_with_header("kid", json!("unknown"))).await, TokenError::UnknownKey { .. });
    let mut header = site.key.header();
    header.as_object_mut().unwrap().remove("kid");
    // Without a name the key must be the only one of its kind; here it is.
    site.verify(&site.key.sign(&header, &site.claims())).await.unwrap();
    crate::site::publish(&site.server, &[&site.key, &Key::ec()]);
    let (token, expected) = (site.token_with_header("kid", json!("new")), Expectations::default());
    let later = site.verifier.verify(&token, &expected, at(NOW + 61));
    refused!(later.await, TokenError::UnknownKey { .. });
    refused!(site.verify(&site.key.sign(&header, &site.claims())).await, TokenError::KeyNotNamed { .. });
}

#[tokio::test]
async fn keys_that_tokens_bring_or_name_are_never_used_or_fetched() {
    let (site, elsewhere) = (Site::new(), Server::start());
    let own = Key::ec();
    elsewhere.page("/keys", &keys::key_set(&[&own]));
    let address = format!("{}/keys", elsewhere.address);
    for (name, value) in [("jku", json!(address)), ("x5u", json!(address))] {
        let mut header = own.header();
        header.as_object_mut().unwrap().insert(name.to_owned(), value.clone());
        refused!(site.verify(&own.sign(&header, &site.claims())).await, TokenError::KeyElsewhere(_));
        refused!(site.verify(&site.token_with_header(name, value)).await, TokenError::KeyElsewhere(_));
    }
    assert_eq!(elsewhere.total(), 0);
    let mut header = own.header();
    header.as_object_mut().unwrap().insert("jwk".to_owned(), own.jwk());
    refused!(site.verify(&own.sign(&header, &site.claims())).await, TokenError::OwnKey(_));
    refused!(site.verify(&site.token_with_header("crit", json!(["exp"]))).await, TokenError::Critical);
    refused!(site.verify(&site.token_with_header("b64", json!(false))).await, TokenError::Critical);
}

#[tokio::test]
async fn a_key_of_another_type_or_use_is_refused() {
    let site = Site::new();
    let rsa = keys::rsa();
    refused!(site.verify(&site.token_with_header("kid", json!(rsa.name()))).await, TokenError::KeyType { .. });
    let mut header = rsa.header();
    header["kid"] = json!(site.key.name());
    refused!(site.verify(&rsa.sign(&header, &site.claims())).await, TokenError::KeyType { .. });
    for (name, value) in [("use", json!("enc")), ("key_ops", json!(["sign"])), ("alg", json!("ES384"))] {
        let site = Site::new();
        let mut key = site.key.jwk();
        key[name] = value;
        site.server.page("/keys", &json!({ "keys": [key] }).to_string());
        refused!(site.verify(&site.token(&site.claims())).await, TokenError::KeyType { .. });
    }
}

#[tokio::test]
async fn huge_deep_and_double_tokens_are_refused() {
    let site = Site::new();
    let huge = site.token(&site.claims_with("x", json!("x".repeat(300_000))));
    refused!(site.verify(&huge).await, TokenError::TooLarge { .. });
    let deep = format!("{{\"iss\":\"{}\",\"x\":{}{}}}", site.server.address, "[".repeat(5_000), "]".repeat(5_000));
    refused!(
        site.verify(&site.key.sign_texts(&site.key.header().to_string(), &deep)).await,
        TokenError::TooDeep("body")
    );
    let claims = site.claims().to_string();
    for double in
        [claims.replacen('{', "{\"sub\":\"bob\",", 1), claims.replacen('{', "{\"x\":{\"y\":1,\"\\u0079\":2},", 1)]
    {
        let token = site.key.sign_texts(&site.key.header().to_string(), &double);
        refused!(site.verify(&token).await, TokenError::Duplicate { part: "body", .. });
    }
    let header = site.key.header().to_string().replacen('{', "{\"alg\":\"none\",", 1);
    let token = site.key.sign_texts(&header, &claims);
    refused!(site.verify(&token).await, TokenError::Duplicate { part: "header", .. });
    for token in ["", ".", "..", "...", "a.b", "a.b.c.d", "e30.e30.e30", "é.é.é", "e30=.e30=.e30="] {
        refused!(site.verify(token).await, TokenError::Malformed(_) | TokenError::Missing("alg"));
    }
}

#[tokio::test]
async fn tokens_for_others_are_refused() {
    let site = Site::new();
    refused!(site.verify_claims("aud", json!("another")).await, TokenError::Audience { .. });
    refused!(site.verify_claims("aud", json!(["another"])).await, TokenError::Audience { .. });
    refused!(site.verify_claims("aud", json!([])).await, TokenError::Missing("aud"));
    refused!(site.verify_claims("aud", json!([7])).await, TokenError::Claim("aud"));
    refused!(site.verify_claims("aud", Value::Null).await, TokenError::Missing("aud"));
    let mut claims = site.claims_with("aud", json!(["sluis", "another"]));
    refused!(site.verify(&site.token(&claims)).await, TokenError::PartyMissing);
    claims["azp"] = json!("another");
    refused!(site.verify(&site.token(&claims)).await, TokenError::Party(_));
    claims["azp"] = json!("sluis");
    site.verify(&site.token(&claims)).await.unwrap();
    refused!(site.verify_claims("azp", json!("another")).await, TokenError::Party(_));
    refused!(site.verify_claims("sub", Value::Null).await, TokenError::Missing("sub"));
    refused!(site.verify_claims("sub", json!("")).await, TokenError::Claim("sub"));
}
