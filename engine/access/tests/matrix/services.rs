//! Programs that act for a person: never more than was delegated, and no longer than the person may.

use std::{collections::BTreeSet, fs, path::Path};

use jiff::{Timestamp, ToSpan};
use sluis_access::{AccessError, Caller, NewDelegation, ReadAction, Site};
use sluis_identity::{Expectations, Verifier};
use sluis_model::{Address, Labels};
use sluis_policy::Action;

use crate::{
    copy,
    issuer::Issuer,
    template,
    world::{World, project, training},
};

pub async fn anna(issuer: &Issuer, folder: &Path, address: &Address) -> Site {
    // The world's own request writes the site's files.
    World::allowed(issuer).outcome(issuer, folder, address).await.result.unwrap();
    let site = Site::open(folder).unwrap();
    let verifier = Verifier::new(site.config().identity.clone().unwrap().trust).unwrap();
    let token = issuer.sign(&Issuer::header(), &issuer.claims().to_string());
    let identity = verifier.verify(&token, &Expectations::default(), Timestamp::now()).await.unwrap();
    site.used_by(at_work(Caller::verified(&identity)))
}

pub fn at_work(caller: Caller) -> Caller {
    caller.from_addresses(vec!["192.0.2.17".parse().unwrap()])
}

fn policies<T>(outcome: Result<T, AccessError>) -> Vec<String> {
    match outcome {
        Err(AccessError::Refused(refusal)) => refusal.reasons.into_iter().map(|reason| reason.policy).collect(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was allowed"),
    }
}

fn nightly(actions: &[Action]) -> NewDelegation {
    let actions: BTreeSet<_> = actions.iter().copied().collect();
    NewDelegation { service: "nightly".to_owned(), project: project(), actions, days: 30 }
}

#[tokio::test]
async fn a_program_does_what_was_delegated_until_it_is_taken_back() {
    let issuer = Issuer::start();
    let (template, address) = template();
    let folder = copy(&template);
    let person = anna(&issuer, folder.path(), &address).await;
    let token = person.delegate(&nightly(&[Action::Read, Action::Submit])).unwrap();
    let program = Site::open(folder.path()).unwrap();
    let caller = at_work(program.service(token.reveal()).unwrap());
    let program = program.used_by(caller);
    let read = |action| program.permit_read(&project(), &address, action);
    read(ReadAction::Show).unwrap();
    let last = program.audit().records().unwrap().map(Result::unwrap).last().unwrap();
    assert_eq!(last.caller(), "nightly for anna");
    assert_eq!(policies(read(ReadAction::Provenance)), ["delegation-covers-action"]);
    assert!(policies(read(ReadAction::Export)).contains(&"people-decide".to_owned()));
    let other = "other".parse().unwrap();
    let elsewhere = program.permit_read(&other, &address, ReadAction::Show);
    assert!(policies(elsewhere).contains(&"delegation-covers-action".to_owned()));
    let mut of_trial = Labels::of_dataset("trial-7".parse().unwrap());
    of_trial.subjects.insert("P012".parse().unwrap());
    program.permit_put(&project(), &of_trial).unwrap();
    assert!(program.delegate(&nightly(&[Action::Read])).is_err(), "programs do not delegate");

    let [known] = &*person.delegations().unwrap() else { panic!("one delegation was made") };
    assert_eq!((known.person.as_str(), known.service.as_str()), ("anna", "nightly"));
    person.revoke_delegation(&known.id).unwrap();
    assert_eq!(policies(read(ReadAction::Show)), ["delegation-not-revoked"]);
    assert!(person.delegations().unwrap().is_empty());
    assert!(person.revoke_delegation(&known.id).is_err());
}

#[tokio::test]
async fn nothing_counts_as_delegated_if_one_of_the_actions_is_refused() {
    let issuer = Issuer::start();
    let (template, address) = template();
    let folder = copy(&template);
    let person = anna(&issuer, folder.path(), &address).await;
    let delegated = || {
        let records = person.audit().records().unwrap().map(Result::unwrap);
        records.filter(|record| record.action() == "delegated").collect::<Vec<_>>()
    };
    assert!(person.delegate(&nightly(&[Action::Read, Action::Export])).is_err());
    assert_eq!(delegated(), []);
    person.delegate(&nightly(&[Action::Submit, Action::Read])).unwrap();
    let [known] = &*person.delegations().unwrap() else { panic!("one delegation was made") };
    let [record] = &*delegated() else { panic!("it is in the log once") };
    assert_eq!((record.caller(), record.project()), ("anna", "neuroblastoma"));
    assert!(record.json().contains(&known.id), "{}", record.json());
}

#[tokio::test]
async fn what_the_person_may_not_their_program_may_not() {
    let issuer = Issuer::start();
    let (template, address) = template();
    let folder = copy(&template);
    let person = anna(&issuer, folder.path(), &address).await;
    let token = person.delegate(&nightly(&[Action::Read])).unwrap();
    let people = folder.path().join("registry/people.yaml");
    let text = fs::read_to_string(&people).unwrap();
    let (trained, last_day) = training();
    let lapsed = trained.saturating_sub(2.years());
    for (from, to, policy) in [
        (
            &*format!("completed: {trained}, until: {last_day}"),
            &*format!("completed: {lapsed}, until: {lapsed}"),
            "valid-training",
        ),
        ("subject: anna-at-work", "subject: somebody-else", "declared-person"),
    ] {
        fs::write(&people, text.replace(from, to)).unwrap();
        let program = Site::open(folder.path()).unwrap();
        let caller = at_work(program.service(token.reveal()).unwrap());
        let refused = policies(program.used_by(caller).permit_read(&project(), &address, ReadAction::Show));
        assert!(refused.contains(&policy.to_owned()), "{refused:?}");
    }
}

#[tokio::test]
async fn a_program_acts_only_as_long_as_the_site_trusts_who_vouched_for_the_person() {
    let issuer = Issuer::start();
    let (template, address) = template();
    let folder = copy(&template);
    let person = anna(&issuer, folder.path(), &address).await;
    let token = person.delegate(&nightly(&[Action::Read])).unwrap();
    let path = folder.path().join("site.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let other = text.replace(&format!("issuer: '{}'", issuer.address), "issuer: 'https://login.example.org'");
    assert_ne!(other, text);
    fs::write(&path, other).unwrap();
    let program = Site::open(folder.path()).unwrap();
    let caller = at_work(program.service(token.reveal()).unwrap());
    let program = program.used_by(caller);
    assert_eq!(policies(program.permit_read(&project(), &address, ReadAction::Show)), ["verified-identity"]);
}

#[tokio::test]
async fn a_program_has_the_visas_that_the_person_had_when_they_delegated() {
    let issuer = Issuer::start();
    let (template, address) = template();
    let folder = copy(&template);
    let world = World::with_visas(&issuer);
    world.outcome(&issuer, folder.path(), &address).await.result.unwrap();
    let site = || Site::open(folder.path()).unwrap();
    let delegated = async |with_visas: bool| {
        let site = site();
        let verifier = Verifier::new(site.config().identity.clone().unwrap().trust).unwrap();
        let identity = world.verified(&issuer, &verifier).await.unwrap();
        let passport = verifier.embedded_passport(&identity, Timestamp::now()).await;
        let caller = Caller::verified(&identity);
        let caller = if with_visas { caller.with_passport(passport.as_ref()) } else { caller };
        site.used_by(at_work(caller)).delegate(&nightly(&[Action::Read]))
    };
    let missing = ["required-visa", "valid-training"];
    assert_eq!(policies(delegated(false).await), ["required-visa", "required-visa", "valid-training"]);
    let token = delegated(true).await.unwrap();
    let read = || {
        let program = site();
        let caller = at_work(program.service(token.reveal()).unwrap());
        program.used_by(caller).permit_read(&project(), &address, ReadAction::Show)
    };
    read().unwrap();
    // What the site wrote down of them cannot be written by others.
    let note = fs::read_dir(folder.path().join("delegations")).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&note).unwrap();
    assert!(text.contains("protection/1"), "{text}");
    fs::write(&note, text.replace("protection/1", "protection/3")).unwrap();
    let refused = policies(read());
    assert!(missing.iter().all(|policy| refused.contains(&(*policy).to_owned())), "{refused:?}");
}

#[tokio::test]
async fn only_the_tokens_of_this_site_are_good() {
    let issuer = Issuer::start();
    let (template, address) = template();
    let folder = copy(&template);
    let person = anna(&issuer, folder.path(), &address).await;
    let token = person.delegate(&nightly(&[Action::Read])).unwrap();
    let good = token.reveal();
    let mut flipped = good.to_owned();
    let at = good.len() - 10;
    flipped.replace_range(at..=at, if good.as_bytes()[at] == b'A' { "B" } else { "A" });
    for bad in ["", "x", "a.b.c", &good[..good.len() - 5], &flipped] {
        assert!(matches!(person.service(bad), Err(AccessError::Delegate(_))), "{bad}");
    }
    let (other, other_address) = crate::template();
    let other_folder = copy(&other);
    let other_person = anna(&issuer, other_folder.path(), &other_address).await;
    assert!(matches!(other_person.service(good), Err(AccessError::Delegate(_))));
}

#[tokio::test]
async fn a_delegation_is_taken_back_only_if_that_can_be_written_down() {
    let issuer = Issuer::start();
    let (template, address) = template();
    let folder = copy(&template);
    let person = anna(&issuer, folder.path(), &address).await;
    person.delegate(&nightly(&[Action::Read])).unwrap();
    let note = fs::read_dir(folder.path().join("delegations")).unwrap().next().unwrap().unwrap().path();
    let id = note.file_name().unwrap().to_str().unwrap();
    let log = folder.path().join("audit/log.jsonl");
    let away = log.with_extension("away");
    fs::rename(&log, &away).unwrap();
    assert!(matches!(person.revoke_delegation(id), Err(AccessError::Audit(_))));
    assert!(note.exists(), "nothing was done of which nothing is written");
    fs::rename(&away, &log).unwrap();
    person.revoke_delegation(id).unwrap();
    assert!(!note.exists());
}
