//! What refuses a request ends what was permitted before and runs: all that the registry and delegations can say.

use std::path::Path;

use serde_json::Value as Json;
use sluis_access::{AccessError, AuditRecord, Caller, NewDelegation, Permit, Site, TaskRequest};
use sluis_model::{Address, EuCountry, Labels, Region, RunId, TaskId};
use sluis_policy::Action;

use crate::{
    copy,
    flips::{By, CONSENTS, Flip, PEOPLE, PROJECTS, TERMS},
    is_by,
    issuer::Issuer,
    services::{anna, at_work},
    template,
    world::{World, project},
};

fn task(site: &Site, address: &Address) -> Permit {
    let run: RunId = "20261123-101500-3fa2b1".parse().unwrap();
    let request = TaskRequest {
        run: &run,
        task: TaskId(7),
        tool: "sort",
        project: &project(),
        inputs: &[*address],
        derived_from: &Labels::default(),
        region: Region::on_site(EuCountry::NL),
        executor: "local",
        network: false,
    };
    site.permit_task(&request).unwrap()
}

/// The newest record of the log.
fn last(site: &Site) -> Json {
    let record: AuditRecord = site.audit().records().unwrap().map(Result::unwrap).last().unwrap();
    serde_json::from_str(record.json()).unwrap()
}

/// That the permit does not hold any more, by whom, and that this is in the log as it was told.
fn ended(site: &Site, permit: &Permit, flip: &Flip) -> Result<(), String> {
    let By(expected) = flip.refused else { return Err("it is refused otherwise than by policies".to_owned()) };
    let refusal = match site.still_permits(permit) {
        Err(AccessError::Refused(refusal)) => refusal,
        other => return Err(format!("it goes on: {other:?}")),
    };
    is_by(expected, &refusal.reasons)?;
    let record = last(site);
    let told: Json = refusal.reasons.iter().map(|reason| Json::from(&*reason.text)).collect();
    let is_written = record["action"] == "end-permit"
        && record["permit"] == permit.audit_record()
        && record["caller"] == "anna"
        && record["run"] == "20261123-101500-3fa2b1"
        && record["reasons"] == told
        && refusal.reasons.iter().all(|reason| record["policies"].to_string().contains(&reason.policy));
    if is_written { Ok(()) } else { Err(format!("the log has {record}")) }
}

/// Whether a flip is one of the registry's files.
fn is_of_registry(world: &World, allowed: &World) -> bool {
    let files = |world: &World| {
        [&world.institutions, &world.people, &world.projects, &world.datasets]
            .map(|text| text.replace("TERMS", world.terms))
    };
    files(world) != files(allowed) || world.withdrawals.is_some()
}

#[tokio::test]
async fn what_the_registry_takes_away_ends_what_runs() {
    let issuer = Issuer::start();
    let (template, address) = template();
    let (mut ends, mut problems) = (0, Vec::new());
    for flip in [PEOPLE, PROJECTS, CONSENTS, TERMS].into_iter().flatten() {
        let (allowed, mut world) = (World::allowed(&issuer), World::allowed(&issuer));
        (flip.flip)(&mut world);
        if !is_of_registry(&world, &allowed) {
            continue;
        }
        let folder = copy(&template);
        let site = anna(&issuer, folder.path(), &address).await;
        let permit = task(&site, &address);
        site.still_permits(&permit).unwrap();
        world.write(&issuer, folder.path());
        problems.extend(ended(&site, &permit, flip).err().map(|problem| (flip.name, problem)));
        if world.withdrawals.is_none() {
            // What was mended in time goes on, and what has nothing to do with the task is no reason to end it.
            allowed.write(&issuer, folder.path());
            site.still_permits(&permit).unwrap();
            World { people: format!("{}  bob: {{issuer: self}}\n", allowed.people), ..allowed }
                .write(&issuer, folder.path());
            site.still_permits(&permit).unwrap();
        }
        ends += 1;
    }
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(ends > 35, "{ends} flips are of the registry");
}

#[tokio::test]
async fn what_a_program_runs_ends_with_its_delegation() {
    let issuer = Issuer::start();
    let (template, address) = template();
    let folder = copy(&template);
    let person = anna(&issuer, folder.path(), &address).await;
    let new =
        NewDelegation { service: "nightly".to_owned(), project: project(), actions: [Action::Submit].into(), days: 30 };
    let token = person.delegate(&new).unwrap();
    let program = as_program(folder.path(), token.reveal());
    let permit = task(&program, &address);
    program.still_permits(&permit).unwrap();
    person.revoke_delegation(&person.delegations().unwrap()[0].id).unwrap();
    let Err(AccessError::Refused(refusal)) = program.still_permits(&permit) else { panic!("it goes on") };
    is_by(&[("delegation-not-revoked", "anna revoked what they delegated to nightly (for anna)")], &refusal.reasons)
        .unwrap();
    let record = last(&program);
    assert_eq!((&record["action"], &record["caller"]), (&"end-permit".into(), &"nightly for anna".into()));
}

fn as_program(folder: &Path, token: &str) -> Site {
    let site = Site::open(folder).unwrap();
    let caller: Caller = at_work(site.service(token).unwrap());
    site.used_by(caller)
}

#[tokio::test]
async fn only_the_permits_of_tasks_can_be_looked_at_again() {
    let issuer = Issuer::start();
    let (template, address) = template();
    let folder = copy(&template);
    let site = anna(&issuer, folder.path(), &address).await;
    let reading = site.permit_read(&project(), &address, sluis_access::ReadAction::Show).unwrap();
    assert!(matches!(site.still_permits(&reading), Err(AccessError::NotCovered(_))));
}
