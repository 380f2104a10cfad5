//! Terms as they are written.

use std::{fmt, str::FromStr};

use jiff::civil::Date;
use serde::Serialize;

/// Why a text is not a code of an ontology.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not a code of an ontology: expected a prefix, a colon and a number or name, as MONDO:0005072")]
pub struct OntologyCodeError(String);

/// A code of an ontology, as `MONDO:0005072`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct OntologyCode(String);

impl FromStr for OntologyCode {
    type Err = OntologyCodeError;

    fn from_str(text: &str) -> Result<Self, OntologyCodeError> {
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        match text.split_once(':') {
            Some((prefix, local)) if text.len() <= 64 && plain(prefix) && plain(local) => {
                Ok(Self(format!("{}:{local}", prefix.to_ascii_uppercase())))
            }
            _ => Err(OntologyCodeError(text.to_owned())),
        }
    }
}

impl fmt::Display for OntologyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not a term of data use. A dataset with such a term is not used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DataUseError {
    /// There is no such code.
    #[error("`{0}` is no term of data use: expected a code of the Data Use Ontology, as DS or DUO:0000007")]
    Unknown(String),
    /// It needs something said with it.
    #[error("{code} needs {what}")]
    NoParameter {
        /// The short code.
        code: &'static str,
        /// What it needs.
        what: &'static str,
    },
    /// It says all by itself.
    #[error("{code} takes nothing with it, but `{parameter}` stands there")]
    Parameter {
        /// The short code.
        code: &'static str,
        /// What stands there.
        parameter: String,
    },
    /// What is said with it is not what it needs.
    #[error("{code} needs {what}, but `{parameter}` stands there")]
    WrongParameter {
        /// The short code.
        code: &'static str,
        /// What it needs.
        what: &'static str,
        /// What stands there.
        parameter: String,
    },
}

macro_rules! data_uses {
    ($($(#[$doc:meta])* $variant:ident $(($parameter:ty))? = $short:literal $number:literal $name:literal
       $(, $what:literal $read:ident)?;)+) => {
        /// A term of data use, by its code in the Data Use Ontology.
        #[derive(Clone, PartialEq, Eq, Debug, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum DataUse {
            $($(#[$doc])* $variant $(($parameter))?),+
        }

        impl DataUse {
            /// The short code, the number in the ontology and the name of every term.
            pub const CODES: &[(&str, u32, &str)] = &[$(($short, $number, $name)),+];

            /// The short code, as `DS`.
            pub const fn code(&self) -> &'static str {
                match self { $(data_uses!(@pattern $variant $(($parameter))?) => $short),+ }
            }

            fn with(code: &str, parameter: Option<&str>) -> Result<Self, DataUseError> {
                match code {
                    $($short => data_uses!(@make parameter, $short, $variant $(, $what, $read)?),)+
                    _ => Err(DataUseError::Unknown(code.to_owned())),
                }
            }
        }
    };
    (@pattern $variant:ident) => { Self::$variant };
    (@pattern $variant:ident ($parameter:ty)) => { Self::$variant(_) };
    (@make $given:ident, $code:literal, $variant:ident) => {
        match $given {
            None => Ok(Self::$variant),
            Some(given) => Err(DataUseError::Parameter { code: $code, parameter: given.to_owned() }),
        }
    };
    (@make $given:ident, $code:literal, $variant:ident, $what:literal, $read:ident) => {
        match $given {
            None => Err(DataUseError::NoParameter { code: $code, what: $what }),
            Some(given) => $read(given).map(Self::$variant).ok_or_else(|| DataUseError::WrongParameter {
                code: $code,
                what: $what,
                parameter: given.to_owned(),
            }),
        }
    };
}

data_uses! {
    /// Any use.
    NoRestriction = "NRES" 4 "no restriction";
    /// Health, medical or biomedical research, but not research on populations or ancestry.
    HealthResearch = "HMB" 6 "health or medical or biomedical research";
    /// Research on a disease, or on one of its kinds.
    DiseaseResearch(OntologyCode) = "DS" 7 "disease specific research", "the code of a disease" one_code;
    /// Research on the origins or ancestry of populations, and no other.
    AncestryResearch = "POA" 11 "population origins or ancestry research only";
    /// Research of a kind that is said with it.
    ResearchOf(String) = "RS" 12 "research specific restrictions", "the kind of research" some_text;
    /// No development of methods.
    NoMethodsDevelopment = "NMDS" 15 "no general methods research";
    /// Genetic studies, and no others.
    GeneticStudiesOnly = "GSO" 16 "genetic studies only";
    /// By organisations that are not for profit, for uses that are not commercial.
    NotForProfitNonCommercial = "NPUNCU" 18 "not for profit, non commercial use only";
    /// Results are to be published.
    Publication = "PUB" 19 "publication required";
    /// Together with those who are named.
    Collaboration(String) = "COL" 20 "collaboration required", "with whom" some_text;
    /// With an approval of an ethics committee.
    EthicsApproval = "IRB" 21 "ethics approval required";
    /// In these countries, by their two-letter codes.
    Countries(Vec<String>) = "GS" 22 "geographical restriction", "two-letter codes of countries, with commas" countries;
    /// No publication of results for this many months from the release of the data.
    Moratorium(u32) = "MOR" 24 "publication moratorium", "a number of months" months;
    /// Until this day.
    Until(Date) = "TS" 25 "time limit on use", "the last day, as 2030-12-31" day;
    /// By these persons.
    Users(Vec<String>) = "US" 26 "user specific restriction", "names of persons, with commas" texts;
    /// In this project.
    Project(String) = "PS" 27 "project specific restriction", "the name of a project" some_text;
    /// By these institutions.
    Institutions(Vec<String>) = "IS" 28 "institution specific restriction", "names of institutions, with commas" texts;
    /// Derived data are to be given back.
    ReturnOfData = "RTN" 29 "return to database or resource";
    /// Any research.
    GeneralResearch = "GRU" 42 "general research use";
    /// Clinical care, which is not research.
    ClinicalCare = "CC" 43 "clinical care use";
    /// No research on populations or ancestry.
    NoAncestryResearch = "NPOA" 44 "population origins or ancestry research prohibited";
    /// By organisations that are not for profit.
    NotForProfit = "NPU" 45 "not for profit organisation use only";
    /// For uses that are not commercial.
    NonCommercial = "NCU" 46 "non-commercial use only";
}

impl DataUse {
    /// The term of a code, as `DS` or `DUO:0000007`, and what is said with it, as `MONDO:0005072`.
    ///
    /// # Errors
    /// If there is no such code, or what is said with it is not what it needs.
    pub fn parse(code: &str, parameter: Option<&str>) -> Result<Self, DataUseError> {
        let number = code.strip_prefix("DUO:").filter(|digits| digits.len() == 7);
        let number =
            number.and_then(|digits| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u32>().ok())?);
        let known = Self::CODES.iter().find(|(short, of, _)| *short == code || Some(*of) == number);
        let (short, ..) = known.ok_or_else(|| DataUseError::Unknown(code.to_owned()))?;
        Self::with(short, parameter.map(str::trim).filter(|parameter| !parameter.is_empty()))
    }

    /// The number in the ontology: 7 of `DUO:0000007`.
    pub fn number(&self) -> u32 {
        Self::CODES.iter().find(|(short, ..)| *short == self.code()).map_or(0, |(_, number, _)| *number)
    }
}

