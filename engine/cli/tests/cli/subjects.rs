//! Subjects, grants and erasure, through the command line.

use std::fs;

use serde_json::json;

use crate::test_site::{TestSite, addresses};

const COPY: &str = r#"
cwlVersion: v1.2
class: CommandLineTool
baseCommand: cat
inputs:
  reads: {type: File, inputBinding: {}}
outputs:
  out: {type: stdout}
stdout: variants.txt
"#;

fn site_with_subject() -> TestSite {
    let site = TestSite::new();
    site.edit_registry(
        "datasets.yaml",
        "datasets:\n",
        "datasets:\n  trial-7:\n    description: Trial 7.\n    consent: given\n    subjects:\n      P012: {consent: given}\n  \
         genomes:\n    description: Reference genomes.\n    class: public\n",
    );
    site.edit_registry("projects.yaml", "datasets: [personal", "datasets: [personal, trial-7");
    site
}

#[test]
fn what_was_made_of_a_subjects_data_is_listed_erased_and_proven_gone() {
    let site = site_with_subject();
    let reads = site.write("reads.txt", "ACGT\n");
    let put = site.run(["put", &reads, "--dataset", "trial-7", "--subject", "P012"]);
    let address = put.out.split_whitespace().next().unwrap().to_owned();
    let inputs = site.write("inputs.json", &format!("{{reads: {{class: File, location: '{address}'}}}}"));
    let workflow = site.write("copy.cwl", COPY);
    assert_eq!(addresses(&site.run(["run", &workflow, &inputs]).json()), std::slice::from_ref(&address));
    let shown = site.run(["show", &address]);
    assert!(shown.out.contains("trial-7 of P012"), "{}", shown.out);

    let plan = site.run(["erase", "P012"]);
    assert!(plan.out.contains(&address) && plan.err.contains("Nothing was changed"), "{}{}", plan.out, plan.err);
    let planned = site.run(["erase", "P012", "--json"]).json();
    assert!(planned["objects"].as_array().unwrap().len() >= 2, "the output objects are the subject's, too: {planned}");
    site.run(["erase", "P012", "--yes"]).failed(4, &["consent of the subject P012 is not withdrawn"]);
    site.edit_registry("datasets.yaml", "P012: {consent: given", "P012: {consent: withdrawn");
    site.run(["run", &workflow, &inputs]).failed(4, &["P012"]);
    let erased = site.run(["erase", "P012", "--yes"]);
    assert!(erased.err.contains("No object of the store carries the label of P012"), "{}", erased.err);
    site.run(["show", &address]).failed(2, &["there is no object"]);
    assert!(!site.run(["ls"]).out.contains("P012"));
    assert_eq!(site.run(["audit", "verify"]).code, Some(0));
}

#[test]
fn a_granted_object_is_exported_sealed_for_its_recipient() {
    let site = site_with_subject();
    let reads = site.write("reads.txt", "ACGT\n");
    let put = site.run(["put", &reads]);
    let address = put.out.split_whitespace().next().unwrap();
    let [sk, pk, to] = ["me.sec", "me.pub", "reads.c4gh"].map(|name| site.path(name).display().to_string());
    assert_eq!(site.run(["crypt", "keygen", "--no-passphrase", "--sk", &sk, "--pk", &pk]).code, Some(0));
    let export = || site.run(["export", "--sealed", address, "--to", &to]);
    export().failed(4, &["was not granted", "sluis grant"]);
    assert_eq!(site.run(["grant", address, "--recipient", &pk]).out.len(), 65);
    assert_eq!(export().code, Some(0));
    let decrypted = site.run(["crypt", "decrypt", "--key", &sk, &to]);
    assert_eq!(decrypted.out, "ACGT\n", "{}", decrypted.err);
    assert_eq!(site.run(["revoke", address, "--recipient", &pk]).out, "");
    fs::remove_file(&to).unwrap();
    export().failed(4, &["was not granted"]);
}

#[test]
fn the_plan_of_a_withdrawal_names_to_whom_the_subjects_data_were_granted() {
    let site = site_with_subject();
    let reads = site.write("reads.txt", "ACGT\n");
    let put = site.run(["put", &reads, "--dataset", "trial-7", "--subject", "P012"]);
    let address = put.out.split_whitespace().next().unwrap();
    let [sk, pk] = ["me.sec", "me.pub"].map(|name| site.path(name).display().to_string());
    assert_eq!(site.run(["crypt", "keygen", "--no-passphrase", "--sk", &sk, "--pk", &pk]).code, Some(0));
    let planned = || site.run(["withdraw", "P012", "--plan", "--json"]).json();
    assert_eq!((&planned()["granted"], &planned()["runs"]), (&json!([]), &json!([])));
    let key = site.run(["grant", address, "--recipient", &pk]).out.trim().to_owned();
    assert_eq!(planned()["granted"], json!([{ "address": address, "recipient": key }]));
    let told = site.run(["withdraw", "P012", "--plan"]).out;
    assert!(told.contains(&format!("{address} was granted to {key}")), "{told}");
}

#[test]
fn public_inputs_give_public_outputs_and_need_no_grant() {
    let site = site_with_subject();
    let genome = site.write("genome.txt", ">chr1\nACGT\n");
    let put = site.run(["put", &genome, "--dataset", "genomes"]);
    let address = put.out.split_whitespace().next().unwrap();
    let inputs = site.write("inputs.json", &format!("{{reads: {{class: File, location: '{address}'}}}}"));
    let workflow = site.write("copy.cwl", &COPY.replace("baseCommand: cat", "baseCommand: [tail, -n, '1']"));
    let out = addresses(&site.run(["run", &workflow, &inputs, "--dataset", "genomes"]).json()).remove(0);
    assert_eq!(fs::read_to_string(site.body(&out)).unwrap(), "ACGT\n");
    let shown = site.run(["show", &out]);
    assert!(shown.out.contains("genomes") && shown.out.contains("verified"), "{}", shown.out);
}
