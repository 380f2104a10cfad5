//! What an object was made from, and the names by which the registry knows data and projects.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a text cannot name a dataset or a project.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a name: use 1 to 64 lowercase letters, digits, `-`, `_` or `.`, a letter or digit first")]
pub struct NameError(String);

fn check_name(text: String) -> Result<String, NameError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let fits = (1..=64).contains(&bytes.len())
        && plain(bytes[0])
        && bytes.iter().all(|&b| plain(b) || matches!(b, b'-' | b'_' | b'.'));
    if fits { Ok(text) } else { Err(NameError(text)) }
}

macro_rules! registry_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                check_name(text.to_owned()).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                check_name(text).map(Self)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

registry_name!(
    /// The name of a dataset in the registry.
    DatasetName
);
registry_name!(
    /// The name of an approved project in the registry.
    ProjectName
);

/// Why a text cannot name a subject.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a subject's pseudonym: use 1 to 64 letters, digits, `-`, `_` or `.`, a letter or digit first")]
pub struct SubjectError(String);

/// The pseudonym of a person whose data these are, as the registry lists it. It must not be anything by which others
/// could know the person.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SubjectName(String);

impl SubjectName {
    /// The pseudonym as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SubjectName {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let fits = (1..=64).contains(&text.len())
            && text.as_bytes()[0].is_ascii_alphanumeric()
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if fits { Ok(Self(text.to_owned())) } else { Err(SubjectError(text.to_owned())) }
    }
}

impl TryFrom<String> for SubjectName {
    type Error = SubjectError;

    fn try_from(text: String) -> Result<Self, SubjectError> {
        text.parse()
    }
}

impl From<SubjectName> for String {
    fn from(name: SubjectName) -> String {
        name.0
    }
}

/// The datasets and the people that an object was made from.
///
/// An output carries the join of its inputs' labels, so that what holds for them holds for it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Labels {
    /// Every dataset of which something went into the object.
    pub datasets: BTreeSet<DatasetName>,
    /// Everybody of whom something went into the object, as far as that was said when the data were taken in.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub subjects: BTreeSet<SubjectName>,
}

impl Labels {
    /// The labels of data that come from one dataset alone.
    pub fn of_dataset(dataset: DatasetName) -> Self {
        Self { datasets: BTreeSet::from([dataset]), subjects: BTreeSet::new() }
    }

    /// Adds all labels of `other`.
    pub fn join(&mut self, other: &Self) {
        self.datasets.extend(other.datasets.iter().cloned());
        self.subjects.extend(other.subjects.iter().cloned());
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, dataset) in self.datasets.iter().enumerate() {
            let separator = if i == 0 { "" } else { ", " };
            write!(f, "{separator}{dataset}")?;
        }
        for (i, subject) in self.subjects.iter().enumerate() {
            let separator = if i == 0 { " of " } else { ", " };
            write!(f, "{separator}{subject}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels() -> impl Strategy<Value = Labels> {
        let names = || proptest::collection::btree_set("[a-e]", 0..4);
        (names(), names()).prop_map(|(datasets, subjects)| Labels {
            datasets: datasets.iter().map(|name| name.parse().unwrap()).collect(),
            subjects: subjects.iter().map(|name| name.parse().unwrap()).collect(),
        })
    }

    proptest! {
        #[test]
        fn joining_is_associative_commutative_and_idempotent(a in labels(), b in labels(), c in labels()) {
            let join = |x: &Labels, y: &Labels| { let mut z = x.clone(); z.join(y); z };
            prop_assert_eq!(join(&a, &b), join(&b, &a));
            prop_assert_eq!(join(&join(&a, &b), &c), join(&a, &join(&b, &c)));
            prop_assert_eq!(join(&a, &a), a);
        }
    }

    #[test]
    fn names_that_could_escape_a_folder_are_refused() {
        for wrong in ["", "..", "a/b", "A", "-x", ".x", &"a".repeat(65)] {
            assert!(wrong.parse::<DatasetName>().is_err(), "{wrong}");
        }
        assert!("trial-7_b.2".parse::<ProjectName>().is_ok());
        for wrong in ["", "..", "a/b", "-x", "Jan Jansen", &"a".repeat(65)] {
            assert!(wrong.parse::<SubjectName>().is_err(), "{wrong}");
        }
        assert!("P012-a".parse::<SubjectName>().is_ok());
    }
}
