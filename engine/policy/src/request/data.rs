//! The datasets and subjects concerned, sorted by what is against their use.

use cedar_policy::RestrictedExpression as Value;

use super::{record, strings};
use crate::{Consent, DatasetFacts, Facts, Use};

/// The record `context.data`.
pub(super) fn context(facts: &Facts) -> Value {
    let names = |keep: fn(&DatasetFacts) -> bool| {
        strings(facts.datasets.iter().filter(|set| keep(set)).map(|set| set.name.as_str()))
    };
    let unlisted = facts.subjects.iter().filter(|subject| !subject.listed);
    let today = facts.today();
    record([
        ("controlled", names(|set| set.declared && !set.public)),
        ("public", names(|set| set.declared && set.public)),
        ("undeclared", names(|set| !set.declared)),
        ("notGranted", names(|set| set.declared && !set.public && !set.granted)),
        ("confidential", names(|set| set.declared && !set.public && set.confidential)),
        ("networkBound", names(|set| set.declared && !set.public && set.network_bound)),
        ("otherNetworks", names(|set| set.declared && !set.public && set.other_networks.is_some())),
        ("consentWithdrawn", consents(facts, |consent| matches!(consent, Consent::Withdrawn(_)))),
        ("consentUnknown", consents(facts, |consent| consent == Consent::Unknown)),
        ("consentNotYet", consents(facts, |consent| matches!(consent, Consent::Given(Some(day)) if day > today))),
        ("subjectsNotListed", strings(unlisted.map(|subject| subject.name.as_str()))),
        ("withoutLabels", strings(facts.without_labels.iter().map(String::as_str))),
        ("termsNotMet", names(|set| has_term(set, |verdict| *verdict == Use::NotMet))),
        ("termsUndecided", names(|set| has_term(set, |verdict| *verdict == Use::Abstain))),
        ("grantMissing", names(|set| set.declared && !set.public && set.missing_grant.is_some())),
    ])
}

fn has_term(set: &DatasetFacts, is: impl Fn(&Use) -> bool) -> bool {
    set.declared && !set.public && set.terms.iter().any(|term| is(&term.verdict))
}

/// The names of the datasets and subjects with such a consent.
fn consents(facts: &Facts, is: impl Fn(Consent) -> bool) -> Value {
    let sets = facts.datasets.iter().filter(|set| set.declared && !set.public && is(set.consent));
    let subjects = facts.subjects.iter().filter(|subject| subject.listed && is(subject.consent));
    strings(sets.map(|set| set.name.as_str()).chain(subjects.map(|subject| subject.name.as_str())))
}
