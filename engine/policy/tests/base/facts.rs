//! A request that everything speaks for; tests change one thing of it.

use sluis_policy::{
    Action, Consent, DatasetFacts, Delegation, Execution, Facts, Institution, Login, Person, Place, Principal,
    ProjectFacts, Resource, SourceHost, SubjectFacts,
};

/// Anna, a verified and trained member of the project neuro, asks on the institute's network to do something with data
/// of the dataset trial-7, of which the subject P012 is one, in the Netherlands.
pub fn allowed(action: Action) -> Facts {
    Facts {
        principal: Principal::Person(anna(), Login { multi_factor: true, age_minutes: Some(5) }),
        action,
        resource: resource(action),
        personal_site: false,
        network: Some("research".to_owned()),
        place: Place::named("NL"),
        allowed_places: vec!["NL".to_owned(), "europe-west4".to_owned()],
        execution: Some(Execution {
            executor: "docker".to_owned(),
            executor_allowed: true,
            on_site: true,
            confidential: true,
            tool_network: false,
            tool_network_allowed: false,
        }),
        source: Some(SourceHost { name: "data.example.org".to_owned(), allowed: true }),
        asked_by: Some("bert".to_owned()),
        approved_by: Some("carla".to_owned()),
        aggregate: None,
        project: Some(ProjectFacts {
            name: "neuro".parse().unwrap(),
            declared: true,
            member: true,
            purpose: "research".to_owned(),
            from: "2026-01-01".parse().unwrap(),
            until: "2027-12-31".parse().unwrap(),
        }),
        datasets: vec![DatasetFacts {
            name: "trial-7".parse().unwrap(),
            declared: true,
            public: false,
            granted: true,
            consent: Consent::Given(Some("2026-02-01".parse().unwrap())),
            network_bound: true,
            other_networks: None,
            confidential: false,
            missing_grant: None,
            terms: Vec::new(),
        }],
        subjects: vec![SubjectFacts {
            name: "P012".parse().unwrap(),
            listed: true,
            consent: Consent::Given(Some("2026-02-02".parse().unwrap())),
        }],
        without_labels: Vec::new(),
        now: "2026-11-23T10:15:00Z".parse().unwrap(),
        asked: "2026-11-23T10:15:00Z".parse().unwrap(),
    }
}

/// The same, asked by a service for Anna.
pub fn allowed_service(action: Action) -> Facts {
    let delegation = Delegation {
        until: "2026-11-24T00:00:00Z".parse().unwrap(),
        revoked: false,
        actions: Action::ALL.into_iter().collect(),
    };
    let principal = Principal::Service { name: "scheduler".to_owned(), person: anna(), delegation };
    Facts { principal, ..allowed(action) }
}

fn resource(action: Action) -> Resource {
    match action {
        Action::Submit | Action::Reanalyse => Resource::Run("run-1".to_owned()),
        Action::Read | Action::Export | Action::ViewProvenance => Resource::Object("b3:00ff".to_owned()),
        Action::Approve | Action::Refuse => Resource::Project("neuro".parse().unwrap()),
        Action::Withdraw => Resource::Dataset("trial-7".parse().unwrap()),
        Action::Administer | Action::Audit => Resource::Site("maxima".to_owned()),
    }
}

fn anna() -> Person {
    Person {
        name: "anna".to_owned(),
        declared: true,
        verified: true,
        roles: ["committee", "steward", "administrator", "auditor"].map(str::to_owned).into(),
        institution: Institution { name: "maxima".to_owned(), trusted: true, suspended: false },
        training_until: Some("2027-10-01".parse().unwrap()),
        missing_visas: [].into(),
    }
}

/// The person of a request, to be changed.
pub fn person(facts: &mut Facts) -> &mut Person {
    match &mut facts.principal {
        Principal::Person(person, _) | Principal::Service { person, .. } => person,
    }
}
