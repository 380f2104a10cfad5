//! A token that speaks PKCS #11: SoftHSM, from Debian's packages, of which nothing is installed.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use super::{done, key_file, private, put};
use crate::test_site::{Ran, TestSite};

/// The folder that holds SoftHSM's library and tool below `usr`: the root if they are installed, else one below the target
/// folder, for which they are fetched once from the machine's mirror.
fn softhsm() -> PathBuf {
    if Path::new("/usr/lib/softhsm/libsofthsm2.so").exists() && Path::new("/usr/bin/softhsm2-util").exists() {
        return "/".into();
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = target.join("softhsm");
    let lock = File::create(target.join("softhsm.lock")).unwrap();
    lock.lock().unwrap();
    if folder.exists() {
        return folder;
    }
    let unpacked = tempfile::tempdir_in(target).unwrap();
    let run = |command: &mut Command| {
        let ran = Ran::of(&command.current_dir(&unpacked).output().unwrap());
        assert_eq!(ran.code, Some(0), "{command:?}: {}", ran.err);
    };
    // The machine may have no lists of packages yet, so they are fetched into a folder of their own.
    let state = tempfile::tempdir_in(target).unwrap();
    fs::create_dir_all(state.path().join("lists/partial")).unwrap();
    fs::create_dir_all(state.path().join("cache/archives/partial")).unwrap();
    let own = ["lists", "cache"].map(|name| state.path().join(name).display().to_string());
    let own = [format!("Dir::State::lists={}", own[0]), format!("Dir::Cache={}", own[1])];
    let apt = |arguments: &[&str]| {
        run(Command::new("apt-get").args(["-q", "-o", &own[0], "-o", &own[1]]).args(arguments));
    };
    apt(&["update"]);
    apt(&["download", "softhsm2", "libsofthsm2"]);
    for entry in fs::read_dir(&unpacked).unwrap().map(|entry| entry.unwrap().path()) {
        run(Command::new("dpkg-deb").arg("-x").arg(entry).arg("."));
    }
    fs::rename(unpacked.keep(), &folder).unwrap();
    folder
}

/// A site with a token of its own beside it.
struct Setup {
    site: TestSite,
    softhsm: PathBuf,
}

const PIN: &str = "123456";

impl Setup {
    fn new() -> Self {
        let setup = Self { site: TestSite::new(), softhsm: softhsm() };
        fs::create_dir(setup.site.path("tokens")).unwrap();
        let config = format!("directories.tokendir = {}\nlog.level = ERROR\n", setup.site.path("tokens").display());
        setup.site.write("softhsm2.conf", &config);
        setup.tool(&["--init-token", "--free", "--label", "site", "--so-pin", "987654", "--pin", PIN]);
        setup.name("site");
        setup
    }

    fn tool(&self, arguments: &[&str]) {
        let mut tool = Command::new(self.softhsm.join("usr/bin/softhsm2-util"));
        tool.args(arguments).arg("--module").arg(self.module()).env("SOFTHSM2_CONF", self.site.path("softhsm2.conf"));
        let ran = Ran::of(&tool.output().unwrap());
        assert_eq!(ran.code, Some(0), "{} {}", ran.out, ran.err);
    }

    fn module(&self) -> PathBuf {
        self.softhsm.join("usr/lib/softhsm/libsofthsm2.so")
    }

    /// Says which token is to be used.
    fn name(&self, token: &str) {
        let path = key_file(&self.site, "token.yaml");
        fs::write(path, format!("module: {}\ntoken: {token}\nkey: sluis\n", self.module().display())).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.site.command(arguments);
        Ran::of(&command.env("SOFTHSM2_CONF", self.site.path("softhsm2.conf")).output().unwrap())
    }
}

#[test]
fn a_token_opens_the_site_and_keeps_doing_so_through_a_rotation() {
    let setup = Setup::new();
    let site = &setup.site;
    let address = put(site, "text");
    let (pin, wrong) = (private(site, "pin", PIN), private(site, "wrong", "654321"));
    setup.run(&["key", "token", "--pin-file", &wrong]).failed(6, &["`site` refuses the PIN"]);
    let plain = fs::read_to_string(key_file(site, "site.sec")).unwrap();
    done(&setup.run(&["key", "token", "--pin-file", &pin]));
    let kept = fs::read_to_string(key_file(site, "site.sec")).unwrap();
    assert!(!kept.contains(plain.lines().nth(1).unwrap()) && !kept.contains(PIN));

    setup.run(&["show", &address]).failed(2, &["site.sec is protected", "no terminal"]);
    setup.run(&["show", &address, "--passphrase-file", &wrong]).failed(6, &["`site` refuses the PIN"]);
    done(&setup.run(&["show", &address, "--passphrase-file", &pin]));
    let status = || setup.run(&["--json", "key", "status", "--passphrase-file", &pin]).json();
    assert_eq!(status()["protection"], "token");
    let before = status()["publicKey"].clone();
    done(&setup.run(&["key", "rotate", "--passphrase-file", &pin]));
    assert_ne!(status()["publicKey"], before);
    assert_eq!(status()["protection"], "token");
    done(&setup.run(&["show", &address, "--passphrase-file", &pin]));

    // Another token does not open it, even one with a key of the same label.
    setup.tool(&["--init-token", "--free", "--label", "other", "--so-pin", "987654", "--pin", PIN]);
    setup.name("other");
    setup.run(&["ls", "--passphrase-file", &pin]).failed(6, &["0 AES keys with the label `sluis`"]);
    setup.name("none");
    setup.run(&["ls", "--passphrase-file", &pin]).failed(6, &["no slot has a token with the label `none`"]);
    setup.name("site");
    done(&setup.run(&["key", "passphrase", "--remove", "--passphrase-file", &pin]));
    done(&setup.run(&["show", &address]));
}

#[test]
fn what_was_changed_in_the_key_file_or_names_no_token_is_told() {
    let setup = Setup::new();
    let site = &setup.site;
    let pin = private(site, "pin", PIN);
    done(&setup.run(&["key", "token", "--pin-file", &pin]));
    let path = key_file(site, "site.sec");
    let kept = fs::read_to_string(&path).unwrap();
    let line = kept.lines().next().unwrap();
    let last = line.chars().last().unwrap();
    let flipped = format!("{}{}", &line[..line.len() - 1], if last == '0' { '1' } else { '0' });
    let open = || setup.run(&["ls", "--passphrase-file", &pin]);
    for (changed, says) in [
        (flipped.as_str(), "the token did not decrypt the site's key"),
        ("wrapped-key: 00", "does not say what the token is to decrypt"),
        ("wrapped-key: x", "does not say what the token is to decrypt"),
    ] {
        fs::write(&path, kept.replace(line, changed)).unwrap();
        open().failed(6, &[says]);
    }
    fs::write(&path, &kept).unwrap();
    done(&open());
    let config = key_file(site, "token.yaml");
    let text = fs::read_to_string(&config).unwrap();
    for (changed, says) in [
        (text.replace("module: /", "module: "), "`module` is a path from the root"),
        (text.replace("token: site\n", ""), "token"),
        (format!("{text}pin: 1\n"), "pin"),
        (text.replace("libsofthsm2.so", "nothing.so"), "nothing.so cannot be read"),
    ] {
        fs::write(&config, changed).unwrap();
        open().failed(6, &[says]);
    }
    fs::remove_file(&config).unwrap();
    open().failed(6, &["token.yaml"]);
}
