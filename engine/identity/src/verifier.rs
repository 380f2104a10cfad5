//! Tokens to facts.

use std::{path::PathBuf, sync::Arc};

use jiff::Timestamp;
use jsonwebtoken::DecodingKey;
use serde_json::Value;

use crate::{
    MultiFactor, Person, Quoted, Secret, TokenError, Trust, TrustError, TrustedIssuer, VerifiedIdentity, WebAddress,
    cache::{Cache, FetchBudget, Unavailable, Wanted},
    claims::{self, Claims},
    key_set::{Found, KeySet},
    passport::MAX_VISAS,
    provider::Provider,
    replay::ReplayGuard,
    token::{Header, KeySetHeader, MAX_TOKEN, Unverified},
    web::Web,
};

/// The kinds of tokens that tell who somebody is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum TokenKind {
    /// An ID token (OpenID Connect Core 1.0, section 2).
    #[default]
    Id,
    /// An access token that is a JWT (RFC 9068).
    Access,
}

/// What a token must be, beyond what every token must be.
#[derive(Clone, Copy, Default, Debug)]
pub struct Expectations<'a> {
    /// Which kind it is.
    pub kind: TokenKind,
    /// The nonce that was sent with the login; the token must hold it.
    pub nonce: Option<&'a str>,
    /// Whether the provider must state that more than one factor was used.
    pub multi_factor: bool,
    /// Whether it is used up by this, and refused from now on.
    pub single_use: bool,
}

/// Verifies tokens against what the site trusts. It keeps the keys of providers for a while; make one and share it.
#[derive(Debug)]
pub struct Verifier {
    pub(crate) trust: Trust,
    pub(crate) web: Web,
    providers: Cache<Provider>,
    keys: Cache<KeySet>,
    replay: ReplayGuard,
}

impl Verifier {
    /// A verifier for a site.
    ///
    /// # Errors
    /// If the trust configuration names an issuer twice, or leaves out what it needs, or the system's certificates
    /// cannot be had.
    pub fn new(trust: Trust) -> Result<Self, TrustError> {
        trust.check()?;
        let web = Web::new(trust.http_on_loopback)?;
        Ok(Self { trust, web, providers: Cache::new(), keys: Cache::new(), replay: ReplayGuard::default() })
    }

    /// The same, with a folder in which it remembers tokens for one use: those that any process used that has the same
    /// folder. Without one it remembers its own.
    #[must_use]
    pub fn remembering_in(self, folder: PathBuf) -> Self {
        Self { replay: ReplayGuard::shared(folder), ..self }
    }

    /// What the site trusts.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Verifies an ID token or an access token (OpenID Connect Core 1.0, section 3.1.3.7; RFC 9068, section 4) at the
    /// time `now`. Asks the provider for its configuration and keys if they are not at hand, at most once a minute.
    ///
    /// # Errors
    /// With the one reason that was found first; form comes before issuer, issuer before signature, signature before
    /// everything that the token says.
    pub async fn verify(
        &self,
        token: &str,
        expected: &Expectations<'_>,
        now: Timestamp,
    ) -> Result<VerifiedIdentity, TokenError> {
        let read = Unverified::read(token, MAX_TOKEN, KeySetHeader::Refused)?;
        match expected.kind {
            TokenKind::Id => read.header.check_kind(&["JWT"], "an ID token")?,
            TokenKind::Access => read.header.check_kind(&["JWT", "at+jwt"], "an access token")?,
        }
        let claimed = read.claimed_issuer()?;
        let issuer = self.trust.issuer(claimed).ok_or_else(|| TokenError::Issuer(Quoted::new(claimed)))?;
        if !issuer.algorithms.contains(&read.header.algorithm) {
            return Err(TokenError::Algorithm(Quoted::new(read.header.algorithm.name())));
        }
        let key = self.issuer_key(issuer, &read.header, now).await?;
        let message = read.message();
        let claims = read.verify(&key)?;
        let identity = self.identity(issuer, &claims, expected, now)?;
        if expected.single_use {
            let id = claims.text("jti")?.unwrap_or(message);
            let forget_at = identity.expires.checked_add(self.trust.clock_skew).unwrap_or(Timestamp::MAX);
            self.replay.admit(identity.issuer(), id, forget_at, now)?;
        }
        Ok(identity)
    }

    async fn issuer_key(
        &self,
        issuer: &TrustedIssuer,
        header: &Header,
        now: Timestamp,
    ) -> Result<DecodingKey, TokenError> {
        let name = issuer.issuer.as_str();
        let provider = self.provider(&issuer.issuer, now).await?;
        self.key(name, &provider.key_set, header, now, &mut FetchBudget(2)).await
    }

    pub(crate) async fn provider(&self, issuer: &WebAddress, now: Timestamp) -> Result<Arc<Provider>, TokenError> {
        let fetch = || Provider::fetch(&self.web, issuer);
        let found = self.providers.get(issuer, Wanted::Good, now, &mut FetchBudget(1), fetch).await;
        found.map_err(|error| unavailable(issuer.as_str(), error))
    }

