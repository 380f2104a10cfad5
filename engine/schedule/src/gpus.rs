//! The GPUs of a machine: those that can be told apart and used, found without a library of their vendor's.
//!
//! A GPU counts if its device is there (`/dev/nvidia` and its number) and its driver tells its identifier. What it can do
//! and which CUDA its driver supports, `nvidia-smi` tells. What cannot be found out is not there: a task that asks for it
//! is not given a GPU of which it is unknown.

use std::{
    collections::BTreeMap,
    env, fs,
    io::Read,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use sluis_model::{CudaVersion, Gpu, GpuKind};

use crate::allocator::GpuSet;

/// How long `nvidia-smi` may take. With a GPU that hangs it takes for ever.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most that is read of what it says.
const MOST_SAID: u64 = 16 << 20;

/// The GPUs of a machine, in the order of their devices.
#[derive(Clone, Debug, Default)]
pub struct Gpus {
    found: Vec<Found>,
    /// What the driver supports.
    cuda: Option<CudaVersion>,
}

#[derive(Clone, Debug)]
struct Found {
    gpu: Gpu,
    capability: Option<CudaVersion>,
}

impl Gpus {
    /// Looks for GPUs below this folder, which is `/` but in tests.
    pub fn find(root: &Path) -> Self {
        let devices = devices(root);
        if devices.is_empty() {
            return Self::default();
        }
        let told = Told::ask(root);
        let mut uuids = uuids_of_driver(root);
        uuids.extend(told.uuids);
        let mut found: Vec<Found> = Vec::new();
        for (minor, device) in devices {
            // One that is divided (MIG) cannot be used as a whole.
            let uuid = uuids.get(&minor).filter(|uuid| !told.divided.contains(uuid));
            let is_known = |uuid: &String| found.iter().any(|found| found.gpu.uuid == *uuid);
            if let Some(uuid) = uuid.filter(|uuid| !is_known(uuid)).cloned() {
                let capability = told.capabilities.get(&uuid).copied();
                found.push(Found { gpu: Gpu { uuid, device }, capability });
            }
        }
        found.truncate(GpuSet::MOST as usize);
        Self { found, cuda: told.cuda }
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        // There are at most as many as a set can hold.
        self.found.len() as u32
    }

    /// As many of them, or all that there are.
    pub(crate) fn first(&self, count: u32) -> Vec<Gpu> {
        self.found.iter().take(count as usize).map(|found| found.gpu.clone()).collect()
    }

    /// Those of a kind.
    pub fn of_kind(&self, kind: &GpuKind) -> GpuSet {
        if self.cuda.is_none_or(|cuda| cuda < kind.cuda) {
            return GpuSet::default();
        }
        let will_do = |found: &Found| found.capability.is_some_and(|capability| kind.capability.takes(capability));
        self.that_are(will_do)
    }

    /// What is known of them, for people.
    pub(crate) fn described(&self) -> String {
        let told = |version: Option<CudaVersion>| version.map_or_else(|| "unknown".to_owned(), |it| it.to_string());
        let capabilities: Vec<_> = self.found.iter().map(|found| told(found.capability)).collect();
        format!("its driver has CUDA {}, compute capabilities are {}", told(self.cuda), capabilities.join(", "))
    }

    /// Those with these identifiers.
    pub(crate) fn named(&self, uuids: &[String]) -> GpuSet {
        self.that_are(|found| uuids.contains(&found.gpu.uuid))
    }

    /// The GPUs at these places.
    pub(crate) fn at(&self, places: GpuSet) -> Vec<Gpu> {
        places.places().filter_map(|place| Some(self.found.get(place)?.gpu.clone())).collect()
    }

    fn that_are(&self, of: impl Fn(&Found) -> bool) -> GpuSet {
        self.found.iter().enumerate().filter(|(_, found)| of(found)).map(|(place, _)| place).collect()
    }
}

/// The devices of GPUs, by their numbers.
fn devices(root: &Path) -> BTreeMap<u32, PathBuf> {
    let entries = fs::read_dir(root.join("dev")).into_iter().flatten().flatten();
    let is_device = |path: &PathBuf| fs::metadata(path).is_ok_and(|facts| facts.file_type().is_char_device());
    let devices = entries.filter_map(|entry| {
        let name = entry.file_name();
        let digits = name.to_str()?.strip_prefix("nvidia")?;
        let number = digits.parse().ok().filter(|number: &u32| number.to_string() == digits)?;
        Some(entry.path()).filter(is_device).map(|path| (number, path))
    });
    devices.collect()
}

/// The identifiers that the driver's files tell, by device. While a GPU was not used since the start they are not known.
fn uuids_of_driver(root: &Path) -> BTreeMap<u32, String> {
    let entries = fs::read_dir(root.join("proc/driver/nvidia/gpus")).into_iter().flatten().flatten();
    let told = entries.filter_map(|entry| {
        let text = fs::read_to_string(entry.path().join("information")).ok()?;
        let of = |name: &str| text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
        let uuid = of("GPU UUID:").filter(|uuid| is_uuid(uuid))?;
        Some((of("Device Minor:")?.parse().ok()?, uuid))
    });
    told.collect()
}

fn is_uuid(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    text.strip_prefix("GPU-").is_some_and(|rest| (8..=64).contains(&rest.len()) && rest.bytes().all(is_part))
}

/// What `nvidia-smi` tells.
#[derive(Debug, Default)]
struct Told {
    uuids: BTreeMap<u32, String>,
    divided: Vec<String>,
    cuda: Option<CudaVersion>,
    capabilities: BTreeMap<String, CudaVersion>,
}

impl Told {
    fn ask(root: &Path) -> Self {
        let folders = env::var_os("PATH").unwrap_or_default();
        let below = |folder: PathBuf| root.join(folder.strip_prefix("/").unwrap_or(&folder)).join("nvidia-smi");
        let Some(program) = env::split_paths(&folders).map(below).find(|program| program.is_file()) else {
            return Self::default();
        };
        let mut told = Self::default();
        if let Some(all) = said(&program, &["-q", "-x"]) {
            told.read_all(&all);
        }
        if let Some(list) = said(&program, &["--query-gpu=uuid,compute_cap", "--format=csv,noheader"]) {
            let line = |line: &str| {
                let (uuid, capability) = line.split_once(',')?;
                Some((uuid.trim().to_owned(), capability.trim().parse().ok()?))
            };
            told.capabilities = list.lines().filter_map(line).collect();
        }
        told
    }

    fn read_all(&mut self, text: &str) {
        self.cuda = within(text, "cuda_version").and_then(|version| version.parse().ok());
        for gpu in text.split("<gpu id=").skip(1) {
            let Some(uuid) = within(gpu, "uuid").filter(|uuid| is_uuid(uuid)) else { continue };
            if within(gpu, "current_mig") == Some("Enabled") {
                self.divided.push(uuid.to_owned());
            }
            if let Some(minor) = within(gpu, "minor_number").and_then(|minor| minor.parse().ok()) {
                self.uuids.insert(minor, uuid.to_owned());
            }
        }
    }
}

/// The text of the first element with this name.
fn within<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once('<').map(|(text, _)| text.trim())
}

/// What a program prints, if it ends well and in time.
fn said(program: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let out = child.stdout.take()?;
    let (tell, told) = mpsc::channel();
    let read = move || {
        let mut text = String::new();
        let whole = out.take(MOST_SAID).read_to_string(&mut text).is_ok();
        let _ = tell.send(whole.then_some(text));
    };
    let reading = thread::Builder::new().spawn(read).ok();
    let text = reading.and_then(|_| told.recv_timeout(PATIENCE).ok().flatten());
    if text.is_none() {
        // One that hangs in the kernel is not waited for.
        let _ = child.kill();
        let _ = child.try_wait();
        return None;
    }
    child.wait().ok().filter(std::process::ExitStatus::success)?;
    text
}

#[cfg(test)]
pub(crate) mod tests;
