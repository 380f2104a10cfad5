//! Removing objects beside those who use them: whatever somebody was told is there stays readable, in whichever order
//! the calls of both come and wherever the remover is killed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod memory;

use std::{
    io::{Read, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, SystemTime},
};

use memory::{Before, Gated, Memory};
use sluis_crypt4gh::{DataKey, HeaderPacket, SecretKey};
use sluis_model::{Address, TaskKey};
use sluis_store::{ObjectParts, Store, StoreError, backend::Backend};

const ADDRESS: Address = Address::from_bytes([7; 32]);
const KEY: TaskKey = TaskKey::from_bytes([3; 32]);

/// A moment younger than everything that was aged and older than everything else.
fn since() -> SystemTime {
    SystemTime::now() - Duration::from_secs(86_400)
}

fn put(store: &Store, labels: &[u8]) -> Result<(), StoreError> {
    let key = SecretKey::generate().unwrap();
    let packet = HeaderPacket::seal(&DataKey::generate().unwrap(), &key, &key.public_key()).unwrap();
    let packets = [(key.public_key(), packet)];
    let mut object = store.begin_object()?;
    object.write_all(b"sealed").unwrap();
    object
        .commit(&ADDRESS, ObjectParts { record: b"record", packets: &packets, labels }, |_| Ok::<_, StoreError>(()))
        .map(drop)
}

/// A store with an object and a task entry that are both old.
fn old_store() -> (Memory, Arc<dyn Backend>, Store) {
    let memory = Memory::default();
    let backend: Arc<dyn Backend> = Arc::new(memory.clone());
    let store = Store::create_on(Arc::clone(&backend)).unwrap();
    put(&store, b"old").unwrap();
    store.put_task(&KEY, b"entry").unwrap();
    memory.age();
    (memory, backend, store)
}

/// What a user of the store does, and the label set it then relies on; `None` if it was told that nothing is there.
type User = fn(&Store) -> Result<Option<&'static [u8]>, StoreError>;

const USERS: [User; 4] = [
    |store| Ok(store.adopt(&ADDRESS, b"old")?.then_some(b"old")),
    |store| Ok(store.adopt(&ADDRESS, b"new")?.then_some(b"new")),
    |store| Ok(store.touch(&ADDRESS)?.then_some(b"old")),
    |store| put(store, b"new").map(|()| Some(b"new".as_slice())),
];

#[track_caller]
fn assert_readable(store: &Store, labels: &[u8], when: &str) {
    let object = store.object(&ADDRESS).unwrap().unwrap_or_else(|| panic!("{when}: it is gone"));
    assert!(object.labels().unwrap().iter().any(|set| set == labels), "{when}: the label set is gone");
    assert_eq!(object.recipients().unwrap().len(), 1, "{when}: its header packet is gone");
    let mut body = Vec::new();
    object.open_body().unwrap().read_to_end(&mut body).unwrap();
    assert_eq!(body, b"sealed", "{when}");
}

/// Carries out `first` up to its call `at.0`, then `second` up to its call `at.1`, then the rest of `first`, then that of
/// `second`. `None` once both ended before these calls.
fn weave<A: Send, B: Send>(
    backend: &Arc<dyn Backend>,
    at: (usize, usize),
    first: impl FnOnce(&Store) -> A + Send,
    second: impl FnOnce(&Store) -> B + Send,
) -> (A, B, [bool; 2]) {
    weave_on(backend, backend, at, first, second)
}

/// As [`weave`], with a backend for each.
fn weave_on<A: Send, B: Send>(
    ones: &Arc<dyn Backend>,
    twos: &Arc<dyn Backend>,
    at: (usize, usize),
    first: impl FnOnce(&Store) -> A + Send,
    second: impl FnOnce(&Store) -> B + Send,
) -> (A, B, [bool; 2]) {
    let (reached, at_gate) = mpsc::channel();
    let gate = |backend: &Arc<dyn Backend>, at: usize| {
        let (open, go_on) = mpsc::channel();
        // One call more: opening the store reads its format.
        let pause = Before::Pause { reached: reached.clone(), go_on: Mutex::new(go_on) };
        (Gated::new(backend, at + 1, pause), open)
    };
    let ((one, open_one), (two, open_two)) = (gate(ones, at.0), gate(twos, at.1));
    let (ended, done) = (&reached, |backend: &Arc<Gated>| Store::open_on(Arc::clone(backend) as Arc<dyn Backend>));
    thread::scope(|scope| {
        let (one_store, two_store) = (done(&one).unwrap(), done(&two).unwrap());
        let end_one = ended.clone();
        let running_one = scope.spawn(move || {
            let outcome = first(&one_store);
            end_one.send(()).unwrap();
            outcome
        });
        at_gate.recv().unwrap();
        let end_two = ended.clone();
        let running_two = scope.spawn(move || {
            let outcome = second(&two_store);
            end_two.send(()).unwrap();
            outcome
        });
        at_gate.recv().unwrap();
        // Who has ended waits for nothing any more.
        let _ = open_one.send(());
        let first = running_one.join().unwrap();
        let _ = open_two.send(());
        (first, running_two.join().unwrap(), [one.is_reached(), two.is_reached()])
    })
}

