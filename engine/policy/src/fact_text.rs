//! Facts as people read them in reasons and remedies.

use jiff::civil::Date;

use crate::{Aggregate, Consent, Facts, Principal, ProjectFacts, TermVerdict, Use};

/// The text of a fact.
pub(crate) enum FactText {
    /// There is one.
    One(String),
    /// There are as many as there are things concerned: each makes a reason of its own.
    Each(Vec<String>),
}

use FactText::{Each, One};

type Tell = fn(&Facts) -> FactText;

/// What the texts of policies can name, in the order of the alphabet.
const FACTS: &[(&str, Tell)] = &[
    ("action", |facts| One(facts.action.to_string())),
    ("aggregate", aggregate),
    ("allowed_places", |facts| One(listed(&facts.allowed_places))),
    ("approved_by", |facts| One(or_nobody(facts.approved_by.as_deref()))),
    ("asked_by", |facts| One(or_nobody(facts.asked_by.as_deref()))),
    ("confidential_dataset", |facts| {
        let bound = facts.datasets.iter().filter(|set| set.declared && !set.public && set.confidential);
        Each(bound.map(|set| set.name.to_string()).collect())
    }),
    ("delegation", delegation),
    ("executor", |facts| One(facts.execution.as_ref().map_or("none", |execution| &execution.executor).to_owned())),
    ("institution", |facts| One(facts.principal.person().institution.name.clone())),
    ("later_consent", |facts| Each(consents(facts, later))),
    ("login", login),
    ("missing_grant", |facts| Each(missing_grants(facts))),
    ("missing_visa", |facts| Each(facts.principal.person().missing_visas.iter().cloned().collect())),
    ("network", |facts| One(facts.network.clone().unwrap_or_else(|| "none".to_owned()))),
    ("network_bound_dataset", |facts| {
        let bound = facts.datasets.iter().filter(|set| set.declared && !set.public && set.network_bound);
        Each(bound.map(|set| set.name.to_string()).collect())
    }),
    ("object_without_labels", |facts| Each(facts.without_labels.clone())),
    ("other_networks", |facts| {
        let sets = facts.datasets.iter().filter(|set| set.declared && !set.public);
        let bound = sets.filter_map(|set| Some((&set.name, set.other_networks.as_ref()?)));
        Each(bound.map(|(name, networks)| format!("the dataset {name} is used: {networks}")).collect())
    }),
    ("person", |facts| One(facts.principal.person().name.clone())),
    ("place", |facts| One(facts.place.code().to_owned())),
    ("principal", principal),
    ("project", |facts| of_project(facts, |project| project.name.to_string())),
    ("project_from", |facts| of_project(facts, |project| project.from.to_string())),
    ("project_until", |facts| of_project(facts, |project| project.until.to_string())),
    ("purpose", |facts| of_project(facts, |project| project.purpose.clone())),
    ("roles", roles),
    ("source_host", |facts| One(facts.source.as_ref().map_or("none", |source| &source.name).to_owned())),
    ("today", |facts| One(facts.today().to_string())),
    ("training", training),
    ("undecided_term", |facts| Each(terms(facts, |term| term.verdict == Use::Abstain))),
    ("undeclared_dataset", |facts| {
        Each(facts.datasets.iter().filter(|set| !set.declared).map(|set| set.name.to_string()).collect())
    }),
    ("undeclared_project", undeclared_project),
    ("ungranted_dataset", |facts| {
        let missing = facts.datasets.iter().filter(|set| set.declared && !set.public && !set.granted);
        Each(missing.map(|set| set.name.to_string()).collect())
    }),
    ("unknown_consent", |facts| Each(consents(facts, |consent, _| unknown(consent)))),
    ("unlisted_subject", |facts| {
        Each(facts.subjects.iter().filter(|subject| !subject.listed).map(|subject| subject.name.to_string()).collect())
    }),
    ("unmet_term", |facts| Each(terms(facts, |term| term.verdict == Use::NotMet))),
    ("withdrawn_consent", |facts| Each(consents(facts, |consent, _| withdrawn(consent)))),
];

/// The place of a fact in the list of all.
pub(crate) fn index_of(name: &str) -> Option<usize> {
    FACTS.iter().position(|(known, _)| *known == name)
}

/// The names of all.
pub(crate) fn names() -> Vec<&'static str> {
    FACTS.iter().map(|(name, _)| *name).collect()
}

/// The name of a fact. Its place comes from [`index_of`], so it is in the list.
pub(crate) fn name(index: usize) -> &'static str {
    FACTS[index].0
}

/// What a fact is here.
pub(crate) fn value(index: usize, facts: &Facts) -> FactText {
    FACTS[index].1(facts)
}

fn listed(items: &[String]) -> String {
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}

