//! What is put into the working directory before the command runs (CWL v1.2, InitialWorkDirRequirement).

use sluis_model::{Entry, File, Location, Value, Values};

use super::{
    BindError,
    staging::{Moves, Staging},
};
use crate::{WorkDirEntry, expression::Session, expression::type_name};

const PLACE: &str = "InitialWorkDirRequirement.listing";

/// Stages every entry; gives the new paths of the inputs among them.
pub(super) fn stage(
    entries: &[WorkDirEntry],
    session: &Session<'_>,
    staging: &mut Staging<'_>,
) -> Result<Moves, BindError> {
    let mut work_dir = WorkDir { session, staging, moves: Moves::new() };
    for entry in entries {
        match entry {
            WorkDirEntry::Value(value) => work_dir.add_listing(value)?,
            WorkDirEntry::Expression(expression) => {
                let value = session.evaluate(expression, &Value::Null, PLACE)?;
                work_dir.add_listing(&value)?;
            }
            WorkDirEntry::Dirent { entry, entry_name, writable } => {
                let value = session.evaluate_untrimmed(entry, &Value::Null, &format!("{PLACE}.entry"))?;
                let name = match entry_name {
                    Some(name) => Some(session.text(name, &Value::Null, &format!("{PLACE}.entryname"))?),
                    None => None,
                };
                work_dir.add_dirent(value, name, *writable)?;
            }
        }
    }
    Ok(work_dir.moves)
}

struct WorkDir<'s, 'a, 't> {
    session: &'s Session<'a>,
    staging: &'s mut Staging<'t>,
    moves: Moves,
}

impl WorkDir<'_, '_, '_> {
    /// A File, a Directory, a Dirent, an array of these, or nothing.
    fn add_listing(&mut self, value: &Value) -> Result<(), BindError> {
        match value {
            Value::Null => Ok(()),
            Value::Array(items) => items.iter().try_for_each(|item| self.add_listing(item)),
            Value::File(_) | Value::Directory(_) => self.add_value(value, None, false),
            Value::Record(fields) if fields.contains_key("entry") => self.add_computed_dirent(fields),
            other => Err(BindError::WorkDir(type_name(other))),
        }
    }

    /// A Dirent that an expression gave: its texts are what they are, and are not evaluated once more.
    fn add_computed_dirent(&mut self, fields: &Values) -> Result<(), BindError> {
        let name = match fields.get("entryname") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) => Some(name.clone()),
            Some(other) => return Err(BindError::WorkDir(type_name(other))),
        };
        self.add_dirent(fields["entry"].clone(), name, fields.get("writable") == Some(&Value::Boolean(true)))
    }

    fn add_dirent(&mut self, value: Value, name: Option<String>, writable: bool) -> Result<(), BindError> {
        let are_entries = |items: &[Value]| {
            !items.is_empty() && items.iter().all(|item| matches!(item, Value::File(_) | Value::Directory(_)))
        };
        match value {
            Value::Null => Ok(()),
            Value::File(_) | Value::Directory(_) => self.add_value(&value, name, writable),
            Value::Array(items) if are_entries(&items) => match name {
                Some(name) => Err(BindError::NameForSeveral(name)),
                None => items.iter().try_for_each(|item| self.add_value(item, None, writable)),
            },
            Value::String(text) => self.add_text(text, name, writable),
            other => {
                let text = self.session.json_text(&other);
                self.add_text(text, name, writable)
            }
        }
    }

    fn add_text(&mut self, text: String, name: Option<String>, writable: bool) -> Result<(), BindError> {
        let name = name.ok_or(BindError::TextWithoutName)?;
        let file = File::new(name.rsplit('/').next().unwrap_or(&name), Location::Literal(text));
        Ok(self.staging.add_to_work(&Entry::File(file), &name, writable, &mut self.moves)?)
    }

    fn add_value(&mut self, value: &Value, name: Option<String>, writable: bool) -> Result<(), BindError> {
        let entry = match value {
            Value::File(file) => Entry::File((**file).clone()),
            Value::Directory(directory) => Entry::Directory((**directory).clone()),
            other => return Err(BindError::WorkDir(type_name(other))),
        };
        let name = name.unwrap_or_else(|| entry.basename().to_owned());
        Ok(self.staging.add_to_work(&entry, &name, writable, &mut self.moves)?)
    }
}
