//! Fetching an image from a registry (OCI distribution specification 1.1), without logging in.

use std::{
    fs::File,
    io::{Read, Seek},
    net::IpAddr,
};

use oci_client::{
    Client, Reference,
    client::{ClientConfig, ClientProtocol},
    secrets::RegistryAuth,
};
use sluis_model::ImageId;

use super::{ImageError, Images, names, unpack};

/// The largest configuration that is taken, in bytes.
const LARGEST_CONFIGURATION: i64 = 16 << 20;

/// Fetches, verifies and unpacks an image, and puts it under its name.
pub(super) async fn pull(images: &Images, name: &str) -> Result<ImageId, ImageError> {
    let reference = names::reference(name)?;
    let failed =
        |source: Box<dyn std::error::Error + Send + Sync>| ImageError::Registry { name: name.to_owned(), source };
    let client = Client::new(ClientConfig { protocol: protocol(&reference), ..ClientConfig::default() });
    let manifest = client.pull_image_manifest(&reference, &RegistryAuth::Anonymous).await;
    let (manifest, _) = manifest.map_err(|error| failed(error.into()))?;
    if manifest.config.size > LARGEST_CONFIGURATION {
        return Err(ImageError::Configuration { reason: format!("it has {} bytes", manifest.config.size) });
    }
    let mut configuration = Vec::new();
    client.pull_blob(&reference, &manifest.config, &mut configuration).await.map_err(|error| failed(error.into()))?;
    unpack::verify("the configuration", &manifest.config.digest, &configuration)?;
    let mut layers = Vec::new();
    for layer in &manifest.layers {
        // A file without a name: it is gone with this process, however that ends.
        let file = images.scratch_file()?;
        let mut into = tokio::fs::File::from_std(file.try_clone().map_err(|error| failed(error.into()))?);
        client.pull_blob(&reference, layer, &mut into).await.map_err(|error| failed(error.into()))?;
        into.sync_data().await.map_err(|error| failed(error.into()))?;
        layers.push(file);
    }
    let (images, name) = (images.clone(), reference.whole());
    let unpacking = tokio::task::spawn_blocking(move || {
        let id = unpack::image(&images, &configuration, layers.len(), |number| reread(&images, &layers[number]))?;
        images.name(&name, &id)?;
        Ok(id)
    });
    unpacking.await.map_err(|error| failed(error.into()))?
}

fn reread(images: &Images, layer: &File) -> Result<Box<dyn Read + Send>, ImageError> {
    let unreadable = || ImageError::file(&images.folder, "read");
    let mut file = layer.try_clone().map_err(unreadable())?;
    file.rewind().map_err(unreadable())?;
    Ok(Box::new(file))
}

/// Encrypted, except to this machine itself, as Docker has it.
fn protocol(reference: &Reference) -> ClientProtocol {
    let registry = reference.resolve_registry();
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    let is_this_machine = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    if is_this_machine { ClientProtocol::Http } else { ClientProtocol::Https }
}
