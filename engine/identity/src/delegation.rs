//! Delegations: a person lets a service act for them, in one project, for some actions, for some time.
//!
//! The site signs them itself, as JWTs (RFC 7519) of a type of their own, with EdDSA or ES256. A delegation is no
//! secret of the person's: it names who stands behind the service, and ends with that person's own rights.

use std::collections::BTreeSet;

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde_json::json;

use crate::{Person, Quoted, TokenError, claims::Claims, json, token};

/// The `typ` of a delegation, so that no other token of the site can be taken for one.
const TYPE: &str = "sluis-delegation+jwt";
/// The largest delegation, in bytes.
const MAX_DELEGATION: usize = 16 * 1024;

/// What a service may do for a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delegation {
    /// Its own name, by which it is revoked; never given twice.
    pub id: String,
    /// The service that acts.
    pub service: String,
    /// The person in whose name it acts.
    pub delegated_by: Person,
    /// The project in which it acts.
    pub project: String,
    /// The actions that it may do there.
    pub actions: BTreeSet<String>,
    /// From when.
    pub not_before: Timestamp,
    /// Until when.
    pub expires: Timestamp,
}

/// How a site signs delegations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DelegationAlgorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA over P-256 with SHA-256.
    Es256,
}

impl DelegationAlgorithm {
    fn jose(self) -> Algorithm {
        match self {
            Self::EdDsa => Algorithm::EdDSA,
            Self::Es256 => Algorithm::ES256,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }
}

/// A public key with which delegations are verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DelegationKey {
    /// Its algorithm.
    pub algorithm: DelegationAlgorithm,
    /// The key: 32 bytes for EdDSA, an uncompressed point of 65 bytes for ES256.
    pub public: Vec<u8>,
}

impl DelegationKey {
    /// The key's name in a delegation's header: the start of its SHA-256, in hexadecimal digits.
    pub fn name(&self) -> String {
        hex::encode(&digest(&SHA256, &self.public).as_ref()[..16])
    }

    fn decoding(&self) -> DecodingKey {
        match self.algorithm {
            DelegationAlgorithm::EdDsa => DecodingKey::from_ed_der(&self.public),
            DelegationAlgorithm::Es256 => DecodingKey::from_ec_der(&self.public),
        }
    }
}

/// What is refused of a delegation, or why none can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DelegationError {
    /// The signing key is none of its kind.
    #[error("the signing key is no private key for {0} in PKCS #8")]
    SigningKey(&'static str),
    /// It could not be signed.
    #[error("the delegation cannot be signed")]
    Signing(#[source] jsonwebtoken::errors::Error),
    /// It is no token that is good by itself: its form, signature or lifetime is wrong.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Another site signed it.
    #[error("the delegation is from the site {0}, not from this one")]
    OtherSite(Quoted),
    /// It would last longer than the site permits, or end before it begins.
    #[error("a delegation lasts from a moment to {} seconds, and this one does not", .0.as_secs())]
    Lifetime(SignedDuration),
    /// A field is empty, or one of its texts is.
    #[error("the delegation names no {0}")]
    Empty(&'static str),
    /// It was revoked.
    #[error("the delegation {0} was revoked")]
    Revoked(Quoted),
    /// The person behind it has no rights any more.
    #[error("{0}, in whose name the service acts, may do nothing at this site any more")]
    PersonRevoked(Person),
    /// It is for another project.
    #[error("the delegation is for the project {found}, not for {wanted}")]
    OtherProject {
        /// Its project.
        found: Quoted,
        /// The project in which the service wants to act.
        wanted: Quoted,
    },
    /// It does not name the action.
    #[error("the delegation does not name the action {0}")]
    OtherAction(Quoted),
}

impl DelegationError {
    /// What would remove the reason.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Token(error) => match error {
                TokenError::Expired(_) => "ask the person behind the service to delegate anew",
                error => error.remedy(),
            },
            Self::SigningKey(_) | Self::Signing(_) => "give the site's own signing key",
            Self::OtherSite(_) => "use the delegation at the site that made it",
            Self::Lifetime(_) | Self::Empty(_) => "delegate for a named project, named actions and a shorter time",
            Self::Revoked(_) => "ask the person behind the service to delegate anew, if it is still wanted",
            Self::PersonRevoked(_) => "ask somebody who may still do this to delegate it",
            Self::OtherProject { .. } | Self::OtherAction(_) => "ask for a delegation that covers this",
        }
    }
}

