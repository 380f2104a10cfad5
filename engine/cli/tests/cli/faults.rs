//! What goes wrong on real machines: each fault is told clearly, and the next run succeeds.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use crate::test_site::{Ran, TestSite};

const FINE: &str = "
cwlVersion: v1.2
class: CommandLineTool
baseCommand: [echo, fine]
inputs: []
outputs: {out: stdout}
stdout: out.txt
";

#[track_caller]
fn assert_usable(site: &TestSite) {
    let ran = site.run_text(FINE);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
}

/// Asks again until there is an answer.
fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} never appeared");
        std::thread::yield_now();
    }
}

#[test]
fn an_invalid_workflow_names_file_line_and_column() {
    let site = TestSite::new();
    let wrong = FINE.replace("baseCommand", "baseComand");
    site.run_text(&wrong).failed(3, &["workflow.cwl:4:1", "baseComand", "did you mean `baseCommand`"]);
    site.run_text("class: [").failed(3, &["workflow.cwl:1:9"]);
    site.run(["run", "/nowhere/x.cwl"]).failed(3, &["/nowhere/x.cwl"]);
    assert_usable(&site);
}

#[test]
fn an_input_that_is_missing_or_wrong_is_named_before_anything_runs() {
    let site = TestSite::new();
    let tool = site.write(
        "cat.cwl",
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: cat\ninputs: {file: {type: File, inputBinding: {}}}\n\
         outputs: {out: stdout}\n",
    );
    let missing = site.write("missing.yml", "file: {class: File, path: nothing.txt}\n");
    site.run(["run", &tool, &missing]).failed(3, &["missing.yml:1", "nothing.txt"]);
    let wrong = site.write("wrong.yml", "file: 12\n");
    site.run(["run", &tool, &wrong]).failed(3, &["wrong.yml:1", "file"]);
    let empty = site.write("empty.yml", "{}\n");
    site.run(["run", &tool, &empty]).failed(3, &["file"]);
    site.run(["put", &site.path("nothing.txt").display().to_string()]).failed(6, &["nothing.txt cannot be read"]);
    assert_usable(&site);
}

#[test]
fn a_document_cannot_have_the_sites_keys_or_other_plaintext_taken_in() {
    let site = TestSite::new();
    let key = site.site().join("keys/site.sec");
    let link = site.path("innocent.txt");
    std::os::unix::fs::symlink(&key, &link).unwrap();
    for path in [key.display().to_string(), link.display().to_string()] {
        let tool = format!(
            "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: cat\noutputs: {{out: stdout}}\n\
             inputs: {{file: {{type: File, inputBinding: {{}}, default: {{class: File, path: '{path}'}}}}}}\n"
        );
        site.run_text(&tool).failed(6, &[&path, "one of sluis's own"]);
    }
    assert_usable(&site);
}

#[test]
fn a_tool_that_asks_for_the_network_is_refused() {
    let site = TestSite::new();
    site.run_text(&format!("{FINE}requirements: {{NetworkAccess: {{networkAccess: true}}}}\n"))
        .failed(4, &["asks to reach the network", "site.yaml"]);
    assert_usable(&site);
}

#[test]
fn a_missing_image_is_named_with_its_remedy() {
    let site = TestSite::new();
    let digest = "0".repeat(64);
    let workflow = format!(
        "{FINE}requirements:\n  DockerRequirement:\n    dockerPull: localhost:1/nothing:1\n    dockerImageId: sha256:{digest}\n"
    );
    site.run_text(&workflow).failed(6, &["localhost:1/nothing:1", &digest]);
    assert_usable(&site);
}

#[test]
fn a_docker_daemon_that_does_not_answer_is_named() {
    let site = TestSite::new();
    let config = site.site().join("site.yaml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}retries: {{infrastructure: 0}}\n")).unwrap();
    let path = site.write(
        "workflow.cwl",
        &format!("{FINE}requirements:\n  DockerRequirement: {{dockerPull: 'sluis/genomics:1'}}\n"),
    );
    let output = site
        .command(["run", "--executor", "docker", &path])
        .env("DOCKER_HOST", "unix:///nowhere.sock")
        .output()
        .unwrap();
    Ran::of(&output).failed(6, &["Docker"]);
    assert_usable(&site);
}

