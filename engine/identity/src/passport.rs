//! Passports: all visas of a person, each verified for itself (GA4GH Passport 1.2).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::{
    FetchError, Person, Quoted, Secret, TokenError, TrustedIssuer, VerifiedIdentity, Verifier, Visa, VisaError,
    cache::FetchBudget, claims::Claims, json, verifier,
};

/// How many visas of a passport are looked at.
pub const MAX_VISAS: usize = 200;
/// How many key sets are fetched for one passport; those at hand do not count.
pub const MAX_KEY_SETS: usize = 10;
/// The largest answer of a userinfo endpoint, in bytes: the largest passport, and some room.
const MAX_USERINFO: usize = MAX_VISAS * crate::MAX_VISA + 64 * 1024;

/// The visas that count for a person, and those that do not.
#[derive(Debug)]
pub struct Passport {
    /// The visas that were verified, in the order of the passport.
    pub visas: Vec<Visa>,
    /// The others, each with the reason; they change nothing for the rest.
    pub refused: Vec<RefusedVisa>,
    /// All names under which the person is known: the one of the login, and those that are linked to it.
    pub names: BTreeSet<Person>,
}

/// A visa that does not count.
#[derive(Debug, thiserror::Error)]
#[error("visa {} of the passport does not count", index + 1)]
pub struct RefusedVisa {
    /// Which one it is in the passport, from 0.
    pub index: usize,
    /// Why.
    #[source]
    pub reason: VisaError,
}

