//! A journal under many writers, cuts, and changes.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
};

use proptest::prelude::*;
use sluis_journal::{Journal, JournalError, Position};

fn journal() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    (folder, path)
}

fn bodies(path: &Path) -> Vec<String> {
    Journal::read(path).unwrap().map(|record| record.unwrap().decode().unwrap()).collect()
}

/// What kept a group of records from being written.
fn cause(error: &JournalError) -> &JournalError {
    match error {
        JournalError::NotRecorded(cause) => cause,
        other => other,
    }
}

#[test]
fn records_come_back_in_order_and_many_writers_lose_none() {
    let (_folder, path) = journal();
    // Two journals on one file stand for two processes.
    let journals = [Arc::new(Journal::open(&path).unwrap()), Arc::new(Journal::open(&path).unwrap())];
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let journal = Arc::clone(&journals[writer % 2]);
            thread::spawn(move || {
                let positions: Vec<_> = (0..50).map(|i| journal.append(&format!("{writer}:{i}")).unwrap()).collect();
                assert!(positions.is_sorted());
                positions
            })
        })
        .collect();
    let mut positions: Vec<_> = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
    positions.sort_unstable();
    assert_eq!(positions.iter().map(|position| position.0).collect::<Vec<_>>(), (0..400).collect::<Vec<_>>());
    assert_eq!(Journal::verify(&path).unwrap().records, 400);
    let found = bodies(&path);
    for writer in 0..8 {
        let own: Vec<_> = found.iter().filter(|body| body.starts_with(&format!("{writer}:"))).cloned().collect();
        assert_eq!(own, (0..50).map(|i| format!("{writer}:{i}")).collect::<Vec<_>>());
    }
}

#[test]
fn a_journal_cut_at_any_byte_keeps_its_whole_records_and_goes_on() {
    let (_folder, path) = journal();
    Journal::open(&path).unwrap().append_all(&["one", "two", "three"]).unwrap();
    let whole = fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let kept = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(bodies(&path).len(), kept);
        Journal::open(&path).unwrap().append(&"next").unwrap();
        let found = bodies(&path);
        assert_eq!(found.len(), kept + 1);
        assert_eq!(found.last().unwrap(), "next");
    }
}

#[test]
fn a_change_anywhere_is_noticed() {
    let (_folder, path) = journal();
    Journal::open(&path).unwrap().append_all(&["one", "two", "three"]).unwrap();
    let whole = fs::read(&path).unwrap();
    // Without its last line feed the last line is torn, which is no damage.
    for place in 0..whole.len() - 1 {
        for bit in [1, 0x20] {
            let mut changed = whole.clone();
            changed[place] ^= bit;
            fs::write(&path, &changed).unwrap();
            assert!(Journal::verify(&path).is_err(), "byte {place}");
            assert!(Journal::open(&path).unwrap().append(&"next").is_err(), "byte {place}");
            assert_eq!(fs::read(&path).unwrap(), changed);
        }
    }
    let lines: Vec<_> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    for order in [vec![1, 2], vec![0, 2], vec![1, 0, 2], vec![0, 0, 1, 2], vec![0, 2, 1]] {
        fs::write(&path, order.iter().flat_map(|i| lines[*i]).copied().collect::<Vec<_>>()).unwrap();
        assert!(matches!(Journal::verify(&path), Err(JournalError::Broken { .. })), "{order:?}");
    }
}

#[test]
fn what_is_known_already_is_not_read_again_but_must_be_there() {
    let (_folder, path) = journal();
    let journal = Journal::open(&path).unwrap();
    journal.append_all(&["one", "two"]).unwrap();
    let known = Journal::verify(&path).unwrap();
    assert_eq!(Journal::open_after(&path, known.clone()).unwrap().append(&"three").unwrap(), Position(2));
    // The first journal sees what the second wrote.
    assert_eq!(journal.append(&"four").unwrap(), Position(3));
    assert_eq!(bodies(&path), ["one", "two", "three", "four"]);
    fs::write(&path, &fs::read(&path).unwrap()[..10]).unwrap();
    for journal in [journal, Journal::open_after(&path, known).unwrap()] {
        assert!(matches!(cause(&journal.append(&"five").unwrap_err()), JournalError::Cut { .. }));
    }
}

#[test]
fn a_journal_that_was_removed_or_replaced_takes_no_record() {
    let (_folder, path) = journal();
    let journal = Journal::open(&path).unwrap();
    journal.append(&"one").unwrap();
    let copy = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(matches!(cause(&journal.append(&"two").unwrap_err()), JournalError::Replaced { .. }));
    fs::write(&path, copy).unwrap();
    assert!(matches!(cause(&journal.append(&"two").unwrap_err()), JournalError::Replaced { .. }));
    assert_eq!(bodies(&path), ["one"]);
}

