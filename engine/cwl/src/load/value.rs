//! Values written in documents and job files (CWL v1.2, Data model).

use std::path::{Path, PathBuf};

use serde_json::{Map, Number, Value as Json};
use sluis_model::{Address, Value};
use sluis_yaml::{Content, Diagnostics, Mapping, Node, Span};

use super::{Namespaces, documents};
use crate::contents::show_literals;

/// The value of a node. Locations of files and folders become absolute, relative to the file in which they stand;
/// formats become whole.
pub(crate) fn value(node: &Node, namespaces: &Namespaces, problems: &mut Diagnostics) -> Option<Value> {
    let json = to_json(node, namespaces, problems)?;
    match Value::from_json(json) {
        Ok(mut value) => {
            show_literals(&mut value);
            Some(value)
        }
        Err(error) => {
            problems.error(&node.span, error.to_string());
            None
        }
    }
}

fn to_json(node: &Node, namespaces: &Namespaces, problems: &mut Diagnostics) -> Option<Json> {
    Some(match &node.value {
        Content::Null => Json::Null,
        Content::Boolean(value) => Json::Bool(*value),
        Content::Integer(value) => Json::from(*value),
        Content::Float(value) => match Number::from_f64(*value) {
            Some(number) => Json::Number(number),
            None => {
                problems.error(&node.span, format!("{value} is not a number that CWL knows"));
                return None;
            }
        },
        Content::String(text) => Json::String(text.clone()),
        Content::Sequence(items) => {
            Json::Array(items.iter().map(|item| to_json(item, namespaces, problems)).collect::<Option<_>>()?)
        }
        Content::Mapping(fields) => {
            let class = fields.get("class").and_then(|field| field.node.as_str()).unwrap_or_default();
            match class {
                "File" | "Directory" => Json::Object(located(fields, class, namespaces, problems)?),
                _ => Json::Object(object(fields, namespaces, problems)?),
            }
        }
    })
}

fn object(fields: &Mapping, namespaces: &Namespaces, problems: &mut Diagnostics) -> Option<Map<String, Json>> {
    fields.iter().map(|(name, field)| Some((name.clone(), to_json(&field.node, namespaces, problems)?))).collect()
}

/// A File or a Directory whose location does not depend on where it stands.
fn located(
    fields: &Mapping,
    class: &str,
    namespaces: &Namespaces,
    problems: &mut Diagnostics,
) -> Option<Map<String, Json>> {
    let mut json = object(fields, namespaces, problems)?;
    for name in ["location", "path"] {
        let Some(Json::String(location)) = json.get_mut(name) else { continue };
        let span = fields.get(name).map(|field| &field.node.span)?;
        *location = absolute(location, span, problems)?;
        // `_:` marks a literal, whose location says nothing.
        if location.starts_with("_:") {
            json.remove(name);
        }
    }
    if let Some(Json::String(format)) = json.get_mut("format") {
        *format = namespaces.expand(format);
    }
    let is_literal = !json.contains_key("location") && !json.contains_key("path");
    let named = json.get("basename").is_some_and(Json::is_string);
    if is_literal && !named && (class == "Directory" || json.contains_key("contents")) {
        json.insert("basename".to_owned(), "literal".into());
    }
    Some(json)
}

fn absolute(location: &str, span: &Span, problems: &mut Diagnostics) -> Option<String> {
    if location.is_empty() {
        problems.error(span, "a location cannot be empty");
        return None;
    }
    // Beside a document on the web lie files on the web; it names no others but those in the store.
    if let Some(base) = documents::web_address(Path::new(&*span.file))
        && !location.starts_with("_:")
        && location.parse::<Address>().is_err()
    {
        let joined = documents::joined(&base, location);
        return joined.map_err(|why| problems.error(span, why)).ok();
    }
    let (path, is_url) = match location.strip_prefix("file://") {
        Some(path) => (path, true),
        None => (location, false),
    };
    let scheme = path.split(['/', '.']).next().unwrap_or_default();
    if scheme.contains(':') {
        return Some(location.to_owned());
    }
    let joined = documents::folder_of(span).join(path);
    let joined = if is_url { decoded_path(&joined) } else { existing(joined) };
    match std::path::absolute(&joined) {
        Ok(path) => Some(documents::normalized(&path).to_string_lossy().into_owned()),
        Err(error) => {
            problems.error(span, format!("`{location}` cannot be made absolute: {error}"));
            None
        }
    }
}

/// The path; if there is no such file, but one whose name is written with percent signs here, that one.
fn existing(path: PathBuf) -> PathBuf {
    let decoded = decoded_path(&path);
    if decoded != path && !path.exists() && decoded.exists() { decoded } else { path }
}

fn decoded_path(path: &Path) -> PathBuf {
    let text = path.to_string_lossy();
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = match (first, after) {
            (b'%', [high, low, ..]) => {
                std::str::from_utf8(&[*high, *low]).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok())
            }
            _ => None,
        };
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).map_or_else(|_| path.to_owned(), PathBuf::from)
}
