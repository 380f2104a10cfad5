//! Objects and task entries: whole or not there, whoever writes and whenever a writer dies.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use sluis_crypt4gh::{DataKey, HeaderPacket, SecretKey};
use sluis_model::{Address, TaskKey};
use sluis_store::{Commit, ObjectParts, Store, StoreError};

const ADDRESS: Address = Address::from_bytes([7; 32]);

fn put(store: &Store, address: &Address, body: &[u8], labels: &[u8]) -> Commit {
    let key = SecretKey::generate().unwrap();
    let packet = HeaderPacket::seal(&DataKey::generate().unwrap(), &key, &key.public_key()).unwrap();
    let mut object = store.begin_object().unwrap();
    object.write_all(body).unwrap();
    let packets = [(key.public_key(), packet)];
    object
        .commit(address, ObjectParts { record: b"record", packets: &packets, labels }, |_| Ok::<_, StoreError>(()))
        .unwrap()
}

/// All files of a store.
fn files(folder: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
    walk.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

#[test]
fn an_object_comes_back_as_it_was_put() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    assert!(store.object(&ADDRESS).unwrap().is_none());
    assert_eq!(put(&store, &ADDRESS, b"sealed", b"a"), Commit::New);
    assert_eq!(put(&store, &ADDRESS, b"other", b"b"), Commit::Existing);
    assert_eq!(put(&store, &ADDRESS, b"other", b"b"), Commit::Existing);
    let object = Store::open(folder.path()).unwrap().object(&ADDRESS).unwrap().unwrap();
    let mut body = Vec::new();
    object.open_body().unwrap().read_to_end(&mut body).unwrap();
    assert_eq!(body, b"sealed");
    assert_eq!(object.record, b"record");
    assert_eq!(object.recipients().unwrap().len(), 1);
    let mut labels = object.labels().unwrap();
    labels.sort();
    assert_eq!(labels, [b"a".to_vec(), b"b".to_vec()]);
    assert_eq!(store.addresses().unwrap().collect::<Result<Vec<_>, _>>().unwrap(), [ADDRESS]);
}

#[test]
fn an_object_that_is_not_committed_is_never_visible_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let mut object = store.begin_object().unwrap();
    object.write_all(b"half").unwrap();
    assert_eq!(store.addresses().unwrap().count(), 0);
    assert_eq!(files(folder.path()).len(), 3, "the format, the lock, the body");
    drop(object);
    assert_eq!(files(folder.path()).len(), 2);
}

#[test]
fn the_sweep_takes_what_dead_writers_left_and_spares_living_ones() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let other = Store::open(folder.path()).unwrap();
    let _living = other.begin_object().unwrap();
    let before = files(folder.path());
    let dead = folder.path().join("unfinished/writer-dead");
    fs::create_dir(&dead).unwrap();
    fs::write(dead.join("lock"), "").unwrap();
    fs::write(dead.join("0"), "half").unwrap();
    store.sweep_unfinished().unwrap();
    assert_eq!(files(folder.path()), before);
}

#[test]
fn writers_that_are_just_beginning_are_spared_by_the_sweeps_of_others() {
    let folder = tempfile::tempdir().unwrap();
    Store::create(folder.path()).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let store = Store::open(folder.path()).unwrap();
                    store.sweep_unfinished().unwrap();
                    store.begin_object().unwrap();
                }
            });
        }
    });
}

#[test]
fn many_writers_of_the_same_addresses_all_succeed_and_each_object_is_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let stores = [Arc::new(Store::create(folder.path()).unwrap()), Arc::new(Store::open(folder.path()).unwrap())];
    let writers: Vec<_> = (0..6_usize)
        .map(|writer| {
            let store = Arc::clone(&stores[writer % 2]);
            thread::spawn(move || {
                (0..20)
                    .filter(|i| put(&store, &Address::from_bytes([*i; 32]), b"x", &[writer as u8]) == Commit::New)
                    .count()
            })
        })
        .collect();
    let new: usize = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
    assert_eq!(new, 20);
    for address in stores[0].addresses().unwrap() {
        let object = stores[0].object(&address.unwrap()).unwrap().unwrap();
        assert_eq!(object.labels().unwrap().len(), 6);
        assert_eq!(object.parts().unwrap().len(), 9);
    }
    let left = files(folder.path()).into_iter().filter(|file| !file.starts_with(folder.path().join("unfinished")));
    assert_eq!(left.count(), 1 + 20 * 9, "slower writers leave nothing");
}

#[test]
fn task_entries_are_replaced_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    let key = TaskKey::from_bytes([3; 32]);
    assert_eq!(store.task(&key).unwrap(), None);
    store.put_task(&key, b"first").unwrap();
    store.put_task(&key, b"second").unwrap();
    assert_eq!(store.task(&key).unwrap().unwrap(), b"second");
    assert_eq!(store.task_keys().unwrap().collect::<Result<Vec<_>, _>>().unwrap(), [key]);
}

#[test]
fn a_prefix_names_one_object_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    put(&store, &ADDRESS, b"x", b"");
    put(&store, &Address::from_bytes([8; 32]), b"x", b"");
    assert_eq!(store.resolve("b3:0707").unwrap(), ADDRESS);
    assert!(matches!(store.resolve("b3:0"), Err(StoreError::Ambiguous(_))));
    assert!(matches!(store.resolve("b3:ff"), Err(StoreError::Unknown(_))));
    assert!(matches!(store.resolve("0707"), Err(StoreError::Unknown(_))));
}

#[test]
fn a_store_of_another_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::Missing(_))));
    drop(Store::create(folder.path()).unwrap());
    fs::write(folder.path().join("format"), "sluis-store 1\n").unwrap();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::Format { .. })));
}
