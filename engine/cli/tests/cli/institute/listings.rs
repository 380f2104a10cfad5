//! Whom the site shows what it holds: names of objects, runs, requests and subjects are told to those who may know them.

use serde_json::json;

use super::{
    Institute,
    world::{LAST_LINE, READS, training},
};
use crate::test_site::addresses;

const OF_PROJECT: [&str; 2] = ["--project", "neuroblastoma"];

#[test]
fn objects_are_listed_to_those_who_may_see_where_they_came_from() {
    let institute = Institute::with_network(&["anna", "bob", "erin", "fred"]);
    let theirs = institute.put("anna", "reads.fa", READS, "P012");
    let genome = institute.put_genome();
    let listed = |name: &str| -> Vec<String> {
        let objects = institute.succeed(name, &["ls", "--json"]).json();
        let mut found: Vec<_> =
            objects.as_array().unwrap().iter().map(|one| one["address"].as_str().unwrap().to_owned()).collect();
        found.sort();
        found
    };
    let mut both = vec![theirs, genome.clone()];
    both.sort();
    assert_eq!((listed("anna"), listed("erin")), (both.clone(), both.clone()));
    assert_eq!(institute.last_record("list-objects", Some("allow"))["caller"], "erin");
    for (name, says) in [
        ("bob", "bob is not an administrator"),
        ("fred", "the training of fred ended on"),
        ("carla", "no trusted issuer has verified"),
    ] {
        let refused = institute.run(name, &["ls"]);
        refused.failed(4, &[says]);
        assert!(!refused.out.contains("b3:") && !refused.err.contains("P012"), "{}{}", refused.out, refused.err);
        assert!(!institute.records("list-objects", Some("deny")).is_empty());
    }
    // What the project may not use is not shown to its members, but to who keeps the store.
    institute.site.edit_registry("projects.yaml", "[trial-7, genomes]", "[genomes]");
    assert_eq!((listed("anna"), listed("erin")), (vec![genome], both));
}

#[test]
fn runs_are_shown_to_members_of_their_project() {
    let institute = Institute::with_network(&["anna", "bob", "erin"]);
    let address = institute.put("anna", "reads.fa", READS, "P012");
    let (workflow, job) = (institute.site.write("last.cwl", LAST_LINE), institute.job(&address));
    institute.succeed("anna", &[&["run", &workflow, &job, "--dataset", "trial-7"][..], &OF_PROJECT].concat());
    let runs = institute.succeed("anna", &["status", "--json"]).json();
    let run = runs[0]["run"].as_str().unwrap().to_owned();
    assert_eq!(institute.succeed("erin", &["status", "--json"]).json(), runs);
    assert_eq!(institute.last_record("list-runs", Some("allow"))["caller"], "erin");
    institute.succeed("anna", &["status", &run]);
    assert_eq!(institute.last_record("show-run", Some("allow"))["run"], json!(run));
    institute.run("bob", &["status"]).failed(4, &["bob is not an administrator"]);
    let refused = institute.run("bob", &["status", &run[..run.len() - 1]]);
    refused.failed(4, &["bob is not a member of the project neuroblastoma"]);
    assert!(!refused.out.contains("last.cwl") && !refused.err.contains("last.cwl"));
    assert_eq!(institute.last_record("show-run", Some("deny"))["run"], json!(run));
    // Whoever is a member of another project sees its runs alone.
    let other = "projects:\n  other:\n    purpose: research\n    members: [anna]\n    datasets: []\n    \
                 from: '2020-01-01'\n    until: '2090-01-01'\n    approval: DAC-2\n";
    institute.site.edit_registry("projects.yaml", "projects:\n", other);
    institute.site.edit_registry("projects.yaml", "members: [anna, fred]", "members: [fred]");
    assert_eq!(institute.succeed("anna", &["status", "--json"]).json(), json!([]));
}

