//! Visas (GA4GH Passport 1.2, "Visa Object Claims").

use std::{collections::BTreeSet, fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Person, Quoted};

mod conditions;
mod error;
mod link;
mod verify;

pub use conditions::ConditionProblem;
pub(crate) use conditions::Conditions;
pub use error::VisaError;

/// The largest visa, in bytes.
pub const MAX_VISA: usize = 16 * 1024;
/// The longest URL claim, in characters (GA4GH Passport 1.2, "URL Claims").
const MAX_URL: usize = 255;

/// The standard visa types.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum VisaType {
    /// The person's role in an institution, as `role@institution`.
    AffiliationAndRole,
    /// The person, or their institution, accepted terms; training that was completed is told in this way too.
    AcceptedTermsAndPolicies,
    /// The person is acknowledged as a researcher.
    ResearcherStatus,
    /// The person was granted access to a dataset.
    ControlledAccessGrants,
    /// The person is known elsewhere by other names.
    LinkedIdentities,
}

impl VisaType {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::AffiliationAndRole,
        Self::AcceptedTermsAndPolicies,
        Self::ResearcherStatus,
        Self::ControlledAccessGrants,
        Self::LinkedIdentities,
    ];

    /// The name in `type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::AffiliationAndRole => "AffiliationAndRole",
            Self::AcceptedTermsAndPolicies => "AcceptedTermsAndPolicies",
            Self::ResearcherStatus => "ResearcherStatus",
            Self::ControlledAccessGrants => "ControlledAccessGrants",
            Self::LinkedIdentities => "LinkedIdentities",
        }
    }

    /// Whether the standard demands `by`.
    fn needs_authority(self) -> bool {
        matches!(self, Self::AcceptedTermsAndPolicies | Self::ControlledAccessGrants)
    }

    /// Whether `value` is an address, which is compared as a text and never fetched.
    fn has_url_value(self) -> bool {
        matches!(self, Self::AcceptedTermsAndPolicies | Self::ControlledAccessGrants | Self::ResearcherStatus)
    }
}

impl fmt::Display for VisaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for VisaType {
    type Err = VisaError;

    fn from_str(name: &str) -> Result<Self, VisaError> {
        let found = Self::ALL.into_iter().find(|of| of.name() == name);
        found.ok_or_else(|| VisaError::UnknownType(Quoted::new(name)))
    }
}

/// Who within the source made the assertion (`by`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Authority {
    /// The person themselves.
    #[serde(rename = "self")]
    Itself,
    /// Somebody with the same visa in the same organization.
    #[serde(rename = "peer")]
    Peer,
    /// An information system of the source.
    #[serde(rename = "system")]
    System,
    /// A signing official of the source.
    #[serde(rename = "so")]
    SigningOfficial,
    /// A data access committee.
    #[serde(rename = "dac")]
    DataAccessCommittee,
}

impl Authority {
    /// The name in `by`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Itself => "self",
            Self::Peer => "peer",
            Self::System => "system",
            Self::SigningOfficial => "so",
            Self::DataAccessCommittee => "dac",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Itself, Self::Peer, Self::System, Self::SigningOfficial, Self::DataAccessCommittee];
        all.into_iter().find(|authority| authority.name() == name)
    }
}

/// A visa that was verified: signed by a party that the site trusts with its type and source, not expired, its
/// conditions met, and about the person of the passport.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Visa {
    /// Whom it is about, as its issuer names them (`iss` and `sub`).
    pub person: Person,
    /// Its type.
    pub kind: VisaType,
    /// What is asserted. Addresses are names here: compare the whole text.
    pub value: String,
    /// Which organization asserts it.
    pub source: String,
    /// Who within it; none if it is not said, and then it is nobody in particular.
    pub by: Option<Authority>,
    /// When it was asserted.
    pub asserted: Timestamp,
    /// When the visa was issued.
    pub issued: Timestamp,
    /// When it stops to count: when it expires itself, or one that it depends on by a condition or a link.
    pub expires: Timestamp,
    /// Its own name (`jti`), for the audit log.
    pub id: Option<String>,
    pub(crate) conditions: Conditions,
}

impl Visa {
    /// Role and institution of an `AffiliationAndRole`: what is before the first `@`, and what is behind it.
    pub fn affiliation(&self) -> Option<(&str, &str)> {
        (self.kind == VisaType::AffiliationAndRole).then(|| self.value.split_once('@')).flatten()
    }

    /// The names under which a `LinkedIdentities` says that the person is known.
    pub(crate) fn links(&self) -> BTreeSet<Person> {
        let links = if self.kind == VisaType::LinkedIdentities { link::read(&self.value) } else { None };
        links.unwrap_or_default()
    }
}

/// The object in `ga4gh_visa_v1`, with each field of its kind.
struct VisaObject {
    kind: VisaType,
    value: String,
    source: String,
    by: Option<Authority>,
    asserted: Timestamp,
    conditions: Conditions,
}

impl VisaObject {
    fn read(fields: &Map<String, Value>) -> Result<Self, VisaError> {
        let text = |name| match fields.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text.as_str()),
            Some(_) => Err(VisaError::Field(name)),
            None => Err(VisaError::Missing(name)),
        };
        let kind: VisaType = text("type")?.parse()?;
        let (value, source) = (text("value")?.to_owned(), url(text("source")?, "source")?);
        check_value(kind, &value)?;
        let by = match fields.contains_key("by").then(|| text("by")).transpose()? {
            None if kind.needs_authority() => return Err(VisaError::NoAuthority(kind)),
            None => None,
            Some(by) => Some(Authority::from_name(by).ok_or_else(|| VisaError::UnknownAuthority(Quoted::new(by)))?),
        };
        let asserted = fields.get("asserted").ok_or(VisaError::Missing("asserted"))?;
        let asserted = crate::claims::time(asserted).ok_or(VisaError::Field("asserted"))?;
        let conditions = fields.get("conditions").map(Conditions::read).transpose().map_err(VisaError::Condition)?;
        Ok(Self { kind, value, source, by, asserted, conditions: conditions.unwrap_or_default() })
    }
}

fn check_value(kind: VisaType, value: &str) -> Result<(), VisaError> {
    let is_right = match kind {
        _ if kind.has_url_value() => return url(value, "value").map(drop),
        VisaType::AffiliationAndRole => {
            value.split_once('@').is_some_and(|(role, at)| !role.is_empty() && !at.is_empty())
        }
        _ => link::read(value).is_some(),
    };
    if is_right { Ok(()) } else { Err(VisaError::Field("value")) }
}

/// An address as a name: short enough, and an address at all. It is kept as it is.
fn url(text: &str, field: &'static str) -> Result<String, VisaError> {
    if text.chars().count() > MAX_URL || url::Url::parse(text).is_err() {
        return Err(VisaError::Field(field));
    }
    Ok(text.to_owned())
}
