//! Writing objects in plain to local files: an access of its own, decided and recorded for each object.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use serde_json::Value as Json;
use sha1::{Digest, Sha1};
use sluis_access::{ReadAction, Site};
use sluis_model::{Address, Directory, Entry, File, Location, ProjectName, Value, Values};

use crate::{exit::Exit, failure::Failure};

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
/// Two outputs of one name are told apart by a number, as `name_2.txt`.
pub fn export_values(site: &Site, project: &ProjectName, values: &mut Values, outdir: &Path) -> Result<(), Failure> {
    make_folder(outdir)?;
    let outdir = outdir.canonicalize().map_err(|error| Failure::of(Exit::Environment, &error))?;
    values.values_mut().try_for_each(|value| export_value(site, project, value, &outdir))
}

fn export_value(site: &Site, project: &ProjectName, value: &mut Value, into: &Path) -> Result<(), Failure> {
    match value {
        Value::File(file) => export_file(site, project, file, into),
        Value::Directory(directory) => export_directory(site, project, directory, into),
        Value::Array(items) => items.iter_mut().try_for_each(|item| export_value(site, project, item, into)),
        Value::Record(fields) => fields.values_mut().try_for_each(|field| export_value(site, project, field, into)),
        _ => Ok(()),
    }
}

fn export_entry(site: &Site, project: &ProjectName, entry: &mut Entry, into: &Path) -> Result<(), Failure> {
    match entry {
        Entry::File(file) => export_file(site, project, file, into),
        Entry::Directory(directory) => export_directory(site, project, directory, into),
    }
}

fn export_file(site: &Site, project: &ProjectName, file: &mut File, into: &Path) -> Result<(), Failure> {
    if let Location::Object(address) = file.location {
        let to = free_path(into, &file.basename);
        export_object(site, project, &address, &to)?;
        file.path = Some(to.display().to_string());
        file.location = Location::Path(to);
    }
    file.secondary_files.iter_mut().try_for_each(|entry| export_entry(site, project, entry, into))
}

fn export_directory(site: &Site, project: &ProjectName, directory: &mut Directory, into: &Path) -> Result<(), Failure> {
    let to = free_path(into, &directory.basename);
    make_folder(&to)?;
    directory.path = Some(to.display().to_string());
    directory.listing.iter_mut().try_for_each(|entry| export_entry(site, project, entry, &to))
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| {
        Failure::new(Exit::Environment, format!("the folder {} cannot be made: {error}", folder.display()))
    })
}

fn free_path(into: &Path, basename: &str) -> PathBuf {
    let (stem, extension) = match basename.find('.') {
        Some(dot) if dot > 0 => basename.split_at(dot),
        _ => (basename, ""),
    };
    let numbered = (2..).map(|number: u32| into.join(format!("{stem}_{number}{extension}")));
    std::iter::once(into.join(basename)).chain(numbered).find(|path| !path.exists()).unwrap_or_default()
}

/// The values as JSON in which each exported file has its SHA-1 checksum (CWL v1.2, File, `checksum`).
pub fn with_checksums(value: &Value) -> Result<Json, Failure> {
    let mut json = value.to_json();
    add_checksums(&mut json)?;
    Ok(json)
}

fn add_checksums(json: &mut Json) -> Result<(), Failure> {
    match json {
        Json::Array(items) => items.iter_mut().try_for_each(add_checksums),
        Json::Object(fields) => {
            if fields.get("class").and_then(Json::as_str) == Some("File")
                && let Some(path) = fields.get("path").and_then(Json::as_str)
            {
                let checksum = sha1_of(Path::new(path)).map_err(|error| Failure::of(Exit::Environment, &error))?;
                fields.insert("checksum".to_owned(), format!("sha1${checksum}").into());
            }
            if fields.get("class").and_then(Json::as_str) == Some("Directory")
                && let Some(path) = fields.get("path").and_then(Json::as_str)
            {
                fields.insert("location".to_owned(), format!("file://{path}").into());
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
