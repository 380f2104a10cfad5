//! A real OpenID provider, `oidc-provider-mock`, as a process of the test that needs it.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// The packages and their versions.
const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// A provider that ends with its owner.
pub struct ProviderProcess {
    child: Child,
    /// Where it listens, which is also its name as an issuer.
    pub address: String,
}

impl Drop for ProviderProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl ProviderProcess {
    pub fn start() -> Self {
        // From the folder of any crate of the engine.
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../identity/tests/provider.py");
        let mut child = Command::new(environment().join("bin/python"))
            .args(["-W", "ignore"])
            .arg(script)
            .env("AUTHLIB_INSECURE_TRANSPORT", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        assert!(!port.is_empty(), "the provider did not start");
        Self { child, address: format!("http://127.0.0.1:{}", port.trim()) }
    }
}

/// A virtual environment with exactly the required packages; made if it is not there yet.
fn environment() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("identity-provider");
    let lock = fs::File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let complete = folder.join("complete");
    if fs::read_to_string(&complete).ok().as_deref() != Some(REQUIREMENTS) {
        let _ = fs::remove_dir_all(&folder);
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        let requirements = folder.join("requirements.txt");
        fs::write(&requirements, REQUIREMENTS).unwrap();
        run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", "--requirement"]).arg(requirements));
        fs::write(complete, REQUIREMENTS).unwrap();
    }
    folder
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
}
