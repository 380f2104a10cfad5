//! Why a visa does not count.

use jiff::Timestamp;

use super::{ConditionProblem, VisaType};
use crate::{Person, Quoted, TokenError};

/// Why a visa does not count. Each variant is another reason; [`VisaError::remedy`] says what would remove it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VisaError {
    /// It is no token that is good by itself: its form, key, signature or lifetime is wrong.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The token has no `ga4gh_visa_v1`: it is an ID token or something else.
    #[error("this token is no visa: it has no `ga4gh_visa_v1`")]
    NotAVisa,
    /// Its scope holds `openid`: it is an access token, which is good for one party and must be looked up at its issuer.
    #[error("this is an access token (its scope holds `openid`), not a visa that can be passed on")]
    AccessToken,
    /// The issuer is not trusted with visas.
    #[error("the visa is from {0}, whom this site does not trust with visas")]
    Issuer(Quoted),
    /// There is no `jku`.
    #[error("the visa does not say where its key is (`jku`)")]
    NoKeySet,
    /// `jku` is not one of the addresses that the site permits. It was not fetched.
    #[error("the visa says that its key is at {found} (`jku`), which this site does not permit for {issuer}")]
    KeySet {
        /// Where it says its key is.
        found: Quoted,
        /// Whose visa it is.
        issuer: Quoted,
    },
    /// It is for somebody else (`aud`).
    #[error("the visa is for {0} alone")]
    Audience(Quoted),
    /// A field of the visa is not there.
    #[error("the visa has no `{0}`")]
    Missing(&'static str),
    /// A field of the visa is not of its kind.
    #[error("the visa's `{0}` is not what it must be")]
    Field(&'static str),
    /// The type is none of the standard.
    #[error("the visa is of the type {0}, which is not known")]
    UnknownType(Quoted),
    /// The issuer is not trusted with this type.
    #[error("{issuer} is not trusted with visas of the type {kind}")]
    Type {
        /// Whose visa it is.
        issuer: Quoted,
        /// Its type.
        kind: VisaType,
    },
    /// The issuer is not trusted with this source.
    #[error("{issuer} is not trusted to speak for {found}")]
    Source {
        /// Whose visa it is.
        issuer: Quoted,
        /// The source.
        found: Quoted,
    },
    /// `by` is not there, and the type demands it.
    #[error("the visa does not say who asserted it (`by`), as a visa of the type {0} must")]
    NoAuthority(VisaType),
    /// `by` is none of the standard's values.
    #[error("the visa was asserted by {0}, which is no known authority")]
    UnknownAuthority(Quoted),
    /// It was asserted at a time that is still to come.
    #[error("the visa says that it was asserted at {0}, which is still to come")]
    AssertedInFuture(Timestamp),
    /// Its conditions have a form that is not known.
    #[error("the visa has conditions that cannot be checked")]
    Condition(#[source] ConditionProblem),
    /// Its conditions are not met by the other visas of the passport.
    #[error("no other visa of the passport meets the conditions of this one")]
    ConditionsUnmet,
    /// It links identities on conditions, which could depend on the link itself.
    #[error("the visa links identities on conditions")]
    ConditionalLink,
    /// It is about somebody who is not known to be the person of the passport.
    #[error("the visa is about {0}, and no visa links that name to the one who logged in")]
    OtherPerson(Person),
}

impl VisaError {
    /// What would remove the reason.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Token(error) => error.remedy(),
            Self::NotAVisa | Self::AccessToken => "ask the broker for visas in the document format",
            Self::Issuer(_) | Self::Type { .. } | Self::Source { .. } => {
                "if the site is to believe this, name it under its trusted visa issuers"
            }
            Self::NoKeySet | Self::Missing(_) | Self::Field(_) | Self::NoAuthority(_) | Self::UnknownAuthority(_) => {
                "report the defect to the visa's issuer"
            }
            Self::KeySet { .. } => {
                "if the address is really the issuer's, name it among the key sets of this visa issuer"
            }
            Self::Audience(_) => "ask the broker for a visa that this site may use",
            Self::UnknownType(_) => "ask for a visa of a standard type",
            Self::AssertedInFuture(_) => "compare this machine's clock with the issuer's",
            Self::Condition(_) | Self::ConditionalLink => "ask the issuer for a visa without these conditions",
            Self::ConditionsUnmet => "ask the broker for the visas that the conditions name, such as an affiliation",
            Self::OtherPerson(_) => "link the two accounts at the broker, so that it issues a `LinkedIdentities` visa",
        }
    }
}
