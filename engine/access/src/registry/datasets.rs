//! `datasets.yaml`: what data there are, and whether those whom they concern agreed to their use.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use jiff::civil::Date;
use sluis_model::{SubjectError, SubjectName};
use sluis_policy::DataUse;
use sluis_yaml::{Diagnostics, Fields, Node};

use super::names;
use crate::config::{parsed, visas};

/// A dataset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dataset {
    /// What it is.
    pub description: String,
    /// How its data are kept.
    pub class: DataClass,
    /// What kind of data it has, if that was said.
    pub kind: Option<DataKind>,
    /// Whether those whom it concerns agreed to its use in research.
    pub consent: Consent,
    /// Since when that is so.
    pub consent_date: Option<Date>,
    /// From where its data are used.
    pub network: Network,
    /// Whether its data are worked on only by machines that encrypt their memory.
    pub confidential: bool,
    /// The terms under which the data were given.
    pub data_use: Vec<DataUse>,
    /// The grant (GA4GH Passport 1.2, `ControlledAccessGrants`) of which whoever uses the data needs a visa, by its address.
    pub visa: Option<String>,
    /// The day on which the data were released to projects.
    pub released: Option<Date>,
    /// The consent of each subject, by pseudonym; the dataset's own holds for them as well.
    pub subjects: BTreeMap<SubjectName, SubjectConsent>,
}

/// What is known of one subject's consent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SubjectConsent {
    /// Whether the subject, and for a child its parents, agreed.
    pub consent: Consent,
    /// Since when that is so.
    pub consent_date: Option<Date>,
    /// To what they agreed, beside the terms of the dataset.
    pub scope: Vec<DataUse>,
    /// The samples that were taken of them, by pseudonym.
    pub samples: Vec<SubjectName>,
}

/// How data are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DataClass {
    /// Always sealed.
    #[default]
    Controlled,
    /// Of nobody: reference genomes and the like. Verified, but not sealed, and usable by every approved project.
    Public,
}

impl FromStr for DataClass {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "controlled" => Ok(Self::Controlled),
            "public" => Ok(Self::Public),
            _ => Err(format!("`{text}` is neither `controlled` nor `public`")),
        }
    }
}

/// What kind of data a dataset has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DataKind {
    /// Diagnosis, age, sex, treatment.
    Clinical,
    /// Sequences and what is made from them.
    Molecular,
}

impl FromStr for DataKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "clinical" => Ok(Self::Clinical),
            "molecular" => Ok(Self::Molecular),
            _ => Err(format!("`{text}` is neither `clinical` nor `molecular`")),
        }
    }
}

/// From where data are used.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Network {
    /// From the networks of the registry's institutions only.
    #[default]
    Institute,
    /// From some of them only, each named as `campus of maxima`.
    Named(Vec<String>),
    /// From anywhere.
    Any,
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "institute" => Ok(Self::Institute),
            "any" => Ok(Self::Any),
            _ => Err(format!("`{text}` is neither `institute` nor `any`")),
        }
    }
}

/// The state of a dataset's consent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Consent {
    /// Given and not withdrawn.
    Given,
    /// Withdrawn.
    Withdrawn,
    /// Nobody recorded it.
    Unknown,
}

impl FromStr for Consent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "given" => Ok(Self::Given),
            "withdrawn" => Ok(Self::Withdrawn),
            "unknown" => Ok(Self::Unknown),
            _ => Err(format!("`{text}` is none of `given`, `withdrawn`, `unknown`")),
        }
    }
}

const KNOWN: &[&str] = &[
    "description",
    "class",
    "kind",
    "network",
    "networks",
    "confidential-computing",
    "consent",
    "consent-date",
    "data-use",
    "visa",
    "released",
    "subjects",
];