/// Why there is no passport.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassportError {
    /// The provider of the login is not trusted with passports.
    #[error("{0} is not among this site's passport brokers; mark the issuer as one if its passports are to count")]
    NotABroker(Quoted),
    /// The provider has no userinfo endpoint.
    #[error("{0} has no userinfo endpoint, so it gives out no passports there; ask it for visas in its tokens")]
    NoUserinfo(Quoted),
    /// The userinfo endpoint did not answer as it must.
    #[error("the passport cannot be fetched; log in again, with the scope `ga4gh_passport_v1`")]
    Fetch(#[source] FetchError),
    /// The userinfo endpoint speaks of somebody else: the access token is another person's (OpenID Connect Core 1.0,
    /// section 5.3.2).
    #[error("the passport is that of somebody else than the one who logged in; log in again")]
    OtherPerson,
    /// The passport is not of the form that it must be, or the provider's configuration cannot be had.
    #[error("the passport cannot be used")]
    Token(#[source] TokenError),
}

impl Verifier {
    /// Verifies the visas that a token brought with it, at the time `now`. A visa that fails is reported and leaves the
    /// rest.
    ///
    /// # Errors
    /// If the provider of the login is not trusted with passports.
    pub async fn embedded_passport(
        &self,
        identity: &VerifiedIdentity,
        now: Timestamp,
    ) -> Result<Passport, PassportError> {
        let broker = self.broker(identity)?;
        Ok(self.passport(broker, identity, &identity.visas, now).await)
    }

    /// Fetches the visas from the provider's userinfo endpoint and verifies them, as
    /// [`Verifier::embedded_passport`] does.
    ///
    /// # Errors
    /// If the provider of the login is not trusted with passports, or gives out none.
    pub async fn fetched_passport(
        &self,
        identity: &VerifiedIdentity,
        access_token: &Secret,
        now: Timestamp,
    ) -> Result<Passport, PassportError> {
        let broker = self.broker(identity)?;
        let provider = self.provider(&broker.issuer, now).await.map_err(PassportError::Token)?;
        let no_userinfo = || PassportError::NoUserinfo(Quoted::new(identity.issuer()));
        let address = provider.userinfo.as_ref().ok_or_else(no_userinfo)?;
        let body = self.web.get(address, Some(access_token), MAX_USERINFO).await.map_err(PassportError::Fetch)?;
        let fields = json::object(&body).map_err(|_| PassportError::Fetch(FetchError::Json(address.clone())))?;
        let claims = Claims::new(fields);
        if claims.needed_text("sub").map_err(PassportError::Token)? != identity.subject() {
            return Err(PassportError::OtherPerson);
        }
        let visas = verifier::embedded_visas(&claims).map_err(PassportError::Token)?;
        Ok(self.passport(broker, identity, &visas, now).await)
    }

    /// The visas of who logged in: those that the token itself brought, if it brought any, else those of the userinfo
    /// endpoint.
    ///
    /// # Errors
    /// As [`Verifier::fetched_passport`].
    pub async fn passport_of(
        &self,
        identity: &VerifiedIdentity,
        access_token: &Secret,
        now: Timestamp,
    ) -> Result<Passport, PassportError> {
        if identity.embedded_visas() > 0 {
            return self.embedded_passport(identity, now).await;
        }
        self.fetched_passport(identity, access_token, now).await
    }

    fn broker(&self, identity: &VerifiedIdentity) -> Result<&TrustedIssuer, PassportError> {
        let issuer = self.trust.issuer(identity.issuer()).filter(|issuer| issuer.passport_broker);
        issuer.ok_or_else(|| PassportError::NotABroker(Quoted::new(identity.issuer())))
    }

    async fn passport(
        &self,
        broker: &TrustedIssuer,
        identity: &VerifiedIdentity,
        tokens: &[Secret],
        now: Timestamp,
    ) -> Passport {
        let mut budget = FetchBudget(MAX_KEY_SETS);
        let (mut good, mut refused) = (Vec::new(), Vec::new());
        for (index, token) in tokens.iter().enumerate() {
            match Visa::verify(self, token.reveal(), &broker.audience, now, &mut budget).await {
                Ok(visa) => good.push((index, visa)),
                Err(reason) => refused.push(RefusedVisa { index, reason }),
            }
        }
        let names = self.names(identity.person(), &good);
        let good = keep(good, &mut refused, |visa| {
            self.known_until(visa, &names).ok_or_else(|| VisaError::OtherPerson(visa.person.clone()))
        });
        let plain: Vec<Visa> =
            good.iter().map(|(_, visa)| visa).filter(|visa| visa.conditions.is_empty()).cloned().collect();
        let plain: Vec<&Visa> = plain.iter().collect();
        let good = keep(good, &mut refused, |visa| visa.conditions.met_until(&plain).ok_or(VisaError::ConditionsUnmet));
        refused.sort_by_key(|refused| refused.index);
        let names = names.into_keys().collect();
        Passport { visas: good.into_iter().map(|(_, visa)| visa).collect(), refused, names }
    }

    /// The names that are joined to the one of the login, by however many links; each until the first of these links
    /// expires, in the way in which it is joined for longest.
    fn names(&self, person: &Person, visas: &[(usize, Visa)]) -> BTreeMap<Person, Timestamp> {
        let mut names = BTreeMap::from([(person.clone(), Timestamp::MAX)]);
        loop {
            let before = names.clone();
            for (_, visa) in visas {
                let links = visa.links();
                if links.is_empty() {
                    continue;
                }
                let linked = links.iter().filter_map(|link| names.get(link).copied());
                let Some(joined) = linked.chain(self.known_until(visa, &names)).max() else { continue };
                let until = joined.min(visa.expires);
                for name in links.into_iter().chain([visa.person.clone()]) {
                    let known = names.entry(name).or_insert(until);
                    *known = until.max(*known);
                }
            }
            if names == before {
                return names;
            }
        }
    }

    /// Until when a visa is known to be about one of these names, if it is: by the name that it has itself, or by the
    /// subject that one of them has at a broker whose names its issuer uses.
    fn known_until(&self, visa: &Visa, names: &BTreeMap<Person, Timestamp>) -> Option<Timestamp> {
        let issuer = self.trust.visa_issuer(&visa.person.issuer);
        let brokers = issuer.into_iter().flat_map(|issuer| &issuer.subjects_of);
        let at_broker = |broker: &String| Person { issuer: broker.clone(), subject: visa.person.subject.clone() };
        let at_brokers = brokers.filter_map(|broker| names.get(&at_broker(broker)).copied());
        at_brokers.chain(names.get(&visa.person).copied()).max()
    }
}

/// Those of which it is known until when they count; the others go to the refused.
fn keep(
    visas: Vec<(usize, Visa)>,
    refused: &mut Vec<RefusedVisa>,
    counts_until: impl Fn(&Visa) -> Result<Timestamp, VisaError>,
) -> Vec<(usize, Visa)> {
    let mut kept = Vec::new();
    for (index, visa) in visas {
        match counts_until(&visa) {
            Ok(until) => kept.push((index, Visa { expires: visa.expires.min(until), ..visa })),
            Err(reason) => refused.push(RefusedVisa { index, reason }),
        }
    }
    kept
}
