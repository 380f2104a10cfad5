//! Decisions, sealing and the audit log, through a site on disk.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod audit;
mod classes;
mod damage;
mod decisions;
mod erasure;
mod executors;
mod folder;
mod grants;
mod hostile;
mod keys;
mod large;
mod objects;
mod registry;
mod retries;
#[path = "../../../bucket/tests/bucket/servers.rs"]
#[allow(dead_code, reason = "one of the servers is enough here")]
mod servers;
mod subjects;
mod tasks;
mod upkeep;
#[path = "../../../bucket/tests/bucket/wire.rs"]
#[allow(dead_code, reason = "as above")]
mod wire;

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use sluis_access::{AccessError, Executors, ReadAction, Rule, SealedObject, Site, SiteConfig, TaskRequest};
use sluis_model::{Address, DatasetName, EuCountry, Labels, ProjectName, RunId, TaskId};

fn config() -> SiteConfig {
    SiteConfig {
        name: "test".into(),
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
    }
}

fn site(folder: &Path) -> Site {
    Site::create(folder, &config()).unwrap()
}

fn project() -> ProjectName {
    "personal".parse().unwrap()
}

fn dataset(name: &str) -> DatasetName {
    name.parse().unwrap()
}

fn of_dataset(name: &str) -> Labels {
    Labels::of_dataset(dataset(name))
}

fn put(site: &Site, text: &[u8]) -> SealedObject {
    put_for(site, "personal", text)
}

fn put_for(site: &Site, name: &str, text: &[u8]) -> SealedObject {
    let permit = site.permit_put(&project(), &of_dataset(name)).unwrap();
    site.seal(&permit, text).unwrap()
}

fn show(site: &Site, address: &Address) -> Result<Vec<u8>, AccessError> {
    let permit = site.permit_read(&project(), address, ReadAction::Show)?;
    let mut text = Vec::new();
    let read = site.unseal(&permit, address)?.read_to_end(&mut text);
    read.map_err(|error| site.reading_failed(address, error))?;
    Ok(text)
}

fn run() -> RunId {
    "20261123-101500-3fa2b1".parse().unwrap()
}

/// A request for a task with these inputs.
fn request<'a>(run: &'a RunId, project: &'a ProjectName, inputs: &'a [Address], labels: &'a Labels) -> TaskRequest<'a> {
    let region = sluis_model::Region::on_site(EuCountry::NL);
    TaskRequest {
        run,
        task: TaskId(7),
        tool: "sort",
        project,
        inputs,
        derived_from: labels,
        region,
        executor: "local",
        network: false,
    }
}

/// The reasons of a refusal as one text.
fn refusal<T>(outcome: Result<T, AccessError>) -> String {
    match outcome {
        Err(AccessError::Refused(refusal)) => refusal.to_string(),
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(_) => panic!("not refused"),
    }
}

fn edit(site: &Site, file: &str, from: &str, to: &str) {
    let path = site.dir().join("registry").join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(&path, text.replace(from, to)).unwrap();
}

/// Declares a second dataset, granted to the project.
fn declare(site: &Site, name: &str) {
    edit(
        site,
        "datasets.yaml",
        "datasets:\n",
        &format!("datasets:\n  {name}:\n    description: x\n    consent: given\n"),
    );
    edit(site, "projects.yaml", "datasets: [personal", &format!("datasets: [personal, {name}"));
}

/// Declares a public dataset.
fn declare_public(site: &Site, name: &str) {
    let entry = format!("datasets:\n  {name}:\n    description: x\n    class: public\n");
    edit(site, "datasets.yaml", "datasets:\n", &entry);
}

/// The files of an object: label set, record, header packet if it is sealed, body.
fn parts(site: &Site, address: &Address) -> Vec<PathBuf> {
    let parts = site.store().object(address).unwrap().unwrap().parts().unwrap();
    parts.into_iter().map(|part| site.dir().join("store").join(part.name.as_str())).collect()
}

/// Makes the registry's files look as if nobody had touched them for an hour.
fn age_registry(site: &Site) {
    for entry in fs::read_dir(site.dir().join("registry")).unwrap() {
        let file = File::options().write(true).open(entry.unwrap().path()).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    }
}
