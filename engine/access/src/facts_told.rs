//! What the audit log says of the facts of a decision: those of who asked. What was asked for stands beside them.

use std::collections::BTreeMap;

use sluis_policy::{Facts, Principal};

/// Facts by their names in the log. No token, no address and no name of a subject is among them.
pub(crate) fn told(facts: &Facts) -> BTreeMap<String, String> {
    let mut told = BTreeMap::new();
    let mut tell = |name: &str, value: String| drop(told.insert(name.to_owned(), value));
    if facts.personal_site {
        tell("issuer", "self".to_owned());
        return told;
    }
    let person = facts.principal.person();
    tell("verified", person.verified.to_string());
    tell("institution", person.institution.name.clone());
    if let Principal::Person(_, login) = &facts.principal {
        tell("multi-factor", login.multi_factor.to_string());
        login.age_minutes.into_iter().for_each(|age| tell("login-age-minutes", age.to_string()));
    }
    person.training_until.into_iter().for_each(|day| tell("trained-until", day.to_string()));
    facts.network.iter().for_each(|network| tell("network", network.clone()));
    told
}
