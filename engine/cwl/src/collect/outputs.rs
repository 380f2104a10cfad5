//! One output after the other (CWL v1.2, CommandOutputBinding).

use sluis_model::{Entry, File, ListingDepth, Value, Values, WORK_ROOT};

use super::{
    CollectError,
    entries::{entry, load_contents},
    pattern,
    places::{PlaceError, Places},
    settle::settle,
};
use crate::{
    Expression, OutputBinding, SecondaryFile, Type,
    bind::required,
    contents::show_listing,
    expression::{Session, is_expression, wrong_type},
    secondary::secondary_name,
};

/// What collecting one task's outputs needs.
pub(super) struct Collector<'c> {
    pub places: &'c Places<'c>,
    pub session: &'c Session<'c>,
    pub stdout: Option<&'c str>,
    pub stderr: Option<&'c str>,
    /// How deep expressions see directories of which no binding says it.
    pub depth: Option<ListingDepth>,
}

/// An output parameter, or a field of one.
pub(super) struct Output<'o> {
    pub name: String,
    pub ty: &'o Type,
    pub binding: Option<&'o OutputBinding>,
    pub secondary_files: &'o [SecondaryFile],
    pub format: Option<&'o Expression>,
}

impl Collector<'_> {
    /// The value of an output; its type is checked.
    pub(super) fn collect(&self, output: &Output<'_>) -> Result<Value, CollectError> {
        let mut value = match (output.ty, output.binding) {
            (Type::Stdout, _) => self.stream(output, self.stdout)?,
            (Type::Stderr, _) => self.stream(output, self.stderr)?,
            (_, Some(binding)) => self.bound(output, binding)?,
            (ty, None) => match record_of(ty) {
                Some(fields) => {
                    return match self.record(output, fields) {
                        // A record that may be absent is so if one of its files is.
                        Err(CollectError::NoMatch { .. }) if output.ty.takes_null() => Ok(Value::Null),
                        result => result,
                    };
                }
                None => Value::Null,
            },
        };
        value = settle(self.places, self.session.inputs(), value)?;
        self.add_to_files(output, &mut value)?;
        self.checked(output, value)
    }

    pub(super) fn checked(&self, output: &Output<'_>, value: Value) -> Result<Value, CollectError> {
        if output.ty.accepts_output(&value) {
            return Ok(value);
        }
        let found = crate::expression::type_name(&value);
        Err(CollectError::Type { output: output.name.clone(), expected: output.ty.describe(), found })
    }

    fn stream(&self, output: &Output<'_>, name: Option<&str>) -> Result<Value, CollectError> {
        let missing = || PlaceError::Missing(output.name.clone());
        let path = format!("{WORK_ROOT}/{}", name.ok_or_else(missing)?);
        Ok(entry(self.places, &path)?.into())
    }

    fn record(&self, output: &Output<'_>, fields: &[crate::RecordField]) -> Result<Value, CollectError> {
        let mut record = Values::with_capacity(fields.len());
        for field in fields {
            let value = self.collect(&Output {
                name: format!("{}.{}", output.name, field.name),
                ty: &field.ty,
                binding: field.output_binding.as_ref(),
                secondary_files: &field.secondary_files,
                format: field.format.first(),
            })?;
            record.insert(field.name.clone(), value);
        }
        Ok(Value::Record(record))
    }

    fn bound(&self, output: &Output<'_>, binding: &OutputBinding) -> Result<Value, CollectError> {
        let patterns = self.patterns(output, binding)?;
        let mut found = Vec::new();
        for pattern in &patterns {
            for path in pattern::matches(self.places, pattern)? {
                found.push(Value::from(entry(self.places, &path)?));
            }
        }
        let mut value = Value::Array(found);
        show_listing(&mut value, binding.load_listing.or(self.depth).unwrap_or_default());
        if binding.load_contents {
            load_contents(self.places, &mut value)?;
        }
        if let Some(code) = &binding.output_eval {
            value = self.session.evaluate(code, &value, &format!("outputs.{}.outputEval", output.name))?;
        }
        self.single(output, value, &patterns)
    }

    fn patterns(&self, output: &Output<'_>, binding: &OutputBinding) -> Result<Vec<String>, CollectError> {
        let place = format!("outputs.{}.glob", output.name);
        let mut patterns = Vec::new();
        for glob in &binding.glob {
            let items = match self.session.evaluate(glob, &Value::Null, &place)? {
                Value::Null => continue,
                Value::Array(items) => items,
                single => vec![single],
            };
            for item in items {
                match item {
                    Value::String(pattern) => patterns.push(pattern),
                    other => return Err(wrong_type(glob, &place, "a pattern", &other).into()),
                }
            }
        }
        Ok(patterns)
    }

    /// Takes the one file or directory out of its array where the type has room for one only.
    fn single(&self, output: &Output<'_>, value: Value, patterns: &[String]) -> Result<Value, CollectError> {
        let is_entry = |ty: &Type| matches!(ty, Type::File | Type::Directory);
        let types = match output.ty {
            Type::Union(types) => types.as_slice(),
            single => std::slice::from_ref(single),
        };
        let is_optional = output.ty.accepts(&Value::Null);
        let Value::Array(mut items) = value else { return Ok(value) };
        if !types.iter().any(is_entry) {
            // No match for an optional array is no value, as in cwltool: the standard does not say.
            return Ok(if items.is_empty() && is_optional { Value::Null } else { Value::Array(items) });
        }
        match items.len() {
            0 if is_optional => Ok(Value::Null),
            0 => Err(CollectError::NoMatch { output: output.name.clone(), patterns: patterns.join(", ") }),
            1 => Ok(items.swap_remove(0)),
            _ if output.ty.accepts(&Value::Array(items.clone())) => Ok(Value::Array(items)),
            count => Err(CollectError::SeveralMatches { output: output.name.clone(), count }),
        }
    }

    /// Gives each file its secondary files and its format.
    fn add_to_files(&self, output: &Output<'_>, value: &mut Value) -> Result<(), CollectError> {
        match value {
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.add_to_files(output, item)),
            Value::File(_) => {
                let this = value.clone();
                let Value::File(file) = value else { return Ok(()) };
                for pattern in output.secondary_files {
                    self.add_secondary_files(output, pattern, file, &this)?;
                }
                if let Some(format) = output.format {
                    let place = format!("outputs.{}.format", output.name);
                    file.format = Some(self.session.text(format, &this, &place)?);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn add_secondary_files(
        &self,
        output: &Output<'_>,
        pattern: &SecondaryFile,
        file: &mut File,
        this: &Value,
    ) -> Result<(), CollectError> {
        let place = format!("outputs.{}.secondaryFiles", output.name);
        let is_required = required(pattern.required.as_ref(), false, this, &place, self.session)?;
        let code = &pattern.pattern;
        let items = if is_expression(&code.text) {
            match self.session.evaluate(code, this, &place)? {
                Value::Array(items) => items,
                single => vec![single],
            }
        } else {
            vec![Value::String(secondary_name(&file.basename, &code.text))]
        };
        let folder =
            file.path.as_deref().and_then(|path| path.rsplit_once('/')).map_or(WORK_ROOT, |(folder, _)| folder);
        let folder = folder.to_owned();
        for item in items {
            let found = match item {
                Value::Null => continue,
                Value::String(name) => match entry(self.places, &format!("{folder}/{name}")) {
                    Err(PlaceError::Missing(_)) if !is_required => continue,
                    Err(PlaceError::Missing(_)) => {
                        let (output, file) = (output.name.clone(), file.basename.clone());
                        return Err(CollectError::MissingSecondaryFile { output, file, missing: name });
                    }
                    found => found?,
                },
                item => match settle(self.places, self.session.inputs(), item)? {
                    Value::File(file) => Entry::File(*file),
                    Value::Directory(directory) => Entry::Directory(*directory),
                    other => return Err(wrong_type(code, &place, "the name of a file", &other).into()),
                },
            };
            if !file.secondary_files.iter().any(|known| known.basename() == found.basename()) {
                file.secondary_files.push(found);
            }
        }
        Ok(())
    }
}

fn record_of(ty: &Type) -> Option<&[crate::RecordField]> {
    match ty {
        Type::Record(record) => Some(&record.fields),
        Type::Union(types) => types.iter().find_map(record_of),
        _ => None,
    }
}
