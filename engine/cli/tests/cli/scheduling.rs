//! What tasks are given of the machine; failed ones that are tried again, by the reason of the failure, with a decision of
//! their own and with what helps.

use std::fs;

use serde_json::Value as Json;

use crate::test_site::{Ran, TestSite};

/// A site that does not wait before it tries again, with more settings of its section `retries`.
fn site(settings: &str) -> TestSite {
    let site = TestSite::new();
    let path = site.site().join("site.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}retries:\n  backoff-seconds: 0\n{settings}")).unwrap();
    site
}

/// The same, and its containers are run by Docker.
fn docker_site(settings: &str) -> TestSite {
    site(&format!("{settings}containers: docker\n"))
}

/// A tool that fails with this code until it was run `times` times.
fn failing(site: &TestSite, times: u32, code: u32) -> String {
    let count = site.path("count").display().to_string();
    format!(
        "cwlVersion: v1.2\nclass: CommandLineTool\noutputs: {{out: stdout}}\nstdout: out.txt\ninputs: []\n\
         temporaryFailCodes: [75]\nbaseCommand: [sh, -c]\n\
         arguments: ['echo x >> {count}; if test `wc -l < {count}` -le {times}; then exit {code}; fi; echo fine']\n"
    )
}

fn times_run(site: &TestSite) -> usize {
    fs::read_to_string(site.path("count")).map_or(0, |text| text.lines().count())
}

/// The events of the newest run.
fn events(site: &TestSite) -> Vec<Json> {
    let folders = fs::read_dir(site.site().join("runs")).unwrap();
    let journals = folders.map(|entry| entry.unwrap().path().join("journal.jsonl"));
    let newest = journals.max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap()).unwrap();
    let journal = fs::read_to_string(newest).unwrap();
    let record = |line: &str| -> Json { serde_json::from_str(line).unwrap() };
    journal.lines().map(|line| find_event(&record(line)).unwrap_or_else(|| panic!("{line}"))).collect()
}

/// The event in a record of the journal.
fn find_event(record: &Json) -> Option<Json> {
    match record {
        Json::Object(fields) if fields.contains_key("event") => Some(record.clone()),
        Json::Object(fields) => fields.values().find_map(find_event),
        Json::String(text) => serde_json::from_str(text).ok().and_then(|inner| find_event(&inner)),
        _ => None,
    }
}

fn of_kind<'e>(events: &'e [Json], kind: &str) -> Vec<&'e Json> {
    events.iter().filter(|event| event["event"] == kind).collect()
}

#[test]
fn a_temporary_failure_is_tried_again_and_decided_anew() {
    let site = site("  budget: 2\n");
    let ran = site.run_text(&failing(&site, 2, 75));
    ran.json();
    assert_eq!(times_run(&site), 3);
    assert!(ran.err.contains("attempt 2 follows") && ran.err.contains("attempt 3 follows"), "{}", ran.err);
    let events = events(&site);
    assert_eq!(of_kind(&events, "task_started").len(), 3);
    let retried = of_kind(&events, "task_retried");
    assert_eq!(retried.len(), 2);
    assert!(retried.iter().all(|event| event["failure"]["detail"] == 75), "{retried:?}");
    assert_eq!(of_kind(&events, "task_complete").len(), 1);
    // Each attempt has a permit of its own.
    let log = fs::read_to_string(site.site().join("audit/log.jsonl")).unwrap();
    let tool = log.lines().filter(|line| line.contains("run-task") && line.contains("workflow.cwl")).count();
    assert!(tool >= 3, "{log}");
    // The one that succeeded is in the cache, whatever the earlier ones did.
    site.run_text(&failing(&site, 2, 75)).json();
    assert_eq!(times_run(&site), 3);
}

#[test]
fn a_budget_has_an_end() {
    let site = site("  budget: 1\n");
    site.run_text(&failing(&site, 9, 75)).failed(1, &["exited with code 75"]);
    assert_eq!(times_run(&site), 2);
    let events = events(&site);
    assert_eq!((of_kind(&events, "task_retried").len(), of_kind(&events, "task_failed").len()), (1, 1));
}

#[test]
fn a_users_error_is_not_tried_again() {
    let site = site("  budget: 9\n");
    site.run_text(&failing(&site, 9, 1)).failed(1, &["exited with code 1"]);
    assert_eq!(times_run(&site), 1);
    assert!(of_kind(&events(&site), "task_retried").is_empty());
}

#[test]
fn a_time_limit_is_stretched_where_the_site_says_so() {
    let slow = "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [sleep, '2']\ninputs: []\noutputs: []\n\
                requirements: {ToolTimeLimit: {timelimit: 1}}\n";
    site("").run_text(slow).failed(1, &["reached its time limit"]);
    let site = site("  time-factor: 60\n");
    site.run_text(slow).json();
    let failures: Vec<_> =
        of_kind(&events(&site), "task_retried").iter().map(|event| event["failure"].clone()).collect();
    assert_eq!(failures, [serde_json::json!({ "kind": "time-limit" })]);
}

