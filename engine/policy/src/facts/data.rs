//! Data and the consents to their use.

use jiff::civil::Date;
use sluis_model::{DatasetName, SubjectName};

use crate::TermVerdict;

/// A dataset as the registry declares it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DatasetFacts {
    /// Its name.
    pub name: DatasetName,
    /// Whether the registry knows it. If not, the rest is not looked at.
    pub declared: bool,
    /// Whether it is of nobody, as reference genomes are. Then the rest is not looked at.
    pub public: bool,
    /// Whether the approval of the project covers it.
    pub granted: bool,
    /// Whether its data are used from the institute's own networks only.
    pub network_bound: bool,
    /// The networks of the institute from which alone its data are used, if the request comes from none of them.
    pub other_networks: Option<String>,
    /// Whether its data are worked on only by machines that encrypt their memory.
    pub confidential: bool,
    /// The grant for which the dataset asks a visa that the person does not have, by its address.
    pub missing_grant: Option<String>,
    /// Whether those whom it concerns agreed.
    pub consent: Consent,
    /// What [`match_use`](crate::match_use) says of its terms for the project; none if it was given without terms.
    pub terms: Vec<TermVerdict>,
}

/// One of those whom data concern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SubjectFacts {
    /// The pseudonym.
    pub name: SubjectName,
    /// Whether one of the datasets concerned lists them. If not, the consent is not looked at.
    pub listed: bool,
    /// Whether they agreed.
    pub consent: Consent,
}

/// The state of a consent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Consent {
    /// Given; since when, if that is known.
    Given(Option<Date>),
    /// Taken back; since when, if that is known. It counts at once, whatever the date.
    Withdrawn(Option<Date>),
    /// Nobody recorded it.
    Unknown,
}
