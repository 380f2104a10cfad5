//! Rotation: another key for the site, whatever interrupts it and whoever works meanwhile.

use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicBool, Ordering},
};

use sluis_access::{KeyStatus, RotationEnd, RotationStatus, RotationStep};

use super::*;

/// Nothing to be asked for.
fn nothing(_: &sluis_access::KeyPrompt) -> io::Result<Zeroizing<String>> {
    Err(io::Error::other("nobody is asked"))
}

fn go_on(_: RotationStep) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

pub fn begin(site: &Site) -> Result<(), AccessError> {
    site.begin_rotation(&nothing, &mut go_on)
}

fn finish(site: &Site) -> RotationEnd {
    site.finish_rotation(false, &mut go_on).unwrap()
}

/// The names of the files of the keys, in order.
fn key_files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("keys")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Public keys for which header packets are in the store, in order.
fn recipients(folder: &Path) -> Vec<String> {
    let packets = walkdir::WalkDir::new(folder.join("store/packets")).into_iter().map(Result::unwrap);
    let files = packets.filter(|entry| entry.file_type().is_file());
    let names = files.map(|entry| entry.file_name().to_str().unwrap().rsplit('-').next().unwrap().to_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names.dedup();
    names
}

fn status(site: &Site) -> KeyStatus {
    site.key_status().unwrap()
}

/// Bodies, as they lie on the disk.
fn bodies(folder: &Path) -> Vec<Vec<u8>> {
    let files = walkdir::WalkDir::new(folder.join("store/bodies")).sort_by_file_name().into_iter().map(Result::unwrap);
    files.filter(|entry| entry.file_type().is_file()).map(|entry| fs::read(entry.path()).unwrap()).collect()
}

#[test]
fn after_a_rotation_everything_opens_with_the_new_key_alone() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let texts: Vec<_> = (0..5_u8).map(|number| vec![number; 70_000]).collect();
    let addresses: Vec<_> = texts.iter().map(|text| put(&site, text).address).collect();
    let colleague = SecretKey::generate().unwrap().public_key();
    let permit = site.permit_read(&project(), &addresses[0], ReadAction::Grant).unwrap();
    site.grant(&permit, &addresses[0], &colleague).unwrap();
    declare_public(&site, "genomes");
    put_for(&site, "genomes", b"chr1");
    let (before, old, old_bodies) = (key_files(folder.path()), status(&site).public_key, bodies(folder.path()));
    let (old_address, old_audit) =
        (fs::read(folder.path().join("keys/address.c4gh")).unwrap(), site.audit().verifier_key());
    let old_secret = key_file(folder.path(), "site.sec");

    begin(&site).unwrap();
    drop(site);
    let site = Site::open(folder.path()).unwrap();
    assert_eq!(finish(&site), RotationEnd::Done { added: 0, removed: 5 });
    assert_eq!(finish(&site), RotationEnd::Nothing);
    drop(site);

    let site = Site::open(folder.path()).unwrap();
    let new = status(&site).public_key;
    assert_ne!(new, old);
    assert_eq!(status(&site).rotation, None);
    let mut expected = vec![new.clone(), hex::encode(colleague.as_bytes())];
    expected.sort();
    assert_eq!(recipients(folder.path()), expected, "nothing is sealed for the old key");
    assert_eq!(bodies(folder.path()), old_bodies, "no body was touched");
    assert_eq!(site.audit().verifier_key(), old_audit);
    assert_eq!(key_files(folder.path()).len(), before.len(), "{:?}", key_files(folder.path()));
    let old_key = sluis_crypt4gh::key_file::read_secret_key(&old_secret).unwrap();
    let address_key = fs::read(folder.path().join("keys/address.c4gh")).unwrap();
    assert!(sluis_crypt4gh::open(&address_key[..], io::sink(), &old_key).is_err());
    assert!(sluis_crypt4gh::open(&old_address[..], io::sink(), &old_key).is_ok());
    for (address, text) in addresses.iter().zip(&texts) {
        assert_eq!(show(&site, address).unwrap(), *text);
        assert_eq!(put(&site, text).address, *address, "addresses stay the same");
    }
    assert_eq!(site.granted_to(&addresses[0]).unwrap(), [colleague]);
    site.audit().verify(None).unwrap();
    let log = fs::read_to_string(folder.path().join("audit/log.jsonl")).unwrap();
    for action in ["rotate-key", "rotated-key", "retire-key", "retired-key"] {
        let line = log.lines().find(|line| line.contains(&format!("\"{action}\""))).unwrap();
        assert!(line.contains(&new) || line.contains(&old), "{line}");
    }
    assert!(log.contains("\"packets-to-remove\":\"5\""));
}

