//! The audit log, for the site's people and for outsiders.

use std::fs;

use serde_json::Value as Json;

use crate::test_site::TestSite;

/// A site with a few records, and copies of what an outsider gets.
struct Audited {
    site: TestSite,
    log: String,
    key: String,
}

impl Audited {
    fn new() -> Self {
        let site = TestSite::new();
        let data = site.write("data.txt", "data\n");
        assert_eq!(site.run(["put", &data]).code, Some(0));
        site.run(["put", &data, "--dataset", "unknown"]).failed(4, &["unknown"]);
        let key = site.write("audit.pub", &fs::read_to_string(site.site().join("keys/audit.pub")).unwrap());
        let log = site.path("copy").display().to_string();
        let audited = Self { site, log, key };
        audited.copy();
        audited
    }

    /// Gives the outsider the log as it is now.
    fn copy(&self) {
        let _ = fs::remove_dir_all(&self.log);
        fs::create_dir(&self.log).unwrap();
        for file in ["log.jsonl", "checkpoint"] {
            fs::copy(self.site.site().join("audit").join(file), format!("{}/{file}", self.log)).unwrap();
        }
    }

    fn checkpoint(&self, name: &str) -> String {
        let note = self.site.run(["audit", "checkpoint"]);
        assert_eq!(note.code, Some(0), "{}", note.err);
        self.site.write(name, &note.out)
    }

    fn proof(&self, arguments: &[&str]) -> String {
        let proof = self.site.run([&["audit", "prove"], arguments].concat());
        assert_eq!(proof.code, Some(0), "{}", proof.err);
        self.site.write("proof.json", &proof.out)
    }

    /// As the outsider runs it, who has no site.
    fn outside(&self, arguments: &[&str]) -> crate::test_site::Ran {
        self.site.run([&["--site", "/nowhere", "audit"], arguments].concat())
    }
}

#[test]
fn an_outsider_verifies_a_copy_and_sees_any_change() {
    let audited = Audited::new();
    let verify = ["verify", "--log", &audited.log, "--public-key", &audited.key];
    let path = format!("{}/log.jsonl", audited.log);
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let verified = audited.outside(&verify);
    assert!(verified.out.contains(&format!("is whole: {} records", lines.len())), "{}{}", verified.out, verified.err);
    let verifier_key = audited.site.run(["audit", "checkpoint", "--key"]).out;
    let verifier_key = audited.site.write("audit.vkey", &verifier_key);
    let by_verifier_key = audited.outside(&["verify", "--json", "--log", &audited.log, "--public-key", &verifier_key]);
    assert_eq!(by_verifier_key.json()["signed"], lines.len());
    let told = |changed: String, what: &str| {
        fs::write(&path, changed).unwrap();
        audited.outside(&verify).failed(5, &[what]);
    };
    told(text.replacen("personal", "impostor", 1), "was changed");
    told([&lines[..2], &lines[3..]].concat().concat(), "records 2 to 2 of the audit log are missing");
    told(
        [&lines[..2], &[lines[3], lines[2]], &lines[4..]].concat().concat(),
        "record 2 of the audit log is not in its place",
    );
    told(lines[..4].concat(), "its end was cut off");
    let other = TestSite::new();
    let other_key = other.site().join("keys/audit.pub").display().to_string();
    fs::write(&path, text).unwrap();
    audited.outside(&["verify", "--log", &audited.log, "--public-key", &other_key]).failed(5, &["or the wrong key"]);
}

#[test]
fn a_kept_checkpoint_tells_what_was_rewritten_since() {
    let audited = Audited::new();
    let audit = audited.site.site().join("audit");
    let before: Vec<_> = ["log.jsonl", "checkpoint"].map(|name| (name, fs::read(audit.join(name)).unwrap())).into();
    let data = audited.site.write("hidden.txt", "hidden\n");
    audited.site.run(["put", &data]);
    let kept = audited.checkpoint("kept");
    audited.copy();
    let verify = ["verify", "--log", &audited.log, "--public-key", &audited.key, "--checkpoint", &kept];
    assert!(audited.outside(&verify).out.contains("are those of the checkpoint that was kept"));
    // The site's owner puts an earlier state back and goes on from there: all is signed.
    before.iter().for_each(|(name, content)| fs::write(audit.join(name), content).unwrap());
    audited.copy();
    audited.outside(&verify).failed(5, &["its end was cut off after the site had signed it"]);
    for number in 0..3 {
        let data = audited.site.write("harmless.txt", &format!("harmless {number}\n"));
        audited.site.run(["put", &data]);
    }
    audited.copy();
    assert_eq!(audited.outside(&verify[..5]).code, Some(0));
    audited.outside(&verify).failed(5, &["rewritten after the site had signed it"]);
    audited.site.run(["audit", "verify", "--checkpoint", &kept]).failed(5, &["rewritten after"]);
}