/// Signs delegations for a site. The key is wiped from memory when it is dropped.
#[derive(Debug)]
pub struct DelegationSigner {
    site: String,
    longest: SignedDuration,
    secret: EncodingKey,
    public: DelegationKey,
}

impl DelegationSigner {
    /// A signer for the site of a name, with a private key in PKCS #8 (DER); no delegation lasts longer than `longest`.
    ///
    /// # Errors
    /// If the key is none of that algorithm.
    pub fn new(
        site: &str,
        algorithm: DelegationAlgorithm,
        pkcs8: &[u8],
        longest: SignedDuration,
    ) -> Result<Self, DelegationError> {
        let wrong = |_| DelegationError::SigningKey(algorithm.name());
        let (public, secret) = match algorithm {
            DelegationAlgorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(wrong)?;
                (pair.public_key().as_ref().to_vec(), EncodingKey::from_ed_der(pkcs8))
            }
            DelegationAlgorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map_err(wrong)?;
                (pair.public_key().as_ref().to_vec(), EncodingKey::from_ec_der(pkcs8))
            }
        };
        Ok(Self { site: site.to_owned(), longest, secret, public: DelegationKey { algorithm, public } })
    }

    /// The key with which its delegations are verified.
    pub fn public_key(&self) -> &DelegationKey {
        &self.public
    }

    /// Signs a delegation, at the time `now`. Whether the person may do what they delegate is for the caller to decide.
    ///
    /// # Errors
    /// If something in it is empty, or it would last too long.
    pub fn sign(&self, delegation: &Delegation, now: Timestamp) -> Result<String, DelegationError> {
        delegation.check(self.longest)?;
        let mut header = Header::new(self.public.algorithm.jose());
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(self.public.name());
        let claims = json!({
            "iss": self.site, "jti": delegation.id, "sub": delegation.service,
            "iat": now.as_second(), "nbf": delegation.not_before.as_second(), "exp": delegation.expires.as_second(),
            "delegated_by": { "iss": delegation.delegated_by.issuer, "sub": delegation.delegated_by.subject },
            "project": delegation.project, "actions": delegation.actions,
        });
        jsonwebtoken::encode(&header, &claims, &self.secret).map_err(DelegationError::Signing)
    }
}

/// What was taken back.
#[derive(Clone, Copy)]
pub struct Revoked<'a> {
    /// Whether the delegation of a name was.
    pub delegation: &'a dyn Fn(&str) -> bool,
    /// Whether a person's rights at the site were.
    pub person: &'a dyn Fn(&Person) -> bool,
}

/// What a service wants to do.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    /// In which project.
    pub project: &'a str,
    /// Which action.
    pub action: &'a str,
}

/// Verifies delegations of a site.
#[derive(Clone, Debug)]
pub struct DelegationVerifier {
    /// The site's name.
    pub site: String,
    /// The keys that the site signs with, or signed with.
    pub keys: Vec<DelegationKey>,
    /// The longest that a delegation may last, whatever it says itself.
    pub longest: SignedDuration,
    /// By how much clocks may differ.
    pub clock_skew: SignedDuration,
}

impl DelegationVerifier {
    /// The delegation in a token, if it permits this act at the time `now`.
    ///
    /// # Errors
    /// With the first reason against it.
    pub fn verify(
        &self,
        token: &str,
        act: Act<'_>,
        revoked: Revoked<'_>,
        now: Timestamp,
    ) -> Result<Delegation, DelegationError> {
        let delegation = self.read(token, now)?;
        if (revoked.delegation)(&delegation.id) {
            return Err(DelegationError::Revoked(Quoted::new(&delegation.id)));
        }
        if (revoked.person)(&delegation.delegated_by) {
            return Err(DelegationError::PersonRevoked(delegation.delegated_by));
        }
        if delegation.project != act.project {
            let (found, wanted) = (Quoted::new(&delegation.project), Quoted::new(act.project));
            return Err(DelegationError::OtherProject { found, wanted });
        }
        if !delegation.actions.contains(act.action) {
            return Err(DelegationError::OtherAction(Quoted::new(act.action)));
        }
        Ok(delegation)
    }

