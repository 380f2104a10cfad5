//! Places where data may be stored and processed. A place outside the EU cannot be written down.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a text is not a place in the EU.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a member state of the European Union: expected a two-letter code such as NL, BE or FI")]
pub struct RegionError(String);

macro_rules! member_states {
    ($($code:ident $name:literal),+ $(,)?) => {
        /// A member state of the European Union, by its ISO 3166-1 alpha-2 code.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[allow(clippy::upper_case_acronyms, reason = "the codes are the standard's")]
        pub enum EuCountry {
            $(#[doc = $name] $code),+
        }

        impl EuCountry {
            /// Every member state.
            pub const ALL: &[Self] = &[$(Self::$code),+];

            /// The two-letter code, in capitals.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$code => stringify!($code)),+ }
            }

            /// The English name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$code => $name),+ }
            }
        }
    };
}

member_states!(
    AT "Austria", BE "Belgium", BG "Bulgaria", CY "Cyprus", CZ "Czechia", DE "Germany", DK "Denmark",
    EE "Estonia", ES "Spain", FI "Finland", FR "France", GR "Greece", HR "Croatia", HU "Hungary",
    IE "Ireland", IT "Italy", LT "Lithuania", LU "Luxembourg", LV "Latvia", MT "Malta",
    NL "Netherlands", PL "Poland", PT "Portugal", RO "Romania", SE "Sweden", SI "Slovenia", SK "Slovakia",
);

impl fmt::Display for EuCountry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for EuCountry {
    type Err = RegionError;

    fn from_str(text: &str) -> Result<Self, RegionError> {
        Self::ALL
            .iter()
            .copied()
            .find(|country| country.code().eq_ignore_ascii_case(text))
            .ok_or_else(|| RegionError(text.to_owned()))
    }
}

impl TryFrom<String> for EuCountry {
    type Error = RegionError;

    fn try_from(text: String) -> Result<Self, RegionError> {
        text.parse()
    }
}

impl From<EuCountry> for String {
    fn from(country: EuCountry) -> String {
        country.code().to_owned()
    }
}

/// Where a task runs or an object lies: the site's own machines in one EU country.
///
/// Written as the country's code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Region(EuCountry);

impl Region {
    /// The region of machines that stand at the site itself.
    pub const fn on_site(country: EuCountry) -> Self {
        Self(country)
    }

    /// The country in which it lies.
    pub const fn country(self) -> EuCountry {
        self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (on site)", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_27_member_states_parse() {
        assert_eq!(EuCountry::ALL.len(), 27);
        for country in EuCountry::ALL {
            assert_eq!(country.code().parse(), Ok(*country));
        }
        for outside in ["GB", "UK", "CH", "US", "NO", "EU", "", "NLD", "europe-west2"] {
            assert!(outside.parse::<EuCountry>().is_err(), "{outside}");
            assert!(serde_json::from_value::<Region>(outside.into()).is_err(), "{outside}");
        }
    }
}