/// Reads a code and what is said with it behind a space, as `DS MONDO:0005072`.
impl FromStr for DataUse {
    type Err = DataUseError;

    fn from_str(text: &str) -> Result<Self, DataUseError> {
        let (code, parameter) =
            text.split_once(char::is_whitespace).map_or((text, None), |(code, rest)| (code, Some(rest)));
        Self::parse(code, parameter)
    }
}

/// As it is written: the short code, and what is said with it.
impl fmt::Display for DataUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())?;
        match self {
            Self::DiseaseResearch(code) => write!(f, " {code}"),
            Self::ResearchOf(text) | Self::Collaboration(text) | Self::Project(text) => write!(f, " {text}"),
            Self::Countries(names) | Self::Users(names) | Self::Institutions(names) => {
                write!(f, " {}", names.join(","))
            }
            Self::Moratorium(months) => write!(f, " {months}"),
            Self::Until(day) => write!(f, " {day}"),
            _ => Ok(()),
        }
    }
}

fn one_code(text: &str) -> Option<OntologyCode> {
    text.parse().ok()
}

fn some_text(text: &str) -> Option<String> {
    (text.len() <= 200 && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

fn texts(text: &str) -> Option<Vec<String>> {
    text.split(',').map(|part| some_text(part.trim()).filter(|part| !part.is_empty())).collect()
}

fn countries(text: &str) -> Option<Vec<String>> {
    let country = |code: String| {
        (code.len() == 2 && code.bytes().all(|b| b.is_ascii_alphabetic())).then(|| code.to_ascii_uppercase())
    };
    texts(text)?.into_iter().map(country).collect()
}

fn months(text: &str) -> Option<u32> {
    text.parse().ok().filter(|months| (1..=1200).contains(months) && text.bytes().all(|b| b.is_ascii_digit()))
}

fn day(text: &str) -> Option<Date> {
    (text.len() == 10).then(|| text.parse().ok())?
}
