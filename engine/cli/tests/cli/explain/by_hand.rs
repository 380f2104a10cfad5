//! Failed tasks are repeated by hand: what `sluis explain` prints is put into a shell as it stands.

use std::process::Command;

use serde_json::Value as Json;

use super::TestSite;
use crate::test_site::{Ran, provide_sandbox_image};

/// A failed task, explained.
struct Failed {
    explanation: Json,
    /// The commands that repeat it, but for the last.
    commands: String,
    /// The last, which removes what the others made.
    remove: String,
}

impl Failed {
    /// The task of a tool, in the newest run.
    fn newest(site: &TestSite) -> Self {
        let explanation = site.run(["explain", &site.newest_run(), "workflow.cwl", "--json"]).json();
        let lines = explanation["by_hand"].as_array().unwrap().iter();
        let mut lines: Vec<_> = lines.map(|line| line.as_str().unwrap().to_owned()).collect();
        let remove = lines.pop().unwrap();
        Self { explanation, commands: lines.join("\n"), remove }
    }

    /// Types the commands into a shell, something more, and the last one; ends as the repeated command did.
    fn repeat(&self, site: &TestSite, more: &str) -> Ran {
        let shell = format!(
            "sluis() {{ '{}' \"$@\"; }}\n{}\ncode=$?\n{more}\n{}\nexit $code",
            env!("CARGO_BIN_EXE_sluis"),
            self.commands,
            self.remove
        );
        let mut command = Command::new("sh");
        command.args(["-c", &shell]).env("SLUIS_SITE", site.site()).env("HOSTNAME", "not-the-task's");
        Ran::of(&command.output().unwrap())
    }

    /// The folder in which it is repeated.
    fn folder(&self) -> &str {
        self.remove.strip_prefix("rm -r ").unwrap().split(';').next().unwrap()
    }

    /// What the task printed, as its log has it.
    fn printed(&self) -> String {
        let lines = self.explanation["failure"]["log_end"].as_array().unwrap().iter();
        lines.map(|line| format!("{}\n", line.as_str().unwrap())).collect()
    }
}

#[test]
fn a_command_on_this_machine() {
    let site = TestSite::new();
    let tool = "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [sh, -c]\n\
                arguments: [{valueFrom: 'cat \"$0\" script.txt -; echo \"it is $WORD\"; exit 9'}, $(inputs.file.path)]\n\
                inputs: {file: File}\noutputs: {out: stdout}\nstdout: out.txt\n\
                requirements:\n- {class: EnvVarRequirement, envDef: {WORD: \"a 'quoted' word\"}}\n\
                - {class: InitialWorkDirRequirement, listing: [{entryname: script.txt, entry: \"a text\\n\"}]}\n";
    let reads = site.write("reads.txt", "ACGT\n");
    site.run_with(tool, &format!("file: {{class: File, path: '{reads}'}}\n")).failed(1, &[]);
    let failed = Failed::newest(&site);
    let ran = failed.repeat(&site, &format!("cat {}/work/out.txt", failed.folder()));
    ran.failed(9, &[]);
    assert_eq!(ran.out, "ACGT\na text\nit is a 'quoted' word\n");
}

#[test]
fn nothing_runs_without_its_inputs_or_in_a_folder_that_was_there_before() {
    let site = TestSite::new();
    let tool = "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [sh, -c]\n\
                arguments: [\"echo ran; printf %s \\\"$1\\\"; exit 9\", $(inputs.file.path), \"\\e]0;a\\a\\n\"]\n\
                inputs: {file: File}\noutputs: {}\n";
    let reads = site.write("reads.txt", "ACGT\n");
    site.run_with(tool, &format!("file: {{class: File, path: '{reads}'}}\n")).failed(1, &[]);
    let mut failed = Failed::newest(&site);
    assert!(!failed.commands.replace('\n', "").contains(char::is_control), "{}", failed.commands);
    let ran = failed.repeat(&site, "");
    ran.failed(9, &[]);
    assert_eq!(ran.out, "ran\n\u{1b}]0;a\u{7}\n");
    let whole = failed.commands.clone();
    failed.commands = whole.replace("sluis export", "false");
    let refused = failed.repeat(&site, "");
    assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""), "{}", refused.err);
    failed.commands = format!("mkdir {}\n{whole}", failed.folder());
    let taken = failed.repeat(&site, "");
    assert_eq!((taken.code, taken.out.as_str()), (Some(1), ""), "{}", taken.err);
}

