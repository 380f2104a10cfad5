//! No read stands in plain on persistent storage, while tasks run and after the engine was killed.

use std::{
    fs,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Child,
    time::{Duration, Instant, SystemTime},
};

use serde_json::json;

use crate::test_site::{Ran, TestSite, provide_tool_image, workflows};

/// Every so many reads, one is searched for.
const EVERY: usize = 40;

/// Stretches of 60 bases from reads of a FASTQ file.
fn stretches(fastq: &Path) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(fastq).unwrap();
    let reads = text.lines().skip(1).step_by(4 * EVERY);
    let found: Vec<_> = reads.filter(|read| read.len() > 100).map(|read| read.as_bytes()[20..80].to_vec()).collect();
    assert!(found.len() > 20, "the reads are there to be searched for");
    found
}

/// Files below a folder that hold one of the stretches. What vanishes meanwhile is passed over.
fn holders(folder: &Path, stretches: &[Vec<u8>]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(facts) = fs::symlink_metadata(&path) else { continue };
        if facts.is_dir() {
            found.extend(holders(&path, stretches));
        } else if facts.is_file() && facts.len() < 256 << 20 && holds(&path, stretches) {
            found.push(path);
        }
    }
    found
}

fn holds(path: &Path, stretches: &[Vec<u8>]) -> bool {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    read.is_ok() && stretches.iter().any(|stretch| contains(&bytes, stretch))
}

fn contains(bytes: &[u8], stretch: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == stretch[0]) {
        if rest[at..].starts_with(stretch) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// The folders on disks that a run could leave something in: the site's, temporary ones, and Docker's own where this
/// user can look into them.
fn persistent(site: &TestSite) -> Vec<PathBuf> {
    let docker = Path::new("/var/lib/docker");
    vec![site.site(), site.path("tmp"), docker.join("volumes"), docker.join("containers"), docker.join("tmp")]
}

fn assert_nothing_in_plain(site: &TestSite, stretches: &[Vec<u8>]) {
    for folder in persistent(site) {
        let found = holders(&folder, stretches);
        assert!(found.is_empty(), "reads stand in plain in {found:?}");
    }
}

pub fn scratch() -> PathBuf {
    let owner = fs::metadata("/proc/self").unwrap().uid();
    PathBuf::from(format!("/dev/shm/sluis-{owner}"))
}

/// The folder in memory of the engine that a process is: it holds the lock in it open.
fn engine_folder(child: &Child) -> Option<PathBuf> {
    let open = fs::read_dir(format!("/proc/{}/fd", child.id())).ok()?.flatten();
    let open = open.filter_map(|descriptor| fs::read_link(descriptor.path()).ok());
    open.filter(|path| path.starts_with(scratch())).find_map(|path| {
        let engine = path.strip_prefix(scratch()).ok()?.components().next()?.as_os_str().to_owned();
        Some(scratch().join(engine))
    })
}

/// Waits until plaintext is in the scratch folder of the engine; checks all the while that none is on a disk.
fn wait_for_plaintext(child: &mut Child, site: &TestSite, stretches: &[Vec<u8>]) -> PathBuf {
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < Duration::from_secs(120), "no plaintext ever came into memory");
        assert!(child.try_wait().unwrap().is_none(), "the run ended before plaintext was seen in memory");
        assert_nothing_in_plain(site, stretches);
        if let Some(folder) = engine_folder(child).filter(|folder| !holders(folder, stretches).is_empty()) {
            return folder;
        }
    }
}

#[test]
fn reads_are_in_memory_only_and_a_killed_engine_is_cleaned_up_after() {
    provide_tool_image();
    let site = TestSite::new();
    // The plain input lies in memory, so that nothing but sluis could write reads to a disk.
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let data = sluis_testdata::spiked_tumour(memory.path()).unwrap();
    let stretches = stretches(&data.normal_1);
    let file = |path: &Path, format: &str| json!({ "class": "File", "path": path, "format": format!("http://edamontology.org/format_{format}") });
    let inputs = json!({
        "reads_1": file(&data.normal_1, "1930"), "reads_2": file(&data.normal_2, "1930"),
        "reference": file(&data.reference, "1929"), "sample": "NA12878",
    });
    let inputs = site.write("inputs.json", &inputs.to_string());
    let workflow = workflows().join("germline.cwl").display().to_string();

    let mut child = site.command(["run", &workflow, &inputs]).spawn().unwrap();
    let folder = wait_for_plaintext(&mut child, &site, &stretches);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_nothing_in_plain(&site, &stretches);

    // A killed engine cannot clean up after itself: when the time has passed within which somebody may go on with its
    // run, the next one does, be it this or one of another site.
    let long_ago = SystemTime::now() - Duration::from_secs(16 * 60);
    fs::File::options().write(true).open(folder.join("lock")).unwrap().set_modified(long_ago).unwrap();
    let ran = Ran::of(&site.command(["run", &workflow, &inputs]).output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(!folder.exists(), "what the killed engine left is wiped");
    assert_nothing_in_plain(&site, &stretches);
    let status = site.run(["status"]).out;
    assert!(status.contains("interrupted") && status.contains("complete"), "{status}");
}
