//! The type language (CWL v1.2, CWLType and the schemas; SALAD, Domain Specific Language for types).

use std::{collections::HashSet, sync::Arc};

use sluis_yaml::{Content, Diagnostic, Diagnostics, Fields, Node, nearest};

use super::{
    Loader,
    documents::{self, identifier},
    fields::{Entry, check_fields, entries},
    requirements::Scope,
};
use crate::{ArrayType, EnumType, RecordField, RecordType, Type};

/// Named types of SchemaDefRequirement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schemas(Vec<(String, Arc<Node>)>);

/// The longest suffix of brackets and question marks.
const LONGEST_SUFFIX: usize = 64;

/// What other languages call the types.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("integer", "int"),
    ("number", "double"),
    ("bool", "boolean"),
    ("str", "string"),
    ("text", "string"),
    ("path", "File"),
    ("Dir", "Directory"),
    ("dir", "Directory"),
    ("folder", "Directory"),
    ("list", "array"),
    ("dict", "record"),
    ("any", "Any"),
];

const SIMPLE: &[(&str, Type)] = &[
    ("null", Type::Null),
    ("boolean", Type::Boolean),
    ("int", Type::Int),
    ("long", Type::Long),
    ("float", Type::Float),
    ("double", Type::Double),
    ("string", Type::String),
    ("File", Type::File),
    ("Directory", Type::Directory),
    ("Any", Type::Any),
];

/// Where a type stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    Input,
    Output,
}

impl Schemas {
    /// The types that a SchemaDefRequirement defines.
    pub fn of(requirement: &Node) -> Self {
        let types = requirement.get("types").and_then(Node::as_sequence).unwrap_or_default();
        let name = |node: &Node| node.get("name").and_then(Node::as_str).map(|name| identifier(name).to_owned());
        Self(types.iter().filter_map(|node| Some((name(node)?, Arc::new(node.clone())))).collect())
    }

    /// The type that a reference names; that of the same file first.
    fn find(&self, reference: &Node) -> Option<Arc<Node>> {
        let text = reference.as_str()?;
        let named: Vec<_> = self.0.iter().filter(|(name, _)| name == identifier(text)).collect();
        let file = documents::target(reference, &mut Diagnostics::default()).map(|target| target.path);
        let is_same_file = |node: &Node| file.as_deref() == Some(std::path::Path::new(&*node.span.file));
        let exact = named.iter().find(|(_, node)| is_same_file(node));
        exact.or(named.first()).map(|(_, node)| Arc::clone(node))
    }
}

