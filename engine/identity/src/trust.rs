//! What a site trusts: plain values, which its configuration fills.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::SignedDuration;

use crate::{VisaType, WebAddress};

/// The `acr` value that says that more than one factor was used (REFEDS MFA profile).
pub const REFEDS_MFA: &str = "https://refeds.org/profile/mfa";

/// A signature algorithm that tokens of others may use (GA4GH AAI profile 1.2, "Signing Algorithms").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA over P-256 with SHA-256.
    Es256,
}

impl Algorithm {
    /// All that may be pinned.
    pub const ALL: [Self; 2] = [Self::Rs256, Self::Es256];

    /// The name in a token's header (RFC 7518, section 3.1).
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }

    /// The algorithm of a name, if it is one of these.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An OpenID provider whose tokens tell who somebody is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustedIssuer {
    /// The provider's issuer address, character by character as it stands in `iss`.
    pub issuer: WebAddress,
    /// What must be in a token's `aud`: the client id that this site has with the provider.
    pub audience: String,
    /// The client id with which people log in; mostly the audience itself. It is a public client without a secret.
    pub client_id: String,
    /// The algorithms that its tokens may use.
    pub algorithms: BTreeSet<Algorithm>,
    /// The `acr` values that mean that more than one factor was used.
    pub multi_factor_acr: BTreeSet<String>,
    /// How long ago somebody may have logged in (`auth_time`); any time if there is none.
    pub max_login_age: Option<SignedDuration>,
    /// Whether its passports (`ga4gh_passport_v1`) are looked at.
    pub passport_broker: bool,
}

impl TrustedIssuer {
    /// A provider with the defaults: the client id is the audience, both algorithms, the REFEDS profile for more than
    /// one factor, no limit on the age of a login, no passports.
    pub fn new(issuer: WebAddress, client_id: &str) -> Self {
        Self {
            issuer,
            audience: client_id.to_owned(),
            client_id: client_id.to_owned(),
            algorithms: Algorithm::ALL.into(),
            multi_factor_acr: BTreeSet::from([REFEDS_MFA.to_owned()]),
            max_login_age: None,
            passport_broker: false,
        }
    }
}

/// A party that signs visas.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustedVisaIssuer {
    /// Its `iss`, compared character by character and never fetched.
    pub issuer: String,
    /// Where its keys may be fetched: the `jku` values that its visas may name.
    pub key_sets: BTreeSet<WebAddress>,
    /// The types that are believed, each with the `source` values that are when it tells them.
    pub sources: BTreeMap<VisaType, BTreeSet<String>>,
    /// The brokers whose subjects it uses as its own. For these brokers a visa's `sub` is the person's `sub` there, and
    /// no `LinkedIdentities` visa is needed to join the two.
    pub subjects_of: BTreeSet<String>,
}

/// All that a site trusts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trust {
    /// Who may say who somebody is.
    pub issuers: Vec<TrustedIssuer>,
    /// Who may sign visas.
    pub visa_issuers: Vec<TrustedVisaIssuer>,
    /// By how much clocks may differ.
    pub clock_skew: SignedDuration,
    /// Whether servers on this machine's loopback may be asked over http: for trials.
    pub http_on_loopback: bool,
}

impl Default for Trust {
    /// Nobody is trusted; clocks may differ by a minute; https alone.
    fn default() -> Self {
        Self {
            issuers: Vec::new(),
            visa_issuers: Vec::new(),
            clock_skew: SignedDuration::from_secs(60),
            http_on_loopback: false,
        }
    }
}

/// Why a trust configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// An issuer is named twice.
    #[error("the issuer {0} is named twice; keep one of the two entries")]
    Twice(String),
    /// Something that must be there is empty.
    #[error("the issuer {issuer} has no {what}; add it, or take the issuer out")]
    Empty {
        /// The issuer.
        issuer: String,
        /// What is missing.
        what: &'static str,
    },
    /// The difference of clocks is not between none and ten minutes.
    #[error(
        "clocks may differ by 0 to 600 seconds, not by {0}; set the clock of the machine rather than a larger value"
    )]
    Skew(i64),
    /// An address is http, and the configuration does not permit it.
    #[error("{0} is not encrypted; use https, or permit http on the loopback if this is a trial")]
    Plain(WebAddress),
    /// The client for requests could not be made.
    #[error("the system's certificates cannot be used")]
    Client(#[source] reqwest::Error),
}

impl Trust {
    pub(crate) fn check(&self) -> Result<(), TrustError> {
        if !(0..=600).contains(&self.clock_skew.as_secs()) {
            return Err(TrustError::Skew(self.clock_skew.as_secs()));
        }
        let mut seen = BTreeSet::new();
        for issuer in &self.issuers {
            self.check_issuer(issuer)?;
            if !seen.insert(issuer.issuer.as_str()) {
                return Err(TrustError::Twice(issuer.issuer.to_string()));
            }
        }
        let mut seen = BTreeSet::new();
        for issuer in &self.visa_issuers {
            self.check_visa_issuer(issuer)?;
            if !seen.insert(issuer.issuer.as_str()) {
                return Err(TrustError::Twice(issuer.issuer.clone()));
            }
        }
        Ok(())
    }

    fn check_issuer(&self, issuer: &TrustedIssuer) -> Result<(), TrustError> {
        let name = &issuer.issuer;
        let empty = |what| TrustError::Empty { issuer: name.to_string(), what };
        self.check_address(name)?;
        match issuer {
            _ if issuer.audience.is_empty() => Err(empty("audience")),
            _ if issuer.client_id.is_empty() => Err(empty("client id")),
            _ if issuer.algorithms.is_empty() => Err(empty("algorithm")),
            _ => Ok(()),
        }
    }

    fn check_visa_issuer(&self, issuer: &TrustedVisaIssuer) -> Result<(), TrustError> {
        let empty = |what| TrustError::Empty { issuer: issuer.issuer.clone(), what };
        issuer.key_sets.iter().try_for_each(|address| self.check_address(address))?;
        match issuer {
            _ if issuer.issuer.is_empty() => Err(empty("name")),
            _ if issuer.key_sets.is_empty() => Err(empty("key set address")),
            _ if issuer.sources.is_empty() => Err(empty("visa type")),
            _ if issuer.sources.values().any(BTreeSet::is_empty) => Err(empty("source for a visa type")),
            _ => Ok(()),
        }
    }

    fn check_address(&self, address: &WebAddress) -> Result<(), TrustError> {
        if address.is_plain() && !self.http_on_loopback {
            return Err(TrustError::Plain(address.clone()));
        }
        Ok(())
    }

    pub(crate) fn issuer(&self, name: &str) -> Option<&TrustedIssuer> {
        self.issuers.iter().find(|issuer| issuer.issuer.as_str() == name)
    }

    pub(crate) fn visa_issuer(&self, name: &str) -> Option<&TrustedVisaIssuer> {
        self.visa_issuers.iter().find(|issuer| issuer.issuer == name)
    }
}
