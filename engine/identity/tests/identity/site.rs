//! A site that trusts one provider, which is a server of the test's own.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sluis_identity::{
    Expectations, REFEDS_MFA, TokenError, Trust, TrustedIssuer, VerifiedIdentity, Verifier, WebAddress,
};

use crate::{
    keys::{self, Key},
    server::Server,
};

/// The present of these tests, in seconds.
pub const NOW: i64 = 1_800_000_000;

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

pub fn now() -> Timestamp {
    at(NOW)
}

pub struct Site {
    pub server: Server,
    pub verifier: Verifier,
    pub key: Key,
}

impl Site {
    pub fn new() -> Self {
        Self::with(|_, _| {})
    }

    /// A site whose trust is changed before it begins.
    pub fn with(change: impl FnOnce(&mut Trust, &Server)) -> Self {
        let (server, key) = (Server::start(), Key::ec());
        publish(&server, &[&key, keys::rsa()]);
        let issuer: WebAddress = server.address.parse().unwrap();
        let mut issuer = TrustedIssuer::new(issuer, "sluis");
        issuer.max_login_age = Some(SignedDuration::from_hours(12));
        issuer.passport_broker = true;
        let mut trust = Trust { issuers: vec![issuer], http_on_loopback: true, ..Trust::default() };
        change(&mut trust, &server);
        Self { verifier: Verifier::new(trust).unwrap(), server, key }
    }

    /// Claims with which nothing is wrong.
    pub fn claims(&self) -> Value {
        json!({
            "iss": self.server.address, "sub": "alice", "aud": "sluis", "exp": NOW + 600, "iat": NOW - 10, "nonce": "n",
            "acr": REFEDS_MFA, "amr": ["pwd", "otp"], "auth_time": NOW - 20,
        })
    }

    /// The claims with one changed, or taken away.
    pub fn claims_with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.to_owned(), value),
        };
        claims
    }

    pub fn token(&self, claims: &Value) -> String {
        self.key.sign(&self.key.header(), claims)
    }

    /// A good token but for one field of its header.
    pub fn token_with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.key.header();
        header.as_object_mut().unwrap().insert(name.to_owned(), value);
        self.key.sign(&header, &self.claims())
    }

    pub async fn verify(&self, token: &str) -> Result<VerifiedIdentity, TokenError> {
        self.verifier.verify(token, &Expectations::default(), now()).await
    }

    pub async fn verify_claims(&self, name: &str, value: Value) -> Result<VerifiedIdentity, TokenError> {
        self.verify(&self.token(&self.claims_with(name, value))).await
    }
}

/// Publishes the provider's configuration and keys.
pub fn publish(server: &Server, keys: &[&Key]) {
    let configuration = json!({
        "issuer": server.address, "jwks_uri": format!("{}/keys", server.address),
        "userinfo_endpoint": format!("{}/userinfo", server.address),
    });
    server.page("/.well-known/openid-configuration", &configuration.to_string());
    server.page("/keys", &keys::key_set(keys));
}