#[test]
fn a_container_that_somebody_kills_is_a_failed_task() {
    sluis_containers::ensure("genomics").unwrap();
    let image = sluis_containers::reference("genomics").unwrap();
    let site = TestSite::new();
    let workflow = format!(
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [sleep, '600']\ninputs: []\noutputs: []\n\
         requirements:\n  DockerRequirement: {{dockerPull: '{}', dockerImageId: '{}'}}\n",
        image.name,
        image.id.unwrap(),
    );
    let path = site.write("workflow.cwl", &workflow);
    let child = site.command(["run", &path]).spawn().unwrap();
    let run = wait_for("the run", || fs::read_dir(site.site().join("runs")).ok()?.next()?.ok());
    let label = format!("label=sluis.run={}", run.file_name().display());
    let container = wait_for("its container", || {
        let listed = Command::new("docker").args(["ps", "--quiet", "--filter", &label]).output().unwrap();
        Some(String::from_utf8(listed.stdout).unwrap().trim().to_owned()).filter(|id| !id.is_empty())
    });
    assert!(Command::new("docker").args(["kill", &container]).status().unwrap().success());
    Ran::of(&child.wait_with_output().unwrap()).failed(1, &["signal 9"]);
    assert_usable(&site);
}

#[test]
fn a_program_that_does_not_exist_and_outputs_that_are_missing_are_told_apart() {
    let site = TestSite::new();
    site.run_text(&FINE.replace("[echo, fine]", "no-such-program")).failed(1, &["no-such-program"]);
    let workflow =
        FINE.replace("outputs: {out: stdout}", "outputs: {out: {type: File, outputBinding: {glob: '*.bam'}}}");
    site.run_text(&workflow).failed(1, &["*.bam"]);
    assert_usable(&site);
}

#[test]
fn a_tool_over_its_time_limit_is_stopped() {
    let site = TestSite::new();
    let workflow = "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [sleep, '600']\ninputs: []\noutputs: []\n\
                    requirements: {ToolTimeLimit: {timelimit: 1}}\n";
    site.run_text(workflow).failed(1, &["time limit"]);
}

#[test]
fn an_interrupt_cancels_the_run_and_kills_what_it_started() {
    let site = TestSite::new();
    let marker = site.path("tmp").join("pid");
    let workflow = format!(
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [sh, -c, 'echo $$ > {0}.new; mv {0}.new {0}; sleep 600']\n\
         inputs: []\noutputs: []\n",
        marker.display()
    );
    let path = site.write("workflow.cwl", &workflow);
    let child = site.command(["run", &path]).spawn().unwrap();
    wait_for("the tool", || marker.exists().then_some(()));
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signal.success());
    Ran::of(&child.wait_with_output().unwrap()).failed(130, &["Cancelling"]);
    let pid = fs::read_to_string(&marker).unwrap();
    assert!(!std::path::Path::new("/proc").join(pid.trim()).exists(), "the tool was killed");
    assert!(site.run(["status"]).out.contains("cancelled"));
    assert_usable(&site);
}

/// Runs a shell script in mount and user namespaces of its own, where it may mount a small file system.
pub fn in_namespace(site: &TestSite, script: &str) -> Ran {
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-euc", script])
        .env("SLUIS", env!("CARGO_BIN_EXE_sluis"))
        .env("FOLDER", site.path(""))
        .output()
        .unwrap_or_else(|error| panic!("unshare (util-linux) cannot be started: {error}"));
    Ran::of(&output)
}

#[test]
fn a_full_disk_is_told_and_once_there_is_room_the_next_run_succeeds() {
    let site = TestSite::new();
    site.write(
        "big.cwl",
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [head, -c, '6000000', /dev/urandom]\ninputs: []\n\
         outputs: {out: stdout}\nstdout: big\n",
    );
    site.write("workflow.cwl", FINE);
    let ran = in_namespace(
        &site,
        "mount -t tmpfs -o mode=0700 scratch /dev/shm
         mkdir $FOLDER/small && mount -t tmpfs -o size=4m small $FOLDER/small
         export SLUIS_SITE=$FOLDER/small/site
         $SLUIS init --country FI --allow-unencrypted-swap
         code=0; $SLUIS run $FOLDER/big.cwl || code=$?
         echo \"code $code\"
         $SLUIS audit verify
         $SLUIS run $FOLDER/workflow.cwl
         mount -o remount,size=40m $FOLDER/small
         $SLUIS run $FOLDER/big.cwl",
    );
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("code 6"), "{}", ran.out);
    assert!(ran.err.contains("No space left on device"), "{}", ran.err);
    assert!(ran.out.contains("is whole"), "{}", ran.out);
}

/// What stands in a log, as often as it does.
fn count(log: &str, action: &str) -> usize {
    log.matches(&format!("\"action\":\"{action}\"")).count()
}

