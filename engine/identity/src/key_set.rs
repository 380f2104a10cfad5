//! A party's public keys (RFC 7517).

use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use crate::{Algorithm, FetchError, WebAddress, json, web::Web};

/// The largest key set that is read, in bytes.
const MAX_KEY_SET: usize = 256 * 1024;
/// How many of its keys are looked at.
const MAX_KEYS: usize = 100;

/// The keys of a set that sign with an algorithm that may be pinned, and the names of the others.
pub struct KeySet(Vec<Key>);

struct Key {
    name: Option<String>,
    /// None: a key for something else.
    verifies: Option<(Algorithm, DecodingKey)>,
}

/// What a look into a key set finds.
pub enum Found {
    Key(DecodingKey),
    /// There is no key of that name.
    Unknown,
    /// There is one, but it is for something else.
    OtherType,
    /// No name was given, and not exactly one key fits.
    NotNamed,
}

impl KeySet {
    /// Fetches a key set.
    pub async fn fetch(web: &Web, address: &WebAddress) -> Result<Self, FetchError> {
        let body = web.get(address, None, MAX_KEY_SET).await?;
        let set = json::object(&body).map_err(|_| FetchError::Json(address.clone()))?;
        let keys = set.get("keys").and_then(Value::as_array);
        let keys = keys.ok_or_else(|| FetchError::Field { address: address.clone(), field: "keys" })?;
        Ok(Self(keys.iter().take(MAX_KEYS).filter_map(Value::as_object).map(Key::read).collect()))
    }

    /// The key of a name for an algorithm. Without a name, the only key that fits (OpenID Connect Core 1.0, section
    /// 10.1).
    pub fn find(&self, name: Option<&str>, algorithm: Algorithm) -> Found {
        let of_name = self.0.iter().filter(|key| name.is_none() || key.name.as_deref() == name);
        let fitting = |key: &Key| key.verifies.as_ref().filter(|(of, _)| *of == algorithm).map(|(_, key)| key.clone());
        let mut keys = of_name.clone().filter_map(fitting);
        match (keys.next(), keys.next(), name) {
            (Some(key), None, _) => Found::Key(key),
            (None, _, Some(_)) if of_name.count() == 0 => Found::Unknown,
            (_, _, Some(_)) => Found::OtherType,
            (_, _, None) => Found::NotNamed,
        }
    }
}

impl Key {
    /// What is not understood is kept as a key for something else: a set may hold keys that others need.
    fn read(fields: &Map<String, Value>) -> Self {
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        Self { name: text("kid").map(str::to_owned), verifies: verifies(fields) }
    }
}

fn verifies(fields: &Map<String, Value>) -> Option<(Algorithm, DecodingKey)> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let (algorithm, key) = match (text("kty")?, text("crv")) {
        ("RSA", _) => (Algorithm::Rs256, DecodingKey::from_rsa_components(text("n")?, text("e")?).ok()?),
        ("EC", Some("P-256")) => (Algorithm::Es256, DecodingKey::from_ec_components(text("x")?, text("y")?).ok()?),
        _ => return None,
    };
    let is_for_signatures = text("use").is_none_or(|purpose| purpose == "sig");
    let operations = fields.get("key_ops").and_then(Value::as_array);
    let may_verify = operations.is_none_or(|operations| operations.iter().any(|operation| operation == "verify"));
    let has_algorithm = text("alg").is_none_or(|name| name == algorithm.name());
    (is_for_signatures && may_verify && has_algorithm).then_some((algorithm, key))
}
