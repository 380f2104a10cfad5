//! Places of cloud providers where a bucket may lie. One outside the EU, or that spans several places, cannot be written
//! down.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::EuCountry;

/// Why a text is not a single cloud region in the EU.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not a single cloud region in the European Union: expected one such as europe-west4 or eu-central-1; \
     dual- and multi-regions may include places outside"
)]
pub struct CloudRegionError(String);

/// Whose region it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Cloud {
    /// Google Cloud.
    Google,
    /// Amazon Web Services, and what speaks as S3 does.
    Amazon,
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Google => "Google Cloud",
            Self::Amazon => "Amazon Web Services",
        })
    }
}

macro_rules! cloud_regions {
    ($($variant:ident $name:literal $cloud:ident $country:ident $place:literal),+ $(,)?) => {
        /// A single region of a cloud provider in a member state of the European Union, by the provider's own name.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum CloudRegion {
            $(#[doc = $place] $variant),+
        }

        impl CloudRegion {
            /// Every region.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The provider's name for it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// Whose it is.
            pub const fn cloud(self) -> Cloud {
                match self { $(Self::$variant => Cloud::$cloud),+ }
            }

            /// The member state in which it lies.
            pub const fn country(self) -> EuCountry {
                match self { $(Self::$variant => EuCountry::$country),+ }
            }

            /// The town.
            pub const fn place(self) -> &'static str {
                match self { $(Self::$variant => $place),+ }
            }
        }
    };
}

cloud_regions!(
    EuropeCentral2 "europe-central2" Google PL "Warsaw",
    EuropeNorth1 "europe-north1" Google FI "Hamina",
    EuropeNorth2 "europe-north2" Google SE "Stockholm",
    EuropeSouthwest1 "europe-southwest1" Google ES "Madrid",
    EuropeWest1 "europe-west1" Google BE "St-Ghislain",
    EuropeWest10 "europe-west10" Google DE "Berlin",
    EuropeWest12 "europe-west12" Google IT "Turin",
    EuropeWest3 "europe-west3" Google DE "Frankfurt",
    EuropeWest4 "europe-west4" Google NL "Eemshaven",
    EuropeWest8 "europe-west8" Google IT "Milan",
    EuropeWest9 "europe-west9" Google FR "Paris",
    EuCentral1 "eu-central-1" Amazon DE "Frankfurt",
    EuNorth1 "eu-north-1" Amazon SE "Stockholm",
    EuSouth1 "eu-south-1" Amazon IT "Milan",
    EuSouth2 "eu-south-2" Amazon ES "Aragon",
    EuWest1 "eu-west-1" Amazon IE "Dublin",
    EuWest3 "eu-west-3" Amazon FR "Paris",
);

impl fmt::Display for CloudRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for CloudRegion {
    type Err = CloudRegionError;

    fn from_str(text: &str) -> Result<Self, CloudRegionError> {
        let found = Self::ALL.iter().copied().find(|region| region.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| CloudRegionError(text.to_owned()))
    }
}

impl TryFrom<String> for CloudRegion {
    type Error = CloudRegionError;

    fn try_from(text: String) -> Result<Self, CloudRegionError> {
        text.parse()
    }
}

impl From<CloudRegion> for String {
    fn from(region: CloudRegion) -> String {
        region.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_outside_and_those_that_span_several_places_do_not_parse() {
        for region in CloudRegion::ALL {
            assert_eq!(region.name().parse(), Ok(*region));
            assert_eq!(region.name().to_uppercase().parse(), Ok(*region));
        }
        for outside in [
            "europe-west2",
            "europe-west6",
            "us-central1",
            "us-east-1",
            "eu-west-2",
            "eu-central-2",
            "EU",
            "eu",
            "EUR4",
            "EUR5",
            "EUR7",
            "EUR8",
            "europe",
            "US",
            "",
            "europe-west4 ",
            "europe-west4,us-east1",
        ] {
            assert!(outside.parse::<CloudRegion>().is_err(), "{outside}");
            assert!(serde_json::from_value::<CloudRegion>(outside.into()).is_err(), "{outside}");
        }
    }
}
