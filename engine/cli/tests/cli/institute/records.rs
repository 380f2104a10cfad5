//! What the audit log tells of all that people do, and what it keeps to itself.

use std::fs;

use serde_json::{Value as Json, json};
use sluis_access::{DECIDED_ACTIONS, DONE_ACTIONS};

use super::{Institute, world::LAST_LINE};
use crate::test_site::addresses;

const OF_PROJECT: [&str; 4] = ["--dataset", "trial-7", "--project", "neuroblastoma"];

/// A child's name as somebody might write it into names of files and reasons.
const NAME: &str = "Emma Example";

const READS: &str = ">Emma Example\nGATTACAGATTACACATTAG\n";

/// The tokens of a person, and of their parts those that are long enough to tell.
fn secrets(institute: &Institute, name: &str) -> Vec<String> {
    let stored: Json = serde_json::from_slice(&fs::read(institute.token_file(name)).unwrap()).unwrap();
    let tokens = ["id_token", "access_token", "refresh_token"].map(|field| stored[field].as_str().unwrap().to_owned());
    let parts = tokens.iter().flat_map(|token| token.split('.').map(str::to_owned));
    parts.filter(|part| part.len() > 20).collect()
}

/// Everybody does what they may and what they may not. Gives what nobody may read of it.
fn a_day_at_the_institute(institute: &Institute) -> Vec<String> {
    let mut secret: Vec<_> = ["anna", "bob", "carla"].iter().flat_map(|name| secrets(institute, name)).collect();
    let path = institute.site.write(&format!("{NAME}.fa"), READS);
    let put = ["put", &path, "--subject", "P012"];
    let address = institute.succeed("anna", &[&put, &OF_PROJECT[..]].concat());
    let address = address.out.split_whitespace().next().unwrap().to_owned();
    let (workflow, job) = (institute.site.write("last.cwl", LAST_LINE), institute.job(&address));
    let ran = institute.run("anna", &[&["run", &workflow, &job], &OF_PROJECT[..]].concat());
    let made = addresses(&ran.json()).remove(0);
    let [project, to] = ["neuroblastoma".to_owned(), institute.site.path("out.txt").display().to_string()];
    institute.run("anna", &["export", &made, "--to", &to, "--project", &project]).failed(4, &[]);
    let ask = ["airlock", "ask", &made, "--project", &project, "--output", "figures", "--reason", NAME];
    let id = institute.succeed("anna", &ask).out.trim().to_owned();
    institute.succeed("bob", &["airlock", "look", &id, &made]);
    institute.succeed("bob", &["airlock", "approve", &id, "--reason", NAME]);
    let outdir = institute.site.path("released").display().to_string();
    institute.succeed("anna", &["airlock", "release", &id, "--outdir", &outdir]);
    institute.run("bob", &["put", &path, "--subject", NAME]).failed(2, &[]);
    institute.run("bob", &[&put, &OF_PROJECT[..]].concat()).failed(4, &[]);
    institute.succeed("carla", &["withdraw", "P012"]);
    institute.run("anna", &["show", &made, "--project", &project]).failed(2, &[]);
    // Somebody logs in with one factor, and somebody with tokens that were changed.
    institute.set_claims("erin", &json!({ "acr": "one" }));
    institute.login_in_browser("erin").failed(4, &[]);
    institute.change_tokens("bob", "id_token", &json!(format!("{}A", secret[0])));
    institute.run("bob", &["audit", "list"]).failed(4, &[]);
    secret.extend([NAME, "Emma", "Anna Alba", "GATTACA", "a value nobody else may know"].map(str::to_owned));
    secret.push(fs::read_to_string(institute.site.path("anna.sec")).unwrap().lines().nth(1).unwrap().to_owned());
    secret.push(institute.site.path("").display().to_string());
    secret
}

#[test]
fn the_log_has_no_token_no_name_no_address_and_no_value() {
    let institute = Institute::with_network(&["anna", "bob", "carla"]);
    let mut secret = a_day_at_the_institute(&institute);
    let interfaces = if_addrs::get_if_addrs().unwrap();
    let addresses = interfaces.iter().filter(|interface| !interface.is_loopback());
    secret.extend(addresses.map(|interface| interface.ip().to_string()));
    let mut read = 0;
    for entry in fs::read_dir(institute.site.site().join("audit")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            let bytes = fs::read(entry.path()).unwrap();
            read += bytes.len();
            for text in &secret {
                let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
                assert!(!found, "`{text}` is in {:?}", entry.file_name());
            }
        }
    }
    assert!(read > 10_000, "the log was there to be searched: {read} bytes");
}

#[test]
fn the_log_says_who_did_what_with_whose_data_by_which_facts() {
    let institute = Institute::with_network(&["anna", "bob", "carla"]);
    a_day_at_the_institute(&institute);
    for (action, decision, who) in [
        ("login", "allow", "carla"),
        ("login", "deny", "nobody"),
        ("put", "allow", "anna"),
        ("put", "deny", "bob"),
        ("run-task", "allow", "anna"),
        ("export", "deny", "anna"),
        ("ask-to-export", "allow", "anna"),
        ("approve-export", "allow", "bob"),
        ("release", "allow", "anna"),
        ("withdraw-consent", "allow", "carla"),
        ("erase", "allow", "carla"),
        ("list-audit", "deny", "nobody"),
    ] {
        let record = institute.last_record(action, Some(decision));
        assert_eq!(record["caller"], who, "{record}");
        if action != "login" {
            let (facts, reasons) = (&record["facts"], record["reasons"].as_array());
            assert_eq!(facts["multi-factor"], if who == "nobody" { "false" } else { "true" }, "{record}");
            assert_eq!(facts["network"], "campus of maxima", "{record}");
            assert_eq!(reasons.is_some_and(|reasons| !reasons.is_empty()), decision == "deny", "{record}");
            assert!(record["registry"].is_string() && !record["policies"].as_array().unwrap().is_empty(), "{record}");
        }
        if ["put", "run-task", "export", "release", "erase", "withdraw-consent"].contains(&action) {
            assert_eq!(record["subjects"], json!(["P012"]), "{record}");
        }
    }
    let approved = institute.last_record("export-approved", None);
    assert_eq!(approved["caller"], "bob", "{approved}");
    assert!(approved["facts"]["request"].is_string() && approved["facts"]["approved-until"].is_string(), "{approved}");
    assert_eq!(institute.site.run(["audit", "verify"]).code, Some(0));
}

#[test]
fn every_action_that_is_recorded_is_a_known_one() {
    let institute = Institute::with_network(&["anna", "bob", "carla", "dave"]);
    a_day_at_the_institute(&institute);
    institute.succeed("carla", &["withdraw", "P013", "--plan"]);
    institute.succeed("dave", &["access", "who-can", "read", "trial-7"]);
    institute.succeed("dave", &["access", "explain", "audit", "site", "--person", "bob"]);
    let log = fs::read_to_string(institute.site.site().join("audit/log.jsonl")).unwrap();
    let actions = log.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()["body"]["action"].take());
    for action in actions {
        let action = action.as_str().unwrap();
        assert!([DECIDED_ACTIONS, DONE_ACTIONS].concat().contains(&action), "{action}");
    }
}