#[test]
fn proofs_are_checked_with_the_public_key_alone() {
    let audited = Audited::new();
    let kept = audited.checkpoint("kept");
    let list = audited.site.run(["audit", "list", "--json"]).out;
    let (number, record) = list.lines().enumerate().find(|(_, line)| line.contains("\"put\"")).unwrap();
    let number = number.to_string();
    let record = audited.site.write("record.json", &format!("{record}\n"));
    let proof = audited.proof(&[&number]);
    let check = ["check-proof", &proof, "--public-key", &audited.key];
    let checked = audited.outside(&check);
    assert!(
        checked.out.contains(&format!("Proved: record {number} of the log")) && checked.out.contains("\"put\""),
        "{}",
        checked.err
    );
    let checked = audited.outside(&[&check[..], &["--record", &record, "--json"]].concat()).json();
    assert_eq!((checked["proved"].as_str(), checked["record"].to_string()), (Some("inclusion"), number));
    let other = audited.site.write("other.json", &fs::read_to_string(&record).unwrap().replace("personal", "impostor"));
    audited.outside(&[&check[..], &["--record", &other]].concat()).failed(5, &["is not the one in the proof"]);
    let text = fs::read_to_string(&proof).unwrap();
    fs::write(&proof, text.replacen("personal", "impostor", 1)).unwrap();
    audited.outside(&check).failed(5, &["the proof is false"]);

    let size = fs::read_to_string(&kept).unwrap().lines().nth(1).unwrap().to_owned();
    let proof = audited.proof(&["--since", &size]);
    audited.outside(&check).failed(2, &["give that checkpoint"]);
    let checked = audited.outside(&[&check[..], &["--checkpoint", &kept]].concat());
    assert!(checked.out.contains(&format!("its first {size} were those of the checkpoint")), "{}", checked.err);
    assert_eq!(proof, check[1]);
    audited.site.run(["audit", "prove", "9999"]).failed(2, &["there is no record 9999"]);
    audited.site.run(["audit", "prove"]).failed(2, &["required"]);
}

#[test]
fn records_are_searched_and_the_search_is_recorded() {
    let audited = Audited::new();
    let found = audited.site.run(["audit", "search", "--decision", "deny"]);
    assert!(
        found.out.contains("PERSON") && found.out.contains("unknown") && found.out.contains("DENY"),
        "{}",
        found.out
    );
    assert_eq!(found.out.lines().count(), 2, "{}", found.out);
    let found = audited.site.run(["audit", "search", "--json", "--action", "seal"]);
    let found: Json = serde_json::from_str(&found.out).unwrap();
    assert!(found["record"].is_u64() && found["action"] == "seal", "{found}");
    let object = found["objects"][0].as_str().unwrap();
    let by_object = audited.site.run(["audit", "search", "--json", "--object", &object[..20], "--from", "2026-01-01"]);
    assert!(
        by_object.out.contains(object) && by_object.out.lines().all(|line| line.contains(object)),
        "{}",
        by_object.out
    );
    assert_eq!(audited.site.run(["audit", "search", "--json", "--to", "2020-01-01T00:00:00Z"]).out, "");
    audited.site.run(["audit", "search", "--from", "yesterday"]).failed(2, &["expected a day"]);
    let searches = audited.site.run(["audit", "search", "--json", "--action", "search-audit"]);
    assert_eq!(searches.out.lines().count(), 5, "{}", searches.out);
    audited.site.run(["audit", "prune"]).failed(3, &["no record may be removed", "settings.yaml"]);
}

/// Puts names in the place of what differs from site to site.
fn normalized(json: &mut Json) {
    match json {
        Json::String(text) => {
            if text.starts_with("sluis-audit/") {
                *text = format!("sluis-audit/LOG{}", if text.matches('/').count() == 2 { "/RECORD" } else { "" });
            } else if text.starts_with("b3:") || text.len() == 64 {
                *text = if text.starts_with("b3:") { "OBJECT" } else { "HASH" }.to_owned();
            }
        }
        Json::Array(items) => items.iter_mut().for_each(normalized),
        Json::Object(fields) => fields.iter_mut().for_each(|(name, value)| match name.as_str() {
            "at" | "@timestamp" => *value = "TIME".into(),
            "record" | "sequence" | "permit" => *value = "NUMBER".into(),
            "project-period" => *value = "PERIOD".into(),
            "time" => {
                assert!(value.as_i64().unwrap() > 1_700_000_000_000, "milliseconds since 1970: {value}");
                *value = "TIME".into();
            }
            _ => normalized(value),
        }),
        _ => {}
    }
}

/// Compares an export with the golden file of its format: of a decision, of a refusal, and of something done.
fn golden(format: &str, expected: &str) {
    let audited = Audited::new();
    let mut found = String::new();
    for filter in [["--action", "create-site"], ["--decision", "deny"], ["--action", "seal"]] {
        let exported = audited.site.run([&["audit", "export", "--format", format], &filter[..]].concat());
        assert_eq!(exported.code, Some(0), "{}", exported.err);
        for line in exported.out.lines() {
            let mut json = serde_json::from_str(line).unwrap();
            normalized(&mut json);
            found.push_str(&format!("{json}\n"));
        }
    }
    assert!(found == expected, "expected\n{expected}\nfound\n{found}");
}

#[test]
fn the_plain_export_is_as_it_was() {
    golden("jsonl", include_str!("audit/export.jsonl"));
}

#[test]
fn the_ocsf_export_is_as_it_was() {
    golden("ocsf", include_str!("audit/export.ocsf.jsonl"));
}

#[test]
fn the_ecs_export_is_as_it_was() {
    golden("ecs", include_str!("audit/export.ecs.jsonl"));
}
