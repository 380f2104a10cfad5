//! Values as text: in interpolated strings and on command lines.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Serializer, Value as Json, ser::Formatter};
use sluis_model::Value;

/// The text of a value on a command line (CWL v1.2, CommandLineBinding): a path for a file or directory, decimal digits
/// without an exponent for a number. `None` if the value has no such text.
pub(crate) fn to_argument(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Boolean(value) => Some(value.to_string()),
        Value::Integer(value) => Some(value.to_string()),
        // Display of a double never writes an exponent and always reads back as the same double.
        Value::Float(value) => Some(value.to_string()),
        Value::File(file) => file.path.clone(),
        Value::Directory(directory) => directory.path.clone(),
        Value::Null | Value::Array(_) | Value::Record(_) => None,
    }
}

/// The text of a value within an interpolated string: a string as it is, a number in decimal digits, anything else as
/// JSON with sorted names.
pub(super) fn interpolated(value: &Value, as_json: impl FnOnce(&Value) -> Json) -> String {
    match value {
        Value::String(_) | Value::Boolean(_) | Value::Integer(_) | Value::Float(_) => {
            to_argument(value).unwrap_or_default()
        }
        other => json_text(as_json(other)),
    }
}

/// JSON with sorted names, on one line, with a space after each comma and colon and no exponents: the text that the
/// standard's tests expect of a value that is written to a file.
pub(crate) fn json_text(json: Json) -> String {
    let mut out = Vec::new();
    // Writing JSON into memory cannot fail, and what it writes is UTF-8.
    let _ = sorted(json).serialize(&mut Serializer::with_formatter(&mut out, Spaced));
    String::from_utf8(out).unwrap_or_default()
}

struct Spaced;

impl Formatter for Spaced {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        // Decimal digits without an exponent.
        write!(writer, "{value}")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

/// The same JSON with the names of every object sorted.
pub(crate) fn sorted(json: Json) -> Json {
    match json {
        Json::Array(items) => items.into_iter().map(sorted).collect(),
        Json::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().collect();
            fields.sort_by(|(left, _), (right, _)| left.cmp(right));
            Json::Object(fields.into_iter().map(|(name, value)| (name, sorted(value))).collect::<Map<_, _>>())
        }
        plain => plain,
    }
}
