//! Writing objects in plain to local files: an access of its own, decided and recorded for each object.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use serde_json::Value as Json;
use sha1::{Digest, Sha1};
use sluis_access::{ReadAction, Site};
use sluis_model::{Address, Directory, Entry, File, Location, ProjectName, Value, Values};

use crate::{exit::Exit, failure::Failure, problems::uri};

/// Writes one object in plain to a new file.
pub fn export_object(site: &Site, project: &ProjectName, address: &Address, to: &Path) -> Result<(), Failure> {
    let permit = site.permit_read(project, address, ReadAction::Export)?;
    write_new(site, address, site.unseal(&permit, address)?, to)
}

/// Writes one object as a Crypt4GH file for those to whom it was granted.
pub fn export_sealed(site: &Site, project: &ProjectName, address: &Address, to: &Path) -> Result<(), Failure> {
    let permit = site.permit_read(project, address, ReadAction::Export)?;
    write_new(site, address, site.sealed_file(&permit, address)?, to)
}

/// Writes a file, which appears under its name only when it is whole.
fn write_new(site: &Site, address: &Address, mut reader: impl Read, to: &Path) -> Result<(), Failure> {
    let unwritable =
        |error: &io::Error| Failure::new(Exit::Environment, format!("{} cannot be written: {error}", to.display()));
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| unwritable(&error))?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = reader.read(&mut buffer).map_err(|error| site.reading_failed(address, error))?;
        if count == 0 {
            break;
        }
        file.write_all(&buffer[..count]).map_err(|error| unwritable(&error))?;
    }
    file.as_file().sync_all().map_err(|error| unwritable(&error))?;
    file.persist_noclobber(to).map_err(|error| unwritable(&error.error))?;
    Ok(())
}

/// Writes every file of an output object below `outdir` and makes the values point there.
///
/// Outputs that are one and the same file or folder are written once. Different ones of one name are told apart by a
/// number, as `name_2.txt`.
pub fn export_values(site: &Site, project: &ProjectName, values: &mut Values, outdir: &Path) -> Result<(), Failure> {
    make_folder(outdir)?;
    let outdir = outdir.canonicalize().map_err(|error| Failure::of(Exit::Environment, &error))?;
    let mut export = Export { site, project, files: HashMap::new(), directories: Vec::new() };
    values.values_mut().try_for_each(|value| export.value(value, &outdir))
}

/// The files and directories of an output object on their way into a folder.
struct Export<'s> {
    site: &'s Site,
    project: &'s ProjectName,
    /// Where each object was written, by the path that it should have.
    files: HashMap<(PathBuf, Address), PathBuf>,
    /// The directories that were written, each with the path that it should have.
    directories: Vec<(PathBuf, Directory, Directory)>,
}

impl Export<'_> {
    fn value(&mut self, value: &mut Value, into: &Path) -> Result<(), Failure> {
        match value {
            Value::File(file) => self.file(file, into.join(&file.basename)),
            Value::Directory(directory) => self.directory(directory, into.join(&directory.basename)),
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.value(item, into)),
            Value::Record(fields) => fields.values_mut().try_for_each(|field| self.value(field, into)),
            _ => Ok(()),
        }
    }

    fn entry(&mut self, entry: &mut Entry, wanted: PathBuf) -> Result<(), Failure> {
        match entry {
            Entry::File(file) => self.file(file, wanted),
            Entry::Directory(directory) => self.directory(directory, wanted),
        }
    }

    fn file(&mut self, file: &mut File, wanted: PathBuf) -> Result<(), Failure> {
        let mut written = wanted.clone();
        if let Location::Object(address) = file.location {
            written = self.object(address, wanted)?;
            file.path = Some(written.display().to_string());
            file.location = Location::Path(written.clone());
        }
        let basename = &file.basename;
        file.secondary_files.iter_mut().try_for_each(|entry| {
            let beside = beside(&written, basename, entry.basename());
            self.entry(entry, beside)
        })
    }

    fn object(&mut self, address: Address, wanted: PathBuf) -> Result<PathBuf, Failure> {
        let key = (wanted, address);
        if let Some(written) = self.files.get(&key) {
            return Ok(written.clone());
        }
        let to = free_path(&key.0);
        export_object(self.site, self.project, &address, &to)?;
        self.files.insert(key, to.clone());
        Ok(to)
    }

    fn directory(&mut self, directory: &mut Directory, wanted: PathBuf) -> Result<(), Failure> {
        let is_it = |(at, sealed, _): &&(PathBuf, Directory, Directory)| *at == wanted && sealed == directory;
        if let Some((.., written)) = self.directories.iter().find(is_it) {
            *directory = written.clone();
            return Ok(());
        }
        let sealed = directory.clone();
        let to = free_path(&wanted);
        make_folder(&to)?;
        directory.path = Some(to.display().to_string());
        directory.listing.iter_mut().try_for_each(|entry| {
            let inside = to.join(entry.basename());
            self.entry(entry, inside)
        })?;
        self.directories.push((wanted, sealed, directory.clone()));
        Ok(())
    }
}

