//! Requirements and hints: which hold where (CWL v1.2, Requirements and hints).

use std::sync::Arc;

use indexmap::IndexMap;
use sluis_model::ListingDepth;
use sluis_yaml::{Content, Diagnostic, Diagnostics, Fields, Node, nearest};

use super::{
    Namespaces, Schemas,
    fields::{Entry, check_fields, condition, entries, expression, load_listing, text},
    value::value,
};
use crate::{
    Amount, Condition, DockerRequirement, EnvironmentDefinition, Expression, Requirements, ResourceRequirement,
    WorkDirEntry, expression::is_expression, inputs::REQUIREMENTS,
};

/// The classes that are known, and the fields of each.
const CLASSES: &[(&str, &[&str])] = &[
    ("InlineJavascriptRequirement", &["expressionLib"]),
    ("SchemaDefRequirement", &["types"]),
    ("LoadListingRequirement", &["loadListing"]),
    (
        "DockerRequirement",
        &["dockerPull", "dockerLoad", "dockerFile", "dockerImport", "dockerImageId", "dockerOutputDirectory"],
    ),
    ("SoftwareRequirement", &["packages"]),
    ("InitialWorkDirRequirement", &["listing"]),
    ("EnvVarRequirement", &["envDef"]),
    ("ShellCommandRequirement", &[]),
    (
        "ResourceRequirement",
        &["coresMin", "coresMax", "ramMin", "ramMax", "tmpdirMin", "tmpdirMax", "outdirMin", "outdirMax"],
    ),
    ("WorkReuse", &["enableReuse"]),
    ("NetworkAccess", &["networkAccess"]),
    ("InplaceUpdateRequirement", &["inplaceUpdate"]),
    ("ToolTimeLimit", &["timelimit"]),
    ("SubworkflowFeatureRequirement", &[]),
    ("ScatterFeatureRequirement", &[]),
    ("MultipleInputFeatureRequirement", &[]),
    ("StepInputExpressionRequirement", &[]),
];

/// The requirements and hints in force at some place of a document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    requirements: IndexMap<String, Arc<Node>>,
    hints: IndexMap<String, Arc<Node>>,
    pub schemas: Arc<Schemas>,
}

impl Scope {
    /// This scope with what a process or step adds to it.
    pub fn within(&self, fields: Fields<'_>, problems: &mut Diagnostics) -> Self {
        let mut scope = self.clone();
        for (class, node) in by_class(fields, "hints", problems) {
            if known_fields(&class).is_some() {
                scope.hints.insert(class, Arc::new(node));
            } else {
                let message = format!("the hint `{class}` is not known and not followed");
                problems.push(Diagnostic::warning(&node.span, message));
            }
        }
        for (class, node) in by_class(fields, "requirements", problems) {
            if known_fields(&class).is_some() && class != "SoftwareRequirement" {
                scope.requirements.insert(class, Arc::new(node));
                continue;
            }
            let problem = Diagnostic::unsupported(&node.span, format!("the requirement `{class}` is not supported"));
            let near = nearest(&class, CLASSES.iter().map(|(known, _)| *known));
            problems.push(match near {
                Some(near) if near != class => problem.help(format!("did you mean `{near}`?")),
                _ => problem.help("what runs without it can name it under `hints`"),
            });
        }
        if let Some(node) = scope.get("SchemaDefRequirement").map(|(node, _)| Arc::clone(node)) {
            scope.schemas = Arc::new(Schemas::of(&node));
        }
        scope
    }

    /// This scope with the requirements of a job file, which go before those of the document.
    pub fn overridden(&self, job: &Node, problems: &mut Diagnostics) -> Self {
        let mut scope = self.clone();
        if let Some(fields) = Fields::of(job, "the input object", problems) {
            let known = by_class(fields, REQUIREMENTS, problems).into_iter();
            let known = known.filter(|(class, node)| {
                let is_known = known_fields(class).is_some();
                if !is_known {
                    let message = format!("the requirement `{class}` is not supported");
                    problems.push(Diagnostic::unsupported(&node.span, message));
                }
                is_known
            });
            scope.requirements.extend(known.map(|(class, node)| (class, Arc::new(node))));
        }
        scope
    }

    /// Whether a class is required or hinted.
    pub fn has(&self, class: &str) -> bool {
        self.get(class).is_some()
    }

    /// What is in force of a class, and whether it is required.
    fn get(&self, class: &str) -> Option<(&Arc<Node>, bool)> {
        let required = self.requirements.get(class).map(|node| (node, true));
        required.or_else(|| self.hints.get(class).map(|node| (node, false)))
    }

    /// Everything in force.
    pub fn effective(&self, namespaces: &Namespaces, problems: &mut Diagnostics) -> Requirements {
        let mut out = Requirements::default();
        for (class, known) in CLASSES {
            let Some((node, required)) = self.get(class) else { continue };
            let Some(fields) = Fields::of(node, class, problems) else { continue };
            check_fields(fields, &[known, &["class"]], problems);
            add(&mut out, class, required, fields, namespaces, problems);
        }
        out
    }
}

