//! The facts of a request, and what the policies say of them. Everything that is not allowed is refused.

use jiff::{Timestamp, civil::Date, tz::Offset};
use sluis_model::{DatasetName, Labels, ProjectName, SubjectName};
use sluis_policy::{
    self as policy, Action, Aggregate, DatasetFacts, Execution, Facts, MatchContext, Place, PolicySet, ProjectFacts,
    Purpose, Resource, SourceHost, SubjectFacts, TermVerdict, match_use,
};

use crate::{
    Caller, IdentityConfig,
    error::Reason,
    registry::{Consent, DataClass, Dataset, Network, Project, Registry},
    visas::VisaRules,
};

/// The day it is, by UTC.
pub(crate) fn day_of(now: Timestamp) -> Date {
    Offset::UTC.to_datetime(now).date()
}

/// What is asked for, beside who asks and whose data are concerned.
pub(crate) struct Asked<'a> {
    pub action: Action,
    pub resource: Resource,
    pub project: Option<&'a ProjectName>,
    pub place: Place,
    pub execution: Option<Execution>,
    pub source: Option<SourceHost>,
    /// For an approval: who asked for what is approved.
    pub asked_by: Option<String>,
    /// For an export: who approved it.
    pub approved_by: Option<String>,
    /// For an export that nobody approved: what it is as an aggregate.
    pub aggregate: Option<Aggregate>,
}

/// By what is decided: the same for all of one request.
pub(crate) struct Basis<'a> {
    pub registry: &'a Registry,
    pub policies: &'a PolicySet,
    pub caller: &'a Caller,
    /// Whose word the site takes, and what it asks of visas; nobody's and nothing on a personal site.
    pub identity: Option<&'a IdentityConfig>,
    pub allowed_places: Vec<String>,
    pub now: Timestamp,
    /// When it was asked for: a login has the age that it had then.
    pub asked: Timestamp,
}

impl Basis<'_> {
    /// What the site asks of visas.
    pub(crate) fn visas(&self) -> Option<&VisaRules> {
        self.identity.map(|identity| &identity.visas)
    }

    /// Whether the site takes an issuer's word for who somebody is.
    pub(crate) fn trusts(&self, issuer: &str) -> bool {
        let is_known =
            |identity: &IdentityConfig| identity.trust.issuers.iter().any(|known| known.issuer.as_str() == issuer);
        self.identity.is_some_and(is_known)
    }

    /// What the policies say of a request that concerns data with these labels, and objects without any.
    pub(crate) fn verdict(&self, asked: &Asked<'_>, labels: &Labels, without_labels: Vec<String>) -> policy::Verdict {
        self.policies.decide(&self.facts(asked, labels, without_labels))
    }

    pub(crate) fn facts(&self, asked: &Asked<'_>, labels: &Labels, without_labels: Vec<String>) -> Facts {
        let principal = self.caller.facts(self, asked.project);
        let person = principal.person().name.clone();
        let project = asked.project.and_then(|name| self.registry.projects.get(name));
        let networks = self.caller.networks(self.registry);
        let dataset = |name| self.dataset(name, asked.project, project, labels, &networks);
        Facts {
            action: asked.action,
            resource: asked.resource.clone(),
            personal_site: self.caller.is_self_issued(),
            place: asked.place.clone(),
            allowed_places: self.allowed_places.clone(),
            execution: asked.execution.clone(),
            source: asked.source.clone(),
            asked_by: asked.asked_by.clone(),
            approved_by: asked.approved_by.clone(),
            aggregate: asked.aggregate,
            project: asked.project.map(|name| project_facts(name, project, &person)),
            datasets: labels.datasets.iter().map(dataset).collect(),
            subjects: labels.subjects.iter().flat_map(|name| self.subject(name, labels)).collect(),
            without_labels,
            now: self.now,
            asked: self.asked,
            principal,
            network: networks.into_iter().next(),
        }
    }

    fn dataset(
        &self,
        name: &DatasetName,
        project_name: Option<&ProjectName>,
        project: Option<&Project>,
        labels: &Labels,
        networks: &[String],
    ) -> DatasetFacts {
        let dataset = self.registry.datasets.get(name);
        DatasetFacts {
            name: name.clone(),
            declared: dataset.is_some(),
            public: dataset.is_some_and(|dataset| dataset.class == DataClass::Public),
            missing_grant: dataset.and_then(|dataset| dataset.visa.clone().filter(|grant| !self.has_grant(grant))),
            confidential: dataset.is_some_and(|dataset| dataset.confidential),
            network_bound: dataset.is_none_or(|dataset| dataset.network == Network::Institute),
            other_networks: dataset.and_then(|dataset| others(&dataset.network, networks)),
            granted: project.is_some_and(|project| project.datasets.contains(name)),
            consent: dataset.map_or(policy::Consent::Unknown, |known| consent(known.consent, known.consent_date)),
            terms: match (dataset, project_name, project) {
                (Some(dataset), Some(name), Some(project)) => self.terms(dataset, name, project, labels),
                _ => Vec::new(),
            },
        }
    }

    fn has_grant(&self, address: &str) -> bool {
        self.caller.visas().is_none_or(|visas| visas.grants(address, self.now))
    }

    /// The dataset's terms, and those of the subjects concerned.
    fn terms(&self, dataset: &Dataset, name: &ProjectName, project: &Project, labels: &Labels) -> Vec<TermVerdict> {
        let scopes = || labels.subjects.iter().filter_map(|name| Some((name, dataset.subjects.get(name)?)));
        if dataset.data_use.is_empty() && scopes().all(|(_, subject)| subject.scope.is_empty()) {
            return Vec::new();
        }
        let purpose = self.purpose(name, project);
        let context = MatchContext { today: day_of(self.now), released: dataset.released };
        let mut terms = match_use(&dataset.data_use, &purpose, context);
        for (subject, known) in scopes() {
            let scope = match_use(&known.scope, &purpose, context).into_iter();
            terms.extend(scope.map(|found| TermVerdict { term: format!("{} of {subject}", found.term), ..found }));
        }
        terms
    }

    /// What the project declared, with what the registry knows of its members.
    fn purpose(&self, name: &ProjectName, project: &Project) -> Purpose {
        let people = project.members.iter().filter_map(|member| self.registry.people.get(member));
        Purpose {
            project: name.to_string(),
            institutions: people.filter_map(|person| person.institution.clone()).collect(),
            users: project.members.iter().cloned().collect(),
            ..project.data_use.clone()
        }
    }

    /// A subject stands here once for each dataset that lists them, since a withdrawal from any counts.
    fn subject(&self, name: &SubjectName, labels: &Labels) -> Vec<SubjectFacts> {
        let known = || self.registry.datasets_of(name);
        let listed = known().any(|(dataset, _)| labels.datasets.contains(dataset));
        if !listed {
            return vec![SubjectFacts { name: name.clone(), listed, consent: policy::Consent::Unknown }];
        }
        let facts = |subject: &crate::SubjectConsent| SubjectFacts {
            name: name.clone(),
            listed,
            consent: consent(subject.consent, subject.consent_date),
        };
        known().map(|(_, subject)| facts(subject)).collect()
    }
}

