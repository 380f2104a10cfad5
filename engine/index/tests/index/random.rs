//! Any sequence of changes leaves the index with the answers of a plain computation.

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt};

use proptest::{collection::vec, option, prelude::*, sample::select};
use sluis_index::Index;
use sluis_schedule::{RunEvent, RunState};

use crate::{
    plain,
    world::{OBJECTS, TaskShape, World, at, run_id},
};

const RUNS: u8 = 4;
const KEYS: u8 = 6;
const WORKFLOWS: [&str; 2] = ["one.cwl", "two.cwl"];

#[derive(Clone, Debug)]
enum Change {
    Keep(TaskShape),
    RemoveEntry(u8),
    Begin {
        run: u8,
        workflow: &'static str,
        inputs: usize,
    },
    Complete {
        run: u8,
        key: u8,
        cached: bool,
    },
    End {
        run: u8,
        state: RunState,
        ended: i64,
    },
    RemoveRun(u8),
    /// The end of the journal was torn off by a crash.
    Tear(u8),
    Age,
    DeleteIndex,
    Ask,
}

fn object() -> impl Strategy<Value = usize> {
    0..OBJECTS
}

fn change() -> impl Strategy<Value = Change> {
    let shape = (0..KEYS, 0..RUNS, vec(object(), 1..3), vec(object(), 0..3), object(), option::of(object()), 0..5_i64);
    let shape = shape.prop_map(|(key, run, reads, outputs, result, log, ended)| {
        Change::Keep(TaskShape { key, run, reads, outputs, result, log, ended })
    });
    let ended = select(vec![RunState::Complete, RunState::Complete, RunState::ExecutorError]);
    prop_oneof![
        6 => shape,
        1 => (0..KEYS).prop_map(Change::RemoveEntry),
        3 => (0..RUNS, select(&WORKFLOWS[..]), object()).prop_map(|(run, workflow, inputs)| Change::Begin { run, workflow, inputs }),
        5 => (0..RUNS, 0..KEYS, any::<bool>()).prop_map(|(run, key, cached)| Change::Complete { run, key, cached }),
        3 => (0..RUNS, ended, 0..5_i64).prop_map(|(run, state, ended)| Change::End { run, state, ended }),
        1 => (0..RUNS).prop_map(Change::RemoveRun),
        1 => (0..RUNS).prop_map(Change::Tear),
        5 => Just(Change::Age),
        1 => Just(Change::DeleteIndex),
        6 => Just(Change::Ask),
    ]
}

fn carry_out(world: &mut World, change: &Change) {
    let begun = |run: u8| world.run_folder(run).exists();
    match change {
        Change::Keep(shape) => world.keep(shape),
        Change::RemoveEntry(key) => {
            if let Some(path) = world.entry(*key) {
                fs::remove_file(&path).unwrap();
                // As a collection may do: it works only if nothing else is in the folder.
                let _ = fs::remove_dir(path.parent().unwrap());
            }
        }
        Change::Begin { run, workflow, inputs } => world.begin(*run, workflow, *inputs),
        Change::Complete { run, key, cached } if begun(*run) => world.complete(*run, *key, *cached),
        Change::End { run, state, ended } if begun(*run) => {
            world.record(*run, &RunEvent::RunEnded { state: *state, outputs: None, files: Vec::new(), at: at(*ended) });
        }
        Change::RemoveRun(run) if begun(*run) => fs::remove_dir_all(world.run_folder(*run)).unwrap(),
        Change::Tear(run) if begun(*run) => {
            let path = world.run_folder(*run).join("journal.jsonl");
            let text = fs::read_to_string(&path).unwrap();
            let whole = text.lines().count();
            // The first record is acknowledged before anything else happens.
            if whole > 1 {
                let kept: String = text.split_inclusive('\n').take(whole - 1).collect();
                fs::write(&path, format!("{kept}{{\"seq\":")).unwrap();
            }
        }
        Change::Age => world.age(),
        Change::DeleteIndex if world.file().exists() => fs::remove_file(world.file()).unwrap(),
        Change::Ask => {
            let inode = || fs::metadata(world.file()).map(|facts| facts.ino()).ok();
            let before = inode();
            assert_agrees(world);
            assert!(before.is_none() || before == inode(), "what changed was taken in, not everything");
        }
        _ => {}
    }
}

/// Asks everything, of the index and of everything else.
#[track_caller]
pub fn assert_agrees(world: &World) {
    let site = &world.site;
    for object in &world.objects {
        let (permit, mut index) = (world.permit(object), Index::new(site));
        let derived = index.derived(&permit, object).unwrap();
        assert!(derived.is_sorted_by_key(|found| (found.record.ended, found.record.key)));
        let derived: BTreeMap<_, _> = derived.into_iter().map(|found| (found.address, found.record.key)).collect();
        assert_eq!(derived, plain::derived(site, object), "derived from {object}");
        let behind = index.behind(&permit, object).unwrap();
        let tasks: Vec<_> = behind.tasks.iter().map(|record| record.key).collect();
        assert_eq!((tasks, behind.origins), plain::behind(site, object), "behind {object}");
        for workflow in WORKFLOWS {
            let newest = index.newest(&permit, workflow, object).unwrap().map(|run| run.run);
            assert_eq!(newest, plain::newest(site, workflow, object), "newest {workflow} of {object}");
        }
        assert_eq!(index.note(), None);
    }
    for dataset in ["a", "b", "personal"] {
        let found = Index::new(site).runs_using(&dataset.parse().unwrap()).unwrap();
        assert!(found.is_sorted_by_key(|found| found.run.clone()));
        for found in &found {
            let begun = (0..RUNS).any(|run| run_id(run) == found.run && world.run_folder(run).exists());
            assert_eq!(found.journal.is_some(), begun, "{}", found.run);
        }
        let found = found.into_iter().map(|found| found.run).collect();
        assert_eq!(plain::runs_using(site, dataset), found, "runs that used {dataset}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_index_says_what_store_journals_and_audit_log_say(changes in vec(change(), 1..40)) {
        let mut world = World::new();
        for change in &changes {
            carry_out(&mut world, change);
        }
        assert_agrees(&world);
    }
}
