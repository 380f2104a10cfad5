//! Public data: kept as they are, verified all the same; the class of what is made of data follows from theirs.

use std::io::{Seek, SeekFrom};

use super::*;

/// More than two of the groups by which public data are verified.
const LENGTH: usize = 2_500_000;

fn text() -> Vec<u8> {
    (0..LENGTH).map(|i| (i % 251) as u8).collect()
}

fn public_site(folder: &Path) -> Site {
    let site = site(folder);
    declare_public(&site, "genomes");
    site
}

/// Whether an object's body is what was put.
fn is_plain(site: &Site, address: &Address, text: &[u8]) -> bool {
    fs::read(parts(site, address).last().unwrap()).unwrap() == text
}

#[test]
fn public_data_lie_in_plain_and_need_no_grant() {
    let folder = tempfile::tempdir().unwrap();
    let site = public_site(folder.path());
    for text in [Vec::new(), b"chr1".to_vec(), text()] {
        let public = put_for(&site, "genomes", &text);
        assert!(is_plain(&site, &public.address, &text));
        assert_eq!(parts(&site, &public.address).len(), 3, "no header packet: there is no key");
        assert_eq!(show(&site, &public.address).unwrap(), text);
        assert_eq!(site.facts(&public.address).unwrap().size, text.len() as u64);
        assert!(put_for(&site, "genomes", &text).existing);
    }
    let sealed = put(&site, b"reads");
    assert!(!is_plain(&site, &sealed.address, b"reads"));
}

#[test]
fn any_part_of_public_data_can_be_read_alone() {
    let folder = tempfile::tempdir().unwrap();
    let site = public_site(folder.path());
    let text = text();
    let address = put_for(&site, "genomes", &text).address;
    let permit = site.permit_read(&project(), &address, ReadAction::Show).unwrap();
    let mut reader = site.unseal(&permit, &address).unwrap();
    for start in [2_400_000, 0, 1_048_570, LENGTH as u64 - 1] {
        let mut part = Vec::new();
        reader.seek(SeekFrom::Start(start)).unwrap();
        Read::by_ref(&mut reader).take(20).read_to_end(&mut part).unwrap();
        let start = start as usize;
        assert_eq!(part, text[start..LENGTH.min(start + 20)]);
    }
}

#[test]
fn a_change_anywhere_in_public_data_is_noticed_before_a_byte_of_its_group_is_given_out() {
    let folder = tempfile::tempdir().unwrap();
    let site = public_site(folder.path());
    let text = text();
    let address = put_for(&site, "genomes", &text).address;
    let files = parts(&site, &address);
    let body = files[2].clone();
    let read_whole = || {
        let permit = site.permit_read(&project(), &address, ReadAction::Show)?;
        let mut out = Vec::new();
        let outcome = site.unseal(&permit, &address)?.read_to_end(&mut out);
        assert!(out == text[..out.len()], "only what was put");
        assert_eq!(out.len() % (1 << 20), 0, "whole groups");
        outcome.map(drop).map_err(AccessError::from_reading(&address))
    };
    for place in [0, 1_048_575, 1_048_576, LENGTH - 1] {
        let mut bytes = text.clone();
        bytes[place] ^= 1;
        fs::write(&body, bytes).unwrap();
        assert!(matches!(read_whole(), Err(AccessError::Damaged { .. })), "byte {place}");
    }
    for length in [0, 1, 1_048_576, LENGTH - 1, LENGTH + 1] {
        let mut bytes = text.clone();
        bytes.resize(length, 0);
        fs::write(&body, bytes).unwrap();
        assert!(matches!(read_whole(), Err(AccessError::Damaged { .. })), "{length} bytes");
    }
    fs::write(&body, &text).unwrap();
    for change in 1..4 {
        // Put again, it has another body.
        let record = parts(&site, &address)[1].clone();
        let mut bytes = fs::read(&record).unwrap();
        let last = bytes.len() - 1;
        match change {
            1 => bytes[last] ^= 1,
            2 => bytes.truncate(last),
            _ => bytes.extend([0; 32]),
        }
        fs::write(&record, bytes).unwrap();
        assert!(matches!(read_whole(), Err(AccessError::Damaged { .. })), "record, change {change}");
        assert!(!put_for(&site, "genomes", &text).existing, "it was set aside");
    }
}

#[test]
fn what_is_made_of_public_data_alone_is_public_and_everything_else_is_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let site = public_site(folder.path());
    declare(&site, "trial-7");
    let (genome, reads) = (put_for(&site, "genomes", b"genome").address, put_for(&site, "trial-7", b"reads").address);
    let (run, project, none) = (run(), project(), Labels::default());
    let make = |inputs: &[Address], labels: &Labels, text: &[u8]| {
        let permit = site.permit_task(&request(&run, &project, inputs, labels)).unwrap();
        let made = site.seal(&permit, text).unwrap().address;
        is_plain(&site, &made, text)
    };
    assert!(make(&[genome], &none, b"index"));
    assert!(!make(&[genome, reads], &none, b"alignment"));
    assert!(!make(&[genome], &of_dataset("trial-7"), b"a value made from reads"));
    assert!(!make(&[], &none, b"made of nothing"));
}
