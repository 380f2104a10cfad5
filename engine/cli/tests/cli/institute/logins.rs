//! Logging in and out, and what becomes of those who did not.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::{Value as Json, json};

use super::{
    Institute,
    world::{LAST_LINE, READS, Spoken, subject},
};

#[test]
fn a_login_in_the_browser_is_kept_for_its_person_alone_and_forgotten_by_a_logout() {
    let institute = Institute::new();
    institute.run("anna", &["whoami"]).failed(4, &["nobody is logged in", "sluis login"]);
    institute.login("anna");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = institute.token_file("anna");
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    let who = institute.succeed("anna", &["whoami"]);
    assert_eq!(who.out, "anna\n");
    assert!(who.err.contains(&subject("anna")) && who.err.contains("more than one factor"), "{}", who.err);
    let who = institute.run("anna", &["whoami", "--json"]).json();
    assert_eq!(
        (&who["person"], &who["subject"], &who["multi-factor"]),
        (&json!("anna"), &json!(subject("anna")), &json!(true))
    );
    institute.run("bob", &["whoami"]).failed(4, &["nobody is logged in"]);
    assert_eq!(institute.last_record("login", Some("allow"))["caller"], "anna");
    institute.succeed("anna", &["logout"]);
    assert!(!file.exists());
    institute.run("anna", &["whoami"]).failed(4, &["nobody is logged in"]);
    institute.succeed("anna", &["logout"]);
}

#[test]
fn a_login_on_another_device_waits_until_the_person_has_entered_the_code() {
    let institute = Institute::new();
    institute.set_claims("bob", &json!({}));
    let mut login = Spoken::of(institute.command_of("bob", &["login", "--device"]));
    let told = login.line(|line| line.starts_with("Open "));
    let code = told.rsplit(' ').next().unwrap().trim_end_matches('.');
    let decision = format!("{}/decide/{code}/{}/approve", institute.provider.address, subject("bob"));
    institute.browse("POST", &decision, "", "");
    let ended = login.end();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("Logged in as bob: "), "{}", ended.err);
    assert_eq!(institute.succeed("bob", &["whoami"]).out, "bob\n");
}

#[test]
fn a_login_that_is_not_good_enough_leaves_nobody_logged_in() {
    let institute = Institute::new();
    let long_ago = jiff::Timestamp::now().as_second() - 7200;
    for (claims, says) in [
        (json!({ "acr": "https://refeds.org/profile/sfa" }), "does not mean that more than one factor was used"),
        (json!({ "acr": null, "amr": ["pwd", "otp"] }), "acr"),
        (json!({ "auth_time": null }), "auth_time"),
        (json!({ "auth_time": long_ago }), "longer ago than the 3600 seconds"),
    ] {
        institute.set_claims("anna", &claims);
        institute.login_in_browser("anna").failed(4, &[says]);
        let record = institute.last_record("login", Some("deny"));
        assert_eq!(record["caller"], "nobody");
        assert!(record["reasons"][0].as_str().unwrap().contains(says), "{record}");
    }
    institute.run("anna", &["whoami"]).failed(4, &["nobody is logged in"]);
    assert!(institute.records("login", Some("allow")).is_empty());
}

#[test]
fn who_is_not_in_the_registry_can_log_in_and_is_told_why_that_is_not_enough() {
    let institute = Institute::new();
    institute.set_claims("zoe", &json!({}));
    let ended = institute.login_in_browser("zoe");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("registry/people.yaml") && ended.err.contains(&subject("zoe")), "{}", ended.err);
    assert_eq!(institute.succeed("zoe", &["whoami"]).out, "not in the registry\n");
    let path = institute.site.write("reads.fa", READS);
    let put = institute
        .run("zoe", &["put", &path, "--dataset", "trial-7", "--subject", "P012", "--project", "neuroblastoma"]);
    put.failed(4, &["is not in the registry", "not a member of the project neuroblastoma"]);
}

