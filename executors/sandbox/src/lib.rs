//! Runs a task's command in Linux namespaces made by bubblewrap, without any daemon.
//!
//! A command gets nothing but what its task needs: no network unless asked, a read-only root, no capabilities and no
//! way to new privileges, a user that is not root, a filter of system calls, no other processes than its own, and limits
//! on memory, processors and processes. Everything it can write to stands in memory: the task's folders, a `tmpfs` at
//! `/tmp`, `/dev/shm` and at every volume that the image declares. Its standard streams are the task's files themselves.
//!
//! Images are unpacked once, by their content ([`images`]). A command goes on when its engine is killed, and another
//! engine can tell how it ended.
//!
//! What limits a command depends on the machine; `docs/executors.md` says what each gives.

mod bubblewrap;
mod by_hand;
mod cgroup;
mod command;
pub mod images;
mod lifecycle;
mod marker;
mod plan;
mod private_mounts;
mod record;
mod root;
mod said;
mod seccomp;
mod start;
mod tree;
mod usage;

use std::{
    collections::HashMap,
    error::Error,
    io,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use async_trait::async_trait;
use rustix::process::{Resource, Rlimit, setrlimit};
use sluis_executor::{ByHand, CancellationToken, Ended, Executor, ExecutorError, HeldMemory, Launch, Running};
use sluis_model::{ImageId, ImageReference, RunId, TaskId};
use tokio::{
    sync::oneshot,
    task::{JoinHandle, block_in_place, spawn_blocking},
};

use cgroup::Cgroups;
use command::Holder;
use images::{Image, ImageError, Images};
use seccomp::Filters;

/// The executor on this machine's own kernel.
pub struct SandboxExecutor {
    ground: Arc<Ground>,
    launches: Mutex<HashMap<LaunchName, JoinHandle<Result<(), ExecutorError>>>>,
}

/// What tells the launches of one executor apart.
type LaunchName = (String, RunId, TaskId);

impl SandboxExecutor {
    /// An executor that runs commands in these images. Nothing is looked for on the machine until it is needed.
    ///
    /// From then on no core dump of this process, or of any that it starts, can be written.
    pub fn new(images: Images) -> Self {
        Self::on(Ground::on(images, OnceLock::new()))
    }

    /// The same, but that it limits commands without control groups even where it could make some: by watching.
    #[must_use]
    pub fn without_control_groups(images: Images) -> Self {
        Self::on(Ground::on(images, OnceLock::from(None)))
    }

    fn on(ground: Ground) -> Self {
        // One byte and not none: the kernel writes no file for so little, and unlike with 0 it does not hand the dump
        // to a collecting program either (core(5)). Lowering a limit cannot fail.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(1), maximum: Some(1) });
        Self { ground: Arc::new(ground), launches: Mutex::default() }
    }

    fn has(&self, id: &ImageId) -> Result<bool, ExecutorError> {
        Ok(self.ground.images.open_image(id).map_err(unusable)?.is_some())
    }

    fn launches(&self) -> MutexGuard<'_, HashMap<LaunchName, JoinHandle<Result<(), ExecutorError>>>> {
        self.launches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What all launches stand on, looked up once.
struct Ground {
    images: Images,
    opened: Mutex<HashMap<ImageId, Arc<Image>>>,
    bubblewrap: OnceLock<PathBuf>,
    filters: OnceLock<[OwnedFd; 2]>,
    cgroups: OnceLock<Option<Cgroups>>,
    running: Running<Holder>,
}

impl Ground {
    fn on(images: Images, cgroups: OnceLock<Option<Cgroups>>) -> Self {
        let (opened, running) = Default::default();
        Self { images, opened, bubblewrap: OnceLock::new(), filters: OnceLock::new(), cgroups, running }
    }

    fn bubblewrap(&self) -> Result<PathBuf, ExecutorError> {
        match self.bubblewrap.get() {
            Some(known) => Ok(known.clone()),
            None => bubblewrap::find().map(|found| self.bubblewrap.get_or_init(|| found).clone()),
        }
    }

    /// The filters of system calls, each in a file in memory.
    fn filters(&self) -> Result<&[OwnedFd; 2], ExecutorError> {
        if let Some(known) = self.filters.get() {
            return Ok(known);
        }
        let [refused, missing] = compile_filters()?;
        let file = |program: &[u8]| start::in_memory("filter", program).map_err(no_filter);
        let made = [file(&refused)?, file(&missing)?];
        Ok(self.filters.get_or_init(|| made))
    }

    fn cgroups(&self) -> Option<&Cgroups> {
        self.cgroups.get_or_init(Cgroups::detect).as_ref()
    }

    /// An image that was found before; opened once.
    fn image(&self, id: &ImageId) -> Result<Arc<Image>, ExecutorError> {
        let known = self.opened.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        if let Some(image) = known {
            return Ok(image);
        }
        let found = self.images.open_image(id).map_err(unusable)?.ok_or_else(|| ExecutorError::MissingImage {
            image: ImageReference { name: id.to_string(), id: None },
            remedy: "it was removed since the run began: load or pull it again and start the run anew".to_owned(),
            source: io::Error::from(io::ErrorKind::NotFound).into(),
        })?;
        let image = Arc::new(found);
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), Arc::clone(&image));
        Ok(image)
    }
}

