//! `sluis put`

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use serde_json::{Value as Json, json};
use sluis_access::{AccessError, Permit, SealedObject, Site};

use crate::{arguments::Put, exit::Exit, failure::Failure, output, site};

/// Files up to this many bytes are sealed many at a time, so that they share the disk's flushes. Sealing a larger one
/// keeps every core busy by itself.
const SMALL: u64 = 1 << 20;

/// How many small files are sealed at a time.
const AT_ONCE: usize = 32;

/// How many small files are sealed before what became of them is told.
const TOLD_TOGETHER: usize = 1024;

/// Seals files into a dataset and prints the address of each.
pub fn carry_out(folder: &Path, put: &Put, json: bool) -> Result<Exit, Failure> {
    let site = site::open_or_make(folder)?;
    let permit = site.permit_put(&put.project, &put.origin.labels())?;
    let intake = Intake { site: &site, permit: &permit, reason: format!("taken in for {}", put.origin.dataset) };
    let mut listed = Vec::new();
    let mut rest = put.files.as_slice();
    while !rest.is_empty() {
        let small = rest.iter().take(TOLD_TOGETHER).take_while(|path| is_small(path)).count();
        let (now, later) = rest.split_at(small.max(1));
        rest = later;
        for (path, sealed) in now.iter().zip(intake.take(now)) {
            tell(path, &sealed?, json, &mut listed);
        }
    }
    if json {
        output::json(&listed);
    }
    Ok(Exit::Success)
}

/// Whether a file is small; one that cannot be looked at is told of when it is read.
fn is_small(path: &Path) -> bool {
    path.metadata().is_ok_and(|facts| facts.len() <= SMALL)
}

fn tell(path: &Path, sealed: &SealedObject, json: bool, listed: &mut Vec<Json>) {
    if !json {
        output::line(&format!("{}  {}", sealed.address, path.display()));
        return;
    }
    listed.push(json!({
        "file": path.display().to_string(),
        "address": sealed.address.to_string(),
        "size": sealed.size,
        "existing": sealed.existing,
    }));
}

/// Where files are taken in, and by which permit.
struct Intake<'a> {
    site: &'a Site,
    permit: &'a Permit,
    /// Why the objects are pinned.
    reason: String,
}

impl Intake<'_> {
    /// Seals files, several at a time; what became of each, in their order. After a failure no new one is begun, and the
    /// outcomes end with it.
    fn take(&self, paths: &[PathBuf]) -> Vec<Result<SealedObject, Failure>> {
        let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
        let work = || {
            let mut done = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(path) = paths.get(number).filter(|_| number < failed.load(Ordering::Relaxed)) else {
                    return done;
                };
                let sealed = self.take_one(path);
                if sealed.is_err() {
                    failed.fetch_min(number, Ordering::Relaxed);
                }
                done.push((number, sealed));
            }
        };
        let mut outcomes: Vec<_> = thread::scope(|scope| {
            let others: Vec<_> = (1..paths.len().min(AT_ONCE)).map(|_| scope.spawn(work)).collect();
            let mut outcomes = work();
            for other in others {
                // A thread that panicked takes this one with it, as it would have without threads.
                outcomes.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            outcomes
        });
        outcomes.sort_by_key(|(number, _)| *number);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    fn take_one(&self, path: &Path) -> Result<SealedObject, Failure> {
        let unreadable = |error: &(dyn std::error::Error + 'static)| {
            Failure::new(Exit::Environment, format!("{} cannot be read: {error}", path.display()))
        };
        let file = File::open(path).map_err(|error| unreadable(&error))?;
        if !file.metadata().map_err(|error| unreadable(&error))?.is_file() {
            return Err(Failure::new(Exit::Usage, format!("{} is not a regular file", path.display())));
        }
        self.site.seal_pinned(self.permit, file, &self.reason).map_err(|error| match error {
            AccessError::Plaintext(error) => unreadable(&error),
            error => error.into(),
        })
    }
}
