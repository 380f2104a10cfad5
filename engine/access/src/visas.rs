//! Visas as facts of decisions: what others than the site assert of a person. They narrow what the registry grants; the
//! one thing that they add is that a training was completed.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
};

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use sluis_identity::{Authority, Passport, PassportError, Quoted, Visa, VisaType};

use crate::{decision::day_of, registry::last_day_of_a_year_from};

/// How many visas of a kind a record of the audit log tells of.
const MOST_TOLD: usize = 8;

/// What a site asks of visas.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct VisaRules {
    /// The types of which everybody needs a visa who uses data, each with the values that count. That of an affiliation may
    /// begin with `*@`, for any role.
    pub required: BTreeMap<VisaType, BTreeSet<String>>,
    /// The courses whose completion is told by visas, each by the address of its edition.
    pub training: BTreeSet<String>,
}

/// What a verified visa says, as far as decisions and the audit log need it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HeldVisa {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: VisaType,
    /// What is asserted.
    pub value: String,
    /// Which organization asserts it.
    pub source: String,
    /// Who within it; nobody in particular if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Authority>,
    /// When it was asserted.
    pub asserted: Timestamp,
    /// When it stops to count.
    pub expires: Timestamp,
    /// Its own name, by which its issuer knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// The visas of a person: those that count as long as they have not expired, and what was against the others.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Visas {
    pub held: Vec<HeldVisa>,
    pub set_aside: Vec<String>,
}

impl From<&Visa> for HeldVisa {
    fn from(visa: &Visa) -> Self {
        Self {
            kind: visa.kind,
            value: visa.value.clone(),
            source: visa.source.clone(),
            by: visa.by,
            asserted: visa.asserted,
            expires: visa.expires,
            id: visa.id.clone(),
        }
    }
}

impl From<Result<&Passport, &PassportError>> for Visas {
    fn from(passport: Result<&Passport, &PassportError>) -> Self {
        match passport {
            Ok(passport) => Self {
                held: passport.visas.iter().map(HeldVisa::from).collect(),
                set_aside: passport.refused.iter().map(|refused| with_causes(refused)).collect(),
            },
            Err(error) => Self { held: Vec::new(), set_aside: vec![with_causes(error)] },
        }
    }
}

impl Visas {
    /// Nobody's visas.
    pub(crate) const NONE: &'static Self = &Self { held: Vec::new(), set_aside: Vec::new() };

    fn valid(&self, now: Timestamp) -> impl Iterator<Item = &HeldVisa> {
        self.held.iter().filter(move |visa| visa.expires > now)
    }

    /// How many of them count.
    pub(crate) fn count(&self, now: Timestamp) -> usize {
        self.valid(now).count()
    }

    /// The types that the site asks for and of which none is there with a value that counts. What a person, or nobody in particular, asserts of
    /// themselves vouches for nothing.
    pub(crate) fn missing(&self, rules: &VisaRules, now: Timestamp) -> BTreeSet<String> {
        let vouches = |visa: &HeldVisa| visa.by.is_some_and(|by| by != Authority::Itself);
        let is_there = |kind: VisaType, values: &BTreeSet<String>| {
            self.valid(now).any(|visa| visa.kind == kind && vouches(visa) && counts(&visa.value, values))
        };
        let missing = rules.required.iter().filter(|(kind, values)| !is_there(**kind, values));
        missing.map(|(kind, _)| kind.name().to_owned()).collect()
    }

    /// The last day on which a course counts that an information system of its provider says was completed: a year from
    /// then (GA4GH Passport 1.2, `AcceptedTermsAndPolicies`).
    pub(crate) fn trained_until(&self, rules: &VisaRules, now: Timestamp) -> Option<Date> {
        let completed = self.valid(now).filter(|visa| {
            visa.kind == VisaType::AcceptedTermsAndPolicies
                && visa.by == Some(Authority::System)
                && rules.training.contains(&visa.value)
        });
        completed.map(|visa| last_day_of_a_year_from(day_of(visa.asserted))).max()
    }

    /// Whether a data access committee granted what an address names.
    pub(crate) fn grants(&self, address: &str, now: Timestamp) -> bool {
        self.valid(now).any(|visa| {
            visa.kind == VisaType::ControlledAccessGrants
                && visa.by == Some(Authority::DataAccessCommittee)
                && visa.value == address
        })
    }

    /// What the audit log says of them: which count, by type, source and name, and why others do not. No value and no
    /// token is in it.
    pub(crate) fn told(&self, now: Timestamp) -> impl Iterator<Item = (String, String)> + use<> {
        let held: Vec<_> = self.valid(now).map(tell).collect();
        let over = self.held.iter().filter(|visa| visa.expires <= now);
        let over = over.map(|visa| format!("{} expired at {:.0}", tell(visa), visa.expires));
        let set_aside: Vec<_> = self.set_aside.iter().cloned().chain(over).collect();
        let told = [("visas", listed(&held)), ("visas-set-aside", listed(&set_aside))];
        told.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?)))
    }
}

/// Whether a value is among those that count: as a whole, or as an affiliation in any role.
fn counts(value: &str, values: &BTreeSet<String>) -> bool {
    let in_any_role = || Some(format!("*@{}", value.split_once('@')?.1));
    values.contains(value) || in_any_role().is_some_and(|any| values.contains(&any))
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn tell(visa: &HeldVisa) -> String {
    let id = visa.id.as_ref().map_or_else(String::new, |id| format!(" ({})", Quoted::new(id)));
    format!("{} of {}{id}", visa.kind, visa.source)
}

fn listed(texts: &[String]) -> Option<String> {
    let (told, rest) = texts.split_at(texts.len().min(MOST_TOLD));
    let more = (!rest.is_empty()).then(|| format!("and {} more", rest.len()));
    let told: Vec<_> = told.iter().cloned().chain(more).collect();
    (!told.is_empty()).then(|| told.join("; "))
}
