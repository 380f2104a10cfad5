//! A site whose store is in a bucket, over a real server.

use std::fs;

use crate::{
    servers::{self, Server},
    test_site::TestSite,
};

/// A site without a store yet, and a server with a bucket in `region`.
fn site_and_server(region: &str) -> (TestSite, Server) {
    let site = TestSite::new();
    fs::remove_dir_all(site.site()).unwrap();
    (site, servers::amazon(region))
}

fn init(server: &str, region: &str) -> Vec<String> {
    let words = ["init", "--country", "NL", "--allow-unencrypted-swap", "--store", "s3://a-bucket/sluis"];
    let more = ["--region", region, "--endpoint", server];
    words.into_iter().chain(more).map(str::to_owned).collect()
}

#[test]
fn a_run_keeps_everything_in_the_bucket_and_finds_it_there_again() {
    let (site, server) = site_and_server("eu-central-1");
    let address = format!("http://{}", server.address);
    let made = site.run(init(&address, "eu-central-1"));
    assert_eq!(made.code, Some(0), "{}", made.err);
    site.write("reads.txt", "b\na\n");
    let tool = site.write(
        "sort.cwl",
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: sort\ninputs: {reads: {type: File, inputBinding: {}}}\n\
         outputs: {out: stdout}\nstdout: sorted.txt\n",
    );
    let inputs = site.write("in.yml", "reads: {class: File, path: reads.txt}\n");
    let outputs = site.run(["run", &tool, &inputs]).json();
    let again = site.run(["run", &tool, &inputs]);
    assert_eq!(again.json(), outputs);
    assert!(again.err.contains("every task found in the cache"), "{}", again.err);
    let (sorted, to) = (outputs["out"]["location"].as_str().unwrap(), site.path("sorted.txt"));
    assert_eq!(site.run(["export", sorted, "--to", to.to_str().unwrap()]).code, Some(0));
    assert_eq!(fs::read_to_string(to).unwrap(), "a\nb\n");
    assert!(!site.site().join("store").exists(), "nothing of the store is in the site's folder");
    for command in [["store", "check"], ["store", "gc"], ["store", "du"], ["audit", "verify"]] {
        let ran = site.run(command);
        assert_eq!(ran.code, Some(0), "{command:?}: {}", ran.err);
    }
    let other = TestSite::new();
    fs::remove_dir_all(other.site()).unwrap();
    other.run(init(&address, "eu-central-1")).failed(6, &["s3://a-bucket/sluis"]);
    assert!(!other.site().join("site.yaml").exists(), "two sites cannot share a place");
}

#[test]
fn a_bucket_outside_of_its_region_is_refused_and_that_is_written_down() {
    let (site, server) = site_and_server("us-west-2");
    let address = format!("http://{}", server.address);
    site.run(init(&address, "us-west-2")).failed(2, &["us-west-2"]);
    site.run(init(&address, "eu-central-1")).failed(4, &["s3://a-bucket/sluis", "us-west-2"]);
    assert!(!site.site().join("site.yaml").exists());

    let (site, server) = site_and_server("eu-central-1");
    assert_eq!(site.run(init(&format!("http://{}", server.address), "eu-central-1")).code, Some(0));
    let config = site.site().join("site.yaml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("region: eu-central-1", "region: eu-west-1")).unwrap();
    site.run(["ls"]).failed(4, &["must not be used", "eu-central-1"]);
    let log = fs::read_to_string(site.site().join("audit/log.jsonl")).unwrap();
    assert!(log.contains("use-store") && log.contains("deny"), "{log}");
}

#[test]
fn a_bucket_that_is_not_there_is_refused_by_name() {
    let (site, server) = site_and_server("eu-central-1");
    let address = format!("http://{}", server.address);
    assert_eq!(site.run(init(&address, "eu-central-1")).code, Some(0));
    let config = site.site().join("site.yaml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("s3://a-bucket/", "s3://no-bucket/")).unwrap();
    site.run(["ls"]).failed(4, &["s3://no-bucket/sluis", "does not say in which region"]);
}
