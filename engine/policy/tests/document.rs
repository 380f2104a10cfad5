//! The pages for auditors say what the policies say, and name tests that there are.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use std::{
    collections::BTreeSet,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use sluis_policy::{Effect, PolicySet};

const PAGE: &str = include_str!("../../../docs/policy.md");

/// The pages that name tests.
const AUDITORS: [&str; 2] =
    [include_str!("../../../docs/auditors/README.md"), include_str!("../../../docs/auditors/threats.md")];

#[test]
fn the_page_lists_every_policy_that_ships() {
    let set = PolicySet::shipped().unwrap();
    let mut table = "| policy | promise |\n|---|---|\n".to_owned();
    let mut listed: Vec<_> = set.policies().collect();
    listed.sort_by_key(|policy| policy.effect == Effect::Forbid);
    for policy in listed {
        let effect = if policy.effect == Effect::Permit { " (permit)" } else { "" };
        writeln!(table, "| `{}`{effect} | {} |", policy.id, policy.promise).unwrap();
    }
    assert!(PAGE.contains(&table), "docs/policy.md should have this table:\n{table}");
}

#[test]
fn the_page_lists_every_fact_that_a_text_can_name() {
    let text = "@reason(\"{}\") forbid (principal, action, resource);";
    let error = PolicySet::with_extensions(&[("a.cedar", text)]).unwrap_err().to_string();
    let names = error.split_once("there are ").unwrap().1.split(", ");
    let line = names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ");
    let page = PAGE.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains(&line), "docs/policy.md should have this list:\n{line}");
}

/// The tests of a file of sources, by their paths: the modules that the file stands for, and those in it.
fn tests_in(text: &str, file: &[String]) -> Vec<String> {
    let (mut found, mut inline, mut is_test) = (Vec::new(), Vec::<(usize, String)>::new(), false);
    for line in text.lines() {
        let code = line.trim_start();
        let depth = line.len() - code.len();
        if code == "}" && inline.last().is_some_and(|(opened, _)| *opened == depth) {
            inline.pop();
        }
        is_test |= code.starts_with("#[test]") || code.starts_with("#[tokio::test");
        let name = |text: &str| text.split(|c: char| c != '_' && !c.is_alphanumeric()).next().unwrap().to_owned();
        if let Some(module) = code.strip_prefix("mod ").filter(|_| code.ends_with('{')) {
            inline.push((depth, name(module)));
        } else if let Some(function) = code.trim_start_matches("async ").strip_prefix("fn ") {
            if is_test {
                let modules = file.iter().chain(inline.iter().map(|(_, module)| module)).cloned();
                found.push(modules.chain([name(function)]).collect::<Vec<_>>().join("::"));
            }
            is_test = false;
        }
    }
    found
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_under(&path) } else { vec![path] }).collect()
}

/// The modules that a file stands for: those of its path, without the names that stand for the folder's own.
fn modules_of(path: &Path) -> Vec<String> {
    let mut names: Vec<_> = path.iter().map(|part| part.to_str().unwrap().trim_end_matches(".rs").to_owned()).collect();
    names.pop_if(|last| ["main", "lib"].contains(&last.as_str()));
    names
}

/// Every test of the workspace: of a library with the crate's name in front, of another target with the target's.
fn all_tests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let crates = ["engine", "executors"].into_iter().flat_map(|folder| fs::read_dir(root.join(folder)).unwrap());
    let mut found = BTreeSet::new();
    for member in crates.map(|entry| entry.unwrap().path()) {
        let name = member.file_name().unwrap().to_str().unwrap().to_owned();
        for (folder, front) in [("src", Some(name)), ("tests", None)] {
            let folder = member.join(folder);
            for path in files_under(&folder).into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs"))
            {
                let modules = front.iter().cloned().chain(modules_of(path.strip_prefix(&folder).unwrap()));
                found.extend(tests_in(&fs::read_to_string(&path).unwrap(), &modules.collect::<Vec<_>>()));
            }
        }
    }
    found
}

/// The names of tests in a text: what stands in backticks and has `::` in it.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|code| code.contains("::"))
}

fn is_there(name: &str, tests: &BTreeSet<String>) -> bool {
    match name.strip_suffix('*') {
        Some(start) => tests.iter().any(|test| test.starts_with(start)),
        None => tests.contains(name),
    }
}

#[test]
fn every_test_that_the_pages_for_auditors_name_is_there() {
    let tests = all_tests();
    assert!(is_there("document::every_test_that_the_pages_for_auditors_name_is_there", &tests), "{tests:?}");
    let missing: Vec<_> = AUDITORS.into_iter().flat_map(named).filter(|name| !is_there(name, &tests)).collect();
    assert!(missing.is_empty(), "there are no such tests: {missing:#?}");
}

#[test]
fn every_promise_and_duty_names_a_test_and_what_it_does_not_cover() {
    let mut rows = 0;
    for table in AUDITORS[0].split("|---|---|---|---|\n").skip(1) {
        for row in table.lines().take_while(|line| line.starts_with('|')) {
            let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            let [what, mechanism, shown_by, not_covered] = cells[..] else { panic!("{row}") };
            assert!(!what.is_empty() && !mechanism.is_empty() && !not_covered.is_empty(), "{row}");
            assert!(named(shown_by).next().is_some(), "no test shows it: {row}");
            rows += 1;
        }
    }
    assert!(rows >= 20, "{rows}");
}