fn or_nobody(name: Option<&str>) -> String {
    name.unwrap_or("nobody").to_owned()
}

fn of_project(facts: &Facts, tell: fn(&ProjectFacts) -> String) -> FactText {
    One(facts.project.as_ref().map_or_else(|| "none".to_owned(), tell))
}

fn undeclared_project(facts: &Facts) -> FactText {
    One(facts.project.as_ref().map_or_else(
        || "no project was named".to_owned(),
        |project| format!("the project {} is not in the registry", project.name),
    ))
}

fn principal(facts: &Facts) -> FactText {
    One(match &facts.principal {
        Principal::Person(person, _) => person.name.clone(),
        Principal::Service { name, person, .. } => format!("{name} (for {})", person.name),
    })
}

fn aggregate(facts: &Facts) -> FactText {
    One(facts.aggregate.map_or_else(
        || "it is no aggregate".to_owned(),
        |Aggregate { subjects, at_least, bytes, at_most }| {
            format!(
                "as an aggregate it is of {subjects} subjects, where {at_least} are asked for, and {bytes} bytes would \
                 leave, where {at_most} may"
            )
        },
    ))
}

fn delegation(facts: &Facts) -> FactText {
    One(match &facts.principal {
        Principal::Person(person, _) => format!("{} acts in person", person.name),
        Principal::Service { name, person, delegation } if delegation.until > facts.now => {
            format!("what {} delegated to {name} holds until {}", person.name, delegation.until)
        }
        Principal::Service { name, person, delegation } => {
            format!("what {} delegated to {name} ended at {}", person.name, delegation.until)
        }
    })
}

fn login(facts: &Facts) -> FactText {
    let name = &facts.principal.person().name;
    One(match &facts.principal {
        Principal::Person(_, login) => match login.age_minutes {
            Some(minutes) => format!("{name} logged in {} ago", duration(minutes)),
            None => format!("it is not known when {name} logged in"),
        },
        Principal::Service { name, .. } => format!("{name} does not log in"),
    })
}

fn duration(minutes: u32) -> String {
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

fn training(facts: &Facts) -> FactText {
    let person = facts.principal.person();
    One(match person.training_until {
        None => format!("no training of {} is on record", person.name),
        Some(day) if day < facts.today() => format!("the training of {} ended on {day}", person.name),
        Some(day) => format!("the training of {} is valid until {day}", person.name),
    })
}

fn roles(facts: &Facts) -> FactText {
    let roles: Vec<_> = facts.principal.person().roles.iter().cloned().collect();
    One(if roles.is_empty() { "no roles".to_owned() } else { format!("roles {}", roles.join(", ")) })
}

fn missing_grants(facts: &Facts) -> Vec<String> {
    let sets = facts.datasets.iter().filter(|set| set.declared && !set.public);
    sets.filter_map(|set| Some(format!("{}, for the dataset {}", set.missing_grant.as_ref()?, set.name))).collect()
}

fn withdrawn(consent: Consent) -> Option<String> {
    let Consent::Withdrawn(since) = consent else { return None };
    Some(since.map_or_else(|| "was withdrawn".to_owned(), |day| format!("was withdrawn on {day}")))
}

fn unknown(consent: Consent) -> Option<String> {
    (consent == Consent::Unknown).then(|| "is not known".to_owned())
}

fn later(consent: Consent, today: Date) -> Option<String> {
    match consent {
        Consent::Given(Some(day)) if day > today => Some(format!("holds from {day}, today is {today}")),
        _ => None,
    }
}

/// A clause for each consent that something is to be said of.
fn consents(facts: &Facts, tell: impl Fn(Consent, Date) -> Option<String>) -> Vec<String> {
    let today = facts.today();
    let sets = facts.datasets.iter().filter(|set| set.declared && !set.public);
    let sets = sets.map(|set| (format!("for the dataset {}", set.name), set.consent));
    let subjects = facts.subjects.iter().filter(|subject| subject.listed);
    let subjects = subjects.map(|subject| (format!("of the subject {}", subject.name), subject.consent));
    let clauses = sets.chain(subjects);
    let clauses = clauses.filter_map(|(whose, consent)| Some(format!("the consent {whose} {}", tell(consent, today)?)));
    clauses.collect()
}

/// What is to be said of the terms of the datasets.
fn terms(facts: &Facts, concerns: impl Fn(&TermVerdict) -> bool) -> Vec<String> {
    let sets = facts.datasets.iter().filter(|set| set.declared && !set.public);
    let terms = sets.flat_map(|set| set.terms.iter().map(move |term| (&set.name, term)));
    let terms = terms.filter(|(_, term)| concerns(term));
    terms.map(|(name, term)| format!("{} of the dataset {name}: {}", term.term, term.reason)).collect()
}
