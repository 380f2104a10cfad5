//! How many decisions a second one thread makes at a large site of an institute: 1,000 people, 200 projects, 500 datasets
//! and 20,000 subjects. Each decision is about a task of somebody who logged in with a token that was verified, with
//! visas, from one of the institute's networks, on the data of a subject under terms of their own and of the dataset;
//! with its facts, the policies, and its record in the audit log.
//!
//! `cargo run --release -p sluis-access --example decisions [ROUNDS]`

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement may fail, and prints")]

use std::{error::Error, fmt::Write as _, fs, path::Path, thread, time::Duration, time::Instant};

use jiff::{Timestamp, ToSpan, tz::Offset};
use sluis_access::{Caller, Rule, Site, SiteConfig, TaskRequest};
use sluis_identity::{Expectations, Verifier};
use sluis_model::{EuCountry, Labels, ProjectName, Region, RunId, TaskId};

#[path = "../tests/matrix/issuer.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod issuer;

use issuer::Issuer;

const PEOPLE: usize = 1_000;
const PROJECTS: usize = 200;
const DATASETS: usize = 500;
const SUBJECTS: usize = 20_000;
/// Tasks of each project in a round.
const TASKS: usize = 100;

/// A project, with who works on it.
struct Work {
    project: ProjectName,
    caller: Caller,
    tasks: Vec<(TaskId, Labels)>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = std::env::args().nth(1).map_or(Ok(5), |text| text.parse::<usize>())?;
    // In memory, so that the disk is not measured.
    let folder = tempfile::tempdir_in("/dev/shm")?;
    let (folder, issuer) = (folder.path().join("site"), Issuer::start());
    make(&folder, &issuer)?;
    let mut site = Site::open(&folder)?;
    let begun = Instant::now();
    site.registry()?;
    println!("the registry is read in {:.2} s", begun.elapsed().as_secs_f64());
    let work = work(&site, &issuer)?;
    // The state of a file is trusted once it is some seconds old; until then it is read for each decision.
    thread::sleep(Duration::from_secs(4));
    let (run, region): (RunId, _) = ("20261123-101500-3fa2b1".parse()?, Region::on_site(EuCountry::NL));
    let mut rates = Vec::new();
    // The first round is the one in which everything is new.
    for round in 0..=rounds {
        let begun = Instant::now();
        for Work { project, caller, tasks } in &work {
            site = site.used_by(caller.clone());
            for (task, labels) in tasks {
                site.permit_task(&TaskRequest {
                    run: &run,
                    task: *task,
                    tool: "align",
                    project,
                    inputs: &[],
                    derived_from: labels,
                    region,
                    executor: "docker",
                    network: false,
                })?;
            }
        }
        if round > 0 {
            rates.push((PROJECTS * TASKS) as f64 / begun.elapsed().as_secs_f64());
        }
    }
    rates.sort_by(f64::total_cmp);
    println!("{:.0} decisions a second ({:.0} to {:.0})", rates[rounds / 2], rates[0], rates[rounds - 1]);
    let last = site.audit().records()?.last().ok_or("nothing was written down")??;
    println!("the last of {} records: {}", last.sequence() + 1, last.json());
    Ok(())
}

/// Somebody of each project, logged in, and the tasks that they run on the data of one subject each.
fn work(site: &Site, issuer: &Issuer) -> Result<Vec<Work>, Box<dyn Error>> {
    let trust = site.config().identity.clone().ok_or("the site trusts nobody")?.trust;
    let (verifier, runtime) =
        (Verifier::new(trust)?, tokio::runtime::Builder::new_current_thread().enable_all().build()?);
    let mut work = Vec::new();
    for number in 0..PROJECTS {
        let identity = runtime.block_on(async {
            let token = token_of(issuer, number * 5);
            let identity = verifier.verify(&token, &Expectations::default(), Timestamp::now()).await?;
            let passport = verifier.embedded_passport(&identity, Timestamp::now()).await?;
            Ok::<_, Box<dyn Error>>(Caller::verified(&identity).with_passport(Ok(&passport)))
        });
        let caller = identity?.from_addresses(vec!["192.0.2.17".parse()?]);
        let tasks = (0..TASKS).map(|task| {
            let dataset = (number + PROJECTS * (task % 2)) % DATASETS;
            let each = SUBJECTS / DATASETS;
            let mut labels = Labels::of_dataset(format!("dataset-{dataset}").parse()?);
            labels.subjects.insert(format!("P{}", dataset * each + task % each).parse()?);
            Ok::<_, Box<dyn Error>>((TaskId(u32::try_from(task)?), labels))
        });
        let tasks = tasks.collect::<Result<_, Box<dyn Error>>>()?;
        work.push(Work { project: format!("project-{number}").parse()?, caller, tasks });
    }
    Ok(work)
}

