//! Logging in with another device, at a real provider.

use std::time::Duration;

use serde_json::json;
use sluis_identity::{
    REFEDS_MFA,
    login::{DeviceLogin, LoginError, LoginRequest, Polled},
};

use crate::{
    provider::{Provider, clock},
    site::{NOW, Site, at, now},
};

async fn decide(provider: &Provider, login: &DeviceLogin<'_>, decision: &str) {
    provider.post(&format!("{}/decide/{}/alice/{decision}", provider.address, login.user_code()), "").await;
}

#[tokio::test]
async fn a_login_with_another_device_waits_as_the_provider_says() {
    let provider = Provider::start(|_| {});
    provider.set_person("alice", &json!({ "acr": REFEDS_MFA })).await;
    let mut login = provider.verifier.begin_device_login(&provider.request(), clock()).await.unwrap();
    assert_eq!(login.address().as_str(), format!("{}/device", provider.address));
    assert!(login.complete_address().unwrap().as_str().contains(login.user_code()));
    assert_eq!(login.interval(), Duration::from_secs(5));
    assert!(matches!(login.poll(clock()).await.unwrap(), Polled::Wait(wait) if wait == Duration::from_secs(5)));
    // Asked too soon: five seconds longer from now on.
    assert!(matches!(login.poll(clock()).await.unwrap(), Polled::Wait(wait) if wait == Duration::from_secs(10)));
    assert!(matches!(login.poll(clock()).await.unwrap(), Polled::Wait(wait) if wait == Duration::from_secs(15)));
    decide(&provider, &login, "approve").await;
    let Polled::Done(logged_in) = login.poll(clock()).await.unwrap() else { panic!("not done") };
    assert_eq!(logged_in.identity.subject(), "alice");
    assert!(logged_in.identity.mfa());
    assert!(logged_in.tokens.refresh_token.is_some());
}

#[tokio::test]
async fn a_login_with_another_device_that_is_refused_or_late_does_not_succeed() {
    let provider = Provider::start(|_| {});
    provider.set_person("alice", &json!({})).await;
    let mut login = provider.verifier.begin_device_login(&provider.request(), clock()).await.unwrap();
    decide(&provider, &login, "deny").await;
    assert!(matches!(login.poll(clock()).await, Err(LoginError::Refused { .. })));
    let end = login.expires();
    assert!(matches!(login.poll(end).await, Err(LoginError::CodeExpired)));
    // Without a second factor.
    let mut login = provider.verifier.begin_device_login(&provider.request(), clock()).await.unwrap();
    decide(&provider, &login, "approve").await;
    assert!(matches!(login.poll(clock()).await, Err(LoginError::Token(_))));
}

/// A provider of the test's own, whose answers are odd.
fn site(begun: &str) -> (Site, LoginRequest) {
    let site = Site::new();
    let address = &site.server.address;
    let configuration = json!({
        "issuer": address, "jwks_uri": format!("{address}/keys"), "token_endpoint": format!("{address}/token"),
        "device_authorization_endpoint": format!("{address}/device"),
    });
    site.server.page("/.well-known/openid-configuration", &configuration.to_string());
    site.server.page("/device", begun);
    let request = LoginRequest { issuer: address.clone(), scopes: vec![], multi_factor: true };
    (site, request)
}

const BEGUN: &str = r#"{"device_code":"d","user_code":"ABCD","verification_uri":"https://a.org/","expires_in":99999}"#;

#[tokio::test]
async fn odd_answers_do_not_mislead() {
    let (host, request) = site(BEGUN);
    let mut login = host.verifier.begin_device_login(&request, now()).await.unwrap();
    assert_eq!((login.interval(), login.expires()), (Duration::from_secs(5), at(NOW + 3600)));
    host.server.status("/token", "400 Bad Request", r#"{"error":"expired_token"}"#);
    assert!(matches!(login.poll(now()).await, Err(LoginError::CodeExpired)));
    host.server.status("/token", "400 Bad Request", "<html>");
    assert!(matches!(login.poll(now()).await, Err(LoginError::Fetch(_))));
    // A server that hangs up is asked again, later.
    host.server.answer("/token", String::new());
    assert!(matches!(login.poll(now()).await.unwrap(), Polled::Wait(wait) if wait == Duration::from_secs(10)));
    let token = host.token(&host.claims());
    for (answer, field) in [
        (json!({ "access_token": "a", "token_type": "Bearer" }), "id_token"),
        (json!({ "access_token": "a", "token_type": "mac", "id_token": token }), "token_type"),
        (json!({ "token_type": "Bearer", "id_token": token }), "access_token"),
    ] {
        host.server.page("/token", &answer.to_string());
        assert!(matches!(login.poll(now()).await, Err(LoginError::Answer(found)) if found == field), "{field}");
    }
    host.server.page("/token", &json!({ "access_token": "a", "token_type": "bearer", "id_token": token }).to_string());
    assert!(matches!(login.poll(now()).await.unwrap(), Polled::Done(_)));
    for (from, to) in [("https://a.org/", "http://a.org/"), ("ABCD", "\\u001b[2J"), ("99999", "\"x\"")] {
        let (host, request) = site(&BEGUN.replace(from, to));
        assert!(matches!(host.verifier.begin_device_login(&request, now()).await, Err(LoginError::Answer(_))), "{to}");
    }
}

#[tokio::test]
async fn a_renewed_login_stays_that_of_the_same_person() {
    let (host, request) = site(BEGUN);
    let answer = |subject: &str| {
        let token = host.token(&host.claims_with("sub", json!(subject)));
        json!({ "access_token": "a", "token_type": "Bearer", "id_token": token, "refresh_token": "r" }).to_string()
    };
    host.server.page("/token", &answer("alice"));
    let mut login = host.verifier.begin_device_login(&request, now()).await.unwrap();
    let Polled::Done(logged_in) = login.poll(now()).await.unwrap() else { panic!("not done") };
    host.server.page("/token", &answer("alice"));
    let renewed = host.verifier.refresh(&logged_in.tokens, now()).await.unwrap();
    assert_eq!(renewed.person.subject, "alice");
    assert_ne!(renewed.id_token, logged_in.tokens.id_token);
    host.server.page("/token", &answer("bob"));
    assert!(matches!(host.verifier.refresh(&renewed, now()).await, Err(LoginError::OtherPerson)));
    let none = sluis_identity::login::TokenSet { refresh_token: None, ..renewed };
    assert!(matches!(host.verifier.refresh(&none, now()).await, Err(LoginError::NoRefreshToken)));
}
