//! Standard input, output and error.

use std::fs;

use tokio_util::sync::CancellationToken;

use super::{Bench, Subject};
use crate::{ExecutorError, Outcome};

/// 64 MB.
const MUCH: usize = 64_000_000;

/// Without redirection both streams are appended to the log.
pub async fn streams_go_to_the_log(subject: &dyn Subject) {
    let bench = Bench::new(subject, "echo out; echo err >&2");
    fs::write(&bench.launch.log, "before\n").unwrap();
    assert_eq!(bench.run().await, Outcome::Exited(0));
    let log = bench.log();
    assert!(log.starts_with("before\n") && log.contains("out\n") && log.contains("err\n"), "{log}");
}

/// Each stream goes where it is redirected, and nothing of it to the log.
pub async fn streams_are_redirected(subject: &dyn Subject) {
    let mut bench = Bench::new(subject, "tr a-z A-Z; echo err >&2");
    bench.launch.command.stdin = Some(bench.input("text", b"read me"));
    bench.launch.command.stdout = Some("out.txt".to_owned());
    bench.launch.command.stderr = Some("deep/err.txt".to_owned());
    fs::write(bench.work("out.txt"), "an older and longer content").unwrap();
    assert_eq!(bench.run().await, Outcome::Exited(0));
    assert_eq!((bench.text("out.txt").as_str(), bench.text("deep/err.txt").as_str()), ("READ ME", "err\n"));
    assert_eq!(bench.log(), "");
}

/// Both streams in one file do not overwrite each other.
pub async fn both_streams_may_share_a_file(subject: &dyn Subject) {
    let mut bench = Bench::new(subject, "echo one; sleep 0.05; echo two >&2; sleep 0.05; echo three");
    bench.launch.command.stdout = Some("both".to_owned());
    bench.launch.command.stderr = Some("both".to_owned());
    assert_eq!(bench.run().await, Outcome::Exited(0));
    let mut lines: Vec<_> = bench.text("both").lines().map(str::to_owned).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["one", "three", "two"]);
}

/// Without redirection there is nothing to read.
pub async fn there_is_no_input_by_default(subject: &dyn Subject) {
    let bench = Bench::new(subject, "cat > got; wc -c < got");
    assert_eq!(bench.run().await, Outcome::Exited(0));
    assert_eq!(bench.log().trim(), "0");
}

/// A command need not read its input.
pub async fn standard_input_may_be_left_unread(subject: &dyn Subject) {
    let mut bench = Bench::new(subject, "head -c 4; echo");
    bench.launch.command.stdin = Some(bench.input("much", &vec![b'x'; MUCH]));
    assert_eq!(bench.run().await, Outcome::Exited(0));
    assert_eq!(bench.log(), "xxxx\n");
}

/// No byte of a large input or output is lost, or changed.
pub async fn much_output_arrives_whole(subject: &dyn Subject) {
    let mut bench = Bench::new(subject, "tee copy; echo >&2 done");
    let content: Vec<u8> =
        (0..MUCH as u64 / 8).flat_map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes()).collect();
    bench.launch.command.stdin = Some(bench.input("much", &content));
    bench.launch.command.stdout = Some("much.out".to_owned());
    assert_eq!(bench.run().await, Outcome::Exited(0));
    assert!(fs::read(bench.work("much.out")).unwrap() == content, "the output is the input");
    assert!(fs::read(bench.work("copy")).unwrap() == content, "the command read the input");
    assert_eq!(bench.log(), "done\n");
}

/// A redirection can neither name a place outside nor follow a link to one.
pub async fn redirections_cannot_leave_the_work_folder(subject: &dyn Subject) {
    for name in ["../escaped", "/tmp/escaped", "a/../../escaped", "link", ""] {
        let mut bench = Bench::new(subject, "echo text");
        std::os::unix::fs::symlink("../escaped", bench.work("link")).unwrap();
        bench.launch.command.stdout = Some(name.to_owned());
        let ended = bench.try_run(CancellationToken::new()).await;
        assert!(matches!(ended, Err(ExecutorError::File { .. })), "{name}: {ended:?}");
        assert!(!bench.folder().join("escaped").exists());
    }
    let mut bench = Bench::new(subject, "cat");
    bench.launch.command.stdin = Some("/etc/passwd".to_owned());
    assert!(bench.try_run(CancellationToken::new()).await.is_err());
}

/// An output file that takes no more is either told by name or felt by the command; never silently cut.
pub async fn unwritable_output_is_told(subject: &dyn Subject) {
    let mut bench = Bench::new(subject, "head -c 4000000 /dev/zero");
    bench.launch.log = "/dev/full".into();
    match bench.try_run(CancellationToken::new()).await {
        Err(ExecutorError::File { path, .. }) => assert_eq!(path.to_str(), Some("/dev/full")),
        ended => assert_eq!(ended.unwrap().outcome, Outcome::Exited(1)),
    }
}
