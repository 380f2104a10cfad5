//! Signed tokens in compact form (RFC 7515, 7519): read strictly, believed only with a signature.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;

use crate::{
    Algorithm, Quoted, TokenError,
    claims::Claims,
    json::{self, JsonError},
};

/// The largest token that is read, in bytes. Passports that do not fit are fetched from the userinfo endpoint.
pub const MAX_TOKEN: usize = 256 * 1024;

/// The longest name of a key, in bytes.
const MAX_KEY_NAME: usize = 256;

/// What a header says about the key and the kind of token (RFC 7515, section 4.1).
pub struct Header {
    pub algorithm: Algorithm,
    pub key_name: Option<String>,
    pub kind: Option<String>,
    pub key_set: Option<String>,
}

/// Whether a header may name its key set (`jku`): visas must, all others must not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum KeySetHeader {
    Refused,
    Named,
}

/// A token that was read and not verified: what it claims can be had only by [`Unverified::verify`].
pub struct Unverified<'a> {
    pub header: Header,
    claims: Claims,
    message: &'a str,
    signature: &'a str,
}

impl<'a> Unverified<'a> {
    /// Reads a token.
    pub fn read(token: &'a str, limit: usize, key_set: KeySetHeader) -> Result<Self, TokenError> {
        let (header, payload, message, signature) = parts(token, limit)?;
        let header = Header::read(&decoded(header)?, key_set)?;
        let claims = json::object(&decoded(payload)?).map_err(|error| refused(error, "body"))?;
        Ok(Self { header, claims: Claims::new(claims), message, signature })
    }

    /// Who claims to have signed it: good for finding the key, and for nothing else.
    pub fn claimed_issuer(&self) -> Result<&str, TokenError> {
        self.claims.text("iss")?.ok_or(TokenError::Missing("iss"))
    }

    /// What was signed; the same for all signatures that the key could make over it.
    pub fn message(&self) -> &'a str {
        self.message
    }

    /// The claims, if the signature is right.
    pub fn verify(self, key: &DecodingKey) -> Result<Claims, TokenError> {
        let algorithm = match self.header.algorithm {
            Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
            Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        };
        check_signature(self.signature, self.message, key, algorithm)?;
        Ok(self.claims)
    }
}

/// Refuses a signature that is not the key's.
pub fn check_signature(
    signature: &str,
    message: &str,
    key: &DecodingKey,
    algorithm: jsonwebtoken::Algorithm,
) -> Result<(), TokenError> {
    match jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, algorithm) {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(TokenError::Signature),
    }
}

/// Header, payload, both together as they were signed, signature.
pub fn parts(token: &str, limit: usize) -> Result<(&str, &str, &str, &str), TokenError> {
    if token.len() > limit {
        return Err(TokenError::TooLarge { bytes: token.len(), limit });
    }
    let wrong = || TokenError::Malformed("it does not have three parts");
    let (message, signature) = token.rsplit_once('.').ok_or_else(wrong)?;
    let (header, payload) = message.split_once('.').ok_or_else(wrong)?;
    if payload.contains('.') {
        return Err(wrong());
    }
    Ok((header, payload, message, signature))
}

/// Bytes in base64url, without padding.
pub fn decoded(text: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Malformed("its parts are not in base64url"))
}

/// For `map_err`: what is wrong with the JSON of a part.
pub fn refused(error: JsonError, part: &'static str) -> TokenError {
    match error {
        JsonError::Syntax => TokenError::Malformed("its parts are no JSON objects"),
        JsonError::Deep => TokenError::TooDeep(part),
        JsonError::Duplicate(name) => TokenError::Duplicate { part, name: Quoted::new(&name) },
    }
}

impl Header {
    fn read(bytes: &[u8], key_set: KeySetHeader) -> Result<Self, TokenError> {
        let fields = Claims::new(json::object(bytes).map_err(|error| refused(error, "header"))?);
        let algorithm = fields.text("alg")?.ok_or(TokenError::Missing("alg"))?;
        let algorithm = check_algorithm(algorithm)?;
        refuse_extensions(&fields)?;
        if key_set == KeySetHeader::Refused && fields.has("jku") {
            return Err(TokenError::KeyElsewhere("jku"));
        }
        let key_name = fields.text("kid")?.map(check_key_name).transpose()?;
        let owned = |name| fields.text(name).map(|text| text.map(str::to_owned));
        Ok(Self { algorithm, key_name, kind: owned("typ")?, key_set: owned("jku")? })
    }

    /// Refuses a token whose type is none of these; no type is right.
    pub fn check_kind(&self, permitted: &[&str], expected: &'static str) -> Result<(), TokenError> {
        let Some(kind) = &self.kind else { return Ok(()) };
        let bare = kind.strip_prefix("application/").unwrap_or(kind);
        if permitted.iter().any(|permitted| permitted.eq_ignore_ascii_case(bare)) {
            return Ok(());
        }
        Err(TokenError::Type(Quoted::new(kind), expected))
    }
}

fn check_algorithm(name: &str) -> Result<Algorithm, TokenError> {
    if name.eq_ignore_ascii_case("none") {
        return Err(TokenError::Unsigned);
    }
    if name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("HS")) {
        return Err(TokenError::SharedSecret(Quoted::new(name)));
    }
    Algorithm::from_name(name).ok_or_else(|| TokenError::Algorithm(Quoted::new(name)))
}

/// Refuses what is not understood and must be (`crit`), keys that a token brings, and places where it says they are.
pub fn refuse_extensions(header: &Claims) -> Result<(), TokenError> {
    if header.has("crit") || header.has("b64") || header.has("zip") {
        return Err(TokenError::Critical);
    }
    if header.has("jwk") {
        return Err(TokenError::OwnKey("jwk"));
    }
    if header.has("x5u") {
        return Err(TokenError::KeyElsewhere("x5u"));
    }
    Ok(())
}

/// A key's name is looked up in a set and never becomes part of a path; yet what looks like one was made to mislead.
fn check_key_name(name: &str) -> Result<String, TokenError> {
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '/' | '\\' | '%');
    if name.is_empty() || name.len() > MAX_KEY_NAME || name.contains("..") || name.contains(is_odd) {
        return Err(TokenError::KeyName(Quoted::new(name)));
    }
    Ok(name.to_owned())
}
