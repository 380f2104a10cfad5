//! The site's own key: its passphrase, and its recovery by several people. `rotation` gives the site another one.

pub mod rotation;

use std::{cell::Cell, io, os::unix::fs::PermissionsExt};

use sluis_access::{KeyChangeError, KeyProtection, RecoveryError, SealedShare, Verdict, recover_key};
use sluis_crypt4gh::{PublicKey, SecretKey};
use zeroize::Zeroizing;

use super::*;

fn secret(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

fn open_with(folder: &Path, passphrase: &str) -> Result<Site, AccessError> {
    Site::open_with(folder, &|_| Ok(secret(passphrase)))
}

fn key_file(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join("keys").join(name)).unwrap()
}

/// The actions in the audit log that were decided so.
fn decided(site: &Site, verdict: Verdict) -> Vec<String> {
    let records = site.audit().records().unwrap().map(Result::unwrap);
    records.filter(|record| record.verdict() == Some(verdict)).map(|record| record.action().to_owned()).collect()
}

#[test]
fn a_passphrase_is_asked_for_when_the_site_is_opened_until_it_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let address = put(&site(folder.path()), b"text").address;
    let plain = key_file(folder.path(), "site.sec");
    let asked = Cell::new(0);
    let open = |passphrase: &str| {
        Site::open_with(folder.path(), &|_| {
            asked.set(asked.get() + 1);
            Ok(secret(passphrase))
        })
    };
    let site = open("").unwrap();
    assert_eq!(asked.get(), 0, "there is nothing to be asked for");
    assert_eq!(site.key_status().unwrap().protection, KeyProtection::Plain);
    site.protect_key(Some(secret("first"))).unwrap();
    assert_eq!(site.key_status().unwrap().protection, KeyProtection::Passphrase);
    assert!(!key_file(folder.path(), "site.sec").contains(plain.lines().nth(1).unwrap()));
    let mode = fs::metadata(folder.path().join("keys/site.sec")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let error = Site::open(folder.path()).unwrap_err();
    assert!(matches!(error, AccessError::KeyChange(KeyChangeError::Passphrase { .. })), "{error}");
    let error = open("wrong").unwrap_err().to_string();
    assert!(error.contains("site.sec") && error.contains("passphrase is wrong"), "{error}");
    let site = open("first").unwrap();
    assert_eq!(asked.get(), 2);
    site.protect_key(Some(secret("second"))).unwrap();
    assert!(open("first").is_err());
    let site = open("second").unwrap();
    assert_eq!(show(&site, &address).unwrap(), b"text");
    assert!(matches!(site.protect_key(Some(secret(""))).unwrap_err(), AccessError::KeyChange(KeyChangeError::Empty)));
    site.protect_key(None).unwrap();
    assert_eq!(key_file(folder.path(), "site.sec"), plain);
    assert_eq!(show(&Site::open(folder.path()).unwrap(), &address).unwrap(), b"text");
    let decisions = decided(&site, Verdict::Allow);
    for (action, times) in [("protect-key", 2), ("unprotect-key", 1)] {
        assert_eq!(decisions.iter().filter(|decision| *decision == action).count(), times, "{action}");
    }
    assert!(
        fs::read_dir(folder.path().join("keys"))
            .unwrap()
            .all(|entry| { !entry.unwrap().file_name().to_string_lossy().ends_with(".tmp") })
    );
}

#[test]
fn what_keeps_the_passphrase_from_being_had_is_told() {
    let folder = tempfile::tempdir().unwrap();
    site(folder.path()).protect_key(Some(secret("first"))).unwrap();
    let error = Site::open_with(folder.path(), &|_| Err(io::Error::other("no terminal"))).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(error.to_string().contains("site.sec is protected") && cause == "no terminal", "{error}: {cause}");
}

#[test]
fn keys_are_changed_by_whom_the_registry_knows_and_by_one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let other = SecretKey::generate().unwrap().public_key();
    let another = SecretKey::generate().unwrap().public_key();
    let lock = site.lock_removals(false).unwrap().unwrap();
    let before = key_file(folder.path(), "site.sec");
    for outcome in
        [site.protect_key(Some(secret("x"))), site.split_key(&[other, another], 2).map(drop), rotation::begin(&site)]
    {
        assert!(matches!(outcome, Err(AccessError::KeyChange(KeyChangeError::UnderWay))), "{outcome:?}");
    }
    drop(lock);
    edit(&site, "people.yaml", "  self:", "  other:");
    edit(&site, "projects.yaml", "members: [self]", "members: [other]");
    age_registry(&site);
    assert!(refusal(site.protect_key(Some(secret("x")))).contains("not in the registry"));
    assert!(refusal(site.split_key(&[other, another], 2)).contains("not in the registry"));
    assert!(refusal(rotation::begin(&site)).contains("not in the registry"));
    assert_eq!(decided(&site, Verdict::Deny), ["protect-key", "split-key", "rotate-key"]);
    assert_eq!(key_file(folder.path(), "site.sec"), before);
    assert!(!folder.path().join("keys/site.new.sec").exists());
}

