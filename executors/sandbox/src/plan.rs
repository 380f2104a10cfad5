//! What `bwrap` is asked for, for one launch.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sluis_executor::{CommandUser, ExecutorError, Launch, MountPoint};
use sluis_model::{INPUTS_ROOT, WORK_ROOT};

use crate::{
    bubblewrap::{Arguments, descriptor},
    images::Image,
    private_mounts::PrivateMounts,
    root::Root,
};

/// The host's name, as commands see it.
pub(crate) const HOST_NAME: &str = "sluis";
/// `/dev/shm`, in bytes: what Docker gives by default.
const SHARED_MEMORY: &str = "67108864";
/// The path of programs where neither the image nor the command sets one, as Docker has it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Lists that tell of the whole machine what is nobody's business in a container.
const HIDDEN: [&str; 3] = ["/proc/keys", "/proc/key-users", "/proc/timer_list"];

/// The devices that whoever uses a GPU needs besides the GPU's own.
const SHARED_BY_GPUS: [&str; 3] = ["nvidiactl", "nvidia-uvm", "nvidia-uvm-tools"];

/// What a launch needs before it can be started.
pub(crate) struct Plan {
    /// What `bwrap --args` reads.
    pub arguments: Vec<u8>,
    /// What is mounted again before.
    pub mounts: PrivateMounts,
    /// The program and its arguments.
    pub command: Vec<String>,
}

/// A mount above the image's own files.
enum Mount {
    Memory,
    Bind { source: PathBuf, writable: bool },
}

impl Plan {
    /// For a launch in an image, as this user.
    pub fn of(launch: &Launch, image: &Image, user: CommandUser, waits: bool) -> Result<Self, ExecutorError> {
        let mut mounts = PrivateMounts::new(!user.is_engine());
        let mut arguments = container(launch, image, user, &mut mounts)?;
        arguments.add(["--json-status-fd", &descriptor::STATUS.to_string()]);
        arguments.add(["--sync-fd", &descriptor::LOCK.to_string()]);
        if waits {
            arguments.add(["--block-fd", &descriptor::BLOCK.to_string()]);
        }
        Ok(Self { arguments: arguments.into_bytes(), mounts, command: command(launch, image) })
    }
}

/// The words with which somebody who has the launch's folders starts it by hand, `bwrap` itself left out.
pub(crate) fn words_by_hand(launch: &Launch, image: &Image, user: CommandUser) -> Result<Vec<String>, ExecutorError> {
    let mut arguments = container(launch, image, user, &mut PrivateMounts::new(false))?;
    // Whoever is root has them dropped only if that is said.
    arguments.add(["--cap-drop", "ALL", "--"]);
    Ok(arguments.into_words().into_iter().chain(command(launch, image)).collect())
}

/// What a command has and has not, whoever starts it.
fn container(
    launch: &Launch,
    image: &Image,
    user: CommandUser,
    mounts: &mut PrivateMounts,
) -> Result<Arguments, ExecutorError> {
    let mut arguments = Arguments::default();
    isolate(launch, user, &mut arguments);
    environment(launch, image, &mut arguments);
    root(launch, image, mounts, &mut arguments).map_err(|source| ExecutorError::Service {
        what: "the image",
        doing: format!("be laid out for task {} of run {}", launch.task, launch.run),
        source: source.into(),
    })?;
    arguments.add(["--chdir", launch.work_directory.as_deref().unwrap_or(WORK_ROOT)]);
    for filter in descriptor::FILTERS {
        arguments.add(["--add-seccomp-fd", &filter.to_string()]);
    }
    Ok(arguments)
}

/// Behind the image's entry point if it has one, as every CWL engine does; never the image's own.
fn command(launch: &Launch, image: &Image) -> Vec<String> {
    image.entrypoint.iter().chain(&launch.command.arguments).cloned().collect()
}

fn isolate(launch: &Launch, user: CommandUser, arguments: &mut Arguments) {
    arguments.add(["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"]);
    if !launch.network {
        arguments.add(["--unshare-net"]);
    }
    arguments.add(["--uid", &user.uid().to_string(), "--gid", &user.gid().to_string()]);
    arguments.add(["--hostname", HOST_NAME, "--new-session"]);
    // Nothing of a command is left when its first process has ended, and what it used is told of that process.
    arguments.add(["--as-pid-1"]);
}

