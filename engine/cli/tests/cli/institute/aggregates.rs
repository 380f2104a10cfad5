//! Outputs that leave as aggregates: by what the committee said beforehand, by labels and by sizes.

use std::fs;

use serde_json::json;

use super::Institute;
use crate::test_site::{Ran, addresses};

const OF_PROJECT: [&str; 2] = ["--project", "neuroblastoma"];

/// How many lines there are.
const COUNT: &str = r#"
cwlVersion: v1.2
class: CommandLineTool
baseCommand: [wc, -l]
inputs:
  reads: {type: File}
stdin: $(inputs.reads.path)
outputs:
  out: {type: stdout}
stdout: count.txt
"#;

/// An institute whose committee lets counts of ten subjects leave, and a dataset that lists as many.
fn institute(names: &[&str]) -> Institute {
    let institute = Institute::with_network(names);
    let marked = "allowed-outputs: [figures, {output: counts, aggregate-of: 10, at-most: 40 B}, ";
    institute.site.edit_registry("projects.yaml", "allowed-outputs: [figures, ", marked);
    let more: String = (14..22).map(|number| format!("      P0{number}: {{consent: given}}\n")).collect();
    institute.site.edit_registry("datasets.yaml", "      P013:", &format!("{more}      P013:"));
    institute
}

/// A file of the first so many subjects.
fn put(institute: &Institute, subjects: usize, text: &str) -> String {
    let path = institute.site.write("reads.fa", text);
    let names: Vec<_> = (12..22).take(subjects).map(|number| format!("P0{number}")).collect();
    let subjects = names.iter().flat_map(|name| ["--subject", name]);
    let put = ["put", &path, "--dataset", "trial-7"].into_iter().chain(subjects).chain(OF_PROJECT);
    let put = institute.succeed("anna", &put.collect::<Vec<_>>());
    put.out.split_whitespace().next().unwrap().to_owned()
}

/// The count of a file's lines.
fn count_of(institute: &Institute, address: &str) -> String {
    let workflow = institute.site.write("count.cwl", COUNT);
    let job =
        institute.site.write("job.json", &json!({ "reads": { "class": "File", "location": address } }).to_string());
    let run = ["run", &workflow, &job, "--dataset", "trial-7"];
    addresses(&institute.run("anna", &[&run[..], &OF_PROJECT].concat()).json()).remove(0)
}

fn ask(institute: &Institute, address: &str, output: &str) -> String {
    let ask = ["airlock", "ask", address, "--output", output, "--reason", "Table 1"];
    institute.succeed("anna", &[&ask[..], &OF_PROJECT].concat()).out.trim().to_owned()
}

fn release(institute: &Institute, name: &str, id: &str) -> Ran {
    let outdir = institute.site.path("released").display().to_string();
    institute.run(name, &["airlock", "release", id, "--outdir", &outdir])
}

#[test]
fn an_aggregate_of_enough_subjects_leaves_without_a_second_person() {
    let institute = institute(&["anna", "bob"]);
    let count = count_of(&institute, &put(&institute, 10, "A\nC\nG\n"));
    let id = ask(&institute, &count, "counts");
    release(&institute, "bob", &id).failed(4, &["is by anna, not by bob"]);
    let released = release(&institute, "anna", &id);
    assert_eq!(released.code, Some(0), "{}", released.err);
    let [key, file] = [institute.site.path("anna.sec").display().to_string(), released.out.trim().to_owned()];
    assert_eq!(institute.site.run(["crypt", "decrypt", "--key", &key, &file]).out, "3\n");
    let record = institute.last_record("release", Some("allow"));
    assert_eq!(record["facts"]["aggregate"], "10 of at least 10 subjects, 2 of at most 40 bytes", "{record}");
    assert_eq!(record["subjects"].as_array().unwrap().len(), 10, "{record}");
    // The same under another name, or by another way out, does not.
    fs::remove_dir_all(institute.site.path("released")).unwrap();
    let figure = ask(&institute, &count, "figures");
    release(&institute, "anna", &figure).failed(4, &["nobody has decided about the request"]);
    let to = institute.site.path("count.txt").display().to_string();
    institute
        .run("anna", &[&["export", &count, "--to", &to][..], &OF_PROJECT].concat())
        .failed(4, &["nobody has approved this export by anna"]);
    // The committee can keep it in all the same.
    let refused = ask(&institute, &count, "counts");
    institute.succeed("bob", &["airlock", "refuse", &refused, "--reason", "ask me first"]);
    release(&institute, "anna", &refused).failed(4, &["bob refused the request"]);
    institute.site.edit_registry("datasets.yaml", "P012: {consent: given", "P012: {consent: withdrawn");
    release(&institute, "anna", &id).failed(4, &["the consent of the subject P012 was withdrawn"]);
}

#[test]
fn too_few_subjects_and_too_many_bytes_need_an_approval() {
    let institute = institute(&["anna", "bob"]);
    let of_few = count_of(&institute, &put(&institute, 9, "A\n"));
    let id = ask(&institute, &of_few, "counts");
    release(&institute, "anna", &id).failed(4, &["of 9 subjects, where 10 are asked for", "approved by a member"]);
    assert_eq!(institute.last_record("release", Some("deny"))["policies"], json!(["aggregate-of-many"]));
    // What was also made of fewer is of fewer.
    let same = count_of(&institute, &put(&institute, 10, "C\n"));
    assert_eq!(same, of_few, "one content has one address");
    let id = ask(&institute, &same, "counts");
    release(&institute, "anna", &id).failed(4, &["of 9 subjects, where 10 are asked for"]);
    institute.succeed("bob", &["airlock", "look", &id, &same]);
    institute.succeed("bob", &["airlock", "approve", &id, "--reason", "a number"]);
    assert_eq!(release(&institute, "anna", &id).code, Some(0));
    assert_eq!(institute.last_record("release", Some("allow"))["facts"]["aggregate"], json!(null));

    // Many small parts are one large one.
    let parts = ["A".repeat(19), "C".repeat(19), "G".repeat(19)];
    let parts = parts.map(|text| put(&institute, 10, &text));
    let ids = parts.each_ref().map(|part| ask(&institute, part, "counts"));
    release(&institute, "anna", &ids[0]).failed(4, &["59 bytes would leave, where 40 may"]);
    for id in &ids[1..] {
        institute.succeed("bob", &["airlock", "refuse", id, "--reason", "no counts"]);
    }
    assert_eq!(release(&institute, "anna", &ids[0]).code, Some(0));
}
