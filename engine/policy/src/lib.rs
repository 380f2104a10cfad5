//! What is allowed, as Cedar policies that an auditor can read; and the terms under which data were given, matched with
//! what a project declares.
//!
//! A [`PolicySet`] is made once, from the policies that ship and from those that a site adds. [`PolicySet::decide`] takes
//! the [`Facts`] of one request and gives a [`Verdict`]: whether it is allowed, and every policy that speaks against it,
//! each with the promise that it keeps, the facts concerned and what would make the request possible. Nothing here reads
//! a clock, a file or the network: the caller brings the facts. `docs/policy.md` is for auditors and data stewards.
//!
//! [`match_use`] compares [`DataUse`] terms with a project's [`Purpose`]; it narrows, and never grants.

#[cfg(test)]
extern crate self as sluis_policy;

mod action;
mod data_use;
mod digest;
mod error;
mod fact_text;
mod facts;
mod load;
mod policy;
mod request;
mod set;
mod template;
mod verdict;

pub use action::Action;
pub use data_use::{
    DataUse, DataUseError, Declared, Disease, MatchContext, OntologyCode, OntologyCodeError, Purpose, ResearchKind,
    TermVerdict, Use, match_use,
};
pub use digest::PolicyDigest;
pub use error::{PolicyError, PolicyProblem};
pub use facts::{
    Aggregate, Consent, DatasetFacts, Delegation, Execution, Facts, Institution, Login, Person, Place, Principal,
    ProjectFacts, Resource, SourceHost, SubjectFacts,
};
pub use policy::{Effect, PolicyId, PolicySummary};
pub use set::PolicySet;
pub use verdict::{Applied, Duty, Explanation, Reason, Verdict};
