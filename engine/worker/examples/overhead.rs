//! Measures what the worker adds to the executor for a task without inputs: the medians of many rounds of both, in
//! turns, on `true` without a container.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example that measures prints what it found")]

use std::{error::Error, path::Path, sync::Arc, time::Instant};

use sluis_access::{Rule, Site, SiteConfig, TaskRequest};
use sluis_executor::{
    CancellationToken, Executor,
    suite::{Bench, Subject},
};
use sluis_executor_local::LocalExecutor;
use sluis_model::{EuCountry, ImageId, Labels, Task, TaskId, TaskKey, Values};
use sluis_worker::{Collect, Scratch, SwapRule, WorkRequest, Worker};

const ROUNDS: usize = 1000;

struct Nothing;

impl Collect for Nothing {
    fn collect(&self, _: &Path, _: i32) -> Result<Values, Box<dyn Error + Send + Sync>> {
        Ok(Values::new())
    }
}

struct Local(Arc<LocalExecutor>);

impl Subject for Local {
    fn executor(&self) -> Arc<dyn Executor> {
        Arc::clone(&self.0) as Arc<dyn Executor>
    }

    fn image(&self) -> Option<ImageId> {
        None
    }
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let config = SiteConfig {
        name: "test".into(),
        country: EuCountry::NL,
        unencrypted_swap: Rule::Allow,
        network_access: Rule::Refuse,
        local_executor: Rule::Refuse,
        executors: Default::default(),
        containers: Default::default(),
        remote_hosts: Vec::new(),
        quota: None,
        bucket: None,
        retries: Default::default(),
        resume_within: Default::default(),
        docker_patience: Default::default(),
        identity: None,
    };
    let site = Arc::new(Site::create(&folder.path().join("site"), &config).unwrap());
    let scratch = Arc::new(Scratch::open(Some(folder.path().join("scratch")), SwapRule::Allow).unwrap());
    let executor = Arc::new(LocalExecutor::new(scratch.root()));
    let bench = Bench::of_arguments(&Local(Arc::clone(&executor)), &["true"]);
    let worker = Worker::new(Arc::clone(&site), executor, scratch);
    let mut command = bench.launch.command.clone();
    command.success_codes = vec![0];
    let task = Task {
        tool: "true".into(),
        command,
        image: None,
        work_directory: None,
        resources: bench.launch.resources,
        gpu_kind: None,
        time_limit: None,
        network: false,
        reuse: true,
        staged: Vec::new(),
        collection: String::new(),
    };
    let request = TaskRequest {
        network: false,
        run: &bench.launch.run,
        task: TaskId(0),
        tool: "true",
        project: &"personal".parse().unwrap(),
        inputs: &[],
        derived_from: &Labels::default(),
        region: site.region(),
        executor: "local",
    };
    let permit = site.permit_task(&request).unwrap();
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let before = Instant::now();
        let task_id = TaskId(u32::try_from(round).unwrap());
        let request = WorkRequest {
            permit: &permit,
            run: &bench.launch.run,
            task_id,
            task: &task,
            key: TaskKey::from_bytes([0; 32]),
            image: None,
            gpus: None,
            command_ended: &|| {},
            collect: &Nothing,
        };
        worker.run(request, CancellationToken::new()).await.unwrap();
        ours.push(before.elapsed());
        let before = Instant::now();
        bench.executor.run(&bench.launch, CancellationToken::new()).await.unwrap();
        bare.push(before.elapsed());
    }
    ours.sort_unstable();
    bare.sort_unstable();
    let (ours, bare) = (ours[ROUNDS / 2].as_secs_f64() * 1e3, bare[ROUNDS / 2].as_secs_f64() * 1e3);
    println!("worker {ours:.3} ms, executor alone {bare:.3} ms: {:.3} ms more", ours - bare);
}
