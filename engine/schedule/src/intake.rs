//! Taking plain local input files into the store.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sluis_access::{Permit, Site};
use sluis_cwl::Process;
use sluis_model::{DatasetName, Directory, Entry, File, Location, ProjectName, Value, Values};

use crate::engine::RunError;

/// Seals every plain local file and folder of a run: those of its input object and those that its tools and steps name
/// themselves (defaults, files in `InitialWorkDirRequirement`). What is sealed already stays as it is.
///
/// A file that a tool or step names and that is not there stays plain: the run may never need it, and a job that does
/// fails on it by name.
pub(crate) fn take_in(
    site: &Site,
    project: &ProjectName,
    dataset: &DatasetName,
    process: &mut Process,
    inputs: &mut Values,
) -> Result<(), RunError> {
    let mut permit = None;
    let mut take_in = |value: &mut Value, may_lack: bool| {
        if !is_plain(value) {
            return Ok(());
        }
        let permit = match &permit {
            Some(permit) => permit,
            None => permit.insert(site.permit_put(project, dataset)?),
        };
        match take_in_value(site, permit, value) {
            Err(RunError::Input { source, .. }) if may_lack && source.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    };
    inputs.values_mut().try_for_each(|value| take_in(value, false))?;
    process.change_values(&mut |value| take_in(value, true))?;
    fill_sizes(site, inputs)
}

/// Fills in the sizes of files that the input object names by address alone.
fn fill_sizes(site: &Site, inputs: &mut Values) -> Result<(), RunError> {
    let mut fill = |file: &mut File| {
        if let (Location::Object(address), None) = (&file.location, file.size) {
            file.size = Some(site.facts(address)?.size);
        }
        Ok::<_, RunError>(())
    };
    inputs.values_mut().try_for_each(|value| value.visit_files_mut(&mut fill))
}

/// Whether something in the value is not sealed yet.
fn is_plain(value: &Value) -> bool {
    fn entry_is_plain(entry: &Entry) -> bool {
        match entry {
            Entry::File(file) => file_is_plain(file),
            Entry::Directory(directory) => directory_is_plain(directory),
        }
    }
    fn file_is_plain(file: &File) -> bool {
        matches!(file.location, Location::Path(_)) || file.secondary_files.iter().any(entry_is_plain)
    }
    fn directory_is_plain(directory: &Directory) -> bool {
        directory.source.is_some() || directory.listing.iter().any(entry_is_plain)
    }
    match value {
        Value::File(file) => file_is_plain(file),
        Value::Directory(directory) => directory_is_plain(directory),
        Value::Array(items) => items.iter().any(is_plain),
        Value::Record(fields) => fields.values().any(is_plain),
        _ => false,
    }
}

fn take_in_value(site: &Site, permit: &Permit, value: &mut Value) -> Result<(), RunError> {
    match value {
        Value::File(file) => take_in_file(site, permit, file),
        Value::Directory(directory) => take_in_directory(site, permit, directory),
        Value::Array(items) => items.iter_mut().try_for_each(|item| take_in_value(site, permit, item)),
        Value::Record(fields) => fields.values_mut().try_for_each(|field| take_in_value(site, permit, field)),
        _ => Ok(()),
    }
}

fn take_in_entry(site: &Site, permit: &Permit, entry: &mut Entry) -> Result<(), RunError> {
    match entry {
        Entry::File(file) => take_in_file(site, permit, file),
        Entry::Directory(directory) => take_in_directory(site, permit, directory),
    }
}

fn take_in_file(site: &Site, permit: &Permit, file: &mut File) -> Result<(), RunError> {
    if let Location::Path(path) = &file.location {
        let reader = fs::File::open(path).map_err(|source| unreadable(path, source))?;
        if !reader.metadata().map_err(|source| unreadable(path, source))?.is_file() {
            return Err(unreadable(path, io::Error::other("it is not a regular file")));
        }
        let sealed = site.seal(permit, reader).map_err(|error| match error {
            sluis_access::AccessError::Plaintext(source) => unreadable(path, source),
            other => other.into(),
        })?;
        file.location = Location::Object(sealed.address);
        file.size = Some(sealed.size);
    }
    file.secondary_files.iter_mut().try_for_each(|entry| take_in_entry(site, permit, entry))
}

fn take_in_directory(site: &Site, permit: &Permit, directory: &mut Directory) -> Result<(), RunError> {
    if let Some(source) = directory.source.take() {
        directory.listing = list(&source)?;
    }
    directory.listing.iter_mut().try_for_each(|entry| take_in_entry(site, permit, entry))
}

fn list(folder: &Path) -> Result<Vec<Entry>, RunError> {
    let read = || -> io::Result<Vec<(PathBuf, fs::Metadata)>> {
        let mut found = fs::read_dir(folder)?
            .map(|entry| {
                let path = entry?.path();
                let metadata = fs::metadata(&path)?;
                Ok((path, metadata))
            })
            .collect::<io::Result<Vec<_>>>()?;
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(found)
    };
    let found = read().map_err(|source| unreadable(folder, source))?;
    let entries = found.into_iter().map(|(path, metadata)| {
        let basename = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if metadata.is_dir() {
            Entry::Directory(Directory {
                source: Some(path),
                basename,
                path: None,
                listing: Vec::new(),
                visible_depth: Default::default(),
            })
        } else {
            Entry::File(File::new(basename, Location::Path(path)))
        }
    });
    Ok(entries.collect())
}

fn unreadable(path: &Path, source: io::Error) -> RunError {
    RunError::Input { path: path.to_owned(), source }
}
