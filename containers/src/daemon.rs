//! The Docker daemon: whether it has an image, and loading one.

use std::path::Path;

use bollard::{
    Docker,
    errors::Error,
    query_parameters::{ImportImageOptionsBuilder, TagImageOptionsBuilder},
};
use futures_util::StreamExt;
use sluis_model::ImageId;
use tokio_util::io::ReaderStream;

use crate::ContainersError;

/// A connection to the daemon that `DOCKER_HOST` names, or to this machine's.
pub(crate) struct Daemon(Docker);

impl Daemon {
    /// Connects, and agrees on a version of the interface.
    pub async fn connect() -> Result<Self, ContainersError> {
        let failed = |source| ContainersError::Daemon { action: "answer", source };
        let docker = Docker::connect_with_defaults().map_err(failed)?;
        Ok(Self(docker.negotiate_version().await.map_err(failed)?))
    }

    /// Whether it has the image with exactly this content, and under this name if that is asked too.
    pub async fn has(&self, image: &ImageId, tag: &str) -> Result<bool, ContainersError> {
        let tags = self.tags(image.as_str()).await?;
        Ok(tags.is_some_and(|tags| tags.iter().any(|known| known == tag)))
    }

    /// Whether it has any image of this name.
    pub async fn has_name(&self, name: &str) -> Result<bool, ContainersError> {
        Ok(self.tags(name).await?.is_some())
    }

    /// Gives an image that it has one more name, `NAME:TAG`.
    pub async fn name(&self, image: &ImageId, name: &str) -> Result<(), ContainersError> {
        let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
        let options = TagImageOptionsBuilder::new().repo(repository).tag(tag).build();
        let failed = |source| ContainersError::Daemon { action: "name the image", source };
        self.0.tag_image(image.as_str(), Some(options)).await.map_err(failed)
    }

    /// All names of an image; none if there is no such image.
    async fn tags(&self, image: &str) -> Result<Option<Vec<String>>, ContainersError> {
        match self.0.inspect_image(image).await {
            Ok(found) => Ok(Some(found.repo_tags.unwrap_or_default())),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(source) => Err(ContainersError::Daemon { action: "say which images it has", source }),
        }
    }

    /// Loads an archive as `docker save` writes it.
    pub async fn load(&self, archive: &Path) -> Result<(), ContainersError> {
        let file = tokio::fs::File::open(archive).await.map_err(ContainersError::io("read", archive))?;
        let options = ImportImageOptionsBuilder::new().quiet(true).build();
        let mut progress =
            Box::pin(self.0.import_image_stream(options, ReaderStream::with_capacity(file, 1 << 16), None));
        while let Some(step) = progress.next().await {
            step.map_err(|source| ContainersError::Daemon { action: "load the image", source })?;
        }
        Ok(())
    }
}
