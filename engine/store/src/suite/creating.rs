//! Putting blobs: once, again, and by many at the same time.

use std::{sync::Barrier, thread};

use super::{Subject, blob, name, pattern, put};
use crate::{
    Backend,
    backend::{Mode, Put},
};

/// What is put is there, byte for byte, under its name alone.
pub fn blobs_come_back_as_they_were_put(subject: &impl Subject) {
    let backend = subject.handle();
    let every_byte: Vec<u8> = (0..=255).collect();
    let long = "a".repeat(200);
    for text in ["format", "tasks/00/1-2_3.4", "a.b/c", long.as_str()] {
        assert_eq!(put(&backend, &name(text), &every_byte, Mode::Create), Put::Written);
        assert_eq!(backend.read(&name(text)).unwrap().unwrap(), every_byte, "{text}");
    }
    assert_eq!(backend.read(&name("a.b/d")).unwrap(), None);
}

/// What is created a second time stays as it was.
pub fn what_is_there_stays(subject: &impl Subject) {
    let backend = subject.handle();
    let name = name("objects/aa/record");
    assert_eq!(put(&backend, &name, b"first", Mode::Create), Put::Written);
    assert_eq!(put(&backend, &name, b"second", Mode::Create), Put::Existing);
    assert_eq!(put(&backend, &name, b"first", Mode::Create), Put::Existing, "also if it is the same");
    assert_eq!(backend.read(&name).unwrap().unwrap(), b"first");
    backend.delete(std::slice::from_ref(&name)).unwrap();
    assert_eq!(put(&backend, &name, b"third", Mode::Create), Put::Written);
    assert_eq!(backend.read(&name).unwrap().unwrap(), b"third");
}

/// Whoever reads what others replace sees one of the contents, whole.
pub fn replacing_replaces_whole(subject: &impl Subject) {
    let backend = subject.handle();
    let name = name("tasks/aa/replaced");
    let contents: Vec<Vec<u8>> = (1..=4_u8).map(|number| vec![number; 30_000 * usize::from(number)]).collect();
    assert_eq!(put(&backend, &name, &contents[0], Mode::Replace), Put::Written);
    thread::scope(|scope| {
        for content in &contents {
            let (backend, name) = (&backend, &name);
            scope.spawn(move || {
                (0..5).for_each(|_| assert_eq!(put(backend, name, content, Mode::Replace), Put::Written))
            });
        }
        for _ in 0..20 {
            let seen = backend.read(&name).unwrap().unwrap();
            assert!(contents.contains(&seen), "{} bytes, the first {}", seen.len(), seen[0]);
        }
    });
    assert!(contents.contains(&backend.read(&name).unwrap().unwrap()));
}

/// Of many that create one name at the same time, with the same bytes or others, exactly one is told that it did.
pub fn of_many_creators_one_wins(subject: &impl Subject) {
    const WRITERS: usize = 8;
    for round in 0..6 {
        let name = name(&format!("objects/bb/race-{round}"));
        let barrier = Barrier::new(WRITERS);
        let outcomes: Vec<(Vec<u8>, Put)> = thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let (name, barrier) = (&name, &barrier);
                    scope.spawn(move || {
                        let backend = subject.handle();
                        // In every other round all of them write the same.
                        let bytes = if round % 2 == 0 { b"same".to_vec() } else { writer.to_string().into_bytes() };
                        barrier.wait();
                        let put = put(&backend, name, &bytes, Mode::Create);
                        (bytes, put)
                    })
                })
                .collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        let winners: Vec<_> = outcomes.iter().filter(|(_, put)| *put == Put::Written).collect();
        assert_eq!(winners.len(), 1, "round {round}: {outcomes:?}");
        assert_eq!(subject.handle().read(&name).unwrap().unwrap(), winners[0].0, "round {round}");
    }
}

/// What became of each blob is told in the order of the blobs.
pub fn outcomes_are_in_order(subject: &impl Subject) {
    let backend = subject.handle();
    let names: Vec<_> = (0..5).map(|number| name(&format!("packets/{number}"))).collect();
    put(&backend, &names[1], b"x", Mode::Create);
    put(&backend, &names[4], b"x", Mode::Create);
    let new = |number: usize, mode| blob(&names[number], b"y", mode);
    let stages = vec![
        vec![new(0, Mode::Create), new(1, Mode::Create), new(2, Mode::Create)],
        Vec::new(),
        vec![new(4, Mode::Replace), new(3, Mode::Create), new(2, Mode::Create)],
    ];
    let outcomes = backend.put(stages).unwrap();
    let expected =
        [vec![Put::Written, Put::Existing, Put::Written], Vec::new(), vec![Put::Written, Put::Written, Put::Existing]];
    assert_eq!(outcomes, expected);
    assert_eq!(backend.put(Vec::new()).unwrap(), Vec::<Vec<Put>>::new());
}

/// A stage may be larger than what is on its way at once; what was put last is there only when all before it is.
pub fn a_stage_has_many_blobs(subject: &impl Subject) {
    let backend = subject.handle();
    let first: Vec<_> = (0..60).map(|number| name(&format!("packets/many/{number}"))).collect();
    let record = name("objects/cc/record");
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let stage = first.iter().map(|name| blob(name, &pattern(5_000), Mode::Create)).collect();
            backend.put(vec![stage, vec![blob(&record, b"record", Mode::Create)]]).unwrap()
        });
        let reader = subject.handle();
        while !writer.is_finished() {
            if reader.look(&record).unwrap().is_some() {
                break;
            }
        }
        if reader.look(&record).unwrap().is_some() {
            for name in &first {
                assert_eq!(reader.read(name).unwrap().unwrap(), pattern(5_000), "{name}");
            }
        }
        let outcomes = writer.join().unwrap();
        assert!(outcomes.iter().flatten().all(|put| *put == Put::Written));
    });
    assert_eq!(backend.read(&record).unwrap().unwrap(), b"record");
}
