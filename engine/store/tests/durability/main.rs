//! What was acknowledged survives a killed process and a power failure; what was not is there whole or not at all. The
//! record of everything that was written is cut at every point.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod recorder;

use std::{
    io::{self, Read, Write},
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use recorder::{Crash, Model, Op, Recorder};
use sluis_crypt4gh::{DataKey, HeaderPacket, PublicKey, SecretKey};
use sluis_model::{Address, TaskKey};
use sluis_store::{Directory, ObjectParts, Store, StoreError};

const BODY: &[u8] = b"a body that is sealed";
const RECORD: &[u8] = b"record";
const KEY: TaskKey = TaskKey::from_bytes([3; 32]);

const fn address(number: u8) -> Address {
    Address::from_bytes([number; 32])
}

fn recipient() -> (PublicKey, HeaderPacket) {
    let key = SecretKey::generate().unwrap();
    (key.public_key(), HeaderPacket::seal(&DataKey::generate().unwrap(), &key, &key.public_key()).unwrap())
}

fn put(store: &Store, number: u8, labels: &[u8]) -> Result<(), StoreError> {
    let mut object = store.begin_object()?;
    // As `access` does: an upload's error is told where it happens.
    object.write_all(BODY).map_err(|source| StoreError::Io { path: "body".into(), doing: "written", source })?;
    object
        .commit(&address(number), ObjectParts { record: RECORD, packets: &[recipient()], labels }, |_| {
            Ok::<_, StoreError>(())
        })
        .map(drop)
}

fn open(root: &Path, recorder: &Recorder) -> Store {
    Store::create_on(Arc::new(Directory::on(root, Arc::new(recorder.clone())).unwrap())).unwrap()
}

/// What every state must hold to: an object is whole or not there, and what was acknowledged is there.
fn check(root: &Path, acknowledged: impl Fn(&str) -> bool, when: &str) {
    let store = match Store::open(root) {
        Ok(store) => store,
        Err(error) if acknowledged("store") => panic!("{when}: {error}"),
        Err(_) => return,
    };
    for number in 0..4 {
        let found = store.object(&address(number)).unwrap_or_else(|error| panic!("{when}: {error}"));
        let is_promised = acknowledged(["first", "second", "third", "fourth"][usize::from(number)]);
        let is_erased = number == 3 && acknowledged("erased");
        match found {
            Some(_) if number == 3 && acknowledged("erasing") && !is_erased => {}
            None if number == 3 && acknowledged("erasing") => {}
            None => assert!(!is_promised, "{when}: object {number} is lost"),
            Some(object) => {
                assert!(!is_erased, "{when}: object {number} is there again");
                let mut body = Vec::new();
                object.open_body().unwrap().read_to_end(&mut body).unwrap();
                assert_eq!(body, BODY, "{when}: half of object {number}");
                assert_eq!(object.record, RECORD, "{when}");
                let labels = object.labels().unwrap();
                assert!(!labels.is_empty(), "{when}: object {number} without labels");
                assert!(labels.iter().all(|labels| !labels.is_empty()), "{when}: half a label set");
                if acknowledged("another label") && number == 0 {
                    assert_eq!(labels.len(), 2, "{when}");
                }
                let recipients = object.recipients().unwrap();
                for recipient in &recipients {
                    object.packet_for(recipient).unwrap_or_else(|error| panic!("{when}: {error}"));
                }
                match number {
                    1 if acknowledged("granted") && !acknowledged("revoking") => {
                        assert_eq!(recipients.len(), 2, "{when}")
                    }
                    1 if acknowledged("revoked") => assert_eq!(recipients.len(), 1, "{when}: the grant is there again"),
                    _ => assert!(!recipients.is_empty(), "{when}: no packet of object {number}"),
                }
            }
        }
    }
    let entry = store.task(&KEY).unwrap();
    match () {
        () if acknowledged("task twice") => assert_eq!(entry.as_deref(), Some(b"second".as_slice()), "{when}"),
        () if acknowledged("task") => {
            assert!(entry.is_some_and(|entry| entry == b"first" || entry == b"second"), "{when}")
        }
        () => assert!(entry.is_none_or(|entry| entry == b"first" || entry == b"second"), "{when}"),
    }
    // Whatever is left of what was not finished is in nobody's way.
    store.sweep_unfinished().unwrap();
    put(&store, 2, b"labels").unwrap_or_else(|error| panic!("{when}: {error}"));
    assert!(store.object(&address(2)).unwrap().is_some(), "{when}");
}

/// Cuts a record at every point and checks what each crash leaves.
fn check_all_cuts(root: &Path, log: &[Op], crashes: &[Crash]) {
    let mut model = Model::new(root);
    for (done, op) in log.iter().enumerate() {
        model.step(op);
        for crash in crashes {
            let left = tempfile::tempdir_in("/dev/shm").unwrap();
            model.crash(*crash, left.path());
            let when = format!("{crash:?} after step {done}, {op:?}");
            check(left.path(), |what| model.acknowledged.contains(what), &when);
        }
    }
}

/// Everything that writes, one after the other.
fn use_store(store: &Store, recorder: &Recorder) -> Result<(), StoreError> {
    recorder.acknowledge("store");
    put(store, 0, b"one")?;
    recorder.acknowledge("first");
    put(store, 0, b"two")?;
    recorder.acknowledge("another label");
    put(store, 1, b"one")?;
    recorder.acknowledge("second");
    let body = store.object(&address(1))?.unwrap().body;
    let (colleague, packet) = recipient();
    store.put_packet(body, &colleague, &packet)?;
    recorder.acknowledge("granted");
    recorder.acknowledge("revoking");
    store.remove_packet(body, &colleague)?;
    recorder.acknowledge("revoked");
    store.put_task(&KEY, b"first")?;
    recorder.acknowledge("task");
    store.put_task(&KEY, b"second")?;
    recorder.acknowledge("task twice");
    put(store, 3, b"of somebody")?;
    recorder.acknowledge("fourth");
    recorder.acknowledge("erasing");
    let erased: Vec<_> = store.labelled()?.map(Result::unwrap).filter(|one| one.address == address(3)).collect();
    erased.iter().try_for_each(|object| store.erase(object))?;
    recorder.acknowledge("erased");
    Ok(())
}

#[test]
fn a_crash_at_any_point_loses_nothing_acknowledged_and_shows_nothing_half() {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let recorder = Recorder::default();
    let store = open(folder.path(), &recorder);
    use_store(&store, &recorder).unwrap();
    let crashes: Vec<_> =
        [Crash::Killed, Crash::NothingUnflushed].into_iter().chain((1..7).map(Crash::SomeUnflushed)).collect();
    check_all_cuts(folder.path(), &recorder.log(), &crashes);
}

#[test]
fn what_another_writer_was_told_is_there_stays_whichever_call_it_comes_between() {
    for call in 0.. {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let recorder = Recorder::default();
        let (store, other) = (open(folder.path(), &recorder), open(folder.path(), &recorder));
        let seen = recorder.clone();
        // The other one puts the same, or finds it and relies on it.
        recorder.interrupt(call, move || {
            if other.adopt(&address(0), b"one").unwrap() {
                seen.acknowledge("first");
            }
            put(&other, 1, b"one").unwrap();
            seen.acknowledge("second");
            if other.touch(&address(0)).unwrap() {
                seen.acknowledge("first");
            }
            if other.touch_task(&KEY).unwrap() {
                seen.acknowledge("task");
            }
        });
        put(&store, 0, b"one").unwrap();
        put(&store, 1, b"one").unwrap();
        store.put_task(&KEY, b"first").unwrap();
        if !recorder.was_interrupted() {
            assert!(call > 30, "{call} calls are too few to have tested anything");
            return;
        }
        check_all_cuts(folder.path(), &recorder.log(), &[Crash::NothingUnflushed]);
    }
}

#[test]
fn a_disk_that_is_full_at_any_point_gives_an_error_and_takes_the_same_again_later() {
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
        for call in 0.. {
            let folder = tempfile::tempdir_in("/dev/shm").unwrap();
            let recorder = Recorder::default();
            let store = open(folder.path(), &recorder);
            recorder.fail(call, kind);
            let outcome = use_store(&store, &recorder);
            if !recorder.mend() {
                outcome.unwrap();
                assert!(call > 60, "{call} calls are too few to have tested anything");
                break;
            }
            // The last calls tidy up what is no longer needed, so nobody misses them.
            if let Err(error) = &outcome {
                assert_eq!(error.is_full(), kind == io::ErrorKind::StorageFull, "{error:?}");
            }
            let acknowledged: Mutex<Vec<_>> = Mutex::default();
            for op in recorder.log() {
                if let Op::Acknowledged(what) = op {
                    acknowledged.lock().unwrap().push(what);
                }
            }
            let acknowledged = acknowledged.into_inner().unwrap();
            let mut model = Model::new(folder.path());
            recorder.log().iter().for_each(|op| model.step(op));
            let left = tempfile::tempdir_in("/dev/shm").unwrap();
            model.crash(Crash::Killed, left.path());
            check(left.path(), |what| acknowledged.contains(&what), &format!("{kind:?} from call {call} on"));
            // The same store goes on once there is room.
            use_store(&store, &recorder).unwrap_or_else(|error| panic!("{kind:?} from call {call} on: {error}"));
        }
    }
}