#[test]
fn old_keys_from_a_backup_do_not_open_the_site() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let address = put(&site, b"text").address;
    let (keys, backup, newer) = (folder.path().join("keys"), folder.path().join("backup"), folder.path().join("newer"));
    let copied = std::process::Command::new("cp").arg("-a").args([&keys, &backup]).status().unwrap();
    assert!(copied.success());
    begin(&site).unwrap();
    drop(site);
    assert_eq!(finish(&Site::open(folder.path()).unwrap()), RotationEnd::Done { added: 0, removed: 1 });
    fs::rename(&keys, &newer).unwrap();
    fs::rename(&backup, &keys).unwrap();
    let error = Site::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("site.sec") && error.contains("gave this key up"), "{error}");
    fs::remove_dir_all(&keys).unwrap();
    fs::rename(&newer, &keys).unwrap();
    assert_eq!(show(&Site::open(folder.path()).unwrap(), &address).unwrap(), b"text");
}

/// Rotates, but ends at the step with this number, as if killed there. Gives whether it came to its end.
fn rotate_until(folder: &Path, step: usize) -> bool {
    let mut left = step;
    let mut tell = |_| {
        left = left.saturating_sub(1);
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let site = Site::open(folder).unwrap();
    if site.begin_rotation(&nothing, &mut tell).is_err() {
        return false;
    }
    drop(site);
    match Site::open(folder).unwrap().finish_rotation(false, &mut tell) {
        Ok(RotationEnd::Done { .. } | RotationEnd::Nothing) => true,
        Ok(other) => panic!("{other:?}"),
        Err(AccessError::KeyChange(KeyChangeError::Stopped)) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_rotation_that_was_killed_after_any_step_loses_nothing_and_goes_on() {
    let mut steps = 0;
    for step in 1.. {
        let folder = tempfile::tempdir().unwrap();
        let site = site(folder.path());
        let (old, address) = (status(&site).public_key, put(&site, b"before").address);
        drop(site);
        let is_done = rotate_until(folder.path(), step);
        // Work goes on in between.
        let site = Site::open(folder.path()).unwrap();
        assert_eq!(show(&site, &address).unwrap(), b"before", "step {step}");
        assert_eq!(site.granted_to(&address).unwrap(), [], "step {step}");
        let later = put(&site, b"meanwhile").address;
        assert_eq!(show(&site, &later).unwrap(), b"meanwhile", "step {step}");
        drop(site);
        assert!(rotate_until(folder.path(), usize::MAX), "step {step}");
        let site = Site::open(folder.path()).unwrap();
        let KeyStatus { public_key, rotation, .. } = status(&site);
        assert_eq!(rotation, None, "step {step}");
        assert_eq!(recipients(folder.path()), std::slice::from_ref(&public_key), "step {step}");
        assert_ne!(public_key, old);
        for (address, text) in [(address, &b"before"[..]), (later, b"meanwhile")] {
            assert_eq!(show(&site, &address).unwrap(), text, "step {step}");
        }
        let left = ["site.new.sec", "site.new.pub", "site.old.sec", "site.old.pub"];
        assert!(left.iter().all(|name| !folder.path().join("keys").join(name).exists()), "step {step}");
        if is_done {
            break;
        }
        steps += 1;
    }
    assert_eq!(steps, 12, "each step was the last one once");
}

#[test]
fn who_had_the_site_open_goes_on_and_what_they_make_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let early = site(folder.path());
    let before = put(&early, b"before").address;
    rotate_until_switched(folder.path());
    let late = Site::open(folder.path()).unwrap();
    // Each reads what the other makes.
    let (of_early, of_late) = (put(&early, b"of the early").address, put(&late, b"of the late").address);
    for site in [&early, &late] {
        assert_eq!(show(site, &before).unwrap(), b"before");
        assert_eq!(show(site, &of_early).unwrap(), b"of the early");
        assert_eq!(show(site, &of_late).unwrap(), b"of the late");
        assert_eq!(site.granted_to(&of_late).unwrap(), []);
    }
    assert_eq!(finish(&late), RotationEnd::InUse);
    let Some(RotationStatus::Switched { is_in_use, packets, .. }) = status(&late).rotation else { panic!() };
    assert!(is_in_use && packets == 3);
    let error = early.protect_key(Some(secret("x"))).unwrap_err();
    assert!(matches!(error, AccessError::KeyChange(KeyChangeError::Rotating)), "{error}");
    assert!(matches!(early.begin_rotation(&nothing, &mut go_on), Ok(())), "it was begun already");
    drop(early);
    assert_eq!(finish(&late), RotationEnd::Done { added: 1, removed: 3 });
    // Whoever knew both keys does not seal for the old one any more.
    let after = put(&late, b"after").address;
    assert_eq!(recipients(folder.path()), [status(&late).public_key]);
    let site = Site::open(folder.path()).unwrap();
    for (address, text) in
        [(before, &b"before"[..]), (of_early, b"of the early"), (of_late, b"of the late"), (after, b"after")]
    {
        assert_eq!(show(&site, &address).unwrap(), text);
    }
}

fn rotate_until_switched(folder: &Path) {
    begin(&Site::open(folder).unwrap()).unwrap();
}

#[test]
fn one_who_waits_finishes_when_the_last_user_of_the_old_key_ends() {
    let folder = tempfile::tempdir().unwrap();
    let early = site(folder.path());
    let address = put(&early, b"text").address;
    rotate_until_switched(folder.path());
    let late = Site::open(folder.path()).unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| late.finish_rotation(true, &mut go_on).unwrap());
        assert_eq!(show(&early, &address).unwrap(), b"text");
        drop(early);
        assert_eq!(waiter.join().unwrap(), RotationEnd::Done { added: 0, removed: 1 });
    });
}

