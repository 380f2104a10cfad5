//! What is against a use of data. Everything that is not allowed is refused.

use jiff::{Timestamp, civil::Date, tz::Offset};
use sluis_model::{DatasetName, Labels, ProjectName, SubjectName};

use crate::{
    error::Reason,
    registry::{Consent, DataClass, Dataset, Project, Registry},
};

/// The one who asks: a personal site knows only the person who runs it.
pub(crate) const CALLER: &str = "self";

/// The purpose for which data may be used.
const RESEARCH: &str = "research";

/// The day it is, by UTC.
pub(crate) fn day_of(now: Timestamp) -> Date {
    Offset::UTC.to_datetime(now).date()
}

/// Every reason why the project may not use data with these labels now; none means that it may.
pub(crate) fn reasons_against(registry: &Registry, name: &ProjectName, labels: &Labels, now: Timestamp) -> Vec<Reason> {
    let today = day_of(now);
    let Some(project) = registry.projects.get(name) else {
        return vec![unknown_project(name, labels, today)];
    };
    let mut reasons = reasons_against_project(registry, name, project, today);
    for dataset in &labels.datasets {
        match registry.datasets.get(dataset) {
            None => reasons.push(unknown_dataset(name, dataset, today)),
            // Of nobody, and so for everybody.
            Some(declared) if declared.class == DataClass::Public => {}
            Some(declared) => {
                reasons.extend(missing_grant(name, project, dataset));
                let whose = format!("for the dataset {dataset}");
                reasons.extend(missing_consent(&whose, declared.consent, declared.consent_date, today));
            }
        }
    }
    for subject in &labels.subjects {
        reasons.extend(reasons_against_subject(registry, subject, labels, today));
    }
    reasons
}

/// A subject must be known in at least one of the datasets, and must not have withdrawn in any of the site's.
pub(crate) fn reasons_against_subject(
    registry: &Registry,
    subject: &SubjectName,
    labels: &Labels,
    today: Date,
) -> Vec<Reason> {
    let consents = |dataset: &Dataset| dataset.subjects.get(subject).cloned();
    let known: Vec<_> = registry.datasets.values().filter_map(consents).collect();
    let is_listed = |name| registry.datasets.get(name).is_some_and(|dataset| dataset.subjects.contains_key(subject));
    if !labels.datasets.iter().any(is_listed) {
        return vec![unknown_subject(subject, labels, today)];
    }
    let whose = format!("of the subject {subject}");
    known.iter().filter_map(|known| missing_consent(&whose, known.consent, known.consent_date, today)).collect()
}

/// How a subject's withdrawal is written down.
pub(crate) fn withdrawal_of(subject: &SubjectName) -> String {
    format!(
        "write it down for every dataset that lists them, in registry/datasets.yaml:\n  subjects:\n    {subject}:\n      \
         consent: withdrawn\n      consent-date: YEAR-MONTH-DAY"
    )
}

fn unknown_subject(subject: &SubjectName, labels: &Labels, today: Date) -> Reason {
    let datasets: Vec<_> = labels.datasets.iter().map(DatasetName::as_str).collect();
    Reason {
        text: format!("the subject {subject} is not in the registry's dataset {}", datasets.join(", ")),
        remedy: format!(
            "if they agreed, list them in registry/datasets.yaml:\n  subjects:\n    {subject}:\n      consent: \
             given\n      consent-date: {today}"
        ),
    }
}

fn unknown_project(name: &ProjectName, labels: &Labels, today: Date) -> Reason {
    Reason {
        text: format!("the project {name} is not in the registry"),
        remedy: format!(
            "name another with --project, or declare it, if it is approved, in registry/projects.yaml:\n  {name}:\n    \
             purpose: {RESEARCH}\n    members: [{CALLER}]\n    datasets: [{labels}]\n    from: {today}\n    until: \
             YEAR-MONTH-DAY"
        ),
    }
}

/// What is against anything that the caller asks for, if they are not declared.
pub(crate) fn unknown_person(registry: &Registry) -> Option<Reason> {
    (!registry.people.contains_key(CALLER)).then(|| Reason {
        text: format!("the person {CALLER} is not in the registry"),
        remedy: format!("declare them in registry/people.yaml:\n  {CALLER}:\n    issuer: {CALLER}"),
    })
}

fn reasons_against_project(registry: &Registry, name: &ProjectName, project: &Project, today: Date) -> Vec<Reason> {
    let mut reasons: Vec<_> = unknown_person(registry).into_iter().collect();
    if !project.members.iter().any(|member| member == CALLER) {
        let members: Vec<_> = project.members.iter().map(String::as_str).chain([CALLER]).collect();
        reasons.push(Reason {
            text: format!("{CALLER} is not a member of the project {name}"),
            remedy: format!(
                "have them added to {name} in registry/projects.yaml:\n  members: [{}]",
                members.join(", ")
            ),
        });
    }
    if project.purpose != RESEARCH {
        reasons.push(Reason {
            text: format!(
                "the project {name} has the purpose `{}`, data may be used for {RESEARCH} only",
                project.purpose
            ),
            remedy: format!("use a project whose approved purpose is {RESEARCH}"),
        });
    }
    if today < project.from || today > project.until {
        reasons.push(Reason {
            text: format!("the project {name} runs from {} to {}, today is {today}", project.from, project.until),
            remedy: format!("if its approval is extended, change `until` of {name} in registry/projects.yaml"),
        });
    }
    reasons
}

fn unknown_dataset(project: &ProjectName, dataset: &DatasetName, today: Date) -> Reason {
    Reason {
        text: format!("the dataset {dataset} is not in the registry"),
        remedy: format!(
            "declare it in registry/datasets.yaml, and grant it to {project} in registry/projects.yaml:\n  {dataset}:\n    \
             description: WHAT IT IS\n    consent: given  # if those whom it concerns agreed\n    consent-date: {today}"
        ),
    }
}

fn missing_grant(name: &ProjectName, project: &Project, dataset: &DatasetName) -> Option<Reason> {
    if project.datasets.contains(dataset) {
        return None;
    }
    let granted: Vec<_> = project.datasets.iter().chain([dataset]).map(DatasetName::as_str).collect();
    Some(Reason {
        text: format!("the dataset {dataset} is not granted to the project {name}"),
        remedy: format!(
            "if the approval of {name} covers it, add it in registry/projects.yaml:\n  datasets: [{}]",
            granted.join(", ")
        ),
    })
}

fn missing_consent(whose: &str, consent: Consent, since: Option<Date>, today: Date) -> Option<Reason> {
    let (state, remedy) = match (consent, since) {
        (Consent::Given, Some(date)) if date > today => {
            (format!("holds from {date}, today is {today}"), "wait until then".to_owned())
        }
        (Consent::Given, _) => return None,
        (Consent::Withdrawn, date) => (
            date.map_or("was withdrawn".to_owned(), |date| format!("was withdrawn on {date}")),
            "the data may not be used any more".to_owned(),
        ),
        (Consent::Unknown, _) => (
            "is not known".to_owned(),
            format!(
                "when it is given, record it in registry/datasets.yaml:\n  consent: given\n  consent-date: {today}"
            ),
        ),
    };
    Some(Reason { text: format!("the consent {whose} {state}"), remedy })
}
