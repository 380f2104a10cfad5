//! What a command cannot do.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
};

use sluis_model::Mebibytes;
use tokio_util::sync::CancellationToken;

use super::{Bench, Subject};
use crate::{MountPoint, Outcome};

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

/// The work folder is seen at another path, too, and files are found where the task wants them, whether the image has
/// such a place or not; those that are not writable cannot be changed.
pub async fn places_outside_the_roots_are_mounted(subject: &dyn Subject) {
    let script = "test \"$PWD\" = /var/spool/work && touch here && test -e /sluis/work/here && \
                  cat /opt/data/read /etc/tool.conf /tmp/given && echo more >> /opt/data/write && \
                  if echo more >> /opt/data/read; then exit 9; fi; if touch /opt/data/other /var/other; then exit 8; fi; \
                  test -s /etc/passwd";
    let mut bench = Bench::new(subject, script);
    bench.launch.work_directory = Some("/var/spool/work".to_owned());
    for (path, writable) in
        [("/opt/data/read", false), ("/opt/data/write", true), ("/etc/tool.conf", false), ("/tmp/given", false)]
    {
        let file = bench.launch.folders.host_path(path).unwrap();
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, path).unwrap();
        bench.launch.elsewhere.push(MountPoint { path: path.to_owned(), writable });
    }
    assert_eq!(bench.run().await, Outcome::Exited(0), "{}", bench.log());
    // Somewhere in the log: an executor may mix the two streams in another order than they were written.
    assert!(bench.log().contains("/opt/data/read/etc/tool.conf/tmp/given"), "{}", bench.log());
    let written = fs::read_to_string(bench.launch.folders.host_path("/opt/data/write").unwrap()).unwrap();
    assert_eq!(written, "/opt/data/writemore\n");
}

/// None of the machine's processes but the command's own can be seen or reached.
pub async fn other_processes_are_hidden(subject: &dyn Subject) {
    let script = format!(
        "cat /proc/[0-9]*/environ | tr '\\0' '\\n'; ls -d /proc/[0-9]* | wc -l; kill -0 {} 2>&1 && echo reached",
        std::process::id()
    );
    let bench = Bench::new(subject, &script);
    bench.run().await;
    let log = bench.log();
    // The script, what it runs, and perhaps a first process that waits for orphans.
    let count = log.lines().find_map(|line| line.parse::<u32>().ok());
    assert!(count.is_some_and(|count| count <= 5), "{log}");
    assert!(!log.contains("CARGO") && !log.contains("reached"), "{log}");
}

/// A program with its owner's special rights runs without them.
pub async fn special_rights_are_useless(subject: &dyn Subject) {
    let bench = Bench::new(subject, "/sluis/in/id -u; id -u");
    bench.input("id", &fs::read("/usr/bin/id").unwrap());
    let program = bench.launch.folders.inputs.join("id");
    fs::set_permissions(program, fs::Permissions::from_mode(0o6755)).unwrap();
    assert_eq!(bench.run().await, Outcome::Exited(0), "{}", bench.log());
    let log = bench.log();
    let users: Vec<_> = log.lines().collect();
    assert!(users.len() == 2 && users[0] == users[1] && users[0] != "0", "{log}");
}

/// System calls are filtered, and no new namespaces can be made.
pub async fn no_namespaces_can_be_made(subject: &dyn Subject) {
    let script = "grep '^Seccomp:' /proc/self/status; /sluis/in/unshare --version > /dev/null && echo works; \
                  for kinds in --user '--user --mount' '--user --net' '--user --pid --fork'; do \
                  if /sluis/in/unshare $kinds true 2>/dev/null; then echo made $kinds; fi; done";
    let bench = Bench::new(subject, script);
    bench.input("unshare", &fs::read("/usr/bin/unshare").unwrap());
    fs::set_permissions(bench.launch.folders.inputs.join("unshare"), fs::Permissions::from_mode(0o755)).unwrap();
    bench.run().await;
    assert_eq!(bench.log(), "Seccomp:\t2\nworks\n");
}

/// What it used is told: processor time and the most memory that it held.
pub async fn what_a_command_used_is_told(subject: &dyn Subject) {
    let script = "held=$(head -c 67108864 /dev/zero | tr '\\0' a); for ((n = 0; n < 200000; n++)); do :; done; \
                  echo ${#held}";
    let ended = Bench::new(subject, script).try_run(CancellationToken::new()).await.unwrap();
    let usage = ended.usage;
    assert_eq!(ended.outcome, Outcome::Exited(0));
    assert!(usage.cpu_ms >= Some(50), "{usage:?}");
    assert!(usage.peak_memory >= Some(64 << 20) && usage.peak_memory <= Some(384 << 20), "{usage:?}");
}
