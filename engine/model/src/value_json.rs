//! Values as JSON, in the shape of CWL's input and output objects.
//!
//! A location is written as an object's address (`b3:…`), a `file:` path or, for a literal, as `contents`.

use std::path::PathBuf;

use serde_json::{Map, Value as Json, json};

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
    /// The value as JSON.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Boolean(value) => (*value).into(),
            Self::Integer(value) => (*value).into(),
            Self::Float(value) => (*value).into(),
            Self::String(value) => value.as_str().into(),
            Self::File(file) => file_to_json(file),
            Self::Directory(directory) => directory_to_json(directory, true),
            Self::Array(items) => items.iter().map(Self::to_json).collect(),
            Self::Record(fields) => values_to_json(fields),
        }
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

/// An input or output object as JSON.
pub(crate) fn values_to_json(values: &Values) -> Json {
    Json::Object(values.iter().map(|(name, value)| (name.clone(), value.to_json())).collect())
}

fn file_to_json(file: &File) -> Json {
    let mut json = json!({ "class": "File", "basename": file.basename });
    match &file.location {
        Location::Object(address) => json["location"] = address.to_string().into(),
        Location::Path(path) => json["location"] = path_to_location(path).into(),
        Location::Remote(address) => json["location"] = address.as_str().into(),
        Location::Literal(text) => json["contents"] = text.as_str().into(),
    }
    for (name, value) in [("path", &file.path), ("format", &file.format), ("contents", &file.contents)] {
        if let Some(value) = value {
            json[name] = value.as_str().into();
        }
    }
    if let Some(size) = file.size {
        json["size"] = size.into();
    }
    if !file.secondary_files.is_empty() {
        json["secondaryFiles"] = file.secondary_files.iter().map(entry_to_json).collect();
    }
    json
}

fn path_to_location(path: &std::path::Path) -> String {
    format!("file://{}", path.display())
}

fn directory_to_json(directory: &Directory, with_listing: bool) -> Json {
    let mut json = json!({ "class": "Directory", "basename": directory.basename });
    if let Some(source) = &directory.source {
        json["location"] = path_to_location(source).into();
    }
    if let Some(path) = &directory.path {
        json["path"] = path.as_str().into();
    }
    if with_listing && directory.source.is_none() {
        json["listing"] = directory.listing.iter().map(entry_to_json).collect();
    }
    json
}

fn entry_to_json(entry: &Entry) -> Json {
    match entry {
        Entry::File(file) => file_to_json(file),
        Entry::Directory(directory) => directory_to_json(directory, true),
    }
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