#[test]
fn a_task_without_enough_memory_gets_more_and_stays_the_same_task() {
    sluis_containers::ensure("genomics").unwrap();
    let image = sluis_containers::reference("genomics").unwrap();
    let site = docker_site("  memory-factor: 16\n");
    let hungry = format!(
        "cwlVersion: v1.2\nclass: CommandLineTool\noutputs: {{out: stdout}}\nstdout: out.txt\ninputs: []\n\
         baseCommand: [awk, 'BEGIN {{ text = \"x\"; while (length(text) < 64000000) text = text text; print ARGV[1] }}']\n\
         arguments: [$(runtime.ram)]\n\
         requirements:\n  ResourceRequirement: {{ramMin: 16, tmpdirMin: 1, outdirMin: 1}}\n  \
         DockerRequirement: {{dockerPull: '{}', dockerImageId: '{}'}}\n",
        image.name,
        image.id.unwrap(),
    );
    site.run_text(&hungry).json();
    let told = events(&site);
    let given: Vec<_> = of_kind(&told, "task_started").iter().map(|event| event["given"]["memory"].clone()).collect();
    assert_eq!(given, [16, 256]);
    assert_eq!(of_kind(&told, "task_retried")[0]["failure"]["kind"], "out-of-memory");
    let keys: Vec<_> = of_kind(&told, "task_started").iter().map(|event| event["key"].clone()).collect();
    assert_eq!(keys[0], keys[1]);
    site.run_text(&hungry).json();
    assert_eq!(
        of_kind(&events(&site), "task_complete")[0]["cached"],
        true,
        "it is found by the key of its first attempt"
    );
}

#[test]
fn a_run_whose_docker_daemon_was_never_there_waits_to_be_gone_on_with() {
    let site = docker_site("");
    let tool = "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: 'true'\ninputs: []\noutputs: []\n\
                requirements:\n  DockerRequirement: {dockerPull: 'sluis/genomics:1'}\n";
    let path = site.write("workflow.cwl", tool);
    let output = site.command(["run", &path]).env("DOCKER_HOST", "unix:///nowhere.sock").output().unwrap();
    let ran = Ran::of(&output);
    ran.failed(6, &["the Docker daemon does not answer", "is interrupted", "sluis resume"]);
    let told = events(&site);
    assert!(of_kind(&told, "task_retried").is_empty() && of_kind(&told, "task_failed").is_empty(), "{told:?}");
}

#[test]
fn what_no_machine_can_give_is_refused_with_the_nearest_possible() {
    let site = site("");
    let count = site.path("count").display().to_string();
    let tool = format!(
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [touch, {count}]\ninputs: []\noutputs: []\n\
         requirements: {{ResourceRequirement: {{coresMin: 1000, ramMin: 64, outdirMin: 1}}}}\n"
    );
    site.run_text(&tool)
        .failed(6, &["1000 cores (coresMin)", "the most that this machine can give it is", "64 MiB of memory"]);
    assert!(!site.path("count").exists());
}

#[test]
fn a_run_of_a_personal_site_is_marked_as_self_issued() {
    let site = site("");
    let path = site.write("workflow.cwl", &failing(&site, 0, 1));
    site.run(["run", &path]).json();
    let started = of_kind(&events(&site), "run_started")[0].clone();
    assert_eq!(started["self_issued"], true, "{started}");
    let run = started["run"].as_str().unwrap();
    assert_eq!(site.run(["status", run, "--json"]).json()["self-issued"], true);
    assert!(site.run(["status", run]).out.contains("self-issued: on a personal site"));
    let to = site.path("report.html").display().to_string();
    assert_eq!(site.run(["report", run, "--to", &to]).code, Some(0));
    assert!(fs::read_to_string(&to).unwrap().contains("<strong>Self-issued</strong>"));
}

#[test]
fn a_runs_priority_is_kept_with_the_run() {
    let site = site("");
    let path = site.write("workflow.cwl", &failing(&site, 0, 1));
    site.run(["run", "--priority", "-3", &path]).json();
    assert_eq!(of_kind(&events(&site), "run_started")[0]["settings"]["priority"], -3);
    site.run(["run", "--priority", "9", &path]).failed(2, &["a priority is a whole number from -8 to 8"]);
}

#[test]
fn runs_at_the_same_time_share_the_machine() {
    let site = site("");
    // Each task takes all cores, so no two of them ever meet.
    let cores = std::thread::available_parallelism().unwrap();
    let (meet, tool) = (site.path("busy").display().to_string(), "tool.cwl");
    let tool = site.write(
        tool,
        &format!(
            "cwlVersion: v1.2\nclass: CommandLineTool\noutputs: {{out: stdout}}\nstdout: out.txt\n\
             inputs: {{n: string}}\nbaseCommand: [sh, -c]\n\
             arguments: ['mkdir {meet} && head -c 20000000 /dev/zero | sha256sum && rmdir {meet} && echo $(inputs.n)']\n\
             requirements: {{ResourceRequirement: {{coresMin: {cores}, ramMin: 16}}}}\n"
        ),
    );
    let workflow = format!(
        "cwlVersion: v1.2\nclass: Workflow\ninputs: {{n: 'string[]'}}\noutputs: []\n\
         requirements: {{ScatterFeatureRequirement: {{}}}}\n\
         steps: {{busy: {{run: '{tool}', scatter: n, in: {{n: n}}, out: [out]}}}}\n"
    );
    let workflow = site.write("workflow.cwl", &workflow);
    let begin = |run: &str| {
        let names: Vec<_> = (0..8).map(|number| format!("{run}{number}")).collect();
        let inputs = site.write(&format!("{run}.json"), &serde_json::json!({ "n": names }).to_string());
        site.command(["run", "--on-failure", "stop", &workflow, &inputs]).spawn().unwrap()
    };
    let runs = ["a", "b", "c"].map(begin);
    for run in runs {
        Ran::of(&run.wait_with_output().unwrap()).json();
    }
}
