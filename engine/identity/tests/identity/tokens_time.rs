//! Tokens at the wrong time, used twice, or from a login that is too old or too weak.

use serde_json::{Value, json};
use sluis_identity::{Expectations, MultiFactor, TokenError};

use crate::{
    refused,
    site::{NOW, Site, at, now},
};

#[tokio::test]
async fn tokens_at_the_wrong_time_are_refused() {
    let site = Site::new();
    // Clocks may differ by a minute, and not by more.
    site.verify_claims("exp", json!(NOW - 59)).await.unwrap();
    refused!(site.verify_claims("exp", json!(NOW - 60)).await, TokenError::Expired(_));
    site.verify_claims("nbf", json!(NOW + 60)).await.unwrap();
    refused!(site.verify_claims("nbf", json!(NOW + 61)).await, TokenError::NotYetValid(_));
    site.verify_claims("iat", json!(NOW + 60)).await.unwrap();
    refused!(site.verify_claims("iat", json!(NOW + 61)).await, TokenError::IssuedInFuture(_));
    for name in ["exp", "iat"] {
        refused!(site.verify_claims(name, Value::Null).await, TokenError::Missing(_));
    }
    for value in [json!("1800000000"), json!(1e300), json!(i64::MAX), json!(u64::MAX), json!(-1e300), json!([NOW])] {
        refused!(site.verify_claims("exp", value).await, TokenError::Claim("exp"));
    }
    site.verify_claims("exp", json!(NOW as f64 + 100.5)).await.unwrap();
}

#[tokio::test]
async fn logins_that_are_too_old_are_refused() {
    let site = Site::new();
    let twelve_hours = 12 * 3600;
    site.verify_claims("auth_time", json!(NOW - twelve_hours - 60)).await.unwrap();
    refused!(site.verify_claims("auth_time", json!(NOW - twelve_hours - 61)).await, TokenError::LoginTooOld { .. });
    refused!(site.verify_claims("auth_time", json!(NOW + 61)).await, TokenError::LoginInFuture(_));
    refused!(site.verify_claims("auth_time", Value::Null).await, TokenError::LoginTimeMissing);
    let site = Site::with(|trust, _| trust.issuers[0].max_login_age = None);
    assert_eq!(site.verify_claims("auth_time", Value::Null).await.unwrap().auth_time(), None);
}

#[tokio::test]
async fn more_than_one_factor_is_what_acr_says() {
    let site = Site::new();
    let strict = Expectations { multi_factor: true, ..Expectations::default() };
    let mut claims = site.claims_with("acr", Value::Null);
    let token = site.token(&claims);
    refused!(site.verifier.verify(&token, &strict, now()).await, TokenError::AmrAlone);
    let identity = site.verify(&token).await.unwrap();
    assert!(!identity.mfa());
    assert_eq!(identity.multi_factor(), &MultiFactor::AmrAlone);
    claims.as_object_mut().unwrap().remove("amr");
    let token = site.token(&claims);
    refused!(site.verifier.verify(&token, &strict, now()).await, TokenError::AcrMissing);
    assert_eq!(site.verify(&token).await.unwrap().multi_factor(), &MultiFactor::Unknown);
    for acr in
        ["https://refeds.org/profile/sfa", "https://refeds.org/profile/mfa/", "HTTPS://refeds.org/profile/mfa", "1"]
    {
        let token = site.token(&site.claims_with("acr", json!(acr)));
        refused!(site.verifier.verify(&token, &strict, now()).await, TokenError::Acr(_));
        assert!(!site.verify(&token).await.unwrap().mfa());
    }
    refused!(site.verify_claims("acr", json!(["https://refeds.org/profile/mfa"])).await, TokenError::Claim("acr"));
}

#[tokio::test]
async fn a_token_of_another_login_is_refused() {
    let site = Site::new();
    let expected = Expectations { nonce: Some("n"), ..Expectations::default() };
    for nonce in [json!("m"), json!(""), json!(7), Value::Null] {
        let token = site.token(&site.claims_with("nonce", nonce));
        refused!(site.verifier.verify(&token, &expected, now()).await, TokenError::Nonce);
    }
}

#[tokio::test]
async fn a_token_for_one_use_is_used_once() {
    let site = Site::new();
    let once = Expectations { single_use: true, ..Expectations::default() };
    let bare = site.token(&site.claims());
    site.verifier.verify(&bare, &once, now()).await.unwrap();
    refused!(site.verifier.verify(&bare, &once, now()).await, TokenError::Replayed);
    // The same claims under another signature of the same key are the same token.
    let again = site.token(&site.claims());
    assert_ne!(again, bare);
    refused!(site.verifier.verify(&again, &once, now()).await, TokenError::Replayed);
    let named = |name: &str, nonce: &str| {
        let mut claims = site.claims_with("jti", json!(name));
        claims["nonce"] = json!(nonce);
        site.token(&claims)
    };
    site.verifier.verify(&named("1", "a"), &once, now()).await.unwrap();
    refused!(site.verifier.verify(&named("1", "b"), &once, now()).await, TokenError::Replayed);
    site.verifier.verify(&named("2", "b"), &once, now()).await.unwrap();
    // Remembered until the last clock that is permitted calls it expired.
    refused!(site.verifier.verify(&bare, &once, at(NOW + 659)).await, TokenError::Replayed);
    refused!(site.verifier.verify(&bare, &once, at(NOW + 660)).await, TokenError::Expired(_));
    // A refused token uses nothing up, and one that is not for one use may be used often.
    let token = named("3", "c");
    let wrong = Expectations { nonce: Some("x"), ..once };
    refused!(site.verifier.verify(&token, &wrong, now()).await, TokenError::Nonce);
    site.verifier.verify(&token, &once, now()).await.unwrap();
    site.verify(&bare).await.unwrap();
}
