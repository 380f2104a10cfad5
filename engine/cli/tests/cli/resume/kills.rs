//! Kills engines at random instants of real runs, goes on with each run until it has ended, and looks at what is left.
//!
//! A few kills are made each time; `SLUIS_KILLS=1000` makes as many, `SLUIS_KILLS_SEED` others.

use std::{
    collections::HashMap,
    env,
    fs::{self, File},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};

use super::journal;
use crate::{
    secrecy::scratch,
    test_site::{Ran, TestSite, provide_sandbox_image, provide_tool_image},
};

/// Tools that take a moment, and give the same each time.
const WORKFLOW: &str = r#"
cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}}
hints: HINTS
inputs: {salt: string, parts: 'string[]'}
outputs:
  joined: {type: File, outputSource: join/out}
  logged: {type: File, outputSource: log/out}
steps:
  begin:
    in: {salt: salt}
    out: [out]
    run:
      class: CommandLineTool
      baseCommand: [sh, -c, 'sleep 0.05; echo "$0" > salt']
      inputs: {salt: {type: string, inputBinding: {}}}
      outputs: {out: {type: File, outputBinding: {glob: salt}}}
  part:
    in: {seed: begin/out, name: parts}
    scatter: name
    out: [out]
    run:
      class: CommandLineTool
      baseCommand: [sh, -c, 'sleep 0.05; cat "$0" > part; echo "$1" >> part; sleep 0.05']
      inputs: {seed: {type: File, inputBinding: {position: 1}}, name: {type: string, inputBinding: {position: 2}}}
      outputs: {out: {type: File, outputBinding: {glob: part}}}
  log:
    in: {seed: begin/out}
    out: [out]
    run:
      class: CommandLineTool
      requirements: {WorkReuse: {enableReuse: false}}
      baseCommand: [sh, -c, 'sleep 0.05; cat; sleep 0.05; echo end']
      inputs: {seed: File}
      stdin: $(inputs.seed.path)
      stdout: log
      outputs: {out: stdout}
  join:
    in: {parts: part/out, log: log/out}
    out: [out]
    run:
      class: CommandLineTool
      baseCommand: cat
      inputs: {parts: {type: 'File[]', inputBinding: {}}, log: {type: File, inputBinding: {}}}
      stdout: joined
      outputs: {out: stdout}
"#;

/// Numbers that look random and are the same for the same seed (xorshift).
struct Random(u64);

impl Random {
    /// A number below a limit.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).ok().map_or(default, |text| text.parse().unwrap())
}

/// One site whose engines are killed.
struct Killed {
    site: TestSite,
    workflow: String,
    executor: &'static str,
    random: Random,
    /// How long a run takes that nobody disturbs.
    whole: Duration,
    kills: u64,
}

impl Killed {
    fn new(hints: &str, executor: &'static str, seed: u64) -> Self {
        let site = TestSite::new();
        let workflow = site.write("workflow.cwl", &WORKFLOW.replace("HINTS", hints));
        let random = Random(number("SLUIS_KILLS_SEED", seed) * 2 + 1);
        let mut killed = Self { site, workflow, executor, random, whole: Duration::ZERO, kills: 0 };
        let begun = Instant::now();
        killed.undisturbed("undisturbed");
        killed.whole = begun.elapsed();
        killed
    }

    /// What a run gives that nobody disturbs and that uses no earlier result.
    fn undisturbed(&self, salt: &str) -> Json {
        let inputs = self.inputs(salt);
        self.site.run(["run", "--no-cache", "--quiet", "--executor", self.executor, &self.workflow, &inputs]).json()
    }

    fn inputs(&self, salt: &str) -> String {
        self.site.write(&format!("{salt}.json"), &json!({ "salt": salt, "parts": ["a", "b", "c"] }).to_string())
    }

    /// Starts a command and kills it at some instant; what it printed if it ended before.
    fn killed(&mut self, arguments: &[&str]) -> Option<Ran> {
        let limit = self.whole.mul_f64(1.1).as_micros() as u64;
        let at = Instant::now() + Duration::from_micros(self.random.below(limit));
        let said = self.site.path("said");
        let mut child = self.site.command(arguments).stderr(File::create(&said).unwrap()).spawn().unwrap();
        while Instant::now() < at && child.try_wait().unwrap().is_none() {
            thread::yield_now();
        }
        let is_killed = child.try_wait().unwrap().is_none();
        if is_killed {
            child.kill().unwrap();
            self.kills += 1;
        }
        let mut ran = Ran::of(&child.wait_with_output().unwrap());
        ran.err = fs::read_to_string(said).unwrap();
        (!is_killed || ran.code == Some(0)).then_some(ran)
    }

