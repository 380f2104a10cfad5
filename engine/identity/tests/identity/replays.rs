//! Tokens for one use, shown to several processes.

use std::{fs, path::Path, thread};

use serde_json::json;
use sluis_identity::{
    Expectations, TokenError, Verifier,
    login::{LoginError, LoginRequest, Polled},
};

use crate::{
    refused,
    site::{NOW, Site, at, now},
};

const ONCE: Expectations<'_> =
    Expectations { kind: sluis_identity::TokenKind::Id, nonce: None, multi_factor: false, single_use: true };

/// A verifier as another process has it.
fn process(site: &Site, folder: &Path) -> Verifier {
    Verifier::new(site.verifier.trust().clone()).unwrap().remembering_in(folder.to_owned())
}

fn remembered(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn what_one_process_used_is_refused_to_every_other_until_it_has_expired() {
    let (site, folder) = (Site::new(), tempfile::tempdir().unwrap());
    let (folder, token) = (folder.path().join("used"), site.token(&site.claims()));
    process(&site, &folder).verify(&token, &ONCE, now()).await.unwrap();
    refused!(process(&site, &folder).verify(&token, &ONCE, now()).await, TokenError::Replayed);
    refused!(process(&site, &folder).verify(&token, &ONCE, at(NOW + 659)).await, TokenError::Replayed);
    // To show it as often as one likes is another matter.
    process(&site, &folder).verify(&token, &Expectations::default(), now()).await.unwrap();
    let text: String = fs::read_dir(&folder).unwrap().map(|file| format!("{:?}", file.unwrap().path())).collect();
    assert!(token.split('.').all(|part| !text.contains(part)), "{text}");

    // Once it is refused for its age there is no need to remember it, nor what a killed process left.
    fs::write(folder.join(".tmp-of-a-killed-process"), "").unwrap();
    let mut claims = site.claims_with("exp", json!(NOW + 1800));
    claims["jti"] = json!("another");
    let other = site.token(&claims);
    process(&site, &folder).verify(&other, &ONCE, at(NOW + 659)).await.unwrap();
    assert_eq!(remembered(&folder), 2);
    claims["jti"] = json!("a third");
    process(&site, &folder).verify(&site.token(&claims), &ONCE, at(NOW + 661)).await.unwrap();
    assert_eq!(remembered(&folder), 2, "the first is forgotten");
    refused!(process(&site, &folder).verify(&other, &ONCE, at(NOW + 661)).await, TokenError::Replayed);
}

#[test]
fn of_many_who_show_one_token_at_once_one_is_let_in() {
    let (site, folder) = (Site::new(), tempfile::tempdir().unwrap());
    let token = site.token(&site.claims());
    let is_let_in = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(process(&site, folder.path()).verify(&token, &ONCE, now())).is_ok()
    };
    let let_in = thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(is_let_in)).collect();
        all.into_iter().map(|one| one.join().unwrap()).filter(|is_let_in| *is_let_in).count()
    });
    assert_eq!(let_in, 1);
}

#[tokio::test]
async fn where_it_cannot_be_told_what_was_used_nothing_is_let_in() {
    let (site, folder) = (Site::new(), tempfile::tempdir().unwrap());
    let token = site.token(&site.claims());
    let no_folder = folder.path().join("file");
    fs::write(&no_folder, "").unwrap();
    refused!(process(&site, &no_folder).verify(&token, &ONCE, now()).await, TokenError::Unremembered { .. });
    let damaged = folder.path().join("damaged");
    fs::create_dir(&damaged).unwrap();
    fs::write(damaged.join("0".repeat(64)), "soon").unwrap();
    refused!(process(&site, &damaged).verify(&token, &ONCE, now()).await, TokenError::Unremembered { .. });
    assert_eq!(remembered(&damaged), 1, "nothing was forgotten");
}

#[tokio::test]
async fn one_id_token_proves_one_login() {
    let (site, folder) = (Site::new(), tempfile::tempdir().unwrap());
    let address = &site.server.address;
    let configuration = json!({
        "issuer": address, "jwks_uri": format!("{address}/keys"), "token_endpoint": format!("{address}/token"),
        "device_authorization_endpoint": format!("{address}/device"),
    });
    site.server.page("/.well-known/openid-configuration", &configuration.to_string());
    let begun = r#"{"device_code":"d","user_code":"ABCD","verification_uri":"https://a.org/","expires_in":600}"#;
    site.server.page("/device", begun);
    // A provider, or who stands in its place, that answers every login with the same statement about one of them.
    let granted = json!({ "access_token": "a", "token_type": "Bearer", "id_token": site.token(&site.claims()) });
    site.server.page("/token", &granted.to_string());
    let request = LoginRequest { issuer: address.clone(), scopes: vec![], multi_factor: true };
    let first = process(&site, folder.path());
    let mut login = first.begin_device_login(&request, now()).await.unwrap();
    assert!(matches!(login.poll(now()).await.unwrap(), Polled::Done(_)));
    let second = process(&site, folder.path());
    let mut login = second.begin_device_login(&request, now()).await.unwrap();
    assert!(matches!(login.poll(now()).await, Err(LoginError::Token(TokenError::Replayed))));
}
