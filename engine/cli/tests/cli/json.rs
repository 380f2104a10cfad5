//! `sluis run --json` and `sluis resume --json`: every line on standard output is an event, whatever happens.

use std::fs;

use serde_json::{Value as Json, json};

use crate::test_site::{Ran, TestSite};

/// A step that warns of nothing and fails if it is told to, and one that depends on it.
const TWO_STEPS: &str = r#"
cwlVersion: v1.2
class: Workflow
inputs: {code: {type: int, default: 0}}
outputs: {out: {type: File, outputSource: second/out}, size: {type: float, outputSource: second/size}}
steps:
  first:
    in: {code: code}
    out: [out]
    run:
      class: CommandLineTool
      baseCommand: [sh, -c, 'echo printed; exit $0']
      inputs: {code: {type: int, inputBinding: {}}}
      outputs: {out: stdout}
  second:
    in: {file: first/out}
    out: [out, size]
    run:
      class: CommandLineTool
      baseCommand: cat
      requirements: {InlineJavascriptRequirement: {}}
      inputs: {file: {type: File, inputBinding: {}}}
      outputs:
        out: stdout
        size: {type: float, outputBinding: {outputEval: '$(1e21)'}}
"#;

/// The lines of standard output: all are events, the last says how it ended, and no other does.
#[track_caller]
fn events(ran: &Ran) -> Vec<Json> {
    let parse = |line: &str| {
        let event: Json = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(event["event"].is_string() && event.get("run").is_some(), "{line}");
        event
    };
    let events: Vec<Json> = ran.out.lines().map(parse).collect();
    let results: Vec<_> = events.iter().filter(|event| event["event"] == "result").collect();
    assert_eq!((results.len(), results[0]), (1, events.last().unwrap()), "{}", ran.out);
    assert_eq!(results[0]["exit"], json!(ran.code.unwrap()), "{}", ran.out);
    events
}

/// What the events are, in order.
fn names(events: &[Json]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

#[track_caller]
fn of_name<'e>(events: &'e [Json], name: &str) -> &'e Json {
    events.iter().find(|event| event["event"] == name).unwrap_or_else(|| panic!("no {name} among {events:?}"))
}

#[test]
fn a_run_that_completes() {
    let site = TestSite::new();
    let path = site.write("workflow.cwl", TWO_STEPS);
    let ran = site.run(["run", "--json", &path]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let events = events(&ran);
    assert_eq!(names(&events)[0], "run_started");
    for name in ["step_expanded", "task_started", "task_complete", "run_ended"] {
        of_name(&events, name);
    }
    let result = events.last().unwrap();
    assert!(events.iter().all(|event| event["run"] == result["run"]), "{}", ran.out);
    assert_eq!(result["outputs"], site.run(["run", &path]).json());
    assert!(ran.out.contains("1000000000000000000000"), "as without --json, numbers have no exponent: {}", ran.out);
    assert_eq!(result["error"], Json::Null);
}

#[test]
fn a_run_that_fails() {
    let site = TestSite::new();
    let (path, inputs) = (site.write("workflow.cwl", TWO_STEPS), site.write("inputs.yml", "code: 7\n"));
    let ran = site.run(["run", "--json", &path, &inputs]);
    ran.failed(1, &["sluis logs"]);
    let events = events(&ran);
    assert_eq!(of_name(&events, "task_failed")["failure"], json!({ "kind": "exit-code", "detail": 7 }));
    let problem = of_name(&events, "problem");
    assert_eq!(problem["step"], "first");
    assert!(problem["text"].as_str().unwrap().contains("exited with code 7"), "{problem}");
    of_name(&events, "step_blocked");
    assert_eq!(events.last().unwrap()["outputs"], Json::Null);
}

#[test]
fn runs_that_are_refused_or_cannot_begin() {
    let site = TestSite::new();
    let path = site.write("workflow.cwl", TWO_STEPS);
    let ran = site.run(["run", "--json", "--project", "nobodys", &path]);
    ran.failed(4, &["nobodys"]);
    let events_of_refused = events(&ran);
    let result = events_of_refused.last().unwrap();
    assert!(result["error"].as_str().unwrap().contains("nobodys"), "{result}");
    // A task that is refused is one of a run.
    let tool = "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: 'true'\ninputs: []\noutputs: []\nrequirements: \
                {NetworkAccess: {networkAccess: true}}\n";
    let ran = site.run(["run", "--json", &site.write("network.cwl", tool)]);
    assert_eq!(ran.code, Some(4), "{}", ran.err);
    assert_eq!(of_name(&events(&ran), "task_failed")["failure"]["kind"], "refused");
    for document in ["cwlVersion: v1.2\nclass: CommandLineTool\nbasCommand: a\n", "no document"] {
        let ran = site.run(["run", "--json", &site.write("wrong.cwl", document)]);
        assert_eq!(ran.code, Some(3), "{}", ran.err);
        assert_eq!(names(&events(&ran)), ["result"]);
    }
}

#[test]
fn a_run_that_is_gone_on_with() {
    let site = TestSite::new();
    let path = site.write("workflow.cwl", TWO_STEPS);
    let ran = site.run(["run", "--json", &path]);
    let whole = events(&ran).pop().unwrap();
    let run = whole["run"].as_str().unwrap();
    let journal = site.site().join("runs").join(run).join("journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    let begun: String = text.lines().take(3).flat_map(|line| [line, "\n"]).collect();
    fs::write(&journal, begun).unwrap();
    let ran = site.run(["resume", "--json", run]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let resumed = events(&ran);
    assert_eq!((names(&resumed)[0], resumed.last().unwrap()), ("run_resumed", &whole));
    let ran = site.run(["resume", "--json", run]);
    ran.failed(2, &["has ended"]);
    assert_eq!(names(&events(&ran)), ["result"]);
}

#[test]
fn what_fails_behind_the_end_of_a_run_names_it() {
    let site = TestSite::new();
    let tool = site.write(
        "tool.cwl",
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [echo, a]\ninputs: []\noutputs: {out: stdout}\n",
    );
    let occupied = site.write("occupied", "");
    let ran = site.run(["run", "--json", "--outdir", &format!("{occupied}/below"), &tool]);
    assert_ne!(ran.code, Some(0), "{}", ran.out);
    let events = events(&ran);
    let result = of_name(&events, "result");
    assert_eq!(result["run"], of_name(&events, "run_started")["run"], "{}", ran.out);
    assert!(result["error"].is_string() && result["run"].is_string(), "{}", ran.out);
}
