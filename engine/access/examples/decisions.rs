//! How many decisions a second one thread makes at a large site: 1,000 people, 200 projects, 500 datasets and 20,000
//! subjects; every decision with the facts of its own, the policies, and its record in the audit log.
//!
//! `cargo run --release -p sluis-access --example decisions`

#![allow(clippy::print_stdout, reason = "an example prints what it measured")]

use std::{error::Error, fmt::Write as _, fs, thread, time::Duration, time::Instant};

use sluis_access::{Rule, Site, SiteConfig};
use sluis_model::{EuCountry, Labels, ProjectName};

const PEOPLE: usize = 1_000;
const PROJECTS: usize = 200;
const DATASETS: usize = 500;
const SUBJECTS: usize = 20_000;
const DECISIONS: usize = 20_000;
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    // In memory, so that the disk is not measured.
    let folder = tempfile::tempdir_in("/dev/shm")?;
    let config = SiteConfig {
        name: "large".to_owned(),
        country: EuCountry::NL,
        unencrypted_swap: Rule::Allow,
        network_access: Rule::Refuse,
        local_executor: Rule::Refuse,
        executors: Default::default(),
        containers: Default::default(),
        remote_hosts: Vec::new(),
        quota: None,
        bucket: None,
        retries: Default::default(),
        resume_within: Default::default(),
        identity: None,
    };
    let site = Site::create(&folder.path().join("site"), &config)?;
    let registry = site.dir().join("registry");
    fs::write(registry.join("people.yaml"), people()?)?;
    fs::write(registry.join("projects.yaml"), projects()?)?;
    fs::write(registry.join("datasets.yaml"), datasets()?)?;
    let begun = Instant::now();
    site.registry()?;
    println!("the registry is read in {:.2} s", begun.elapsed().as_secs_f64());
    // The state of a file is trusted once it is some seconds old; until then it is read for each decision.
    thread::sleep(Duration::from_secs(4));
    let requests = (0..DECISIONS).map(request).collect::<Result<Vec<_>, _>>()?;
    let mut rates = Vec::new();
    for _ in 0..=ROUNDS {
        let begun = Instant::now();
        for (project, labels) in &requests {
            site.permit_put(project, labels)?;
        }
        rates.push(DECISIONS as f64 / begun.elapsed().as_secs_f64());
    }
    // The first round is the one in which everything is new.
    rates.remove(0);
    rates.sort_by(f64::total_cmp);
    println!("{:.0} decisions a second ({:.0} to {:.0})", rates[ROUNDS / 2], rates[0], rates[ROUNDS - 1]);
    Ok(())
}

fn request(number: usize) -> Result<(ProjectName, Labels), Box<dyn Error>> {
    let project = number % PROJECTS;
    let dataset = (project + PROJECTS * (number % 2)) % DATASETS;
    let mut labels = Labels::of_dataset(format!("dataset-{dataset}").parse()?);
    let each = SUBJECTS / DATASETS;
    labels.subjects.insert(format!("P{}", dataset * each + number % each).parse()?);
    Ok((format!("project-{project}").parse()?, labels))
}

fn people() -> Result<String, std::fmt::Error> {
    let mut text = "people:\n  self: {issuer: self}\n".to_owned();
    (1..PEOPLE).try_for_each(|number| writeln!(text, "  person-{number}: {{issuer: self}}"))?;
    Ok(text)
}

fn projects() -> Result<String, std::fmt::Error> {
    let mut text = "projects:\n".to_owned();
    for number in 0..PROJECTS {
        let datasets = (0..3).map(|times| format!("dataset-{}", (number + PROJECTS * times) % DATASETS));
        let members = (1..6).map(|times| format!("person-{}", (number * 5 + times) % (PEOPLE - 1) + 1));
        let (datasets, members) = (datasets.collect::<Vec<_>>().join(", "), members.collect::<Vec<_>>().join(", "));
        writeln!(
            text,
            "  project-{number}:\n    purpose: research\n    members: [self, {members}]\n    datasets: [{datasets}]\n    \
             from: '2020-01-01'\n    until: '2090-01-01'\n    data-use: {{kind: health, commercial: false, ancestry: false}}",
        )?;
    }
    Ok(text)
}

fn datasets() -> Result<String, std::fmt::Error> {
    let mut text = "datasets:\n".to_owned();
    let each = SUBJECTS / DATASETS;
    for number in 0..DATASETS {
        writeln!(
            text,
            "  dataset-{number}:\n    description: Dataset {number}.\n    consent: given\n    data-use: [HMB, NCU]\n    \
             subjects:"
        )?;
        for subject in number * each..(number + 1) * each {
            writeln!(text, "      P{subject}: {{consent: given, consent-date: '2020-01-01', scope: [HMB]}}")?;
        }
    }
    Ok(text)
}
