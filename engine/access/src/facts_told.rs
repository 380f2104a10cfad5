//! What the audit log says of the facts of a decision: those of who asked, of the project, of what runs, and of the data's
//! terms and consents. What was asked for stands beside them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use sluis_policy::{Aggregate, Consent, Facts, Principal, TermVerdict, Use};

/// How many terms and consents a record tells of.
const MOST_TOLD: usize = 8;

/// Facts by their names in the log. No token, no address and no name of a person whom data concern is among them.
pub(crate) fn told(facts: &Facts) -> BTreeMap<String, String> {
    let mut told = BTreeMap::new();
    let mut tell = |name: &str, value: String| drop(told.insert(name.to_owned(), value));
    if facts.personal_site {
        tell("issuer", "self".to_owned());
    } else {
        tell_of_person(facts, &mut tell);
    }
    if let Some(project) = facts.project.as_ref().filter(|project| project.declared) {
        tell("project-period", format!("{} to {}", project.from, project.until));
        tell("project-purpose", project.purpose.clone());
        tell("member", project.member.to_string());
    }
    facts.asked_by.iter().for_each(|person| tell("asked-by", person.clone()));
    facts.approved_by.iter().for_each(|person| tell("approved-by", person.clone()));
    if let Some(execution) = &facts.execution {
        tell("executor-allowed", execution.executor_allowed.to_string());
        tell("confidential", execution.confidential.to_string());
        if execution.tool_network {
            tell("tool-network-allowed", execution.tool_network_allowed.to_string());
        }
    }
    if let Some(Aggregate { subjects, at_least, bytes, at_most }) = facts.aggregate {
        let text = format!("{subjects} of at least {at_least} subjects, {bytes} of at most {at_most} bytes");
        tell("aggregate", text);
    }
    let of_people = || facts.datasets.iter().filter(|set| set.declared && !set.public);
    let consents = of_people().map(|set| format!("{}: {}", set.name, consent(set.consent)));
    listed(consents).into_iter().for_each(|text| tell("consents", text));
    // Of thousands of subjects most say the same.
    let subjects = facts.subjects.iter().filter(|subject| subject.listed).map(|subject| consent(subject.consent));
    listed(subjects.collect::<BTreeSet<_>>()).into_iter().for_each(|text| tell("subject-consents", text));
    let terms = of_people()
        .flat_map(|set| set.terms.iter().map(|term| format!("{} of {}: {}", term.term, set.name, verdict(term))));
    listed(terms).into_iter().for_each(|text| tell("terms", text));
    told
}

fn tell_of_person(facts: &Facts, tell: &mut impl FnMut(&str, String)) {
    let person = facts.principal.person();
    tell("verified", person.verified.to_string());
    tell("institution", person.institution.name.clone());
    if !person.roles.is_empty() {
        tell("roles", person.roles.iter().cloned().collect::<Vec<_>>().join(", "));
    }
    if let Principal::Person(_, login) = &facts.principal {
        tell("multi-factor", login.multi_factor.to_string());
        login.age_minutes.into_iter().for_each(|age| tell("login-age-minutes", age.to_string()));
    }
    person.training_until.into_iter().for_each(|day| tell("trained-until", day.to_string()));
    facts.network.iter().for_each(|network| tell("network", network.clone()));
}

fn consent(consent: Consent) -> String {
    let since = |day: Option<jiff::civil::Date>| day.map_or_else(String::new, |day| format!(" since {day}"));
    match consent {
        Consent::Given(day) => format!("given{}", since(day)),
        Consent::Withdrawn(day) => format!("withdrawn{}", since(day)),
        Consent::Unknown => "unknown".to_owned(),
    }
}

/// Why one is not met is among the record's reasons, and what a duty is among its duties.
const fn verdict(term: &TermVerdict) -> &'static str {
    match term.verdict {
        Use::Met => "met",
        Use::NotMet => "not met",
        Use::Abstain => "undecided",
        Use::Duty(_) => "a duty",
    }
}

/// The first of them in one text, and how many more there are.
fn listed(texts: impl IntoIterator<Item = String>) -> Option<String> {
    let mut texts = texts.into_iter();
    let mut told = texts.next()?;
    for text in texts.by_ref().take(MOST_TOLD - 1) {
        told.push_str("; ");
        told.push_str(&text);
    }
    let more = texts.count();
    if more > 0 {
        // Writing to a text cannot fail.
        let _ = write!(told, "; and {more} more");
    }
    Some(told)
}
