//! The suite of all backends over a local directory.
#![allow(clippy::unwrap_used, reason = "tests")]

use sluis_store::{Directory, suite::Subject};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }
}

impl Subject for Folder {
    type Backend = Directory;

    fn handle(&self) -> Directory {
        Directory::open(self.0.path()).unwrap()
    }

    fn large(&self) -> usize {
        1 << 20
    }
}

sluis_store::backend_suite!(Folder::new());