/// A tool in a container that reads an input and a file elsewhere, tells of what surrounds it, and fails.
fn telling_tool() -> String {
    let image = sluis_containers::reference("genomics").unwrap();
    let told = "cat \\\"$0\\\" /etc/tool.conf; env | sort; cat /proc/sys/kernel/hostname; ls / /dev; pwd; \
                grep -E '^(CapBnd|CapEff|NoNewPrivs|Seccomp|Seccomp_filters)' /proc/self/status; \
                touch /usr/new /sluis/in/new 2>&1; touch /tmp/there && cp \\\"$1\\\" here && chmod +x here && \
                ./here --version > version && echo 'can write'; ./here --user true 2>&1; grep -c : /proc/net/dev; exit 9";
    format!(
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [bash, -c]\n\
         arguments: [{{valueFrom: \"{told}\"}}, $(inputs.file.path), $(inputs.unshare.path)]\n\
         inputs: {{file: File, unshare: File}}\noutputs: []\n\
         requirements:\n- {{class: DockerRequirement, dockerPull: '{}', dockerImageId: '{}', dockerOutputDirectory: /out/put}}\n\
         - {{class: EnvVarRequirement, envDef: {{WORD: \"a 'quoted' word\"}}}}\n\
         - {{class: InitialWorkDirRequirement, listing: [{{entryname: /etc/tool.conf, entry: \"a text\\n\"}}]}}\n\
         - {{class: InlineJavascriptRequirement}}\n",
        image.name,
        image.id.unwrap()
    )
}

/// Has the tool fail in an executor, and repeats it.
fn fails_in_the_same_way(executor: &str) -> Failed {
    let site = TestSite::new();
    site.set(&format!("containers: {executor}\n"));
    let reads = site.write("reads.txt", "ACGT\n");
    // Which calls are refused shows in a program that makes one of them.
    let inputs = format!("file: {{class: File, path: '{reads}'}}\nunshare: {{class: File, path: /usr/bin/unshare}}\n");
    site.run_with(&telling_tool(), &inputs).failed(1, &["exit code 9"]);
    // What ran it counts, and not what the site would choose now.
    site.write(
        "site/site.yaml",
        &std::fs::read_to_string(site.site().join("site.yaml")).unwrap().replace(
            &format!("containers: {executor}"),
            if executor == "docker" { "containers: sandbox" } else { "containers: docker" },
        ),
    );
    let failed = Failed::newest(&site);
    let ran = failed.repeat(&site, "");
    ran.failed(9, &[]);
    let printed = failed.printed();
    assert!(printed.contains("can write") && printed.contains("unshare failed"), "{printed}");
    // Of a long log only the end is told.
    let lines: Vec<_> = ran.out.lines().collect();
    let end = lines[lines.len() - printed.lines().count()..].join("\n");
    assert_eq!(end, printed.trim_end(), "{}\n{}", failed.commands, ran.err);
    assert!(ran.out.starts_with("ACGT\na text\n") && ran.out.contains("WORD=a 'quoted' word\n"), "{}", ran.out);
    assert!(!std::path::Path::new(failed.folder()).exists());
    failed
}

#[test]
fn a_command_in_the_sandbox() {
    provide_sandbox_image();
    let failed = fails_in_the_same_way("sandbox");
    assert!(failed.commands.contains("bwrap ") && !failed.commands.contains("docker run"), "{}", failed.commands);
}

#[test]
fn a_command_in_a_container_of_docker() {
    sluis_containers::ensure("genomics").unwrap();
    let failed = fails_in_the_same_way("docker");
    assert!(
        failed.commands.contains("docker run ") && failed.commands.contains("--pids-limit 4096"),
        "{}",
        failed.commands
    );
}

#[test]
fn the_limits_of_the_sandbox() {
    provide_sandbox_image();
    let image = sluis_containers::reference("genomics").unwrap();
    let site = TestSite::new();
    site.set("containers: sandbox\nretries: {budget: 0}\n");
    let tool = format!(
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [sh, -c]\n\
         arguments: ['head -c 600000000 /dev/zero | tail -c 500000000 > /dev/null']\ninputs: []\noutputs: []\nrequirements:\n  \
         DockerRequirement: {{dockerPull: '{}', dockerImageId: '{}'}}\n  \
         ResourceRequirement: {{ramMin: 32, tmpdirMin: 1, outdirMin: 1}}\n",
        image.name,
        image.id.unwrap()
    );
    site.run_text(&tool).failed(1, &["ran out of memory"]);
    let failed = Failed::newest(&site);
    let ran = failed.repeat(&site, "");
    let is_unlimited = failed.commands.contains("# nothing here limits its memory");
    assert_eq!(ran.code, Some(if is_unlimited { 0 } else { 137 }), "{}\n{}", failed.commands, ran.err);
}
