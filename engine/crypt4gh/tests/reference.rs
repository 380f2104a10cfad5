//! Files go both ways between sluis and the reference implementation, the Python package `crypt4gh`.
//!
//! The test makes a virtual environment in the target folder by itself, once; it needs `python3` with `venv`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use sluis_crypt4gh::{SEGMENT, SecretKey, key_file, open, seal};

/// The version of the reference package.
const REFERENCE: &str = "crypt4gh==1.8.6";

/// The folder of a virtual environment that holds the reference package.
fn environment() -> &'static Path {
    static ENVIRONMENT: OnceLock<PathBuf> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(REFERENCE);
        let lock = fs::File::create(folder.with_extension("lock")).unwrap();
        lock.lock().unwrap();
        if !folder.join("complete").exists() {
            let _ = fs::remove_dir_all(&folder);
            run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
            run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", REFERENCE]));
            fs::write(folder.join("complete"), "").unwrap();
        }
        folder
    })
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
}

/// Runs `crypt4gh ARGUMENTS <FROM >TO`.
fn reference(arguments: &[&str], from: &Path, to: &Path) {
    let mut command = Command::new(environment().join("bin/crypt4gh"));
    command.args(arguments).stdin(fs::File::open(from).unwrap()).stdout(fs::File::create(to).unwrap());
    run(&mut command);
}

#[test]
fn what_sluis_seals_the_reference_opens_and_the_other_way_round() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let key = SecretKey::generate().unwrap();
    fs::write(at("sluis.sec"), &*key_file::write_secret_key(&key)).unwrap();
    fs::write(at("sluis.pub"), key_file::write_public_key(&key.public_key())).unwrap();
    let (secret, public) = (at("sluis.sec"), at("sluis.pub"));
    for length in [0, 1, SEGMENT, 3 * SEGMENT, 2 * SEGMENT + 4711] {
        let text: Vec<u8> = (0..length).map(|i| (i % 253) as u8).collect();
        fs::write(at("plain"), &text).unwrap();

        let sealed = fs::File::create(at("by-sluis")).unwrap();
        seal(&text[..], sealed, &[key.public_key()]).unwrap();
        reference(&["decrypt", "--sk", secret.to_str().unwrap()], &at("by-sluis"), &at("out"));
        assert!(fs::read(at("out")).unwrap() == text, "the reference opens {length} bytes that sluis sealed");

        reference(&["encrypt", "--recipient_pk", public.to_str().unwrap()], &at("plain"), &at("by-reference"));
        let mut out = Vec::new();
        open(fs::File::open(at("by-reference")).unwrap(), &mut out, &key).unwrap();
        assert!(out == text, "sluis opens {length} bytes that the reference sealed");
    }
}

#[test]
fn keys_that_the_reference_made_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let (secret, public) = (folder.path().join("key.sec"), folder.path().join("key.pub"));
    run(Command::new(environment().join("bin/crypt4gh-keygen"))
        .args(["--nocrypt", "--sk"])
        .arg(&secret)
        .arg("--pk")
        .arg(&public));
    let key = key_file::read_secret_key(&fs::read_to_string(&secret).unwrap()).unwrap();
    let expected = key_file::read_public_key(&fs::read_to_string(&public).unwrap()).unwrap();
    assert_eq!(key.public_key(), expected);
}
