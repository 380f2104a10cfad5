//! Going on with a run whose engine was killed: nothing that was done is done again, nothing is left behind.

mod all;
mod kills;
mod outages;

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command},
    time::{Duration, Instant, SystemTime},
};

use crate::{
    secrecy::scratch,
    test_site::{Ran, TestSite, addresses},
};

/// A diamond with a scattered side. Two of its steps make something that is never the same twice, and one of them may
/// not be found in the cache.
const DIAMOND: &str = r#"
cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}, InlineJavascriptRequirement: {}, StepInputExpressionRequirement: {}}
inputs:
  names: {type: 'string[]', default: [a, b, c]}
  note: {type: File, default: {class: File, basename: note.txt, contents: "a literal\n"}}
  folder: {type: Directory, default: {class: Directory, basename: d, listing: [{class: File, basename: x, contents: "x\n"}]}}
outputs:
  out: {type: File, outputSource: join/out}
  parts: {type: 'File[]', outputSource: part/out}
steps:
  seed:
    in: {note: note, folder: folder}
    out: [out]
    run:
      class: CommandLineTool
      requirements: {WorkReuse: {enableReuse: false}}
      baseCommand: [sh, -c, 'cat "$0"; echo "$1"; od -An -N8 -tx1 /dev/urandom']
      arguments: [{position: 2, valueFrom: "$(inputs.folder.listing[0].basename)"}]
      inputs: {note: {type: File, inputBinding: {position: 1}}, folder: Directory}
      outputs: {out: stdout}
      stdout: seed
  part:
    in: {seed: seed/out, name: names}
    scatter: name
    out: [out]
    run:
      class: CommandLineTool
      baseCommand: [sh, -c, 'echo "$1"; cat "$0"; od -An -N8 -tx1 /dev/urandom']
      inputs: {seed: {type: File, inputBinding: {position: 1}}, name: {type: string, inputBinding: {position: 2}}}
      outputs: {out: stdout}
      stdout: part
  count:
    in: {parts: part/out}
    out: [count]
    run:
      class: ExpressionTool
      inputs: {parts: 'File[]'}
      outputs: {count: int}
      expression: "${ return {count: inputs.parts.length}; }"
  join:
    in: {parts: part/out, count: count/count}
    out: [out]
    run:
      class: CommandLineTool
      baseCommand: [cat]
      inputs: {parts: {type: 'File[]', inputBinding: {}}, count: int}
      outputs: {out: stdout}
      stdout: joined
"#;

/// A tool that runs until a file beside it is there.
fn waiting(site: &TestSite) -> String {
    format!(
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [sh, -c, 'touch {0}; while [ ! -e {1} ]; do sleep 0.02; \
         done; echo done']\ninputs: []\noutputs: {{out: stdout}}\nstdout: out\n",
        site.path("begun").display(),
        site.path("go").display()
    )
}

fn only_run(site: &TestSite) -> String {
    let runs = site.run(["status", "--json"]).json();
    assert_eq!(runs.as_array().unwrap().len(), 1, "{runs}");
    runs[0]["run"].as_str().unwrap().to_owned()
}

fn journal(site: &TestSite, run: &str) -> PathBuf {
    site.site().join("runs").join(run).join("journal.jsonl")
}

/// Takes away what was written to a run's journal behind its first lines: as if its engine had been killed there.
fn cut(site: &TestSite, run: &str, lines: &[&str], torn: &str) {
    let mut text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    text.push_str(torn);
    fs::write(journal(site, run), text).unwrap();
}

#[track_caller]
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(180), "{what} never came about");
        std::thread::yield_now();
    }
}

#[test]
fn a_run_that_was_cut_off_anywhere_gives_what_it_would_have_given_and_runs_nothing_twice() {
    let site = TestSite::new();
    site.write("reads.txt", "ACGT\n");
    let folder = "folder: {class: Directory, basename: given, listing: [{class: File, path: reads.txt}]}\n";
    let (path, inputs) = (site.write("workflow.cwl", DIAMOND), site.write("inputs.yml", folder));
    let whole = site.run(["run", &path, &inputs]).json();
    let run = only_run(&site);
    let text = fs::read_to_string(journal(&site, &run)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() > 15, "{text}");
    for count in 1..lines.len() {
        let torn = &lines[count][..lines[count].len() / 2];
        cut(&site, &run, &lines[..count], torn);
        let status = site.run(["status", &run]).out;
        assert!(status.contains("interrupted"), "{status}");
        let ran = site.run(["resume", &run]);
        assert_eq!(ran.json(), whole, "cut off behind line {count}");
        assert!(ran.err.contains("0 run, 5 cached"), "cut off behind line {count}: {}", ran.err);
        let shown = site.run(["status", &run, "--json"]).json();
        let tasks = shown["tasks"].as_array().unwrap();
        let mut steps: Vec<&str> = tasks.iter().map(|task| task["step"].as_str().unwrap()).collect();
        steps.sort_unstable();
        assert_eq!(steps, ["count", "join", "part[0]", "part[1]", "part[2]", "seed"], "cut off behind line {count}");
        assert_eq!(shown["state"], "complete");
    }
}

