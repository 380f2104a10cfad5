//! The connection to the Docker daemon, and its errors in our words.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use bollard::{API_DEFAULT_VERSION, Docker, errors::Error};
use sluis_executor::{ExecutorError, Running};
use sluis_model::{ImageId, ImageReference};
use tokio::sync::OnceCell;

use crate::{image::ImageFacts, memory::Holder};

pub(crate) const DAEMON: &str = "the Docker daemon";
/// How long the daemon may take to begin an answer, in seconds.
const TIMEOUT: u64 = 120;

/// A connection that is made when it is first needed; a failed attempt is made again the next time.
#[derive(Default)]
pub(crate) struct Daemon {
    socket: Option<PathBuf>,
    docker: OnceCell<Docker>,
    images: Mutex<HashMap<ImageId, Arc<ImageFacts>>>,
    /// The containers that run now.
    pub running: Running<Holder>,
}

impl Daemon {
    /// The daemon that listens at this socket.
    pub fn at(socket: &Path) -> Self {
        Self { socket: Some(socket.to_owned()), ..Self::default() }
    }

    /// The connection, with a version of the interface that both sides know.
    pub async fn docker(&self) -> Result<&Docker, ExecutorError> {
        let connect = async || {
            let docker = match &self.socket {
                Some(socket) => Docker::connect_with_unix(&socket.to_string_lossy(), TIMEOUT, API_DEFAULT_VERSION),
                None => Docker::connect_with_defaults(),
            };
            docker.map_err(unavailable)?.negotiate_version().await.map_err(unavailable)
        };
        self.docker.get_or_try_init(connect).await
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
        remedy: "see that it runs and that this user may use its socket (`docker info` tells), then start again",
        source: error.into(),
    }
}

/// Whether the daemon says that it does not have the thing asked for.
pub(crate) const fn is_missing(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404, .. })
}

/// Whether the daemon says that the thing is not in a state for what was asked, as killing what has ended.
pub(crate) const fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 409, .. })
}
