//! Crypt4GH files outside of any site.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    process::{Child, ChildStdin, Stdio},
};

use crate::test_site::{Ran, TestSite};

/// A key pair of that name.
fn keygen(site: &TestSite, name: &str) -> (String, String) {
    let at = |end: &str| site.path(&format!("{name}.{end}")).display().to_string();
    let (sk, pk) = (at("sec"), at("pub"));
    assert_eq!(site.run(["crypt", "keygen", "--no-passphrase", "--sk", &sk, "--pk", &pk]).code, Some(0));
    (sk, pk)
}

fn text() -> String {
    (0..40_000).map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_file_goes_to_a_recipient_on_to_another_and_in_parts() {
    let site = TestSite::new();
    let ((own, own_public), (other, other_public)) = (keygen(&site, "own"), keygen(&site, "other"));
    let at = |name: &str| site.path(name).display().to_string();
    let plain = site.write("plain", &text());
    let (sealed, again, part, out) = (at("sealed"), at("again"), at("part"), at("out"));
    let done = |arguments: &[&str]| {
        let ran = site.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.err);
        ran
    };
    done(&["crypt", "encrypt", "--recipient", &own_public, &plain, "-o", &sealed]);
    done(&["crypt", "decrypt", "--key", &own, &sealed, "-o", &out]);
    assert_eq!(fs::read_to_string(&out).unwrap(), text());
    assert_eq!(
        done(&["crypt", "decrypt", "--key", &own, "--range", "100000-100020", &sealed]).out,
        text()[100_000..100_020]
    );
    done(&["crypt", "reencrypt", "--key", &own, "--to", &other_public, &sealed, "-o", &again]);
    assert_eq!(done(&["crypt", "decrypt", "--key", &other, &again]).out, text());
    site.run(["crypt", "decrypt", "--key", &own, &again]).failed(3, &["no header packet is for this key"]);
    done(&["crypt", "rearrange", "--key", &own, "--range", "5-10", "--range", "220000-", &sealed, "-o", &part]);
    assert_eq!(
        done(&["crypt", "decrypt", "--key", &own, &part]).out,
        format!("{}{}", &text()[5..10], &text()[220_000..])
    );
    let facts = done(&["crypt", "inspect", "--json", "--key", &own, &sealed]).json();
    assert_eq!((&facts["packets"], &facts["plaintextBytes"]), (&1.into(), &text().len().into()));
}

#[test]
fn a_header_can_stand_apart_from_its_body() {
    let site = TestSite::new();
    let ((own, own_public), (other, other_public)) = (keygen(&site, "own"), keygen(&site, "other"));
    let at = |name: &str| site.path(name).display().to_string();
    let (plain, header, body, theirs) = (site.write("plain", &text()), at("header"), at("body"), at("theirs"));
    let done = |arguments: &[&str]| {
        let ran = site.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.err);
        ran.out
    };
    done(&["crypt", "encrypt", "--recipient", &own_public, "--header", &header, &plain, "-o", &body]);
    assert_eq!(fs::metadata(&body).unwrap().len(), text().len() as u64 + 4 * 28, "the body alone");
    assert_eq!(done(&["crypt", "decrypt", "--key", &own, "--header", &header, &body]), text());
    let part = done(&["crypt", "decrypt", "--key", &own, "--header", &header, "--range", "70000-70009", &body]);
    assert_eq!(part, text()[70_000..70_009]);
    done(&["crypt", "reencrypt", "--key", &own, "--to", &other_public, &header, "-o", &theirs]);
    assert_eq!(done(&["crypt", "decrypt", "--key", &other, "--header", &theirs, &body]), text());
    let whole = [fs::read(&header).unwrap(), fs::read(&body).unwrap()].concat();
    fs::write(at("whole"), whole).unwrap();
    assert_eq!(done(&["crypt", "decrypt", "--key", &own, &at("whole")]), text());
    site.run(["crypt", "decrypt", "--key", &own, "--header", &plain, &body]).failed(3, &["not a Crypt4GH file"]);
}

