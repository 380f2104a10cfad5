//! Where, and on what.

use sluis_model::{CloudRegion, EuCountry};

/// Where data would be processed or would lie. Unlike a [`Region`](sluis_model::Region), this can be a place outside of
/// the EU, since it is what somebody asked for; none such is ever allowed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    code: String,
    country: Option<EuCountry>,
}

impl Place {
    /// The place that is meant by a country's two-letter code or a cloud provider's name of a region, in any case of
    /// letters. What is not known is not in the EU.
    pub fn named(text: &str) -> Self {
        if let Ok(country) = text.parse::<EuCountry>() {
            return Self::in_country(country);
        }
        text.parse::<CloudRegion>().map_or_else(|_| Self { code: text.to_owned(), country: None }, Self::from)
    }

    /// A site's own machines in a country.
    pub fn in_country(country: EuCountry) -> Self {
        Self { code: country.code().to_owned(), country: Some(country) }
    }

    /// How it is written, as `NL` or `europe-west4`.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The member state of the EU in which it lies, if it lies in one.
    pub const fn country(&self) -> Option<EuCountry> {
        self.country
    }

    /// Whether it lies in the EU.
    pub const fn is_in_eu(&self) -> bool {
        self.country.is_some()
    }
}

impl From<CloudRegion> for Place {
    fn from(region: CloudRegion) -> Self {
        Self { code: region.name().to_owned(), country: Some(region.country()) }
    }
}

/// What would run a task.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Execution {
    /// The executor's name.
    pub executor: String,
    /// Whether the site allows it.
    pub executor_allowed: bool,
    /// Whether it works on the site's own machines.
    pub on_site: bool,
    /// Whether the memory of its machines is encrypted and attested (confidential computing).
    pub confidential: bool,
    /// Whether the tool asks to reach the network.
    pub tool_network: bool,
    /// Whether the site lets tools reach the network.
    pub tool_network_allowed: bool,
}

/// A host from which a file would be fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceHost {
    /// Its name.
    pub name: String,
    /// Whether the site takes data from it.
    pub allowed: bool,
}
