//! The trace, from the events of a run, is as it was.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use sluis_report::{COLUMNS, Trace};
use sluis_schedule::RunEvent;

/// A run in which everything happens that gives a line, and more.
const JOURNAL: &str = include_str!("journal.jsonl");

fn events() -> Vec<RunEvent> {
    JOURNAL.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn traces_are_as_they_were() {
    let mut text = Vec::new();
    let mut trace = Trace::begin(&mut text).unwrap();
    events().iter().for_each(|event| trace.take(event).unwrap());
    let text = String::from_utf8(text).unwrap();
    assert!(text == include_str!("trace.tsv"), "{text}");
    assert!(text.lines().all(|line| line.split('\t').count() == COLUMNS.len()), "{text}");
}
