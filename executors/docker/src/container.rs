//! What a container is made of.

use std::{collections::HashMap, path::Path, thread};

use bollard::models::{
    ContainerCreateBody, DeviceRequest, HealthConfig, HostConfig, HostConfigLogConfig, Mount, MountTmpfsOptions,
    MountType, ResourcesUlimits,
};
use sluis_executor::{CommandUser, Launch, MountPoint};
use sluis_model::{INPUTS_ROOT, ImageId, WORK_ROOT};

use crate::image::ImageFacts;

/// The label that names the engine that made a container.
pub(crate) const ENGINE_LABEL: &str = "sluis.engine";
/// The label that names the run of a container.
pub(crate) const RUN_LABEL: &str = "sluis.run";
/// The label that names the task of a container.
pub(crate) const TASK_LABEL: &str = "sluis.task";
/// The variable by which NVIDIA's runtime is told which GPUs a container sees.
const VISIBLE_GPUS: &str = "NVIDIA_VISIBLE_DEVICES";

/// As many processes and threads as no honest tool needs, and few enough for the machine to stay usable.
const PROCESSES: i64 = 4096;
/// `/dev/shm`, in bytes: what Docker gives by default.
const SHARED_MEMORY: i64 = 64 << 20;
/// The least memory that the daemon accepts as a limit, in bytes.
const LEAST_MEMORY: i64 = 6 << 20;
/// The least share of the processors that the daemon accepts, in thousandths.
const LEAST_CORES: u64 = 10;

/// The request for a container that runs the launch's command and nothing else.
pub(crate) fn of_launch(
    launch: &Launch,
    image: &ImageId,
    facts: &ImageFacts,
    user: CommandUser,
) -> ContainerCreateBody {
    let command = &launch.command;
    let reads = command.stdin.is_some();
    // A name without a value takes the variable away that the daemon would set.
    let no_host_name = (!command.environment.contains_key("HOSTNAME")).then(|| "HOSTNAME".to_owned());
    // Where NVIDIA's runtime is the daemon's usual one, an image or a tool may ask for all GPUs by this variable.
    let has_none = launch.gpus.as_ref().is_some_and(Vec::is_empty);
    let no_gpus = has_none.then(|| format!("{VISIBLE_GPUS}=void"));
    let given = command.environment.iter().filter(|(name, _)| !(has_none && *name == VISIBLE_GPUS));
    let environment = given.map(|(name, value)| format!("{name}={value}"));
    ContainerCreateBody {
        image: Some(image.to_string()),
        hostname: Some("sluis".to_owned()),
        user: Some(format!("{}:{}", user.uid(), user.gid())),
        // Behind the image's entry point, if it has one, as every CWL engine does; never its own command.
        cmd: Some(command.arguments.clone()),
        env: Some(environment.chain(no_host_name).chain(no_gpus).collect()),
        working_dir: Some(launch.work_directory.clone().unwrap_or_else(|| WORK_ROOT.to_owned())),
        attach_stdin: Some(reads),
        open_stdin: Some(reads),
        stdin_once: Some(reads),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(false),
        // With another, a command whose daemon is stopped could end by itself and well, but before its time.
        stop_signal: Some("SIGKILL".to_owned()),
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }),
        labels: Some(HashMap::from([
            (ENGINE_LABEL.to_owned(), launch.engine.clone()),
            (RUN_LABEL.to_owned(), launch.run.to_string()),
            (TASK_LABEL.to_owned(), launch.task.to_string()),
        ])),
        host_config: Some(host_config(launch, facts)),
        ..ContainerCreateBody::default()
    }
}

fn host_config(launch: &Launch, facts: &ImageFacts) -> HostConfig {
    let memory = memory_limit(launch);
    HostConfig {
        network_mode: Some(if launch.network { "bridge" } else { "none" }.to_owned()),
        readonly_rootfs: Some(true),
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
        privileged: Some(false),
        ipc_mode: Some("private".to_owned()),
        memory: Some(memory),
        memory_swap: Some(memory),
        nano_cpus: Some(nano_cpus(launch)),
        pids_limit: Some(PROCESSES),
        // One byte and not none: the kernel writes no file for so little, and unlike with 0 it does not hand the dump
        // to a collecting program either (core(5)).
        ulimits: Some(vec![ResourcesUlimits { name: Some("core".to_owned()), soft: Some(1), hard: Some(1) }]),
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        shm_size: Some(SHARED_MEMORY),
        mounts: Some(mounts(launch, facts)),
        device_requests: gpus(launch),
        auto_remove: Some(false),
        ..HostConfig::default()
    }
}

/// Exactly the GPUs that it is given, by their identifiers, with the libraries of the driver that computing needs.
fn gpus(launch: &Launch) -> Option<Vec<DeviceRequest>> {
    let gpus = launch.gpus.as_ref().filter(|gpus| !gpus.is_empty())?;
    Some(vec![DeviceRequest {
        driver: Some("nvidia".to_owned()),
        device_ids: Some(gpus.iter().map(|gpu| gpu.uuid.clone()).collect()),
        capabilities: Some(vec![["gpu", "compute", "utility"].map(str::to_owned).to_vec()]),
        ..DeviceRequest::default()
    }])
}

/// The memory that was asked for and, as files of the task stand in memory too, the room for those.
pub(crate) fn memory_limit(launch: &Launch) -> i64 {
    let needs = launch.resources;
    let bytes =
        [needs.memory, needs.temporary, needs.work].iter().fold(0_u64, |sum, part| sum.saturating_add(part.bytes()));
    i64::try_from(bytes).unwrap_or(i64::MAX).max(LEAST_MEMORY)
}

fn nano_cpus(launch: &Launch) -> i64 {
    let present = thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64 * 1000;
    let cores = launch.resources.cores.0.min(present).max(LEAST_CORES);
    i64::try_from(cores.saturating_mul(1_000_000)).unwrap_or(i64::MAX)
}

fn mounts(launch: &Launch, facts: &ImageFacts) -> Vec<Mount> {
    let folders = &launch.folders;
    let mut mounts: Vec<_> =
        folders.roots().into_iter().map(|(root, folder)| bind(root, folder, root != INPUTS_ROOT)).collect();
    mounts.extend(launch.work_directory.as_deref().map(|path| bind(path, &folders.work, true)));
    if launch.work_directory.as_deref() != Some("/tmp") {
        mounts.push(in_memory("/tmp".to_owned()));
    }
    for MountPoint { path, writable } in &launch.elsewhere {
        mounts.extend(folders.host_path(path).map(|source| bind(path, &source, *writable)));
    }
    for path in &facts.volumes {
        let path = path.trim_end_matches('/');
        if path.starts_with('/') && !mounts.iter().any(|mount| mount.target.as_deref() == Some(path)) {
            mounts.push(in_memory(path.to_owned()));
        }
    }
    mounts
}

fn bind(target: &str, source: &Path, writable: bool) -> Mount {
    Mount {
        target: Some(target.to_owned()),
        source: Some(source.to_string_lossy().into_owned()),
        typ: Some(MountType::BIND),
        read_only: Some(!writable),
        ..Mount::default()
    }
}

fn in_memory(target: String) -> Mount {
    Mount {
        target: Some(target),
        typ: Some(MountType::TMPFS),
        tmpfs_options: Some(MountTmpfsOptions { size_bytes: None, mode: Some(0o1777), options: None }),
        ..Mount::default()
    }
}
