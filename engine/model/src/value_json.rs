//! Values as JSON, in the shape of CWL's input and output objects.
//!
//! A location is written as an object's address (`b3:…`), a `file:` path or, for a literal, as `contents`.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
};

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value as Json};

use crate::{Directory, Entry, File, ListingDepth, Location, Value, Values};

/// Why a JSON value is not a CWL value.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ValueError {
    /// A number that is neither a 64-bit integer nor a double.
    #[error("the number {0} fits neither a long nor a double")]
    Number(String),
    /// A `File` that lacks what is needed to find it.
    #[error("a File needs `location`, `path` or `contents`")]
    FileWithoutLocation,
    /// A `Directory` that lacks what is needed to find it.
    #[error("a Directory needs `location`, `path` or `listing`")]
    DirectoryWithoutLocation,
    /// A location of a kind that is not supported.
    #[error("the location `{0}` is neither an address (b3:…), a file: or http(s): URI nor a path")]
    Location(String),
    /// A field of a File or a Directory that is no text.
    #[error("`{0}` must be a text")]
    Text(&'static str),
    /// A `secondaryFiles` or `listing` entry that is neither a File nor a Directory.
    #[error("`{0}` may hold File and Directory objects only")]
    Entry(&'static str),
    /// A basename that would leave its folder.
    #[error("the basename `{0}` must be a plain file name")]
    Basename(String),
}

impl Value {
    /// The value as JSON. Whoever only writes it serializes the value itself, without this copy.
    pub fn to_json(&self) -> Json {
        // All keys are texts, and nothing else can keep a value from becoming JSON.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// From JSON; objects of class `File` and `Directory` become files and directories.
    pub fn from_json(json: Json) -> Result<Self, ValueError> {
        Ok(match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Boolean(value),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Self::Integer(integer),
                (None, Some(float)) => Self::Float(float),
                _ => return Err(ValueError::Number(number.to_string())),
            },
            Json::String(value) => Self::String(value),
            Json::Array(items) => Self::Array(items.into_iter().map(Self::from_json).collect::<Result<_, _>>()?),
            Json::Object(fields) => match fields.get("class").and_then(Json::as_str) {
                Some("File") => Self::File(Box::new(file_from_json(fields)?)),
                Some("Directory") => Self::Directory(Box::new(directory_from_json(fields)?)),
                _ => Self::Record(
                    fields.into_iter().map(|(name, field)| Ok((name, Self::from_json(field)?))).collect::<Result<
                        Values,
                        ValueError,
                    >>(
                    )?,
                ),
            },
        })
    }
}

impl Serialize for Value {
    /// In the shape of CWL's input and output objects.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Integer(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::String(value) => serializer.serialize_str(value),
            Self::File(file) => file.serialize(serializer),
            Self::Directory(directory) => directory.serialize(serializer),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Record(fields) => serializer.collect_map(fields),
        }
    }
}

impl Serialize for File {
    /// As CWL's `File` object.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("class", "File")?;
        map.serialize_entry("basename", &self.basename)?;
        let mut contents = self.contents.as_deref();
        match &self.location {
            Location::Object(address) => map.serialize_entry("location", &Shown(address))?,
            Location::Path(path) => map.serialize_entry("location", &path_to_location(path))?,
            Location::Remote(address) => map.serialize_entry("location", address)?,
            // What was loaded of it is the same text.
            Location::Literal(text) => map.serialize_entry("contents", contents.take().unwrap_or(text))?,
        }
        for (name, value) in
            [("path", self.path.as_deref()), ("format", self.format.as_deref()), ("contents", contents)]
        {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        if let Some(size) = self.size {
            map.serialize_entry("size", &size)?;
        }
        if !self.secondary_files.is_empty() {
            map.serialize_entry("secondaryFiles", &self.secondary_files)?;
        }
        map.end()
    }
}

impl Serialize for Directory {
    /// As CWL's `Directory` object.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("class", "Directory")?;
        map.serialize_entry("basename", &self.basename)?;
        if let Some(source) = &self.source {
            map.serialize_entry("location", &path_to_location(source))?;
        }
        if let Some(path) = &self.path {
            map.serialize_entry("path", path)?;
        }
        if self.source.is_none() {
            map.serialize_entry("listing", &self.listing)?;
        }
        map.end()
    }
}

