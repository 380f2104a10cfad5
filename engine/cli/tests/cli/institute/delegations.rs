//! Programs that act for people: their delegations are made, used, listed and taken back.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::json;

use super::{Institute, world::READS};
use crate::test_site::Ran;

const OF_PROJECT: [&str; 2] = ["--project", "neuroblastoma"];

/// Makes a delegation and gives the file of its token.
pub fn make(institute: &Institute, name: &str, actions: &[&str]) -> String {
    let to = institute.site.path(&format!("token-of-{name}")).display().to_string();
    let actions = actions.iter().flat_map(|action| ["--action", action]);
    let make: Vec<_> = ["delegation", "make", "nightly", "--to", &to].into_iter().chain(actions).collect();
    institute.succeed(name, &[&make[..], &OF_PROJECT].concat());
    to
}

/// What a program runs that has the token in a file, on a machine where nobody is logged in.
fn run_with(institute: &Institute, token: &str, arguments: &[&str]) -> Ran {
    let mut command = institute.command_of("nobody", arguments);
    Ran::of(&command.env("SLUIS_DELEGATION_FILE", token).output().unwrap())
}

#[test]
fn a_program_acts_for_a_person_until_they_take_it_back() {
    let institute = Institute::with_network(&["anna"]);
    let address = institute.put("anna", "reads.fa", READS, "P012");
    let token = make(&institute, "anna", &["read", "submit"]);
    let mode = fs::metadata(&token).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the token is its owner's alone");
    let show = [&["show", &address][..], &OF_PROJECT].concat();
    let shown = run_with(&institute, &token, &show);
    assert_eq!(shown.code, Some(0), "{}", shown.err);
    assert_eq!(institute.last_record("show", Some("allow"))["caller"], "nightly for anna");
    let provenance = [&["provenance", &address][..], &OF_PROJECT].concat();
    run_with(&institute, &token, &provenance).failed(4, &["anna did not delegate `view_provenance` to nightly"]);
    run_with(&institute, &token, &["audit", "list"]).failed(4, &["is a program, and `audit` is for people"]);
    run_with(&institute, &token, &["delegation", "list"]).failed(4, &["only a person"]);
    assert_eq!(institute.last_record("list-delegations", Some("deny"))["caller"], "nightly for anna");

    let id = institute.succeed("anna", &["delegation", "list", "--json"]).json()[0]["id"].as_str().unwrap().to_owned();
    institute.succeed("anna", &["delegation", "revoke", &id]);
    run_with(&institute, &token, &show).failed(4, &["anna revoked what they delegated to nightly"]);
    let taken_back = institute.last_record("delegation-revoked", None);
    assert_eq!(taken_back["caller"], "anna");
    assert!(taken_back["reasons"][0].as_str().unwrap().contains(&id), "{taken_back}");
    institute.run("anna", &["delegation", "revoke", &id]).failed(2, &["taken back already"]);
    assert_eq!(institute.succeed("anna", &["delegation", "list", "--json"]).json(), json!([]));
}

#[test]
fn what_is_for_people_is_not_delegated() {
    let institute = Institute::with(&["anna"]);
    for action in ["audit", "approve", "withdraw", "administer", "export"] {
        let make = ["delegation", "make", "nightly", "--to", "token", "--action", action];
        institute.run("anna", &[&make[..], &OF_PROJECT].concat()).failed(2, &[action, "submit, read"]);
    }
}

#[test]
fn a_token_that_others_could_read_is_refused() {
    let institute = Institute::with_network(&["anna"]);
    let token = make(&institute, "anna", &["read"]);
    fs::set_permissions(&token, fs::Permissions::from_mode(0o640)).unwrap();
    run_with(&institute, &token, &["ls"]).failed(4, &["others could read the token", "chmod 600"]);
    let login = institute.last_record("login", Some("deny"));
    assert_eq!(login["reasons"], json!(["others could read the file of the delegation's token"]));
    let none = institute.site.path("no-such-token").display().to_string();
    assert_ne!(run_with(&institute, &none, &["ls"]).code, Some(0));
    let login = institute.last_record("login", Some("deny"));
    assert_eq!(login["reasons"], json!(["the file of the delegation's token cannot be read: entity not found"]));
    fs::write(&token, "a.b.c").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    assert_ne!(run_with(&institute, &token, &["ls"]).code, Some(0));
    assert_eq!(institute.last_record("login", Some("deny"))["caller"], "nobody");
}

#[test]
fn delegations_are_listed_to_who_made_them_and_to_who_keeps_the_site() {
    let institute = Institute::with_network(&["anna", "bob", "erin"]);
    make(&institute, "anna", &["read"]);
    let listed = |name: &str| institute.succeed(name, &["delegation", "list", "--json"]).json();
    let own = listed("anna");
    assert_eq!((&own[0]["person"], &own[0]["service"]), (&json!("anna"), &json!("nightly")), "{own}");
    assert_eq!((listed("bob"), listed("erin")), (json!([]), own));
    assert_eq!(institute.last_record("list-delegations", Some("allow"))["caller"], "erin");
    assert!(institute.succeed("anna", &["delegation", "list"]).out.contains("nightly"));
    institute.run("carla", &["delegation", "list"]).failed(4, &["only a person for whom an issuer vouches"]);
    let to = institute.site.path("token").display().to_string();
    let make = ["delegation", "make", "nightly", "--to", &to, "--action", "read"];
    institute.run("carla", &[&make[..], &OF_PROJECT].concat()).failed(4, &["only a person for whom an issuer vouches"]);
    for action in ["list-delegations", "delegate"] {
        let refused = institute.last_record(action, Some("deny"));
        assert_eq!(refused["caller"], "nobody", "{refused}");
        assert!(refused["reasons"][0].as_str().unwrap().contains("only a person"), "{refused}");
    }
}
