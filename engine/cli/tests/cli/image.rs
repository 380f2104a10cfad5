//! Tools in containers without a daemon, and the images they run in.

use std::fs;

use serde_json::json;

use crate::test_site::{Ran, TestSite, provide_sandbox_image};

/// A daemon that is not there.
const NO_DAEMON: (&str, &str) = ("DOCKER_HOST", "unix:///nowhere.sock");

/// A tool in the tool image that prints the version of a program of it.
fn tool() -> String {
    let image = sluis_containers::reference("genomics").unwrap();
    format!(
        "cwlVersion: v1.2\nclass: CommandLineTool\nbaseCommand: [samtools, --version-only]\ninputs: []\n\
         stdout: version\noutputs: {{version: {{type: stdout}}}}\n\
         requirements:\n  DockerRequirement: {{dockerPull: '{}', dockerImageId: '{}'}}\n",
        image.name,
        image.id.unwrap(),
    )
}

#[test]
fn a_tool_runs_in_its_container_where_no_daemon_answers() {
    provide_sandbox_image();
    let site = TestSite::new();
    let path = site.write("tool.cwl", &tool());
    let run = |arguments: &[&str], (name, value): (&str, &str)| {
        let all = ["run"].iter().chain(arguments).copied().chain([path.as_str()]);
        let output = site.command(all).env(name, value).current_dir(site.path("tmp")).output().unwrap();
        let ran = Ran::of(&output);
        (ran.json(), ran.err)
    };
    let (outputs, said) = run(&[], NO_DAEMON);
    assert!(said.contains("1 run, 0 cached"), "{said}");
    let address = outputs["version"]["location"].as_str().unwrap();
    let to = site.path("version");
    assert_eq!(site.run(["export", address, "--to", &to.display().to_string()]).code, Some(0));
    assert!(fs::read_to_string(to).unwrap().starts_with("1."));
    // The executor changes nothing of the result, and is no part of the task's key.
    let (again, said) = run(&["--executor", "sandbox"], ("UNUSED", ""));
    assert!(said.contains("0 run, 1 cached"), "{said}");
    assert_eq!(again, outputs);
    if sluis_containers::ensure("genomics").is_ok() {
        let (on_docker, said) = run(&["--executor", "docker"], ("UNUSED", ""));
        assert!(said.contains("0 run, 1 cached"), "{said}");
        assert_eq!(on_docker, outputs);
    }
}

#[test]
fn a_site_says_what_runs_tools_in_containers() {
    provide_sandbox_image();
    let site = TestSite::new();
    let path = site.write("tool.cwl", &tool());
    let file = site.site().join("site.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let run_with = |choice: &str| {
        fs::write(&file, format!("{text}containers: {choice}\nretries: {{infrastructure: 0}}\n")).unwrap();
        Ran::of(&site.command(["run", "--no-cache", &path]).env(NO_DAEMON.0, NO_DAEMON.1).output().unwrap())
    };
    assert_eq!(run_with("sandbox").code, Some(0));
    run_with("docker").failed(6, &["Docker"]);
    run_with("podman").failed(6, &["`containers`", "`podman`", "sandbox"]);
}

#[test]
fn images_are_loaded_listed_and_removed() {
    let site = TestSite::new();
    let archive = sluis_containers::archive("bash", &|_| ()).unwrap();
    let archive = archive.to_str().unwrap();
    let image = |arguments: &[&str]| {
        let all = ["--json", "image"].iter().chain(arguments);
        Ran::of(&site.command(all).env("SLUIS_IMAGES", site.path("images")).output().unwrap())
    };
    assert_eq!(image(&["list"]).json(), json!([]));
    let loaded = image(&["load", archive]).json();
    let name = loaded[0]["names"][0].as_str().unwrap().to_owned();
    assert_eq!(loaded[0]["id"], json!(sluis_containers::reference("bash").unwrap().id));
    assert!(loaded[0]["bytes"].as_u64().unwrap() > 1 << 20);
    assert_eq!(image(&["list"]).json(), loaded);
    assert_eq!(image(&["remove", &name]).json(), json!({ "id": loaded[0]["id"], "removed": true }));
    image(&["remove", &name]).failed(2, &[&name, "sluis image list"]);
    image(&["load", &site.write("no-image", "text")]).failed(6, &["no-image", "docker save"]);
    image(&["pull", "localhost:1/nothing:1"]).failed(6, &["localhost:1/nothing:1"]);
    image(&["pull", "No Name"]).failed(2, &["No Name"]);
}