#[test]
fn a_full_disk_under_the_audit_log_stops_a_run_before_what_it_cannot_write_down() {
    let site = TestSite::new();
    site.write(
        "scatter.cwl",
        "cwlVersion: v1.2\nclass: Workflow\nrequirements: {ScatterFeatureRequirement: {}}\n\
         inputs: {words: 'string[]', data: File}\noutputs: {all: {type: 'File[]', outputSource: print/out}}\nsteps:\n  \
         print:\n    scatter: word\n    in: {word: words, data: data}\n    out: [out]\n    run:\n      \
         class: CommandLineTool\n      baseCommand: [sh, -c, 'echo $0 >> $1; cat $2']\n      inputs:\n        \
         word: {type: string, inputBinding: {position: 1}}\n        data: {type: File, inputBinding: {position: 3}}\n      \
         arguments: [{valueFrom: RAN, position: 2}]\n      outputs: {out: stdout}\n      stdout: $(inputs.word)\n"
            .replace("RAN", &site.path("ran").display().to_string())
            .as_str(),
    );
    let words: Vec<_> = (0..100).map(|number| format!("word{number}")).collect();
    let job = serde_json::json!({ "words": words, "data": { "class": "File", "path": "data.txt" } });
    site.write("job.json", &job.to_string());
    site.write("data.txt", "data\n");
    let config = site.site().join("site.yaml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}retries: {{infrastructure: 0}}\n")).unwrap();
    let ran = in_namespace(
        &site,
        "mount -t tmpfs -o mode=0700 scratch /dev/shm
         export SLUIS_SITE=$FOLDER/site
         mkdir $FOLDER/log && mount -t tmpfs -o size=80k,mode=0700 log $FOLDER/log
         cp -a $SLUIS_SITE/audit/. $FOLDER/log
         mount --bind $FOLDER/log $SLUIS_SITE/audit
         code=0; $SLUIS run $FOLDER/scatter.cwl $FOLDER/job.json || code=$?
         echo \"run $code\"
         cp $SLUIS_SITE/audit/log.jsonl $FOLDER/full.jsonl
         cp $FOLDER/ran $FOLDER/ran-then
         address=$(grep -o 'b3:[0-9a-f]*' $FOLDER/full.jsonl | head -n 1)
         for command in \"run $FOLDER/scatter.cwl $FOLDER/job.json\" \"put $FOLDER/scatter.cwl\" \"show $address\"; do
           code=0; $SLUIS $command || code=$?
           echo \"refused $code\"
         done
         cmp $FOLDER/ran $FOLDER/ran-then
         $SLUIS audit verify --log $SLUIS_SITE/audit --public-key $SLUIS_SITE/keys/audit.pub
         mount -o remount,size=8m $FOLDER/log
         $SLUIS run $FOLDER/scatter.cwl $FOLDER/job.json > $FOLDER/done
         $SLUIS audit verify
         cp $SLUIS_SITE/audit/log.jsonl $FOLDER/whole.jsonl",
    );
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("run 6") && ran.out.matches("refused 6").count() == 3, "{}", ran.out);
    let told = ran.err.matches("the audit log cannot be written").count();
    assert!(told >= 4 && ran.err.contains("No space left on device"), "{}", ran.err);
    assert_eq!(ran.out.matches("is whole").count(), 2, "{}", ran.out);
    let read = |name: &str| fs::read_to_string(site.path(name)).unwrap();
    // No command ran whose decision, and whose use of the key, is not in the log.
    let (full, ran_then) = (read("full.jsonl"), read("ran-then").lines().count());
    assert!(0 < ran_then && ran_then < 100, "{ran_then}");
    assert!(count(&full, "use-key") >= ran_then, "{ran_then} commands, {} keys", count(&full, "use-key"));
    let whole = read("whole.jsonl");
    assert!(whole.starts_with(&full), "what was acknowledged stays");
    assert!(count(&whole, "keep-task") >= 100, "{}", count(&whole, "keep-task"));
    assert_eq!(read("done").matches("\"basename\"").count(), 100);
}

#[test]
fn a_site_that_cannot_be_written_is_told_by_every_command_and_left_as_it_is() {
    let site = TestSite::new();
    site.write("workflow.cwl", FINE);
    site.write("data.txt", "data\n");
    let ran = in_namespace(
        &site,
        "mount -t tmpfs -o mode=0700 scratch /dev/shm
         export SLUIS_SITE=$FOLDER/site
         address=$($SLUIS put $FOLDER/data.txt | cut -d' ' -f1)
         find $SLUIS_SITE -type f | sort | xargs sha256sum > $FOLDER/before
         mount --bind $SLUIS_SITE $SLUIS_SITE && mount -o remount,ro,bind $SLUIS_SITE
         for command in \"run $FOLDER/workflow.cwl\" \"put $FOLDER/workflow.cwl\" \\
           \"export $address --to $FOLDER/out\" \"store gc\" \"erase P1 --yes\"; do
           code=0; $SLUIS $command || code=$?
           echo \"code $code\"
         done
         find $SLUIS_SITE -type f | sort | xargs sha256sum | cmp - $FOLDER/before
         test ! -e $FOLDER/out
         mount -o remount,rw,bind $SLUIS_SITE
         $SLUIS audit verify
         $SLUIS run $FOLDER/workflow.cwl",
    );
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert_eq!(ran.out.matches("code 6\n").count(), 5, "{}{}", ran.out, ran.err);
    assert_eq!(ran.err.matches("Read-only file system").count(), 5, "{}", ran.err);
}
