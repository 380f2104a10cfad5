//! Runs whose Docker daemon is stopped, killed and started again, with their engine and without it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Child,
};

use serde_json::Value as Json;

use super::{journal, only_run, wait_for};
use crate::{
    explain::golden,
    second::SecondDaemon,
    secrecy::scratch,
    test_site::{Ran, TestSite},
};

/// What leaves containers alone when the daemon ends, and finds them when it is started again.
const LIVE_RESTORE: &[&str] = &["--live-restore"];
/// A site where nothing that a tool does is tried again.
const NO_BUDGET: &str = "retries: {budget: 0}\n";

/// Two containers in a row; the second ends when there is a file `go` beside it, and is not to be taken for done when it
/// is killed.
fn workflow() -> String {
    let image = sluis_containers::reference("bash").unwrap();
    let (name, id) = (image.name, image.id.unwrap());
    format!(
        "
cwlVersion: v1.2
class: Workflow
inputs: []
outputs: {{first: {{type: File, outputSource: begin/out}}, second: {{type: File, outputSource: wait/out}}}}
steps:
  begin:
    in: []
    out: [out]
    run:
      class: CommandLineTool
      hints: &image {{DockerRequirement: {{dockerPull: '{name}', dockerImageId: '{id}'}}}}
      baseCommand: [bash, -c, 'echo seed > out']
      inputs: []
      outputs: &out {{out: {{type: File, outputBinding: {{glob: out}}}}}}
  wait:
    in: {{seed: begin/out}}
    out: [out]
    run:
      class: CommandLineTool
      hints: *image
      baseCommand: [bash, -c, 'trap \"exit 0\" TERM; cat $0 > out; touch begun; while [ ! -e go ]; do sleep 0.02; done; cat $0 $0 > out']
      inputs: &seed {{seed: {{type: File, inputBinding: {{}}}}}}
      outputs: *out
"
    )
}

/// The same, and besides the second container a command without one that waits as it does.
fn workflow_with_a_plain_command() -> String {
    let aside = "
  aside:
    in: {seed: begin/out}
    out: [out]
    run:
      class: CommandLineTool
      baseCommand: [sh, -c, 'touch aside; while [ ! -e go ]; do sleep 0.02; done; cp $0 out']
      inputs: *seed
      outputs: *out
";
    format!("{}{}", workflow(), &aside[1..])
}

/// The same, and a container that asks for the whole machine once the plain command is done.
fn workflow_with_a_wide_container() -> String {
    let cores = std::thread::available_parallelism().unwrap();
    let wide = format!(
        "
  wide:
    in: {{seed: aside/out}}
    out: [out]
    run:
      class: CommandLineTool
      hints: *image
      requirements: {{ResourceRequirement: {{coresMin: {cores}}}}}
      baseCommand: [bash, -c, 'cat $0 > out']
      inputs: *seed
      outputs: *out
"
    );
    format!("{}{}", workflow_with_a_plain_command(), &wide[1..])
}

/// A run whose second container runs.
struct UnderWay {
    site: TestSite,
    daemon: SecondDaemon,
    /// As long as nobody has waited for it.
    engine: Option<Child>,
    run: String,
    /// The working folder of the second container.
    work: PathBuf,
}

impl UnderWay {
    /// Begins a run of a workflow on a daemon with these options and a site with these settings.
    fn begin(workflow: &str, options: &[&str], settings: &str) -> Self {
        let (site, daemon) = (TestSite::new(), SecondDaemon::start(options));
        let config = site.site().join("site.yaml");
        fs::write(&config, fs::read_to_string(&config).unwrap() + settings).unwrap();
        let path = site.write("workflow.cwl", workflow);
        let mut under_way = Self { site, daemon, engine: None, run: String::new(), work: PathBuf::new() };
        under_way.start(&["run", "--executor", "docker", &path]);
        under_way.work = under_way.appears("begun", None);
        under_way.run = only_run(&under_way.site);
        under_way
    }

    /// Starts an engine.
    fn start(&mut self, arguments: &[&str]) {
        let mut command = self.site.command(arguments);
        command.env("DOCKER_HOST", self.daemon.host()).stderr(File::create(self.site.path("said")).unwrap());
        self.engine = Some(command.spawn().unwrap());
    }

    fn resume(&mut self) {
        let run = self.run.clone();
        self.start(&["resume", &run]);
    }

    /// What the engine has said so far.
    fn said(&self) -> String {
        fs::read_to_string(self.site.path("said")).unwrap()
    }

    /// Waits for the engine's end.
    fn ended(&mut self) -> Ran {
        wait_for("the engine's end", || self.engine.as_mut().unwrap().try_wait().unwrap().is_some());
        let output = self.engine.take().unwrap().wait_with_output().unwrap();
        Ran { err: self.said(), ..Ran::of(&output) }
    }

    fn kill_engine(&mut self) {
        let mut engine = self.engine.take().unwrap();
        engine.kill().unwrap();
        engine.wait().unwrap();
    }

