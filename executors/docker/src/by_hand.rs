//! The `docker run` that starts a launch's container by hand: the request to the daemon, word by word.

use bollard::models::{DeviceRequest, HostConfig, Mount, MountType};
use sluis_executor::{ByHand, CommandUser, Launch, shell_word, shell_words};
use sluis_model::ImageId;

use crate::{container, image::ImageFacts};

/// The command. Of volumes that the image declares the daemon makes some itself, and removes them with the container.
pub(crate) fn of_launch(launch: &Launch, image: &ImageId, is_limited: bool) -> ByHand {
    let facts = ImageFacts { volumes: Vec::new() };
    let container = container::of_launch(launch, image, &facts, CommandUser::of_commands());
    let environment = container.env.unwrap_or_default();
    // A name without a value is one that the command is not to have. `docker` would give it the shell's.
    let taken_away = environment.iter().filter(|variable| !variable.contains('='));
    let mut words: Vec<String> = taken_away.flat_map(|name| ["-u".to_owned(), name.clone()]).collect();
    if !words.is_empty() {
        words.insert(0, "env".to_owned());
    }
    words.extend(["docker", "run", "--rm", "--no-healthcheck"].map(str::to_owned));
    words.extend(container.open_stdin.unwrap_or(false).then(|| "--interactive".to_owned()));
    words.extend(option("hostname", container.hostname));
    if let Some(host) = container.host_config {
        words.extend(host_words(host, is_limited));
    }
    words.extend(option("workdir", container.working_dir));
    for variable in environment {
        words.extend(option("env", Some(variable)));
    }
    // The folders belong to whoever types this, and not to the engine.
    let user = "--user \"$(id -u):$(id -g)\"";
    let command = container.cmd.unwrap_or_default();
    let start = format!("{} {user} {} {}", shell_words(words), shell_word(image.as_str()), shell_words(command));
    ByHand { start, ..ByHand::default() }
}

fn host_words(host: HostConfig, is_limited: bool) -> Vec<String> {
    let mut words = Vec::new();
    let mut add = |name: &str, value: Option<String>| words.extend(option(name, value));
    add("network", host.network_mode);
    add("ipc", host.ipc_mode);
    add("log-driver", host.log_config.and_then(|log| log.typ));
    host.cap_drop.into_iter().flatten().for_each(|dropped| add("cap-drop", Some(dropped)));
    host.security_opt.into_iter().flatten().for_each(|option| add("security-opt", Some(option)));
    add("shm-size", host.shm_size.map(|bytes| format!("{bytes}b")));
    add("pids-limit", host.pids_limit.map(|most| most.to_string()));
    for limit in host.ulimits.into_iter().flatten() {
        let number = |number: Option<i64>| number.unwrap_or_default();
        add("ulimit", limit.name.map(|name| format!("{name}={}:{}", number(limit.soft), number(limit.hard))));
    }
    if is_limited {
        add("memory", host.memory.map(|bytes| format!("{bytes}b")));
        add("memory-swap", host.memory_swap.map(|bytes| format!("{bytes}b")));
        add("cpus", host.nano_cpus.map(|nano| (nano as f64 / 1e9).to_string()));
    }
    host.device_requests.into_iter().flatten().for_each(|request| add("gpus", Some(gpus(request))));
    host.mounts.into_iter().flatten().for_each(|mount| add("mount", Some(mount_value(mount))));
    words.extend(host.readonly_rootfs.filter(|is_so| *is_so).map(|_| "--read-only".to_owned()));
    words
}

/// An option with its value, if it has one.
fn option(name: &str, value: Option<String>) -> impl Iterator<Item = String> {
    value.into_iter().flat_map(move |value| [format!("--{name}"), value])
}

fn mount_value(mount: Mount) -> String {
    let kind = if mount.typ == Some(MountType::TMPFS) { "tmpfs" } else { "bind" };
    let mode = mount.tmpfs_options.and_then(|options| options.mode).map(|mode| format!("tmpfs-mode={mode:o}"));
    let fields = [
        Some(format!("type={kind}")),
        mount.source.map(|source| format!("source={source}")),
        mount.target.map(|target| format!("target={target}")),
        mount.read_only.filter(|is_so| *is_so).map(|_| "readonly".to_owned()),
        mode,
    ];
    csv(fields.into_iter().flatten())
}

