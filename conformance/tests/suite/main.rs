//! The sample of the CWL v1.2 conformance suite in `testdata/cwl-v1.2`, run by `cwltest`, the standard's own tool.
//!
//! The test makes what it needs by itself, once: a virtual environment with `cwltest`, and the images that the sample
//! names. It needs `python3` with `venv`, a Docker daemon, and mirrors of PyPI and Debian; no registry of images.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

mod environment;
mod expected;
mod report;
mod sample;

use std::{fmt::Write, fs, os::unix::fs::symlink, path::Path, process::Command};

use environment::{environment, run};
use expected::Expected;
use report::{Outcome, outcomes};

/// The standard's tool calls sluis by the name that stands for the face it wants.
const RUNNER: &str = env!("CARGO_BIN_EXE_cwl-runner");

#[test]
fn the_sample_is_as_it_was_taken() {
    assert_eq!(sample::digest(), sample::DIGEST, "a file in {} was changed", sample::folder().display());
}

#[test]
fn every_test_passes_but_the_listed_ones() {
    for image in ["debian", "bash", "python"] {
        sluis_containers::ensure_stand_in(image).unwrap();
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let outcomes = run_suite(folder.path());
    assert_eq!(outcomes.len(), sample::TESTS, "not every test was run");
    let problems = problems(&outcomes, &Expected::read());
    assert!(problems.is_empty(), "{problems}");
}

/// Runs the whole suite with a new site.
fn run_suite(folder: &Path) -> Vec<Outcome> {
    let (site, work, junit) = (folder.join("site"), folder.join("work"), folder.join("junit.xml"));
    fs::create_dir(&work).unwrap();
    let sluis = folder.join("sluis");
    symlink(RUNNER, &sluis).unwrap();
    run(Command::new(&sluis).arg("--site").arg(&site).args(["init", "--country", "NL", "--allow-unencrypted-swap"]));
    let output = Command::new(environment().join("bin/cwltest"))
        .args(["--test", "conformance_tests.yaml", "--tool", RUNNER, "-j2", "--timeout", "180", "--junit-xml"])
        .arg(&junit)
        .env("SLUIS_SITE", &site)
        .env("TMPDIR", &work)
        .current_dir(sample::folder())
        .output()
        .unwrap();
    let report = fs::read_to_string(&junit)
        .unwrap_or_else(|error| panic!("no report ({error}):\n{}", String::from_utf8_lossy(&output.stderr)));
    outcomes(&report)
}

/// What went otherwise than expected, in words; nothing if all is well.
fn problems(outcomes: &[Outcome], expected: &Expected) -> String {
    let mut problems = String::new();
    for Outcome { id, about, failure } in outcomes {
        match (failure, expected.reason(id)) {
            (Some(failure), None) => writeln!(problems, "{id} fails ({about}):\n{failure}\n").unwrap(),
            (None, Some(_)) => writeln!(problems, "{id} passes: take it out of conformance/expected.txt\n").unwrap(),
            _ => {}
        }
    }
    for id in expected.ids().filter(|&id| outcomes.iter().all(|outcome| outcome.id != id)) {
        writeln!(problems, "{id} is in conformance/expected.txt, but there is no such test\n").unwrap();
    }
    problems
}

#[test]
fn a_failure_that_is_not_listed_and_a_listing_without_failure_are_told() {
    let outcome = |id: &str, failure: Option<&str>| Outcome {
        id: id.to_owned(),
        about: "what it tests".to_owned(),
        failure: failure.map(str::to_owned),
    };
    let expected = Expected::parse("# why\nlisted_fails not done yet\nlisted_passes not done yet\ngone no such test\n");
    let outcomes = [
        outcome("passes", None),
        outcome("fails", Some("exit status 1")),
        outcome("listed_fails", Some("exit status 1")),
        outcome("listed_passes", None),
    ];
    let said = problems(&outcomes, &expected);
    let told: Vec<_> = said.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(
        told,
        [
            "fails fails (what it tests):",
            "exit status 1",
            "listed_passes passes: take it out of conformance/expected.txt",
            "gone is in conformance/expected.txt, but there is no such test",
        ]
    );
}
