//! A site that trusts a real OpenID provider, and a browser.

use aws_lc_rs::signature::RsaKeyPair;
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::Value;
use sluis_identity::{Trust, TrustedIssuer, Verifier, login::LoginRequest};

use crate::{keys::Key, provider_process::ProviderProcess};

/// A provider that ends with its owner, and a site that trusts it.
pub struct Provider {
    _process: ProviderProcess,
    pub address: String,
    pub verifier: Verifier,
    pub browser: reqwest::Client,
}

impl Provider {
    pub fn start(change: impl FnOnce(&mut TrustedIssuer)) -> Self {
        let process = ProviderProcess::start();
        let address = process.address.clone();
        let mut issuer = TrustedIssuer::new(address.parse().unwrap(), "sluis");
        change(&mut issuer);
        let trust = Trust { issuers: vec![issuer], http_on_loopback: true, ..Trust::default() };
        let browser =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        Self { _process: process, address, verifier: Verifier::new(trust).unwrap(), browser }
    }

    pub fn request(&self) -> LoginRequest {
        LoginRequest { issuer: self.address.clone(), scopes: vec!["profile".to_owned()], multi_factor: true }
    }

    /// What the provider says of a person.
    pub async fn set_person(&self, subject: &str, claims: &Value) {
        let request = self.browser.put(format!("{}/users/{subject}", self.address));
        let request = request.header("content-type", "application/json").body(claims.to_string());
        assert!(request.send().await.unwrap().status().is_success());
    }

    /// The key that the provider signs with, and its name in the provider's key set.
    pub async fn signing_key(&self) -> (Key, String) {
        let answer = self.browser.get(format!("{}/signing-key", self.address)).send().await.unwrap();
        let found: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let document = STANDARD.decode(found["pkcs8"].as_str().unwrap()).unwrap();
        let name = found["kid"].as_str().unwrap().to_owned();
        (Key::Rsa(RsaKeyPair::from_pkcs8(&document).unwrap()), name)
    }

    /// A form, posted by the browser. Gives the address that the answer leads to, if it does.
    pub async fn post(&self, address: &str, form: &'static str) -> Option<String> {
        let request = self.browser.post(address).header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(form).send().await.unwrap();
        assert!(answer.status().as_u16() < 400, "{}", answer.text().await.unwrap());
        answer.headers().get("location").map(|address| address.to_str().unwrap().to_owned())
    }
}

/// The present: the provider lives in it.
pub fn clock() -> Timestamp {
    Timestamp::now()
}
