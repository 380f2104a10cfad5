//! What a bucket does when the server or the way to it is bad.

use std::io::{Read, Write};

use sluis_store::{
    Backend,
    backend::{Content, Mode, Name, NewBlob, Put},
    suite::Subject,
};

use crate::{Place, proxy::Fate, wire::Request};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn create(backend: &dyn Backend, name: &Name, bytes: &[u8]) -> Result<Put, String> {
    let blob = NewBlob { name: name.clone(), content: Content::Bytes(bytes.to_vec()), mode: Mode::Create };
    backend.put(vec![vec![blob]]).map(|put| put[0][0]).map_err(|error| told(&error))
}

fn told(error: &(dyn std::error::Error + 'static)) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {}", told(cause)))
}

/// The first `count` requests that fit meet `fate`, the others pass.
fn first(place: &Place, count: usize, fits: fn(&Request) -> bool, fate: &Fate) {
    let (mut left, fate) = (count, fate.clone());
    place.proxy.script(move |request| {
        if left > 0 && fits(request) {
            left -= 1;
            return fate.clone();
        }
        Fate::Pass
    });
}

fn upload(backend: &dyn Backend, name: &Name, bytes: &[u8]) -> Result<Put, String> {
    let mut upload = backend.begin(name).map_err(|error| told(&error))?;
    upload.write_all(bytes).map_err(|error| told(&error))?;
    let blob = NewBlob { name: name.clone(), content: Content::Upload(upload), mode: Mode::Create };
    backend.put(vec![vec![blob]]).map(|put| put[0][0]).map_err(|error| told(&error))
}

const PASSING: [Fate; 5] =
    [Fate::Say(429, "slow down"), Fate::Say(500, "oops"), Fate::Say(503, "later"), Fate::CutBefore, Fate::CutAfter];

fn passing_faults_are_overcome(place: &Place) {
    let backend = place.handle();
    for (round, fate) in PASSING.iter().enumerate() {
        let (small, large) = (name(&format!("tasks/{round}")), name(&format!("bodies/{round}")));
        first(place, 2, |request| request.method == "PUT", fate);
        assert_eq!(create(&backend, &small, b"small"), Ok(Put::Written), "its own write, {fate:?}");
        first(place, 1, |request| request.method == "PUT", fate);
        assert_eq!(create(&backend, &small, b"small"), Ok(Put::Existing), "{fate:?}");
        first(place, 3, |request| request.target.contains("pload"), fate);
        let bytes = vec![7; 11 << 20];
        assert_eq!(upload(&backend, &large, &bytes), Ok(Put::Written), "{fate:?}");
        first(place, 2, |request| request.method == "POST" && request.target.contains("uploadId"), fate);
        let other = name(&format!("bodies/completed-{round}"));
        assert_eq!(upload(&backend, &other, &bytes), Ok(Put::Written), "{fate:?}");
        first(place, 2, |request| request.method == "GET" || request.method == "HEAD", fate);
        assert_eq!(backend.read(&small).unwrap().unwrap(), b"small");
        first(place, 2, |request| request.method == "GET", fate);
        let mut read = Vec::new();
        backend.open(&large).unwrap().unwrap().read_to_end(&mut read).unwrap();
        assert!(read == bytes, "{fate:?}");
        first(place, 2, |request| request.method == "GET", fate);
        assert_eq!(backend.list("tasks/").unwrap().count(), round + 1, "{fate:?}");
    }
}

#[test]
fn passing_faults_of_google_are_overcome() {
    passing_faults_are_overcome(&Place::google());
}

#[test]
fn passing_faults_of_amazon_are_overcome() {
    passing_faults_are_overcome(&Place::amazon());
}

#[test]
fn lasting_faults_are_told_and_leave_nothing() {
    let place = Place::google();
    let backend = place.handle();
    for (fate, said) in [(Fate::Say(500, "the disk is on fire"), "on fire"), (Fate::Say(403, "not you"), "not you")] {
        let fated = fate.clone();
        place.proxy.script(move |_| fated.clone());
        let error = create(&backend, &name("tasks/a"), b"x").unwrap_err();
        assert!(error.contains("gs://a-bucket/site/tasks/a") && error.contains(said), "{error}");
        let error = upload(&backend, &name("bodies/a"), &vec![1; 11 << 20]).unwrap_err();
        assert!(error.contains("gs://a-bucket/site/bodies/a") && error.contains(said), "{error}");
        let error = told(&backend.read(&name("tasks/a")).unwrap_err());
        assert!(error.contains(said), "{error}");
    }
    place.proxy.script(|_| Fate::Pass);
    assert_eq!(backend.list("").unwrap().count(), 0);
}

#[test]
fn answers_that_are_cut_or_lie_are_never_taken_for_whole() {
    let place = Place::google();
    let backend = place.handle();
    let (small, large, bytes) = (name("tasks/a"), name("bodies/a"), vec![5; 2_000_000]);
    create(&backend, &small, b"0123456789").unwrap();
    upload(&backend, &large, &bytes).unwrap();
    for fate in [Fate::CutBody, Fate::Shorten, Fate::OtherRange] {
        // Once: asked for again. Always: told.
        first(&place, 1, |request| request.method == "GET", &fate);
        assert_eq!(backend.read(&small).unwrap().unwrap(), b"0123456789", "{fate:?}");
        first(&place, 1, |request| request.method == "GET", &fate);
        let mut read = Vec::new();
        backend.open(&large).unwrap().unwrap().read_to_end(&mut read).unwrap();
        assert!(read == bytes, "{fate:?}");
        first(&place, usize::MAX, |request| request.method == "GET", &fate);
        let mut read = Vec::new();
        assert!(backend.open(&large).unwrap().unwrap().read_to_end(&mut read).is_err(), "{fate:?}");
        if !matches!(fate, Fate::OtherRange) {
            assert!(backend.read(&small).is_err(), "{fate:?}");
        }
    }
    first(&place, usize::MAX, |request| request.method == "HEAD", &Fate::Shorten);
    assert!(backend.look(&small).is_err());
    assert!(backend.open(&small).is_err());
}

#[test]
fn a_vanished_bucket_is_told_and_not_taken_for_an_empty_one() {
    let place = Place::google();
    let backend = place.handle();
    create(&backend, &name("tasks/a"), b"x").unwrap();
    place.proxy.script(|_| Fate::Say(404, "<Error><Code>NoSuchBucket</Code></Error>"));
    for error in [
        told(&backend.read(&name("tasks/a")).unwrap_err()),
        told(&backend.look(&name("tasks/a")).unwrap_err()),
        told(&backend.freshen(&name("tasks/a")).unwrap_err()),
        told(&backend.delete(&[name("tasks/a")]).unwrap_err()),
        told(&backend.list("").err().unwrap()),
        create(&backend, &name("tasks/b"), b"x").unwrap_err(),
        upload(&backend, &name("bodies/b"), &vec![1; 6 << 20]).unwrap_err(),
    ] {
        assert!(error.contains("gs://a-bucket"), "{error}");
    }
}

#[test]
fn a_backend_can_be_used_from_within_a_runtime() {
    let place = Place::google();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let read = runtime.block_on(async {
        let backend = place.handle();
        create(&backend, &name("tasks/a"), b"x").unwrap();
        backend.read(&name("tasks/a")).unwrap()
    });
    assert_eq!(read.unwrap(), b"x");
}
