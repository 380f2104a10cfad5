//! What a command finds around it.

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt};

use tokio_util::sync::CancellationToken;

use super::{Bench, Subject};
use crate::Outcome;

/// Arguments are not touched by any shell.
pub async fn arguments_arrive_unchanged(subject: &dyn Subject) {
    let arguments = ["", " two  spaces ", "$HOME", "`id`", "*", "'\"\\", "naïve\n", "--", "-e"];
    let mut all = vec!["printf", "%s|"];
    all.extend(arguments);
    let bench = Bench::of_arguments(subject, &all);
    assert_eq!(bench.run().await, Outcome::Exited(0));
    assert_eq!(bench.log(), arguments.map(|argument| format!("{argument}|")).concat());
}

/// The environment holds what was given, and of the engine nothing but perhaps its path of programs.
pub async fn the_environment_is_as_given(subject: &dyn Subject) {
    let mut bench = Bench::of_arguments(subject, &["env", "-0"]);
    let plain = environment_of(&bench).await;
    let given = [("A", "1"), ("EMPTY", ""), ("SPACED", " a\nb=c "), ("HOSTNAME", "mine"), ("SLUIS_TEST", "C")];
    bench.launch.command.environment.extend(given.map(|(name, value)| (name.to_owned(), value.to_owned())));
    fs::remove_file(&bench.launch.log).unwrap();
    let mut full = environment_of(&bench).await;
    for (name, value) in given {
        assert_eq!(full.remove(name).as_deref(), Some(value));
    }
    assert_eq!(full, plain);
    assert!(plain.contains_key("HOME") && plain.contains_key("TMPDIR") && plain.contains_key("PATH"));
    for inherited in ["CARGO", "CARGO_MANIFEST_DIR", "USER", "HOSTNAME", "DOCKER_HOST"] {
        assert!(!plain.contains_key(inherited), "{inherited}");
    }
}

async fn environment_of(bench: &Bench) -> BTreeMap<String, String> {
    assert_eq!(bench.run().await, Outcome::Exited(0));
    let text = bench.log();
    let pairs = text.split_terminator('\0').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The command starts in its work folder, by whatever path, and what it makes there is found there.
pub async fn the_work_folder_is_current(subject: &dyn Subject) {
    let script = "test \"$PWD\" = \"$HOME\" && pwd > here && test -s /sluis/work/here && echo t > /sluis/tmp/t";
    let bench = Bench::new(subject, script);
    assert_eq!(bench.run().await, Outcome::Exited(0), "{}", bench.log());
    assert!(bench.text("here").trim().ends_with("work"));
    assert!(bench.launch.folders.temporary.join("t").exists());
}

/// What is staged for reading can be read, what is writable can be changed, and the engine can read what was made.
pub async fn folders_have_their_rights(subject: &dyn Subject) {
    let bench =
        Bench::new(subject, "cat /sluis/in/a > copy && echo more >> staged && mkdir -m 700 own && echo x > own/x");
    bench.input("a", b"input");
    fs::write(bench.work("staged"), "some\n").unwrap();
    assert_eq!(bench.run().await, Outcome::Exited(0), "{}", bench.log());
    assert_eq!((bench.text("copy").as_str(), bench.text("staged").as_str()), ("input", "some\nmore\n"));
    assert_eq!(bench.text("own/x"), "x\n");
    assert_eq!(fs::metadata(bench.launch.folders.inputs.join("a")).unwrap().uid(), rustix::process::geteuid().as_raw());
    drop(bench.try_run(CancellationToken::new()).await);
}