impl Loader<'_> {
    /// The type that a node says; `Any` after an error, so that the rest can be checked.
    pub(super) fn ty(&mut self, node: &Node, scope: &Scope, place: Place) -> Type {
        match &node.value {
            Content::String(text) => self.named_type(node, text, scope, place),
            Content::Sequence(items) if items.is_empty() => {
                let problem = Diagnostic::warning(&node.span, "an empty list of types says nothing");
                self.problems.push(problem.help("name the types that a value may have"));
                Type::Any
            }
            Content::Sequence(items) => {
                let mut types = Vec::new();
                for item in items {
                    match self.ty(item, scope, place) {
                        Type::Union(inner) => types.extend(inner),
                        ty => types.push(ty),
                    }
                }
                union(types)
            }
            Content::Mapping(_) => self.schema(node, scope, place),
            _ => {
                let message = format!("a type must be a text, a list or a mapping, but is {}", node.kind());
                let problem = Diagnostic::error(&node.span, message);
                self.problems.push(match node.value {
                    Content::Null => {
                        problem.help("write the type that values have; that of null is `\"null\"`, in quotes")
                    }
                    _ => problem,
                });
                Type::Any
            }
        }
    }

    fn named_type(&mut self, node: &Node, text: &str, scope: &Scope, place: Place) -> Type {
        let text = documents::short_word(text);
        let suffixes = text.len() - text.trim_end_matches(['?', '[', ']']).len();
        if suffixes > LONGEST_SUFFIX {
            self.problems
                .error(&node.span, format!("a type can have at most {LONGEST_SUFFIX} characters of `[]` and `?`"));
            return Type::Any;
        }
        if let Some(inner) = text.strip_suffix('?') {
            return union(vec![Type::Null, self.named_type(node, inner, scope, place)]);
        }
        if let Some(inner) = text.strip_suffix("[]") {
            let items = Box::new(self.named_type(node, inner, scope, place));
            return Type::Array(ArrayType { items, input_binding: None });
        }
        if let Some((_, ty)) = SIMPLE.iter().find(|(name, _)| *name == text) {
            return ty.clone();
        }
        let reference = Node { value: Content::String(text.to_owned()), span: node.span.clone() };
        if let Some(schema) = scope.schemas.find(&reference) {
            return self.referenced(node, &schema, scope, place);
        }
        if text.is_empty() {
            self.problems.error(&node.span, "a type has no name");
            return Type::Any;
        }
        let problem = Diagnostic::error(&node.span, format!("the type `{text}` is not known"));
        let stands_here = match text {
            "array" | "record" | "enum" => Some(format!("write it as a mapping below `type`: {{type: {text}, …}}")),
            "stdin" => Some("it can only be the whole type of an input of a CommandLineTool".to_owned()),
            "stdout" | "stderr" => Some("it can only be the whole type of an output of a CommandLineTool".to_owned()),
            _ => {
                OTHER_NAMES.iter().find(|(name, _)| *name == text).map(|(_, meant)| format!("did you mean `{meant}`?"))
            }
        };
        let known = SIMPLE.iter().map(|(name, _)| *name).chain(scope.schemas.0.iter().map(|(name, _)| name.as_str()));
        let help = stands_here.or_else(|| nearest(text, known).map(|near| format!("did you mean `{near}`?")));
        self.problems.push(match help {
            Some(help) => problem.help(help),
            None => problem,
        });
        Type::Any
    }

    fn referenced(&mut self, node: &Node, schema: &Arc<Node>, scope: &Scope, place: Place) -> Type {
        if self.open_types.iter().any(|open| open == &schema.span) {
            self.problems.error(&schema.span, "this type contains itself");
            return Type::Any;
        }
        if self.types_left == 0 {
            self.problems.error(&node.span, "types are used too often in one another");
            return Type::Any;
        }
        self.types_left -= 1;
        self.open_types.push(schema.span.clone());
        let ty = self.ty(schema, scope, place);
        self.open_types.pop();
        ty
    }

    fn schema(&mut self, node: &Node, scope: &Scope, place: Place) -> Type {
        let Some(fields) = Fields::of(node, "the type", &mut self.problems) else { return Type::Any };
        let Some(kind) = fields.require("type", &mut self.problems) else { return Type::Any };
        const COMMON: &[&str] = &["type", "name", "label", "doc", "inputBinding", "outputBinding"];
        match kind.as_str().map(identifier) {
            Some("array") => {
                check_fields(fields, &[COMMON, &["items"]], &mut self.problems);
                let Some(items) = fields.require("items", &mut self.problems) else { return Type::Any };
                let items = Box::new(self.ty(items, scope, place));
                Type::Array(ArrayType { items, input_binding: self.input_binding(fields) })
            }
            Some("enum") => {
                check_fields(fields, &[COMMON, &["symbols"]], &mut self.problems);
                fields.require("symbols", &mut self.problems);
                let symbols: Vec<_> = fields.strings("symbols", &mut self.problems).into_iter().map(symbol).collect();
                let mut known = HashSet::new();
                for symbol in &symbols {
                    if !known.insert(symbol) {
                        self.problems.error(fields.span(), format!("the symbol `{symbol}` stands twice in `symbols`"));
                    }
                }
                Type::Enum(EnumType { symbols, input_binding: self.input_binding(fields) })
            }
            Some("record") => {
                check_fields(fields, &[COMMON, &["fields"]], &mut self.problems);
                let members = entries(fields, "fields", "name", &mut self.problems);
                let members = members.into_iter().filter_map(|entry| self.record_field(&entry, scope, place)).collect();
                Type::Record(RecordType { fields: members, input_binding: self.input_binding(fields) })
            }
            // `{type: string}` says no more than `string`.
            _ => self.ty(kind, scope, place),
        }
    }

    fn record_field(&mut self, entry: &Entry<'_>, scope: &Scope, place: Place) -> Option<RecordField> {
        let name = entry.name.clone();
        let mut field = RecordField {
            name,
            ty: Type::Any,
            input_binding: None,
            output_binding: None,
            secondary_files: Vec::new(),
            format: Vec::new(),
            load_contents: false,
            load_listing: None,
        };
        if entry.node.as_mapping().is_none() {
            field.ty = self.ty(entry.node, scope, place);
            return Some(field);
        }
        let what = format!("the field `{}`", entry.name);
        let fields = Fields::of(entry.node, &what, &mut self.problems)?;
        let known = ["name", "type", "label", "doc", "inputBinding", "outputBinding", "secondaryFiles", "format"];
        check_fields(fields, &[&known, &["loadContents", "loadListing", "streamable"]], &mut self.problems);
        let ty = fields.require("type", &mut self.problems)?;
        field.ty = self.ty(ty, scope, place);
        let traits = self.file_traits(fields);
        field.input_binding = self.input_binding(fields);
        field.output_binding = self.output_binding(fields);
        field.secondary_files = traits.secondary_files;
        field.format = traits.format;
        field.load_contents = traits.load_contents;
        field.load_listing = traits.load_listing;
        Some(field)
    }
}

/// A symbol without what it is relative to (CWL v1.2, EnumSchema: symbols are identifiers).
fn symbol(text: &str) -> String {
    let short = super::fields::short_name(text);
    if short.is_empty() { text.to_owned() } else { short.to_owned() }
}

/// One of several types; without repetitions.
pub(crate) fn union(types: Vec<Type>) -> Type {
    let mut out: Vec<Type> = Vec::with_capacity(types.len());
    for ty in types {
        match ty {
            Type::Union(inner) => inner.into_iter().for_each(|ty| add(&mut out, ty)),
            ty => add(&mut out, ty),
        }
    }
    match out.as_slice() {
        [_] => out.remove(0),
        _ => Type::Union(out),
    }
}

fn add(out: &mut Vec<Type>, ty: Type) {
    if !out.contains(&ty) {
        out.push(ty);
    }
}
