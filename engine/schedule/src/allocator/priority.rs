//! How runs of one user stand against each other.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How a run stands against the other runs of its user: each step counts twice as much as the one below.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "i8", into = "i8")]
pub struct Priority(i8);

impl Priority {
    /// The highest; its negative is the lowest.
    pub const HIGHEST: i8 = 8;

    /// A share as it counts for a run of this priority.
    pub(super) const fn weigh(self, share: u64) -> u64 {
        (share << Self::HIGHEST) >> (self.0 + Self::HIGHEST)
    }
}

/// The text is no priority.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a priority is a whole number from -8 to 8")]
pub struct PriorityError;

impl FromStr for Priority {
    type Err = PriorityError;

    fn from_str(text: &str) -> Result<Self, PriorityError> {
        text.parse::<i8>().map_err(|_| PriorityError)?.try_into()
    }
}

impl TryFrom<i8> for Priority {
    type Error = PriorityError;

    fn try_from(number: i8) -> Result<Self, PriorityError> {
        if (-Self::HIGHEST..=Self::HIGHEST).contains(&number) { Ok(Self(number)) } else { Err(PriorityError) }
    }
}

impl From<Priority> for i8 {
    fn from(priority: Priority) -> Self {
        priority.0
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