/// The path of a secondary file beside its primary file, which may have been written under another name than it has:
/// what follows the common part of their names stays.
fn beside(written: &Path, basename: &str, secondary: &str) -> PathBuf {
    let new = written.file_name().unwrap_or_default().to_string_lossy();
    if let Some(rest) = secondary.strip_prefix(basename) {
        return written.with_file_name(format!("{new}{rest}"));
    }
    let root = |name: &str| name.rfind('.').filter(|dot| *dot > 0).map_or(name, |dot| &name[..dot]).to_owned();
    match secondary.strip_prefix(&root(basename)) {
        Some(rest) => written.with_file_name(format!("{}{rest}", root(&new))),
        None => written.with_file_name(secondary),
    }
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| {
        Failure::new(Exit::Environment, format!("the folder {} cannot be made: {error}", folder.display()))
    })
}

/// The path, with a number before its extension if something is there already.
fn free_path(wanted: &Path) -> PathBuf {
    let basename = wanted.file_name().unwrap_or_default().to_string_lossy();
    let (stem, extension) = match basename.find('.') {
        Some(dot) if dot > 0 => basename.split_at(dot),
        _ => (&*basename, ""),
    };
    let numbered = (2..).map(|number: u32| wanted.with_file_name(format!("{stem}_{number}{extension}")));
    std::iter::once(wanted.to_owned()).chain(numbered).find(|path| !path.exists()).unwrap_or_default()
}

/// The values as JSON in which each exported file has its SHA-1 checksum, and each location is an address with its odd
/// characters written as `%20` (CWL v1.2, File, `checksum` and `location`).
pub fn with_checksums(value: &Value) -> Result<Json, Failure> {
    let mut json = value.to_json();
    add_checksums(&mut json)?;
    Ok(json)
}

fn add_checksums(json: &mut Json) -> Result<(), Failure> {
    match json {
        Json::Array(items) => items.iter_mut().try_for_each(add_checksums),
        Json::Object(fields) => {
            let class = fields.get("class").and_then(Json::as_str).unwrap_or_default().to_owned();
            let path = fields.get("path").and_then(Json::as_str).map(str::to_owned);
            if let (Some(path), "File" | "Directory") = (path, &*class) {
                fields.insert("location".to_owned(), uri(&path).into());
                if class == "File" {
                    let checksum = sha1_of(Path::new(&path)).map_err(|error| Failure::of(Exit::Environment, &error))?;
                    fields.insert("checksum".to_owned(), format!("sha1${checksum}").into());
                }
            }
            fields.values_mut().try_for_each(add_checksums)
        }
        _ => Ok(()),
    }
}

fn sha1_of(path: &Path) -> io::Result<String> {
    let mut hash = Sha1::new();
    let mut file = fs::File::open(path)?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