/// A token with a visa in it.
fn token_of(issuer: &Issuer, person: usize) -> String {
    let now = Timestamp::now().as_second();
    let subject = format!("subject-{person}");
    let header = serde_json::json!({
        "alg": "ES256", "kid": "one", "typ": "vnd.ga4gh.visa+jwt", "jku": format!("{}/visa-keys", issuer.address),
    });
    let visa = serde_json::json!({
        "iss": "https://visas.example.org", "sub": subject, "iat": now, "exp": now + 3600, "jti": format!("visa-{person}"),
        "ga4gh_visa_v1": {
            "type": "ResearcherStatus", "value": "https://doi.org/10.1038/s41431-018-0219-y",
            "source": "https://academy.example.org", "by": "so", "asserted": now,
        },
    });
    let mut claims = issuer.claims();
    claims["sub"] = subject.into();
    claims["exp"] = (now + 3600).into();
    claims["ga4gh_passport_v1"] = serde_json::json!([issuer.sign_visa(&header, &visa.to_string())]);
    issuer.sign(&Issuer::header(), &claims.to_string())
}

/// A site of an institute with a large registry.
fn make(folder: &Path, issuer: &Issuer) -> Result<(), Box<dyn Error>> {
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
        docker_patience: Default::default(),
        identity: None,
    };
    drop(Site::create(folder, &config)?);
    let (site, registry) = (folder.join("site.yaml"), folder.join("registry"));
    let address = &issuer.address;
    let identity = format!(
        "executors: [docker]\nidentity:\n  http-on-loopback: true\n  issuers:\n    - {{issuer: '{address}', client: sluis}}\n  \
         visas:\n    brokers: ['{address}']\n    issuers:\n      - issuer: https://visas.example.org\n        \
         key-sets: ['{address}/visa-keys']\n        sources: {{ResearcherStatus: [https://academy.example.org]}}\n        \
         subjects-of: ['{address}']\n    required: {{ResearcherStatus: [https://doi.org/10.1038/s41431-018-0219-y]}}\n"
    );
    fs::write(&site, format!("{}{identity}", fs::read_to_string(&site)?))?;
    fs::write(registry.join("institutions.yaml"), institutions()?)?;
    fs::write(registry.join("people.yaml"), people(address)?)?;
    fs::write(registry.join("projects.yaml"), projects()?)?;
    fs::write(registry.join("datasets.yaml"), datasets()?)?;
    Ok(())
}

fn institutions() -> Result<String, std::fmt::Error> {
    let mut text = "institutions:\n".to_owned();
    for number in 0..20 {
        let networks =
            if number == 7 { "{campus: [192.0.2.0/24], lab: [198.51.100.0/24]}" } else { "{campus: [203.0.113.0/24]}" };
        writeln!(text, "  institution-{number}: {{description: x, trust: trusted, networks: {networks}}}")?;
    }
    Ok(text)
}

fn people(issuer: &str) -> Result<String, std::fmt::Error> {
    let mut text = "people:\n".to_owned();
    let completed = Offset::UTC.to_datetime(Timestamp::now()).date() - 10.days();
    let until = completed + 1.year() - 1.day();
    (0..PEOPLE).try_for_each(|number| {
        writeln!(
            text,
            "  person-{number}:\n    issuer: '{issuer}'\n    subject: subject-{number}\n    institution: institution-{}\n    \
             training: [{{course: 'https://example.org/protection/1', completed: {completed}, until: {until}}}]",
            number % 20
        )
    })?;
    Ok(text)
}

fn projects() -> Result<String, std::fmt::Error> {
    let mut text = "projects:\n".to_owned();
    for number in 0..PROJECTS {
        let datasets = (0..3).map(|times| format!("dataset-{}", (number + PROJECTS * times) % DATASETS));
        let members = (0..6).map(|times| format!("person-{}", (number * 5 + times) % PEOPLE));
        let (datasets, members) = (datasets.collect::<Vec<_>>().join(", "), members.collect::<Vec<_>>().join(", "));
        writeln!(
            text,
            "  project-{number}:\n    purpose: research\n    members: [{members}]\n    datasets: [{datasets}]\n    \
             from: '2020-01-01'\n    until: '2090-01-01'\n    approval: DAC-{number}\n    \
             data-use: {{kind: health, commercial: false, ancestry: false}}",
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
            "  dataset-{number}:\n    description: Dataset {number}.\n    consent: given\n    consent-date: '2020-01-01'\n    \
             data-use: [HMB, NCU]\n    subjects:"
        )?;
        for subject in number * each..(number + 1) * each {
            writeln!(text, "      P{subject}: {{consent: given, consent-date: '2020-01-01', scope: [HMB]}}")?;
        }
    }
    Ok(text)
}
