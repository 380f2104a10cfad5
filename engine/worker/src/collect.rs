//! Collecting: the outputs as the tool declares them, and sealing each file.

use std::{
    collections::HashMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use sluis_access::{Permit, SealedObject, Site};
use sluis_model::{Address, File, Location, Values};

use crate::WorkError;

/// What knows how a tool's outputs are found.
pub trait Collect: Send + Sync {
    /// The output object of a command that ended well. Files are at [`Location::Path`] inside `work`, the folder of this
    /// machine in which the command ran, or at [`Location::Object`] if they are inputs passed on.
    ///
    /// # Errors
    /// If the outputs are not as the tool declares them.
    fn collect(&self, work: &Path, exit_code: i32) -> Result<Values, Box<dyn Error + Send + Sync>>;
}

/// Seals every file of the values that is still in plain, each path once, and makes the values name the objects.
/// Gives the addresses, in order and once each. Blocks.
pub(crate) fn seal_values(
    site: &Site,
    permit: &Permit,
    work: &Path,
    values: &mut Values,
) -> Result<Vec<Address>, WorkError> {
    let work = fs::canonicalize(work).map_err(WorkError::scratch(work, "looked at"))?;
    let mut sealed: HashMap<PathBuf, SealedObject> = HashMap::new();
    let mut seal = |file: &mut File| {
        if let Location::Path(path) = &file.location {
            let path = inside(path, &work)?;
            let object = match sealed.get(&path) {
                Some(object) => *object,
                None => *sealed.entry(path.clone()).or_insert(seal_file(site, permit, &path)?),
            };
            file.location = Location::Object(object.address);
            file.size = Some(object.size);
        }
        // Where the command saw it means nothing any more.
        file.path = None;
        Ok::<(), WorkError>(())
    };
    values.values_mut().try_for_each(|value| value.visit_files_mut(&mut seal))?;
    let mut addresses: Vec<Address> = sealed.values().map(|object| object.address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses)
}

/// Seals one file.
pub(crate) fn seal_file(site: &Site, permit: &Permit, path: &Path) -> Result<SealedObject, WorkError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = fs::File::open(path).map_err(WorkError::scratch(path, "read"))?;
    site.seal(permit, file).map_err(|source| WorkError::Seal { name, source })
}

/// The real path of a regular file in the folder: no link leads out of it, no device or pipe is read.
fn inside(path: &Path, work: &Path) -> Result<PathBuf, WorkError> {
    let refused = || WorkError::NotAFile { path: path.to_owned() };
    let real = fs::canonicalize(path).map_err(WorkError::scratch(path, "read"))?;
    let is_file = fs::symlink_metadata(&real).is_ok_and(|facts| facts.is_file());
    if real.starts_with(work) && is_file { Ok(real) } else { Err(refused()) }
}
