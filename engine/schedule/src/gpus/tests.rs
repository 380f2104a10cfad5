use std::{
    fmt::Write,
    os::unix::{fs::PermissionsExt, fs::symlink},
};

use sluis_model::ComputeCapability;
use tempfile::TempDir;

use super::*;

/// The identifier of the GPU with this number.
pub(crate) fn uuid(number: u32) -> String {
    format!("GPU-{number:08x}-1111-2222-3333-444455556666")
}

/// A folder that looks like a machine with GPUs of these compute capabilities.
pub(crate) fn machine(cuda: &str, capabilities: &[&str]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("dev")).unwrap();
    fs::create_dir_all(root.path().join("usr/bin")).unwrap();
    let (mut all, mut list) = (format!("<nvidia_smi_log><cuda_version>{cuda}</cuda_version>"), String::new());
    for (number, capability) in (0_u32..).zip(capabilities) {
        device(root.path(), number);
        let id = uuid(number);
        write!(all, "<gpu id=\"0:{number}\"><uuid>{id}</uuid><minor_number>{number}</minor_number></gpu>").unwrap();
        writeln!(list, "{id}, {capability}").unwrap();
    }
    tells(root.path(), &all, &list);
    root
}

/// Any device with that name will do.
fn device(root: &Path, number: u32) {
    symlink("/dev/null", root.join(format!("dev/nvidia{number}"))).unwrap();
}

/// What `nvidia-smi` tells there.
fn tells(root: &Path, all: &str, list: &str) {
    let program = root.join("usr/bin/nvidia-smi");
    fs::write(&program, format!("#!/bin/sh\ncase $1 in -q) echo '{all}';; *) echo '{list}';; esac\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
}

pub(crate) fn kind(cuda: &str, least: &str) -> GpuKind {
    GpuKind { cuda: cuda.parse().unwrap(), capability: ComputeCapability::AtLeast(least.parse().unwrap()) }
}

/// The names of the devices that count.
fn names(gpus: &Gpus) -> Vec<String> {
    let name = |gpu: Gpu| gpu.device.file_name().unwrap().to_str().unwrap().to_owned();
    gpus.at(GpuSet::ALL).into_iter().map(name).collect()
}

#[test]
fn gpus_are_found_with_what_they_can_do() {
    let root = machine("12.2", &["7.5", "8.0", "9.0"]);
    let gpus = Gpus::find(root.path());
    assert_eq!(gpus.count(), 3);
    let expected = [0, 1, 2].map(|number| {
        let device = root.path().join(format!("dev/nvidia{number}"));
        Gpu { uuid: uuid(number), device }
    });
    assert_eq!(gpus.at(GpuSet::ALL), expected);
    let of = |cuda: &str, least: &str| gpus.of_kind(&kind(cuda, least)).places().collect::<Vec<_>>();
    assert_eq!(of("11.10", "8.0"), [1, 2]);
    assert_eq!(of("12.2", "7.0"), [0, 1, 2]);
    assert!(of("12.3", "7.0").is_empty() && of("11.4", "9.1").is_empty());
    let listed = ComputeCapability::OneOf(vec!["7.5".parse().unwrap(), "8.6".parse().unwrap()]);
    let listed = gpus.of_kind(&GpuKind { capability: listed, ..kind("11.4", "1.0") });
    assert_eq!(listed, GpuSet::first(1));
}

#[test]
fn what_cannot_be_found_out_is_not_there() {
    // Nobody tells the identifier of the second device, and the driver does not know that of the third yet.
    let root = machine("12.2", &["7.5"]);
    (1..5).for_each(|number| device(root.path(), number));
    for (number, id) in [(2, "GPU-????????-????-????-????-????????????".to_owned()), (3, uuid(3))] {
        let folder = root.path().join(format!("proc/driver/nvidia/gpus/0000:0{number}:00.0"));
        fs::create_dir_all(&folder).unwrap();
        let text = format!("Model: \t\t NVIDIA A100\nGPU UUID: \t {id}\nDevice Minor: \t {number}\n");
        fs::write(folder.join("information"), text).unwrap();
    }
    // These are no devices of GPUs.
    for name in ["nvidiactl", "nvidia-uvm", "nvidia07"] {
        symlink("/dev/null", root.path().join("dev").join(name)).unwrap();
    }
    fs::write(root.path().join("dev/nvidia9"), "").unwrap();
    let gpus = Gpus::find(root.path());
    assert_eq!(names(&gpus), ["nvidia0", "nvidia3"]);
    // It is not known what the other one can do.
    assert_eq!(gpus.of_kind(&kind("11.4", "1.0")), GpuSet::first(1));
}

#[test]
fn without_its_program_nothing_is_known_of_a_gpu_but_that_it_is_there() {
    let root = machine("12.2", &["7.5"]);
    fs::remove_file(root.path().join("usr/bin/nvidia-smi")).unwrap();
    let folder = root.path().join("proc/driver/nvidia/gpus/0000:01:00.0");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("information"), format!("GPU UUID: {}\nDevice Minor: 0\n", uuid(0))).unwrap();
    let gpus = Gpus::find(root.path());
    assert_eq!((gpus.count(), gpus.of_kind(&kind("1.0", "1.0"))), (1, GpuSet::default()));
    assert_eq!(Gpus::find(&root.path().join("nowhere")).count(), 0);
}

#[test]
fn a_divided_gpu_is_not_handed_out_whole() {
    let root = machine("12.2", &["8.0", "8.0"]);
    let gpu = |number: u32, mig: &str| {
        let id = uuid(number);
        format!(
            "<gpu id=\"0\"><mig_mode><current_mig>{mig}</current_mig></mig_mode><uuid>{id}</uuid><minor_number>{number}</minor_number></gpu>"
        )
    };
    tells(root.path(), &(gpu(0, "Enabled") + &gpu(1, "Disabled")), "");
    assert_eq!(names(&Gpus::find(root.path())), ["nvidia1"]);
}

#[test]
fn a_program_that_fails_tells_nothing() {
    let root = machine("12.2", &["8.0"]);
    fs::write(root.path().join("usr/bin/nvidia-smi"), "#!/bin/sh\necho '<cuda_version>12.2</cuda_version>'; exit 9\n")
        .unwrap();
    assert_eq!(Gpus::find(root.path()).count(), 0);
}