#[test]
fn relaxed_records_are_seen_at_once_and_summed_up_by_a_sync() {
    let (_folder, path) = journal();
    let journal = Journal::open(&path).unwrap();
    journal.append_relaxed(&"note").unwrap();
    assert_eq!(bodies(&path), ["note"]);
    journal.append(&"record").unwrap();
    let mut seen = None;
    journal
        .sync(|summary| {
            seen = Some(summary.clone());
            Ok(())
        })
        .unwrap();
    assert_eq!(seen.unwrap(), Journal::verify(&path).unwrap());
    assert!(journal.sync(|_| Err(std::io::Error::other("no"))).is_err());
}

/// Not a test by itself: what a second process does, of which the tests below start some.
#[test]
fn second_process() {
    let (Ok(path), Ok(count)) = (env::var("JOURNAL_PATH"), env::var("JOURNAL_COUNT")) else { return };
    let journal = Journal::open(path.as_ref()).unwrap();
    for i in 0..count.parse::<u32>().unwrap() {
        if let Err(error) = journal.append(&format!("{}:{i}", std::process::id())) {
            // The disk may be full; then the journal goes on as soon as it is not.
            assert!(matches!(cause(&error), JournalError::Io { .. }), "{error:?}");
        }
    }
}

fn spawn(path: &Path, count: u32, limit: &str) -> Child {
    Command::new("sh")
        .args(["-c", &format!("trap '' XFSZ; {limit} exec \"$0\" second_process --exact")])
        .arg(env::current_exe().unwrap())
        .env("JOURNAL_PATH", path)
        .env("JOURNAL_COUNT", count.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn processes_share_a_journal() {
    let (_folder, path) = journal();
    let mut children: Vec<_> = (0..3).map(|_| spawn(&path, 40, "")).collect();
    let journal = Journal::open(&path).unwrap();
    for i in 0..40 {
        journal.append(&format!("own:{i}")).unwrap();
    }
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    assert_eq!(Journal::verify(&path).unwrap().records, 160);
    let own: Vec<_> = bodies(&path).into_iter().filter(|body| body.starts_with("own:")).collect();
    assert_eq!(own, (0..40).map(|i| format!("own:{i}")).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_fails_the_append_and_leaves_whole_records() {
    let (_folder, path) = journal();
    // A process that may not write files of more than 2 KiB meets an error in the middle of a line.
    assert!(spawn(&path, 40, "ulimit -f 4;").wait().unwrap().success());
    let summary = Journal::verify(&path).unwrap();
    assert!((5..20).contains(&summary.records), "{summary:?}");
    assert_eq!(summary.length, fs::metadata(&path).unwrap().len(), "the torn line was not cut off");
    Journal::open(&path).unwrap().append(&"there is room again").unwrap();
    assert_eq!(Journal::verify(&path).unwrap().records, summary.records + 1);
}

#[test]
fn a_killed_process_leaves_what_it_was_told_is_written() {
    let (_folder, path) = journal();
    let mut child = spawn(&path, u32::MAX, "");
    while fs::metadata(&path).map_or(0, |facts| facts.len()) < 2000 {
        assert_eq!(child.try_wait().unwrap(), None);
        thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let before = Journal::verify(&path).unwrap().records;
    assert_eq!(Journal::open(&path).unwrap().append(&"next").unwrap(), Position(before));
}

proptest! {
    #[test]
    fn what_was_appended_comes_back(texts in proptest::collection::vec(".*", 0..20), groups in 1..5_usize) {
        let (_folder, path) = journal();
        let journal = Journal::open(&path).unwrap();
        for group in texts.chunks(groups) {
            journal.append_all(group).unwrap();
        }
        prop_assert_eq!(bodies(&path), texts);
    }

    #[test]
    fn no_change_is_read_as_another_record(place in 0..10_000_usize, cut in 0..200_usize, new in "\\PC{0,40}\n?") {
        let (_folder, path) = journal();
        Journal::open(&path).unwrap().append_all(&["one", "two", "three", "four"]).unwrap();
        let whole = fs::read(&path).unwrap();
        let place = place % whole.len();
        let mut changed = whole[..place].to_vec();
        changed.extend_from_slice(new.as_bytes());
        changed.extend_from_slice(&whole[(place + cut).min(whole.len())..]);
        fs::write(&path, changed).unwrap();
        let read: Vec<String> =
            Journal::read(&path).unwrap().map_while(|record| record.ok()?.decode().ok()).collect();
        prop_assert!(["one", "two", "three", "four"].map(str::to_owned).starts_with(&read), "{:?}", read);
    }
}