pub(super) fn read_dataset(node: &Node, problems: &mut Diagnostics) -> Option<Dataset> {
    let fields = Fields::of(node, "a dataset", problems)?;
    fields.check_known(KNOWN, problems);
    let description = fields.required_string("description", problems);
    let class = fields.get("class").map_or(Some(DataClass::default()), |_| parsed(fields, "class", problems));
    if class == Some(DataClass::Public) {
        return read_public(fields, description, problems);
    }
    let kind = optional(fields, "kind", problems);
    let released = optional(fields, "released", problems);
    let network = read_network(fields, problems);
    let confidential = fields.boolean("confidential-computing", problems).unwrap_or_default();
    let data_use = terms(fields, "data-use", problems);
    let visa = fields.get("visa").map_or(Some(None), |node| visas::address(node, "visa", problems).map(Some));
    let consent = read_consent(fields, problems);
    let mut subjects = BTreeMap::new();
    for (name, entry) in fields.mapping("subjects", problems).into_iter().flatten() {
        let consent = Fields::of(&entry.node, "a subject", problems).and_then(|fields| {
            fields.check_known(&["consent", "consent-date", "scope", "samples"], problems);
            let samples = names(fields.list("samples", problems), "a sample", problems);
            let (consent, consent_date) = read_consent(fields, problems)?;
            Some(SubjectConsent { consent, consent_date, scope: terms(fields, "scope", problems), samples })
        });
        match name.parse() {
            Ok(name) => subjects.extend(consent.map(|consent| (name, consent))),
            Err(error) => problems.error(&entry.key, SubjectError::to_string(&error)),
        }
    }
    check_samples(&subjects, fields, problems);
    let (consent, consent_date) = consent?;
    let (description, class, kind, released) = (description?.to_owned(), class?, kind?, released?);
    let (network, visa) = (network?, visa?);
    Some(Dataset {
        description,
        class,
        kind,
        network,
        confidential,
        consent,
        consent_date,
        data_use,
        visa,
        released,
        subjects,
    })
}

impl Dataset {
    /// Whose data these are: the subject of a sample, or the subject who has the name.
    pub fn subject_of(&self, name: &SubjectName) -> SubjectName {
        let of_sample = self.subjects.iter().find(|(_, subject)| subject.samples.contains(name));
        of_sample.map_or(name, |(subject, _)| subject).clone()
    }
}

/// A name that is a sample's and a subject's, or that of two samples, would hide whose data something is.
fn check_samples(subjects: &BTreeMap<SubjectName, SubjectConsent>, fields: Fields<'_>, problems: &mut Diagnostics) {
    let mut known: BTreeSet<_> = subjects.keys().collect();
    for sample in subjects.values().flat_map(|subject| &subject.samples) {
        if !known.insert(sample) {
            let span = fields.get("subjects").map_or(fields.span(), |node| &node.span);
            problems.error(span, format!("the sample `{sample}` has the name of a subject or of another sample"));
        }
    }
}

/// Public data are of nobody, so nobody's consent is needed.
fn read_public(fields: Fields<'_>, description: Option<&str>, problems: &mut Diagnostics) -> Option<Dataset> {
    for field in [
        "kind",
        "network",
        "networks",
        "confidential-computing",
        "consent",
        "consent-date",
        "data-use",
        "visa",
        "released",
        "subjects",
    ] {
        if let Some(node) = fields.get(field) {
            let message = format!("a public dataset has no `{field}`: data of people are `controlled`");
            problems.error(&node.span, message);
        }
    }
    Some(Dataset {
        description: description?.to_owned(),
        class: DataClass::Public,
        kind: None,
        network: Network::Any,
        confidential: false,
        consent: Consent::Given,
        consent_date: None,
        data_use: Vec::new(),
        visa: None,
        released: None,
        subjects: BTreeMap::new(),
    })
}

/// `network`, or `networks` that are named.
fn read_network(fields: Fields<'_>, problems: &mut Diagnostics) -> Option<Network> {
    let Some(node) = fields.get("networks") else {
        return optional(fields, "network", problems).map(Option::unwrap_or_default);
    };
    if fields.get("network").is_some() {
        problems.error(&node.span, "a dataset has either `network` or `networks`".to_owned());
    }
    let names = fields.strings("networks", problems);
    if names.is_empty() {
        problems.error(&node.span, "`networks` names none, so that nobody could use the dataset".to_owned());
    }
    Some(Network::Named(names.into_iter().map(str::to_owned).collect()))
}

fn read_consent(fields: Fields<'_>, problems: &mut Diagnostics) -> Option<(Consent, Option<Date>)> {
    let consent = parsed(fields, "consent", problems);
    let consent_date = optional(fields, "consent-date", problems);
    Some((consent?, consent_date?))
}

/// A field that may be absent: nothing if it is there and wrong.
fn optional<T: FromStr<Err: std::fmt::Display>>(
    fields: Fields<'_>,
    field: &'static str,
    problems: &mut Diagnostics,
) -> Option<Option<T>> {
    fields.get(field).map_or(Some(None), |_| parsed(fields, field, problems).map(Some))
}

/// Terms of data use, each as `DS MONDO:0005072` or `DUO:0000042`.
fn terms(fields: Fields<'_>, field: &'static str, problems: &mut Diagnostics) -> Vec<DataUse> {
    super::names(fields.list(field, problems), "a term of data use", problems)
}
