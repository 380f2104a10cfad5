//! What expressions see of a process's inputs.

use sluis_model::{File, ListingDepth, Value, Values};

use super::BindError;
use crate::{
    Condition, Expression, InputParameter, SecondaryFile, Type,
    contents::{Contents, ContentsError, load_contents, show_listing},
    expression::{Session, is_expression, wrong_type},
    inputs::{Wishes, fits},
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

/// Checks that every input file has the secondary files that its parameter requires (CWL v1.2, SecondaryFileSchema),
/// and one of the formats that the parameter computes.
pub(crate) fn check_files(parameters: &[InputParameter], session: &Session<'_>) -> Result<(), BindError> {
    parameters.iter().try_for_each(|parameter| {
        let check = Check { input: parameter, session };
        let value = session.inputs().get(&parameter.name).unwrap_or(&Value::Null);
        let wishes = Wishes { secondary_files: &parameter.secondary_files, format: &parameter.format };
        check.value(&parameter.ty, wishes, value)
    })
}

struct Check<'c, 'a> {
    input: &'c InputParameter,
    session: &'c Session<'a>,
}

impl Check<'_, '_> {
    fn value(&self, ty: &Type, wishes: Wishes<'_>, value: &Value) -> Result<(), BindError> {
        match (ty, value) {
            (Type::Union(types), value) => match types.iter().find(|ty| ty.accepts(value)) {
                Some(ty) => self.value(ty, wishes, value),
                None => Ok(()),
            },
            (Type::Array(array), Value::Array(items)) => {
                items.iter().try_for_each(|item| self.value(&array.items, wishes, item))
            }
            (Type::Record(record), Value::Record(fields)) => record.fields.iter().try_for_each(|field| {
                let value = fields.get(&field.name).unwrap_or(&Value::Null);
                let wishes = Wishes { secondary_files: &field.secondary_files, format: &field.format };
                self.value(&field.ty, wishes, value)
            }),
            (_, Value::File(file)) => {
                self.format(wishes.format, file)?;
                wishes.secondary_files.iter().try_for_each(|pattern| self.pattern(pattern, file, value))
            }
            _ => Ok(()),
        }
    }

    /// A file without a format is taken as it is. Formats that stand in the document were checked with the inputs.
    fn format(&self, formats: &[Expression], file: &File) -> Result<(), BindError> {
        let Some(found) = file.format.as_ref().filter(|_| formats.iter().any(|format| is_expression(&format.text)))
        else {
            return Ok(());
        };
        let place = format!("inputs.{}.format", self.input.name);
        let mut wanted = Vec::new();
        for format in formats {
            let items = match self.session.evaluate(format, &Value::Null, &place)? {
                Value::Null => Vec::new(),
                Value::Array(items) => items,
                single => vec![single],
            };
            for item in items {
                match item {
                    Value::String(item) => wanted.push(item),
                    other => return Err(wrong_type(format, &place, "the name of a format", &other).into()),
                }
            }
        }
        if wanted.is_empty() || wanted.iter().any(|wanted| fits(found, wanted, &self.input.ontologies)) {
            return Ok(());
        }
        let (input, file, found) = (self.input.name.clone(), file.basename.clone(), found.clone());
        Err(BindError::Format { input, file, found, wanted: wanted.join(" or ") })
    }

    fn pattern(&self, pattern: &SecondaryFile, file: &File, this: &Value) -> Result<(), BindError> {
        let place = format!("inputs.{}.secondaryFiles", self.input.name);
        if !required(pattern.required.as_ref(), true, this, &place, self.session)? {
            return Ok(());
        }
        for name in self.names(&pattern.pattern, file, this, &place)? {
            if !file.secondary_files.iter().any(|entry| entry.basename() == name) {
                let (input, file) = (self.input.name.clone(), file.basename.clone());
                return Err(BindError::MissingSecondaryFile { input, file, missing: name });
            }
        }
        Ok(())
    }

    fn names(&self, pattern: &Expression, file: &File, this: &Value, place: &str) -> Result<Vec<String>, BindError> {
        if !is_expression(&pattern.text) {
            return Ok(vec![secondary_name(&file.basename, &pattern.text)]);
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
        Some(Condition::Expression(expression)) => match session.evaluate(expression, this, place)? {
            Value::Boolean(required) => Ok(required),
            Value::Null => Ok(false),
            other => Err(wrong_type(expression, place, "a boolean", &other)),
        },
    }
}