/// The filters of system calls, as the kernel takes them.
fn compile_filters() -> Result<[Vec<u8>; 2], ExecutorError> {
    Ok(Filters::compile().map_err(no_filter)?.programs)
}

fn no_filter(error: impl Error + Send + Sync + 'static) -> ExecutorError {
    let doing = "filter system calls".to_owned();
    ExecutorError::Service { what: "this machine", doing, source: error.into() }
}

fn unusable(error: ImageError) -> ExecutorError {
    ExecutorError::Service { what: "the folder of images", doing: "be used".to_owned(), source: error.into() }
}

fn name_of(launch: &Launch) -> LaunchName {
    (launch.engine.clone(), launch.run.clone(), launch.task)
}

fn lost(launch: &Launch, error: impl Error + Send + Sync + 'static) -> ExecutorError {
    let doing = format!("watch task {} of run {}", launch.task, launch.run);
    ExecutorError::Service { what: "the sandbox executor", doing, source: error.into() }
}

#[async_trait]
impl Executor for SandboxExecutor {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    async fn image_id(&self, image: &ImageReference) -> Result<ImageId, ExecutorError> {
        if let Some(id) = &image.id
            && self.has(id)?
        {
            return Ok(id.clone());
        }
        let found = match self.ground.images.find(&image.name).map_err(unusable)? {
            Some(found) => found,
            None => self.ground.images.pull(&image.name).await.map_err(|error| ExecutorError::MissingImage {
                image: image.clone(),
                remedy: "check its name, load its archive with `sluis image load`, or pull it where a registry can be \
                         reached"
                    .to_owned(),
                source: error.into(),
            })?,
        };
        match &image.id {
            Some(id) if *id != found => {
                Err(ExecutorError::ForeignImage { image: image.clone(), found: found.to_string() })
            }
            _ => Ok(found),
        }
    }

    async fn run(&self, launch: &Launch, cancel: CancellationToken) -> Result<Ended, ExecutorError> {
        // In a task of its own, so that dropping this future can neither leave a command behind nor lose its end.
        let cancel = cancel.child_token();
        let _kill_when_dropped = cancel.clone().drop_guard();
        let (tell, told) = oneshot::channel();
        let work = tokio::spawn(lifecycle::carry_out(Arc::clone(&self.ground), launch.clone(), cancel, tell));
        self.launches().insert(name_of(launch), work);
        told.await.map_err(|error| lost(launch, error))?
    }

    async fn settle(&self, launch: &Launch) -> Result<(), ExecutorError> {
        let rest = self.launches().remove(&name_of(launch));
        match rest {
            Some(rest) => rest.await.map_err(|error| lost(launch, error))?,
            None => Ok(()),
        }
    }

    fn outlives_engines(&self) -> bool {
        true
    }

    async fn adopt(&self, launch: &Launch, cancel: CancellationToken) -> Result<Option<Ended>, ExecutorError> {
        lifecycle::adopt(&self.ground, launch, &cancel).await
    }

    async fn held_memory(&self, run: &RunId, task: TaskId) -> Option<HeldMemory> {
        let command = self.ground.running.of(run, task)?;
        spawn_blocking(move || command.memory()).await.ok()?
    }

    fn by_hand(&self, launch: &Launch, is_limited: bool) -> Result<Option<ByHand>, ExecutorError> {
        let image = launch.image.as_ref().map(|id| self.ground.image(id)).transpose()?;
        image.map(|image| by_hand::of_launch(&self.ground, launch, &image, is_limited)).transpose()
    }

    async fn remove_orphans(
        &self,
        is_alive: &(dyn for<'a> Fn(&'a str) -> bool + Send + Sync),
    ) -> Result<usize, ExecutorError> {
        let is_dead = |marker: &str| marker.split_once('/').is_some_and(|(engine, _)| !is_alive(engine));
        let failed = |source: io::Error| ExecutorError::Service {
            what: "this machine",
            doing: "kill what dead engines left running".to_owned(),
            source: source.into(),
        };
        block_in_place(|| {
            let killed = marker::kill(&is_dead).map_err(failed)?;
            self.ground.cgroups().map_or(Ok(()), |groups| groups.remove_dead(is_alive)).map_err(failed)?;
            Ok(killed.len())
        })
    }
}
