//! The suite of all backends over a local directory.
#![allow(clippy::unwrap_used, reason = "tests")]

use sluis_store::{Backend, Directory, suite::Subject};
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

#[test]
fn what_writers_have_not_finished_is_no_blob_whatever_it_is_called() {
    let folder = TempDir::new().unwrap();
    let directory = Directory::open(folder.path()).unwrap();
    let writer = folder.path().join("unfinished/writer-abc");
    std::fs::create_dir(&writer).unwrap();
    std::fs::write(writer.join("0"), "half").unwrap();
    std::fs::write(folder.path().join("format"), "1").unwrap();
    for (prefix, found) in [("", 1), ("u", 0), ("unfinished/", 0), ("unfinished/writer-abc/", 0), ("f", 1)] {
        assert_eq!(directory.list(prefix).unwrap().count(), found, "{prefix}");
    }
}