#[test]
fn what_a_run_completed_stays_its_own_when_others_have_run_the_same_since() {
    let site = TestSite::new();
    let path = site.write("workflow.cwl", DIAMOND);
    let first = site.run(["run", "--no-cache", &path]).json();
    let run = only_run(&site);
    let second = site.run(["run", "--no-cache", &path]).json();
    assert_ne!(first, second, "it is never the same twice");
    let text = fs::read_to_string(journal(&site, &run)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    // The last record of a task is that of the last step.
    let last = lines.iter().rposition(|line| line.contains("task_complete")).unwrap();
    cut(&site, &run, &lines[..=last], "");
    let trace = site.path("trace.tsv");
    let ran = site.run(["resume", &run, "--trace", trace.to_str().unwrap()]);
    assert_eq!(ran.json(), first, "{}", ran.err);
    assert!(ran.err.contains("0 run"), "{}", ran.err);
    let (trace, whole) = (fs::read_to_string(&trace).unwrap(), site.path("whole.tsv"));
    site.run(["report", &run, "--trace", whole.to_str().unwrap()]);
    assert!(trace.lines().count() > 5 && trace == fs::read_to_string(whole).unwrap(), "{trace}");
    // A trace that cannot be written loses nothing of the run.
    cut(&site, &run, &lines[..=last], "");
    let ran = site.run(["resume", &run, "--trace", site.path("nowhere/trace.tsv").to_str().unwrap()]);
    assert_eq!(ran.json(), first, "{}", ran.err);
    assert!(ran.err.contains("trace.tsv cannot be written"), "{}", ran.err);
}

#[test]
fn only_an_interrupted_run_can_be_gone_on_with() {
    let site = TestSite::new();
    let path = site.write("workflow.cwl", &waiting(&site));
    let mut child = site.command(["run", &path]).spawn().unwrap();
    wait_for("the tool", || site.path("begun").exists());
    let run = only_run(&site);
    site.run(["resume", &run]).failed(2, &["still carried out", "sluis status"]);
    fs::write(site.path("go"), "").unwrap();
    assert!(child.wait().unwrap().success());
    site.run(["resume", &run]).failed(2, &["has ended (complete)"]);
    site.run(["resume", "2026"]).failed(2, &["has ended"]);
    site.run(["resume", "1999"]).failed(2, &["there is no run 1999"]);
    let never = "20260101-000000-abcdef";
    fs::create_dir(site.site().join("runs").join(never)).unwrap();
    site.run(["resume", never]).failed(2, &["killed before it began", "run its workflow again"]);
    assert_eq!(site.run(["status"]).code, Some(0));
}

#[test]
fn a_killed_run_goes_on_and_says_so() {
    let site = TestSite::new();
    let path = site.write("workflow.cwl", &waiting(&site));
    let mut child = site.command(["run", "--on-failure", "stop", &path]).spawn().unwrap();
    wait_for("the tool", || site.path("begun").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    let run = only_run(&site);
    let status = site.run(["status", &run]);
    assert!(
        status.out.contains("interrupted") && status.out.contains(&format!("sluis resume {run}")),
        "{}",
        status.out
    );
    fs::write(site.path("go"), "").unwrap();
    let ran = site.run(["resume", &run]);
    let resumed = ran.json();
    assert_eq!(resumed, site.run(["run", &path]).json());
    let journal = fs::read_to_string(journal(&site, &run)).unwrap();
    assert!(journal.contains("run_resumed") && journal.contains(r#""on_failure":"stop_all""#), "{journal}");
    assert_eq!(site.run(["audit", "verify"]).code, Some(0));
}

#[test]
fn a_run_is_gone_on_with_by_those_who_may_use_its_data() {
    let site = TestSite::new();
    site.write("reads.txt", "ACGT\n");
    let inputs = site.write("inputs.yml", "note: {class: File, path: reads.txt}\n");
    let path = site.write("workflow.cwl", DIAMOND);
    site.run(["run", &path, &inputs]).json();
    let run = only_run(&site);
    let text = fs::read_to_string(journal(&site, &run)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    cut(&site, &run, &lines[..4], "");
    let trial = "datasets:\n  trial-7:\n    description: Trial 7.\n    consent: given\n";
    site.edit_registry("datasets.yaml", "datasets:\n", trial);
    site.edit_registry("projects.yaml", "datasets: [personal", "datasets: [trial-7");
    site.run(["resume", &run]).failed(4, &["personal"]);
    site.edit_registry("projects.yaml", "datasets: [trial-7", "datasets: [personal");
    site.run(["resume", &run]).json();
}

#[test]
fn a_run_whose_journal_could_not_be_written_goes_on_once_there_is_room() {
    let site = TestSite::new();
    site.write("workflow.cwl", DIAMOND);
    let ran: Ran = crate::faults::in_namespace(
        &site,
        "mount -t tmpfs -o mode=0700 scratch /dev/shm
         mkdir $FOLDER/small && mount -t tmpfs -o size=8m small $FOLDER/small
         export SLUIS_SITE=$FOLDER/small/site
         $SLUIS init --country FI --allow-unencrypted-swap
         $SLUIS run --quiet $FOLDER/workflow.cwl > $FOLDER/whole
         run=$(ls $SLUIS_SITE/runs)
         head -n 6 $SLUIS_SITE/runs/$run/journal.jsonl > $FOLDER/cut
         cp $FOLDER/cut $SLUIS_SITE/runs/$run/journal.jsonl
         dd if=/dev/zero of=$FOLDER/small/filler bs=1k 2> /dev/null || true
         code=0; $SLUIS resume $run || code=$?
         echo \"code $code\"
         rm $FOLDER/small/filler
         $SLUIS resume --quiet $run | cmp - $FOLDER/whole
         $SLUIS audit verify",
    );
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("code 6"), "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("No space left on device"), "{}", ran.err);
}

#[test]
fn one_step_runs_anew_and_what_depends_on_it_only_if_it_gave_something_else() {
    let site = TestSite::new();
    let workflow = DIAMOND
        .replace("; od -An -N8 -tx1 /dev/urandom", "")
        .replace("requirements: {WorkReuse: {enableReuse: false}}", "");
    let path = site.write("workflow.cwl", &workflow);
    let first = site.run(["run", &path]).json();
    let again = site.run(["run", "--rerun", "part", &path]);
    assert_eq!(again.json(), first);
    assert!(again.err.contains("3 run, 2 cached"), "{}", again.err);
    let changed = site.write(
        "changed.cwl",
        &workflow.replace("stdout: part\n", "stdout: part\n      hints: {WorkReuse: {enableReuse: true}}\n"),
    );
    let all_of_it = site.run(["run", "--rerun", "seed", "--rerun", "join", &changed]);
    assert!(all_of_it.err.contains("2 run, 3 cached"), "{}", all_of_it.err);
    site.run(["run", "--rerun", "prat", &path]).failed(2, &["no step `prat`", "did you mean `part`?", "count, join"]);
    let tool = site.write("tool.cwl", &waiting(&site));
    site.run(["run", "--rerun", "part", &tool]).failed(2, &["this is a tool", "--no-cache"]);
    site.run(["run", "--rerun", "part", "--no-cache", &path]).failed(2, &["--no-cache"]);
}

/// The container image with the usual programs, as a hint.
fn in_a_container() -> String {
    sluis_containers::ensure("genomics").unwrap();
    let image = sluis_containers::reference("genomics").unwrap();
    let (name, id) = (image.name, image.id.unwrap());
    format!("hints: {{DockerRequirement: {{dockerPull: '{name}', dockerImageId: '{id}'}}}}\n")
}

/// A tool in a container that notes which one it is, and ends when there is a file `go` beside it.
const NAMED: &str = r#"
cwlVersion: v1.2
class: CommandLineTool
requirements: {ShellCommandRequirement: {}}
arguments:
- shellQuote: false
  valueFrom: >
    od -An -N8 -tx1 /dev/urandom > name; echo before; cp name begun; while [ ! -e go ]; do sleep 0.02; done;
    yes | head -c 3000000; echo after; cp name out
inputs: []
outputs: {out: {type: File, outputBinding: {glob: out}}}
"#;

/// A run of [`NAMED`] whose engine was killed while its container went on.
struct LeftRunning {
    site: TestSite,
    run: String,
    /// The task's working folder.
    work: PathBuf,
    /// What the container noted.
    name: String,
}

impl LeftRunning {
    fn new() -> Self {
        let site = TestSite::new();
        let path = site.write("workflow.cwl", &format!("{NAMED}{}", in_a_container()));
        let mut child = site.command(["run", "--executor", "docker", &path]).spawn().unwrap();
        let mut work = None;
        wait_for("the container", || {
            let begun = |work: &PathBuf| {
                work.join("begun").exists() && fs::read(work.with_file_name("log")).is_ok_and(|log| !log.is_empty())
            };
            work = work_folder(&site).filter(begun);
            work.is_some()
        });
        child.kill().unwrap();
        child.wait().unwrap();
        let (run, work) = (only_run(&site), work.unwrap());
        let name = fs::read_to_string(work.join("name")).unwrap();
        Self { site, run, work, name }
    }

    fn go(&self) {
        fs::write(self.work.join("go"), "").unwrap();
    }

    fn containers(&self, filter: &str) -> String {
        let label = format!("label=sluis.run={}", self.run);
        let mut listed = Command::new("docker");
        listed.args(["ps", "--quiet", "--all", "--filter", &label, "--filter", filter]);
        String::from_utf8(listed.output().unwrap().stdout).unwrap()
    }

    fn kill_container(&self) {
        let id = self.containers("status=running");
        assert!(Command::new("docker").args(["kill", id.trim()]).output().unwrap().status.success());
    }

    /// Checks that the run goes on with a new container and completes, and that nothing is left.
    fn assert_runs_anew(&self) {
        let child = self.site.command(["resume", &self.run]).spawn().unwrap();
        let mut work = None;
        wait_for("a new container", || {
            work = work_folder(&self.site).filter(|work| *work != self.work && work.join("begun").exists());
            work.is_some()
        });
        fs::write(work.unwrap().join("go"), "").unwrap();
        Ran::of(&child.wait_with_output().unwrap()).json();
        assert!(!self.work.exists());
        assert_eq!(self.containers("status=running") + &self.containers("status=exited"), "");
    }

    /// Checks that the run completed with what the container gave that was there before, and that nothing is left.
    fn assert_gone_on_with(&self, ran: &Ran) {
        let to = self.site.path("exported").display().to_string();
        let address = addresses(&ran.json())[0].clone();
        assert_eq!(self.site.run(["export", &address, "--to", &to]).code, Some(0));
        assert_eq!(fs::read_to_string(&to).unwrap(), self.name, "it is the container that was started first");
        let log = self.site.run(["logs", &self.run]).out;
        assert!(log.starts_with("before\n") && log.contains("the engine was killed"), "{}", &log[..log.len().min(300)]);
        assert_eq!(self.containers("status=running") + &self.containers("status=exited"), "");
        assert!(!self.work.exists());
    }
}

/// The working folder of the only task of a site's only run.
fn work_folder(site: &TestSite) -> Option<PathBuf> {
    let run = fs::read_dir(site.site().join("runs")).ok()?.flatten().next()?.file_name().into_string().unwrap();
    let engines = fs::read_dir(scratch()).ok()?.flatten();
    engines.map(|engine| engine.path().join(format!("{run}-0")).join("work")).find(|work| work.exists())
}

#[test]
fn a_container_that_still_runs_is_gone_on_with() {
    let left = LeftRunning::new();
    let child = left.site.command(["resume", &left.run]).spawn().unwrap();
    wait_for("the second start", || {
        fs::read_to_string(journal(&left.site, &left.run)).unwrap().matches("task_started").count() == 2
    });
    left.go();
    left.assert_gone_on_with(&Ran::of(&child.wait_with_output().unwrap()));
}

#[test]
fn what_a_container_made_that_ended_meanwhile_is_collected() {
    let left = LeftRunning::new();
    left.go();
    wait_for("the end", || !left.containers("status=exited").is_empty());
    left.assert_gone_on_with(&left.site.run(["resume", &left.run]));
}

#[test]
fn a_container_that_somebody_killed_meanwhile_is_run_anew() {
    let left = LeftRunning::new();
    left.kill_container();
    left.assert_runs_anew();
}

#[test]
fn a_run_goes_on_after_its_machine_lost_what_stood_in_memory() {
    let left = LeftRunning::new();
    // What a restart of the machine leaves: no engine, no scratch folder, and a container that does not run any more.
    left.kill_container();
    fs::remove_dir_all(left.work.ancestors().nth(2).unwrap()).unwrap();
    left.assert_runs_anew();
}

#[test]
fn what_a_killed_engine_left_is_kept_for_a_while_and_then_cleared_away() {
    let left = LeftRunning::new();
    let other = TestSite::new();
    other.run_text(DIAMOND).json();
    assert!(left.work.exists() && !left.containers("status=running").is_empty(), "its time has not passed");
    let lock = left.work.ancestors().nth(2).unwrap().join("lock");
    let long_ago = SystemTime::now() - Duration::from_secs(16 * 60);
    fs::File::options().write(true).open(lock).unwrap().set_modified(long_ago).unwrap();
    other.run(["run", "--quiet", &other.path("workflow.cwl").display().to_string()]).json();
    assert!(!left.work.exists());
    assert_eq!(left.containers("status=running"), "");
}

#[test]
fn a_site_may_have_what_killed_engines_leave_cleared_away_at_once() {
    let site = TestSite::new();
    let config = site.site().join("site.yaml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}resume-within-minutes: 0\n")).unwrap();
    let path = site.write("workflow.cwl", &waiting(&site));
    let mut child = site.command(["run", &path]).spawn().unwrap();
    wait_for("the tool", || site.path("begun").exists());
    let work = work_folder(&site).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(work.exists());
    site.run_text(DIAMOND).json();
    assert!(!work.exists());
    for key in ["resume-within-minutes", "docker-patience-minutes"] {
        fs::write(&config, format!("{text}{key}: -1\n")).unwrap();
        site.run(["status"]).failed(6, &["site.yaml", &format!("`{key}`: -1 is not from 0 to 1440")]);
    }
}

/// Whether a task of a run was permitted, which is decided before it waits for anything.
fn is_permitted(site: &TestSite, run: &str) -> bool {
    let events = site.run(["audit", "search", "--run", run, "--action", "run-task", "--json"]).out;
    events.contains("workflow.cwl")
}

/// Starts a second run of the same tool as soon as the first one's command runs, and waits until it waits for that.
fn two_runs(site: &TestSite) -> (Child, Child) {
    let path = site.write("workflow.cwl", &waiting(site));
    let first = site.command(["run", &path]).spawn().unwrap();
    wait_for("the tool", || site.path("begun").exists());
    let one = only_run(site);
    let second = site.command(["run", &path]).spawn().unwrap();
    let mut other = None;
    wait_for("the second run", || {
        let runs = site.run(["status", "--json"]).json();
        let runs = runs.as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap().to_owned());
        other = runs.into_iter().find(|run| *run != one);
        other.is_some()
    });
    let other = other.unwrap();
    wait_for("its permit", || is_permitted(site, &other));
    (first, second)
}

#[test]
fn two_runs_that_need_the_same_task_at_the_same_time_run_it_once() {
    let site = TestSite::new();
    let (first, second) = two_runs(&site);
    fs::write(site.path("go"), "").unwrap();
    let [first, second] = [first, second].map(|child| Ran::of(&child.wait_with_output().unwrap()));
    assert_eq!(first.json(), second.json());
    assert!(first.err.contains("1 run, 0 cached"), "{}", first.err);
    assert!(second.err.contains("0 run, 1 cached"), "{}", second.err);
}

#[test]
fn who_waits_for_the_task_of_a_killed_run_runs_it() {
    let site = TestSite::new();
    let (mut first, second) = two_runs(&site);
    first.kill().unwrap();
    first.wait().unwrap();
    fs::write(site.path("go"), "").unwrap();
    let second = Ran::of(&second.wait_with_output().unwrap());
    second.json();
    assert!(second.err.contains("1 run, 0 cached"), "{}", second.err);
}

#[test]
fn who_waits_for_the_task_of_another_run_can_be_cancelled() {
    let site = TestSite::new();
    let (mut first, second) = two_runs(&site);
    assert!(Command::new("kill").args(["-INT", &second.id().to_string()]).status().unwrap().success());
    Ran::of(&second.wait_with_output().unwrap()).failed(130, &["Cancelling"]);
    assert!(first.try_wait().unwrap().is_none());
    fs::write(site.path("go"), "").unwrap();
    assert!(first.wait().unwrap().success());
}