/// Weaves at every pair of calls.
fn at_every_pair(mut check: impl FnMut((usize, usize)) -> [bool; 2]) {
    for first in 0.. {
        let mut first_is_reached = false;
        for second in 0.. {
            let [one, two] = check((first, second));
            first_is_reached |= one;
            if !two {
                break;
            }
        }
        if !first_is_reached {
            assert!(first > 1, "nothing was woven");
            break;
        }
    }
}

#[test]
fn what_a_user_was_told_is_there_stays_in_whichever_order_the_calls_come() {
    for user in USERS {
        for user_is_first in [false, true] {
            at_every_pair(|at| {
                let (memory, backend, store) = old_store();
                let remove = |store: &Store| store.remove_objects(&[ADDRESS], since()).unwrap();
                let (told, reached) = if user_is_first {
                    let (told, _, reached) = weave(&backend, at, user, remove);
                    (told, reached)
                } else {
                    let (_, told, reached) = weave(&backend, at, remove, user);
                    (told, reached)
                };
                let when = format!("user first {user_is_first}, at {at:?}");
                match told.unwrap() {
                    Some(labels) => assert_readable(&store, labels, &when),
                    None => {
                        put(&store, b"again").unwrap();
                        assert_readable(&store, b"again", &when);
                    }
                }
                let doomed = memory.names().iter().filter(|name| name.starts_with("doomed/")).count();
                assert_eq!(doomed, 0, "{when}: {:?}", memory.names());
                // Nothing is left of an object that was replaced.
                let inventory = store.inventory().unwrap();
                assert!(inventory.remnants.len() <= 1, "{when}: {:?}", inventory.remnants);
                reached
            });
        }
    }
}

#[test]
fn a_removal_that_was_killed_is_readable_or_gone_and_the_next_one_settles_it() {
    for user in USERS {
        for kill in 0.. {
            for kill_again in 0.. {
                let (memory, backend, store) = old_store();
                let killed = Gated::new(&backend, kill + 1, Before::Killed);
                let first = Store::open_on(Arc::clone(&killed) as Arc<dyn Backend>).unwrap();
                let ended = first.remove_objects(&[ADDRESS], since()).is_ok();
                let told = user(&store).unwrap();
                let when = format!("killed at {kill}, then at {kill_again}");
                if let Some(labels) = told {
                    assert_readable(&store, labels, &when);
                }
                let again = Gated::new(&backend, kill_again + 1, Before::Killed);
                let second = Store::open_on(Arc::clone(&again) as Arc<dyn Backend>).unwrap();
                let settled = second.settle_objects(since(), &|_| false).is_ok();
                if let Some(labels) = told {
                    assert_readable(&store, labels, &when);
                }
                store.settle_objects(since(), &|_| false).unwrap();
                if let Some(labels) = told {
                    assert_readable(&store, labels, &when);
                }
                assert!(!memory.names().iter().any(|name| name.starts_with("doomed/")), "{when}");
                if settled {
                    break;
                }
                assert!(!ended || kill_again == 0, "nothing was left to settle");
            }
            let (_, backend, _) = old_store();
            let killed = Gated::new(&backend, kill + 1, Before::Killed);
            let first = Store::open_on(Arc::clone(&killed) as Arc<dyn Backend>).unwrap();
            if first.remove_objects(&[ADDRESS], since()).is_ok() {
                assert!(kill > 5, "nothing was killed");
                break;
            }
        }
    }
}

#[test]
fn what_nobody_uses_goes_altogether_also_if_its_removal_was_killed() {
    for kill in 0.. {
        let (memory, backend, store) = old_store();
        let killed = Gated::new(&backend, kill + 1, Before::Killed);
        let first = Store::open_on(Arc::clone(&killed) as Arc<dyn Backend>).unwrap();
        let outcome =
            first.remove_tasks(&[KEY], since()).and_then(|_| first.remove_objects(&[ADDRESS], since()).map(drop));
        store.settle_tasks(&|_| false).unwrap();
        store.settle_objects(since(), &|_| false).unwrap();
        store.remove_tasks(&[KEY], since()).unwrap();
        store.remove_objects(&[ADDRESS], since()).unwrap();
        assert_eq!(memory.names(), ["format"], "killed at {kill}");
        if outcome.is_ok() {
            break;
        }
    }
}

