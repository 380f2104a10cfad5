//! Working with a subject's data, and letting results leave through the airlock.

use std::{fs, io::Read as _};

use serde_json::json;

use super::{
    Institute,
    world::{GENOME, LAST_LINE, READS, training},
};
use crate::test_site::{Ran, addresses};

const OF_PROJECT: [&str; 2] = ["--project", "neuroblastoma"];

/// Anna's result, made from the subject's reads.
fn result(institute: &Institute) -> String {
    let address = institute.put("anna", "reads.fa", READS, "P012");
    let workflow = institute.site.write("last.cwl", LAST_LINE);
    let job = institute.job(&address);
    let ran = institute.run("anna", &[&["run", &workflow, &job, "--dataset", "trial-7"][..], &OF_PROJECT].concat());
    addresses(&ran.json()).remove(0)
}

/// Asks for a result to leave, and gives the request's identifier.
fn ask(institute: &Institute, address: &str) -> String {
    let ask = ["airlock", "ask", address, "--output", "figures", "--reason", "Figure 2"];
    institute.succeed("anna", &[&ask[..], &OF_PROJECT].concat()).out.trim().to_owned()
}

fn approve(institute: &Institute, id: &str, days: &str) -> Ran {
    institute.run("bob", &["airlock", "approve", id, "--days", days, "--reason", "shows nobody"])
}

fn release(institute: &Institute, name: &str, id: &str) -> Ran {
    let outdir = institute.site.path("released").display().to_string();
    institute.run(name, &["airlock", "release", id, "--outdir", &outdir])
}

/// That nothing left with the request.
fn assert_stays(institute: &Institute, name: &str, id: &str, says: &[&str]) {
    release(institute, name, id).failed(4, says);
    let outdir = institute.site.path("released");
    let left = fs::read_dir(outdir).map_or(0, Iterator::count);
    assert_eq!(left, 0, "something left all the same");
    let record = institute.last_record("release", Some("deny"));
    assert_eq!((&record["caller"], &record["project"]), (&json!(name), &json!("neuroblastoma")), "{record}");
}

#[test]
fn results_leave_in_no_other_way_than_by_an_approval() {
    let institute = Institute::with_network(&["anna"]);
    let address = result(&institute);
    institute.succeed("anna", &[&["show", &address][..], &OF_PROJECT].concat());
    let [to, outdir] = ["last.txt", "results"].map(|name| institute.site.path(name).display().to_string());
    let refused = |arguments: &[&str], action: &str| {
        let ran = institute.run("anna", &[arguments, &OF_PROJECT].concat());
        ran.failed(4, &["nobody has approved this export by anna", "remedy: have it approved by a member"]);
        assert_eq!(institute.last_record(action, Some("deny"))["policies"], json!(["approved-export"]));
    };
    refused(&["export", &address, "--to", &to], "export");
    refused(&["export", "--sealed", &address, "--to", &to], "export");
    let key = institute.site.path("anna.pub").display().to_string();
    refused(&["grant", &address, "--recipient", &key], "grant");
    let (workflow, job) = (institute.site.path("last.cwl"), institute.site.path("job.json"));
    let (workflow, job) = (workflow.display().to_string(), job.display().to_string());
    refused(&["run", &workflow, &job, "--dataset", "trial-7", "--outdir", &outdir], "export");
    assert_eq!(fs::read_dir(&outdir).map_or(0, Iterator::count), 0);
    assert!(!institute.site.path("last.txt").exists());
}

#[test]
fn public_data_leave_freely_and_need_no_airlock() {
    let institute = Institute::with_network(&["anna", "erin"]);
    let address = &institute.put_genome();
    let to = institute.site.path("out.fa").display().to_string();
    institute.succeed("anna", &[&["export", address, "--to", &to][..], &OF_PROJECT].concat());
    assert_eq!(fs::read_to_string(&to).unwrap(), GENOME);
    let outdir = institute.site.path("results").display().to_string();
    let (workflow, job) = (institute.site.write("last.cwl", LAST_LINE), institute.job(address));
    let run = ["run", &workflow, &job, "--dataset", "genomes", "--outdir", &outdir];
    institute.succeed("anna", &[&run[..], &OF_PROJECT].concat());
    assert_eq!(fs::read_to_string(institute.site.path("results/last.txt")).unwrap(), "ACGT\n");
    let ask = institute
        .run("anna", &[&["airlock", "ask", address, "--output", "figures", "--reason", "x"][..], &OF_PROJECT].concat());
    ask.failed(4, &["is public and leaves without an approval"]);
}