#[test]
fn runs_are_found_by_members_of_their_project() {
    let institute = Institute::with_network(&["anna", "bob", "erin"]);
    let address = institute.put("anna", "reads.fa", READS, "P012");
    let (workflow, job) = (institute.site.write("last.cwl", LAST_LINE), institute.job(&address));
    institute.succeed("anna", &[&["run", &workflow, &job, "--dataset", "trial-7"][..], &OF_PROJECT].concat());
    let find = ["find", "runs", "--dataset", "trial-7", "--json"];
    let found = institute.succeed("anna", &find).json();
    assert_eq!((found.as_array().unwrap().len(), &found[0]["workflow"]), (1, &json!("last.cwl")), "{found}");
    assert_eq!(institute.succeed("erin", &find).json(), found);
    assert_eq!(institute.last_record("list-runs", Some("allow"))["caller"], "erin");
    let refused = institute.run("bob", &find);
    refused.failed(4, &["bob is not an administrator"]);
    assert!(!refused.out.contains("last.cwl") && !refused.out.contains("neuroblastoma"), "{}", refused.out);
    assert_eq!(institute.last_record("list-runs", Some("deny"))["caller"], "bob");
    let other = "projects:\n  other:\n    purpose: research\n    members: [anna]\n    datasets: []\n    \
                 from: '2020-01-01'\n    until: '2090-01-01'\n    approval: DAC-2\n";
    institute.site.edit_registry("projects.yaml", "projects:\n", other);
    institute.site.edit_registry("projects.yaml", "members: [anna, fred]", "members: [fred]");
    assert_eq!(institute.succeed("anna", &find).json(), json!([]));
}

#[test]
fn the_store_is_looked_through_and_pinned_by_who_keeps_it() {
    let institute = Institute::with_network(&["anna", "erin"]);
    let address = institute.put("anna", "reads.fa", READS, "P012");
    let pinned = institute.last_record("pinned", None);
    assert!(pinned["permit"].is_u64() && pinned["objects"] == json!([address]), "what is put is pinned: {pinned}");
    for (action, arguments) in [
        ("survey-store", &["store", "du"][..]),
        ("survey-store", &["store", "du", "--by", "dataset"]),
        ("survey-store", &["store", "pins"]),
        ("survey-store", &["store", "gc", "--dry-run"]),
        ("pin", &["store", "pin", &address, "--reason", "Figure 2"]),
        ("unpin", &["store", "unpin", &address]),
    ] {
        let refused = institute.run("anna", arguments);
        refused.failed(4, &["anna is not an administrator"]);
        assert!(!refused.out.contains("b3:") && !refused.out.contains("trial-7"), "{}", refused.out);
        institute.succeed("erin", arguments);
        assert_eq!(institute.last_record(action, Some("allow"))["caller"], "erin", "{action}");
    }
    assert_eq!(institute.last_record("survey-store", Some("deny"))["caller"], "anna");
    assert_eq!(institute.last_record("pin", Some("deny"))["objects"], json!([address]));
    assert_eq!(institute.succeed("erin", &["store", "pins", "--json"]).json(), json!([]));
}

#[test]
fn requests_are_shown_to_who_made_them_and_who_decides_and_subjects_to_stewards() {
    let institute = Institute::with_network(&["anna", "bob", "carla"]);
    let address = institute.put("anna", "reads.fa", READS, "P012");
    let (workflow, job) = (institute.site.write("last.cwl", LAST_LINE), institute.job(&address));
    let run = ["run", &workflow, &job, "--dataset", "trial-7"];
    let made = addresses(&institute.run("anna", &[&run[..], &OF_PROJECT].concat()).json()).remove(0);
    institute.succeed(
        "anna",
        &[&["airlock", "ask", &made, "--output", "figures", "--reason", "Figure 2"][..], &OF_PROJECT].concat(),
    );
    for name in ["anna", "bob"] {
        assert_eq!(institute.succeed(name, &["airlock", "list", "--json"]).json()[0]["reason"], "Figure 2");
        assert_eq!(institute.last_record("list-requests", Some("allow"))["caller"], name);
    }
    let refused = institute.run("carla", &["airlock", "list"]);
    refused.failed(4, &["carla is not an administrator"]);
    assert!(!refused.err.contains("Figure 2"), "{}", refused.err);
    // A member of the same project sees their own, and there are none.
    institute.site.edit_registry("projects.yaml", "members: [anna, fred]", "members: [anna, carla]");
    institute.site.edit_registry("people.yaml", "roles: [steward]", &format!("roles: [steward]\n    {}", training()));
    assert_eq!(institute.succeed("carla", &["airlock", "list", "--json"]).json(), json!([]));

    let refused = institute.run("anna", &["erase", "P012"]);
    refused.failed(4, &["anna is not a data steward"]);
    assert!(!refused.out.contains(&address), "{}", refused.out);
    assert_eq!(institute.last_record("plan-erasure", Some("deny"))["subjects"], json!(["P012"]));
    assert!(institute.succeed("carla", &["erase", "P012"]).out.contains(&address));
    assert_eq!(institute.last_record("plan-erasure", Some("allow"))["caller"], "carla");
}
