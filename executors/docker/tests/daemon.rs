//! What is particular to containers: images, what is left behind, and a daemon that fails.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use bollard::{
    Docker,
    models::{ContainerConfig, ContainerCreateBody, ContainerInspectResponse},
    query_parameters::{
        CommitContainerOptionsBuilder, KillContainerOptions, ListContainersOptionsBuilder, RemoveContainerOptions,
        RemoveImageOptionsBuilder,
    },
};
use sluis_executor::{
    CancellationToken, Executor, ExecutorError, Outcome,
    suite::{Bench, Subject},
};
use sluis_executor_docker::DockerExecutor;
use sluis_model::{Gpu, ImageId, ImageReference};

static IMAGE: LazyLock<ImageId> = LazyLock::new(|| sluis_containers::ensure("genomics").unwrap());

/// A daemon, by an executor, and an image.
struct At(Arc<DockerExecutor>, ImageId);

impl At {
    fn usual() -> Self {
        Self(Arc::new(DockerExecutor::new()), IMAGE.clone())
    }
}

impl Subject for At {
    fn executor(&self) -> Arc<dyn Executor> {
        Arc::clone(&self.0) as Arc<dyn Executor>
    }

    fn image(&self) -> Option<ImageId> {
        Some(self.1.clone())
    }
}

fn docker() -> Docker {
    Docker::connect_with_defaults().unwrap()
}