#[test]
fn what_is_needed_after_all_is_put_back_when_a_killed_removal_is_settled() {
    for kill in 0..40 {
        let (_, backend, store) = old_store();
        let killed = Gated::new(&backend, kill + 1, Before::Killed);
        let first = Store::open_on(Arc::clone(&killed) as Arc<dyn Backend>).unwrap();
        let _ = first.remove_objects(&[ADDRESS], since());
        let was_readable = store.object(&ADDRESS).unwrap().is_some();
        store.settle_objects(since(), &|_| true).unwrap();
        assert_eq!(store.contains(&ADDRESS).unwrap(), was_readable, "killed at {kill}");
        if was_readable {
            assert_readable(&store, b"old", "put back");
        }
    }
}

#[test]
fn fresh_objects_and_entries_stay() {
    let (memory, _, store) = old_store();
    assert!(store.touch(&ADDRESS).unwrap() && store.touch_task(&KEY).unwrap());
    let before = memory.names();
    assert!(store.remove_objects(&[ADDRESS], since()).unwrap().removed.is_empty());
    assert!(store.remove_tasks(&[KEY], since()).unwrap().removed.is_empty());
    assert_eq!(memory.names(), before);
}

#[test]
fn a_task_entry_that_was_used_or_written_anew_stays_in_whichever_order_the_calls_come() {
    let touch = |store: &Store| store.touch_task(&KEY).unwrap().then_some(b"entry".as_slice());
    let write = |store: &Store| {
        store.put_task(&KEY, b"other").unwrap();
        Some(b"other".as_slice())
    };
    for user in [touch as fn(&Store) -> Option<&'static [u8]>, write] {
        for user_is_first in [false, true] {
            at_every_pair(|at| {
                let (_, backend, store) = old_store();
                let remove = |store: &Store| store.remove_tasks(&[KEY], since()).unwrap();
                let (told, reached) = if user_is_first {
                    let (told, _, reached) = weave(&backend, at, user, remove);
                    (told, reached)
                } else {
                    let (_, told, reached) = weave(&backend, at, remove, user);
                    (told, reached)
                };
                if let Some(entry) = told {
                    assert_eq!(
                        store.task(&KEY).unwrap().as_deref(),
                        Some(entry),
                        "user first {user_is_first}, at {at:?}"
                    );
                }
                reached
            });
        }
    }
}

/// A remover before one of whose calls somebody uses the object.
fn used_before(call: usize, backend: &Arc<dyn Backend>, store: &Store) -> (Arc<dyn Backend>, Arc<AtomicBool>) {
    let told = Arc::new(AtomicBool::new(false));
    let user = |store: &Store| store.adopt(&ADDRESS, b"used").unwrap();
    let uses = Before::Uses { store: store.clone(), user, told: Arc::clone(&told) };
    (Gated::new(backend, call, uses), told)
}

/// Removes the object, lets somebody use it before call `used` of that, and weaves in what a third one does.
fn weave_three<T: Send>(third: fn(&Store) -> T, mut check: impl FnMut(&Store, bool, T, &str)) {
    for used in 0..12 {
        at_every_pair(|at| {
            let (_, backend, store) = old_store();
            let (hooked, is_used) = used_before(used + 1, &backend, &store);
            let remove = |gated: &Store| gated.remove_objects(&[ADDRESS], since()).unwrap();
            let (_, outcome, reached) = weave_on(&hooked, &backend, at, remove, third);
            check(&store, is_used.load(Ordering::SeqCst), outcome, &format!("used before {used}, at {at:?}"));
            reached
        });
    }
}

#[test]
fn one_who_uses_an_object_and_one_who_makes_it_again_meanwhile_both_keep_it() {
    weave_three(
        |store| put(store, b"made").unwrap(),
        |store, is_used, (), when| {
            assert_readable(store, b"made", when);
            if is_used {
                assert_readable(store, b"used", when);
            }
        },
    );
}

#[test]
fn a_reader_finds_an_object_that_is_being_used_at_every_moment_of_its_removal() {
    weave_three(
        |store| store.object(&ADDRESS).unwrap().is_some(),
        |store, is_used, is_read, when| {
            assert_eq!(store.object(&ADDRESS).unwrap().is_some(), is_used, "{when}");
            assert!(is_read || !is_used, "{when}");
        },
    );
}
