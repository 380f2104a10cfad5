//! The connection to the Docker daemon, and its errors in our words.

use std::{
    collections::HashMap,
    env,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bollard::{API_DEFAULT_VERSION, Docker, errors::Error};
use sluis_executor::{ExecutorError, Running};
use sluis_model::{ImageId, ImageReference};
use tokio::sync::{self, OnceCell};

use crate::{absence::Absence, image::ImageFacts, memory::Holder, pulse::Pulse};

pub(crate) const DAEMON: &str = "the Docker daemon";
/// How long the daemon may take to begin an answer, in seconds.
const TIMEOUT: u64 = 120;
/// How long a daemon that went away is waited for: as long as an upgrade of it may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
/// Where it listens if nobody says otherwise.
const USUAL_SOCKET: &str = "/var/run/docker.sock";

/// A connection that is made when it is first needed; a failed attempt is made again the next time.
pub(crate) struct Daemon {
    socket: Option<PathBuf>,
    docker: OnceCell<Docker>,
    pulse: sync::Mutex<Option<Arc<Pulse>>>,
    images: Mutex<HashMap<ImageId, Arc<ImageFacts>>>,
    /// The containers that run now.
    pub running: Running<Holder>,
    /// Whether it went away and is waited for.
    pub absence: Absence,
}

impl Daemon {
    /// The daemon that listens at this socket, or at the one that `DOCKER_HOST` names; waited for so long if it goes away.
    pub fn at(socket: Option<&Path>, patience: Duration) -> Self {
        let (docker, pulse, images, running) = Default::default();
        Self { socket: socket.map(Path::to_owned), docker, pulse, images, running, absence: Absence::new(patience) }
    }

    /// The socket that was asked for.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// The connection, with a version of the interface that both sides know.
    pub async fn docker(&self) -> Result<&Docker, ExecutorError> {
        let connect = async || self.connect().map_err(unavailable)?.negotiate_version().await.map_err(unavailable);
        self.docker.get_or_try_init(connect).await
    }

    /// Whether it answers. To be asked for its version takes it 10 ms, for it asks all of its parts; a ping does not.
    pub async fn answers(&self) -> bool {
        let Ok(docker) = self.connect() else { return false };
        // One that knows only an older interface says so, which is an answer, too.
        matches!(docker.ping().await, Ok(_) | Err(Error::DockerResponseServerError { .. }))
    }

    fn connect(&self) -> Result<Docker, Error> {
        match &self.socket {
            Some(socket) => Docker::connect_with_unix(&socket.to_string_lossy(), TIMEOUT, API_DEFAULT_VERSION),
            None => Docker::connect_with_defaults(),
        }
    }

    /// The daemon's pulse from now on.
    pub async fn pulse(&self) -> Result<Arc<Pulse>, ExecutorError> {
        let mut felt = self.pulse.lock().await;
        if let Some(pulse) = felt.as_ref().filter(|pulse| pulse.is_open()) {
            return Ok(Arc::clone(pulse));
        }
        let pulse = Arc::new(Pulse::feel(&self.place()).await.map_err(unavailable)?);
        Ok(Arc::clone(felt.insert(pulse)))
    }

    /// Waits until a daemon that was spoken to before answers; whether it did in time.
    pub async fn returns(&self) -> bool {
        self.docker.initialized() && self.absence.ends(&self.place()).await
    }

    /// The socket. What else `DOCKER_HOST` may name was refused when the daemon was first spoken to.
    fn place(&self) -> PathBuf {
        let named = || env::var("DOCKER_HOST").ok()?.strip_prefix("unix://").map(PathBuf::from);
        self.socket.clone().or_else(named).unwrap_or_else(|| USUAL_SOCKET.into())
    }

    /// What a container of this image has to allow for; asked once.
    pub async fn image_facts(&self, image: &ImageId) -> Result<Arc<ImageFacts>, ExecutorError> {
        let known = self.images.lock().unwrap_or_else(PoisonError::into_inner).get(image).cloned();
        if let Some(facts) = known {
            return Ok(facts);
        }
        let found = self.docker().await?.inspect_image(image.as_str()).await.map_err(|error| match error {
            error if is_missing(&error) => missing_image(image, error),
            error => failed(format!("inspect the image {image}"), error),
        })?;
        let facts = Arc::new(ImageFacts::of(&found));
        self.images.lock().unwrap_or_else(PoisonError::into_inner).insert(image.clone(), Arc::clone(&facts));
        Ok(facts)
    }
}

/// An image that was there when the task was made and is not any more.
pub(crate) fn missing_image(image: &ImageId, error: Error) -> ExecutorError {
    ExecutorError::MissingImage {
        image: ImageReference { name: image.to_string(), id: None },
        remedy: "it was removed since the run began: load or pull it again and start the run anew".to_owned(),
        source: error.into(),
    }
}

/// An error of the daemon, as one of connection if it is.
pub(crate) fn failed(doing: String, error: Error) -> ExecutorError {
    match error {
        Error::DockerResponseServerError { .. }
        | Error::DockerStreamError { .. }
        | Error::DockerContainerWaitError { .. }
        | Error::JsonDataError { .. } => ExecutorError::Service { what: DAEMON, doing, source: error.into() },
        error => unavailable(error),
    }
}

/// The daemon cannot be reached, or went away.
pub(crate) fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ExecutorError {
    ExecutorError::Unavailable {
        what: DAEMON,
        remedy: "see that it runs and that this user may use its socket (`docker info` tells)",
        source: error.into(),
    }
}

/// The daemon went away and is back, and a command was lost meanwhile.
pub(crate) fn lost(how: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ExecutorError {
    ExecutorError::Lost { what: DAEMON, source: how.into() }
}

/// Whether the daemon could not be reached, or went away.
pub(crate) const fn is_unavailable(error: &ExecutorError) -> bool {
    matches!(error, ExecutorError::Unavailable { .. })
}

/// Whether the daemon says that it does not have the thing asked for.
pub(crate) const fn is_missing(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404, .. })
}

/// Whether the daemon says that the thing is not in a state for what was asked, as killing what has ended.
pub(crate) const fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 409, .. })
}
