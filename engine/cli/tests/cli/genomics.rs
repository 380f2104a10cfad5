//! The shipped genomic workflows on real reads, in containers.

use std::{fs, path::Path};

use serde_json::{Value as Json, json};

use crate::test_site::{TestSite, addresses, provide_tool_image, workflows};

fn file(path: &Path, format: &str) -> Json {
    json!({ "class": "File", "path": path, "format": format!("http://edamontology.org/format_{format}") })
}

/// The counts that the workflows' comparison with a truth set gives.
fn comparison(site: &TestSite, outputs: &Json) -> (u64, u64, u64) {
    let to = site.path("comparison.json");
    let address = outputs["comparison"]["location"].as_str().unwrap();
    let _ = fs::remove_file(&to);
    assert_eq!(site.run(["export", address, "--to", &to.display().to_string()]).code, Some(0));
    let counts: Json = serde_json::from_slice(&fs::read(&to).unwrap()).unwrap();
    let count = |name: &str| counts[name].as_u64().unwrap();
    (count("true_positives"), count("misses"), count("extras"))
}

#[test]
fn all_14_truth_variants_are_found_and_a_second_run_finds_every_task_in_the_cache() {
    provide_tool_image();
    let data = sluis_containers::demonstration_data().unwrap();
    let site = TestSite::new();
    let inputs = json!({
        "reads": file(&data.reads_bam, "2572"),
        "reference": file(&data.reference_fasta, "1929"),
        "truth": file(&data.truth_vcf, "3016"),
    });
    let inputs = site.write("inputs.json", &inputs.to_string());
    let workflow = workflows().join("demonstration.cwl").display().to_string();
    // Two at the same time on one site.
    let both = [(); 2].map(|()| site.command(["run", &workflow, &inputs]).spawn().unwrap());
    let both = both.map(|child| crate::test_site::Ran::of(&child.wait_with_output().unwrap()));
    let outputs = both[0].json();
    assert_eq!(outputs, both[1].json(), "two runs at the same time give the same addresses");
    assert_eq!(comparison(&site, &outputs), (14, 0, 2));

    let second = site.run(["run", &workflow, &inputs]);
    assert_eq!(second.json(), outputs);
    assert!(second.err.contains("every task found in the cache"), "{}", second.err);

    provenance_goes_back_to_what_was_taken_in(&site, &outputs);
    a_damaged_output_is_refused_and_made_anew(&site, &workflow, &inputs, &outputs);
}

fn provenance_goes_back_to_what_was_taken_in(site: &TestSite, outputs: &Json) {
    let variants = outputs["variants"]["location"].as_str().unwrap();
    let lineage = site.run(["provenance", variants, "--json"]).json();
    let tasks = lineage["tasks"].as_array().unwrap();
    let image = sluis_containers::reference("genomics").unwrap().id.unwrap();
    assert!(tasks.len() > 5, "{lineage:#}");
    for task in tasks {
        assert_eq!((task["image"].as_str(), task["region"].as_str()), (Some(image.as_str()), Some("NL")));
    }
    let origins = lineage["origins"].as_array().unwrap();
    assert_eq!(origins.len(), 2, "reads and reference: {origins:#?}");
    assert!(site.run(["provenance", variants]).out.contains("taken in as personal"));
    let runs = site.run(["status", "--json"]).json();
    let run = runs[0]["run"].as_str().unwrap();
    assert!(site.run(["provenance", run]).out.contains("bwa"));
}

fn a_damaged_output_is_refused_and_made_anew(site: &TestSite, workflow: &str, inputs: &str, outputs: &Json) {
    let address = outputs["variants"]["location"].as_str().unwrap();
    let body = site.body(address);
    let mut bytes = fs::read(&body).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&body, bytes).unwrap();
    let to = site.path("damaged").display().to_string();
    site.run(["export", address, "--to", &to]).failed(5, &[address, "damaged", "set aside"]);
    assert!(!Path::new(&to).exists(), "nothing of a damaged object is written");
    let again = site.run(["run", workflow, inputs]);
    assert_eq!(&again.json(), outputs);
    assert!(!again.err.contains("every task found"), "{}", again.err);
    assert_eq!(site.run(["export", address, "--to", &to]).code, Some(0));
}

#[test]
fn variants_spiked_into_a_tumour_are_found() {
    provide_tool_image();
    let site = TestSite::new();
    let data = sluis_testdata::spiked_tumour(&site.path("tmp")).unwrap();
    let fastq = |path: &Path| file(path, "1930");
    let inputs = json!({
        "tumour_1": fastq(&data.tumour_1), "tumour_2": fastq(&data.tumour_2),
        "normal_1": fastq(&data.normal_1), "normal_2": fastq(&data.normal_2),
        "reference": file(&data.reference, "1929"),
    });
    let inputs = site.write("inputs.json", &inputs.to_string());
    let workflow = workflows().join("somatic.cwl").display().to_string();
    let outputs = site.run(["run", &workflow, &inputs]).json();
    let called = outputs["variants"]["location"].as_str().unwrap();
    assert!(addresses(&outputs).len() > 2);

    let compare = json!({
        "calls": { "class": "File", "location": called, "basename": outputs["variants"]["basename"],
                   "format": "http://edamontology.org/format_3016" },
        "truth": file(&data.truth, "3016"),
        "reference": file(&data.reference, "1929"),
    });
    let compare = site.write("compare.json", &compare.to_string());
    let workflow =
        site.write("compare.cwl", &COMPARE.replace("TOOLS", &workflows().join("tools").display().to_string()));
    let compared = site.run(["run", &workflow, &compare]).json();
    let (found, missed, extra) = comparison(&site, &compared);
    assert!(found >= 28 && missed <= 2 && extra <= 2, "{found} found, {missed} missed, {extra} extra");
}

/// Indexes the reference and compares calls with a truth set.
const COMPARE: &str = "
cwlVersion: v1.2
class: Workflow
inputs: {calls: File, truth: File, reference: File}
outputs: {comparison: {type: File, outputSource: compare/comparison}}
steps:
  index: {run: TOOLS/faidx.cwl, in: {reference: reference}, out: [indexed]}
  compare:
    run: TOOLS/compare-variants.cwl
    in: {reference: index/indexed, calls: calls, truth: truth}
    out: [comparison]
";
