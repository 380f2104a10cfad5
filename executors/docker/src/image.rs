//! Finding images by content digest, and pulling those that are not there.

use bollard::{Docker, errors::Error, models::ImageInspect, query_parameters::CreateImageOptionsBuilder};
use futures_util::StreamExt;
use sluis_executor::ExecutorError;
use sluis_model::{ImageId, ImageReference};

use crate::daemon::{DAEMON, Daemon, failed, is_missing};

/// What a container of an image has to allow for.
pub(crate) struct ImageFacts {
    /// The paths for which the image wants volumes.
    pub volumes: Vec<String>,
}

impl ImageFacts {
    pub fn of(image: &ImageInspect) -> Self {
        let volumes = image.config.as_ref().and_then(|config| config.volumes.clone()).unwrap_or_default();
        Self { volumes: volumes.into_iter().collect() }
    }
}

/// The content digest of an image, which is exactly the one asked for where one was; pulled if it is not there.
pub(crate) async fn find(daemon: &Daemon, image: &ImageReference) -> Result<ImageId, ExecutorError> {
    let docker = daemon.docker().await?;
    if let Some(id) = &image.id
        && let Some(found) = inspect(docker, id.as_str()).await?
        && found == *id
    {
        return Ok(found);
    }
    let found = match inspect(docker, &image.name).await? {
        Some(found) => found,
        None => pull(docker, image).await?,
    };
    match &image.id {
        Some(id) if *id != found => Err(ExecutorError::ForeignImage { image: image.clone(), found: found.to_string() }),
        _ => Ok(found),
    }
}

async fn inspect(docker: &Docker, name: &str) -> Result<Option<ImageId>, ExecutorError> {
    let image = match docker.inspect_image(name).await {
        Ok(image) => image,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(failed(format!("inspect the image {name}"), error)),
    };
    let id = image.id.unwrap_or_default().parse::<ImageId>();
    id.map(Some).map_err(|error| ExecutorError::Service {
        what: DAEMON,
        doing: format!("tell the digest of the image {name}"),
        source: error.into(),
    })
}

async fn pull(docker: &Docker, image: &ImageReference) -> Result<ImageId, ExecutorError> {
    let missing = |error: Error| ExecutorError::MissingImage {
        image: image.clone(),
        remedy: "check its name, load its archive with `docker load`, or pull it where a registry can be reached"
            .to_owned(),
        source: error.into(),
    };
    let (name, tag) = split_tag(&image.name);
    let options = CreateImageOptionsBuilder::new().from_image(name).tag(tag).build();
    let mut progress = std::pin::pin!(docker.create_image(Some(options), None, None));
    while let Some(step) = progress.next().await {
        match step {
            Ok(_) => {}
            Err(error @ (Error::DockerResponseServerError { .. } | Error::DockerStreamError { .. })) => {
                return Err(missing(error));
            }
            Err(error) => return Err(failed(format!("pull the image {image}"), error)),
        }
    }
    inspect(docker, &image.name)
        .await?
        .ok_or_else(|| missing(Error::DockerStreamError { error: "the registry has no image of that name".to_owned() }))
}

/// Splits off the tag, or the digest, which the daemon takes in its place; without either it would pull every tag.
fn split_tag(name: &str) -> (&str, &str) {
    if let Some((name, digest)) = name.split_once('@') {
        return (name, digest);
    }
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (name, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_tag_and_a_missing_tag_is_the_latest() {
        for (name, expected) in [
            ("debian", ("debian", "latest")),
            ("debian:12", ("debian", "12")),
            ("host:5000/tools/bwa", ("host:5000/tools/bwa", "latest")),
            ("host:5000/tools/bwa:0.7", ("host:5000/tools/bwa", "0.7")),
            ("tools/bwa@sha256:00", ("tools/bwa", "sha256:00")),
        ] {
            assert_eq!(split_tag(name), expected);
        }
    }
}
