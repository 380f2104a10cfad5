//! A real OpenID provider, `oidc-provider-mock`, started by the test that needs it.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use jiff::Timestamp;
use serde_json::Value;
use sluis_identity::{Trust, TrustedIssuer, Verifier, login::LoginRequest};

/// The packages and their versions.
const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// A provider that ends with its owner, and a site that trusts it.
pub struct Provider {
    child: Child,
    pub address: String,
    pub verifier: Verifier,
    pub browser: reqwest::Client,
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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

impl Provider {
    pub fn start(change: impl FnOnce(&mut TrustedIssuer)) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/provider.py");
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
        let address = format!("http://127.0.0.1:{}", port.trim());
        let mut issuer = TrustedIssuer::new(address.parse().unwrap(), "sluis");
        change(&mut issuer);
        let trust = Trust { issuers: vec![issuer], http_on_loopback: true, ..Trust::default() };
        let browser =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        Self { child, address, verifier: Verifier::new(trust).unwrap(), browser }
    }

    pub fn request(&self) -> LoginRequest {
        LoginRequest { issuer: self.address.clone(), scopes: vec!["profile".to_owned()], multi_factor: true }
    }

    /// What the provider says of a person.
    pub async fn set_person(&self, subject: &str, claims: &Value) {
        let request = self.browser.put(format!("{}/users/{subject}", self.address));
        let request = request.header("content-type", "application/json").body(claims.to_string());
        assert!(request.send().await.unwrap().status().is_success());
    }

    /// A form, posted by the browser. Gives the address that the answer leads to, if it does.
    pub async fn post(&self, address: &str, form: &'static str) -> Option<String> {
        let request = self.browser.post(address).header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(form).send().await.unwrap();
        assert!(answer.status().as_u16() < 400, "{}", answer.text().await.unwrap());
        answer.headers().get("location").map(|address| address.to_str().unwrap().to_owned())
    }
}

/// The present: the provider lives in it.
pub fn clock() -> Timestamp {
    Timestamp::now()
}
