//! The command as people use it: a site on disk, the real binary, the real Docker daemon.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

mod basics;
mod faults;
mod genomics;
mod secrecy;
mod test_site;
