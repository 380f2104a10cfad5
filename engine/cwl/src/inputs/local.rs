//! Files of input objects: they are there, and what must lie beside them is, too.

use std::{
    fs, io,
    path::{Component, Path},
};

use sluis_model::{Directory, Entry, File, ListingDepth, Location, Value, Values};

use super::{InputProblem, typing, visit::visit};
use crate::{
    Condition, Evaluator, InputParameter, Requirements, SecondaryFile,
    contents::paths_of,
    expression::{Session, is_expression, type_name},
    secondary::secondary_name,
};

/// Makes a default that a document gives ready to be used: numbers of the type that is wanted, secondary files found.
/// What is not there is reported when the default is used.
pub(crate) fn settle_default(input: &mut InputParameter) {
    let Some(default) = input.default.take() else { return };
    let mut default = typing::coerced(&input.ty, default);
    visit(input, &mut default, &mut |file, wishes| {
        let _missing_or_expression = check_file(file);
        for pattern in wishes.secondary_files.iter().filter(|pattern| !is_expression(&pattern.pattern.text)) {
            let name = secondary_name(&file.basename, &pattern.pattern.text);
            add_beside(file, &name);
        }
    });
    input.default = Some(default);
}

/// Fills in sizes and secondary files of local files; says what is not there.
pub(super) fn complete_files(
    known: &[InputParameter],
    values: &mut Values,
    requirements: Option<&Requirements>,
) -> Vec<InputProblem> {
    let mut problems = missing_files(known, values);
    let library = requirements.and_then(|requirements| requirements.javascript.as_deref());
    let session = Session::new(&Evaluator::default(), library, values.clone(), Value::Null);
    for input in known {
        let Some(value) = values.get_mut(&input.name) else { continue };
        visit(input, value, &mut |file, wishes| {
            for pattern in wishes.secondary_files {
                let place = format!("inputs.{}.secondaryFiles", input.name);
                if let Err(message) = complete_pattern(file, pattern, &session, &place) {
                    problems.push(problem(input, &message));
                }
            }
        });
    }
    problems
}

/// Says which local files and folders are not there; fills in sizes.
pub(super) fn missing_files(known: &[InputParameter], values: &mut Values) -> Vec<InputProblem> {
    let mut problems = Vec::new();
    for input in known {
        if let Some(value) = values.get_mut(&input.name) {
            check_value(value, &mut |message| problems.push(problem(input, &message)));
        }
    }
    problems
}

/// Secondary files that an input must have, named by patterns, and that its value does not bring along.
pub(super) fn missing_secondary_files(input: &InputParameter, value: &mut Value) -> Vec<InputProblem> {
    let mut problems = Vec::new();
    visit(input, value, &mut |file, wishes| {
        for pattern in wishes.secondary_files {
            // What expressions say is known only when they are evaluated.
            let is_fixed = matches!(pattern.required, None | Some(Condition::Fixed(true)));
            let name = secondary_name(&file.basename, &pattern.pattern.text);
            if is_fixed && !is_expression(&pattern.pattern.text) && !brings(file, &name) {
                problems
                    .push(problem(input, &format!("{} comes without {name}, which must be beside it", file.basename)));
            }
        }
    });
    problems
}

fn problem(input: &InputParameter, message: &str) -> InputProblem {
    InputProblem { name: input.name.clone(), message: format!("the input `{}`: {message}", input.name), help: None }
}

fn complete_pattern(
    file: &mut File,
    pattern: &SecondaryFile,
    session: &Session<'_>,
    place: &str,
) -> Result<(), String> {
    let told = |error: crate::expression::ExpressionError| match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    let this = Value::File(Box::new(file.clone()));
    let required = match &pattern.required {
        None => true,
        Some(Condition::Fixed(required)) => *required,
        Some(Condition::Expression(expression)) => match session.evaluate(expression, &this, place).map_err(told)? {
            Value::Boolean(required) => required,
            Value::Null => false,
            other => return Err(format!("`required` must be a boolean, but is {}", type_name(&other))),
        },
    };
    if !is_expression(&pattern.pattern.text) {
        let name = secondary_name(&file.basename, &pattern.pattern.text);
        return want(file, &name, required);
    }
    if matches!(file.location, Location::Remote(_)) {
        // What is fetched must not depend on values: it would tell them to the host.
        return Err(format!("{} is on the web, so its secondary files can only be named by patterns", file.basename));
    }
    match session.evaluate(&pattern.pattern, &this, place).map_err(told)? {
        Value::Array(items) => {
            items.into_iter().try_for_each(|item| want_value(file, item, required, session.inputs()))
        }
        value => want_value(file, value, required, session.inputs()),
    }
}

/// Whether a name leads into a folder beside or below a file, and to no other place.
fn stays_beside(name: &str) -> bool {
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    !name.is_empty() && Path::new(name).components().all(is_plain)
}

/// Whether a path leads to the folder of a local file, or below it.
fn lies_beside(path: &Path, file: &File) -> bool {
    let Location::Path(own) = &file.location else { return false };
    let rest = own.parent().and_then(|folder| path.strip_prefix(folder).ok());
    rest.and_then(Path::to_str).is_some_and(stays_beside)
}

