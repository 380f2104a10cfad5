//! One visa, verified for itself.

use std::str::FromStr;

use jiff::Timestamp;

use super::{MAX_VISA, Visa, VisaError, VisaObject, VisaType};
use crate::{
    Person, Quoted, TokenError, TrustedVisaIssuer, Verifier, WebAddress,
    cache::FetchBudget,
    claims::{self, Claims},
    token::{KeySetHeader, Unverified},
};

impl Visa {
    /// Verifies one visa (GA4GH AAI profile 1.2, "Visa Document Token Format"), but for its conditions and whether it
    /// is about the right person, for which the others are needed.
    ///
    /// `audience` is what this site is called at the broker; a visa that is for somebody else alone is refused.
    pub(crate) async fn verify(
        verifier: &Verifier,
        token: &str,
        audience: &str,
        now: Timestamp,
        budget: &mut FetchBudget,
    ) -> Result<Self, VisaError> {
        let read = Unverified::read(token, MAX_VISA, KeySetHeader::Named)?;
        read.header.check_kind(&["JWT", "vnd.ga4gh.visa+jwt"], "a visa")?;
        let name = read.claimed_issuer()?;
        let issuer = verifier.trust.visa_issuer(name).ok_or_else(|| VisaError::Issuer(Quoted::new(name)))?;
        // Before anything is fetched.
        let key_set = permitted_key_set(issuer, read.header.key_set.as_deref())?;
        let key = verifier.key(&issuer.issuer, &key_set, &read.header, now, budget).await?;
        let claims = read.verify(&key)?;
        check_purpose(&claims, audience)?;
        let (issued, expires) = claims.lifetime(now, verifier.trust.clock_skew)?;
        let object = object(&claims)?;
        check_trust(issuer, &object)?;
        if claims::is_to_come(object.asserted, now, verifier.trust.clock_skew) {
            return Err(VisaError::AssertedInFuture(object.asserted));
        }
        let VisaObject { kind, value, source, by, asserted, conditions } = object;
        let person = Person { issuer: issuer.issuer.clone(), subject: claims.needed_text("sub")?.to_owned() };
        let id = claims.text("jti")?.map(str::to_owned);
        Ok(Self { person, kind, value, source, by, asserted, issued, expires, id, conditions })
    }
}

fn permitted_key_set(issuer: &TrustedVisaIssuer, named: Option<&str>) -> Result<WebAddress, VisaError> {
    let named = named.ok_or(VisaError::NoKeySet)?;
    let refused = || VisaError::KeySet { found: Quoted::new(named), issuer: Quoted::new(&issuer.issuer) };
    // Character by character: two spellings of an address are two addresses.
    let address = WebAddress::from_str(named).map_err(|_| refused())?;
    if issuer.key_sets.contains(&address) { Ok(address) } else { Err(refused()) }
}

/// Refuses tokens that are for something else: access tokens, and visas for others.
fn check_purpose(claims: &Claims, audience: &str) -> Result<(), VisaError> {
    if !claims.has("ga4gh_visa_v1") {
        return Err(VisaError::NotAVisa);
    }
    if claims.text("scope")?.is_some_and(|scope| scope.split(' ').any(|scope| scope == "openid")) {
        return Err(VisaError::AccessToken);
    }
    let audiences = claims.texts("aud")?;
    if claims.has("aud") && !audiences.contains(&audience) {
        return Err(VisaError::Audience(Quoted::new(&audiences.join(" "))));
    }
    Ok(())
}

fn object(claims: &Claims) -> Result<VisaObject, VisaError> {
    let fields = claims.get("ga4gh_visa_v1").and_then(serde_json::Value::as_object);
    VisaObject::read(fields.ok_or(TokenError::Claim("ga4gh_visa_v1"))?)
}

fn check_trust(issuer: &TrustedVisaIssuer, object: &VisaObject) -> Result<(), VisaError> {
    let name = || Quoted::new(&issuer.issuer);
    let Some(sources) = issuer.sources.get(&object.kind) else {
        return Err(VisaError::Type { issuer: name(), kind: object.kind });
    };
    if !sources.contains(&object.source) {
        return Err(VisaError::Source { issuer: name(), found: Quoted::new(&object.source) });
    }
    if object.kind == VisaType::LinkedIdentities && !object.conditions.is_empty() {
        return Err(VisaError::ConditionalLink);
    }
    Ok(())
}