/// What `--gpus` takes, which adds the capability `gpu` itself.
fn gpus(request: DeviceRequest) -> String {
    let capabilities = request.capabilities.into_iter().flatten().flatten();
    let others: Vec<String> = capabilities.filter(|capability| capability != "gpu").collect();
    let fields = [
        request.device_ids.map(|ids| format!("device={}", ids.join(","))),
        request.driver.map(|driver| format!("driver={driver}")),
        Some(format!("capabilities={}", others.join(","))),
    ];
    csv(fields.into_iter().flatten())
}

/// Fields as the options of `docker` take them: of those with a comma or a quote each is quoted.
fn csv(fields: impl Iterator<Item = String>) -> String {
    let quoted = |field: String| {
        if field.contains([',', '"']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
    };
    fields.map(quoted).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use sluis_executor::{Folders, MountPoint};
    use sluis_model::{CommandLine, Gpu, Mebibytes, MilliCores, Resources, TaskId};

    use super::*;

    fn launch() -> Launch {
        let folder = |name: &str| format!("/dev/shm/a,b/{name}").into();
        Launch {
            engine: "by-hand".to_owned(),
            run: "20261127-101500-3fa2b1".parse().unwrap(),
            task: TaskId(3),
            command: CommandLine { arguments: vec!["echo".to_owned(), "a b".to_owned()], ..CommandLine::default() },
            image: None,
            folders: Folders {
                work: folder("work"),
                temporary: folder("tmp"),
                inputs: folder("in"),
                elsewhere: folder("elsewhere"),
            },
            work_directory: None,
            elsewhere: vec![MountPoint { path: "/etc/tool.conf".to_owned(), writable: false }],
            log: folder("log"),
            resources: Resources { cores: MilliCores(1500), memory: Mebibytes(64), ..Resources::default() },
            gpus: Some(["GPU-0a", "GPU-0b"].map(|uuid| Gpu { uuid: uuid.to_owned(), device: "/d".into() }).into()),
            time_limit: None,
            network: false,
        }
    }

    #[test]
    fn a_container_by_hand_has_what_the_daemon_is_asked_for() {
        let image: ImageId = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
        let launch = launch();
        let start = of_launch(&launch, &image, true).start;
        let words = shlex::split(&start).unwrap();
        for [option, value] in [
            ["-u", "HOSTNAME"],
            ["--env", "HOSTNAME"],
            ["--network", "none"],
            ["--cap-drop", "ALL"],
            ["--pids-limit", "4096"],
            ["--gpus", "\"device=GPU-0a,GPU-0b\",driver=nvidia,\"capabilities=compute,utility\""],
            ["--mount", "type=bind,\"source=/dev/shm/a,b/in\",target=/sluis/in,readonly"],
            ["--mount", "type=bind,\"source=/dev/shm/a,b/elsewhere/etc/tool.conf\",target=/etc/tool.conf,readonly"],
            ["--mount", "type=tmpfs,target=/tmp,tmpfs-mode=1777"],
            ["--workdir", "/sluis/work"],
            ["echo", "a b"],
        ] {
            assert!(words.windows(2).any(|two| two == [option, value]), "{option} {value} is missing in\n{start}");
        }
        assert!(words.iter().any(|word| word == "--read-only"), "{start}");
        assert!(start.contains(&format!("--memory {}b ", container::memory_limit(&launch))), "{start}");
        let unlimited = of_launch(&Launch { gpus: Some(Vec::new()), ..launch }, &image, false).start;
        assert!(!unlimited.contains("--memory") && !unlimited.contains("--gpus"), "{unlimited}");
        assert!(unlimited.contains("--env 'NVIDIA_VISIBLE_DEVICES=void'"), "{unlimited}");
    }
}
