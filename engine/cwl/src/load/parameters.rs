//! Parameters and their bindings (CWL v1.2, CommandInputParameter, CommandOutputParameter).

use std::sync::Arc;

use sluis_model::{ListingDepth, Value};
use sluis_yaml::{Content, Diagnostic, Diagnostics, Fields, Node, Severity, Span};

use super::{
    Loader,
    fields::{Entry, about, check_fields, condition, entries, expression, expressions, load_listing, placed, text},
    requirements::Scope,
    types::Place,
    value::value,
};
use crate::{
    About, CommandLineBinding, Expression, InputParameter, OutputBinding, OutputParameter, Position, SecondaryFile,
    Type, expression::is_expression, inputs,
};

/// What says more about the files of a parameter.
#[derive(Default)]
pub(super) struct FileTraits {
    pub secondary_files: Vec<SecondaryFile>,
    pub format: Vec<Expression>,
    pub load_contents: bool,
    pub load_listing: Option<ListingDepth>,
    pub streamable: bool,
}

/// Where the type of a parameter, or else its name, stands.
pub(super) type Places = Vec<Span>;

const COMMON: &[&str] = &["id", "type", "label", "doc", "secondaryFiles", "format", "streamable"];

impl Loader<'_> {
    /// The inputs of a process and where each stands.
    pub(super) fn inputs(
        &mut self,
        process: Fields<'_>,
        scope: &Scope,
        of_tool: bool,
    ) -> (Vec<InputParameter>, Places) {
        process.require("inputs", &mut self.problems);
        let listed = entries(process, "inputs", "id", &mut self.problems);
        listed.iter().map(|entry| (self.input(entry, scope, of_tool), place(entry))).unzip()
    }

    fn input(&mut self, entry: &Entry<'_>, scope: &Scope, of_tool: bool) -> InputParameter {
        let mut input = InputParameter {
            name: entry.name.clone(),
            about: About::default(),
            ty: Type::Any,
            default: None,
            unreadable_default: None,
            input_binding: None,
            secondary_files: Vec::new(),
            format: Vec::new(),
            ontologies: Arc::clone(&self.namespaces.ontologies),
            load_contents: false,
            load_listing: None,
            streamable: false,
        };
        let what = format!("the input `{}`", entry.name);
        let Some((fields, ty)) = self.typed(entry, &what) else {
            input.ty = self.parameter_type(entry.node, scope, Place::Input, of_tool);
            return input;
        };
        check_fields(
            fields,
            &[COMMON, &["default", "inputBinding", "loadContents", "loadListing"]],
            &mut self.problems,
        );
        input.ty = ty.map_or(Type::Any, |ty| self.parameter_type(ty, scope, Place::Input, of_tool));
        input.about = about(fields, &mut self.problems);
        let traits = self.file_traits(fields);
        input.input_binding = self.input_binding(fields);
        if let (Type::Stdin, Some(binding)) = (&input.ty, fields.get("inputBinding")) {
            let message = format!("the input `{}` is the standard input and cannot have an `inputBinding`", input.name);
            let problem = Diagnostic::error(&binding.span, message);
            self.problems.push(problem.help("make its type File to name it on the command line too"));
        }
        input.secondary_files = traits.secondary_files;
        input.format = traits.format;
        input.load_contents = traits.load_contents;
        input.load_listing = traits.load_listing;
        input.streamable = traits.streamable;
        if let Some(node) = fields.get("default") {
            match self.default(node) {
                Ok(default) => input.default = Some(default),
                Err(why) => input.unreadable_default = Some(why),
            }
            inputs::settle_default(&mut input);
            if let Some(default) = &input.default
                && let Err(why) = inputs::check(&input.ty, default, "the default")
            {
                let problem = Diagnostic::warning(&node.span, format!("{why}, so it cannot be used"));
                self.problems.push(match ty {
                    Some(ty) => problem.label(&ty.span, format!("`{}` is {}", input.name, input.ty.describe())),
                    None => problem,
                });
            }
        }
        input
    }

    /// A default, or why it cannot be read. That is only warned of: it does no harm where a value is given.
    pub(super) fn default(&mut self, node: &Node) -> Result<Value, String> {
        let mut found = Diagnostics::default();
        let default = value(node, &self.namespaces, &mut found);
        for problem in found.iter() {
            self.problems.push(Diagnostic { severity: Severity::Warning, ..problem.clone() });
        }
        let why = || found.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; ");
        default.ok_or_else(why)
    }

    /// The outputs of a tool.
    pub(super) fn outputs(&mut self, process: Fields<'_>, scope: &Scope, of_tool: bool) -> Vec<OutputParameter> {
        process.require("outputs", &mut self.problems);
        let listed = entries(process, "outputs", "id", &mut self.problems);
        listed.iter().map(|entry| self.output(entry, scope, of_tool)).collect()
    }

    fn output(&mut self, entry: &Entry<'_>, scope: &Scope, of_tool: bool) -> OutputParameter {
        let mut output = OutputParameter {
            name: entry.name.clone(),
            about: About::default(),
            ty: Type::Any,
            output_binding: None,
            secondary_files: Vec::new(),
            format: None,
            streamable: false,
        };
        let what = format!("the output `{}`", entry.name);
        let Some((fields, ty)) = self.typed(entry, &what) else {
            output.ty = self.parameter_type(entry.node, scope, Place::Output, of_tool);
            return output;
        };
        check_fields(fields, &[COMMON, if of_tool { &["outputBinding"] } else { &[] }], &mut self.problems);
        output.ty = ty.map_or(Type::Any, |ty| self.parameter_type(ty, scope, Place::Output, of_tool));
        output.about = about(fields, &mut self.problems);
        let traits = self.file_traits(fields);
        output.output_binding = self.output_binding(fields);
        if let (Type::Stdout | Type::Stderr, Some(binding)) = (&output.ty, fields.get("outputBinding")) {
            let message =
                format!("the output `{}` is the whole stream and cannot have an `outputBinding`", output.name);
            let problem = Diagnostic::error(&binding.span, message);
            self.problems.push(problem.help("make its type File and name the stream's file with `stdout`"));
        }
        output.secondary_files = traits.secondary_files;
        output.format = traits.format.into_iter().next();
        output.streamable = traits.streamable;
        output
    }

    /// The fields of a parameter and its type; `None` if the entry is a type alone.
    pub(super) fn typed<'a>(&mut self, entry: &Entry<'a>, what: &'a str) -> Option<(Fields<'a>, Option<&'a Node>)> {
        entry.node.as_mapping()?;
        let fields = Fields::of(entry.node, what, &mut self.problems)?;
        let ty = fields.all().get("type").map(|field| &field.node);
        if ty.is_none() {
            fields.require("type", &mut self.problems);
        }
        Some((fields, ty))
    }

    /// A type, or the name of a stream where a tool's parameter may have it.
    fn parameter_type(&mut self, node: &Node, scope: &Scope, place: Place, of_tool: bool) -> Type {
        match (node.as_str(), place) {
            (Some("stdin"), Place::Input) if of_tool => Type::Stdin,
            (Some("stdout"), Place::Output) if of_tool => Type::Stdout,
            (Some("stderr"), Place::Output) if of_tool => Type::Stderr,
            _ => self.ty(node, scope, place),
        }
    }

    pub(super) fn file_traits(&mut self, fields: Fields<'_>) -> FileTraits {
        let mut format = expressions(fields, "format", &mut self.problems);
        for name in &mut format {
            name.text = self.namespaces.expand(&name.text);
        }
        FileTraits {
            secondary_files: self.secondary_files(fields),
            format,
            load_contents: fields.boolean("loadContents", &mut self.problems).unwrap_or(false)
                // Where it stood before version 1.1.
                || fields.get("inputBinding").and_then(|binding| binding.get("loadContents")).is_some_and(is_true),
            load_listing: load_listing(fields, &mut self.problems),
            streamable: fields.boolean("streamable", &mut self.problems).unwrap_or(false),
        }
    }

    fn secondary_files(&mut self, fields: Fields<'_>) -> Vec<SecondaryFile> {
        let Some(node) = fields.get("secondaryFiles") else { return Vec::new() };
        let items = match &node.value {
            Content::Sequence(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        items.iter().filter_map(|item| self.secondary_file(item)).collect()
    }

    fn secondary_file(&mut self, node: &Node) -> Option<SecondaryFile> {
        if let Some(pattern) = node.as_str() {
            let optional = pattern.strip_suffix('?').filter(|_| !is_expression(pattern));
            return Some(SecondaryFile {
                pattern: placed(optional.unwrap_or(pattern).to_owned(), node),
                required: optional.map(|_| crate::Condition::Fixed(false)),
            });
        }
        if node.as_mapping().is_none() {
            let message = format!("a secondary file must be a pattern or a mapping with one, but is {}", node.kind());
            self.problems.error(&node.span, message);
            return None;
        }
        let inner = Fields::of(node, "the secondary file", &mut self.problems)?;
        check_fields(inner, &[&["pattern", "required"]], &mut self.problems);
        inner.require("pattern", &mut self.problems)?;
        let pattern = expression(inner, "pattern", &mut self.problems)?;
        let required = inner.get("required").and_then(|node| condition(node, "required", &mut self.problems));
        Some(SecondaryFile { pattern, required })
    }

    pub(super) fn input_binding(&mut self, fields: Fields<'_>) -> Option<CommandLineBinding> {
        fields.get("inputBinding").and_then(|node| self.binding(node))
    }

    /// A CommandLineBinding.
    pub(super) fn binding(&mut self, node: &Node) -> Option<CommandLineBinding> {
        let fields = Fields::of(node, "the binding", &mut self.problems)?;
        let known = ["position", "prefix", "separate", "itemSeparator", "valueFrom", "shellQuote", "loadContents"];
        check_fields(fields, &[&known], &mut self.problems);
        let position = fields.get("position").and_then(|node| match &node.value {
            Content::Integer(number) => Some(Position::Number(*number)),
            Content::String(text) if is_expression(text) => Some(Position::Expression(placed(text.clone(), node))),
            _ => {
                let message = format!("`position` must be a whole number or an expression, but is {}", node.kind());
                self.problems.error(&node.span, message);
                None
            }
        });
        Some(CommandLineBinding {
            position,
            prefix: text(fields, "prefix", &mut self.problems),
            separate: fields.boolean("separate", &mut self.problems).unwrap_or(true),
            item_separator: text(fields, "itemSeparator", &mut self.problems),
            value_from: expression(fields, "valueFrom", &mut self.problems),
            shell_quote: fields.boolean("shellQuote", &mut self.problems).unwrap_or(true),
        })
    }

    pub(super) fn output_binding(&mut self, fields: Fields<'_>) -> Option<OutputBinding> {
        let fields = Fields::of(fields.get("outputBinding")?, "the output binding", &mut self.problems)?;
        check_fields(fields, &[&["glob", "loadContents", "loadListing", "outputEval"]], &mut self.problems);
        let output_eval = expression(fields, "outputEval", &mut self.problems);
        if let Some(Expression { text, at: Some(at) }) = &output_eval
            && !is_expression(text)
        {
            let problem = Diagnostic::warning(at, "`outputEval` computes nothing, but is a plain text");
            self.problems.push(problem.help(format!("write an expression, such as `$({})`", text.trim())));
        }
        Some(OutputBinding {
            glob: expressions(fields, "glob", &mut self.problems),
            load_contents: fields.boolean("loadContents", &mut self.problems).unwrap_or(false),
            load_listing: load_listing(fields, &mut self.problems),
            output_eval,
        })
    }
}

fn is_true(node: &Node) -> bool {
    node.value == Content::Boolean(true)
}

/// Where a parameter's type stands.
pub(super) fn place(entry: &Entry<'_>) -> Span {
    let ty = if entry.node.as_mapping().is_some() { entry.node.get("type") } else { Some(entry.node) };
    ty.filter(|ty| !ty.is_null()).map_or(entry.span, |ty| &ty.span).clone()
}
