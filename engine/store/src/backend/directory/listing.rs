//! Walking through a folder's blobs.

use std::{fs, io, path::Path, time::SystemTime};

use walkdir::{DirEntry, WalkDir};

use super::writer::UNFINISHED;
use crate::{
    StoreError,
    backend::{Listed, Listing, Name},
};

/// The blobs below `root` whose names begin with `prefix`. What vanishes meanwhile is passed over.
pub(super) fn list(root: &Path, prefix: &str) -> Result<Listing<'static>, StoreError> {
    let (folder, start) = prefix.rsplit_once('/').unwrap_or(("", prefix));
    let (root, base, start) = (root.to_owned(), root.join(folder), start.to_owned());
    // What writers have not finished is no blob, whatever it is called.
    let unfinished = root.join(UNFINISHED);
    if base.starts_with(&unfinished) {
        return Ok(Box::new(std::iter::empty()));
    }
    let begins = move |entry: &DirEntry| {
        let is_first = entry.depth() == 1;
        entry.path() != unfinished && (!is_first || entry.file_name().to_string_lossy().starts_with(&start))
    };
    let walk = WalkDir::new(&base).min_depth(1).sort_by_file_name().into_iter().filter_entry(begins);
    Ok(Box::new(walk.filter_map(move |entry| match entry {
        Ok(entry) => listed(&root, &entry).transpose(),
        Err(error) if error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound) => None,
        Err(error) => {
            let path = error.path().unwrap_or(&base).to_owned();
            Some(Err(StoreError::io(&path, "read")(error.into())))
        }
    })))
}

/// `None` for what is no blob.
fn listed(root: &Path, entry: &DirEntry) -> Result<Option<Listed>, StoreError> {
    if !entry.file_type().is_file() {
        return Ok(None);
    }
    let name = entry.path().strip_prefix(root).ok().and_then(Path::to_str).and_then(|text| Name::new(text).ok());
    let facts = entry.metadata().map_err(io::Error::from).and_then(|facts| Ok((facts.len(), facts.modified()?)));
    match (name, facts) {
        (None, _) => Ok(None),
        (Some(name), Ok((size, modified))) => Ok(Some(Listed { name, size, modified })),
        (_, Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        (_, Err(error)) => Err(StoreError::io(entry.path(), "looked at")(error)),
    }
}

/// The folders in a folder with the times at which their names last changed, in order.
pub(super) fn folders(folder: &Path) -> Result<Vec<(String, SystemTime)>, StoreError> {
    let read = || -> io::Result<Vec<(String, SystemTime)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.metadata().and_then(|facts| Ok((facts.is_dir(), facts.modified()?))) {
                Ok((true, modified)) => found.push((entry.file_name().to_string_lossy().into_owned(), modified)),
                Ok((false, _)) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        found.sort_unstable();
        Ok(found)
    };
    match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        outcome => outcome.map_err(StoreError::io(folder, "read")),
    }
}