#[test]
fn what_is_public_is_said_by_who_keeps_the_site() {
    let institute = Institute::with_network(&["anna"]);
    // Reads of a child under the name of a reference genome would lie in plain, and leave freely.
    let (reads, workflow) = (institute.site.write("reads.fa", READS), institute.site.write("last.cwl", LAST_LINE));
    let job = institute.site.write("job.json", &json!({ "reads": { "class": "File", "path": &reads } }).to_string());
    for arguments in [&["put", &reads, "--dataset", "genomes"][..], &["run", &workflow, &job, "--dataset", "genomes"]] {
        let refused = institute.run("anna", &[arguments, &OF_PROJECT].concat());
        refused.failed(4, &["the dataset genomes is public", "anna is not an administrator", "have an administrator"]);
        assert_eq!(institute.last_record("put", Some("deny"))["caller"], "anna");
    }
    assert!(institute.records("seal", None).is_empty(), "nothing came in");
}

#[test]
fn what_somebody_else_approved_leaves_for_who_asked_alone() {
    let institute = Institute::with_network(&["anna", "bob"]);
    let address = result(&institute);
    let id = ask(&institute, &address);
    assert_stays(&institute, "anna", &id, &["nobody has decided about the request"]);
    institute
        .run("anna", &["airlock", "approve", &id, "--reason", "mine"])
        .failed(4, &["anna asked for it", "not on the data access committee"]);
    approve(&institute, &id, "31").failed(2, &["1 to 30 days"]);
    approve(&institute, &id, "3").failed(4, &["bob has not looked at", &format!("sluis airlock look {id}")]);
    institute.run("anna", &["airlock", "look", &id, &address]).failed(4, &["not on the data access committee"]);
    let seen = institute.succeed("bob", &["airlock", "look", &id, &address]);
    assert_eq!(seen.out, "GATTACAGATTACACATTAG\n");
    let look = institute.last_record("look-at-export", Some("allow"));
    assert_eq!((&look["caller"], &look["objects"]), (&json!("bob"), &json!([address])), "{look}");
    let seen = institute.last_record("looked-at-export", None);
    assert_eq!((&seen["caller"], &seen["objects"]), (&json!("bob"), &json!([address])), "{seen}");
    let approved = approve(&institute, &id, "3");
    assert_eq!(approved.code, Some(0), "{}", approved.err);
    institute.run("bob", &["airlock", "look", &id, &address]).failed(4, &["was decided already"]);
    institute.run("bob", &["airlock", "refuse", &id, "--reason", "late"]).failed(4, &["was decided already"]);
    let listed = institute.run("bob", &["airlock", "list", "--json"]).json();
    assert_eq!((&listed[0]["state"]["by"], &listed[0]["asked_by"]), (&json!("bob"), &json!("anna")), "{listed}");
    let table = institute.succeed("anna", &["airlock", "list"]).out;
    assert!(table.contains(&id) && table.contains("shows nobody") && table.contains("Figure 2"), "{table}");

    assert_stays(&institute, "bob", &id, &["is by anna, not by bob", "bob is not a member of the project"]);
    let released = release(&institute, "anna", &id);
    assert_eq!(released.code, Some(0), "{}", released.err);
    let [key, file] = [institute.site.path("anna.sec").display().to_string(), released.out.trim().to_owned()];
    assert!(file.ends_with(".c4gh"), "{file}");
    let plain = institute.site.run(["crypt", "decrypt", "--key", &key, &file]);
    assert_eq!(plain.out, "GATTACAGATTACACATTAG\n", "{}", plain.err);
    let record = institute.last_record("release", Some("allow"));
    assert_eq!((&record["caller"], &record["subjects"]), (&json!("anna"), &json!(["P012"])), "{record}");
    assert!(institute.last_record("released", None)["recipient"].is_string());
    institute.run("anna", &["airlock", "release", "abcdefabcdef"]).failed(2, &["there is no request"]);
}

#[test]
fn who_stops_before_the_end_has_not_seen_an_object() {
    let institute = Institute::with_network(&["anna", "bob"]);
    // More than a pipe takes from who writes before somebody reads.
    let address = institute.put("anna", "reads.fa", &"GATTACA\n".repeat(100_000), "P012");
    let id = ask(&institute, &address);
    let mut look = institute.command_of("bob", &["airlock", "look", &id, &address]).spawn().unwrap();
    let mut begun = [0; 7];
    look.stdout.take().unwrap().read_exact(&mut begun).unwrap();
    assert_eq!(&begun, b"GATTACA");
    assert_eq!(look.wait().unwrap().code(), Some(4));
    assert_eq!(institute.last_record("look-at-export", Some("allow"))["caller"], "bob");
    assert!(institute.records("looked-at-export", None).is_empty());
    approve(&institute, &id, "3").failed(4, &["bob has not looked at"]);
    institute.succeed("bob", &["airlock", "look", &id, &address]);
    assert_eq!(approve(&institute, &id, "3").code, Some(0));
}

