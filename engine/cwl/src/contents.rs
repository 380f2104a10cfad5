//! What `loadContents` and `loadListing` put into the values that expressions see.

use std::{
    collections::HashSet,
    convert::Infallible,
    error::Error,
    path::{Path, PathBuf},
};

use sluis_model::{Directory, Entry, File, ListingDepth, Location, Value, Values};

/// Reads the text of a file for `loadContents`.
pub trait Contents: Send + Sync {
    /// The whole text of a file of at most [`CONTENTS_LIMIT`] bytes; an error for a longer one or one that is not
    /// UTF-8.
    fn text(&self, file: &File) -> Result<String, Box<dyn Error + Send + Sync>>;
}

/// The longest file that `loadContents` takes, in bytes (CWL v1.2, LoadContents).
pub const CONTENTS_LIMIT: u64 = 64 * 1024;

/// A file whose text cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[error("cannot load the contents of `{basename}`")]
pub struct ContentsError {
    /// The name of the file.
    pub basename: String,
    /// Why not.
    #[source]
    pub cause: Box<dyn Error + Send + Sync>,
}

/// Loads the text of a file, or of each file in an array.
pub(crate) fn load_contents(value: &mut Value, contents: &dyn Contents) -> Result<(), ContentsError> {
    match value {
        Value::File(file) if file.contents.is_none() => {
            let text = match &file.location {
                Location::Literal(text) if text.len() as u64 > CONTENTS_LIMIT => {
                    Err(format!("it has {} bytes, loadContents takes at most {CONTENTS_LIMIT}", text.len()).into())
                }
                Location::Literal(_) => return Ok(()),
                _ => contents.text(file),
            };
            let failed = |cause| ContentsError { basename: file.basename.clone(), cause };
            file.contents = Some(text.map_err(failed)?);
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| load_contents(item, contents)),
        _ => Ok(()),
    }
}

/// Lets expressions see the listing of a directory, or of each directory in an array or record, to a depth. What they
/// see already stays visible.
pub(crate) fn show_listing(value: &mut Value, depth: ListingDepth) {
    if depth == ListingDepth::None {
        return;
    }
    match value {
        Value::Directory(directory) => deepen(directory, depth),
        Value::File(file) => file.secondary_files.iter_mut().for_each(|entry| {
            if let Entry::Directory(directory) = entry {
                deepen(directory, depth);
            }
        }),
        Value::Array(items) => items.iter_mut().for_each(|item| show_listing(item, depth)),
        Value::Record(fields) => fields.values_mut().for_each(|field| show_listing(field, depth)),
        _ => {}
    }
}

fn deepen(directory: &mut Directory, depth: ListingDepth) {
    if directory.visible_depth != ListingDepth::Deep {
        directory.visible_depth = depth;
    }
}

/// Lets expressions see the listings of directories that are written out: they need no loading. Those of folders in them
/// do.
pub(crate) fn show_literals(value: &mut Value) {
    match value {
        Value::Directory(directory) => show_literal(directory),
        Value::Array(items) => items.iter_mut().for_each(show_literals),
        Value::Record(fields) => fields.values_mut().for_each(show_literals),
        _ => {}
    }
}

fn show_literal(directory: &mut Directory) {
    if directory.source.is_none() {
        directory.visible_depth = ListingDepth::Shallow;
    }
    for entry in &mut directory.listing {
        if let Entry::Directory(inner) = entry {
            show_literal(inner);
        }
    }
}

/// Lets expressions see as much of the listings of a value's directories as of those of another that it was made of.
pub(crate) fn show_as(other: &Value, value: &mut Value) {
    match (other, value) {
        (Value::Directory(other), Value::Directory(directory)) => show_directory_as(other, directory),
        (Value::Array(others), Value::Array(items)) => {
            others.iter().zip(items).for_each(|(other, item)| show_as(other, item));
        }
        (Value::Record(others), Value::Record(fields)) => {
            fields
                .iter_mut()
                .for_each(|(name, field)| others.get(name).into_iter().for_each(|other| show_as(other, field)));
        }
        _ => {}
    }
}

fn show_directory_as(other: &Directory, directory: &mut Directory) {
    directory.visible_depth = other.visible_depth;
    for pair in other.listing.iter().zip(&mut directory.listing) {
        if let (Entry::Directory(other), Entry::Directory(inner)) = pair {
            show_directory_as(other, inner);
        }
    }
}

/// Takes the loaded text out of every file.
pub(crate) fn drop_contents(value: &mut Value) {
    let Ok(()) = value.visit_files_mut(&mut |file| {
        file.contents = None;
        Ok::<_, Infallible>(())
    });
}

/// Checks that a computed value names no file or directory of this machine but those that the inputs name: an
/// expression could otherwise have any file read. Gives the first other path.
pub(crate) fn check_origin(value: &Value, inputs: &Values) -> Result<(), String> {
    let mut paths = paths_of([value]);
    if !paths.is_empty() {
        let known = paths_of(inputs.values());
        paths.retain(|path| !known.contains(path));
    }
    paths.into_iter().min().map_or(Ok(()), |path| Err(path.display().to_string()))
}

/// Every file and folder of this machine or of the web that a value names.
pub(crate) fn paths_of<'v>(values: impl IntoIterator<Item = &'v Value>) -> HashSet<PathBuf> {
    let mut paths = HashSet::new();
    for value in values {
        visit_paths(value, &mut |path| {
            paths.insert(path.to_owned());
        });
    }
    paths
}

fn visit_paths(value: &Value, visit: &mut dyn FnMut(&Path)) {
    match value {
        Value::File(file) => visit_file_paths(file, visit),
        Value::Directory(directory) => {
            directory.source.iter().for_each(|source| visit(source));
            visit_entry_paths(&directory.listing, visit);
        }
        Value::Array(items) => items.iter().for_each(|item| visit_paths(item, visit)),
        Value::Record(fields) => fields.values().for_each(|field| visit_paths(field, visit)),
        _ => {}
    }
}

fn visit_file_paths(file: &File, visit: &mut dyn FnMut(&Path)) {
    match &file.location {
        Location::Path(path) => visit(path),
        Location::Remote(address) => visit(Path::new(address)),
        Location::Object(_) | Location::Literal(_) => {}
    }
    visit_entry_paths(&file.secondary_files, visit);
}

fn visit_entry_paths(entries: &[Entry], visit: &mut dyn FnMut(&Path)) {
    for entry in entries {
        match entry {
            Entry::File(file) => visit_file_paths(file, visit),
            Entry::Directory(directory) => {
                directory.source.iter().for_each(|source| visit(source));
                visit_entry_paths(&directory.listing, visit);
            }
        }
    }
}