/// Adds what an expression gave: a name, a file or a folder.
fn want_value(file: &mut File, value: Value, required: bool, inputs: &Values) -> Result<(), String> {
    // An expression gives no access to other files than those that somebody named.
    let known = paths_of(inputs.values());
    let mut named = paths_of([&value]).into_iter();
    if let Some(path) = named.find(|path| !lies_beside(path, file) && !known.contains(path)) {
        return Err(format!("{} is neither one of the inputs nor beside {}", path.display(), file.basename));
    }
    let mut entry = match value {
        Value::Null => return Ok(()),
        Value::String(name) => return want(file, &name, required),
        Value::File(entry) => Entry::File(*entry),
        Value::Directory(entry) => Entry::Directory(*entry),
        other => return Err(format!("a secondary file must be a name or a File, but is {}", type_name(&other))),
    };
    if brings(file, entry.basename()) {
        return Ok(());
    }
    let mut missing = None;
    check_entry(&mut entry, &mut |message| missing = Some(message));
    match missing {
        Some(message) if required => Err(message),
        Some(_) => Ok(()),
        None => {
            file.secondary_files.push(entry);
            Ok(())
        }
    }
}

fn want(file: &mut File, name: &str, required: bool) -> Result<(), String> {
    if !stays_beside(name) {
        return Err(format!("`{name}` is no name of a file beside {}", file.basename));
    }
    if brings(file, name) || add_beside(file, name) || !required {
        return Ok(());
    }
    if let Location::Remote(address) = &file.location {
        // Whether it is there shows when it is fetched.
        let beside = File::new(name, Location::Remote(address_beside(address, name)));
        file.secondary_files.push(Entry::File(beside));
        return Ok(());
    }
    let folder = match &file.location {
        Location::Path(path) => path.parent().map(|folder| format!(" in {}", folder.display())).unwrap_or_default(),
        _ => String::new(),
    };
    Err(format!("{} needs {name} beside it, which is not there{folder}", file.basename))
}

/// The address of another file in the same place on the web.
fn address_beside(address: &str, name: &str) -> String {
    let path = address.find(['?', '#']).unwrap_or(address.len());
    let folder = address[..path].rfind('/').map_or(path, |slash| slash + 1);
    format!("{}{name}{}", &address[..folder], &address[path..])
}

/// Whether a file has a secondary file of that name.
fn brings(file: &File, name: &str) -> bool {
    file.secondary_files.iter().any(|entry| entry.basename() == name)
}

/// Adds the file or folder of that name that lies beside a local file, if there is one.
fn add_beside(file: &mut File, name: &str) -> bool {
    let Location::Path(path) = &file.location else { return false };
    let beside = path.with_file_name(name);
    let Ok(metadata) = fs::metadata(&beside) else { return false };
    let basename = beside.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if !brings(file, &basename) {
        file.secondary_files.push(if metadata.is_dir() {
            Entry::Directory(Directory {
                source: Some(beside),
                basename,
                path: None,
                listing: Vec::new(),
                visible_depth: ListingDepth::None,
            })
        } else {
            let entry = File::new(basename, Location::Path(beside));
            Entry::File(File { size: Some(metadata.len()), ..entry })
        });
    }
    true
}

fn check_value(value: &mut Value, report: &mut dyn FnMut(String)) {
    match value {
        Value::File(file) => check_file_tree(file, report),
        Value::Directory(directory) => check_directory(directory, report),
        Value::Array(items) => items.iter_mut().for_each(|item| check_value(item, report)),
        Value::Record(fields) => fields.values_mut().for_each(|field| check_value(field, report)),
        _ => {}
    }
}

fn check_entry(entry: &mut Entry, report: &mut dyn FnMut(String)) {
    match entry {
        Entry::File(file) => check_file_tree(file, report),
        Entry::Directory(directory) => check_directory(directory, report),
    }
}

fn check_file_tree(file: &mut File, report: &mut dyn FnMut(String)) {
    if let Err(message) = check_file(file) {
        report(message);
    }
    file.secondary_files.iter_mut().for_each(|entry| check_entry(entry, report));
}

fn check_directory(directory: &mut Directory, report: &mut dyn FnMut(String)) {
    if let Some(source) = &directory.source {
        match fs::metadata(source) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => report(format!("{} is not a folder", source.display())),
            Err(error) => report(unusable(source, &error)),
        }
    }
    directory.listing.iter_mut().for_each(|entry| check_entry(entry, report));
}

/// Fills in the size of a local file; says what keeps it from being used.
fn check_file(file: &mut File) -> Result<(), String> {
    let Location::Path(path) = &file.location else { return Ok(()) };
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            file.size = Some(metadata.len());
            Ok(())
        }
        Ok(_) => Err(format!("{} is not a file", path.display())),
        Err(error) => Err(unusable(path, &error)),
    }
}

fn unusable(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("{} does not exist", path.display()),
        _ => format!("{} cannot be used: {error}", path.display()),
    }
}
