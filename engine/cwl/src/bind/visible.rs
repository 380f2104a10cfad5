//! What expressions see of a process's inputs.

use sluis_model::{File, ListingDepth, Value, Values};

use super::BindError;
use crate::{
    Condition, InputParameter, SecondaryFile, Type,
    contents::{Contents, ContentsError, load_contents, show_listing},
    expression::{Session, is_expression, wrong_type},
    secondary::secondary_name,
};

/// The declared inputs in their declared order, each null if it is absent, with contents loaded and listings shown as
/// parameters, fields and the process (`default`) ask for it.
pub(crate) fn show(
    parameters: &[InputParameter],
    mut inputs: Values,
    default: Option<ListingDepth>,
    contents: &dyn Contents,
) -> Result<Values, ContentsError> {
    let mut shown = Values::with_capacity(parameters.len());
    for parameter in parameters {
        let mut value = inputs.swap_remove(&parameter.name).unwrap_or_default();
        let depth = parameter.load_listing.or(default).unwrap_or_default();
        show_typed(&parameter.ty, &mut value, parameter.load_contents, depth, contents)?;
        shown.insert(parameter.name.clone(), value);
    }
    Ok(shown)
}

fn show_typed(
    ty: &Type,
    value: &mut Value,
    load: bool,
    depth: ListingDepth,
    contents: &dyn Contents,
) -> Result<(), ContentsError> {
    match (ty, value) {
        (Type::Union(types), value) => match types.iter().find(|ty| ty.accepts(value)) {
            Some(ty) => show_typed(ty, value, load, depth, contents),
            None => Ok(()),
        },
        (Type::Array(array), Value::Array(items)) => {
            items.iter_mut().try_for_each(|item| show_typed(&array.items, item, load, depth, contents))
        }
        (Type::Record(record), Value::Record(fields)) => record.fields.iter().try_for_each(|field| {
            let Some(value) = fields.get_mut(&field.name) else { return Ok(()) };
            show_typed(&field.ty, value, field.load_contents, field.load_listing.unwrap_or(depth), contents)
        }),
        (_, value) => {
            show_listing(value, depth);
            if load { load_contents(value, contents) } else { Ok(()) }
        }
    }
}

/// Checks that every input file has the secondary files that its parameter requires (CWL v1.2, SecondaryFileSchema).
pub(super) fn check_secondary_files(parameters: &[InputParameter], session: &Session<'_>) -> Result<(), BindError> {
    parameters.iter().try_for_each(|parameter| {
        let check = Check { input: &parameter.name, session };
        let value = session.inputs().get(&parameter.name).unwrap_or(&Value::Null);
        check.value(&parameter.ty, &parameter.secondary_files, value)
    })
}

struct Check<'c, 'a> {
    input: &'c str,
    session: &'c Session<'a>,
}

impl Check<'_, '_> {
    fn value(&self, ty: &Type, patterns: &[SecondaryFile], value: &Value) -> Result<(), BindError> {
        match (ty, value) {
            (Type::Union(types), value) => match types.iter().find(|ty| ty.accepts(value)) {
                Some(ty) => self.value(ty, patterns, value),
                None => Ok(()),
            },
            (Type::Array(array), Value::Array(items)) => {
                items.iter().try_for_each(|item| self.value(&array.items, patterns, item))
            }
            (Type::Record(record), Value::Record(fields)) => record.fields.iter().try_for_each(|field| {
                let value = fields.get(&field.name).unwrap_or(&Value::Null);
                self.value(&field.ty, &field.secondary_files, value)
            }),
            (_, Value::File(file)) => patterns.iter().try_for_each(|pattern| self.pattern(pattern, file, value)),
            _ => Ok(()),
        }
    }

    fn pattern(&self, pattern: &SecondaryFile, file: &File, this: &Value) -> Result<(), BindError> {
        let place = format!("inputs.{}.secondaryFiles", self.input);
        if !required(pattern.required.as_ref(), true, this, &place, self.session)? {
            return Ok(());
        }
        for name in self.names(&pattern.pattern.0, file, this, &place)? {
            if !file.secondary_files.iter().any(|entry| entry.basename() == name) {
                let (input, file) = (self.input.to_owned(), file.basename.clone());
                return Err(BindError::MissingSecondaryFile { input, file, missing: name });
            }
        }
        Ok(())
    }

    fn names(&self, pattern: &str, file: &File, this: &Value, place: &str) -> Result<Vec<String>, BindError> {
        if !is_expression(pattern) {
            return Ok(vec![secondary_name(&file.basename, pattern)]);
        }
        let mut names = Vec::new();
        let items = match self.session.evaluate(pattern, this, place)? {
            Value::Array(items) => items,
            single => vec![single],
        };
        for item in items {
            match item {
                Value::Null => {}
                Value::String(name) => names.push(name),
                Value::File(file) => names.push(file.basename),
                Value::Directory(directory) => names.push(directory.basename),
                other => return Err(wrong_type(pattern, place, "the name of a file", &other).into()),
            }
        }
        Ok(names)
    }
}

/// Whether a secondary file must be there.
pub(crate) fn required(
    condition: Option<&Condition>,
    default: bool,
    this: &Value,
    place: &str,
    session: &Session<'_>,
) -> Result<bool, crate::expression::ExpressionError> {
    match condition {
        None => Ok(default),
        Some(Condition::Fixed(required)) => Ok(*required),
        Some(Condition::Expression(expression)) => match session.evaluate(&expression.0, this, place)? {
            Value::Boolean(required) => Ok(required),
            Value::Null => Ok(false),
            other => Err(wrong_type(&expression.0, place, "a boolean", &other)),
        },
    }
}