    /// Starts the daemon again once the user has been told that the run waits for it.
    fn up_when_missed(&mut self) {
        wait_for("a word about the daemon", || {
            self.said().contains("the Docker daemon does not answer: the run waits")
        });
        self.daemon.up();
    }

    /// How often something happened, as the journal tells.
    fn count(&self, event: &str) -> usize {
        fs::read_to_string(journal(&self.site, &self.run)).unwrap().matches(event).count()
    }

    /// Waits until a command has made a file in its working folder, elsewhere than in one that is known.
    fn appears(&mut self, file: &str, known: Option<&Path>) -> PathBuf {
        let mut work = None;
        wait_for(file, || {
            let is_it = |work: &PathBuf| Some(work.as_path()) != known && work.join(file).exists();
            work = work_folders(&self.site).into_iter().find(is_it);
            let gone = self.engine.as_mut().is_none_or(|engine| engine.try_wait().unwrap().is_some());
            assert!(work.is_some() || !gone, "the engine has ended: {}", self.said());
            work.is_some()
        });
        work.unwrap()
    }

    /// Checks how it ended: with what it gives when nobody disturbs it, each task done once, and nothing is left.
    fn assert_complete(&mut self, ran: &Ran) {
        let outputs = ran.json();
        let journal = fs::read_to_string(journal(&self.site, &self.run)).unwrap();
        let is_done = |line: &&str| line.contains("task_complete") && line.contains(r#""cached":false"#);
        assert_eq!((journal.lines().filter(is_done).count(), self.count("task_failed")), (2, 0), "{journal}");
        assert_eq!(self.daemon.containers(), [""; 0]);
        assert!(!self.work.exists());
        assert_eq!(outputs, self.undisturbed());
        assert_eq!(self.site.run(["audit", "verify"]).code, Some(0));
    }

    fn undisturbed(&mut self) -> Json {
        let path = self.site.path("workflow.cwl").display().to_string();
        self.start(&["run", "--no-cache", "--executor", "docker", &path]);
        let work = self.appears("begun", None);
        go(&work);
        self.ended().json()
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(engine) = &mut self.engine {
            let _ = engine.kill();
            let _ = engine.wait();
        }
    }
}

fn go(work: &Path) {
    fs::write(work.join("go"), "").unwrap();
}

/// The working folders of the tasks of a site's runs.
fn work_folders(site: &TestSite) -> Vec<PathBuf> {
    let runs = fs::read_dir(site.site().join("runs")).into_iter().flatten().flatten();
    let runs: Vec<String> = runs.map(|run| run.file_name().into_string().unwrap()).collect();
    let engines = fs::read_dir(scratch()).into_iter().flatten().flatten();
    let tasks = engines.flat_map(|engine| fs::read_dir(engine.path()).into_iter().flatten().flatten());
    let is_ours = |name: &str| runs.iter().any(|run| name.starts_with(run));
    let ours = tasks.filter(|task| task.file_name().to_str().is_some_and(is_ours));
    ours.map(|task| task.path().join("work")).collect()
}

/// What a command had made so far is not taken for its output when its daemon killed it: it is run anew, which counts
/// against nothing that the tool may do.
fn outlived(end: fn(&mut SecondDaemon)) {
    let mut under_way = UnderWay::begin(&workflow(), &[], NO_BUDGET);
    end(&mut under_way.daemon);
    under_way.up_when_missed();
    wait_for("another attempt", || under_way.count("task_started") == 3);
    go(&under_way.appears("begun", None));
    let ended = under_way.ended();
    for told in ["the run waits for it, up to 5 min", "the Docker daemon is back", "went away for a while"] {
        assert_eq!(ended.err.matches(told).count(), 1, "{}", ended.err);
    }
    assert_eq!(under_way.count("task_retried"), 1);
    under_way.assert_complete(&ended);
}

#[test]
fn a_run_outlives_a_daemon_that_is_stopped() {
    outlived(SecondDaemon::stop);
}

#[test]
fn a_run_outlives_a_daemon_that_is_killed() {
    outlived(SecondDaemon::kill);
}

#[test]
fn a_container_that_its_daemon_left_alone_is_watched_on() {
    let mut under_way = UnderWay::begin(&workflow(), LIVE_RESTORE, NO_BUDGET);
    let before = under_way.daemon.containers();
    under_way.daemon.kill();
    under_way.up_when_missed();
    wait_for("the daemon's return", || under_way.said().contains("the Docker daemon is back"));
    assert_eq!(under_way.daemon.containers(), before);
    go(&under_way.work);
    let ended = under_way.ended();
    assert_eq!((under_way.count("task_retried"), under_way.count("task_started")), (0, 2), "{}", ended.err);
    under_way.assert_complete(&ended);
}

#[test]
fn a_container_that_ended_while_its_daemon_was_away_is_collected() {
    let mut under_way = UnderWay::begin(&workflow(), LIVE_RESTORE, NO_BUDGET);
    under_way.daemon.kill();
    go(&under_way.work);
    let out = under_way.work.join("out");
    wait_for("the command's output", || fs::read_to_string(&out).unwrap() == "seed\nseed\n");
    under_way.up_when_missed();
    let ended = under_way.ended();
    assert_eq!((under_way.count("task_retried"), under_way.count("task_started")), (0, 2), "{}", ended.err);
    under_way.assert_complete(&ended);
}

#[test]
fn who_asks_is_told_that_a_run_waits_for_its_daemon() {
    let mut under_way = UnderWay::begin(&workflow_with_a_wide_container(), LIVE_RESTORE, NO_BUDGET);
    let aside = under_way.appears("aside", None);
    under_way.daemon.kill();
    wait_for("a word about the daemon", || under_way.count("service_awaited") == 1);
    let explain = |under_way: &UnderWay, step: &str| under_way.site.run(["explain", &under_way.run, step]).out;
    let told = explain(&under_way, "wait");
    assert!(told.contains("state: running, but the Docker daemon does not answer since "), "{told}");
    let told = explain(&under_way, "aside");
    assert!(told.contains("state: running\n"), "it needs no daemon: {told}");
    go(&aside);
    wait_for("the plain command's end", || explain(&under_way, "aside").contains("state: done"));
    let told = explain(&under_way, "wide");
    golden("waits-for-the-daemon.txt", &told);
    let lines = under_way.site.run(["explain", &under_way.run]).out;
    assert!(lines.contains("wide: the Docker daemon does not answer since "), "{lines}");
    under_way.daemon.up();
    wait_for("the daemon's return", || under_way.count("service_back") == 1);
    let told = explain(&under_way, "wait") + &explain(&under_way, "wide");
    assert!(told.contains("state: running\n") && !told.contains("does not answer"), "{told}");
    go(&under_way.work);
    under_way.ended().json();
}

#[test]
fn a_daemon_that_stays_away_interrupts_the_run_which_goes_on_when_it_is_back() {
    let settings = "docker-patience-minutes: 0\n";
    let mut under_way = UnderWay::begin(&workflow_with_a_plain_command(), LIVE_RESTORE, settings);
    let aside = under_way.appears("aside", None);
    let (before, advice) = (under_way.daemon.containers(), format!("sluis resume {}", under_way.run));
    under_way.daemon.kill();
    under_way.ended().failed(6, &["the Docker daemon does not answer", "see that it runs", &advice]);
    assert!(under_way.work.exists() && !aside.exists(), "only what runs in containers is left");
    let is_interrupted = |site: &TestSite| site.run(["status"]).out.contains("interrupted");
    assert!(is_interrupted(&under_way.site));
    // Whoever is too early loses nothing.
    under_way.resume();
    under_way.ended().failed(6, &["the Docker daemon does not answer", &advice]);
    assert!(is_interrupted(&under_way.site) && under_way.work.exists());
    under_way.daemon.up();
    assert_eq!(under_way.daemon.containers(), before);
    under_way.resume();
    go(&under_way.appears("aside", None));
    wait_for("the second start", || under_way.count("task_started") == 5);
    assert_eq!(under_way.daemon.containers(), before);
    go(&under_way.work);
    let ended = under_way.ended();
    ended.json();
    assert_eq!((under_way.count("task_retried"), under_way.count("task_failed")), (0, 0));
    assert_eq!((under_way.daemon.containers().len(), under_way.work.exists()), (0, false));
}

/// Kills the engine, lets the daemon end and start again, and goes on with the run.
fn both_ended(end: fn(&mut SecondDaemon)) {
    let mut under_way = UnderWay::begin(&workflow(), &[], NO_BUDGET);
    under_way.kill_engine();
    end(&mut under_way.daemon);
    under_way.daemon.up();
    under_way.resume();
    let known = under_way.work.clone();
    go(&under_way.appears("begun", Some(&known)));
    let ran = under_way.ended();
    assert!(ran.err.contains("1 run, 1 cached"), "{}", ran.err);
    under_way.assert_complete(&ran);
}

#[test]
fn a_run_goes_on_whose_engine_was_killed_and_whose_daemon_was_stopped() {
    both_ended(SecondDaemon::stop);
}

#[test]
fn a_run_goes_on_whose_engine_and_daemon_were_killed() {
    both_ended(SecondDaemon::kill);
}

#[test]
fn a_container_that_outlived_engine_and_daemon_is_watched_on() {
    let mut under_way = UnderWay::begin(&workflow(), LIVE_RESTORE, NO_BUDGET);
    let before = under_way.daemon.containers();
    under_way.kill_engine();
    under_way.daemon.kill();
    under_way.daemon.up();
    under_way.resume();
    wait_for("the second start", || under_way.count("task_started") == 3);
    assert_eq!(under_way.daemon.containers(), before);
    go(&under_way.work);
    let ran = under_way.ended();
    assert_eq!(under_way.count("task_retried"), 0);
    under_way.assert_complete(&ran);
}