#[test]
fn a_request_that_is_refused_ended_or_changed_releases_nothing() {
    let institute = Institute::with_network(&["anna", "bob"]);
    let address = result(&institute);
    let refused = ask(&institute, &address);
    institute.succeed("bob", &["airlock", "refuse", &refused, "--reason", "too few people in it"]);
    assert_stays(&institute, "anna", &refused, &["bob refused the request"]);
    let table = institute.succeed("anna", &["airlock", "list"]).out;
    assert!(table.contains("refused by bob: too few people in it"), "{table}");

    let changed = ask(&institute, &address);
    let path = institute.site.site().join("airlock").join(&changed);
    let text = fs::read_to_string(&path).unwrap();
    let approved =
        r#"{"state":"approved","by":"bob","at":"2020-01-01T00:00:00Z","until":"2090-01-01T00:00:00Z","reason":"x"}"#;
    let forged = text.replace(r#"{"state":"asked"}"#, approved);
    assert_ne!(forged, text);
    fs::write(&path, forged).unwrap();
    for (name, arguments) in [
        ("anna", &["airlock", "release", &changed][..]),
        ("bob", &["airlock", "look", &changed, &address]),
        ("bob", &["airlock", "approve", &changed, "--reason", "x"]),
        ("bob", &["airlock", "list"]),
    ] {
        institute.run(name, arguments).failed(5, &[&changed, "was not written by this site, or was changed"]);
    }
    // Nor can a request that was approved pass for another one.
    fs::write(&path, &text).unwrap();
    institute.succeed("bob", &["airlock", "look", &changed, &address]);
    assert_eq!(approve(&institute, &changed, "7").code, Some(0));
    fs::copy(&path, path.with_file_name(&refused)).unwrap();
    release(&institute, "anna", &refused).failed(5, &["was changed"]);
    // A consent that was taken back since keeps the object in.
    institute.site.edit_registry("datasets.yaml", "P012: {consent: given", "P012: {consent: withdrawn");
    assert_stays(&institute, "anna", &changed, &["P012"]);
}

#[test]
fn what_the_terms_of_the_data_ask_for_is_told_and_written_down() {
    let institute = Institute::with_network(&["anna"]);
    institute.site.edit_registry("datasets.yaml", "data-use: [HMB]", "data-use: [HMB, PUB]");
    institute.site.edit_registry("projects.yaml", "ancestry: false}", "ancestry: false, publishes: true}");
    let duty = "publish the results (PUB of the dataset trial-7)";
    let address = institute.put("anna", "reads.fa", READS, "P012");
    let (workflow, job) = (institute.site.write("last.cwl", LAST_LINE), institute.job(&address));
    let run = ["run", &workflow, &job, "--dataset", "trial-7", "--project", "neuroblastoma"];
    let ran = institute.succeed("anna", &run);
    assert_eq!(ran.err.matches(duty).count(), 1, "{}", ran.err);
    assert_eq!(institute.last_record("run-task", Some("allow"))["duties"], json!([duty]));
    let explain = ["access", "explain", "read", "trial-7", "--project", "neuroblastoma"];
    let explained = institute.succeed("anna", &explain).out;
    assert_eq!(explained, format!("allowed, by use-of-data\n  duty:    {duty}\n"));
    let told = institute.succeed("anna", &[&explain[..], &["--json"]].concat()).json();
    assert_eq!(told["verdict"]["duties"][0]["term"], "PUB", "{told}");
}

#[test]
fn only_outputs_that_the_committee_allowed_the_project_leave() {
    let institute = Institute::with_network(&["anna", "bob"]);
    let address = result(&institute);
    let ask_as = |output: &str| {
        let ask = ["airlock", "ask", &address, "--output", output, "--reason", "Figure 2"];
        institute.run("anna", &[&ask[..], &OF_PROJECT].concat())
    };
    for output in ["", "reads"] {
        ask_as(output).failed(4, &[&format!("`{output}` is none of the outputs of neuroblastoma"), "figures"]);
    }
    let id = ask(&institute, &address);
    institute.succeed("bob", &["airlock", "look", &id, &address]);
    // What the committee allows may have changed since somebody asked.
    institute.site.edit_registry("projects.yaml", "allowed-outputs: [figures, ", "allowed-outputs: [");
    approve(&institute, &id, "7").failed(4, &["`figures` is none of the outputs"]);
    institute.site.edit_registry("projects.yaml", "    allowed-outputs: [aggregate tables]\n", "");
    ask_as("figures").failed(4, &["no output of the project neuroblastoma is allowed to leave"]);
    institute.site.edit_registry("projects.yaml", "    approval:", "    allowed-outputs: [figures]\n    approval:");
    assert_eq!(approve(&institute, &id, "7").code, Some(0));
    institute.site.edit_registry("projects.yaml", "    allowed-outputs: [figures]\n", "");
    assert_stays(&institute, "anna", &id, &["no output of the project neuroblastoma is allowed to leave"]);
}

#[test]
fn a_withdrawn_consent_keeps_a_reviewer_from_looking_and_lets_them_refuse() {
    let institute = Institute::with_network(&["anna", "bob"]);
    let address = result(&institute);
    let id = ask(&institute, &address);
    institute.succeed("bob", &["airlock", "look", &id, &address]);
    institute.site.edit_registry("datasets.yaml", "P012: {consent: given", "P012: {consent: withdrawn");
    institute.run("bob", &["airlock", "look", &id, &address]).failed(4, &["P012"]);
    approve(&institute, &id, "7").failed(4, &["P012"]);
    institute.succeed("bob", &["airlock", "refuse", &id, "--reason", "consent is withdrawn"]);
}

#[test]
fn what_ends_a_project_ends_every_look_at_its_data_and_its_requests_can_still_be_refused() {
    for (file, from, to, says) in [
        ("projects.yaml", "until: '2090-01-01'", "until: '2026-01-02'", "runs from 2020-01-01 to 2026-01-02"),
        ("projects.yaml", "datasets: [trial-7, genomes]", "datasets: [genomes]", "trial-7 is not granted to"),
        ("projects.yaml", "  neuroblastoma:", "  leukaemia:", "the project neuroblastoma is not in the registry"),
        (
            "datasets.yaml",
            "data-use: [HMB]",
            "data-use: [HMB, 'TS 2026-01-02']",
            "the data could be used until 2026-01-02",
        ),
    ] {
        let institute = Institute::with_network(&["anna", "bob"]);
        let address = result(&institute);
        let id = ask(&institute, &address);
        institute.succeed("bob", &["airlock", "look", &id, &address]);
        institute.site.edit_registry(file, from, to);
        let uses = institute.records("use-key", None).len();
        institute.run("bob", &["airlock", "look", &id, &address]).failed(4, &[says]);
        assert_eq!(institute.records("use-key", None).len(), uses, "nothing is opened");
        approve(&institute, &id, "7").failed(4, &[says]);
        assert!(institute.succeed("bob", &["airlock", "list"]).out.contains(&id));
        institute.succeed("bob", &["airlock", "refuse", &id, "--reason", "it is over"]);
        let record = institute.last_record("refuse-export", Some("allow"));
        assert_eq!(
            (&record["project"], &record["facts"]["request"]),
            (&json!("neuroblastoma"), &json!(id)),
            "{record}"
        );
    }
}

#[test]
fn an_approval_ends_with_the_project() {
    let institute = Institute::with_network(&["anna", "bob"]);
    let address = result(&institute);
    let id = ask(&institute, &address);
    institute.succeed("bob", &["airlock", "look", &id, &address]);
    assert_eq!(approve(&institute, &id, "7").code, Some(0));
    institute.site.edit_registry("projects.yaml", "until: '2090-01-01'", "until: '2026-01-02'");
    assert_stays(&institute, "anna", &id, &["runs from 2020-01-01 to 2026-01-02"]);
}

#[test]
fn a_reviewer_looks_under_the_conditions_of_those_who_use_the_data() {
    let institute = Institute::with_network(&["anna", "bob"]);
    let address = result(&institute);
    let id = ask(&institute, &address);
    let look = || institute.run("bob", &["airlock", "look", &id, &address]);
    let trained = format!("roles: [committee]\n    {}", training());
    institute.site.edit_registry("people.yaml", &trained, "roles: [committee]");
    look().failed(4, &["no training of bob is on record"]);
    approve(&institute, &id, "7").failed(4, &["no training of bob is on record"]);
    institute.site.edit_registry("people.yaml", "roles: [committee]", &trained);
    assert_eq!(look().code, Some(0));
    let facts = &institute.last_record("look-at-export", Some("allow"))["facts"];
    assert_eq!(
        (&facts["request"], &facts["asked-by"], &facts["roles"]),
        (&json!(id), &json!("anna"), &json!("committee"))
    );
    approve(&institute, &id, "7");
    assert_eq!(release(&institute, "anna", &id).code, Some(0));
    let facts = &institute.last_record("release", Some("allow"))["facts"];
    assert_eq!(
        (&facts["request"], &facts["approved-by"], &facts["member"]),
        (&json!(id), &json!("bob"), &json!("true"))
    );
}
