//! Under which names images stand: a file for each name, so that two may be written at once.

use std::{fs, io, path::Path};

use oci_client::Reference;
use sluis_model::ImageId;

use super::ImageError;

/// The name in full, with registry and tag, as `docker.io/library/debian:latest` for `debian`.
pub(super) fn full(name: &str) -> Result<String, ImageError> {
    Ok(reference(name)?.whole())
}

/// The name, taken apart.
pub(super) fn reference(name: &str) -> Result<Reference, ImageError> {
    Reference::try_from(name).map_err(|source| ImageError::Name { name: name.to_owned(), source: source.into() })
}

/// The image under a full name.
pub(super) fn read(folder: &Path, name: &str) -> Result<Option<ImageId>, ImageError> {
    let path = folder.join(escaped(name));
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        text => Ok(text.map_err(ImageError::file(&path, "read"))?.trim().parse().ok()),
    }
}

/// Puts an image under a full name, whatever stood there.
pub(super) fn write(folder: &Path, name: &str, id: &ImageId) -> Result<(), ImageError> {
    use std::io::Write;
    let path = folder.join(escaped(name));
    let failed = || ImageError::file(&path, "written");
    let mut new = tempfile::NamedTempFile::new_in(folder).map_err(failed())?;
    writeln!(new, "{id}").map_err(failed())?;
    new.persist(&path).map_err(|error| failed()(error.error))?;
    Ok(())
}

/// Removes a full name.
pub(super) fn remove(folder: &Path, name: &str) -> Result<(), ImageError> {
    let path = folder.join(escaped(name));
    fs::remove_file(&path).map_err(ImageError::file(&path, "removed"))
}

/// Every full name with its image, sorted.
pub(super) fn all(folder: &Path) -> Result<Vec<(String, ImageId)>, ImageError> {
    let mut all = Vec::new();
    // A name in the making begins with a dot.
    for entry in entries(folder)?.into_iter().filter(|entry| !entry.starts_with('.')) {
        let name = entry.replace("%2F", "/");
        all.extend(read(folder, &name)?.map(|id| (name, id)));
    }
    Ok(all)
}

/// The names of what is in a folder, sorted; none if there is no such folder.
pub(super) fn entries(folder: &Path) -> Result<Vec<String>, ImageError> {
    let unreadable = || ImageError::file(folder, "read");
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable())?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(unreadable())?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// As the name of a file. Names of images hold no percent sign.
fn escaped(name: &str) -> String {
    name.replace('/', "%2F")
}
