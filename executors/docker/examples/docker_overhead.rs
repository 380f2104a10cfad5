//! Measures what the executor adds to the Docker calls that it makes: each round runs `true` in a container once by
//! the executor and once by the bare calls (create, attach, start, wait, remove), and the medians are compared.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example that measures prints what it found")]

use std::{path::Path, sync::Arc, time::Instant};

use bollard::{
    Docker,
    models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType},
    query_parameters::{AttachContainerOptionsBuilder, RemoveContainerOptionsBuilder, WaitContainerOptions},
};
use futures_util::StreamExt;
use sluis_executor::{
    Executor, Outcome,
    suite::{Bench, Subject},
};
use sluis_executor_docker::DockerExecutor;
use sluis_model::ImageId;

const ROUNDS: usize = 25;

struct Subjects(Arc<DockerExecutor>, ImageId);

impl Subject for Subjects {
    fn executor(&self) -> Arc<dyn Executor> {
        Arc::clone(&self.0) as Arc<dyn Executor>
    }

    fn image(&self) -> Option<ImageId> {
        Some(self.1.clone())
    }
}

#[tokio::main]
async fn main() {
    let image = sluis_containers::ensure("genomics").unwrap();
    let subject = Subjects(Arc::new(DockerExecutor::new()), image);
    let docker = Docker::connect_with_defaults().unwrap().negotiate_version().await.unwrap();
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let bench = Bench::of_arguments(&subject, &["true"]);
        let body = same_request(&bench);
        let before = Instant::now();
        assert_eq!(bench.run().await, Outcome::Exited(0));
        let with_executor = before.elapsed();
        let before = Instant::now();
        bare_calls(&docker, body).await;
        // The first round warms up.
        if round > 0 {
            ours.push(with_executor);
            bare.push(before.elapsed());
        }
    }
    ours.sort_unstable();
    bare.sort_unstable();
    let (ours, bare) = (ours[ROUNDS / 2].as_secs_f64() * 1e3, bare[ROUNDS / 2].as_secs_f64() * 1e3);
    println!("executor {ours:.1} ms, bare calls {bare:.1} ms: {:.3} times", ours / bare);
}

/// What the executor asks of the daemon, but for labels.
fn same_request(bench: &Bench) -> ContainerCreateBody {
    let bind = |(root, folder): (&str, &Path)| Mount {
        target: Some(root.to_owned()),
        source: Some(folder.to_string_lossy().into_owned()),
        typ: Some(MountType::BIND),
        ..Mount::default()
    };
    let tmp = Mount { target: Some("/tmp".to_owned()), typ: Some(MountType::TMPFS), ..Mount::default() };
    ContainerCreateBody {
        image: bench.launch.image.as_ref().map(ToString::to_string),
        entrypoint: Some(bench.launch.command.arguments.clone()),
        user: Some("65532:65532".to_owned()),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            readonly_rootfs: Some(true),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
            memory: Some(384 << 20),
            memory_swap: Some(384 << 20),
            nano_cpus: Some(1_000_000_000),
            pids_limit: Some(4096),
            log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
            mounts: Some(bench.launch.folders.roots().into_iter().map(bind).chain([tmp]).collect()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

async fn bare_calls(docker: &Docker, body: ContainerCreateBody) {
    let id = docker.create_container(None, body).await.unwrap().id;
    let options = AttachContainerOptionsBuilder::new().stream(true).stdout(true).stderr(true).build();
    let mut attached = docker.attach_container(&id, Some(options)).await.unwrap();
    docker.start_container(&id, None).await.unwrap();
    let _ = docker.wait_container(&id, None::<WaitContainerOptions>).next().await;
    while attached.output.next().await.is_some() {}
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    docker.remove_container(&id, Some(options)).await.unwrap();
}
