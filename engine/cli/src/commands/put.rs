//! `sluis put`

use std::{fs::File, path::Path};

use serde_json::json;
use sluis_access::AccessError;
use sluis_store::Pinned;

use crate::{arguments::Put, exit::Exit, failure::Failure, output, site};

/// Seals files into a dataset and prints the address of each.
pub fn carry_out(folder: &Path, put: &Put, json: bool) -> Result<Exit, Failure> {
    let site = site::open_or_make(folder)?;
    let permit = site.permit_put(&put.project, &put.origin.labels())?;
    let mut listed = Vec::new();
    for path in &put.files {
        let unreadable = |error: &(dyn std::error::Error + 'static)| {
            Failure::new(Exit::Environment, format!("{} cannot be read: {error}", path.display()))
        };
        let file = File::open(path).map_err(|error| unreadable(&error))?;
        if !file.metadata().map_err(|error| unreadable(&error))?.is_file() {
            return Err(Failure::new(Exit::Usage, format!("{} is not a regular file", path.display())));
        }
        let sealed = site.seal(&permit, file).map_err(|error| match error {
            AccessError::Plaintext(error) => unreadable(&error),
            error => error.into(),
        })?;
        // Nobody can make it again.
        site.pin(&Pinned::Object(sealed.address), &format!("taken in for {}", put.origin.dataset))?;
        if json {
            listed.push(json!({
                "file": path.display().to_string(),
                "address": sealed.address.to_string(),
                "size": sealed.size,
                "existing": sealed.existing,
            }));
        } else {
            output::line(&format!("{}  {}", sealed.address, path.display()));
        }
    }
    if json {
        output::json(&listed.into());
    }
    Ok(Exit::Success)
}
