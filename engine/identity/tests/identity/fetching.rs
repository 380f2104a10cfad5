//! Configurations and key sets: fetched from where the site's own configuration leads, seldom, and not at any price.

use std::sync::Arc;

use serde_json::{Value, json};
use sluis_identity::{Expectations, FetchError, TokenError, Trust, TrustError, TrustedIssuer, Verifier};

use crate::{
    keys::{self, Key},
    refused,
    server::Server,
    site::{NOW, Site, at, publish},
};

async fn verify_at(site: &Site, key: &Key, seconds: i64) -> Result<(), TokenError> {
    let mut claims = site.claims_with("exp", json!(seconds + 600));
    claims["iat"] = json!(seconds);
    claims["auth_time"] = json!(seconds);
    let token = key.sign(&key.header(), &claims);
    site.verifier.verify(&token, &Expectations::default(), at(seconds)).await.map(drop)
}

/// Why the keys could not be had.
async fn failure(site: &Site) -> Arc<FetchError> {
    match verify_at(site, &site.key, NOW).await {
        Err(TokenError::Keys { source, .. }) => source,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn new_keys_are_found_and_removed_ones_refused() {
    let site = Site::new();
    let new = Key::ec();
    verify_at(&site, &site.key, NOW).await.unwrap();
    publish(&site.server, &[&new]);
    // Not again within a minute; then the new key is there and the old one gone.
    refused!(verify_at(&site, &new, NOW + 59).await, TokenError::UnknownKey { .. });
    verify_at(&site, &site.key, NOW + 59).await.unwrap();
    verify_at(&site, &new, NOW + 60).await.unwrap();
    refused!(verify_at(&site, &site.key, NOW + 60).await, TokenError::UnknownKey { .. });
    assert_eq!(site.server.count("/keys"), 2);
}

#[tokio::test]
async fn a_removed_key_is_refused_within_the_hour_whatever_tokens_come() {
    let site = Site::new();
    verify_at(&site, &site.key, NOW).await.unwrap();
    publish(&site.server, &[&Key::ec()]);
    verify_at(&site, &site.key, NOW + 3599).await.unwrap();
    refused!(verify_at(&site, &site.key, NOW + 3600).await, TokenError::UnknownKey { .. });
}

#[tokio::test]
async fn hostile_names_of_keys_cause_no_storm() {
    let site = Site::new();
    for number in 0..200 {
        let token = site.token_with_header("kid", json!(format!("hostile-{number}")));
        refused!(site.verify(&token).await, TokenError::UnknownKey { .. });
    }
    assert_eq!(site.server.count("/keys"), 1);
    assert_eq!(site.server.count("/.well-known/openid-configuration"), 1);
}

#[tokio::test]
async fn a_failing_provider_is_left_in_peace_and_asked_again_later() {
    let site = Site::new();
    site.server.status("/keys", "500 Internal Server Error", "");
    for _ in 0..20 {
        assert!(matches!(*failure(&site).await, FetchError::Status { status: 500, .. }));
    }
    assert_eq!(site.server.count("/keys"), 1);
    publish(&site.server, &[&site.key]);
    verify_at(&site, &site.key, NOW + 60).await.unwrap();
    // A failure to find newer keys leaves those that are still good.
    site.server.status("/keys", "500 Internal Server Error", "");
    refused!(verify_at(&site, &Key::ec(), NOW + 200).await, TokenError::UnknownKey { .. });
    verify_at(&site, &site.key, NOW + 200).await.unwrap();
    refused!(verify_at(&site, &site.key, NOW + 60 + 3600).await, TokenError::Keys { .. });
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (site, elsewhere) = (Site::new(), Server::start());
    elsewhere.page("/keys", &keys::key_set(&[&site.key]));
    let to = format!("{}/keys", elsewhere.address);
    site.server.answer(
        "/keys",
        format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    );
    assert!(matches!(*failure(&site).await, FetchError::Redirected(_)));
    assert_eq!(elsewhere.total(), 0);
}

#[tokio::test]
async fn a_configuration_of_another_issuer_is_refused() {
    for other in ["https://login.example.org", "", "/"] {
        let site = Site::new();
        let issuer = if other == "/" { format!("{}/", site.server.address) } else { other.to_owned() };
        let configuration = json!({ "issuer": issuer, "jwks_uri": format!("{}/keys", site.server.address) });
        site.server.page("/.well-known/openid-configuration", &configuration.to_string());
        assert!(matches!(*failure(&site).await, FetchError::OtherIssuer { .. } | FetchError::Field { .. }));
        assert_eq!(site.server.count("/keys"), 0);
    }
    for address in [
        json!("http://keys.example.org/"),
        json!("file:///etc/passwd"),
        json!("https://a@b.org/"),
        json!(7),
        Value::Null,
    ] {
        let site = Site::new();
        let configuration = json!({ "issuer": site.server.address, "jwks_uri": address });
        site.server.page("/.well-known/openid-configuration", &configuration.to_string());
        assert!(matches!(*failure(&site).await, FetchError::Field { field: "jwks_uri", .. }));
    }
}

#[tokio::test]
async fn answers_that_are_too_large_or_no_plain_json_are_refused() {
    let too_large = "x".repeat(300_000);
    let site = Site::new();
    site.server.page("/keys", &too_large);
    assert!(matches!(*failure(&site).await, FetchError::TooLarge { .. }));
    let site = Site::new();
    // One that does not say how long it is.
    site.server.answer("/keys", format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{too_large}"));
    assert!(matches!(*failure(&site).await, FetchError::TooLarge { .. }));
    let site = Site::new();
    site.server
        .answer("/keys", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{\"keys\":[".to_owned());
    assert!(matches!(*failure(&site).await, FetchError::Unreachable { .. }));
    for text in ["", "[]", "{\"keys\":[],\"keys\":[]}", "<html>", "{\"keys\":[]}x"] {
        let site = Site::new();
        site.server.page("/keys", text);
        assert!(matches!(*failure(&site).await, FetchError::Json(_)), "{text}");
    }
    let site = Site::new();
    site.server.page("/keys", "{\"keys\":{}}");
    assert!(matches!(*failure(&site).await, FetchError::Field { field: "keys", .. }));
    // Keys that are not understood leave the others.
    let site = Site::new();
    let odd = json!({ "keys": [7, {}, { "kty": "RSA" }, { "kty": "oct", "k": "AAAA", "kid": "x" }, site.key.jwk()] });
    site.server.page("/keys", &odd.to_string());
    verify_at(&site, &site.key, NOW).await.unwrap();
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused() {
    let issuer = TrustedIssuer::new("http://127.0.0.1:1/".parse().unwrap(), "sluis");
    let trust = |issuers| Trust { issuers, http_on_loopback: true, ..Trust::default() };
    let refused = |trust| Verifier::new(trust).unwrap_err();
    Verifier::new(trust(vec![issuer.clone()])).unwrap();
    assert!(matches!(refused(trust(vec![issuer.clone(), issuer.clone()])), TrustError::Twice(_)));
    assert!(matches!(
        refused(trust(vec![TrustedIssuer { audience: String::new(), ..issuer.clone() }])),
        TrustError::Empty { .. }
    ));
    let none = TrustedIssuer { algorithms: [].into(), ..issuer.clone() };
    assert!(matches!(refused(trust(vec![none])), TrustError::Empty { .. }));
    let plain = Trust { issuers: vec![issuer], ..Trust::default() };
    assert!(matches!(refused(plain), TrustError::Plain(_)));
    for address in [
        "http://login.example.org",
        "ftp://a.org",
        "https://u:p@a.org",
        "https://a.org/#x",
        " https://a.org",
        "https://a.org\\@b.org",
        "",
    ] {
        assert!(address.parse::<sluis_identity::WebAddress>().is_err(), "{address}");
    }
}
