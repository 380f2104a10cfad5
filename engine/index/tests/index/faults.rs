//! What can become of the file, and that no question suffers from it.

use std::{
    fs,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    thread,
};

use rusqlite::Connection;
use sluis_access::{AccessError, ReadAction};
use sluis_index::{Index, IndexError};
use sluis_schedule::{RunEvent, RunState};

use crate::{
    random::assert_agrees,
    world::{OBJECTS, TaskShape, World, at, project, run_id},
};

/// A chain of tasks from the first object to the last, and a run that carried them out.
fn world() -> World {
    let world = World::new();
    world.begin(0, "one.cwl", 0);
    for task in 0..OBJECTS - 1 {
        let key = task as u8;
        let reads = vec![task];
        world.keep(&TaskShape { key, run: 0, reads, outputs: vec![], result: task + 1, log: None, ended: task as i64 });
        world.complete(0, key, false);
    }
    world.record(0, &RunEvent::RunEnded { state: RunState::Complete, outputs: None, files: Vec::new(), at: at(9) });
    world
}

/// Asks the index, which must need no detour, and gives the number of objects that derive from the first.
#[track_caller]
fn ask(world: &World) -> usize {
    let (origin, mut index) = (&world.objects[0], Index::new(&world.site));
    let found = index.derived(&world.permit(origin), origin).unwrap().len();
    assert_eq!(index.note(), None);
    found
}

/// As [`ask`], but the file cannot be used, and the note says so.
#[track_caller]
fn ask_without_file(world: &World, says: &str) -> usize {
    let (origin, mut index) = (&world.objects[0], Index::new(&world.site));
    let found = index.derived(&world.permit(origin), origin).unwrap().len();
    let note = index.note().unwrap();
    assert!(note.contains("index.sqlite cannot be used") && note.contains(says), "{note}");
    found
}

#[test]
fn the_file_is_for_its_owner_alone_and_holds_no_names_of_steps() {
    let world = world();
    assert_eq!(ask(&world), OBJECTS - 1);
    assert_eq!(fs::metadata(world.file()).unwrap().mode() & 0o777, 0o600);
    let bytes = fs::read(world.file()).unwrap();
    assert!(!bytes.windows(4).any(|window| window == b"step"), "only what questions need is in it");
}

#[test]
fn an_up_to_date_index_is_not_written() {
    let mut world = world();
    world.age();
    ask(&world);
    let before = (fs::read(world.file()).unwrap(), fs::metadata(world.file()).unwrap().mtime_nsec());
    ask(&world);
    assert_eq!(before, (fs::read(world.file()).unwrap(), fs::metadata(world.file()).unwrap().mtime_nsec()));
}

#[test]
fn garbage_anywhere_in_the_file_is_noticed_and_the_file_built_anew() {
    let mut world = world();
    world.age();
    assert_agrees(&world);
    let whole = fs::read(world.file()).unwrap();
    // A step that is prime to the sizes of pages and cells.
    for (start, garbage) in
        (0..whole.len()).step_by(1721).zip([&[0xff_u8; 40][..], &[0; 333], b"x"].into_iter().cycle())
    {
        let end = whole.len().min(start + garbage.len());
        fs::OpenOptions::new()
            .write(true)
            .open(world.file())
            .unwrap()
            .write_all_at(&garbage[..end - start], start as u64)
            .unwrap();
        assert_agrees(&world);
    }
}

