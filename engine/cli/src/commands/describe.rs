//! `sluis describe`

use std::{fmt::Write, path::Path};

use serde_json::{Value as Json, json};
use sluis_cwl::{About, EnumType, InputParameter, Inputs, Process, SecondaryFile, Type};

use crate::{arguments::Describe, exit::Exit, failure::Failure, output, remote::Documents};

/// Lists the inputs and outputs of a process, or writes an input object to fill in.
pub fn carry_out(folder: &Path, describe: &Describe, json: bool) -> Result<Exit, Failure> {
    let process = sluis_cwl::load_for(&describe.workflow, &mut Inputs::default(), &Documents::of(folder))?.process;
    match (describe.template, json) {
        (true, _) => output::line(template(&process).trim_end()),
        (false, true) => output::json(&as_json(&process)),
        (false, false) => print(&process),
    }
    Ok(Exit::Success)
}

fn print(process: &Process) {
    let about = process.about();
    output::line(&format!("{} {}", process.class(), process.name()));
    for text in [&about.label, &about.doc].into_iter().flatten() {
        output::line(text);
    }
    output::line("\nInputs");
    let mut table = output::table(&["name", "type", "default", "about"]);
    for input in process.inputs() {
        table.add_row([input.name.clone(), described_type(input), default_text(input), about_line(&input.about)]);
    }
    output::print_table(&table);
    output::line("\nOutputs");
    let mut table = output::table(&["name", "type", "about"]);
    for (name, ty, about) in process.outputs() {
        table.add_row([name.to_owned(), output_type(ty), about_line(about)]);
    }
    output::print_table(&table);
}

fn as_json(process: &Process) -> Json {
    let inputs = process.inputs().iter().map(|input| {
        json!({
            "name": input.name,
            "type": input.ty.describe(),
            "required": is_required(input),
            "default": input.default.as_ref().map(sluis_model::Value::to_json),
            "secondaryFiles": patterns(&input.secondary_files),
            "formats": input.format.iter().map(|format| &format.text).collect::<Vec<_>>(),
            "label": input.about.label,
            "doc": input.about.doc,
        })
    });
    let outputs = process.outputs().into_iter().map(
        |(name, ty, about)| json!({ "name": name, "type": output_type(ty), "label": about.label, "doc": about.doc }),
    );
    json!({
        "class": process.class(),
        "name": process.name(),
        "label": process.about().label,
        "doc": process.about().doc,
        "inputs": inputs.collect::<Vec<_>>(),
        "outputs": outputs.collect::<Vec<_>>(),
    })
}

/// An input object with a value for everything that needs one; what does not stands there as a comment.
fn template(process: &Process) -> String {
    let mut out = String::new();
    let title = process.about().label.as_deref().map(|label| format!(": {label}")).unwrap_or_default();
    add_comment(&mut out, &format!("Inputs of {}{title}", process.name()));
    for input in process.inputs() {
        out.push('\n');
        let need = if is_required(input) { "" } else { ", may be left out" };
        add_comment(&mut out, &format!("{}: {}{need}", input.name, described_type(input)));
        [&input.about.label, &input.about.doc].into_iter().flatten().for_each(|text| add_comment(&mut out, text));
        let name = yaml_key(&input.name);
        let value = input.default.as_ref().map_or_else(|| example(&input.ty), sluis_model::Value::to_json);
        let comment = if is_required(input) { "" } else { "# " };
        // Writing to a string does not fail.
        let _ = writeln!(out, "{comment}{name}: {}", flow(&value));
    }
    out
}

fn add_comment(out: &mut String, text: &str) {
    for line in text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) {
        let line: String = line.chars().filter(|character| *character == '\t' || !character.is_control()).collect();
        out.push_str(format!("# {line}").trim_end());
        out.push('\n');
    }
}

/// A value that shows the form of a type.
fn example(ty: &Type) -> Json {
    match ty {
        Type::Null => Json::Null,
        Type::Boolean => false.into(),
        Type::Int | Type::Long => 0.into(),
        Type::Float | Type::Double => 0.5.into(),
        Type::String | Type::Any => "FILL IN".into(),
        Type::File | Type::Stdin | Type::Stdout | Type::Stderr => json!({ "class": "File", "path": "FILL IN" }),
        Type::Directory => json!({ "class": "Directory", "path": "FILL IN" }),
        Type::Enum(EnumType { symbols, .. }) => symbols.first().map_or(Json::Null, |symbol| symbol.as_str().into()),
        Type::Array(array) => json!([example(&array.items)]),
        Type::Record(record) => record.fields.iter().map(|field| (field.name.clone(), example(&field.ty))).collect(),
        Type::Union(types) => types.iter().find(|ty| **ty != Type::Null).map_or(Json::Null, example),
    }
}

/// A value in YAML on one line.
fn flow(value: &Json) -> String {
    match value {
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{}: {}", yaml_key(name), flow(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        Json::String(text) if is_plain(text) => text.clone(),
        // Every other scalar of JSON is one of YAML.
        scalar => scalar.to_string(),
    }
}

/// A name as a key of YAML.
fn yaml_key(name: &str) -> String {
    if is_plain(name) { name.to_owned() } else { Json::from(name).to_string() }
}

/// Whether YAML reads a text without quotes as that text, whatever its version.
fn is_plain(text: &str) -> bool {
    const OTHER: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|character| character.is_ascii_alphanumeric() || "_-./".contains(character))
        && !OTHER.contains(&text.to_ascii_lowercase().as_str())
}

fn is_required(input: &InputParameter) -> bool {
    !input.has_default() && !input.ty.accepts(&sluis_model::Value::Null)
}

fn described_type(input: &InputParameter) -> String {
    let beside = patterns(&input.secondary_files);
    let ty = match &input.ty {
        Type::Stdin => Type::File.describe(),
        ty => ty.describe(),
    };
    if beside.is_empty() { ty } else { format!("{ty} with {}", beside.join(", ")) }
}

fn output_type(ty: &Type) -> String {
    match ty {
        Type::Stdout | Type::Stderr => Type::File.describe(),
        ty => ty.describe(),
    }
}

fn patterns(files: &[SecondaryFile]) -> Vec<&str> {
    files.iter().map(|file| file.pattern.text.as_str()).collect()
}

fn default_text(input: &InputParameter) -> String {
    match &input.default {
        Some(default) => default.to_json().to_string(),
        None if is_required(input) => String::new(),
        None => "null".to_owned(),
    }
}

/// The first line of what is said about something.
fn about_line(about: &About) -> String {
    let text = about.label.as_ref().or(about.doc.as_ref());
    text.and_then(|text| text.lines().next()).unwrap_or_default().to_owned()
}