#[test]
fn what_is_put_together_is_flushed_together() {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let recorder = Recorder::default();
    let store = open(folder.path(), &recorder);
    let flushes =
        |log: &[Op]| log.iter().filter(|op| matches!(op, Op::Sync(_) | Op::SyncFolder(_) | Op::SyncEverything)).count();
    let before = flushes(&recorder.log());
    // While the first flush of one is under way, all others write what they have; then they wait for the next flush.
    let others: Arc<Mutex<Vec<thread::JoinHandle<()>>>> = Arc::default();
    let (starting, started, seen) = (Arc::clone(&others), store.clone(), recorder.clone());
    recorder.interrupt_flush(move || {
        let mut others = starting.lock().unwrap();
        for number in 100..163 {
            let store = started.clone();
            others.push(thread::spawn(move || put(&store, number, b"labels").unwrap()));
        }
        let written = || seen.log().iter().filter(|op| matches!(op, Op::Create(..))).count();
        while written() < 1 + 64 * 4 {
            thread::yield_now();
        }
    });
    put(&store, 99, b"labels").unwrap();
    for other in std::mem::take(&mut *others.lock().unwrap()) {
        other.join().unwrap();
    }
    let flushed = flushes(&recorder.log()) - before;
    assert!(flushed < 2 * 64, "{flushed} flushes for 64 objects of four files each");
}

#[test]
fn a_large_body_is_written_in_large_pieces_and_a_small_one_in_one() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::default();
    let store = open(folder.path(), &recorder);
    for (number, length) in [(0, 3 << 20), (1, 70_000)] {
        let before = recorder.log().len();
        let mut object = store.begin_object().unwrap();
        let body: Vec<u8> = (0..length).map(|i: u32| (i % 251) as u8).collect();
        body.chunks(65_564).for_each(|segment| object.write_all(segment).unwrap());
        let parts = ObjectParts { record: RECORD, packets: &[], labels: b"labels" };
        object.commit(&address(number), parts, |_| Ok::<_, StoreError>(())).unwrap();
        let writes: Vec<_> = recorder.log()[before..]
            .iter()
            .filter_map(|op| match op {
                Op::Write(_, bytes) => Some(bytes.len()),
                _ => None,
            })
            .collect();
        // The recorder takes half of what it is given.
        assert_eq!(writes[0], length.min(1 << 20) as usize / 2);
        let mut found = Vec::new();
        store.object(&address(number)).unwrap().unwrap().open_body().unwrap().read_to_end(&mut found).unwrap();
        assert!(found == body, "{length} bytes");
    }
}
