//! Choosing what runs tools in containers, and where the sandbox keeps its images.

use std::{env, path::PathBuf, sync::Arc, thread, time::Duration};

use clap::ValueEnum;
use etcetera::BaseStrategy;
use sluis_access::{Containers, Site};
use sluis_executor::Executor;
use sluis_executor_docker::DockerExecutor;
use sluis_executor_sandbox::{SandboxExecutor, images::Images};
use sluis_schedule::RunSettings;

use crate::{exit::Exit, failure::Failure};

/// How long the Docker daemon may take to answer where nobody said that it is to be used.
const PATIENCE: Duration = Duration::from_millis(500);

/// What runs tools in containers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ContainerExecutor {
    /// The Docker daemon.
    Docker,
    /// Namespaces of this machine's own kernel, without any daemon.
    Sandbox,
}

impl ContainerExecutor {
    /// What was asked for, else what the site says, else Docker where its daemon answers at once.
    pub fn choose(site: &Site, asked: Option<Self>) -> Self {
        match (asked, site.config().containers) {
            (Some(asked), _) => asked,
            (None, Containers::Docker) => Self::Docker,
            (None, Containers::Sandbox) => Self::Sandbox,
            (None, Containers::Auto) if docker_answers() => Self::Docker,
            (None, Containers::Auto) => Self::Sandbox,
        }
    }

    /// What runs those of a run: what it was begun with, if it says so.
    pub fn of_run(site: &Site, settings: &RunSettings) -> Self {
        let named = settings.executor.as_deref().and_then(|name| Self::from_str(name, false).ok());
        Self::choose(site, named)
    }

    /// The name under which a run's settings keep it.
    pub fn name(self) -> Option<String> {
        self.to_possible_value().map(|value| value.get_name().to_owned())
    }

    /// The executor itself.
    ///
    /// # Errors
    /// If nobody says where images are kept.
    pub fn make(self, site: &Site) -> Result<Arc<dyn Executor>, Failure> {
        Ok(match self {
            Self::Docker => Arc::new(DockerExecutor::new().with_patience(site.config().docker_patience.0)),
            Self::Sandbox => Arc::new(SandboxExecutor::new(images()?)),
        })
    }
}

/// Asked in a thread of its own, for the caller's may already be driving a runtime.
fn docker_answers() -> bool {
    let ask = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.is_ok_and(|runtime| runtime.block_on(DockerExecutor::new().answers_within(PATIENCE)))
    };
    thread::scope(|scope| scope.spawn(ask).join()).unwrap_or(false)
}

/// The images of the sandbox: in the folder that SLUIS_IMAGES names, else in `sluis/images` of the user's cache.
///
/// # Errors
/// If the user's cache folder is unknown.
pub fn images() -> Result<Images, Failure> {
    if let Some(folder) = env::var_os("SLUIS_IMAGES") {
        return Ok(Images::new(PathBuf::from(folder)));
    }
    let strategy = etcetera::choose_base_strategy().map_err(|error| {
        let text = format!("the user's cache folder is unknown ({error}); name a folder for images with SLUIS_IMAGES");
        Failure::new(Exit::Environment, text)
    })?;
    Ok(Images::new(strategy.cache_dir().join("sluis/images")))
}
