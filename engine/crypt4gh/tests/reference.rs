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

use sluis_crypt4gh::{SEGMENT, SecretKey, key_file, open, rearrange, seal};

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

#[test]
fn parts_that_the_reference_or_sluis_took_are_read_by_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let key = SecretKey::generate().unwrap();
    fs::write(at("key.sec"), &*key_file::write_secret_key(&key)).unwrap();
    let secret = at("key.sec");
    let text: Vec<u8> = (0..4 * SEGMENT + 99).map(|i| (i % 253) as u8).collect();
    let mut sealed = Vec::new();
    seal(&text[..], &mut sealed, &[key.public_key()]).unwrap();
    fs::write(at("sealed"), &sealed).unwrap();
    for (start, end) in [(10, 20), (SEGMENT - 5, SEGMENT + 5), (2 * SEGMENT, 3 * SEGMENT), (3, 4 * SEGMENT + 50)] {
        let range = format!("{start}-{end}");
        reference(&["rearrange", "--sk", secret.to_str().unwrap(), "--range", &range], &at("sealed"), &at("part"));
        reference(&["decrypt", "--sk", secret.to_str().unwrap()], &at("part"), &at("out"));
        let (mut found, expected) = (Vec::new(), fs::read(at("out")).unwrap());
        open(fs::File::open(at("part")).unwrap(), &mut found, &key).unwrap();
        // The reference takes one byte less than its range says.
        assert!(found == expected && found == text[start..end - 1], "{range}: {} of {}", found.len(), expected.len());

        let mut part = Vec::new();
        rearrange(&sealed[..], &mut part, &key, std::slice::from_ref(&(start as u64..end as u64))).unwrap();
        fs::write(at("part"), part).unwrap();
        reference(&["decrypt", "--sk", secret.to_str().unwrap()], &at("part"), &at("out"));
        assert!(fs::read(at("out")).unwrap() == text[start..end], "the reference reads {range} of sluis");
    }
}

/// Writes a key file with the reference's own code, which has a command for scrypt alone.
const LOCK: &str = "
import sys, os
from base64 import b64encode
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from crypt4gh.keys.c4gh import encode_string, MAGIC_WORD
from crypt4gh.keys.kdf import derive_key, get_kdf
name, secret = sys.argv[1].encode(), bytes.fromhex(sys.argv[2])
size, rounds = get_kdf(name)
salt, nonce = os.urandom(size), os.urandom(12)
key = ChaCha20Poly1305(derive_key(name, b'secret words', salt, rounds)).encrypt(nonce, secret, None)
parts = [name, rounds.to_bytes(4, 'big') + salt, b'chacha20_poly1305', nonce + key, b'a comment']
text = b64encode(MAGIC_WORD + b''.join(encode_string(part) for part in parts)).decode()
print('-----BEGIN CRYPT4GH PRIVATE KEY-----', text, '-----END CRYPT4GH PRIVATE KEY-----', sep='\\n')
";

#[test]
fn keys_with_passphrases_go_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let secret = [7; 32];
    let expected = SecretKey::from_bytes(&zeroize::Zeroizing::new(secret)).unwrap().public_key();
    for derivation in ["scrypt", "bcrypt", "pbkdf2_hmac_sha256"] {
        let hexadecimal: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let made = Command::new(environment().join("bin/python"))
            .args(["-c", LOCK, derivation, &hexadecimal])
            .output()
            .unwrap();
        let text = String::from_utf8(made.stdout).unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let key = key_file::unlock_secret_key(&text, "secret words").unwrap();
        assert_eq!(key.public_key(), expected, "{derivation}");
        assert!(key_file::unlock_secret_key(&text, "other words").is_err());
        assert!(key_file::read_secret_key(&text).unwrap_err().to_string().contains(derivation));
    }
    let key = SecretKey::generate().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("locked.sec"), &*key_file::lock_secret_key(&key, "secret words").unwrap()).unwrap();
    let mut sealed = Vec::new();
    seal(&b"text"[..], &mut sealed, &[key.public_key()]).unwrap();
    fs::write(at("sealed"), sealed).unwrap();
    let mut command = Command::new(environment().join("bin/crypt4gh"));
    command.args(["decrypt", "--sk"]).arg(at("locked.sec")).env("C4GH_PASSPHRASE", "secret words");
    command.stdin(fs::File::open(at("sealed")).unwrap()).stdout(fs::File::create(at("out")).unwrap());
    run(&mut command);
    assert_eq!(fs::read(at("out")).unwrap(), b"text");
}

/// Writes an OpenSSH key pair, the secret one plain and with a passphrase, as `ssh-keygen -t ed25519` does.
const OPENSSH: &str = "
import sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import *
folder, key = sys.argv[1], Ed25519PrivateKey.generate()
def write(name, text): open(folder + '/' + name, 'wb').write(text)
def secret(encryption): return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, encryption)
write('plain', secret(NoEncryption()))
write('locked', secret(BestAvailableEncryption(b'secret words')))
write('key.pub', key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b' me@there\\n')
";

#[test]
fn openssh_keys_are_the_same_keys_to_the_reference_and_to_sluis() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    run(Command::new(environment().join("bin/python")).args(["-c", OPENSSH]).arg(folder.path()));
    let text = |name: &str| fs::read_to_string(at(name)).unwrap();
    let (plain, public) = (at("plain"), at("key.pub"));
    let key = key_file::read_secret_key(&text("plain")).unwrap();
    let recipient = key_file::read_public_key(&text("key.pub")).unwrap();
    assert_eq!(key.public_key(), recipient);
    assert_eq!(key_file::unlock_secret_key(&text("locked"), "secret words").unwrap().public_key(), recipient);
    let wrong = key_file::unlock_secret_key(&text("locked"), "other words").unwrap_err().to_string();
    assert!(wrong.contains("passphrase is wrong"), "{wrong}");
    let locked = key_file::read_secret_key(&text("locked")).unwrap_err().to_string();
    assert!(locked.contains("protected with a passphrase"), "{locked}");

    fs::write(at("text"), "what was said").unwrap();
    reference(&["encrypt", "--recipient_pk", public.to_str().unwrap()], &at("text"), &at("by-reference"));
    let mut out = Vec::new();
    open(fs::File::open(at("by-reference")).unwrap(), &mut out, &key).unwrap();
    assert_eq!(out, b"what was said");
    seal(&b"what was done"[..], fs::File::create(at("by-sluis")).unwrap(), &[recipient]).unwrap();
    reference(&["decrypt", "--sk", plain.to_str().unwrap()], &at("by-sluis"), &at("out"));
    assert_eq!(text("out"), "what was done");
}