/// The containers of a launch, running or not.
async fn containers_of(bench: &Bench) -> Vec<ContainerInspectResponse> {
    let filters = HashMap::from([("label", vec![format!("sluis.engine={}", bench.launch.engine)])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let mut found = Vec::new();
    for container in docker().list_containers(Some(options)).await.unwrap() {
        found.push(docker().inspect_container(&container.id.unwrap(), None).await.unwrap());
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_found_by_name_and_digest_and_by_nothing_else() {
    let reference = sluis_containers::reference("genomics").unwrap();
    let by = async |name: &str, id: Option<&ImageId>| {
        let image = ImageReference { name: name.to_owned(), id: id.cloned() };
        DockerExecutor::new().image_id(&image).await
    };
    assert_eq!(IMAGE.as_str(), by(&reference.name, None).await.unwrap().as_str());
    assert_eq!(IMAGE.as_str(), by(&reference.name, Some(&IMAGE)).await.unwrap().as_str());
    assert_eq!(IMAGE.as_str(), by("gone-from-its-registry:1", Some(&IMAGE)).await.unwrap().as_str());
    let other = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    let foreign = by(&reference.name, Some(&other)).await.unwrap_err();
    assert!(matches!(&foreign, ExecutorError::ForeignImage { found, .. } if found == IMAGE.as_str()), "{foreign}");
    // Nothing listens at this port, so that no network is needed to find that out.
    let missing = by("127.0.0.1:1/nobody/nothing:1", Some(&other)).await.unwrap_err();
    assert!(matches!(missing, ExecutorError::MissingImage { .. }), "{missing:?}");
    let text = missing.to_string();
    assert!(text.contains("127.0.0.1:1/nobody/nothing:1") && text.contains(other.as_str()) && text.contains("load"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_killed_from_outside_ended_by_a_signal_and_keeps_nothing() {
    let bench = Bench::new(&At::usual(), "echo secret; touch ready; exec sleep 1000");
    let killing = async {
        bench.file_appears("ready").await;
        let container = containers_of(&bench).await.remove(0);
        let host = container.host_config.unwrap();
        assert_eq!(host.log_config.and_then(|log| log.typ).as_deref(), Some("none"));
        assert!(container.log_path.is_none_or(|path| !Path::new(&path).exists()), "the daemon keeps no output");
        assert!(container.mounts.unwrap().iter().all(|mount| mount.name.is_none()), "no volumes");
        docker().kill_container(&container.id.unwrap(), None::<KillContainerOptions>).await.unwrap();
    };
    let (ended, ()) = tokio::join!(bench.try_run(CancellationToken::new()), killing);
    assert_eq!(ended.unwrap().outcome, Outcome::Signaled(9));
    assert_eq!(bench.log(), "secret\n");
    assert!(containers_of(&bench).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_that_an_image_declares_are_in_memory() {
    let body =
        ContainerCreateBody { image: Some(IMAGE.to_string()), cmd: Some(vec!["true".into()]), ..Default::default() };
    let container = docker().create_container(None, body).await.unwrap().id;
    let config = ContainerConfig { volumes: Some(vec!["/data".into(), "/tmp/".into()]), ..Default::default() };
    let options = CommitContainerOptionsBuilder::new().container(&container).repo("sluis-test/volumes").build();
    let made = docker().commit_container(options, config).await.unwrap().id;
    docker().remove_container(&container, None::<RemoveContainerOptions>).await.unwrap();
    let subject = At(Arc::new(DockerExecutor::new()), made.parse().unwrap());
    let bench =
        Bench::new(&subject, "touch /data/x && grep -q ' /data tmpfs' /proc/mounts; code=$?; touch ready; exit $code");
    let outcome = bench.run().await;
    let options = RemoveImageOptionsBuilder::new().force(true).build();
    docker().remove_image(&made, Some(options), None).await.unwrap();
    assert_eq!(outcome, Outcome::Exited(0), "{}", bench.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_gone_and_a_daemon_that_is_not_there_are_told() {
    let nowhere = At(Arc::new(DockerExecutor::at(Path::new("/nowhere/docker.sock"))), IMAGE.clone());
    let unavailable = Bench::new(&nowhere, "true").try_run(CancellationToken::new()).await;
    assert!(matches!(unavailable, Err(ExecutorError::Unavailable { .. })), "{unavailable:?}");
    let gone = At(Arc::new(DockerExecutor::new()), format!("sha256:{}", "0".repeat(64)).parse().unwrap());
    let missing = Bench::new(&gone, "true").try_run(CancellationToken::new()).await;
    assert!(matches!(missing, Err(ExecutorError::MissingImage { .. })), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_goes_away_is_told_and_its_container_found_later() {
    let wire = Wire::to_daemon();
    let executor = DockerExecutor::at(&wire.socket()).with_patience(Duration::ZERO);
    let subject = At(Arc::new(executor), IMAGE.clone());
    let bench = Bench::new(&subject, "touch ready; exec sleep 1000");
    let cutting = async {
        bench.file_appears("ready").await;
        wire.cut();
    };
    let running = async { tokio::join!(bench.executor.run(&bench.launch, CancellationToken::new()), cutting).0 };
    let ended = tokio::time::timeout(Duration::from_secs(30), running).await.unwrap();
    assert!(matches!(ended, Err(ExecutorError::Unavailable { .. })), "{ended:?}");
    bench.executor.settle(&bench.launch).await.unwrap();
    assert_eq!(containers_of(&bench).await.len(), 1);
    let removed = DockerExecutor::new().remove_orphans(&|engine| engine != bench.launch.engine).await.unwrap();
    assert_eq!((removed, containers_of(&bench).await.len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_leaves_no_container() {
    for (request, outcome) in
        [("/containers/create", None), ("/start", Some(Outcome::Exited(7))), ("DELETE", Some(Outcome::Exited(7)))]
    {
        let wire = Wire::to_daemon();
        let subject = At(Arc::new(DockerExecutor::at(&wire.socket())), IMAGE.clone());
        let mut bench = Bench::new(&subject, "exit 7");
        bench.launch.command.success_codes = vec![7];
        *wire.lost.lock().unwrap() = Some(request);
        match bench.try_run(CancellationToken::new()).await {
            Ok(ended) => assert_eq!(Some(ended.outcome), outcome, "{request}"),
            Err(error) => {
                assert!(outcome.is_none() && matches!(error, ExecutorError::Lost { .. }), "{request}: {error:?}")
            }
        }
        assert_eq!(*wire.lost.lock().unwrap(), None, "{request}");
        assert!(containers_of(&bench).await.is_empty(), "{request}");
    }
}

/// What the daemon is asked for; this machine may have no such GPU, so that it refuses.
#[tokio::test(flavor = "multi_thread")]
async fn a_container_is_asked_for_with_exactly_the_gpus_that_it_is_given() {
    let asked = async |gpus: Option<Vec<Gpu>>| {
        let wire = Wire::to_daemon();
        let subject = At(Arc::new(DockerExecutor::at(&wire.socket())), IMAGE.clone());
        let mut bench = Bench::new(&subject, "echo ${NVIDIA_VISIBLE_DEVICES-unset}");
        if gpus.as_ref().is_some_and(Vec::is_empty) {
            bench.launch.command.environment.insert("NVIDIA_VISIBLE_DEVICES".to_owned(), "all".to_owned());
        }
        bench.launch.gpus = gpus;
        let ended = bench.try_run(CancellationToken::new()).await;
        assert!(containers_of(&bench).await.is_empty());
        (ended, bench.log(), wire.said())
    };
    let gpu = |name: &str| Gpu { uuid: name.to_owned(), device: "/dev/nvidia0".into() };
    let (ended, _, said) = asked(Some(vec![gpu("GPU-a"), gpu("GPU-b")])).await;
    let request = r#""DeviceRequests":[{"Driver":"nvidia","DeviceIDs":["GPU-a","GPU-b"],"Capabilities":[["gpu","compute","utility"]]}]"#;
    assert!(said.contains(request), "{said}");
    assert!(ended.is_err(), "{ended:?}");
    // Neither does a tool get all of them that asks for them.
    let (ended, log, said) = asked(Some(Vec::new())).await;
    assert_eq!((ended.unwrap().outcome, log.as_str()), (Outcome::Exited(0), "void\n"));
    assert!(!said.contains("DeviceRequests") && !said.contains("NVIDIA_VISIBLE_DEVICES=all"), "{said}");
    assert_eq!(asked(None).await.1, "unset\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_container_used_is_told() {
    let script = "held=$(head -c 67108864 /dev/zero | tr '\\0' a); for ((n = 0; n < 200000; n++)); do :; done; \
                  echo ${#held}";
    let usage = Bench::new(&At::usual(), script).try_run(CancellationToken::new()).await.unwrap().usage;
    assert!(usage.cpu_ms >= Some(50), "{usage:?}");
    assert!(usage.peak_memory >= Some(64 << 20) && usage.peak_memory <= Some(384 << 20), "{usage:?}");
    // The daemon may have fetched the end of the process before we could.
    assert!(usage.read.is_none_or(|read| read >= 64 << 20), "{usage:?}");
}

/// A socket whose connections lead to the daemon until they are cut.
struct Wire {
    folder: tempfile::TempDir,
    open: Arc<Mutex<Option<Vec<UnixStream>>>>,
    /// What the daemon is told.
    said: Arc<Mutex<Vec<u8>>>,
    /// The request whose answer is lost, by something in it; the next one only.
    lost: Arc<Mutex<Option<&'static str>>>,
}

impl Wire {
    fn to_daemon() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let open = Arc::new(Mutex::new(Some(Vec::new())));
        let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let lost = Arc::new(Mutex::new(None));
        let (kept, heard, losing) = (Arc::clone(&open), Arc::clone(&said), Arc::clone(&lost));
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let far = UnixStream::connect("/var/run/docker.sock").unwrap();
                let mut kept = kept.lock().unwrap();
                let Some(streams) = kept.as_mut() else { break };
                streams.extend([near.try_clone().unwrap(), far.try_clone().unwrap()]);
                let (heard, losing, is_lost) =
                    (Arc::clone(&heard), Arc::clone(&losing), Arc::new(AtomicBool::new(false)));
                let (from, to, is_to_be_lost) =
                    (near.try_clone().unwrap(), far.try_clone().unwrap(), Arc::clone(&is_lost));
                let hear = move |part: &[u8]| {
                    heard.lock().unwrap().extend_from_slice(part);
                    let is_it = |text: &mut &str| part.windows(text.len()).any(|window| window == text.as_bytes());
                    if losing.lock().unwrap().take_if(is_it).is_some() {
                        is_to_be_lost.store(true, Ordering::SeqCst);
                    }
                    true
                };
                thread::spawn(move || pass_on(from, to, hear));
                thread::spawn(move || pass_on(far, near, move |_| !is_lost.load(Ordering::SeqCst)));
            }
        });
        Self { folder, open, said, lost }
    }

    fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("socket")
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap()).into_owned()
    }

    fn cut(&self) {
        for stream in self.open.lock().unwrap().take().unwrap() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Passes on what comes as long as `hear` says so; then the connection breaks.
fn pass_on(mut from: UnixStream, mut to: UnixStream, hear: impl Fn(&[u8]) -> bool) {
    let mut part = [0; 8192];
    while let Ok(length @ 1..) = from.read(&mut part) {
        if !hear(&part[..length]) {
            let _ = to.shutdown(Shutdown::Both);
            return;
        }
        if to.write_all(&part[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
