//! Writing blobs whose size is not known.

use std::{io::Write, thread};

use super::{Subject, blob, names, own_name, pattern, put, upload};
use crate::{
    Backend,
    backend::{Content, Mode, NewBlob, Put},
};

/// Nobody sees anything of an upload before it is put.
pub fn an_upload_is_invisible_until_it_is_put(subject: &impl Subject) {
    let (backend, other) = (subject.handle(), subject.handle());
    let (name, bytes) = (own_name(), pattern(subject.large() + 1));
    let mut begun = backend.begin(&name).unwrap();
    begun.write_all(&bytes).unwrap();
    begun.flush().unwrap();
    assert_eq!(other.look(&name).unwrap(), None);
    assert!(other.open(&name).unwrap().is_none());
    assert_eq!(names(&other, ""), Vec::<String>::new());
    let new = NewBlob { name: name.clone(), content: Content::Upload(begun), mode: Mode::Create };
    assert_eq!(backend.put(vec![vec![new]]).unwrap(), [[Put::Written]]);
    assert_eq!(other.look(&name).unwrap().unwrap().size, bytes.len() as u64);
    assert_eq!(names(&other, ""), [name.to_string()]);
}

/// A small upload is whole, too.
pub fn a_small_upload_is_whole(subject: &impl Subject) {
    let backend = subject.handle();
    for length in [1, 100, 70_000] {
        let (name, bytes) = (own_name(), pattern(length));
        assert_eq!(upload(&backend, &name, &bytes), Put::Written);
        assert_eq!(backend.read(&name).unwrap().unwrap(), bytes);
    }
}

/// What is there already stays, and of the upload nothing.
pub fn an_upload_keeps_what_is_there(subject: &impl Subject) {
    let backend = subject.handle();
    for length in [100, subject.large() + 1] {
        let name = own_name();
        put(&backend, &name, b"first", Mode::Create);
        assert_eq!(upload(&backend, &name, &pattern(length)), Put::Existing);
        assert_eq!(backend.read(&name).unwrap().unwrap(), b"first");
    }
}

/// An upload that is given up leaves nothing, also if it was large.
pub fn a_dropped_upload_leaves_nothing(subject: &impl Subject) {
    let backend = subject.handle();
    for length in [100, subject.large() * 2] {
        let name = own_name();
        let mut begun = backend.begin(&name).unwrap();
        begun.write_all(&pattern(length)).unwrap();
        drop(begun);
        assert_eq!(backend.look(&name).unwrap(), None);
    }
    backend.sweep_unfinished().unwrap();
    assert_eq!(names(&backend, ""), Vec::<String>::new());
}

/// Several threads upload at the same time, each with a record that comes after it.
pub fn uploads_run_side_by_side(subject: &impl Subject) {
    let backend = subject.handle();
    let bytes = pattern(subject.large() + 10);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let (body, record) = (own_name(), own_name());
                let mut begun = backend.begin(&body).unwrap();
                begun.write_all(&bytes).unwrap();
                let new = NewBlob { name: body.clone(), content: Content::Upload(begun), mode: Mode::Create };
                let stages = vec![vec![new], vec![blob(&record, b"record", Mode::Create)]];
                assert_eq!(backend.put(stages).unwrap(), [[Put::Written], [Put::Written]]);
                assert_eq!(backend.look(&body).unwrap().unwrap().size, bytes.len() as u64);
            });
        }
    });
    assert_eq!(names(&backend, "").len(), 8);
}
