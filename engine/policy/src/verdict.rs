//! What was decided, and why.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use sluis_model::DatasetName;

use crate::{Facts, PolicyId, PolicySummary, Use};

/// A decision.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Verdict {
    /// Whether the request is allowed.
    pub allowed: bool,
    /// The policies that decided, in the order of their names: those that permitted it, or all that forbid it. Empty if
    /// nothing permits it.
    pub deciding: Vec<PolicyId>,
    /// Everything that is against it; empty if it is allowed.
    pub reasons: Vec<Reason>,
    /// What the project has to do in return, by the terms of the data; empty if it is refused.
    pub duties: Vec<Duty>,
}

impl Verdict {
    /// What would make the request possible, if all of it were done. Empty if it is allowed.
    pub fn what_would_help(&self) -> Vec<&str> {
        let mut remedies: Vec<&str> = Vec::new();
        for reason in &self.reasons {
            if !remedies.contains(&reason.remedy.as_str()) {
                remedies.push(&reason.remedy);
            }
        }
        remedies
    }
}

/// What a project has to do that uses data, by a term under which they were given. `Display` says it in a line.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Duty {
    /// The dataset.
    pub dataset: DatasetName,
    /// The term as it is written.
    pub term: String,
    /// What is to be done.
    pub duty: String,
}

impl Duty {
    /// The duties that come with the use of the datasets of a request.
    pub(crate) fn of(facts: &Facts) -> Vec<Self> {
        let used = facts.datasets.iter().filter(|set| set.declared && !set.public);
        let duties = used.flat_map(|set| {
            set.terms.iter().filter_map(|found| match &found.verdict {
                Use::Duty(duty) => {
                    Some(Self { dataset: set.name.clone(), term: found.term.clone(), duty: duty.clone() })
                }
                Use::Met | Use::NotMet | Use::Abstain => None,
            })
        });
        duties.collect()
    }
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} of the dataset {})", self.duty, self.term, self.dataset)
    }
}

/// One thing that is against a request.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Reason {
    /// Which policy says so. Three names stand for what no text of policies can change: `no-place-outside-the-eu`,
    /// `nothing-permits-it` and `cannot-be-decided`.
    pub policy: PolicyId,
    /// The promise to the families that it keeps.
    pub promise: String,
    /// What is missing or against it, with the facts concerned.
    pub text: String,
    /// What would remove it.
    pub remedy: String,
    /// The facts that the texts name, by their names.
    pub facts: BTreeMap<&'static str, String>,
}

/// Whether a policy applied.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Applied {
    /// Which.
    pub policy: PolicySummary,
    /// Whether its condition held for the request.
    pub applied: bool,
}

/// A verdict, and what each policy had to do with it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Explanation {
    /// What was decided.
    pub verdict: Verdict,
    /// Every policy of the set in the order of their names.
    pub policies: Vec<Applied>,
}
