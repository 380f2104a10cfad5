//! Listing, looking, freshening, deleting.

use std::time::{Duration, SystemTime};

use super::{Subject, name, names, put};
use crate::{
    Backend,
    backend::{Mode, Name, Put},
};

fn fill(backend: &dyn Backend) -> Vec<Name> {
    let texts = [
        "bodies/00/b",
        "bodies/00/a",
        "bodies/01/a",
        "bodies/0a",
        "bodies-2/x",
        "objects/00/labels-1-a",
        "objects/00/labels-1-b",
        "objects/00/labels-2-a",
        "objects/00/record",
        "objects/0",
        "format",
    ];
    let names: Vec<_> = texts.iter().map(|text| name(text)).collect();
    for (length, name) in names.iter().enumerate() {
        put(backend, name, &vec![b'x'; length], Mode::Create);
    }
    names
}

/// A listing has each blob once, with its size, in the order of the names.
pub fn listings_are_whole_and_in_order(subject: &impl Subject) {
    let backend = subject.handle();
    assert_eq!(names(&backend, ""), Vec::<String>::new());
    let filled = fill(&backend);
    for (length, name) in filled.iter().enumerate() {
        let listed = backend.list(name.as_str()).unwrap().next().unwrap().unwrap();
        assert_eq!((listed.name, listed.size), (name.clone(), length as u64));
    }
    for number in 0..40 {
        put(&backend, &name(&format!("tasks/{number:02}")), b"task", Mode::Create);
    }
    let tasks: Vec<_> = (0..40).map(|number| format!("tasks/{number:02}")).collect();
    assert_eq!(names(&backend, "tasks/"), tasks);
    let bodies = names(&backend, "bodies/");
    assert_eq!(bodies, ["bodies/00/a", "bodies/00/b", "bodies/01/a", "bodies/0a"]);
    let all = names(&backend, "");
    assert_eq!(all.len(), filled.len() + 40, "{all:?}");
}

/// A prefix need not end with a whole part of a name.
pub fn prefixes_may_end_within_a_part(subject: &impl Subject) {
    let backend = subject.handle();
    fill(&backend);
    assert_eq!(names(&backend, "objects/00/labels-1-"), ["objects/00/labels-1-a", "objects/00/labels-1-b"]);
    assert_eq!(
        names(&backend, "objects/00/"),
        ["objects/00/labels-1-a", "objects/00/labels-1-b", "objects/00/labels-2-a", "objects/00/record"]
    );
    assert_eq!(names(&backend, "bodies/00/a"), ["bodies/00/a"]);
    for nothing in ["objects/01/", "record", "objects/00/labels-3", "bodies/00/a/"] {
        assert_eq!(names(&backend, nothing), Vec::<String>::new(), "{nothing}");
    }
}

/// Looking tells how large and how old a blob is.
pub fn looking_tells_size_and_age(subject: &impl Subject) {
    let backend = subject.handle();
    let (before, name) = (SystemTime::now(), name("pins/a"));
    assert_eq!(backend.look(&name).unwrap(), None);
    put(&backend, &name, &[7; 1_234], Mode::Create);
    let seen = backend.look(&name).unwrap().unwrap();
    assert_eq!((&seen.name, seen.size), (&name, 1_234));
    let skew = Duration::from_secs(5);
    assert!(seen.modified > before - skew && seen.modified < SystemTime::now() + skew, "{seen:?}");
}

/// What is freshened is young and the same; what is not there does not come to be.
pub fn freshening_makes_young_what_is_there(subject: &impl Subject) {
    let backend = subject.handle();
    let name = name("objects/dd/labels-1");
    assert!(!backend.freshen(&name).unwrap());
    assert_eq!(backend.look(&name).unwrap(), None);
    put(&backend, &name, b"labels", Mode::Create);
    assert!(backend.freshen(&name).unwrap());
    let seen = backend.look(&name).unwrap().unwrap();
    let age = SystemTime::now().duration_since(seen.modified).unwrap_or_default();
    assert!(age < Duration::from_secs(60), "{age:?}");
    assert_eq!(backend.read(&name).unwrap().unwrap(), b"labels");
}

/// What is deleted is gone; what was not there counts as gone.
pub fn deleting_takes_away_what_is_there(subject: &impl Subject) {
    let backend = subject.handle();
    let filled = fill(&backend);
    let (gone, stays) = filled.split_at(4);
    backend.delete(gone).unwrap();
    backend.delete(gone).unwrap();
    backend.delete(&[]).unwrap();
    for name in gone {
        assert_eq!(backend.look(name).unwrap(), None);
        assert!(backend.open(name).unwrap().is_none());
    }
    for name in stays {
        assert!(backend.look(name).unwrap().is_some(), "{name}");
    }
    assert_eq!(names(&backend, "").len(), stays.len());
    assert_eq!(put(&backend, &gone[0], b"again", Mode::Create), Put::Written);
}

/// Several processes may use one place.
pub fn two_handles_see_the_same(subject: &impl Subject) {
    let (one, other) = (subject.handle(), subject.handle());
    put(&one, &name("tasks/a"), b"one", Mode::Create);
    assert_eq!(other.read(&name("tasks/a")).unwrap().unwrap(), b"one");
    assert_eq!(put(&other, &name("tasks/a"), b"two", Mode::Replace), Put::Written);
    assert_eq!(one.read(&name("tasks/a")).unwrap().unwrap(), b"two");
    other.sweep_unfinished().unwrap();
    one.delete(&[name("tasks/a")]).unwrap();
    assert_eq!(names(&other, ""), Vec::<String>::new());
}
