//! What was decided, and why.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{PolicyId, PolicySummary};

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
