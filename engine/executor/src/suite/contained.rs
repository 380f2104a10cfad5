//! What a command cannot do.

use std::{fs, os::unix::fs::MetadataExt};

use sluis_model::Mebibytes;

use super::{Bench, Subject};
use crate::Outcome;

/// No core dump can be written.
pub async fn the_core_size_is_limited(subject: &dyn Subject) {
    let bench = Bench::new(subject, "grep 'Max core file size' /proc/self/limits");
    assert_eq!(bench.run().await, Outcome::Exited(0));
    let (limits, small) = (bench.log(), ["0", "1"]);
    let words: Vec<_> = limits.split_whitespace().collect();
    assert!(small.contains(&words[4]) && small.contains(&words[5]), "{limits}");
}

/// There is no network but the container's own loop.
pub async fn the_network_is_out_of_reach(subject: &dyn Subject) {
    let bench = Bench::new(subject, "tail -n +3 /proc/net/dev | cut -d: -f1; wc -l < /proc/net/route");
    assert_eq!(bench.run().await, Outcome::Exited(0));
    let log = bench.log();
    let lines: Vec<_> = log.lines().map(str::trim).collect();
    assert!(lines.contains(&"lo"), "{log}");
    assert!(!log.contains("eth") && lines.last().is_some_and(|routes| *routes == "0" || *routes == "1"), "{log}");
}

/// Nothing but the task's folders and `/tmp` can be written to, and `/tmp` is in memory.
pub async fn the_root_is_read_only(subject: &dyn Subject) {
    let script = "for f in / /usr /etc /var /var/tmp /home /sluis /sluis/in; do \
                  if touch $f/x 2>/dev/null; then echo $f; exit 1; fi; done; \
                  touch /tmp/x /dev/shm/x x /sluis/tmp/x && grep -q ' /tmp tmpfs' /proc/mounts";
    let bench = Bench::new(subject, script);
    assert_eq!(bench.run().await, Outcome::Exited(0), "{}", bench.log());
}

/// The user is not root, has no capability and can get none.
pub async fn the_user_is_nobody(subject: &dyn Subject) {
    let bench =
        Bench::new(subject, "id -u; id -g; grep -E '^(Cap(Prm|Eff|Bnd)|NoNewPrivs)' /proc/self/status; touch made");
    assert_eq!(bench.run().await, Outcome::Exited(0));
    let log = bench.log();
    let lines: Vec<_> = log.lines().collect();
    assert!(lines[0] != "0" && lines[1] != "0", "{log}");
    assert_eq!(log.matches("0000000000000000").count(), 3, "{log}");
    assert!(log.contains("NoNewPrivs:\t1"), "{log}");
    assert_eq!(fs::metadata(bench.work("made")).unwrap().uid().to_string(), lines[0]);
}

/// A command that takes more memory than it was given is killed, and that is told from other ends.
pub async fn memory_is_limited(subject: &dyn Subject) {
    let mut bench = Bench::new(subject, "tail /dev/zero");
    bench.launch.resources.memory = Mebibytes(24);
    bench.launch.resources.temporary = Mebibytes(4);
    bench.launch.resources.work = Mebibytes(4);
    assert_eq!(bench.run().await, Outcome::OutOfMemory, "{}", bench.log());
}
