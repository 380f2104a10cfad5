//! The input object of a run exactly as its steps see it, so that whoever goes on with the run binds the same tasks with
//! the same keys: with literal files as texts, and with what expressions see of folders.

use serde::{Deserialize, Serialize};
use sluis_model::{Directory, Entry, ListingDepth, Value, ValueError, Values};

/// An input object as it is kept.
#[derive(Serialize)]
struct Kept<'a> {
    values: &'a Values,
    depths: Vec<u8>,
}

/// An input object as it was kept.
#[derive(Deserialize)]
struct Given {
    values: serde_json::Value,
    /// How deep expressions see into each folder, in the order in which they stand in the values.
    depths: Vec<u8>,
}

/// Why an input object that was kept cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GivenError {
    #[error("it is not JSON, or not of the form that it should have")]
    Json(#[from] serde_json::Error),
    #[error("it holds what is no value")]
    Value(#[from] ValueError),
    #[error("it is no object")]
    NoObject,
}

/// Whether an input object is something else than its sealed JSON says.
pub(crate) fn needs_keeping(values: &Values, sealed: &Values) -> bool {
    values != sealed || depths(&mut values.clone()).into_iter().any(|depth| *depth != ListingDepth::None)
}

/// An input object as it is kept.
pub(crate) fn to_json(values: &Values) -> Result<Vec<u8>, serde_json::Error> {
    let depths = depths(&mut values.clone()).into_iter().map(|depth| *depth as u8).collect();
    serde_json::to_vec(&Kept { values, depths })
}

/// An input object that was kept.
pub(crate) fn from_json(text: &[u8]) -> Result<Values, GivenError> {
    let given: Given = serde_json::from_slice(text)?;
    let Value::Record(mut values) = Value::from_json(given.values)? else { return Err(GivenError::NoObject) };
    for (place, depth) in depths(&mut values).into_iter().zip(given.depths) {
        let all = [ListingDepth::None, ListingDepth::Shallow, ListingDepth::Deep];
        *place = all.into_iter().find(|known| *known as u8 == depth).unwrap_or_default();
    }
    Ok(values)
}

fn depths(values: &mut Values) -> Vec<&mut ListingDepth> {
    let mut found = Vec::new();
    values.values_mut().for_each(|value| of_value(value, &mut found));
    found
}

fn of_value<'v>(value: &'v mut Value, found: &mut Vec<&'v mut ListingDepth>) {
    match value {
        Value::File(file) => file.secondary_files.iter_mut().for_each(|entry| of_entry(entry, found)),
        Value::Directory(directory) => of_directory(directory, found),
        Value::Array(items) => items.iter_mut().for_each(|item| of_value(item, found)),
        Value::Record(fields) => fields.values_mut().for_each(|field| of_value(field, found)),
        _ => {}
    }
}

fn of_entry<'v>(entry: &'v mut Entry, found: &mut Vec<&'v mut ListingDepth>) {
    match entry {
        Entry::File(file) => file.secondary_files.iter_mut().for_each(|entry| of_entry(entry, found)),
        Entry::Directory(directory) => of_directory(directory, found),
    }
}

fn of_directory<'v>(directory: &'v mut Directory, found: &mut Vec<&'v mut ListingDepth>) {
    found.push(&mut directory.visible_depth);
    directory.listing.iter_mut().for_each(|entry| of_entry(entry, found));
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use sluis_model::{File, Location};

    use super::*;

    fn directory(visible_depth: ListingDepth, listing: Vec<Entry>) -> Directory {
        Directory { source: None, basename: "d".to_owned(), path: None, listing, visible_depth }
    }

    #[test]
    fn an_input_object_is_read_as_it_was_kept() {
        let literal = File::new("note.txt", Location::Literal("a text".to_owned()));
        let inner = directory(ListingDepth::Deep, vec![Entry::File(literal.clone())]);
        let outer = directory(ListingDepth::Shallow, vec![Entry::Directory(inner), Entry::File(literal.clone())]);
        let last = directory(ListingDepth::None, Vec::new());
        let folders = Value::Array(vec![Value::Directory(Box::new(outer)), Value::Directory(Box::new(last))]);
        let given: Values = [
            ("folders".to_owned(), folders),
            ("note".to_owned(), Value::File(Box::new(literal))),
            ("number".to_owned(), Value::Float(1.0)),
        ]
        .into_iter()
        .collect();
        assert!(needs_keeping(&given, &given), "expressions see into a folder");
        assert_eq!(from_json(&to_json(&given).unwrap()).unwrap(), given);
        let plain: Values = [("number".to_owned(), Value::Integer(1))].into_iter().collect();
        assert!(!needs_keeping(&plain, &plain) && needs_keeping(&plain, &given));
        assert!(from_json(b"{}").is_err() && from_json(b"{\"values\":1,\"depths\":[]}").is_err());
    }
}
