//! The site's own key: passphrase, rotation, recovery.

mod kms;
mod token;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use sluis_access::Site;
use sluis_model::Labels;

use crate::{
    servers,
    test_site::{Ran, TestSite},
};

/// A file that only its owner can read.
fn private(site: &TestSite, name: &str, text: &str) -> String {
    let path = site.write(name, text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[track_caller]
fn done(ran: &Ran) -> &str {
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    ran.out.trim()
}

/// Takes a file in and gives its address.
fn put(site: &TestSite, text: &str) -> String {
    let put = site.run(["--json", "put", &site.write("data", text)]).json();
    put[0]["address"].as_str().unwrap().to_owned()
}

fn key_file(site: &TestSite, name: &str) -> PathBuf {
    site.site().join("keys").join(name)
}

#[test]
fn the_passphrase_comes_from_a_file_that_others_cannot_read() {
    let site = TestSite::new();
    let plain = fs::read_to_string(key_file(&site, "site.sec")).unwrap();
    let (first, second) = (private(&site, "first", "one two\n"), private(&site, "second", "three\r\n"));
    assert_eq!(site.run(["--json", "key", "status"]).json()["protection"], "none");
    done(&site.run(["key", "passphrase", "--new-passphrase-file", &first]));
    assert!(!fs::read_to_string(key_file(&site, "site.sec")).unwrap().contains(plain.lines().nth(1).unwrap()));

    site.run(["ls"]).failed(2, &["site.sec is protected", "no terminal to ask", "--passphrase-file"]);
    site.run(["ls", "--passphrase-file", &second]).failed(6, &["site.sec", "passphrase is wrong"]);
    done(&site.run(["ls", "--passphrase-file", &first]));
    let by_variable = |path: &str| Ran::of(&site.command(["ls"]).env("SLUIS_PASSPHRASE_FILE", path).output().unwrap());
    done(&by_variable(&first));
    assert_eq!(site.run(["--json", "key", "status", "--passphrase-file", &first]).json()["protection"], "passphrase");

    done(&site.run(["key", "passphrase", "--passphrase-file", &first, "--new-passphrase-file", &second]));
    by_variable(&first).failed(6, &["passphrase is wrong"]);
    done(&by_variable(&second));
    fs::set_permissions(&second, fs::Permissions::from_mode(0o640)).unwrap();
    by_variable(&second).failed(2, &["second", "chmod 600"]);
    fs::set_permissions(&second, fs::Permissions::from_mode(0o600)).unwrap();
    for (name, text, says) in [("none", "\n", "is empty"), ("two", "a\nb\n", "more than one line")] {
        by_variable(&private(&site, name, text)).failed(2, &[name, says]);
    }
    by_variable(&private(&site, "long", &"x".repeat(5000))).failed(2, &["4096 bytes"]);
    by_variable(&site.path("nowhere").display().to_string()).failed(2, &["nowhere cannot be read"]);
    done(&site.run(["key", "passphrase", "--remove", "--passphrase-file", &second]));
    assert_eq!(fs::read_to_string(key_file(&site, "site.sec")).unwrap(), plain);
    done(&site.run(["ls"]));
}

/// A pipe can be read only once, and a rotation opens the site twice.
#[test]
fn a_rotation_takes_the_passphrase_of_a_descriptor() {
    let site = TestSite::new();
    let address = put(&site, "text");
    let file = private(&site, "passphrase", "one two\n");
    done(&site.run(["key", "passphrase", "--new-passphrase-file", &file]));
    let script = r#""$0" key rotate --passphrase-file /dev/fd/3 3< <(cat "$1")"#;
    let mut shell = Command::new("bash");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_sluis"), &file]).env("SLUIS_SITE", site.site()).stdin(Stdio::null());
    let ran = Ran::of(&shell.output().unwrap());
    let key = done(&ran).to_owned();
    let status = site.run(["--json", "key", "status", "--passphrase-file", &file]).json();
    assert_eq!((&status["publicKey"], &status["protection"]), (&key.into(), &"passphrase".into()));
    done(&site.run(["show", &address, "--passphrase-file", &file]));
}

#[test]
fn a_rotation_gives_another_key_and_the_same_data() {
    let site = TestSite::new();
    let address = put(&site, "text");
    let body = fs::read(site.body(&address)).unwrap();
    let before = site.run(["--json", "key", "status"]).json();
    let rotated = site.run(["--json", "key", "rotate"]).json();
    assert_eq!((&rotated["finished"], &rotated["packetsRemoved"]), (&true.into(), &1.into()));
    let after = site.run(["--json", "key", "status"]).json();
    assert_ne!(before["publicKey"], after["publicKey"]);
    assert_eq!((&after["publicKey"], &after["rotation"]), (&rotated["publicKey"], &serde_json::Value::Null));
    assert_eq!(fs::read(site.body(&address)).unwrap(), body);
    let out = site.path("out");
    done(&site.run(["export", &address, "--to", &out.display().to_string()]));
    assert_eq!(fs::read_to_string(out).unwrap(), "text");
    assert_eq!(put(&site, "text"), address);
    let shown = site.run(["key", "status"]);
    assert!(done(&shown).contains("protection  none") && shown.out.contains("none under way"), "{}", shown.out);
}

#[test]
fn the_packets_of_a_bucket_are_made_for_the_new_key() {
    let (site, server) = (TestSite::new(), servers::amazon("eu-central-1"));
    fs::remove_dir_all(site.site()).unwrap();
    let endpoint = format!("http://{}", server.address);
    let bucket = ["--store", "s3://a-bucket/sluis", "--region", "eu-central-1", "--endpoint", &endpoint];
    done(&site.run(["init", "--country", "NL", "--allow-unencrypted-swap"].into_iter().chain(bucket)));
    let addresses = [put(&site, "one"), put(&site, "two")];
    let rotated = site.run(["--json", "key", "rotate"]).json();
    assert_eq!((&rotated["finished"], &rotated["packetsRemoved"]), (&true.into(), &2.into()));
    assert_eq!(site.run(["--json", "key", "rotate"]).json()["packetsRemoved"], 2, "none is left of the first key");
    for address in addresses {
        done(&site.run(["show", &address]));
    }
}

/// An engine that runs keeps the old key until it ends, and what it makes is not lost.
#[test]
fn an_engine_that_runs_keeps_its_key() {
    let site = TestSite::new();
    let address = put(&site, "before");
    let engine = Site::open(&site.site()).unwrap();
    site.run(["key", "rotate"]).failed(6, &["still use the old one", "run `sluis key rotate` again"]);
    assert_eq!(site.run(["--json", "key", "status"]).json()["rotation"]["inUse"], true);
    let permit = engine.permit_put(&"personal".parse().unwrap(), &Labels::of_dataset("personal".parse().unwrap()));
    let made = engine.seal(&permit.unwrap(), &b"meanwhile"[..]).unwrap().address.to_string();
    done(&site.run(["show", &made]));
    drop(engine);
    let rotated = site.run(["--json", "key", "rotate", "--wait"]).json();
    assert_eq!((&rotated["packetsAdded"], &rotated["packetsRemoved"]), (&1.into(), &2.into()));
    for address in [address, made] {
        done(&site.run(["show", &address]));
    }
}

/// A key pair of somebody.
fn keygen(site: &TestSite, name: &str) -> (String, String) {
    let at = |end: &str| site.path(&format!("{name}.{end}")).display().to_string();
    let (sk, pk) = (at("sec"), at("pub"));
    done(&site.run(["crypt", "keygen", "--no-passphrase", "--sk", &sk, "--pk", &pk]));
    (sk, pk)
}

/// The shares of a new set, each decrypted by its holder.
fn shares(site: &TestSite, name: &str, keys: &[(String, String)]) -> Vec<String> {
    let folder = site.path(name);
    fs::create_dir(&folder).unwrap();
    let mut arguments = vec!["key", "recovery", "--json", "--outdir", folder.to_str().unwrap()];
    keys.iter().for_each(|(_, public)| arguments.extend(["--to", public]));
    let made = site.run(arguments).json();
    let files = made["shares"].as_array().unwrap().iter().map(|share| share["file"].as_str().unwrap().to_owned());
    let open = |(sealed, (secret, _)): (String, &(String, String))| {
        let out = format!("{sealed}.share");
        done(&site.run(["crypt", "decrypt", "--key", secret, &sealed, "-o", &out]));
        out
    };
    files.zip(keys).map(open).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn two_people_restore_the_key_that_was_lost() {
    let site = TestSite::new();
    let address = put(&site, "text");
    let keys: Vec<_> = ["anna", "bram", "carla"].iter().map(|name| keygen(&site, name)).collect();
    let (set, later) = (shares(&site, "set", &keys), shares(&site, "later", &keys));
    let secret = key_file(&site, "site.sec");
    fs::rename(&secret, site.path("lost")).unwrap();
    site.run(["ls"]).failed(6, &["site.sec cannot be read"]);
    let out = site.path("site.sec").display().to_string();
    let recover = |shares: &[&str]| {
        let mut arguments = vec!["key", "recover", "--out", &out];
        shares.iter().for_each(|share| arguments.extend(["--share", share]));
        site.run(arguments)
    };
    recover(&[&set[0]]).failed(3, &["takes 2 shares", "1 were given"]);
    recover(&[&set[0], &later[1]]).failed(3, &["not made together"]);
    recover(&[&set[0], &keys[0].1]).failed(3, &["number 2", "no recovery share"]);
    assert!(!Path::new(&out).exists());
    let log = || fs::read_to_string(site.site().join("audit/log.jsonl")).unwrap();
    assert!(!log().contains("recovered-key"));
    done(&recover(&[&set[2], &set[0]]));
    let noted: Vec<_> = log().lines().filter(|line| line.contains("recovered-key")).map(str::to_owned).collect();
    assert!(noted.len() == 1 && noted[0].contains("restored by the shares 3, 1"), "{noted:?}");
    assert_eq!((fs::read(&out).unwrap(), mode(Path::new(&out))), (fs::read(site.path("lost")).unwrap(), 0o600));
    recover(&[&set[2], &set[0]]).failed(6, &["is there already"]);
    fs::rename(&out, &secret).unwrap();
    done(&site.run(["show", &address]));
    done(&site.run(["audit", "verify"]));
    let other = TestSite::new();
    let foreign = other.site().join("keys/audit.pub").display().to_string();
    let arguments = ["key", "recover", "--out", &out, "--audit-key", &foreign, "--share", &set[0], "--share", &set[1]];
    site.run(arguments).failed(3, &["were not made by the site"]);
    // Elsewhere than at the site it is in no log, and that is said.
    let own = site.site().join("keys/audit.pub").display().to_string();
    let arguments = ["key", "recover", "--out", &out, "--audit-key", &own, "--share", &set[0], "--share", &set[1]];
    assert!(other.run(arguments).err.contains("warning: this is in no audit log"));
    site.run(["key", "recovery", "--to", &keys[0].1]).failed(2, &["2 of 1 shares cannot be made"]);
}
