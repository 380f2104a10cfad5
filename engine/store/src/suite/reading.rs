//! Reading blobs, small and large, from the start and from anywhere.

use std::{
    io::{Read, Seek, SeekFrom},
    thread,
};

use super::{Subject, name, own_name, pattern, put, upload};
use crate::{
    Backend,
    backend::{Mode, Put},
};

/// What is not there is `None`, and no error.
pub fn what_is_missing_is_none(subject: &impl Subject) {
    let backend = subject.handle();
    put(&backend, &name("objects/ee/record"), b"x", Mode::Create);
    for text in ["objects/ee/record/more", "objects/ef/record", "nothing"] {
        assert_eq!(backend.read(&name(text)).unwrap(), None, "{text}");
        assert!(backend.open(&name(text)).unwrap().is_none(), "{text}");
        assert_eq!(backend.look(&name(text)).unwrap(), None, "{text}");
    }
}

/// A blob without bytes is one.
pub fn empty_blobs_are_blobs(subject: &impl Subject) {
    let backend = subject.handle();
    let (small, uploaded) = (name("tasks/empty"), own_name());
    assert_eq!(put(&backend, &small, b"", Mode::Create), Put::Written);
    assert_eq!(upload(&backend, &uploaded, b""), Put::Written);
    for name in [&small, &uploaded] {
        assert_eq!(backend.read(name).unwrap().unwrap(), b"");
        assert_eq!(backend.look(name).unwrap().unwrap().size, 0);
        let mut open = backend.open(name).unwrap().unwrap();
        let mut all = Vec::new();
        open.seek(SeekFrom::End(0)).unwrap();
        open.read_to_end(&mut all).unwrap();
        assert!(all.is_empty());
    }
    assert_eq!(put(&backend, &small, b"", Mode::Create), Put::Existing);
}

/// A blob that is too large to be written at once is whole.
pub fn huge_blobs_are_whole(subject: &impl Subject) {
    let backend = subject.handle();
    let (name, bytes) = (own_name(), pattern(subject.large() * 3 + 12_345));
    assert_eq!(upload(&backend, &name, &bytes), Put::Written);
    assert_eq!(backend.look(&name).unwrap().unwrap().size, bytes.len() as u64);
    let mut read = Vec::new();
    backend.open(&name).unwrap().unwrap().read_to_end(&mut read).unwrap();
    assert!(read == bytes, "{} bytes came back of {}", read.len(), bytes.len());
}

/// Reading begins where it is told to, forwards and backwards, across any boundary.
pub fn seeking_leads_anywhere(subject: &impl Subject) {
    let backend = subject.handle();
    let (name, bytes) = (own_name(), pattern(3_000_000));
    upload(&backend, &name, &bytes);
    let mut open = backend.open(&name).unwrap().unwrap();
    let mut check = |start: u64, length: usize| {
        assert_eq!(open.seek(SeekFrom::Start(start)).unwrap(), start);
        let mut read = vec![0; length];
        open.read_exact(&mut read).unwrap();
        let start = usize::try_from(start).unwrap();
        assert!(read == bytes[start..start + length], "{length} bytes from {start}");
    };
    for (start, length) in [
        (0, 1),
        (2_999_999, 1),
        (1_000_000, 65_564),
        (1_065_564, 65_564),
        (1_131_128, 900_000),
        (1_131_000, 200),
        (0, 3_000_000),
        (262_143, 2),
        (262_144, 1),
        (10, 10),
        (500_000, 600_000),
        (1_100_000, 1_000_000),
    ] {
        check(start, length);
    }
    assert_eq!(open.seek(SeekFrom::End(-10)).unwrap(), 2_999_990);
    let mut rest = Vec::new();
    open.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, bytes[2_999_990..]);
    assert_eq!(open.seek(SeekFrom::Current(-3_000_000)).unwrap(), 0);
    assert!(open.seek(SeekFrom::Current(-1)).is_err());
    assert_eq!(open.seek(SeekFrom::Start(9_000_000)).unwrap(), 9_000_000);
    assert_eq!(open.read(&mut [0; 10]).unwrap(), 0, "there is nothing after the end");
}

/// Several threads read one blob at different places.
pub fn a_blob_can_be_read_by_many(subject: &impl Subject) {
    let backend = subject.handle();
    let (name, bytes) = (own_name(), pattern(1_500_000));
    upload(&backend, &name, &bytes);
    thread::scope(|scope| {
        for reader in 0..6_usize {
            let (backend, name, bytes) = (&backend, &name, &bytes);
            scope.spawn(move || {
                let (mut open, start) = (backend.open(name).unwrap().unwrap(), reader * 200_000);
                open.seek(SeekFrom::Start(start as u64)).unwrap();
                let mut read = vec![0; 300_000];
                open.read_exact(&mut read).unwrap();
                assert!(read == bytes[start..start + 300_000], "reader {reader}");
            });
        }
    });
}

/// Whoever reads a blob that is replaced meanwhile reads the one that they opened, or is told.
pub fn an_open_blob_never_mixes_two_contents(subject: &impl Subject) {
    let backend = subject.handle();
    let name = name("tasks/ff/mixed");
    put(&backend, &name, &vec![1; 2_000_000], Mode::Create);
    let mut open = backend.open(&name).unwrap().unwrap();
    let mut first = vec![0; 1_000];
    open.read_exact(&mut first).unwrap();
    put(&backend, &name, &vec![2; 2_000_000], Mode::Replace);
    let mut rest = Vec::new();
    if open.read_to_end(&mut rest).is_ok() {
        assert_eq!(rest.len(), 1_999_000);
    }
    assert!(first.iter().chain(&rest).all(|byte| *byte == 1));
}
