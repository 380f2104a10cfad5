//! Values as expressions see them, and back.
//!
//! An expression sees a file's `location` as the address of its content, or as a `file:` URI below the task's
//! canonical roots; never a path of this machine. A directory's listing is visible as far as `loadListing` says; what
//! was hidden is put back when the directory comes out of the expression again.

use indexmap::IndexMap;
use serde_json::{Map, Value as Json};
use sluis_model::{Directory, Entry, File, ListingDepth, Location, Value, ValueError, Values};

/// The files and directories that expressions were shown, by location and by path.
#[derive(Debug, Default)]
pub(super) struct Known {
    files: IndexMap<String, File>,
    directories: IndexMap<String, Directory>,
    unnamed: usize,
}

/// One field of a file or a directory, as a parameter reference reads it.
pub(super) fn field(value: &Value, name: &str) -> Option<Value> {
    match value {
        Value::File(file) => file_field(file, name),
        Value::Directory(directory) => match name {
            "class" => Some("Directory".to_owned().into_value()),
            "basename" => Some(directory.basename.clone().into_value()),
            "path" => directory.path.clone().map(IntoValue::into_value),
            "dirname" => directory.path.as_deref().map(|path| dirname(path).to_owned().into_value()),
            "location" => named_location(directory).map(IntoValue::into_value),
            "listing" if directory.visible_depth != ListingDepth::None => {
                Some(Value::Array(visible_listing(directory).into_iter().map(Value::from).collect()))
            }
            _ => None,
        },
        _ => None,
    }
}

fn file_field(file: &File, name: &str) -> Option<Value> {
    match name {
        "class" => Some("File".to_owned().into_value()),
        "basename" => Some(file.basename.clone().into_value()),
        "nameroot" => Some(file.nameroot().to_owned().into_value()),
        "nameext" => Some(file.nameext().to_owned().into_value()),
        "path" => file.path.clone().map(IntoValue::into_value),
        "dirname" => file.path.as_deref().map(|path| dirname(path).to_owned().into_value()),
        "location" => location(file).map(IntoValue::into_value),
        "format" => file.format.clone().map(IntoValue::into_value),
        "contents" => contents(file).map(|text| text.to_owned().into_value()),
        "size" => size(file).and_then(|size| i64::try_from(size).ok()).map(Value::Integer),
        "secondaryFiles" if !file.secondary_files.is_empty() => {
            Some(Value::Array(file.secondary_files.iter().cloned().map(Value::from).collect()))
        }
        _ => None,
    }
}

trait IntoValue {
    fn into_value(self) -> Value;
}

impl IntoValue for String {
    fn into_value(self) -> Value {
        Value::String(self)
    }
}