impl Serialize for Entry {
    /// As CWL's `File` or `Directory` object.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::File(file) => file.serialize(serializer),
            Self::Directory(directory) => directory.serialize(serializer),
        }
    }
}

/// What is written as it is shown.
struct Shown<'a, T>(&'a T);

impl<T: Display> Serialize for Shown<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

fn path_to_location(path: &Path) -> String {
    format!("file://{}", path.display())
}

fn file_from_json(mut fields: Map<String, Json>) -> Result<File, ValueError> {
    let location = take_location(&mut fields)?;
    let contents = take_text(&mut fields, "contents")?;
    let (location, contents) = match (location, contents) {
        (Some(location), contents) => (parse_location(&location)?, contents),
        (None, Some(contents)) => (Location::Literal(contents), None),
        (None, None) => return Err(ValueError::FileWithoutLocation),
    };
    let basename = match take_text(&mut fields, "basename")? {
        Some(basename) => check_basename(basename)?,
        None => basename_of(&location),
    };
    Ok(File {
        location,
        basename,
        path: None,
        size: fields.get("size").and_then(Json::as_u64),
        format: take_text(&mut fields, "format")?,
        contents,
        secondary_files: take_entries(&mut fields, "secondaryFiles")?,
    })
}

fn directory_from_json(mut fields: Map<String, Json>) -> Result<Directory, ValueError> {
    let location = take_location(&mut fields)?;
    let has_listing = fields.contains_key("listing");
    let listing = take_entries(&mut fields, "listing")?;
    let source = match location.as_deref().map(parse_location).transpose()? {
        _ if has_listing => None,
        Some(Location::Path(path)) => Some(path),
        Some(_) => return Err(ValueError::Location(location.unwrap_or_default())),
        None => return Err(ValueError::DirectoryWithoutLocation),
    };
    let basename = match take_text(&mut fields, "basename")? {
        Some(basename) => check_basename(basename)?,
        None => location
            .as_deref()
            .unwrap_or_default()
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned(),
    };
    Ok(Directory { source, basename, path: None, listing, visible_depth: ListingDepth::None })
}

fn basename_of(location: &Location) -> String {
    match location {
        Location::Path(path) => path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        Location::Object(address) => address.hex(),
        Location::Remote(address) => {
            let path = address.split(['?', '#']).next().unwrap_or_default();
            path.rsplit('/').next().unwrap_or_default().to_owned()
        }
        Location::Literal(_) => String::new(),
    }
}

fn check_basename(basename: String) -> Result<String, ValueError> {
    if basename.contains('/') || basename.contains('\0') || basename == "." || basename == ".." {
        return Err(ValueError::Basename(basename));
    }
    Ok(basename)
}

fn parse_location(text: &str) -> Result<Location, ValueError> {
    if let Ok(address) = text.parse() {
        return Ok(Location::Object(address));
    }
    if let Some(path) = text.strip_prefix("file://") {
        return Ok(Location::Path(PathBuf::from(path)));
    }
    if ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme)) {
        return Ok(Location::Remote(text.to_owned()));
    }
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b));
    if is_scheme && text[scheme.len()..].starts_with("://") {
        return Err(ValueError::Location(text.to_owned()));
    }
    Ok(Location::Path(PathBuf::from(text)))
}

fn take_text(fields: &mut Map<String, Json>, name: &'static str) -> Result<Option<String>, ValueError> {
    match fields.remove(name) {
        Some(Json::String(text)) => Ok(Some(text)),
        None | Some(Json::Null) => Ok(None),
        Some(_) => Err(ValueError::Text(name)),
    }
}

/// `location`, or else `path`.
fn take_location(fields: &mut Map<String, Json>) -> Result<Option<String>, ValueError> {
    let path = take_text(fields, "path")?;
    Ok(take_text(fields, "location")?.or(path))
}

fn take_entries(fields: &mut Map<String, Json>, name: &'static str) -> Result<Vec<Entry>, ValueError> {
    let items = match fields.remove(name) {
        Some(Json::Array(items)) => items,
        None | Some(Json::Null) => return Ok(Vec::new()),
        Some(_) => return Err(ValueError::Entry(name)),
    };
    items
        .into_iter()
        .map(|item| match Value::from_json(item)? {
            Value::File(file) => Ok(Entry::File(*file)),
            Value::Directory(directory) => Ok(Entry::Directory(*directory)),
            _ => Err(ValueError::Entry(name)),
        })
        .collect()
}