/// The networks from which data are used, if the request comes from none of them.
fn others(bound_to: &Network, asked_from: &[String]) -> Option<String> {
    let Network::Named(names) = bound_to else { return None };
    (!names.iter().any(|name| asked_from.contains(name))).then(|| names.join(", "))
}

fn consent(state: Consent, date: Option<Date>) -> policy::Consent {
    match state {
        Consent::Given => policy::Consent::Given(date),
        Consent::Withdrawn => policy::Consent::Withdrawn(date),
        Consent::Unknown => policy::Consent::Unknown,
    }
}

fn project_facts(name: &ProjectName, project: Option<&Project>, person: &str) -> ProjectFacts {
    let (purpose, from, until) = project.map_or_else(
        || (String::new(), Date::MIN, Date::MIN),
        |project| (project.purpose.clone(), project.from, project.until),
    );
    ProjectFacts {
        name: name.clone(),
        declared: project.is_some(),
        member: project.is_some_and(|project| project.members.iter().any(|member| member == person)),
        purpose,
        from,
        until,
    }
}

/// What is against keeping what was made of a subject's data under a permit: consents that do not hold any more.
pub(crate) fn withdrawn_since(registry: &Registry, subject: &SubjectName) -> Option<Reason> {
    let mut known = registry.datasets_of(subject).map(|(_, known)| known).peekable();
    let is_listed = known.peek().is_some();
    let ended = known.find(|known| known.consent != Consent::Given);
    if is_listed && ended.is_none() {
        return None;
    }
    let since = ended.and_then(|known| known.consent_date).map_or(String::new(), |date| format!(" on {date}"));
    Some(Reason {
        text: format!("the consent of the subject {subject} was withdrawn{since}"),
        remedy: "the data may not be used any more".to_owned(),
        policy: "consent-not-withdrawn".to_owned(),
    })
}

/// How a subject's withdrawal is written down.
pub(crate) fn withdrawal_of(subject: &SubjectName) -> String {
    format!(
        "write it down for every dataset that lists them, in registry/datasets.yaml:\n  subjects:\n    {subject}:\n      \
         consent: withdrawn\n      consent-date: YEAR-MONTH-DAY"
    )
}