    /// The key that a header names, from a key set; if it is not there, from a newer one, because the owner may have
    /// begun to use a new key.
    pub(crate) async fn key(
        &self,
        issuer: &str,
        address: &WebAddress,
        header: &Header,
        now: Timestamp,
        budget: &mut FetchBudget,
    ) -> Result<DecodingKey, TokenError> {
        let name = header.key_name.as_deref();
        for wanted in [Wanted::Good, Wanted::Newer] {
            let fetch = || KeySet::fetch(&self.web, address);
            let set = self.keys.get(address, wanted, now, budget, fetch).await;
            match set.map_err(|error| unavailable(issuer, error))?.find(name, header.algorithm) {
                Found::Key(key) => return Ok(key),
                Found::Unknown => {}
                Found::NotNamed => return Err(TokenError::KeyNotNamed { issuer: Quoted::new(issuer) }),
                Found::OtherType => {
                    let key = Quoted::new(name.unwrap_or_default());
                    return Err(TokenError::KeyType { issuer: Quoted::new(issuer), key, algorithm: header.algorithm });
                }
            }
        }
        Err(TokenError::UnknownKey { issuer: Quoted::new(issuer), key: Quoted::new(name.unwrap_or_default()) })
    }

    fn identity(
        &self,
        issuer: &TrustedIssuer,
        claims: &Claims,
        expected: &Expectations<'_>,
        now: Timestamp,
    ) -> Result<VerifiedIdentity, TokenError> {
        check_audience(issuer, claims)?;
        let (issued, expires) = claims.lifetime(now, self.trust.clock_skew)?;
        let subject = claims.needed_text("sub")?.to_owned();
        if expected.nonce.is_some_and(|nonce| claims.text("nonce").ok().flatten() != Some(nonce)) {
            return Err(TokenError::Nonce);
        }
        let auth_time = self.login_time(issuer, claims, now)?;
        let multi_factor = multi_factor(issuer, claims)?;
        if expected.multi_factor {
            refuse_single_factor(&multi_factor)?;
        }
        let visas = if issuer.passport_broker { embedded_visas(claims)? } else { Vec::new() };
        let person = Person { issuer: issuer.issuer.as_str().to_owned(), subject };
        Ok(VerifiedIdentity { person, multi_factor, auth_time, issued, expires, visas })
    }

    fn login_time(
        &self,
        issuer: &TrustedIssuer,
        claims: &Claims,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, TokenError> {
        let at = claims.time("auth_time")?;
        if let Some(at) = at.filter(|at| claims::is_to_come(*at, now, self.trust.clock_skew)) {
            return Err(TokenError::LoginInFuture(at));
        }
        let Some(longest) = issuer.max_login_age else { return Ok(at) };
        let at = at.ok_or(TokenError::LoginTimeMissing)?;
        if now.duration_since(at) > longest.saturating_add(self.trust.clock_skew) {
            return Err(TokenError::LoginTooOld { at, longest });
        }
        Ok(Some(at))
    }
}

pub(crate) fn unavailable(issuer: &str, error: Unavailable) -> TokenError {
    let issuer = Quoted::new(issuer);
    match error {
        Unavailable::Failed(source) => TokenError::Keys { issuer, source },
        Unavailable::BudgetSpent => TokenError::TooManyKeySets { issuer, limit: crate::passport::MAX_KEY_SETS },
    }
}

/// The audience must be named; whoever asked for the token must be this site's client or the audience itself.
fn check_audience(issuer: &TrustedIssuer, claims: &Claims) -> Result<(), TokenError> {
    let audiences = claims.texts("aud")?;
    if audiences.is_empty() {
        return Err(TokenError::Missing("aud"));
    }
    if !audiences.contains(&issuer.audience.as_str()) {
        let found = Quoted::new(&audiences.join(" "));
        return Err(TokenError::Audience { found, expected: issuer.audience.clone() });
    }
    match claims.text("azp")? {
        None if audiences.len() > 1 => Err(TokenError::PartyMissing),
        Some(party) if party != issuer.client_id && party != issuer.audience => {
            Err(TokenError::Party(Quoted::new(party)))
        }
        _ => Ok(()),
    }
}

fn multi_factor(issuer: &TrustedIssuer, claims: &Claims) -> Result<MultiFactor, TokenError> {
    Ok(match claims.text("acr")? {
        Some(acr) if issuer.multi_factor_acr.contains(acr) => MultiFactor::Yes(acr.to_owned()),
        Some(acr) => MultiFactor::OtherAcr(acr.to_owned()),
        None if claims.has("amr") => MultiFactor::AmrAlone,
        None => MultiFactor::Unknown,
    })
}

fn refuse_single_factor(said: &MultiFactor) -> Result<(), TokenError> {
    match said {
        MultiFactor::Yes(_) => Ok(()),
        MultiFactor::OtherAcr(acr) => Err(TokenError::Acr(Quoted::new(acr))),
        MultiFactor::AmrAlone => Err(TokenError::AmrAlone),
        MultiFactor::Unknown => Err(TokenError::AcrMissing),
    }
}

/// The visas of the claim `ga4gh_passport_v1`, none of them verified.
pub(crate) fn embedded_visas(claims: &Claims) -> Result<Vec<Secret>, TokenError> {
    const NAME: &str = "ga4gh_passport_v1";
    let items = match claims.get(NAME) {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(TokenError::Claim(NAME)),
    };
    if items.len() > MAX_VISAS {
        return Err(TokenError::TooManyVisas { count: items.len(), limit: MAX_VISAS });
    }
    items
        .iter()
        .map(|item| item.as_str().map(|text| Secret::new(text.to_owned())).ok_or(TokenError::Claim(NAME)))
        .collect()
}
