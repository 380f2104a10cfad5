//! Hostile tokens that a real provider's own key signed: nothing is wrong with them but what each is refused for.

use serde_json::{Value, json};
use sluis_identity::{Expectations, REFEDS_MFA, TokenError, VerifiedIdentity};

use crate::{
    keys::{self, Key},
    provider::{Provider, clock},
    refused,
    server::Server,
};

/// A provider that trusts nobody with its key but these tests.
struct Signed {
    provider: Provider,
    key: Key,
    name: String,
}

impl Signed {
    async fn start() -> Self {
        let provider = Provider::start(|_| {});
        let (key, name) = provider.signing_key().await;
        Self { provider, key, name }
    }

    fn header(&self) -> Value {
        json!({ "alg": "RS256", "kid": self.name, "typ": "JWT" })
    }

    fn claims(&self) -> Value {
        let now = clock().as_second();
        json!({
            "iss": self.provider.address, "sub": "alice", "aud": "sluis", "exp": now + 600, "iat": now,
            "acr": REFEDS_MFA, "auth_time": now,
        })
    }

    /// A good token but for one field of its header.
    fn with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.header();
        header[name] = value;
        self.key.sign(&header, &self.claims())
    }

    async fn verify(&self, token: &str) -> Result<VerifiedIdentity, TokenError> {
        self.provider.verifier.verify(token, &Expectations::default(), clock()).await
    }
}

#[tokio::test]
async fn a_token_that_the_providers_key_signed_is_as_good_as_the_providers_own() {
    let signed = Signed::start().await;
    let identity = signed.verify(&signed.key.sign(&signed.header(), &signed.claims())).await.unwrap();
    assert_eq!((identity.issuer(), identity.subject()), (signed.provider.address.as_str(), "alice"));
    // The signature is the same that the provider made over the token of a login.
    let provider = &signed.provider;
    provider.set_person("alice", &json!({ "acr": REFEDS_MFA, "auth_time": clock().as_second() })).await;
    let login = provider.verifier.begin_browser_login(&provider.request(), clock()).await.unwrap();
    let address = login.address().to_string();
    let browse = async {
        let back = provider.post(&address, "sub=alice").await.unwrap();
        provider.browser.get(&back).send().await.unwrap();
    };
    let (logged_in, ()) = tokio::join!(login.finish(clock), browse);
    let tokens = logged_in.unwrap().tokens;
    let token = tokens.id_token.reveal();
    let (message, _) = token.rsplit_once('.').unwrap();
    assert_eq!(signed.key.sign_message(message), token);
}

#[tokio::test]
async fn hostile_headers_are_refused_though_the_provider_signed_them() {
    let (signed, elsewhere) = (Signed::start().await, Server::start());
    // The key is the provider's own there, too; yet the provider's configuration alone says where its keys are.
    let mut published = signed.key.jwk();
    published["kid"] = json!(signed.name);
    elsewhere.page("/keys", &json!({ "keys": [published] }).to_string());
    let address = json!(format!("{}/keys", elsewhere.address));
    refused!(signed.verify(&signed.with_header("jku", address.clone())).await, TokenError::KeyElsewhere("jku"));
    refused!(signed.verify(&signed.with_header("x5u", address)).await, TokenError::KeyElsewhere("x5u"));
    assert_eq!(elsewhere.total(), 0);
    refused!(signed.verify(&signed.with_header("jwk", published)).await, TokenError::OwnKey("jwk"));
    for name in ["../../etc/passwd".to_owned(), format!("./{}", signed.name)] {
        refused!(signed.verify(&signed.with_header("kid", json!(name))).await, TokenError::KeyName(_));
    }
    refused!(signed.verify(&signed.with_header("crit", json!(["exp"]))).await, TokenError::Critical);
    // The name is that of the provider's RSA key, for an algorithm of another type of key.
    refused!(signed.verify(&signed.with_header("alg", json!("ES256"))).await, TokenError::KeyType { .. });
    let other = Key::ec().sign(&json!({ "alg": "ES256", "kid": signed.name, "typ": "JWT" }), &signed.claims());
    refused!(signed.verify(&other).await, TokenError::KeyType { .. });
    refused!(signed.verify(&signed.with_header("alg", json!("none"))).await, TokenError::Unsigned);
}

#[tokio::test]
async fn huge_and_nested_tokens_are_refused_though_the_provider_signed_them() {
    let signed = Signed::start().await;
    let with_more = |more: Value| {
        let mut claims = signed.claims();
        claims["more"] = more;
        signed.key.sign(&signed.header(), &claims)
    };
    // What is large or nested is good as long as it is in bounds.
    signed.verify(&with_more(json!("x".repeat(100_000)))).await.unwrap();
    signed.verify(&with_more(json!([[[]]]))).await.unwrap();
    refused!(signed.verify(&with_more(json!("x".repeat(300_000)))).await, TokenError::TooLarge { .. });
    let claims = signed.claims().to_string();
    let nested = |depth: usize| format!("{{\"more\":{}{},{}", "[".repeat(depth), "]".repeat(depth), &claims[1..]);
    let header = signed.header().to_string();
    signed.verify(&signed.key.sign_texts(&header, &nested(3))).await.unwrap();
    refused!(signed.verify(&signed.key.sign_texts(&header, &nested(5_000))).await, TokenError::TooDeep("body"));
}

#[tokio::test]
async fn another_key_of_the_same_type_and_name_is_not_the_providers() {
    let signed = Signed::start().await;
    let token = keys::rsa().sign(&signed.header(), &signed.claims());
    refused!(signed.verify(&token).await, TokenError::Signature);
}
