//! Taking plain local input files into the store.

use std::{
    cell::RefCell,
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use sluis_access::{AccessError, Permit, SealedObject, Site};
use sluis_cwl::Process;
use sluis_model::{Address, Directory, Entry, File, Labels, Location, ProjectName, Value, Values};
use sluis_remote::RemoteFiles;

use crate::engine::{Engine, RunError};

/// Seals every plain local file and folder of a run, if there are `labels` for them: those of its input object and those that its tools and steps name
/// themselves (defaults, files in `InitialWorkDirRequirement`). What is sealed already stays as it is.
///
/// A file that a tool or step names and that is not there stays plain: the run may never need it, and a job that does
/// fails on it by name.
///
/// The site's own folder and the scratch folders of its engines hold keys and other tasks' plaintext: a document that
/// names a file in there is refused.
///
/// Gives the objects that the input object and the process name; they count as used from now on.
pub(crate) fn take_in(
    engine: &Engine,
    project: &ProjectName,
    labels: Option<&Labels>,
    process: &mut Process,
    inputs: &mut Values,
) -> Result<Vec<Address>, RunError> {
    if let Some(labels) = labels {
        seal_plain(engine, project, labels, process, inputs)?;
    }
    let site = &*engine.site;
    let mut used = use_objects(site, inputs)?;
    process.change_values(&mut |value| {
        value.visit_files(&mut |file| {
            if let Location::Object(address) = file.location {
                // The run may never need it; a job that does fails on it.
                site.store().touch(&address).map_err(AccessError::from)?;
                used.push(address);
            }
            Ok::<_, RunError>(())
        })
    })?;
    Ok(used)
}

fn seal_plain(
    engine: &Engine,
    project: &ProjectName,
    labels: &Labels,
    process: &mut Process,
    inputs: &mut Values,
) -> Result<(), RunError> {
    let site = &*engine.site;
    let own = own_folders(site, engine.scratch.root())?;
    let remote = Remote { site, project, labels, files: RemoteFiles::on(site.config().remote_hosts.clone()) };
    let mut permit = None;
    let mut take_in = |value: &mut Value, may_lack: bool| {
        if !is_plain(value) {
            return Ok(());
        }
        let permit = match &permit {
            Some(permit) => permit,
            None => permit.insert(site.permit_put(project, labels)?),
        };
        match (Intake { own: &own, how: How::Seal { site, permit, remote: &remote } }).value(value) {
            Err(RunError::Input { source, .. }) if may_lack && source.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(RunError::Remote(_) | RunError::Access(AccessError::Refused(_))) if may_lack => Ok(()),
            outcome => outcome,
        }
    };
    inputs.values_mut().try_for_each(|value| take_in(value, false))?;
    process.change_values(&mut |value| take_in(value, true))
}

/// Gives the plain local files of a run the addresses that they would have in the store, without taking them in, and the
/// sealed ones their sizes. Tells where the files with those addresses are.
///
/// What would be fetched stays as it is: nobody knows its content yet. A file that a tool or step names and that is not
/// there stays plain.
pub(crate) fn look_at(
    site: &Site,
    scratch: &Path,
    process: &mut Process,
    inputs: &mut Values,
) -> Result<HashMap<Address, PathBuf>, RunError> {
    let own = own_folders(site, scratch)?;
    let known = RefCell::default();
    let intake = Intake { own: &own, how: How::Address { site, known: &known } };
    inputs.values_mut().try_for_each(|value| intake.value(value))?;
    process.change_values(&mut |value| match intake.value(value) {
        Err(RunError::Input { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    })?;
    let known = known.into_inner();
    let mut describe = |file: &mut File| {
        let Location::Object(address) = file.location else { return Ok(()) };
        if known.contains_key(&address) {
            return Ok(());
        }
        if !site.store().contains(&address).map_err(AccessError::from)? {
            return Err(AccessError::NotFound(address).into());
        }
        if file.size.is_none() {
            file.size = Some(site.facts(&address)?.size);
        }
        Ok::<_, RunError>(())
    };
    inputs.values_mut().try_for_each(|value| value.visit_files_mut(&mut describe))?;
    Ok(known)
}

/// Folders that hold keys and other tasks' plaintext.
fn own_folders(site: &Site, scratch: &Path) -> Result<[PathBuf; 2], RunError> {
    let real = |folder: &Path| fs::canonicalize(folder).map_err(|source| unreadable(folder, source));
    Ok([real(site.dir())?, real(scratch)?])
}

/// Counts the files that the input object names by address as used, and fills in sizes that it does not give.
fn use_objects(site: &Site, inputs: &mut Values) -> Result<Vec<Address>, RunError> {
    let mut used = Vec::new();
    let mut use_one = |file: &mut File| {
        let Location::Object(address) = file.location else { return Ok(()) };
        let store = site.store();
        let failed = AccessError::from;
        if !store.touch(&address).map_err(failed)? && !store.contains(&address).map_err(failed)? {
            return Err(AccessError::NotFound(address).into());
        }
        if file.size.is_none() {
            file.size = Some(site.facts(&address)?.size);
        }
        used.push(address);
        Ok::<_, RunError>(())
    };
    inputs.values_mut().try_for_each(|value| value.visit_files_mut(&mut use_one))?;
    Ok(used)
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
        matches!(file.location, Location::Path(_) | Location::Remote(_))
            || file.secondary_files.iter().any(entry_is_plain)
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
    /// Folders that nothing is taken in from.
    own: &'a [PathBuf],
    how: How<'a>,
}

/// What is done with a plain file.
#[derive(Clone, Copy)]
enum How<'a> {
    /// It is sealed into the store.
    Seal { site: &'a Site, permit: &'a Permit, remote: &'a Remote<'a> },
    /// Its address is worked out, and where it is remembered.
    Address { site: &'a Site, known: &'a RefCell<HashMap<Address, PathBuf>> },
}

/// What fetches files from the hosts that the policy names.
struct Remote<'a> {
    site: &'a Site,
    project: &'a ProjectName,
    labels: &'a Labels,
    files: RemoteFiles,
}

impl Remote<'_> {
    /// Fetches a file straight into the store, sealed on the way. The decision is written down before.
    fn seal(&self, address: &str) -> Result<SealedObject, RunError> {
        let permit = self.site.permit_fetch(self.project, self.labels, &RemoteFiles::host(address)?)?;
        let reader = self.files.open(address)?;
        self.site.seal(&permit, reader).map_err(|error| match error {
            AccessError::Plaintext(source) => unreadable(Path::new(&sluis_remote::shown(address)), source),
            other => other.into(),
        })
    }
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
            let (address, size) = self.how.take(path, reader)?;
            file.location = Location::Object(address);
            file.size = Some(size);
        }
        if let (Location::Remote(address), How::Seal { remote, .. }) = (&file.location, self.how) {
            let sealed = remote.seal(address)?;
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

impl How<'_> {
    /// The address and the size of a plain file.
    fn take(self, path: &Path, reader: fs::File) -> Result<(Address, u64), RunError> {
        match self {
            Self::Seal { site, permit, .. } => {
                let sealed = site.seal(permit, reader).map_err(|error| match error {
                    AccessError::Plaintext(source) => unreadable(path, source),
                    other => other.into(),
                })?;
                Ok((sealed.address, sealed.size))
            }
            Self::Address { site, known } => {
                let (address, size) = site.address_of(reader).map_err(|source| unreadable(path, source))?;
                known.borrow_mut().insert(address, path.to_owned());
                Ok((address, size))
            }
        }
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