fn dirname(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn location(file: &File) -> Option<String> {
    match &file.location {
        Location::Object(address) => Some(address.to_string()),
        Location::Path(host) => Some(match &file.path {
            Some(path) => format!("file://{path}"),
            None => format!("file://{}", host.display()),
        }),
        Location::Remote(address) => Some(address.clone()),
        Location::Literal(_) => None,
    }
}

fn contents(file: &File) -> Option<&str> {
    match &file.location {
        Location::Literal(text) => Some(text),
        _ => file.contents.as_deref(),
    }
}

fn size(file: &File) -> Option<u64> {
    match &file.location {
        Location::Literal(text) => Some(text.len() as u64),
        _ => file.size,
    }
}

fn named_location(directory: &Directory) -> Option<String> {
    match (&directory.path, &directory.source) {
        (Some(path), _) => Some(format!("file://{path}")),
        (None, Some(source)) => Some(format!("file://{}", source.display())),
        (None, None) => None,
    }
}

/// The listing. What this directory shows to any depth, its own directories do; otherwise each shows what it did.
fn visible_listing(directory: &Directory) -> Vec<Entry> {
    let mut listing = directory.listing.clone();
    if directory.visible_depth == ListingDepth::Deep {
        for entry in &mut listing {
            if let Entry::Directory(child) = entry {
                child.visible_depth = ListingDepth::Deep;
            }
        }
    }
    listing
}

impl Known {
    /// The values as JSON, by name.
    pub(super) fn show_all(&mut self, values: &Values) -> Json {
        Json::Object(values.iter().map(|(name, value)| (name.clone(), self.show(value))).collect())
    }

    /// The value as JSON.
    pub(super) fn show(&mut self, value: &Value) -> Json {
        match value {
            Value::Array(items) => items.iter().map(|item| self.show(item)).collect(),
            Value::Record(fields) => self.show_all(fields),
            Value::File(file) => self.show_file(file),
            Value::Directory(directory) => self.show_directory(directory),
            plain => plain.to_json(),
        }
    }

    fn show_file(&mut self, file: &File) -> Json {
        if let Some(path) = &file.path {
            self.files.insert(path.clone(), file.clone());
        }
        let names = ["class", "location", "path", "basename", "dirname", "nameroot", "nameext", "size", "format"];
        let mut json: Map<_, _> = names
            .into_iter()
            .chain(["contents"])
            .filter_map(|name| Some((name.to_owned(), file_field(file, name)?.to_json())))
            .collect();
        if !file.secondary_files.is_empty() {
            json.insert("secondaryFiles".to_owned(), self.show_entries(&file.secondary_files));
        }
        Json::Object(json)
    }

    fn show_entries(&mut self, entries: &[Entry]) -> Json {
        let each = entries.iter().map(|entry| match entry {
            Entry::File(file) => self.show_file(file),
            Entry::Directory(directory) => self.show_directory(directory),
        });
        each.collect()
    }

    fn show_directory(&mut self, directory: &Directory) -> Json {
        let value = Value::Directory(Box::new(directory.clone()));
        let mut json: Map<_, _> = ["class", "path", "basename", "dirname"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), field(&value, name)?.to_json())))
            .collect();
        let location = named_location(directory).unwrap_or_else(|| {
            self.unnamed += 1;
            format!("directory:{}", self.unnamed)
        });
        self.directories.insert(location.clone(), directory.clone());
        json.insert("location".to_owned(), location.into());
        if directory.visible_depth != ListingDepth::None {
            json.insert("listing".to_owned(), self.show_entries(&visible_listing(directory)));
        }
        Json::Object(json)
    }

    /// The value that an expression gave back as JSON.
    pub(super) fn take_back(&self, json: Json) -> Result<Value, ValueError> {
        Ok(match json {
            Json::Array(items) => {
                Value::Array(items.into_iter().map(|item| self.take_back(item)).collect::<Result<_, _>>()?)
            }
            Json::Object(fields) => match fields.get("class").and_then(Json::as_str) {
                Some("File") => Value::File(Box::new(self.take_back_file(fields)?)),
                Some("Directory") => Value::Directory(Box::new(self.take_back_directory(fields)?)),
                _ => {
                    let fields = fields.into_iter().map(|(name, field)| Ok((name, self.take_back(field)?)));
                    Value::Record(fields.collect::<Result<_, ValueError>>()?)
                }
            },
            plain => Value::from_json(plain)?,
        })
    }

    fn take_back_file(&self, mut fields: Map<String, Json>) -> Result<File, ValueError> {
        let secondary_files = self.take_back_entries(fields.remove("secondaryFiles"), "secondaryFiles")?;
        let path = text(&fields, "path");
        let stated = text(&fields, "location");
        let known = stated
            .as_ref()
            .or(path.as_ref())
            .and_then(|place| self.files.get(place.strip_prefix("file://").unwrap_or(place)));
        let Value::File(mut file) = Value::from_json(Json::Object(fields))? else {
            return Err(ValueError::FileWithoutLocation);
        };
        if let Some(known) = known {
            file.location = known.location.clone();
            file.size = file.size.or(known.size);
        }
        // The content of a literal is its location: it is not repeated.
        if matches!(&file.location, Location::Literal(text) if file.contents.as_deref() == Some(text)) {
            file.contents = None;
        }
        file.path = path;
        file.secondary_files = secondary_files;
        Ok(*file)
    }

    fn take_back_directory(&self, mut fields: Map<String, Json>) -> Result<Directory, ValueError> {
        let path = text(&fields, "path");
        let stated = text(&fields, "location");
        let from_path = path.as_ref().map(|path| format!("file://{path}"));
        let from_stated = stated.as_ref().map(|stated| format!("file://{stated}"));
        let known = [&from_path, &stated, &from_stated].into_iter().flatten().find_map(|at| self.directories.get(at));
        let basename = text(&fields, "basename");
        if let Some(listing) = fields.remove("listing").filter(|listing| !listing.is_null()) {
            let listing = self.take_back_entries(Some(listing), "listing")?;
            let basename = basename.or_else(|| known.map(|known| known.basename.clone())).unwrap_or_default();
            let visible_depth = known.map_or(ListingDepth::Deep, |known| known.visible_depth);
            check_basename(&basename)?;
            return Ok(Directory { source: None, basename, path, listing, visible_depth });
        }
        if let Some(known) = known {
            let basename = basename.unwrap_or_else(|| known.basename.clone());
            check_basename(&basename)?;
            return Ok(Directory { basename, ..known.clone() });
        }
        match Value::from_json(Json::Object(fields))? {
            Value::Directory(directory) => Ok(Directory { path, ..*directory }),
            _ => Err(ValueError::DirectoryWithoutLocation),
        }
    }

    fn take_back_entries(&self, json: Option<Json>, name: &'static str) -> Result<Vec<Entry>, ValueError> {
        let items = match json {
            None | Some(Json::Null) => return Ok(Vec::new()),
            Some(Json::Array(items)) => items,
            Some(_) => return Err(ValueError::Entry(name)),
        };
        items
            .into_iter()
            .map(|item| match self.take_back(item)? {
                Value::File(file) => Ok(Entry::File(*file)),
                Value::Directory(directory) => Ok(Entry::Directory(*directory)),
                _ => Err(ValueError::Entry(name)),
            })
            .collect()
    }
}

fn text(fields: &Map<String, Json>, name: &str) -> Option<String> {
    fields.get(name).and_then(Json::as_str).map(str::to_owned)
}

fn check_basename(basename: &str) -> Result<(), ValueError> {
    if basename.contains(['/', '\0']) || basename == "." || basename == ".." {
        return Err(ValueError::Basename(basename.to_owned()));
    }
    Ok(())
}
