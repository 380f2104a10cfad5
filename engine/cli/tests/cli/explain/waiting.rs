//! Why steps have not run.

use std::{
    fs,
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

use super::{TestSite, golden, script};
use crate::test_site::Ran;

/// Two steps: the first waits for a file, the second reads what it printed, and neither ever ends without the file.
fn waiting(gate: &Path) -> String {
    format!(
        "cwlVersion: v1.2\nclass: Workflow\ninputs: []\noutputs: []\nsteps:\n  first:\n    in: {{}}\n    out: [out]\n    \
         run: {{class: CommandLineTool, baseCommand: [sh, -c, 'touch {0}.begun; while [ ! -e {0} ]; do sleep 0.01; done'], \
         inputs: [], outputs: {{out: stdout}}}}\n  second:\n    in: {{file: first/out}}\n    out: []\n    run: {{class: \
         CommandLineTool, baseCommand: cat, inputs: {{file: File}}, outputs: []}}\n",
        gate.display()
    )
}

fn wait_for(path: &Path) {
    let begun = Instant::now();
    while !path.exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{} never appeared", path.display());
        std::thread::yield_now();
    }
}

/// A run whose first step has begun.
fn begun(site: &TestSite, gate: &Path, workflow: &str) -> Child {
    let path = site.write("workflow.cwl", workflow);
    let child = site.command(["run", &path]).spawn().unwrap();
    wait_for(&gate.with_extension("begun"));
    child
}

fn kill(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

/// Explains a step of the newest run again until the journal has what is asked for.
fn explain_until(site: &TestSite, step: &str, text: &str) -> String {
    explain_run_until(site, &site.newest_run(), step, text)
}

fn explain_run_until(site: &TestSite, run: &str, step: &str, text: &str) -> String {
    let begun = Instant::now();
    loop {
        let told = site.run(["explain", run, step]).out;
        if told.contains(text) {
            return told;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "never `{text}`: {told}");
    }
}

/// Of two tasks, of which only one has room, the one that runs and the other: which asks first is up to chance.
fn the_one_that_runs(site: &TestSite) -> (&'static str, &'static str) {
    let begun = Instant::now();
    loop {
        for (runs, waits) in [("wide[0]", "wide[1]"), ("wide[1]", "wide[0]")] {
            if site.explain(runs).out.contains("state: running") {
                return (runs, waits);
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "neither ever runs");
    }
}

#[test]
fn a_step_waits_for_another_until_it_is_cancelled() {
    let site = TestSite::new();
    let gate = site.path("gate");
    let child = begun(&site, &gate, &waiting(&gate));
    golden("waits-for-steps.txt", &explain_until(&site, "second", "0 of 1 tasks done"));
    golden("running.txt", &explain_until(&site, "first", "state: running"));
    kill(&child, "-INT");
    Ran::of(&child.wait_with_output().unwrap()).failed(130, &[]);
    site.explains("first", "cancelled.txt");
    site.explains("second", "cancelled-before.txt");
}

#[test]
fn an_engine_that_was_killed_left_steps() {
    let site = TestSite::new();
    let gate = site.path("gate");
    let mut child = begun(&site, &gate, &waiting(&gate));
    explain_until(&site, "first", "state: running");
    kill(&child, "-KILL");
    child.wait().unwrap();
    site.explains("first", "cut-short.txt");
    site.explains("second", "interrupted.txt");
    fs::write(&gate, "").unwrap();
}

#[test]
fn a_task_waits_for_room() {
    let site = TestSite::new();
    let gate = site.path("gate");
    let cores = std::thread::available_parallelism().unwrap();
    let workflow = format!(
        "cwlVersion: v1.2\nclass: Workflow\nrequirements: {{ScatterFeatureRequirement: {{}}}}\ninputs: {{n: {{type: 'int[]', \
         default: [1, 2]}}}}\noutputs: []\nsteps:\n  wide:\n    in: {{n: n}}\n    scatter: n\n    out: []\n    run: {{class: \
         CommandLineTool, baseCommand: [sh, -c, 'touch {0}.begun; while [ ! -e {0} ]; do sleep 0.01; done'], inputs: \
         {{n: {{type: int, inputBinding: {{}}}}}}, outputs: [], requirements: {{ResourceRequirement: {{coresMin: {cores}, ramMin: 10}}}}}}\n",
        gate.display()
    );
    let child = begun(&site, &gate, &workflow);
    let (runs, waits) = the_one_that_runs(&site);
    let told = site.run(["explain", &site.newest_run()]).out;
    assert!(told.starts_with("wide: 1 running, it asks for "), "{told}");
    let (told, holder) = (site.explain(waits).out, format!("are held by `{runs}`"));
    for text in ["state: not run", "it asks for", "and 10 MiB", " 0 cores and ", &holder] {
        assert!(told.contains(text), "{text} is missing in\n{told}");
    }
    fs::write(&gate, "").unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn a_task_waits_for_another_run_that_does_the_same() {
    let site = TestSite::new();
    let gate = site.path("gate");
    let mut first = begun(&site, &gate, &waiting(&gate));
    let earlier = site.newest_run();
    explain_run_until(&site, &earlier, "first", "state: running");
    let second = site.command(["run", &site.path("workflow.cwl").display().to_string()]).spawn().unwrap();
    let runs = || fs::read_dir(site.site().join("runs")).unwrap().flatten().map(|run| run.file_name());
    let journal_of = |run: &std::ffi::OsStr| site.site().join("runs").join(run).join("journal.jsonl");
    let later = loop {
        if let Some(run) = runs().find(|run| run.to_str() != Some(&earlier) && journal_of(run).exists()) {
            break run.into_string().unwrap();
        }
    };
    let told = explain_run_until(&site, &later, "first", "does the same now");
    assert!(told.contains(&format!("`first` of run {earlier} does the same now, since ")), "{told}");
    golden("waits-for-the-same.txt", &told);
    let lines = site.run(["explain", &later]).out;
    assert!(lines.starts_with("first: `first` of run "), "{lines}");
    // If there is no result, it is run after all, and then it waits for nobody.
    kill(&first, "-KILL");
    first.wait().unwrap();
    let told = explain_run_until(&site, &later, "first", "state: running");
    assert!(!told.contains("does the same"), "{told}");
    fs::write(&gate, "").unwrap();
    assert_eq!(second.wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn a_step_is_not_run_after_a_failure() {
    let site = TestSite::new();
    let workflow = waiting(Path::new("/nowhere"))
        .replace("touch /nowhere.begun; while [ ! -e /nowhere ]; do sleep 0.01; done", "exit 4");
    site.run_text(&workflow).failed(1, &[]);
    site.explains("second", "blocked.txt");
    let told = site.run(["explain", &site.newest_run()]).out;
    golden("overview.txt", &told);
}

#[test]
fn a_task_that_was_tried_again() {
    let site = TestSite::new();
    site.set("retries: {backoff-seconds: 0}\n");
    let marker = site.path("marker").display().to_string();
    let tool = script(
        &format!("test -e {marker} || {{ touch {marker}; echo busy; exit 75; }}"),
        "outputs: []\ntemporaryFailCodes: [75]\n",
    );
    assert_eq!(site.run_text(&tool).code, Some(0));
    let told = site.explain("workflow.cwl").out.replace(&marker, "MARKER");
    golden("tried-again.txt", &told);
}
