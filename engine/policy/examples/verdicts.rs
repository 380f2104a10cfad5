//! How many decisions a second one thread makes on a site with many people, projects, datasets and subjects.
//!
//! `cargo run --release -p sluis-policy --example verdicts [DECISIONS] [REPEATS]`

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement may fail, and prints")]

use std::{collections::BTreeMap, hint::black_box, time::Instant};

use jiff::{Timestamp, civil::Date};
use sluis_policy::{
    Action, Consent, DataUse, DatasetFacts, Declared, Execution, Facts, Institution, Login, MatchContext, Person,
    Place, PolicySet, Principal, ProjectFacts, Purpose, ResearchKind, Resource, SubjectFacts, match_use,
};

const PEOPLE: usize = 1_000;
const PROJECTS: usize = 200;
const DATASETS: usize = 500;
const SUBJECTS: usize = 20_000;

/// What a registry knows.
struct Registry {
    people: BTreeMap<String, Person>,
    projects: Vec<(ProjectFacts, Purpose)>,
    datasets: Vec<(DatasetFacts, Vec<DataUse>)>,
    subjects: Vec<SubjectFacts>,
    now: Timestamp,
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

impl Registry {
    fn new() -> Self {
        let institution = |number: usize| Institution {
            name: format!("institution-{}", number % 20),
            trusted: true,
            suspended: number % 20 == 7,
        };
        let people = (0..PEOPLE).map(|number| {
            let person = Person {
                name: format!("person-{number}"),
                declared: true,
                verified: true,
                roles: ["analyst".to_owned()].into(),
                institution: institution(number),
                training_until: (number % 17 != 0).then(|| day("2027-06-30")),
                missing_visas: [].into(),
            };
            (person.name.clone(), person)
        });
        let projects = (0..PROJECTS).map(|number| {
            let project = ProjectFacts {
                name: format!("project-{number}").parse().unwrap(),
                declared: true,
                member: true,
                purpose: "research".to_owned(),
                from: day("2026-01-01"),
                until: if number % 13 == 0 { day("2026-10-31") } else { day("2027-12-31") },
            };
            let purpose = Purpose {
                project: project.name.to_string(),
                kind: ResearchKind::Health,
                ancestry: Declared::No,
                commercial: Declared::No,
                publishes: Declared::Yes,
                ..Purpose::default()
            };
            (project, purpose)
        });
        let datasets = (0..DATASETS).map(|number| {
            let dataset = DatasetFacts {
                name: format!("dataset-{number}").parse().unwrap(),
                declared: true,
                public: number % 50 == 0,
                granted: number % 31 != 0,
                consent: Consent::Given(Some(day("2026-01-01"))),
                network_bound: true,
                other_networks: None,
                confidential: false,
                missing_grant: None,
                terms: Vec::new(),
            };
            let terms = ["HMB", "NCU", "PUB"].map(|term| term.parse().unwrap());
            (dataset, terms.to_vec())
        });
        let subjects = (0..SUBJECTS).map(|number| SubjectFacts {
            name: format!("P{number:05}").parse().unwrap(),
            listed: true,
            consent: if number % 997 == 0 { Consent::Withdrawn(None) } else { Consent::Given(None) },
        });
        Self {
            people: people.collect(),
            projects: projects.collect(),
            datasets: datasets.collect(),
            subjects: subjects.collect(),
            now: "2026-11-23T10:15:00Z".parse().unwrap(),
        }
    }

    /// The facts of one request: a task that reads the tumour and the normal genome of a subject, and a reference.
    fn facts(&self, number: usize) -> Facts {
        let person = &self.people[&format!("person-{}", number * 7 % PEOPLE)];
        let (project, purpose) = &self.projects[number * 11 % PROJECTS];
        let context = MatchContext { today: day("2026-11-23"), released: None };
        let datasets = [number * 13 % DATASETS, number * 17 % (DATASETS / 50) * 50].map(|at| {
            let (dataset, terms) = &self.datasets[at];
            DatasetFacts { terms: match_use(terms, purpose, context), ..dataset.clone() }
        });
        let subjects = [number * 19 % SUBJECTS, number * 23 % SUBJECTS].map(|at| self.subjects[at].clone());
        Facts {
            principal: Principal::Person(person.clone(), Login { multi_factor: true, age_minutes: Some(30) }),
            action: [Action::Submit, Action::Read, Action::ViewProvenance][number % 3],
            resource: Resource::Run(format!("run-{number}")),
            personal_site: false,
            network: Some("research".to_owned()),
            place: Place::named("NL"),
            allowed_places: vec!["NL".to_owned()],
            execution: Some(Execution {
                executor: "docker".to_owned(),
                executor_allowed: true,
                on_site: true,
                confidential: false,
                tool_network: false,
                tool_network_allowed: false,
            }),
            source: None,
            asked_by: None,
            approved_by: None,
            aggregate: None,
            project: Some(project.clone()),
            datasets: datasets.to_vec(),
            subjects: subjects.to_vec(),
            without_labels: Vec::new(),
            now: self.now,
            asked: self.now,
        }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().unwrap());
    let (decisions, repeats) = (arguments.next().unwrap_or(20_000), arguments.next().unwrap_or(5));
    let begun = Instant::now();
    let set = PolicySet::shipped().unwrap();
    let loading = begun.elapsed();
    let registry = Registry::new();
    let (mut rates, mut allowed) = (Vec::new(), 0);
    for _ in 0..repeats {
        let begun = Instant::now();
        let verdicts = (0..decisions).map(|number| black_box(set.decide(&registry.facts(number))));
        allowed = verdicts.filter(|verdict| verdict.allowed).count();
        rates.push(decisions as f64 / begun.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    let rate = rates[rates.len() / 2];
    println!(
        "{PEOPLE} people, {PROJECTS} projects, {DATASETS} datasets, {SUBJECTS} subjects; {} policies",
        set.policies().count()
    );
    println!("loading the policies: {:.1} ms", loading.as_secs_f64() * 1e3);
    println!("{rate:.0} decisions a second, {:.1} µs each; {allowed} of {decisions} allowed", 1e6 / rate);
}