fn add(
    out: &mut Requirements,
    class: &str,
    required: bool,
    fields: Fields<'_>,
    namespaces: &Namespaces,
    problems: &mut Diagnostics,
) {
    match class {
        "InlineJavascriptRequirement" => {
            let library = fields.strings("expressionLib", problems);
            out.javascript = Some(library.into_iter().map(str::to_owned).collect());
        }
        "DockerRequirement" => out.docker = docker(fields, required, problems),
        "InitialWorkDirRequirement" => out.initial_work_dir = work_dir(fields, namespaces, problems),
        "EnvVarRequirement" => out.environment = environment(fields, problems),
        "ShellCommandRequirement" => out.shell_command = true,
        "ResourceRequirement" => out.resources = resources(fields, problems),
        "ToolTimeLimit" => {
            fields.require("timelimit", problems);
            out.time_limit = amount(fields, "timelimit", problems);
        }
        "NetworkAccess" => out.network_access = required_condition(fields, "networkAccess", problems),
        "WorkReuse" => out.work_reuse = required_condition(fields, "enableReuse", problems),
        "LoadListingRequirement" => out.load_listing = load_listing(fields, problems).or(Some(ListingDepth::None)),
        "InplaceUpdateRequirement" => out.inplace_update = fields.boolean("inplaceUpdate", problems).unwrap_or(false),
        _ => {}
    }
}

fn known_fields(class: &str) -> Option<&'static [&'static str]> {
    CLASSES.iter().find(|(known, _)| *known == class).map(|(_, fields)| *fields)
}

/// The entries of a list or mapping of requirements, by class.
fn by_class(fields: Fields<'_>, name: &str, problems: &mut Diagnostics) -> Vec<(String, Node)> {
    let mut found = Vec::new();
    for Entry { name: class, span, node } in entries(fields, name, "class", problems) {
        // A class without fields may stand alone.
        let value = if node.is_null() { Content::Mapping(Default::default()) } else { node.value.clone() };
        found.push((class, Node { value, span: span.clone() }));
    }
    found
}

fn docker(fields: Fields<'_>, required: bool, problems: &mut Diagnostics) -> Option<DockerRequirement> {
    let pull = text(fields, "dockerPull", problems);
    let image_id = text(fields, "dockerImageId", problems);
    if pull.is_none() && image_id.is_none() {
        let message = "DockerRequirement names no image with `dockerPull` or `dockerImageId`";
        problems.push(if required {
            Diagnostic::unsupported(fields.span(), message)
                .help("build or load the image beforehand and name it with `dockerImageId`")
        } else {
            Diagnostic::warning(fields.span(), message)
        });
        return None;
    }
    let output_directory = text(fields, "dockerOutputDirectory", problems);
    Some(DockerRequirement { pull, image_id, output_directory, required })
}

fn environment(fields: Fields<'_>, problems: &mut Diagnostics) -> Vec<EnvironmentDefinition> {
    fields.require("envDef", problems);
    let mut found = Vec::new();
    for Entry { name, span, node } in entries(fields, "envDef", "envName", problems) {
        let value = match &node.value {
            Content::Mapping(_) => node.get("envValue").and_then(Node::as_str),
            _ => node.as_str(),
        };
        match value {
            Some(value) => found.push(EnvironmentDefinition { name, value: Expression(value.to_owned()) }),
            None => problems.error(span, format!("the variable `{name}` needs a text as its value")),
        }
    }
    found
}

fn resources(fields: Fields<'_>, problems: &mut Diagnostics) -> ResourceRequirement {
    let mut of = |name| amount(fields, name, problems);
    ResourceRequirement {
        cores_min: of("coresMin"),
        cores_max: of("coresMax"),
        ram_min: of("ramMin"),
        ram_max: of("ramMax"),
        tmpdir_min: of("tmpdirMin"),
        tmpdir_max: of("tmpdirMax"),
        outdir_min: of("outdirMin"),
        outdir_max: of("outdirMax"),
    }
}

fn amount(fields: Fields<'_>, name: &str, problems: &mut Diagnostics) -> Option<Amount> {
    let node = fields.get(name)?;
    match &node.value {
        Content::Integer(number) => Some(Amount::Number(*number as f64)),
        Content::Float(number) => Some(Amount::Number(*number)),
        Content::String(text) if is_expression(text) => Some(Amount::Expression(Expression(text.clone()))),
        _ => {
            problems.error(&node.span, format!("`{name}` must be a number or an expression, but is {}", node.kind()));
            None
        }
    }
}

fn required_condition(fields: Fields<'_>, name: &str, problems: &mut Diagnostics) -> Option<Condition> {
    fields.require(name, problems).and_then(|node| condition(node, name, problems))
}

fn work_dir(fields: Fields<'_>, namespaces: &Namespaces, problems: &mut Diagnostics) -> Vec<WorkDirEntry> {
    let Some(node) = fields.require("listing", problems) else { return Vec::new() };
    let items = match &node.value {
        Content::Sequence(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    items.iter().filter(|item| !item.is_null()).filter_map(|item| work_dir_entry(item, namespaces, problems)).collect()
}

fn work_dir_entry(node: &Node, namespaces: &Namespaces, problems: &mut Diagnostics) -> Option<WorkDirEntry> {
    if let Some(text) = node.as_str() {
        return Some(WorkDirEntry::Expression(Expression(text.to_owned())));
    }
    if node.as_sequence().is_some() || node.get("class").is_some() {
        return value(node, namespaces, problems).map(WorkDirEntry::Value);
    }
    let fields = Fields::of(node, "the Dirent", problems)?;
    check_fields(fields, &[&["entry", "entryname", "writable"]], problems);
    fields.require("entry", problems)?;
    Some(WorkDirEntry::Dirent {
        entry: expression(fields, "entry", problems)?,
        entry_name: expression(fields, "entryname", problems),
        writable: fields.boolean("writable", problems).unwrap_or(false),
    })
}