/// The variables that an image sets stay in force below those of the command; nothing of the engine's enters.
fn environment(launch: &Launch, image: &Image, arguments: &mut Arguments) {
    arguments.add(["--clearenv"]);
    let given = &launch.command.environment;
    let mut set = |name: &str, value: &str| arguments.add(["--setenv", name, value]);
    let own = image.environment.iter().filter(|(name, _)| !given.contains_key(name) && name != "HOSTNAME");
    if !given.contains_key("PATH") && !image.environment.iter().any(|(name, _)| name == "PATH") {
        set("PATH", PATH);
    }
    own.for_each(|(name, value)| set(name, value));
    given.iter().for_each(|(name, value)| set(name, value));
}

fn root(launch: &Launch, image: &Image, mounts: &mut PrivateMounts, arguments: &mut Arguments) -> io::Result<()> {
    let mut root = Root::of(&image.files);
    let targets = place(targets(launch, image, mounts), &mut root)?;
    let source = mounts.reach(&image.files);
    root.mount(&source, arguments)?;
    system(launch, arguments);
    for (path, mount) in &targets {
        match mount {
            Mount::Memory => arguments.memory(path),
            Mount::Bind { source, writable } => arguments.bind(source, path, *writable),
        }
    }
    root.close(arguments);
    Ok(())
}

/// Puts each target where it really is in the image. Of two at one place the first counts; folders stand before what is
/// in them, and what is below another target is not the image's.
fn place(mut targets: Vec<(String, Mount)>, root: &mut Root<'_>) -> io::Result<Vec<(String, Mount)>> {
    let is_below = |path: &str, above: &str| path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
    targets.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut placed: Vec<(String, Mount)> = Vec::new();
    for (path, mount) in targets {
        let path = if placed.iter().any(|(above, _)| is_below(&path, above)) { path } else { root.place(&path)? };
        if !placed.iter().any(|(known, _)| *known == path) {
            placed.push((path, mount));
        }
    }
    placed.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(placed)
}

/// What every command finds, whatever its image.
fn system(launch: &Launch, arguments: &mut Arguments) {
    arguments.add(["--proc", "/proc"]);
    for list in HIDDEN.into_iter().filter(|list| Path::new(list).exists()) {
        arguments.bind(Path::new("/dev/null"), list, false);
    }
    arguments.add(["--dev", "/dev", "--perms", "1777", "--size", SHARED_MEMORY, "--tmpfs", "/dev/shm"]);
    gpus(launch, arguments);
    // The folder is the command's user's; without this, it could be written to.
    arguments.add(["--remount-ro", "/dev"]);
    let names = Path::new("/etc/resolv.conf");
    if launch.network
        && let Ok(names) = fs::canonicalize(names)
    {
        arguments.bind(&names, "/etc/resolv.conf", false);
    }
}

/// The devices of exactly the GPUs that the command is given, and those that all GPUs share.
fn gpus(launch: &Launch, arguments: &mut Arguments) {
    for device in launch.gpus.iter().flatten().map(|gpu| &gpu.device) {
        arguments.device(device, true);
    }
    let folder = launch.gpus.iter().flatten().find_map(|gpu| gpu.device.parent());
    for name in SHARED_BY_GPUS {
        folder.into_iter().for_each(|folder| arguments.device(&folder.join(name), false));
    }
}

/// What is mounted where. Of two at one place the first counts.
fn targets(launch: &Launch, image: &Image, mounts: &mut PrivateMounts) -> Vec<(String, Mount)> {
    let folders = &launch.folders;
    let mut targets = Vec::new();
    for (root, folder) in folders.roots() {
        targets.push((root.to_owned(), Mount::Bind { source: mounts.reach(folder), writable: root != INPUTS_ROOT }));
    }
    if let Some(path) = &launch.work_directory {
        let path = path.trim_end_matches('/').to_owned();
        targets.push((path, Mount::Bind { source: mounts.reach(&folders.work), writable: true }));
    }
    for MountPoint { path, writable } in &launch.elsewhere {
        let inside = Path::new(path).strip_prefix("/").unwrap_or(Path::new(path));
        if folders.host_path(path).is_some() {
            let source = mounts.reach(&folders.elsewhere).join(inside);
            targets.push((path.clone(), Mount::Bind { source, writable: *writable }));
        }
    }
    targets.push(("/tmp".to_owned(), Mount::Memory));
    targets.extend(image.volumes.iter().map(|path| (path.clone(), Mount::Memory)));
    targets
}
