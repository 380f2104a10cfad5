//! Large objects are checked in parts, by any number of threads: with the same findings.

use std::thread;

use sluis_access::{BegunCheck, Checked, PartChecked, Permit};

use super::*;

/// Of more than one part, with a segment that is not full at the end.
const LENGTH: usize = (64 << 20) + 200_000;
const SEALED: usize = 65_564;
/// The first segment of the second part.
const SECOND: usize = 1024;

fn text() -> Vec<u8> {
    (0..LENGTH).map(|i| (i % 65_521 % 251) as u8).collect()
}

/// What so many threads find.
fn checked(site: &Site, permit: &Permit, address: &Address, threads: usize) -> Checked {
    let BegunCheck::Large(large) = site.begin_check(permit, address).unwrap() else { panic!("it is large") };
    let parts = || {
        let mut last = Vec::new();
        loop {
            match site.check_part(&large) {
                PartChecked::More => {}
                PartChecked::Last(found) => last.push(found),
                PartChecked::NoneLeft => return last,
            }
        }
    };
    let found: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(parts)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(found.len(), 1, "one thread learns what was found");
    assert_eq!(site.check_part(&large), PartChecked::NoneLeft);
    found.into_iter().next().unwrap()
}

/// Changes the body, and checks that one thread and several find what they should.
fn try_damage(site: &Site, address: &Address, damage: impl FnOnce(&mut Vec<u8>), expected: &str) {
    let body = parts(site, address).pop().unwrap();
    let permit = site.permit_check(&[*address]).unwrap();
    let whole = fs::read(&body).unwrap();
    let mut wrong = whole.clone();
    damage(&mut wrong);
    fs::write(&body, wrong).unwrap();
    for threads in [1, 3] {
        match checked(site, &permit, address, threads) {
            Checked::Damaged(part) => assert_eq!(part, format!("its body ({expected})"), "{threads} threads"),
            other => panic!("{expected}, {threads} threads: {other:?}"),
        }
    }
    fs::write(&body, whole).unwrap();
}

#[test]
fn every_part_of_a_sealed_object_is_checked_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let address = put(&site, &text()).address;
    let permit = site.permit_check(&[address]).unwrap();
    for threads in [1, 3] {
        assert_eq!(checked(&site, &permit, &address, threads), Checked::Whole(LENGTH as u64));
    }
    assert_eq!(site.check(&permit, &address).unwrap(), Checked::Whole(LENGTH as u64));
    let flip = |segments: &'static [usize]| {
        move |body: &mut Vec<u8>| segments.iter().for_each(|segment| body[segment * SEALED + 100] ^= 1)
    };
    try_damage(&site, &address, flip(&[SECOND - 1]), "segment 1023 is damaged");
    try_damage(&site, &address, flip(&[SECOND + 2]), "segment 1026 is damaged");
    try_damage(&site, &address, flip(&[SECOND, 5]), "segment 5 is damaged");
    let swap = |body: &mut Vec<u8>| {
        let (left, right) = body.split_at_mut(SECOND * SEALED);
        left[..SEALED].swap_with_slice(&mut right[..SEALED]);
    };
    try_damage(&site, &address, swap, "segment 0 is misplaced or from another file");
    try_damage(&site, &address, |body| drop(body.drain(..SEALED)), "segment 0 is misplaced or from another file");
    try_damage(&site, &address, |body| body.truncate(SECOND * SEALED), "the body ends early, in segment 1024");
    try_damage(&site, &address, |body| body.truncate(10 * SEALED), "the body ends early, in segment 10");
    try_damage(&site, &address, |body| body.push(0), "the body is longer than what was sealed");
    fs::remove_file(parts(&site, &address).pop().unwrap()).unwrap();
    assert_eq!(
        site.check(&permit, &address).unwrap(),
        Checked::Damaged("its body (it is missing)".to_owned()),
        "what is missing is known before any part is checked"
    );
}

#[test]
fn every_part_of_a_public_object_is_checked_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    declare_public(&site, "genomes");
    let address = put_for(&site, "genomes", &text()).address;
    let permit = site.permit_check(&[address]).unwrap();
    assert_eq!(checked(&site, &permit, &address, 3), Checked::Whole(LENGTH as u64));
    let wrong = "its content is not that of its address";
    for place in [0, (64 << 20) - 1, 64 << 20, LENGTH - 1] {
        try_damage(&site, &address, |body| body[place] ^= 1, wrong);
    }
    try_damage(&site, &address, |body| body.push(0), wrong);
    try_damage(&site, &address, |body| body.truncate(LENGTH - 1), wrong);
}

#[test]
fn what_vanishes_while_parts_of_it_are_checked_is_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let address = put(&site, &text()).address;
    let permit = site.permit_check(&[address]).unwrap();
    let BegunCheck::Large(large) = site.begin_check(&permit, &address).unwrap() else { panic!("it is large") };
    assert_eq!(site.check_part(&large), PartChecked::More);
    let collection = site.permit_collection().unwrap();
    let now = SystemTime::now() + Duration::from_secs(60);
    assert_eq!(site.collect_objects(&collection, &[address], now).unwrap().removed, [address]);
    assert_eq!(site.check_part(&large), PartChecked::Last(Checked::Gone));
}
