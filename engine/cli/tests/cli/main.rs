//! The command as people use it: a site on disk, the real binary, the real Docker daemon.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

mod audit;
mod basics;
mod bucket;
mod crypt;
mod display;
mod explain;
mod faults;
mod find;
mod genomics;
#[path = "../../../kms/tests/kms/google.rs"]
#[allow(dead_code, reason = "its faults are tried where the client is")]
mod google;
mod gpus;
mod groups;
mod heal;
mod image;
mod institute;
mod json;
mod key;
mod remote;
mod resume;
mod scheduling;
#[path = "../../../../executors/docker/tests/outage/second.rs"]
#[allow(dead_code, reason = "what only the executor's tests need is tried there")]
mod second;
mod secrecy;
#[path = "../../../bucket/tests/bucket/servers.rs"]
#[allow(dead_code, reason = "one of the servers is enough here")]
mod servers;
mod standard;
mod store;
mod subjects;
mod test_site;
#[path = "../../../bucket/tests/bucket/wire.rs"]
#[allow(dead_code, reason = "as above")]
mod wire;