fn people(count: usize) -> (Vec<SecretKey>, Vec<PublicKey>) {
    let keys: Vec<_> = (0..count).map(|_| SecretKey::generate().unwrap()).collect();
    let public = keys.iter().map(SecretKey::public_key).collect();
    (keys, public)
}

/// The texts of shares, each opened by its holder.
fn opened(shares: &[SealedShare], keys: &[SecretKey]) -> Vec<Zeroizing<String>> {
    let open = |(share, key): (&SealedShare, &SecretKey)| {
        let mut text = Vec::new();
        sluis_crypt4gh::open(&share.file[..], &mut text, key).unwrap();
        Zeroizing::new(String::from_utf8(text).unwrap())
    };
    shares.iter().zip(keys).map(open).collect()
}

#[test]
fn any_two_of_three_people_restore_the_key_together() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let address = put(&site, b"text").address;
    let (keys, public) = people(3);
    let shares = site.split_key(&public, 2).unwrap();
    assert_eq!(shares.iter().map(|share| share.recipient).collect::<Vec<_>>(), public);
    let texts = opened(&shares, &keys);
    let own = key_file(folder.path(), "site.sec");
    let signer = key_file(folder.path(), "audit.pub");
    for (one, other) in [(0, 1), (2, 0), (1, 2)] {
        let key = recover_key(&[texts[one].clone(), texts[other].clone()], Some(&signer)).unwrap();
        assert_eq!(*key.text, own);
        assert_eq!((&*key.site, &*key.audit_key), ("test", signer.trim()));
        assert!(!format!("{key:?}").contains(own.lines().nth(1).unwrap()));
    }
    assert_eq!(*recover_key(&texts, None).unwrap().text, own, "more than it takes");
    drop(site);
    fs::remove_file(folder.path().join("keys/site.sec")).unwrap();
    let key = recover_key(&texts[..2], None).unwrap();
    let path = folder.path().join("keys/site.sec");
    fs::write(&path, &*key.text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let site = Site::open(folder.path()).unwrap();
    assert_eq!(show(&site, &address).unwrap(), b"text");
    let log = fs::read_to_string(folder.path().join("audit/log.jsonl")).unwrap();
    for recipient in public.iter().map(|key| hex::encode(key.as_bytes())) {
        assert!(log.lines().any(|line| line.contains("gave-key-share") && line.contains(&recipient)));
    }
    assert!(decided(&site, Verdict::Allow).contains(&"split-key".to_owned()));
}

#[test]
fn wrong_changed_mixed_and_too_few_shares_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let (keys, public) = people(3);
    let texts = opened(&site.split_key(&public, 2).unwrap(), &keys);
    let later = opened(&site.split_key(&public, 2).unwrap(), &keys);
    let recover = |texts: &[&Zeroizing<String>]| {
        let texts: Vec<_> = texts.iter().map(|text| (*text).clone()).collect();
        recover_key(&texts, None).unwrap_err()
    };
    assert!(matches!(recover(&[]), RecoveryError::TooFew { .. }));
    assert!(matches!(recover(&[&texts[0]]), RecoveryError::TooFew { needed: 2, given: 1 }));
    assert!(matches!(recover(&[&texts[0], &texts[0]]), RecoveryError::Repeated(1)));
    assert!(matches!(recover(&[&texts[0], &later[1]]), RecoveryError::Mixed(2)));
    for at in 0..texts[1].len() {
        let mut bytes = texts[1].as_bytes().to_vec();
        bytes[at] ^= 1;
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        assert!(matches!(recover(&[&texts[0], &secret(&changed)]), RecoveryError::NoShare(2)), "byte {at}");
        // An editor may leave the last line feed out.
        if at < texts[1].len() - 1 {
            let cut = secret(&texts[1][..at]);
            assert!(matches!(recover(&[&cut, &texts[0]]), RecoveryError::NoShare(1)), "cut at {at}");
        }
    }
    let longer = secret(&format!("{}more\n", *texts[1]));
    assert!(matches!(recover(&[&texts[0], &longer]), RecoveryError::NoShare(2)));
    let other = tempfile::tempdir().unwrap();
    drop(super::site(other.path()));
    let foreign = recover_key(&texts[..2], Some(&key_file(other.path(), "audit.pub"))).unwrap_err();
    assert!(matches!(foreign, RecoveryError::OtherSite));
}

#[test]
fn shares_are_for_several_others_of_whom_nobody_suffices_alone() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let (_, public) = people(3);
    let refused = |recipients: &[PublicKey], threshold| match site.split_key(recipients, threshold) {
        Err(AccessError::Recovery(error)) => error,
        other => panic!("{other:?}"),
    };
    for (count, threshold) in [(3, 0), (3, 1), (3, 4), (1, 2), (0, 0)] {
        assert!(
            matches!(refused(&public[..count], threshold), RecoveryError::Threshold { .. }),
            "{threshold} of {count}"
        );
    }
    assert!(matches!(refused(&[public[0], public[1], public[0]], 2), RecoveryError::Twice(_)));
    let own = sluis_crypt4gh::key_file::read_public_key(&key_file(folder.path(), "site.pub")).unwrap();
    assert!(matches!(refused(&[public[0], own], 2), RecoveryError::Own(_)));
    assert!(!decided(&site, Verdict::Allow).contains(&"split-key".to_owned()));
}