#[test]
fn without_a_login_nothing_is_used_and_each_refusal_is_written_down_with_the_facts() {
    let institute = Institute::with_network(&["anna"]);
    let address = institute.put("anna", "reads.fa", READS, "P012");
    institute.succeed("anna", &["logout"]);
    let reads = institute.site.write("more.fa", READS);
    let workflow = institute.site.write("last.cwl", LAST_LINE);
    let job = institute.job(&address);
    let project = ["--project", "neuroblastoma"];
    let labels = ["--dataset", "trial-7", "--subject", "P012"];
    for (action, arguments) in [
        ("put", [&["put", &reads][..], &labels, &project].concat()),
        ("run-task", [&["run", &workflow, &job][..], &labels, &project].concat()),
        ("show", [&["show", &address][..], &project].concat()),
    ] {
        let reasons = [
            "nobody is logged in; log in with `sluis login`",
            "no trusted issuer has verified that somebody who is not logged in is who they say",
            "somebody who is not logged in is not a member of the project neuroblastoma",
            "remedy: ",
        ];
        institute.run("anna", &arguments).failed(4, &reasons);
        let record = institute.last_record(action, Some("deny"));
        assert_eq!((&record["caller"], &record["project"]), (&json!("nobody"), &json!("neuroblastoma")), "{record}");
        let facts = &record["facts"];
        assert_eq!((&facts["verified"], &facts["multi-factor"]), (&json!("false"), &json!("false")), "{record}");
        let policies: Vec<_> = record["policies"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
        assert!(policies.contains(&"verified-identity") && policies.contains(&"membership"), "{record}");
        assert_eq!(record["reasons"].as_array().unwrap().len(), policies.len(), "{record}");
    }
    institute.run("anna", &["audit", "list"]).failed(4, &["not an auditor"]);
}

#[test]
fn tokens_that_prove_nothing_are_refused_and_written_down() {
    let institute = Institute::new();
    institute.write_identity(600);
    let login = |expires_in: i64| {
        let expires = jiff::Timestamp::now().as_second() + expires_in;
        institute.set_claims("anna", &json!({ "exp": expires }));
        assert_eq!(institute.login_in_browser("anna").code, Some(0));
    };
    let refused = |says: &str| {
        institute.run("anna", &["whoami"]).failed(4, &[says]);
        let before = institute.records("login", Some("deny")).len();
        let shown = institute.run("anna", &["access", "explain", "audit", "site"]);
        assert!(shown.err.contains("warning: the login cannot be used") && shown.err.contains(says), "{}", shown.err);
        let records = institute.records("login", Some("deny"));
        assert_eq!(records.len(), before + 1, "once for each command");
        let record = records.last().unwrap().clone();
        assert_eq!(record["caller"], "nobody");
        record["reasons"][0].as_str().unwrap().to_owned()
    };

    // It counts as long as clocks may differ by ten minutes, and then does not any more.
    login(-120);
    assert_eq!(institute.succeed("anna", &["whoami"]).out, "anna\n");
    institute.write_identity(60);
    institute.change_tokens("anna", "refresh_token", &Json::Null);
    assert!(refused("expired at").contains("expired at"));

    // The token of another provider, which calls somebody by the same name.
    login(3600);
    let other = Institute::with(&["anna"]);
    let stored: Json = serde_json::from_slice(&fs::read(other.token_file("anna")).unwrap()).unwrap();
    institute.change_tokens("anna", "id_token", &stored["id_token"]);
    assert!(refused("whom this site does not trust").contains(&other.provider.address));

    // One letter of the token's claims is another one.
    login(3600);
    let stored: Json = serde_json::from_slice(&fs::read(institute.token_file("anna")).unwrap()).unwrap();
    let token = stored["id_token"].as_str().unwrap();
    let (header, rest) = token.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let last = signature.len() - 10;
    let letter = if &signature[last..=last] == "A" { "B" } else { "A" };
    let signature = format!("{}{letter}{}", &signature[..last], &signature[last + 1..]);
    institute.change_tokens("anna", "id_token", &json!(format!("{header}.{claims}.{signature}")));
    assert!(refused("the signature is wrong").contains("the signature is wrong"));

    // A file of tokens that is none, and one that others can read. Where it lies stays out of the log.
    let file = institute.token_file("anna");
    fs::write(&file, "{}").unwrap();
    let noted = refused("log in again");
    assert!(noted.contains("was changed") && !noted.contains("state-of-anna"), "{noted}");
    fs::remove_file(&file).unwrap();
    login(3600);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refused("is not yours alone").contains("others could read"));
}

#[test]
fn data_are_used_from_the_institutes_networks_only() {
    let institute = Institute::with(&["anna"]);
    institute.site.edit_registry("institutions.yaml", "0.0.0.0/0, '::/0'", "203.0.113.77/32");
    let path = institute.site.write("reads.fa", READS);
    let put = ["put", &path, "--dataset", "trial-7", "--subject", "P012", "--project", "neuroblastoma"];
    institute.run("anna", &put).failed(4, &["the request comes from none of the institute's networks"]);
    let record = institute.last_record("put", Some("deny"));
    assert_eq!(record["policies"], json!(["institute-network"]), "{record}");
    assert_eq!(record["facts"]["verified"], "true");
}
