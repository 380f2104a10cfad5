//! A Docker daemon of a test's own, which it may stop, kill and start again.

use std::{
    fs::{self, File},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long the daemon may take to answer, and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Fails a test that may not start a daemon: what is not tested is not to look as if it were.
pub fn need_root() {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    assert!(
        is_root,
        "this test starts a Docker daemon of its own, which only root may; run the tests as root, or leave it out by its name \
         (`cargo test -- --skip NAME`)"
    );
}

/// The daemon, with all that it keeps in a folder of its own. It is gone when this is dropped, with every container.
pub struct SecondDaemon {
    folder: tempfile::TempDir,
    options: Vec<String>,
    /// What keeps containers for it. As on Debian it is no part of the daemon, and lives on when that ends.
    containerd: Child,
    process: Option<Child>,
}

impl SecondDaemon {
    /// Starts it with further options, and loads the image of the usual programs.
    pub fn start(options: &[&str]) -> Self {
        need_root();
        let folder = tempfile::Builder::new().prefix("sluis-daemon-").tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("daemon.json"), "{}").unwrap();
        let (root, state, socket) = (path("containerd"), path("state"), path("containerd.sock"));
        let config = format!(
            "version = 2\nroot = {root:?}\nstate = {state:?}\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
             [grpc]\naddress = {socket:?}\n"
        );
        fs::write(path("containerd.toml"), config).unwrap();
        let mut command = Command::new("containerd");
        command.args(["--config", &path("containerd.toml")]);
        let containerd = spawn(&mut command, &path("containerd.log"));
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let mut daemon = Self { folder, options, containerd, process: None };
        daemon.up();
        let archive = sluis_containers::archive("bash", &|_| ()).unwrap();
        daemon.docker(&["load", "--quiet", "--input", archive.to_str().unwrap()]);
        daemon
    }

    /// Starts it again, and waits until it answers.
    pub fn up(&mut self) {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let mut command = Command::new("dockerd");
        command
            .args(["--config-file", &path("daemon.json"), "--data-root", &path("data"), "--exec-root", &path("exec")])
            .args(["--containerd", &path("containerd.sock"), "--pidfile", &path("pid"), "--host", &self.host()])
            .args(["--cgroup-parent", &format!("/{}", self.name())])
            .args(["--bridge=none", "--iptables=false", "--ip6tables=false"])
            .args(&self.options);
        let mut process = spawn(&mut command, &path("log"));
        let begun = Instant::now();
        while !self.asked(&["version"]).output().unwrap().status.success() {
            let log = || fs::read_to_string(path("log")).unwrap();
            assert!(process.try_wait().unwrap().is_none(), "dockerd ended: {}", log());
            assert!(begun.elapsed() < PATIENCE, "dockerd does not answer: {}", log());
        }
        self.process = Some(process);
    }

    /// Stops it as an upgrade does, and waits for its end.
    pub fn stop(&mut self) {
        self.finish_starting();
        end(self.process.take().unwrap(), "-TERM");
    }

    /// Kills it, and waits for its end.
    pub fn kill(&mut self) {
        self.finish_starting();
        end(self.process.take().unwrap(), "-KILL");
    }

    /// Returns when it has written down of every container that it runs; until then it tells nothing of it.
    fn finish_starting(&self) {
        for container in self.containers() {
            self.docker(&["inspect", &container]);
        }
    }

    /// Makes it forget that it started a container, as when it is killed at that instant; only while it does not run.
    pub fn forget(&self, container: &str) {
        let path = self.folder.path().join("data/containers").join(container).join("config.v2.json");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(r#""Running":true"#), "{text}");
        fs::write(path, text.replace(r#""Running":true"#, r#""Running":false"#)).unwrap();
    }

    /// What `DOCKER_HOST` has to be.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// What the command `docker` prints of it.
    pub fn docker(&self, arguments: &[&str]) -> String {
        let output = self.asked(arguments).output().unwrap();
        assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The identifiers of all containers, running or not.
    pub fn containers(&self) -> Vec<String> {
        self.docker(&["ps", "--all", "--quiet", "--no-trunc"]).lines().map(str::to_owned).collect()
    }

    fn asked(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.args(["--host", &self.host()]).args(arguments);
        command
    }

    fn name(&self) -> String {
        self.folder.path().file_name().unwrap().display().to_string()
    }
}

impl Drop for SecondDaemon {
    fn drop(&mut self) {
        if self.process.is_none() && !thread::panicking() {
            self.up();
        }
        if let Some(process) = self.process.take() {
            let listed = self.asked(&["ps", "--all", "--quiet"]).output().unwrap();
            let left = String::from_utf8(listed.stdout).unwrap();
            let _ = self.asked(&["rm", "--force"]).args(left.lines()).output();
            end(process, "-TERM");
        }
        let _ = self.containerd.kill();
        let _ = self.containerd.wait();
        kill_keepers(&self.folder.path().join("containerd.sock"));
        unmount_below(self.folder.path());
        remove_groups(&self.name());
    }
}

fn spawn(command: &mut Command, log: &str) -> Child {
    let log = File::create(log).unwrap();
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    let spawned = command.spawn();
    let program = command.get_program().display();
    spawned.unwrap_or_else(|error| panic!("{program} cannot be started: {error}; Debian's package docker.io has it"))
}

fn end(mut process: Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap().success());
    process.wait().unwrap();
}

/// Kills the processes that containerd started to keep single containers and that are left of those that were forgotten.
fn kill_keepers(socket: &Path) {
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
        if command.split(|&byte| byte == 0).any(|argument| argument == socket.as_os_str().as_bytes()) {
            let _ = Command::new("kill").args(["-KILL", &process.file_name().display().to_string()]).status();
        }
    }
}

/// Unmounts what a killed daemon left mounted, the innermost first.
fn unmount_below(folder: &Path) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    for place in places.filter(|place| Path::new(place).starts_with(folder)).collect::<Vec<_>>().into_iter().rev() {
        let _ = Command::new("umount").args(["--lazy", place]).status();
    }
}

/// Removes the control groups of this name, in all hierarchies, with those below them; all of them are empty.
pub fn remove_groups(name: &str) {
    fn remove(group: &Path) {
        for below in fs::read_dir(group).into_iter().flatten().flatten() {
            if below.path().is_dir() {
                remove(&below.path());
            }
        }
        let _ = fs::remove_dir(group);
    }
    let root = Path::new("/sys/fs/cgroup");
    remove(&root.join(name));
    fs::read_dir(root).unwrap().flatten().for_each(|hierarchy| remove(&hierarchy.path().join(name)));
}
