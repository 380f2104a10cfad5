//! The tool image: reproducible, as the lock says, and its tools run.

use std::{fs, path::Path, process::Command};

use bollard::{
    Docker,
    models::{ContainerCreateBody, HostConfig},
    query_parameters::{LogsOptionsBuilder, RemoveContainerOptionsBuilder},
};
use futures_util::TryStreamExt;

#[test]
fn two_builds_give_the_same_bytes_and_the_locked_identifier() {
    for name in ["genomics", "debian", "bash", "python"] {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let image = sluis_containers::build(name, one.path()).unwrap();
        assert_eq!(sluis_containers::build(name, other.path()).unwrap(), image);
        let read = |folder: &Path| fs::read(folder.join(format!("{name}.tar"))).unwrap();
        assert!(read(one.path()) == read(other.path()), "the archives of {name} differ");
        assert_eq!(Some(image), sluis_containers::reference(name).unwrap().id);
    }
}

#[test]
fn a_definition_that_does_not_exist_is_named() {
    let error = sluis_containers::build("../genomics", Path::new(".")).unwrap_err();
    assert!(error.to_string().contains("no image definition `../genomics`"), "{error}");
}

#[test]
fn demonstration_data_are_the_known_files() {
    let data = sluis_containers::demonstration_data().unwrap();
    assert!(fs::read_to_string(data.reference_fasta).unwrap().starts_with(">q\n"));
    let truth = fs::read_to_string(data.truth_vcf).unwrap();
    assert_eq!(truth.lines().filter(|line| !line.starts_with('#')).count(), 14);
    assert_eq!(fs::metadata(data.reads_bam).unwrap().len(), 287_213);
}

#[test]
fn several_may_ask_for_the_image_at_once() {
    let images: Vec<_> = std::thread::scope(|scope| {
        let askers: Vec<_> = (0..4).map(|_| scope.spawn(|| sluis_containers::ensure("genomics").unwrap())).collect();
        askers.into_iter().map(|asker| asker.join().unwrap()).collect()
    });
    assert!(images.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn every_tool_starts_without_network_root_or_a_writable_system() {
    let image = sluis_containers::ensure("genomics").unwrap();
    let script = "set -e; id -u; for tool in bash sh awk sed grep find gzip sort bgzip tabix; do command -v $tool; done; \
        samtools --version | head -1; bcftools --version | head -1; freebayes --version; fastp --version 2>&1; \
        bwa 2>&1 | grep Version; awk 'BEGIN { print \"awk runs\" }'; cmp /etc/passwd /etc/passwd";
    let said = run(image.as_str(), &["/bin/sh", "-c", script]).await.unwrap();
    for expected in ["1000", "samtools 1.16.1", "bcftools 1.16", "v1.3.6", "fastp 0.23.2", "0.7.17", "awk runs"] {
        assert!(said.contains(expected), "`{expected}` is missing in:\n{said}");
    }
}

#[tokio::test]
async fn the_stand_ins_hold_what_the_standards_tests_call() {
    for (name, call) in [
        (
            "debian",
            &["/bin/sh", "-c", "set -e; echo a b | awk '{ print $2 }'; tar --version; hostname; bash -c true"][..],
        ),
        ("python", &["python", "-c", "import json, pathlib, sys; print(sys.version_info.major)"]),
        ("bash", &["-c", "echo ${BASH_VERSION:?}"]),
        ("bash", &["echo", "said"]),
    ] {
        let image = sluis_containers::ensure(name).unwrap();
        assert!(!run(image.as_str(), call).await.unwrap().is_empty(), "{name}");
    }
}

#[test]
fn names_stand_for_an_image_afterwards_and_a_tool_image_stands_in_for_none() {
    for name in ["debian", "bash", "python"] {
        sluis_containers::ensure_stand_in(name).unwrap();
    }
    let said = sluis_containers::ensure_stand_in("genomics").unwrap_err().to_string();
    assert!(said.contains("genomics/stand-in` does not exist"), "{said}");
}

#[test]
fn a_daemon_that_does_not_answer_is_told_with_what_to_do() {
    let said = ask_with("ask_for_the_image", "DOCKER_HOST", "unix:///nonexistent/docker.sock");
    assert!(said.contains("the Docker daemon does not answer: is it running"), "{said}");
}

#[test]
fn a_machine_without_apt_is_told_so() {
    let empty = tempfile::tempdir().unwrap();
    let said = ask_with("ask_for_the_data", "PATH", empty.path().to_str().unwrap());
    assert!(said.contains("cannot start `apt-config`: the tool image is built from Debian packages"), "{said}");
}

/// What one of the tests below says when it runs in a process of its own, with one variable of the environment changed
/// and a target folder in which nothing is kept yet.
fn ask_with(test: &str, variable: &str, value: &str) -> String {
    let Ok(target) = tempfile::tempdir() else { return String::new() };
    let output = Command::new(std::env::current_exe().unwrap_or_default())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env("CARGO_TARGET_DIR", target.path())
        .env(variable, value)
        .output();
    output.map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).unwrap_or_default()
}

#[test]
#[ignore = "run by the test that changes its environment"]
fn ask_for_the_image() {
    sluis_containers::ensure("genomics").map_err(|error| eprintln!("{error}")).ok();
}

#[test]
#[ignore = "run by the test that changes its environment"]
fn ask_for_the_data() {
    sluis_containers::demonstration_data().map_err(|error| eprintln!("{error}")).ok();
}

/// Runs a command in a locked-down container and gives both its streams; it must succeed.
async fn run(image: &str, command: &[&str]) -> Result<String, bollard::errors::Error> {
    let docker = Docker::connect_with_defaults()?.negotiate_version().await?;
    let body = ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: Some(command.iter().map(|&part| part.to_owned()).collect()),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            readonly_rootfs: Some(true),
            cap_drop: Some(vec!["ALL".to_owned()]),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let id = docker.create_container(None, body).await?.id;
    docker.start_container(&id, None).await?;
    let ends: Vec<_> = docker.wait_container(&id, None).try_collect().await?;
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).build();
    let said: String = docker.logs(&id, Some(options)).map_ok(|line| line.to_string()).try_collect().await?;
    docker.remove_container(&id, Some(RemoveContainerOptionsBuilder::new().force(true).build())).await?;
    assert!(ends.iter().all(|end| end.status_code == 0), "{said}");
    Ok(said)
}
