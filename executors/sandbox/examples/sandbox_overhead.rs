//! Measures what a command costs in this executor: the medians of many rounds of `true` by the executor and of a bare
//! `bwrap` with the same namespaces and one mount, in turns.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example that measures prints what it found")]

use std::{
    env,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Instant,
};

use sluis_executor::{
    CancellationToken, Executor,
    suite::{Bench, Subject},
};
use sluis_executor_sandbox::{SandboxExecutor, images::Images};
use sluis_model::ImageId;

const ROUNDS: usize = 200;

struct Sandbox(Arc<SandboxExecutor>, ImageId);

impl Subject for Sandbox {
    fn executor(&self) -> Arc<dyn Executor> {
        Arc::clone(&self.0) as Arc<dyn Executor>
    }

    fn image(&self) -> Option<ImageId> {
        Some(self.1.clone())
    }
}

#[tokio::main]
async fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tmp/images");
    let images = Images::new(&folder);
    let id = images.load(&sluis_containers::archive("genomics", &|_| ()).unwrap()).unwrap().remove(0).id;
    let root = folder.join("sha256").join(id.as_str().trim_start_matches("sha256:")).join("rootfs");
    let plain = env::args().any(|argument| argument == "--without-control-groups");
    let executor = if plain { SandboxExecutor::without_control_groups(images) } else { SandboxExecutor::new(images) };
    let subject = Sandbox(Arc::new(executor), id);
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let bench = Bench::of_arguments(&subject, &["true"]);
        let before = Instant::now();
        bench.executor.run(&bench.launch, CancellationToken::new()).await.unwrap();
        ours.push(before.elapsed());
        bench.executor.settle(&bench.launch).await.unwrap();
        let before = Instant::now();
        let status = Command::new("bwrap")
            .args(["--unshare-all", "--ro-bind"])
            .arg(&root)
            .args(["/", "true"])
            .stdin(Stdio::null())
            .status();
        assert!(status.unwrap().success());
        bare.push(before.elapsed());
    }
    ours.sort_unstable();
    bare.sort_unstable();
    let (ours, bare) = (ours[ROUNDS / 2].as_secs_f64() * 1e3, bare[ROUNDS / 2].as_secs_f64() * 1e3);
    println!("executor {ours:.1} ms, bare bwrap {bare:.1} ms: {:.1} ms more", ours - bare);
}
