//! What a run shows on a terminal.

use std::{
    fs,
    io::Read,
    process::{Command, Stdio},
};

use crate::test_site::TestSite;

/// Holds 64 MiB until there is a file beside it.
fn holding(site: &TestSite) -> String {
    let go = site.path("go").display().to_string();
    format!(
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [sh, -c, 'held=`head -c 67108864 /dev/zero | tr \"\\0\" a`; \
         while [ ! -e {go} ]; do sleep 0.05; done; echo $held | wc -c']\ninputs: []\noutputs: {{out: stdout}}\n\
         stdout: out\n"
    )
}

/// The first number of mebibytes of 256 that a text tells of.
fn mebibytes(shown: &str) -> Option<u64> {
    let (before, _) = shown.split_once(" MiB of 256 MiB")?;
    before.rsplit(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

#[test]
fn a_terminal_shows_what_memory_a_running_task_holds() {
    let site = TestSite::new();
    let path = site.write("workflow.cwl", &holding(&site));
    let command = site.command(["run", &path]);
    let variables = command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    // `script` gives the command a terminal and passes on what appears there.
    let line = format!("stty cols 120 rows 40; exec {} run {path}", env!("CARGO_BIN_EXE_sluis"));
    let mut terminal = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .envs(variables)
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = terminal.stdout.take().unwrap();
    let (mut shown, mut buffer, mut held) = (String::new(), [0; 4096], 0);
    // It is drawn ten times a second.
    for drawn in 0.. {
        let count = output.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        shown.push_str(&String::from_utf8_lossy(&buffer[..count]));
        // At first its shell may be all that it holds.
        for line in shown.lines() {
            held = held.max(mebibytes(line).unwrap_or(0));
        }
        if held >= 64 || drawn > 1000 {
            fs::write(site.path("go"), "").unwrap();
        }
    }
    assert!((64..=256).contains(&held), "{held}: {shown}");
    assert!(terminal.wait().unwrap().success(), "{shown}");
}
