//! Logging in with a browser, at a real provider that demands PKCE.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Value, json};
use sluis_identity::{REFEDS_MFA, TokenError, login::LoginError};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    provider::{Provider, clock},
    server::Server,
};

fn parameters(address: &url::Url) -> BTreeMap<String, String> {
    address.query_pairs().into_owned().collect()
}

async fn page(provider: &Provider, address: &str) -> String {
    provider.browser.get(address).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_login_with_a_browser_gives_a_verified_identity_and_tokens() {
    let provider = Provider::start(|issuer| issuer.max_login_age = Some(SignedDuration::from_hours(12)));
    provider.set_person("alice", &json!({ "acr": REFEDS_MFA, "auth_time": clock().as_second() })).await;
    let login = provider.verifier.begin_browser_login(&provider.request(), clock()).await.unwrap();
    let asked = parameters(login.address());
    assert_eq!((asked["scope"].as_str(), asked["acr_values"].as_str()), ("openid profile", REFEDS_MFA));
    assert_eq!((asked["max_age"].as_str(), asked["code_challenge_method"].as_str()), ("43200", "S256"));
    let claims: Value = serde_json::from_str(&asked["claims"]).unwrap();
    assert_eq!(claims["id_token"]["acr"], json!({ "essential": true, "values": [REFEDS_MFA] }));
    assert_eq!(claims["id_token"]["auth_time"], json!({ "essential": true }));
    let address = login.address().to_string();
    let browse = async {
        let back = provider.post(&address, "sub=alice").await.unwrap();
        // What browsers do besides: a connection with nothing on it, another file, another method.
        let silent = TcpStream::connect(back[7..].split('/').next().unwrap()).await.unwrap();
        let origin = back.split("/callback").next().unwrap().to_owned();
        assert!(page(&provider, &format!("{origin}/favicon.ico")).await.contains("Not found"));
        let posted = provider.browser.post(&back).send().await.unwrap();
        assert_eq!(posted.status(), 404);
        let answer = provider.browser.get(&back).send().await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert!(answer.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
        assert!(answer.text().await.unwrap().contains("You are logged in"));
        drop(silent);
        // Nobody listens any more.
        assert!(provider.browser.get(&back).send().await.is_err());
    };
    let (logged_in, ()) = tokio::join!(login.finish(clock), browse);
    let logged_in = logged_in.unwrap();
    assert_eq!((logged_in.identity.subject(), logged_in.identity.issuer()), ("alice", provider.address.as_str()));
    assert!(logged_in.identity.mfa());
    let tokens = &logged_in.tokens;
    for secret in [&tokens.id_token, &tokens.access_token, tokens.refresh_token.as_ref().unwrap()] {
        assert!(!format!("{tokens:?}").contains(secret.reveal()));
    }
    // The access token is renewed; the provider gives out no new ID token, so the old one stays.
    let renewed = provider.verifier.refresh(tokens, clock()).await.unwrap();
    assert_ne!(renewed.access_token, tokens.access_token);
    assert_eq!((&renewed.id_token, &renewed.person), (&tokens.id_token, &tokens.person));
    provider.post(&format!("{}/users/alice/revoke-tokens", provider.address), "").await;
    assert!(matches!(provider.verifier.refresh(&renewed, clock()).await, Err(LoginError::Refused { .. })));
}

#[tokio::test]
async fn a_login_without_a_second_factor_does_not_succeed_and_the_browser_says_so() {
    let provider = Provider::start(|_| {});
    provider.set_person("alice", &json!({ "amr": ["pwd", "otp"] })).await;
    let login = provider.verifier.begin_browser_login(&provider.request(), clock()).await.unwrap();
    let address = login.address().to_string();
    let browse = async {
        let back = provider.post(&address, "sub=alice").await.unwrap();
        assert!(page(&provider, &back).await.contains("did not succeed"));
    };
    let (outcome, ()) = tokio::join!(login.finish(clock), browse);
    assert!(matches!(outcome, Err(LoginError::Token(TokenError::AmrAlone))), "{outcome:?}");
}

#[tokio::test]
async fn a_refusal_is_told() {
    let provider = Provider::start(|_| {});
    let login = provider.verifier.begin_browser_login(&provider.request(), clock()).await.unwrap();
    let state = parameters(login.address())["state"].clone();
    let back = format!(
        "{}?state={state}&error=access_denied&error_description=no%0Away",
        parameters(login.address())["redirect_uri"]
    );
    let (outcome, text) = tokio::join!(login.finish(clock), page(&provider, &back));
    assert!(text.contains("did not succeed"));
    let error = outcome.unwrap_err();
    assert!(matches!(error, LoginError::Refused { .. }));
    assert!(error.to_string().contains("access_denied") && !error.to_string().contains('\n'), "{error}");
}

/// What becomes of a login when the browser brings this back instead of the provider's answer.
async fn brought(provider: &Provider, change: impl FnOnce(&str, &str) -> String) -> LoginError {
    let login = provider.verifier.begin_browser_login(&provider.request(), clock()).await.unwrap();
    let (address, asked) = (login.address().to_string(), parameters(login.address()));
    let browse = async {
        let back = provider.post(&address, "sub=alice").await.unwrap();
        page(provider, &change(&back, &asked["state"])).await
    };
    let (outcome, _) = tokio::join!(login.finish(clock), browse);
    outcome.unwrap_err()
}

#[tokio::test]
async fn answers_that_belong_to_another_login_are_refused() {
    let provider = Provider::start(|_| {});
    provider.set_person("alice", &json!({ "acr": REFEDS_MFA })).await;
    let error = brought(&provider, |back, state| back.replace(state, "forged")).await;
    assert!(matches!(error, LoginError::State), "{error:?}");
    let error = brought(&provider, |back, state| back.replace(&format!("state={state}"), "")).await;
    assert!(matches!(error, LoginError::State), "{error:?}");
    let error = brought(&provider, |back, state| format!("{back}&state={state}")).await;
    assert!(matches!(error, LoginError::State), "{error:?}");
    let error = brought(&provider, |back, _| format!("{back}&iss=https%3A%2F%2Fevil.example")).await;
    assert!(matches!(error, LoginError::OtherIssuer(_)), "{error:?}");
    let error = brought(&provider, |back, _| back.replace("code=", "code=x")).await;
    assert!(matches!(error, LoginError::Refused { .. }), "{error:?}");
    let error = brought(&provider, |back, _| back.replace("code=", "kode=")).await;
    assert!(matches!(error, LoginError::Answer("code")), "{error:?}");
}

#[tokio::test]
async fn a_code_of_another_login_is_refused_by_the_provider_for_its_verifier() {
    let provider = Provider::start(|_| {});
    provider.set_person("alice", &json!({ "acr": REFEDS_MFA })).await;
    let other = provider.verifier.begin_browser_login(&provider.request(), clock()).await.unwrap();
    let login = provider.verifier.begin_browser_login(&provider.request(), clock()).await.unwrap();
    // The other login's code, brought to this one's address: its challenge is another one.
    let mut injected = other.address().clone();
    let own = parameters(login.address());
    let changed: Vec<_> = parameters(other.address())
        .into_iter()
        .map(|(name, value)| {
            if ["redirect_uri", "state", "nonce"].contains(&name.as_str()) {
                (name.clone(), own[&name].clone())
            } else {
                (name, value)
            }
        })
        .collect();
    injected.query_pairs_mut().clear().extend_pairs(changed);
    let browse = async {
        let back = provider.post(injected.as_str(), "sub=alice").await.unwrap();
        page(&provider, &back).await
    };
    let (outcome, _) = tokio::join!(login.finish(clock), browse);
    let error = outcome.unwrap_err();
    assert!(matches!(error, LoginError::Refused { .. }) && error.to_string().contains("Code challenge"), "{error}");
}

#[tokio::test]
async fn garbage_at_the_redirect_address_changes_nothing() {
    let provider = Provider::start(|_| {});
    provider.set_person("alice", &json!({ "acr": REFEDS_MFA })).await;
    let login = provider.verifier.begin_browser_login(&provider.request(), clock()).await.unwrap();
    let (address, back) = (login.address().to_string(), parameters(login.address())["redirect_uri"].clone());
    let authority = back[7..].split('/').next().unwrap().to_owned();
    let browse = async {
        for garbage in [
            &b"\x16\x03\x01\x02"[..],
            b"GET\r\n\r\n",
            b"GET /callback HTTP/1.1\r\n\r\n",
            b"\xff\xfe\r\n\r\n",
            &[b'x'; 40_000],
        ] {
            let mut stream = TcpStream::connect(&authority).await.unwrap();
            let _ = stream.write_all(garbage).await;
            let _ = stream.shutdown().await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        let back = provider.post(&address, "sub=alice").await.unwrap();
        page(&provider, &back).await
    };
    let (outcome, _) = tokio::join!(login.finish(clock), browse);
    assert_eq!(outcome.unwrap().identity.subject(), "alice");
}

#[tokio::test]
async fn logins_are_begun_with_trusted_providers_alone() {
    let provider = Provider::start(|_| {});
    let mut request = provider.request();
    request.issuer = "https://evil.example".to_owned();
    let outcome = provider.verifier.begin_browser_login(&request, clock()).await;
    assert!(matches!(outcome, Err(LoginError::Issuer(_))));
    // A provider that offers nothing but keys.
    let site = crate::site::Site::new();
    request.issuer = site.server.address.clone();
    let outcome = site.verifier.begin_browser_login(&request, clock()).await;
    assert!(matches!(outcome, Err(LoginError::NotOffered { .. })));
    let outcome = site.verifier.begin_device_login(&request, clock()).await;
    assert!(matches!(outcome, Err(LoginError::NotOffered { .. })));
}

#[tokio::test]
async fn a_provider_that_names_itself_in_answers_must_do_so() {
    let server = Server::start();
    let site = crate::site::Site::with(|_, _| {});
    let configuration = json!({
        "issuer": site.server.address, "jwks_uri": format!("{}/keys", site.server.address),
        "authorization_endpoint": format!("{}/authorize", server.address),
        "authorization_response_iss_parameter_supported": true,
    });
    site.server.page("/.well-known/openid-configuration", &configuration.to_string());
    let request = sluis_identity::login::LoginRequest {
        issuer: site.server.address.clone(),
        scopes: vec![],
        multi_factor: false,
    };
    let login = site.verifier.begin_browser_login(&request, clock()).await.unwrap();
    let asked = parameters(login.address());
    let back = format!("{}?state={}&code=c", asked["redirect_uri"], asked["state"]);
    let (outcome, _) = tokio::join!(login.finish(clock), reqwest::get(&back));
    assert!(matches!(outcome, Err(LoginError::OtherIssuer(_))));
}
