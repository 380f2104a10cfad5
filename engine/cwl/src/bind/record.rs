//! The canonical description of how outputs are collected: it enters the task key.

use serde_json::{Map, Value as Json, json};
use sluis_model::{Directory, Entry, ListingDepth, Value, Values};

use crate::{
    ArrayType, CommandLineTool, Condition, Expression, OutputBinding, OutputParameter, RecordType, SecondaryFile, Type,
    expression::{is_expression, sorted},
};

/// The version of the rules by which outputs are collected: raised when the same files give another output object, so
/// that no result of the old rules is taken for one of the new.
const RULES: u32 = 2;

/// The canonical JSON text of everything that collecting depends on besides the files that the command leaves: the
/// output parameters as written and, if they hold any expression, the expression library, the input values (with
/// addresses, without paths of this machine) and the runtime object.
pub(super) fn collection(tool: &CommandLineTool, inputs: &Values, runtime: &Value) -> String {
    let mut uses_expressions = false;
    let mut note = |expression: &Expression| {
        uses_expressions |= is_expression(&expression.text);
        Json::from(expression.text.as_str())
    };
    let outputs: Vec<_> = tool.outputs.iter().map(|output| output_json(output, &mut note)).collect();
    let mut record = json!({ "version": RULES, "outputs": outputs });
    if uses_expressions {
        record["inputs"] = Json::Object(inputs.iter().map(|(name, value)| (name.clone(), value_json(value))).collect());
        record["runtime"] = runtime.to_json();
        record["expressionLib"] = tool.requirements.javascript.as_ref().map_or(Json::Null, |library| json!(library));
    }
    sorted(record).to_string()
}

/// A value with the visible depth of its directories, which decides what an expression can see of them.
fn value_json(value: &Value) -> Json {
    match value {
        Value::Array(items) => items.iter().map(value_json).collect(),
        Value::Record(fields) => fields.iter().map(|(name, field)| (name.clone(), value_json(field))).collect(),
        Value::Directory(directory) => {
            let mut json = value.to_json();
            add_depths(directory, &mut json);
            json
        }
        plain => plain.to_json(),
    }
}

fn add_depths(directory: &Directory, json: &mut Json) {
    json["visibleDepth"] = depth_json(Some(directory.visible_depth));
    let entries = json.get_mut("listing").and_then(Json::as_array_mut).into_iter().flatten();
    for (entry, json) in directory.listing.iter().zip(entries) {
        if let Entry::Directory(inner) = entry {
            add_depths(inner, json);
        }
    }
}

type Note<'n> = dyn FnMut(&Expression) -> Json + 'n;

fn output_json(output: &OutputParameter, note: &mut Note<'_>) -> Json {
    let mut json = json!({ "name": output.name, "type": type_json(&output.ty, note) });
    json["binding"] = output.output_binding.as_ref().map_or(Json::Null, |binding| binding_json(binding, note));
    json["secondaryFiles"] = secondary_json(&output.secondary_files, note);
    json["format"] = output.format.as_ref().map_or(Json::Null, note);
    json
}

fn binding_json(binding: &OutputBinding, note: &mut Note<'_>) -> Json {
    json!({
        "glob": binding.glob.iter().map(&mut *note).collect::<Vec<_>>(),
        "loadContents": binding.load_contents,
        "loadListing": depth_json(binding.load_listing),
        "outputEval": binding.output_eval.as_ref().map_or(Json::Null, note),
    })
}

fn depth_json(depth: Option<ListingDepth>) -> Json {
    match depth {
        None => Json::Null,
        Some(ListingDepth::None) => "no_listing".into(),
        Some(ListingDepth::Shallow) => "shallow_listing".into(),
        Some(ListingDepth::Deep) => "deep_listing".into(),
    }
}

fn secondary_json(secondary_files: &[SecondaryFile], note: &mut Note<'_>) -> Json {
    let each = secondary_files.iter().map(|secondary| {
        let required = match &secondary.required {
            None => Json::Null,
            Some(Condition::Fixed(required)) => (*required).into(),
            Some(Condition::Expression(expression)) => note(expression),
        };
        json!({ "pattern": note(&secondary.pattern), "required": required })
    });
    each.collect()
}

fn type_json(ty: &Type, note: &mut Note<'_>) -> Json {
    match ty {
        Type::Array(ArrayType { items, .. }) => json!({ "array": type_json(items, note) }),
        Type::Enum(ty) => json!({ "enum": ty.symbols }),
        Type::Union(types) => types.iter().map(|ty| type_json(ty, note)).collect(),
        Type::Record(record) => json!({ "record": record_json(record, note) }),
        plain => plain.describe().into(),
    }
}

fn record_json(record: &RecordType, note: &mut Note<'_>) -> Json {
    let fields = record.fields.iter().map(|field| {
        let mut json = Map::new();
        json.insert("name".to_owned(), field.name.as_str().into());
        json.insert("type".to_owned(), type_json(&field.ty, note));
        let binding = field.output_binding.as_ref().map_or(Json::Null, |binding| binding_json(binding, note));
        json.insert("binding".to_owned(), binding);
        json.insert("secondaryFiles".to_owned(), secondary_json(&field.secondary_files, note));
        json.insert("format".to_owned(), field.format.iter().map(&mut *note).collect());
        Json::Object(json)
    });
    fields.collect()
}
