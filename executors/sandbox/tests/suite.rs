//! The suite that each executor must pass, in namespaces: with control groups where this machine has them, and without.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::{
    env, fs,
    io::Write,
    net::TcpListener,
    os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, LazyLock},
    thread,
};

use sluis_executor::{
    CancellationToken, Executor,
    suite::{Bench, Subject},
};
use sluis_executor_sandbox::{SandboxExecutor, images::Images};
use sluis_model::{Gpu, ImageId};

/// Names the folder of images for the tests that this one starts as another user.
const FOLDER: &str = "SLUIS_TEST_IMAGES";
/// A user without any rights.
const NOBODY: u32 = 65_532;

static IMAGE: LazyLock<ImageId> = LazyLock::new(|| load_into(&images()));

fn load_into(images: &Images) -> ImageId {
    let reference = sluis_containers::reference("genomics").unwrap();
    match images.find(&reference.name).unwrap() {
        Some(id) if Some(&id) == reference.id.as_ref() => id,
        _ => images.load(&sluis_containers::archive("genomics", &|_| ()).unwrap()).unwrap().remove(0).id,
    }
}

/// The images that tests share: each is unpacked once.
fn images() -> Images {
    let folder = env::var_os(FOLDER).map(PathBuf::from);
    Images::new(folder.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("images")))
}

struct Sandbox;

impl Subject for Sandbox {
    fn executor(&self) -> Arc<dyn Executor> {
        Arc::new(SandboxExecutor::new(images()))
    }

    fn image(&self) -> Option<ImageId> {
        Some(IMAGE.clone())
    }
}

struct Watched;

impl Subject for Watched {
    fn executor(&self) -> Arc<dyn Executor> {
        Arc::new(SandboxExecutor::without_control_groups(images()))
    }

    fn image(&self) -> Option<ImageId> {
        Some(IMAGE.clone())
    }
}

sluis_executor::executor_suite!(Sandbox);
sluis_executor::executor_suite!(@contained Sandbox);

mod watched {
    use super::Watched;

    sluis_executor::executor_suite!(Watched);
    sluis_executor::executor_suite!(@contained Watched);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_network_is_the_machines_if_the_launch_has_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let greeting = thread::spawn(move || listener.accept().unwrap().0.write_all(b"hello\n").unwrap());
    let script =
        format!("exec 3<>/dev/tcp/127.0.0.1/{port} && read -r line <&3 && echo $line; test -s /etc/resolv.conf");
    let mut bench = Bench::new(&Sandbox, &script);
    bench.launch.network = true;
    bench.run().await;
    assert_eq!(bench.log(), "hello\n");
    greeting.join().unwrap();
}

/// Devices of four GPUs as far as a mount can tell, in a folder of their own.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_sees_exactly_the_gpus_that_it_is_given() {
    let devices = tempfile::tempdir().unwrap();
    // For whatever user runs commands.
    fs::set_permissions(devices.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["nvidia0", "nvidia1", "nvidia2", "nvidia3", "nvidiactl", "nvidia-uvm"] {
        symlink("/dev/null", devices.path().join(name)).unwrap();
    }
    let gpu =
        |number: u32| Gpu { uuid: format!("GPU-{number}"), device: devices.path().join(format!("nvidia{number}")) };
    let seen = async |gpus| {
        let script = "cd /dev; for name in nvidia*; do test -c $name && echo x > $name && echo $name; done; touch made";
        let mut bench = Bench::new(&Sandbox, script);
        bench.launch.gpus = gpus;
        bench.run().await;
        bench.log().lines().filter(|line| line.starts_with("nvidia")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(seen(Some(vec![gpu(1), gpu(3)])).await, "nvidia-uvm nvidia1 nvidia3 nvidiactl");
    assert_eq!(seen(Some(Vec::new())).await, "");
    assert_eq!(seen(None).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gpu_that_is_not_there_is_told() {
    let mut bench = Bench::new(&Sandbox, "true");
    bench.launch.gpus = Some(vec![Gpu { uuid: "GPU-a".to_owned(), device: "/nowhere/nvidia0".into() }]);
    let failed = bench.try_run(CancellationToken::new()).await.unwrap_err();
    let text = format!("{failed:?}");
    assert!(text.contains("/nowhere/nvidia0"), "{text}");
}

#[test]
fn an_image_has_the_identifier_that_docker_tells() {
    assert_eq!(Some(&*IMAGE), sluis_containers::reference("genomics").unwrap().id.as_ref());
}

/// The same suite for an engine that is not root, where this one is.
#[test]
fn an_engine_that_is_not_root_does_as_well() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("images-{NOBODY}"));
    load_into(&Images::new(&folder));
    give_away(&folder);
    let user = NOBODY.to_string();
    let output = Command::new("setpriv")
        .args(["--reuid", &user, "--regid", &user, "--clear-groups"])
        .arg(env::current_exe().unwrap())
        .arg("watched::")
        .env(FOLDER, &folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains(" 0 failed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!said.contains("running 0 tests"), "{said}");
}

fn give_away(path: &Path) {
    let facts = fs::symlink_metadata(path).unwrap();
    if facts.uid() != NOBODY {
        lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    if facts.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give_away(&entry.unwrap().path()));
    }
}