    /// The delegation in a token that is good by itself at the time `now`. Whether it was revoked, and whether it covers
    /// what the service wants, is for the caller to find out.
    ///
    /// # Errors
    /// With the first reason against it.
    pub fn read(&self, token: &str, now: Timestamp) -> Result<Delegation, DelegationError> {
        let claims = self.claims(token)?;
        let site = claims.needed_text("iss")?;
        if site != self.site {
            return Err(DelegationError::OtherSite(Quoted::new(site)));
        }
        claims.lifetime(now, self.clock_skew)?;
        let delegation = Delegation::read(&claims)?;
        delegation.check(self.longest)?;
        Ok(delegation)
    }

    /// The claims of a token that one of the site's keys signed as a delegation.
    fn claims(&self, token: &str) -> Result<Claims, TokenError> {
        let (header, payload, message, signature) = token::parts(token, MAX_DELEGATION)?;
        let object = |text: &str, part| {
            json::object(&token::decoded(text)?).map(Claims::new).map_err(|error| token::refused(error, part))
        };
        let header = object(header, "header")?;
        token::refuse_extensions(&header)?;
        if header.has("jku") {
            return Err(TokenError::KeyElsewhere("jku"));
        }
        let kind = header.needed_text("typ")?;
        if kind != TYPE {
            return Err(TokenError::Type(Quoted::new(kind), "a delegation"));
        }
        let name = header.needed_text("kid")?;
        let unknown = || TokenError::UnknownKey { issuer: Quoted::new(&self.site), key: Quoted::new(name) };
        let key = self.keys.iter().find(|key| key.name() == name).ok_or_else(unknown)?;
        // The key says how it signs; the token may only agree.
        let algorithm = header.needed_text("alg")?;
        if algorithm != key.algorithm.name() {
            return Err(TokenError::Algorithm(Quoted::new(algorithm)));
        }
        token::check_signature(signature, message, &key.decoding(), key.algorithm.jose())?;
        object(payload, "body")
    }
}

impl Delegation {
    fn read(claims: &Claims) -> Result<Self, TokenError> {
        let owned = |name| claims.needed_text(name).map(str::to_owned);
        let person = claims.get("delegated_by").and_then(serde_json::Value::as_object);
        let person = Claims::new(person.ok_or(TokenError::Claim("delegated_by"))?.clone());
        Ok(Self {
            id: owned("jti")?,
            service: owned("sub")?,
            delegated_by: Person {
                issuer: person.needed_text("iss")?.to_owned(),
                subject: person.needed_text("sub")?.to_owned(),
            },
            project: owned("project")?,
            actions: claims.texts("actions")?.into_iter().map(str::to_owned).collect(),
            not_before: claims.needed_time("nbf")?,
            expires: claims.needed_time("exp")?,
        })
    }

    fn check(&self, longest: SignedDuration) -> Result<(), DelegationError> {
        let lasts = self.expires.duration_since(self.not_before);
        if !lasts.is_positive() || lasts > longest {
            return Err(DelegationError::Lifetime(longest));
        }
        let texts = [
            ("id", &self.id),
            ("service", &self.service),
            ("issuer of the person", &self.delegated_by.issuer),
            ("person", &self.delegated_by.subject),
            ("project", &self.project),
        ];
        if let Some((what, _)) = texts.iter().find(|(_, text)| text.is_empty()) {
            return Err(DelegationError::Empty(what));
        }
        if self.actions.is_empty() || self.actions.iter().any(String::is_empty) {
            return Err(DelegationError::Empty("action"));
        }
        Ok(())
    }
}
