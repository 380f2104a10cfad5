//! Taking plain local input files into the store.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sluis_access::{Permit, Site};
use sluis_cwl::Process;
use sluis_model::{DatasetName, Directory, Entry, File, Location, ProjectName, Value, Values};

use crate::engine::{Engine, RunError};

/// Seals every plain local file and folder of a run: those of its input object and those that its tools and steps name
/// themselves (defaults, files in `InitialWorkDirRequirement`). What is sealed already stays as it is.
///
/// A file that a tool or step names and that is not there stays plain: the run may never need it, and a job that does
/// fails on it by name.
///
/// The site's own folder and the scratch folders of its engines hold keys and other tasks' plaintext: a document that
/// names a file in there is refused.
pub(crate) fn take_in(
    engine: &Engine,
    project: &ProjectName,
    dataset: &DatasetName,
    process: &mut Process,
    inputs: &mut Values,
) -> Result<(), RunError> {
    let site = &*engine.site;
    let own = [site.dir(), engine.scratch.root()];
    let own = own.map(|folder| fs::canonicalize(folder).map_err(|source| unreadable(folder, source)));
    let [site_folder, scratch] = own;
    let own = [site_folder?, scratch?];
    let mut permit = None;
    let mut take_in = |value: &mut Value, may_lack: bool| {
        if !is_plain(value) {
            return Ok(());
        }
        let permit = match &permit {
            Some(permit) => permit,
            None => permit.insert(site.permit_put(project, dataset)?),
        };
        match (Intake { site, permit, own: &own }).value(value) {
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

/// What takes files in.
#[derive(Clone, Copy)]
struct Intake<'a> {
    site: &'a Site,
    permit: &'a Permit,
    /// Folders that nothing is taken in from.
    own: &'a [PathBuf],
}

impl Intake<'_> {
    fn value(self, value: &mut Value) -> Result<(), RunError> {
        match value {
            Value::File(file) => self.file(file),
            Value::Directory(directory) => self.directory(directory),
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.value(item)),
            Value::Record(fields) => fields.values_mut().try_for_each(|field| self.value(field)),
            _ => Ok(()),
        }
    }

    fn entry(self, entry: &mut Entry) -> Result<(), RunError> {
        match entry {
            Entry::File(file) => self.file(file),
            Entry::Directory(directory) => self.directory(directory),
        }
    }

    fn file(self, file: &mut File) -> Result<(), RunError> {
        if let Location::Path(path) = &file.location {
            let reader = fs::File::open(self.outside(path)?).map_err(|source| unreadable(path, source))?;
            if !reader.metadata().map_err(|source| unreadable(path, source))?.is_file() {
                return Err(unreadable(path, io::Error::other("it is not a regular file")));
            }
            let sealed = self.site.seal(self.permit, reader).map_err(|error| match error {
                sluis_access::AccessError::Plaintext(source) => unreadable(path, source),
                other => other.into(),
            })?;
            file.location = Location::Object(sealed.address);
            file.size = Some(sealed.size);
        }
        file.secondary_files.iter_mut().try_for_each(|entry| self.entry(entry))
    }

    fn directory(self, directory: &mut Directory) -> Result<(), RunError> {
        if let Some(source) = directory.source.take() {
            directory.listing = list(&self.outside(&source)?)?;
        }
        directory.listing.iter_mut().try_for_each(|entry| self.entry(entry))
    }

    /// The real path, which is in none of sluis's own folders.
    fn outside(self, path: &Path) -> Result<PathBuf, RunError> {
        let real = fs::canonicalize(path).map_err(|source| unreadable(path, source))?;
        if self.own.iter().any(|folder| real.starts_with(folder)) {
            let reason = "it is one of sluis's own; copy it elsewhere if it really is an input";
            return Err(unreadable(path, io::Error::new(io::ErrorKind::PermissionDenied, reason)));
        }
        Ok(real)
    }
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
