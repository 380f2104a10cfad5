//! An OpenID provider of the tests' own: its configuration and keys over HTTP, and tokens of every kind, also such as
//! no provider would sign.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

pub struct Issuer {
    pub address: String,
    key: EcdsaKeyPair,
    other_key: EcdsaKeyPair,
    visa_key: EcdsaKeyPair,
    public: Vec<u8>,
}

fn new_key() -> EcdsaKeyPair {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap()
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

impl Issuer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let key = new_key();
        let public = key.public_key().as_ref().to_vec();
        let keys = key_set(&key);
        let visa_key = new_key();
        let visa_keys = key_set(&visa_key);
        let configuration = json!({
            "issuer": address,
            "jwks_uri": format!("{address}/keys"),
            "authorization_endpoint": format!("{address}/authorize"),
            "token_endpoint": format!("{address}/token"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        });
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &configuration, &keys, &visa_keys);
            }
        });
        Self { address, key, other_key: new_key(), visa_key, public }
    }

    /// The claims of somebody who just logged in with two factors.
    pub fn claims(&self) -> Json {
        let now = Timestamp::now().as_second();
        json!({
            "iss": self.address, "sub": "anna-at-work", "aud": "sluis", "exp": now + 600, "iat": now,
            "auth_time": now - 30, "acr": "https://refeds.org/profile/mfa", "nonce": "n-1", "jti": format!("t-{now}"),
        })
    }

    pub fn header() -> Json {
        json!({ "alg": "ES256", "kid": "one", "typ": "JWT" })
    }

    /// A visa, as the visa issuer signs it whose keys are at the same server.
    pub fn sign_visa(&self, header: &Json, claims: &str) -> String {
        Self::signed_by(&self.visa_key, header, claims)
    }

    pub fn sign(&self, header: &Json, claims: &str) -> String {
        Self::signed_by(&self.key, header, claims)
    }

    pub fn sign_with_another_key(&self, header: &Json, claims: &str) -> String {
        Self::signed_by(&self.other_key, header, claims)
    }

    fn signed_by(key: &EcdsaKeyPair, header: &Json, claims: &str) -> String {
        let message = format!("{}.{}", encoded(header.to_string()), encoded(claims));
        let signature = key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", encoded(signature))
    }

    /// A token that takes the provider's public key for a shared secret.
    pub fn sign_with_hmac(&self, claims: &str) -> String {
        use aws_lc_rs::hmac;
        let message = format!("{}.{}", encoded(json!({ "alg": "HS256", "kid": "one" }).to_string()), encoded(claims));
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.public), message.as_bytes());
        format!("{message}.{}", encoded(signature))
    }

    pub fn unsigned(claims: &str) -> String {
        format!("{}.{}.", encoded(json!({ "alg": "none", "kid": "one" }).to_string()), encoded(claims))
    }
}

fn key_set(key: &EcdsaKeyPair) -> Json {
    let public = key.public_key().as_ref();
    json!({ "keys": [{
        "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "one",
        "x": encoded(&public[1..33]), "y": encoded(&public[33..65]),
    }] })
}

fn answer(mut stream: TcpStream, configuration: &Json, keys: &Json, visa_keys: &Json) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let request = lines.next().unwrap().unwrap();
    let _headers: Vec<_> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let (status, body) = match request.split(' ').nth(1) {
        Some("/.well-known/openid-configuration") => ("200 OK", configuration.to_string()),
        Some("/keys") => ("200 OK", keys.to_string()),
        Some("/visa-keys" | "/more-visa-keys") => ("200 OK", visa_keys.to_string()),
        _ => ("404 Not Found", String::new()),
    };
    let length = body.len();
    // A client that went away does not matter to the next one.
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
}