/// Ends the engines, also when the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Engines come and go, each with the site open for a while, through two rotations.
#[test]
fn engines_that_come_and_go_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = put(&site(folder.path()), b"first").address;
    let is_over = AtomicBool::new(false);
    let engine = &|number: u8| {
        let mut made: Vec<(Address, Vec<u8>)> = Vec::new();
        while !is_over.load(Ordering::Relaxed) {
            let site = Site::open(folder.path()).unwrap();
            for _ in 0..3 {
                let text = vec![number, made.len() as u8, (made.len() >> 8) as u8];
                made.push((put(&site, &text).address, text));
            }
            assert_eq!(show(&site, &first).unwrap(), b"first");
            for (address, text) in made.iter().rev().take(6) {
                assert_eq!(show(&site, address).unwrap(), *text);
            }
        }
        made
    };
    let made: Vec<_> = std::thread::scope(|scope| {
        let over = Over(&is_over);
        let engines: Vec<_> = (0..3).map(|number| scope.spawn(move || engine(number))).collect();
        for _ in 0..2 {
            begin(&Site::open(folder.path()).unwrap()).unwrap();
            let end = Site::open(folder.path()).unwrap().finish_rotation(true, &mut go_on).unwrap();
            assert!(matches!(end, RotationEnd::Done { .. }), "{end:?}");
        }
        drop(over);
        engines.into_iter().flat_map(|engine| engine.join().unwrap()).collect()
    });
    let site = Site::open(folder.path()).unwrap();
    assert_eq!(recipients(folder.path()), [status(&site).public_key]);
    for (address, text) in made {
        assert_eq!(show(&site, &address).unwrap(), text);
    }
    assert_eq!(site.store().set_aside_addresses().unwrap().len(), 0);
}

#[test]
fn a_packet_that_does_not_open_keeps_the_old_key() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let (whole, damaged) = (put(&site, b"whole").address, put(&site, b"damaged").address);
    let packet = parts(&site, &damaged).into_iter().find(|path| path.to_string_lossy().contains("packets")).unwrap();
    let bytes = fs::read(&packet).unwrap();
    fs::write(&packet, bytes.iter().map(|byte| byte ^ 1).collect::<Vec<_>>()).unwrap();
    begin(&site).unwrap();
    drop(site);
    let late = Site::open(folder.path()).unwrap();
    let RotationEnd::Unopened(bodies) = finish(&late) else { panic!() };
    assert_eq!(bodies.len(), 1);
    assert!(folder.path().join("keys/site.old.sec").exists());
    assert_eq!(show(&late, &whole).unwrap(), b"whole");
    fs::write(&packet, bytes).unwrap();
    assert_eq!(finish(&late), RotationEnd::Done { added: 1, removed: 2 });
    assert_eq!(show(&late, &damaged).unwrap(), b"damaged");
}

/// What somebody puts in the place of a packet for the new key does not make the old one go.
#[test]
fn a_packet_that_says_something_else_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let address = put(&site, b"text").address;
    begin(&site).unwrap();
    drop(site);
    let late = Site::open(folder.path()).unwrap();
    let object = late.store().object(&address).unwrap().unwrap();
    let new = sluis_crypt4gh::key_file::read_public_key(&key_file(folder.path(), "site.pub")).unwrap();
    let forged = sluis_crypt4gh::DataKey::generate().unwrap();
    let forged = sluis_crypt4gh::HeaderPacket::seal(&forged, &SecretKey::generate().unwrap(), &new).unwrap();
    late.store().put_packet(object.body, &new, &forged).unwrap();
    assert_eq!(finish(&late), RotationEnd::Done { added: 1, removed: 1 });
    assert_eq!(show(&late, &address).unwrap(), b"text");
}

#[test]
fn the_new_key_has_the_passphrase_of_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let address = {
        let site = site(folder.path());
        site.protect_key(Some(secret("first"))).unwrap();
        put(&site, b"text").address
    };
    let site = open_with(folder.path(), "first").unwrap();
    assert!(site.begin_rotation(&|_| Ok(secret("wrong")), &mut go_on).is_err());
    site.begin_rotation(&|_| Ok(secret("first")), &mut go_on).unwrap();
    drop(site);
    assert!(open_with(folder.path(), "wrong").is_err());
    let asked = Cell::new(0);
    let site = Site::open_with(folder.path(), &|_| {
        asked.set(asked.get() + 1);
        Ok(secret("first"))
    });
    let site = site.unwrap();
    assert_eq!(asked.get(), 1, "one passphrase opens both");
    assert_eq!(finish(&site), RotationEnd::Done { added: 0, removed: 1 });
    let site = open_with(folder.path(), "first").unwrap();
    assert_eq!(show(&site, &address).unwrap(), b"text");
}
