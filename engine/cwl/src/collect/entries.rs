//! Files and directories that a command left, as values.

use std::{fs, io::Read};

use sluis_model::{Directory, Entry, File, ListingDepth, Location, StagedSource, Value};

use super::{
    CollectError,
    places::{Place, PlaceError, Places, location},
};
use crate::CONTENTS_LIMIT;

/// The file or directory at a path as the tool wrote it, directories walked to their leaves.
pub(super) fn entry(places: &Places<'_>, path: &str) -> Result<Entry, PlaceError> {
    entry_within(places, path, &mut Vec::new())
}

/// `folders` are the directories that are being walked: one that comes again is a loop of links.
fn entry_within(places: &Places<'_>, path: &str, folders: &mut Vec<String>) -> Result<Entry, PlaceError> {
    match places.resolve(path)? {
        Place::Work(at) => work_entry(places, path, at, folders),
        Place::Input(at) => input_entry(places, path, &at),
    }
}

fn work_entry(places: &Places<'_>, path: &str, at: String, folders: &mut Vec<String>) -> Result<Entry, PlaceError> {
    let host = places.on_host(&at);
    let failed = |source| PlaceError::Io { path: path.to_owned(), source };
    let facts = fs::symlink_metadata(&host).map_err(failed)?;
    // A link keeps its own name; its content is that of its target.
    let (basename, shown) = (basename(path), places.canonical(path));
    if facts.is_file() {
        let mut file = File::new(basename, Location::Path(host));
        file.path = Some(shown);
        file.size = Some(facts.len());
        return Ok(Entry::File(file));
    }
    if !facts.is_dir() {
        return Err(PlaceError::Kind(path.to_owned()));
    }
    if folders.contains(&at) {
        return Err(PlaceError::Links(path.to_owned()));
    }
    let names = places.names(&at)?;
    folders.push(at);
    let listing = names.iter().map(|name| entry_within(places, &format!("{shown}/{name}"), folders));
    let listing = listing.collect::<Result<Vec<_>, _>>()?;
    folders.pop();
    Ok(Entry::Directory(directory(basename, shown, listing)))
}

/// A staged input: its content is the object that it was staged from.
fn input_entry(places: &Places<'_>, path: &str, at: &str) -> Result<Entry, PlaceError> {
    let staged = places.staged(at).ok_or_else(|| PlaceError::Missing(path.to_owned()))?;
    if let Some(location) = location(&staged.source) {
        let mut file = File::new(basename(path), location);
        file.path = Some(at.to_owned());
        file.size = match &staged.source {
            StagedSource::Literal(text) => Some(text.len() as u64),
            _ => fs::metadata(places.on_host(at)).ok().map(|facts| facts.len()),
        };
        return Ok(Entry::File(file));
    }
    let children = places.input_children(at);
    let listing = children.iter().map(|name| {
        let child = format!("{at}/{name}");
        input_entry(places, &child, &child)
    });
    Ok(Entry::Directory(directory(basename(path), at.to_owned(), listing.collect::<Result<_, _>>()?)))
}

fn directory(basename: String, path: String, listing: Vec<Entry>) -> Directory {
    Directory { source: None, basename, path: Some(path), listing, visible_depth: ListingDepth::None }
}

/// The last part of a path; `work` if it names the working directory by a dot.
pub(super) fn basename(path: &str) -> String {
    path.rsplit('/').find(|part| !matches!(*part, "" | ".")).unwrap_or("work").to_owned()
}

/// Loads the text of a collected file, or of each file in an array.
pub(super) fn load_contents(places: &Places<'_>, value: &mut Value) -> Result<(), CollectError> {
    match value {
        Value::File(file) => {
            let Some(path) = file.path.as_ref().filter(|_| !matches!(file.location, Location::Literal(_))) else {
                return Ok(());
            };
            let host = match &file.location {
                Location::Path(host) => host.clone(),
                _ => places.on_host(path),
            };
            let failed = |source| PlaceError::Io { path: path.clone(), source };
            let mut text = String::new();
            let reader = fs::File::open(host).map_err(failed)?;
            reader.take(CONTENTS_LIMIT + 1).read_to_string(&mut text).map_err(failed)?;
            if text.len() as u64 > CONTENTS_LIMIT {
                return Err(CollectError::TooLong(path.clone()));
            }
            file.contents = Some(text);
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| load_contents(places, item)),
        _ => Ok(()),
    }
}
