//! Going on with every interrupted run at once.

use std::{fs, path::PathBuf, process::Child};

use serde_json::Value as Json;

use super::{journal, wait_for};
use crate::test_site::{Ran, TestSite};

/// Tools of one name each that run until there is a file for them, and then end with a code.
struct Gates<'s>(&'s TestSite);

impl Gates<'_> {
    fn begun(&self, name: &str) -> PathBuf {
        self.0.path(&format!("begun-{name}"))
    }

    fn open(&self, name: &str) {
        fs::write(self.0.path(&format!("go-{name}")), "").unwrap();
    }

    fn tool(&self, name: &str, code: u8) -> String {
        let tool = format!(
            "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [sh, -c, 'touch {}; while [ ! -e {} ]; do sleep 0.02; \
             done; echo {name}; exit {code}']\nrequirements: {{ResourceRequirement: {{coresMin: 0.25, ramMin: 16}}}}\n\
             inputs: []\noutputs: {{out: stdout}}\nstdout: out\n",
            self.begun(name).display(),
            self.0.path(&format!("go-{name}")).display()
        );
        self.0.write(&format!("{name}.cwl"), &tool)
    }

    /// A run of such a tool, whose engine is killed once it has begun.
    fn interrupted(&self, name: &str, code: u8) -> String {
        let known = self.runs();
        let mut engine = self.0.command(["run", &self.tool(name, code)]).spawn().unwrap();
        wait_for("the tool", || self.begun(name).exists());
        engine.kill().unwrap();
        engine.wait().unwrap();
        fs::remove_file(self.begun(name)).unwrap();
        self.runs().into_iter().find(|run| !known.contains(run)).unwrap()
    }

    fn runs(&self) -> Vec<String> {
        let runs = fs::read_dir(self.0.site().join("runs")).into_iter().flatten().flatten();
        runs.map(|run| run.file_name().into_string().unwrap()).collect()
    }

    /// Starts going on with all, and waits until all of these run at the same time.
    fn resume_all(&self, names: &[&str], options: &[&str]) -> Child {
        let mut command = self.0.command(["resume", "--all"].iter().chain(options));
        let mut child = command.spawn().unwrap();
        for name in names {
            wait_for(name, || {
                assert!(child.try_wait().unwrap().is_none(), "it ended");
                self.begun(name).exists()
            });
        }
        child
    }
}

fn state(site: &TestSite, run: &str) -> String {
    site.run(["status", run, "--json"]).json()["state"].as_str().unwrap().to_owned()
}

/// The engines that have gone on with a run.
fn engines(site: &TestSite, run: &str) -> Vec<String> {
    let text = fs::read_to_string(journal(site, run)).unwrap();
    let records = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let bodies = records.map(|mut record| record["body"].take()).filter(|body| body["event"] == "run_resumed");
    bodies.map(|body| body["engine"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn one_engine_goes_on_with_all_of_them_at_once() {
    let site = TestSite::new();
    let gates = Gates(&site);
    let ended = site.run([
        "run",
        &site.write(
            "ended.cwl",
            "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: 'true'\ninputs: []\noutputs: []\n",
        ),
    ]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let runs = [gates.interrupted("one", 0), gates.interrupted("two", 0)];
    let child = gates.resume_all(&["one", "two"], &[]);
    ["one", "two"].iter().for_each(|name| gates.open(name));
    let ran = Ran::of(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.out.lines().count(), 2, "{}", ran.out);
    for run in &runs {
        assert!(ran.out.contains(&format!("Run {run} complete: ")), "{}", ran.out);
        assert_eq!(state(&site, run), "complete");
    }
    let [first, second] = runs.map(|run| engines(&site, &run));
    assert_eq!((first.len(), &first), (1, &second), "one engine, and once");
    let again = site.run(["resume", "--all"]);
    assert_eq!((again.code, again.out.as_str()), (Some(0), ""), "{}", again.err);
    assert!(again.err.contains("No run is to be gone on with"), "{}", again.err);
    let nothing = site.run(["resume", "--all", "--json"]).json();
    assert_eq!((&nothing["event"], &nothing["run"], &nothing["exit"]), (&"result".into(), &Json::Null, &0.into()));
}

#[test]
fn the_worst_end_is_the_exit_code_and_each_is_told() {
    let site = TestSite::new();
    let gates = Gates(&site);
    let (well, failing, lost) =
        (gates.interrupted("well", 0), gates.interrupted("failing", 3), gates.interrupted("lost", 0));
    // Of one its documents are gone, so that nobody can go on with it.
    let text = fs::read_to_string(journal(&site, &lost)).unwrap();
    let begin: Json = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let hex = begin["body"]["documents"].as_str().unwrap().strip_prefix("b3:").unwrap().to_owned();
    fs::remove_dir_all(site.site().join("store/objects").join(&hex[..2]).join(&hex[2..])).unwrap();
    ["well", "failing"].iter().for_each(|name| gates.open(name));
    let ran = site.run(["resume", "--all", "--json"]);
    let lines: Vec<Json> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let result = |run: &str| {
        let is_it = |line: &&Json| line["event"] == "result" && line["run"] == *run;
        lines.iter().find(is_it).unwrap_or_else(|| panic!("{run}: {}", ran.out)).clone()
    };
    assert_eq!((&result(&well)["exit"], &result(&failing)["exit"]), (&Json::from(0), &Json::from(1)));
    assert!(result(&well)["outputs"]["out"].is_object(), "{}", ran.out);
    assert!(result(&lost)["error"].is_string(), "{}", ran.out);
    assert!(lines.iter().all(|line| line["run"].is_string()), "{}", ran.out);
    let worst = lines.iter().filter_map(|line| line["exit"].as_i64()).max();
    assert_eq!(ran.code.map(i64::from), worst, "{}", ran.out);
    assert!(worst > Some(1), "what could not be gone on with is worse than a tool that failed: {}", ran.out);
    assert_eq!((state(&site, &well), state(&site, &failing)), ("complete".to_owned(), "failed".to_owned()));
    assert_eq!(state(&site, &lost), "interrupted");
    site.run(["resume", "--all", &well]).failed(2, &["cannot be used with"]);
    site.run(["resume"]).failed(2, &["<RUN>"]);
}
