//! `sluis image`: the images in which the sandbox runs tools.

use serde_json::{Value as Json, json};
use sluis_executor_sandbox::images::{ImageError, Listed};
use tokio::runtime::Runtime;

use crate::{arguments::Image, containers::images, exit::Exit, failure::Failure, output};

/// Carries out one of its actions.
pub fn carry_out(image: &Image, json: bool) -> Result<Exit, Failure> {
    let images = images()?;
    match image {
        Image::Load { archives } => {
            let mut loaded = Vec::new();
            for archive in archives {
                loaded.extend(images.load(archive)?);
            }
            show(&loaded, json);
        }
        Image::Pull { name } => {
            let runtime = Runtime::new().map_err(|error| Failure::of(Exit::Environment, &error))?;
            let id = runtime.block_on(images.pull(name))?;
            let pulled: Vec<_> = images.list()?.into_iter().filter(|listed| listed.id == id).collect();
            show(&pulled, json);
        }
        Image::List => show(&images.list()?, json),
        Image::Remove { name } => {
            let (id, is_gone) = images.remove(name)?;
            if json {
                output::json(&json!({ "id": id, "removed": is_gone }));
            } else if is_gone {
                output::note(&format!("Removed the image {id}."));
            } else {
                output::note(&format!("Removed the name {name}; the image {id} has others."));
            }
        }
    }
    Ok(Exit::Success)
}

fn show(images: &[Listed], json: bool) {
    if json {
        let images = images.iter().map(|image| json!({ "id": image.id, "names": image.names, "bytes": image.bytes }));
        return output::json(&Json::Array(images.collect()));
    }
    let mut table = output::table(&["ID", "SIZE", "NAMES"]);
    for Listed { id, names, bytes } in images {
        table.add_row([id.to_string(), output::bytes(*bytes), names.join(" ")]);
    }
    output::print_table(&table);
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        let exit = match &error {
            ImageError::Unknown { .. } | ImageError::Name { .. } => Exit::Usage,
            ImageError::Damaged { .. } => Exit::Damaged,
            _ => Exit::Environment,
        };
        Self::of(exit, &error)
    }
}
