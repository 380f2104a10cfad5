//! The page about a run: what stands in it, and what never does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::fs;

use sluis_journal::Journal;
use sluis_schedule::{RunEvent, RunSummary, read_run};

/// The run whose journal this is.
fn run_of(journal: &str) -> RunSummary {
    let events =
        journal.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    let events: Vec<RunEvent> = events.collect();
    let runs = tempfile::tempdir().unwrap();
    let id = "20261123-101500-3fa2b1";
    fs::create_dir(runs.path().join(id)).unwrap();
    Journal::open(&runs.path().join(id).join("journal.jsonl")).unwrap().append_all(&events).unwrap();
    read_run(runs.path(), &id.parse().unwrap()).unwrap()
}

#[track_caller]
fn assert_in(page: &str, texts: &[&str]) {
    for text in texts {
        assert!(page.contains(text), "{text} is missing in\n{page}");
    }
}

#[test]
fn use_is_told_against_what_was_asked_for() {
    let page = sluis_report::page(&run_of(include_str!("large.jsonl"))).unwrap();
    assert_in(
        &page,
        &[
            "<strong>align</strong>: ran out of memory at 16.0 GiB: raise ramMin",
            "<strong>sort/merge_and_index_everything</strong>: held at most 858.3 MiB: ramMin 1280 is enough",
            "<strong>sort/merge_and_index_everything</strong>: kept 0.8 of 4 cores busy: coresMin 1 is enough",
            "<strong>call</strong>: held up to 3.8 GiB of 4.0 GiB: raise ramMin",
            "<dt>Found in the cache</dt><dd>4</dd>",
            "out of memory; tried again",
            "<title>align[7]: waited ",
            "report <span class=\"soft\">(not run: something before it failed)</span>",
        ],
    );
}

#[test]
fn what_nobody_vouches_for_is_marked() {
    let journal = include_str!("journal.jsonl");
    assert!(!sluis_report::page(&run_of(journal)).unwrap().contains("Self-issued"));
    let marked = journal.replacen("\"project\"", "\"self_issued\": true, \"project\"", 1);
    assert_in(
        &sluis_report::page(&run_of(&marked)).unwrap(),
        &["<strong>Self-issued</strong>: made on a personal site"],
    );
}

#[test]
fn gpus_stand_beside_the_cores() {
    let page = sluis_report::page(&run_of(include_str!("journal.jsonl"))).unwrap();
    assert_in(&page, &["<td>2, 2 GPUs</td>", "<td>2</td>"]);
}

#[test]
fn the_page_is_whole_by_itself_and_well_formed() {
    for journal in [include_str!("large.jsonl"), include_str!("journal.jsonl")] {
        let page = sluis_report::page(&run_of(journal)).unwrap();
        for absent in ["http:", "https:", "<script", "src=", "@import", "url(", "href"] {
            assert!(!page.contains(absent), "{absent} is in the page");
        }
        for element in ["table", "tr", "td", "svg", "g", "section", "ul", "li", "dl", "code"] {
            let (open, close) = (format!("<{element}"), format!("</{element}>"));
            let is_open = |rest: &str| rest.starts_with(['>', ' ']);
            let opened = page.match_indices(&open).filter(|(at, _)| is_open(&page[at + open.len()..])).count();
            assert_eq!(opened, page.matches(&close).count(), "{element}");
        }
        // Nothing but steps, states and numbers: no address is in it.
        assert!(!page.contains("b3:") && !page.contains("task:"), "{page}");
    }
}

#[test]
fn a_run_of_many_tasks_has_a_row_for_each_step() {
    let mut journal: Vec<String> = include_str!("journal.jsonl").lines().take(2).map(str::to_owned).collect();
    for task in 0..5000 {
        let (second, step) = (task % 60, format!("align[{task}]"));
        let at = format!("2026-11-23T10:15:{second:02}Z");
        journal.push(format!(r#"{{"event":"task_started","task":{task},"step":"{step}","at":"{at}"}}"#));
        journal.push(format!(
            r#"{{"event":"task_complete","task":{task},"step":"{step}","key":null,"cached":false,"skipped":false,"at":"{at}"}}"#
        ));
    }
    let page = sluis_report::page(&run_of(&journal.join("\n"))).unwrap();
    assert_in(&page, &["Each row is a step", "<dt>Tasks</dt><dd>5000</dd>"]);
    assert!(page.len() < 500_000, "{} bytes", page.len());
    assert_eq!(page.matches("<g>").count(), 1);
}
