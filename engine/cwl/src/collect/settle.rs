//! Values that an expression or the tool itself gave as outputs, brought back to what is really there.

use sluis_model::{Directory, Entry, File, ListingDepth, Location, Value, Values, WORK_ROOT};

use super::{
    CollectError,
    entries::{basename, entry},
    places::{Places, is_within},
};

/// Finds the content of every file and directory in an output value. A file must be in the working directory, a
/// literal, or one of the task's inputs.
pub(super) fn settle(places: &Places<'_>, inputs: &Values, value: Value) -> Result<Value, CollectError> {
    let settler = Settler { places, inputs };
    settler.value(value)
}

struct Settler<'s, 'p> {
    places: &'s Places<'p>,
    inputs: &'s Values,
}

impl Settler<'_, '_> {
    fn value(&self, value: Value) -> Result<Value, CollectError> {
        Ok(match value {
            Value::Array(items) => {
                Value::Array(items.into_iter().map(|item| self.value(item)).collect::<Result<_, _>>()?)
            }
            Value::Record(fields) => {
                let fields = fields.into_iter().map(|(name, field)| Ok((name, self.value(field)?)));
                Value::Record(fields.collect::<Result<_, CollectError>>()?)
            }
            Value::File(file) => Value::File(Box::new(self.file(*file)?)),
            Value::Directory(directory) => Value::Directory(Box::new(self.directory(*directory)?)),
            plain => plain,
        })
    }

    fn file(&self, mut file: File) -> Result<File, CollectError> {
        file.secondary_files = self.entries(std::mem::take(&mut file.secondary_files))?;
        let place = match &file.location {
            // The command may have changed an input that was staged writable into its working directory.
            Location::Object(_) if self.was_writable(&file) => file.path.clone().unwrap_or_default(),
            Location::Object(address) => {
                if !self.places.has_object(address) && !self.is_input(&file) {
                    return Err(CollectError::ForeignObject(*address));
                }
                return Ok(file);
            }
            Location::Literal(_) => return Ok(file),
            Location::Remote(address) => return Err(CollectError::Remote(address.clone())),
            Location::Path(path) => path.to_str().ok_or_else(|| CollectError::Name(file.basename.clone()))?.to_owned(),
        };
        match entry(self.places, &place)? {
            Entry::File(found) => {
                file.location = found.location;
                file.size = found.size;
                file.path = found.path;
                if file.basename.is_empty() {
                    file.basename = basename(&place);
                }
                Ok(file)
            }
            Entry::Directory(_) => Err(CollectError::Class { path: place, expected: "a File" }),
        }
    }

    fn was_writable(&self, file: &File) -> bool {
        let path = file.path.as_ref().filter(|path| is_within(path, WORK_ROOT));
        path.and_then(|path| self.places.staged(path)).is_some_and(|entry| entry.writable)
    }

    /// Whether a file is among the inputs although it was staged nowhere.
    fn is_input(&self, file: &File) -> bool {
        let mut found = false;
        for value in self.inputs.values() {
            let Ok(()) = value.visit_files(&mut |input| {
                found |= input.location == file.location;
                Ok::<_, std::convert::Infallible>(())
            });
        }
        found
    }

    fn directory(&self, mut directory: Directory) -> Result<Directory, CollectError> {
        let Some(source) = &directory.source else {
            directory.listing = self.entries(std::mem::take(&mut directory.listing))?;
            return Ok(directory);
        };
        let place = source.to_str().ok_or_else(|| CollectError::Name(directory.basename.clone()))?;
        match entry(self.places, place)? {
            Entry::Directory(found) => {
                let basename =
                    if directory.basename.is_empty() { found.basename.clone() } else { directory.basename.clone() };
                Ok(Directory { basename, ..found })
            }
            Entry::File(_) => Err(CollectError::Class { path: place.to_owned(), expected: "a Directory" }),
        }
    }

    fn entries(&self, entries: Vec<Entry>) -> Result<Vec<Entry>, CollectError> {
        let settled = entries.into_iter().map(|entry| match entry {
            Entry::File(file) => self.file(file).map(Entry::File),
            Entry::Directory(directory) => self.directory(directory).map(Entry::Directory),
        });
        settled.collect()
    }
}

/// Takes out of a value what only its task could use: the paths at which it saw files, loaded text, visible depths.
pub(crate) fn forget(value: &mut Value) {
    match value {
        Value::File(file) => forget_file(file),
        Value::Directory(directory) => forget_directory(directory),
        Value::Array(items) => items.iter_mut().for_each(forget),
        Value::Record(fields) => fields.values_mut().for_each(forget),
        _ => {}
    }
}

fn forget_file(file: &mut File) {
    file.path = None;
    file.contents = None;
    forget_entries(&mut file.secondary_files);
}

fn forget_directory(directory: &mut Directory) {
    directory.path = None;
    directory.visible_depth = ListingDepth::None;
    forget_entries(&mut directory.listing);
}

fn forget_entries(entries: &mut [Entry]) {
    for entry in entries {
        match entry {
            Entry::File(file) => forget_file(file),
            Entry::Directory(directory) => forget_directory(directory),
        }
    }
}