#[test]
fn a_file_that_is_none_or_of_another_version_is_built_anew() {
    let world = world();
    ask(&world);
    let replace = |bytes: &[u8]| fs::write(world.file(), bytes).unwrap();
    let whole = fs::read(world.file()).unwrap();
    for wrong in [&b""[..], b"SQLite format 3\0", &[7; 100_000], &whole[..whole.len() / 2], &whole[..5000]] {
        replace(wrong);
        assert_eq!(ask(&world), OBJECTS - 1);
    }
    let laid_out = || -> (i32, i32) {
        let query = "SELECT user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_user_version";
        connect(&world).query_row(query, (), |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    let right = laid_out();
    for change in ["PRAGMA user_version = 99", "DROP INDEX reads_by_task", "CREATE TABLE further (x)"] {
        connect(&world).execute_batch(change).unwrap();
        assert_eq!(ask(&world), OBJECTS - 1, "{change}");
        assert_eq!(laid_out(), right, "{change}");
    }
}

/// The file as another program opens it.
fn connect(world: &World) -> Connection {
    Connection::open(world.file()).unwrap()
}

/// What a query with one column gives.
fn texts(connection: &Connection, query: &str) -> Vec<String> {
    let mut query = connection.prepare(query).unwrap();
    query.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn every_column_of_a_table_is_in_an_index_too_so_that_any_changed_byte_shows() {
    let world = world();
    ask(&world);
    let file = connect(&world);
    let tables = texts(&file, "SELECT name FROM sqlite_schema WHERE type = 'table'");
    assert!(tables.len() > 5, "{tables:?}");
    for table in tables {
        let columns = format!("SELECT name FROM pragma_table_info('{table}') WHERE type != 'INTEGER' OR name != 'id'");
        let columns = texts(&file, &columns);
        let indexes = texts(&file, &format!("SELECT name FROM pragma_index_list('{table}') WHERE origin = 'c'"));
        let has_all = |index: &String| {
            let indexed = texts(&file, &format!("SELECT name FROM pragma_index_info('{index}')"));
            columns.iter().all(|column| indexed.contains(column))
        };
        assert!(indexes.iter().any(has_all), "{table}");
    }
}

#[test]
fn a_file_that_sluis_closed_bears_its_mark() {
    let world = world();
    ask(&world);
    let marked = || fs::metadata(world.file()).unwrap().mtime_nsec().to_string();
    let mark = texts(&connect(&world), "SELECT value FROM facts WHERE name = 'mark'");
    assert_eq!(mark, [marked()]);
    connect(&world).execute_batch("PRAGMA user_version = 1").unwrap();
    assert_ne!(mark, [marked()], "whoever else writes destroys it");
    ask(&world);
    assert_eq!(mark, [marked()], "the file was found to be whole");
}

#[test]
fn what_a_killed_process_left_beside_a_deleted_file_does_no_harm() {
    let world = world();
    ask(&world);
    let beside = ["-wal", "-shm"].map(|end| PathBuf::from(format!("{}{end}", world.file().display())));
    let writing = connect(&world);
    writing.execute_batch("DELETE FROM reads").unwrap();
    let left = beside.each_ref().map(|path| fs::read(path).unwrap());
    drop(writing);
    fs::remove_file(world.file()).unwrap();
    beside.iter().zip(left).for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    assert_eq!(ask(&world), OBJECTS - 1);
    assert_agrees(&world);
}

#[test]
fn what_the_index_says_and_the_records_do_not_bear_out_is_not_told() {
    let mut world = world();
    world.age();
    // That the first task made what the last one did, and that a task's record is there which is not.
    let last = &world.objects[OBJECTS - 1];
    let lie = "INSERT INTO makes SELECT ?1, x'00', id FROM tasks WHERE key = ?2";
    let ask_behind = || {
        let behind = Index::new(&world.site).behind(&world.permit(last), last).unwrap();
        assert_eq!(behind.tasks.len(), OBJECTS - 1);
    };
    let ask_derived = || {
        let found = Index::new(&world.site).derived(&world.permit(&world.objects[0]), &world.objects[0]).unwrap();
        assert_eq!(found.last().unwrap().record.key, world.key(OBJECTS as u8 - 2));
    };
    for ask_again in [&ask_behind as &dyn Fn(), &ask_derived] {
        ask(&world);
        connect(&world).execute(lie, [last.as_bytes(), world.key(0).as_bytes()]).unwrap();
        ask_again();
        connect(&world).execute_batch("UPDATE tasks SET key = zeroblob(32) WHERE id = 2").unwrap();
        ask_again();
    }
}

#[test]
fn where_the_file_cannot_be_made_the_answer_comes_from_the_records() {
    let world = world();
    fs::create_dir(world.file()).unwrap();
    assert_eq!(ask_without_file(&world, "unable to open"), OBJECTS - 1);
    fs::remove_dir(world.file()).unwrap();
    assert_eq!(ask(&world), OBJECTS - 1);
    let lock = world.file().with_file_name("index.lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    assert_eq!(ask_without_file(&world, "directory"), OBJECTS - 1);
}

#[test]
fn a_file_that_another_process_keeps_locked_is_waited_for_and_then_done_without() {
    let world = world();
    ask(&world);
    let other = Connection::open(world.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(ask_without_file(&world, "locked"), OBJECTS - 1);
    drop(other);
    assert_eq!(ask(&world), OBJECTS - 1);
}

#[test]
fn many_ask_at_once_while_the_file_is_deleted_and_damaged() {
    let world = world();
    let path = &world.file();
    let spoil = |path: &Path, round: usize| match round % 3 {
        0 => drop(fs::remove_file(path)),
        1 => drop(fs::OpenOptions::new().write(true).open(path).map(|file| file.write_all_at(&[9; 5000], 2000))),
        _ => {}
    };
    thread::scope(|scope| {
        let asking = (0..4).map(|_| {
            scope.spawn(|| {
                (0..12).for_each(|_| {
                    let (origin, mut index) = (&world.objects[0], Index::new(&world.site));
                    let found = index.derived(&world.permit(origin), origin).unwrap();
                    assert_eq!(found.len(), OBJECTS - 1);
                });
            })
        });
        let asking: Vec<_> = asking.collect();
        (0..12).for_each(|round| spoil(path, round));
        asking.into_iter().for_each(|thread| thread.join().unwrap());
    });
    assert_agrees(&world);
}

#[test]
fn a_damaged_task_record_is_the_truths_damage_and_told() {
    let world = world();
    ask(&world);
    let entry: PathBuf = world.entry(3).unwrap();
    let text = fs::read_to_string(&entry).unwrap();
    fs::write(entry.with_extension("new"), text.replace("local", "other")).unwrap();
    fs::rename(entry.with_extension("new"), &entry).unwrap();
    let origin = &world.objects[0];
    let outcome = Index::new(&world.site).derived(&world.permit(origin), origin);
    assert!(matches!(outcome, Err(IndexError::Access(AccessError::DamagedTask { key })) if key == world.key(3)));
}

#[test]
fn a_permit_for_another_object_or_another_purpose_gives_no_answer() {
    let world = world();
    let origin = &world.objects[0];
    let other = world.permit(&world.objects[1]);
    let showing = world.site.permit_read(&project(), origin, ReadAction::Show).unwrap();
    for permit in [&other, &showing] {
        let mut index = Index::new(&world.site);
        let is_refused = |error| matches!(error, IndexError::Access(AccessError::NotCovered(_)));
        assert!(is_refused(index.derived(permit, origin).unwrap_err()));
        assert!(is_refused(index.behind(permit, origin).unwrap_err()));
        assert!(is_refused(index.newest(permit, "one.cwl", origin).unwrap_err()));
    }
}

#[test]
fn a_journal_that_lost_its_end_is_taken_back() {
    let world = world();
    let origin = &world.objects[0];
    let newest = || Index::new(&world.site).newest(&world.permit(origin), "one.cwl", origin).unwrap();
    assert!(newest().is_some());
    let file = fs::metadata(world.file()).unwrap().ino();
    let path = world.run_folder(0).join("journal.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let kept = text.trim_end().rfind('\n').unwrap() + 1;
    fs::write(&path, &text[..kept + 20]).unwrap();
    assert!(newest().is_none(), "its end is torn");
    fs::write(&path, &text).unwrap();
    assert!(newest().is_some());
    fs::write(&path, &text[..kept]).unwrap();
    assert!(newest().is_none(), "its end is gone");
    assert_eq!(fs::metadata(world.file()).unwrap().ino(), file, "nothing was built anew for it");
}

#[test]
fn of_runs_that_ended_at_the_same_time_the_later_one_is_the_newest() {
    let world = world();
    world.begin(1, "one.cwl", 0);
    world.record(1, &RunEvent::RunEnded { state: RunState::Complete, outputs: None, files: Vec::new(), at: at(9) });
    assert_agrees(&world);
    let origin = &world.objects[0];
    let newest = Index::new(&world.site).newest(&world.permit(origin), "one.cwl", origin).unwrap();
    assert_eq!(newest.map(|run| run.run), Some(run_id(1)));
}

#[test]
fn only_what_was_permitted_counts_as_used() {
    let world = world();
    let (run, inputs) = (run_id(3), [world.objects[0], world.objects[1]]);
    let registry = world.site.dir().join("registry/datasets.yaml");
    let declared = fs::read_to_string(&registry).unwrap();
    // The dataset `b`, that of the second object.
    let withdrawn = declared.replacen("consent: given", "consent: withdrawn", 1);
    fs::write(&registry, withdrawn).unwrap();
    assert!(world.permit_task(&run, 0, &inputs).is_err());
    let used = |dataset: &str| Index::new(&world.site).runs_using(&dataset.parse().unwrap()).unwrap();
    assert!(used("a").iter().chain(&used("b")).all(|found| found.run == run_id(0)));
    fs::write(&registry, declared).unwrap();
    let log = fs::read(world.site.audit().path()).unwrap();
    assert!(world.permit_task(&run, 0, &inputs).is_ok());
    assert!(["a", "b"].iter().all(|dataset| used(dataset).iter().any(|found| found.run == run)));
    // The machine lost power before the last decision was on the disk.
    fs::write(world.site.audit().path(), log).unwrap();
    assert!(["a", "b"].iter().all(|dataset| used(dataset).iter().all(|found| found.run != run)));
}