#[test]
fn what_cannot_be_opened_or_written_leaves_nothing_behind() {
    let site = TestSite::new();
    let (own, public) = keygen(&site, "own");
    let at = |name: &str| site.path(name).display().to_string();
    let (plain, sealed, out) = (site.write("plain", &text()), at("sealed"), at("out"));
    assert_eq!(site.run(["crypt", "encrypt", "--recipient", &public, &plain, "-o", &sealed]).code, Some(0));
    site.run(["crypt", "encrypt", "--recipient", &public, &plain, "-o", &sealed]).failed(6, &["is there already"]);
    let mut bytes = fs::read(&sealed).unwrap();
    bytes[150_000] ^= 1;
    fs::write(&sealed, bytes).unwrap();
    site.run(["crypt", "decrypt", "--key", &own, &sealed, "-o", &out]).failed(5, &["segment 2 is damaged"]);
    assert!(!site.path("out").exists());
    assert_eq!(
        fs::read_dir(site.path("."))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".tmp"))
            .count(),
        0
    );
    site.run(["crypt", "decrypt", "--key", &public, &sealed]).failed(3, &["own.pub", "CRYPT4GH PRIVATE KEY"]);
    site.run(["crypt", "decrypt", "--key", &own, "--range", "9-3", &sealed]).failed(2, &["ends before it begins"]);
    site.run(["crypt", "decrypt", "--key", &own, &plain]).failed(3, &["not a Crypt4GH file"]);
    site.run(["crypt", "keygen", "--sk", &at("a.sec"), "--pk", &at("a.pub")]).failed(2, &["no terminal to ask"]);
}

#[test]
fn pipes_serve_as_both_ends() {
    let site = TestSite::new();
    let (own, public) = keygen(&site, "own");
    let is_broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    let piped = |arguments: &[&str], input: &[u8]| {
        let mut child = site.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().unwrap();
        let written = writer.join().unwrap();
        // Who wants a range reads no further than that.
        let is_read_in_part = arguments.contains(&"--range") && written.as_ref().is_err_and(is_broken);
        assert!(written.is_ok() || is_read_in_part, "{written:?}");
        assert_eq!(output.status.code(), Some(0), "{}", Ran::of(&output).err);
        output.stdout
    };
    let sealed = piped(&["crypt", "encrypt", "--recipient", &public], text().as_bytes());
    assert!(piped(&["crypt", "decrypt", "--key", &own], &sealed) == text().as_bytes());
    let file = site.path("sealed").display().to_string();
    fs::write(&file, &sealed).unwrap();
    let part = piped(&["crypt", "rearrange", "--key", &own, "--range", "9-70000", "--range", "80000-"], &sealed);
    let shown = [&text().as_bytes()[9..70_000], &text().as_bytes()[80_000..]].concat();
    for (range, start, end) in [("0-10", 0, 10), ("65530-131080", 65_530, 131_080), ("200000-", 200_000, usize::MAX)] {
        let of = |text: &[u8]| text[start.min(text.len())..end.min(text.len())].to_vec();
        let found = piped(&["crypt", "decrypt", "--key", &own, "--range", range], &sealed);
        assert!(found == of(text().as_bytes()), "{range} of a pipe");
        assert_eq!(site.run(["crypt", "decrypt", "--key", &own, "--range", range, &file]).out.as_bytes(), found);
        let found = piped(&["crypt", "decrypt", "--key", &own, "--range", range], &part);
        assert!(found == of(&shown), "{range} of what an edit list shows, of a pipe");
    }
    let beyond = piped(&["crypt", "decrypt", "--key", &own, "--range", "900000000-900000009"], &sealed);
    assert!(beyond.is_empty());
}

/// The names in the site's folder that were not there before.
fn new_names(site: &TestSite, before: &BTreeSet<String>) -> Vec<String> {
    names(site).difference(before).cloned().collect()
}

fn names(site: &TestSite) -> BTreeSet<String> {
    let entries = fs::read_dir(site.path(".")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// The command with files that are limited to so many blocks of 512 bytes.
fn limited(site: &TestSite, blocks: u32, arguments: &[&str]) -> Ran {
    let command = site.command(arguments);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""), "sh"]).arg(command.get_program());
    shell.args(arguments).stdin(Stdio::null());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Ran::of(&shell.output().unwrap())
}