    /// The runs that there are.
    fn runs(&self) -> Vec<String> {
        let runs = self.site.run(["status", "--json"]).json();
        runs.as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap().to_owned()).collect()
    }

    /// Runs the workflow with kills until it has ended; gives what it printed.
    fn run_through_kills(&mut self, salt: &str) -> Json {
        let (inputs, workflow, executor) = (self.inputs(salt), self.workflow.clone(), self.executor);
        let begin = ["run", "--executor", executor, &workflow, &inputs];
        let before = self.runs();
        let mut ran = self.killed(&begin);
        loop {
            let run = self.runs().into_iter().find(|run| !before.contains(run));
            if let Some(ran) = ran {
                self.assert_nothing_ran_twice(&run.unwrap());
                return ran.json();
            }
            if let Some(run) = &run
                && self.site.run(["status", run, "--json"]).json()["state"] == "complete"
            {
                // It was killed when it had just written down that it had ended.
                self.assert_nothing_ran_twice(run);
                return self.site.run(begin).json();
            }
            let arguments = match &run {
                Some(run) => vec!["resume", run],
                None => begin.to_vec(),
            };
            ran = if self.random.below(3) > 0 { self.killed(&arguments) } else { Some(self.site.run(&arguments)) };
        }
    }

    /// What was recorded as done was not done again.
    fn assert_nothing_ran_twice(&self, run: &str) {
        let text = fs::read_to_string(journal(&self.site, run)).unwrap();
        let mut done: HashMap<String, u32> = HashMap::new();
        for line in text.lines() {
            let record: Json = serde_json::from_str(line).unwrap();
            let event = &record["body"];
            if event["event"] == "task_complete" && event["cached"] == false {
                *done.entry(event["step"].to_string()).or_default() += 1;
            }
        }
        assert!(done.len() > 1, "{text}");
        assert!(done.values().all(|&times| times == 1), "{done:?}");
    }

    fn assert_clean(&self) {
        assert_eq!(self.site.run(["audit", "verify"]).code, Some(0));
        assert_eq!(self.site.run(["store", "check"]).code, Some(0));
        for run in self.runs() {
            assert_eq!(containers_of(&run), "", "a container of {run} is left");
            let folders = fs::read_dir(scratch()).unwrap().flatten().flat_map(|engine| fs::read_dir(engine.path()));
            let mut names = folders.flatten().flatten().map(|folder| folder.file_name().into_string().unwrap());
            assert!(!names.any(|name| name.starts_with(&run)), "a folder of {run} is left");
            assert!(!is_in_an_environment(&run), "a process of {run} is left");
        }
    }
}

fn containers_of(run: &str) -> String {
    let filter = format!("label=sluis.run={run}");
    let listed = Command::new("docker").args(["ps", "--all", "--quiet", "--filter", &filter]).output().unwrap();
    String::from_utf8(listed.stdout).unwrap()
}

/// Whether a process was started with a variable that names the run.
fn is_in_an_environment(run: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let environments = processes.filter_map(|process| fs::read(process.path().join("environ")).ok());
    environments.into_iter().any(|variables| String::from_utf8_lossy(&variables).contains(&format!("/{run}-")))
}

fn killed_at_random_instants(hints: &str, executor: &'static str, seed: u64, kills: u64) {
    let mut killed = Killed::new(hints, executor, seed);
    for trial in 0.. {
        if killed.kills >= kills {
            break;
        }
        let salt = format!("salt-{trial}");
        let outputs = killed.run_through_kills(&salt);
        assert_eq!(outputs, killed.undisturbed(&salt), "{salt}, {} kills", killed.kills);
    }
    killed.assert_clean();
}

/// The hints by which a tool runs in the image of the usual programs.
fn in_the_image() -> String {
    provide_tool_image();
    let image = sluis_containers::reference("genomics").unwrap();
    let (name, id) = (image.name, image.id.unwrap());
    format!("{{DockerRequirement: {{dockerPull: '{name}', dockerImageId: '{id}'}}}}")
}

#[test]
fn engines_of_plain_tools_are_killed_at_random_instants() {
    killed_at_random_instants("{}", "docker", 1, number("SLUIS_KILLS", 12));
}

#[test]
fn engines_of_docker_are_killed_at_random_instants() {
    killed_at_random_instants(&in_the_image(), "docker", 2, number("SLUIS_KILLS", 6));
}

#[test]
fn engines_of_the_sandbox_are_killed_at_random_instants() {
    provide_sandbox_image();
    killed_at_random_instants(&in_the_image(), "sandbox", 3, number("SLUIS_KILLS", 12));
}