#[test]
fn a_key_pair_stands_there_whole_or_not_at_all() {
    let site = TestSite::new();
    let at = |name: &str| site.path(name).display().to_string();
    let before = names(&site);
    let pair = |sk: &str, pk: &str| {
        ["crypt", "keygen", "--no-passphrase", "--sk", &at(sk), "--pk", &at(pk)].map(str::to_owned)
    };
    let limited = |arguments: [String; 7]| limited(&site, 0, &arguments.each_ref().map(String::as_str));
    site.run(pair("a.sec", "no-folder/a.pub")).failed(6, &["no-folder/a.pub"]);
    limited(pair("a.sec", "a.pub")).failed(6, &["a.sec", "too large"]);
    site.run(pair("same", "same")).failed(6, &["same"]);
    assert_eq!(new_names(&site, &before), Vec::<String>::new());
    site.write("a.pub", "of somebody else");
    site.run(pair("a.sec", "a.pub")).failed(6, &["a.pub", "is there already"]);
    assert_eq!(new_names(&site, &before), ["a.pub"]);
    assert_eq!(fs::read_to_string(at("a.pub")).unwrap(), "of somebody else");
    let (sk, pk) = keygen(&site, "b");
    assert_eq!(fs::metadata(&sk).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(pk).unwrap().contains("PUBLIC KEY"));
}

/// A command that seals with its header apart and has read more than a pipe holds: its files are begun.
fn sealing_apart(site: &TestSite, public: &str) -> (Child, ChildStdin) {
    let at = |name: &str| site.path(name).display().to_string();
    let arguments = ["crypt", "encrypt", "--recipient", public, "--header", &at("header"), "-o", &at("body")];
    let mut child = site.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&vec![7; 4 << 20]).unwrap();
    (child, stdin)
}

#[test]
fn a_header_and_its_body_stand_there_both_or_neither() {
    let site = TestSite::new();
    let (_, public) = keygen(&site, "own");
    let plain = site.write("plain", &text());
    let before = names(&site);
    let at = |name: &str| site.path(name).display().to_string();
    let arguments = ["crypt", "encrypt", "--recipient", &public, "--header", &at("header"), &plain, "-o", &at("body")];
    // Room enough for the header.
    limited(&site, 2, &arguments).failed(6, &["too large"]);
    assert_eq!(new_names(&site, &before), Vec::<String>::new());
    let (child, stdin) = sealing_apart(&site, &public);
    site.write("body", "of somebody else");
    drop(stdin);
    Ran::of(&child.wait_with_output().unwrap()).failed(6, &["body"]);
    assert_eq!(new_names(&site, &before), ["body"]);
    assert_eq!(fs::read_to_string(at("body")).unwrap(), "of somebody else");
    fs::remove_file(at("body")).unwrap();
    let (mut child, _stdin) = sealing_apart(&site, &public);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(new_names(&site, &before), Vec::<String>::new(), "a killed process leaves nothing");
}

#[test]
fn a_key_with_a_passphrase_is_made_and_used_without_a_terminal() {
    let site = TestSite::new();
    let at = |name: &str| site.path(name).display().to_string();
    let plain = site.write("plain", &text());
    let (sk, pk, sealed) = (at("locked.sec"), at("locked.pub"), at("sealed"));
    let private = |name: &str, passphrase: &str| {
        let path = site.write(name, passphrase);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    };
    let (right, wrong) = (private("right", "six random words\n"), private("wrong", "seven random words\n"));
    let made = site.run(["crypt", "keygen", "--sk", &sk, "--pk", &pk, "--passphrase-file", &right]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    assert_eq!(site.run(["crypt", "encrypt", "--recipient", &pk, &plain, "-o", &sealed]).code, Some(0));
    let opened = site.run(["crypt", "decrypt", "--key", &sk, &sealed, "--passphrase-file", &right]);
    assert_eq!((opened.code, opened.out), (Some(0), text()), "{}", opened.err);
    site.run(["crypt", "decrypt", "--key", &sk, &sealed, "--passphrase-file", &wrong]).failed(3, &["passphrase"]);
    site.run(["crypt", "decrypt", "--key", &sk, &sealed]).failed(2, &["no terminal"]);
}
