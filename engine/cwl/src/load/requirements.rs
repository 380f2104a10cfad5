//! Requirements and hints: which hold where (CWL v1.2, Requirements and hints).

use std::sync::Arc;

use indexmap::IndexMap;
use sluis_model::ListingDepth;
use sluis_yaml::{Content, Diagnostic, Diagnostics, Fields, Node, Severity, Span, nearest};

use super::{
    Namespaces, Schemas,
    cuda::cuda,
    fields::{Entry, all_entries, check_fields, condition, entries, expression, load_listing, placed, text},
    value::value,
    version::Version,
};
use crate::{
    Amount, Condition, DockerRequirement, EnvironmentDefinition, Requirements, ResourceRequirement, WorkDirEntry,
    expression::is_expression, inputs::REQUIREMENTS,
};

/// The one extension that is in no version of the standard.
const CUDA: &str = "cwltool:CUDARequirement";

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
    (CUDA, &["cudaVersionMin", "cudaComputeCapability", "cudaDeviceCountMin", "cudaDeviceCountMax"]),
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
    /// The version of the standard that the document says it follows.
    pub version: Option<Version>,
}

impl Scope {
    /// This scope with what a process or step adds to it.
    pub fn within(&self, fields: Fields<'_>, namespaces: &Namespaces, problems: &mut Diagnostics) -> Self {
        let mut scope = self.clone();
        for (class, node) in by_class(fields, "hints", namespaces, problems) {
            if known_fields(&class).is_some() {
                scope.hints.insert(class, Arc::new(node));
            } else {
                let message = format!("the hint `{class}` is not known and not followed");
                problems.push(Diagnostic::warning(&node.span, message));
            }
        }
        for (class, node) in by_class(fields, "requirements", namespaces, problems) {
            if known_fields(&class).is_some() && class != "SoftwareRequirement" {
                scope.requirements.insert(class, Arc::new(node));
                continue;
            }
            problems.push(unknown_requirement(&class, &node.span));
        }
        if let Some(node) = scope.get("SchemaDefRequirement").map(|(node, _)| Arc::clone(node)) {
            if let Some(types) = node.get("types").filter(|types| types.as_sequence().is_none()) {
                problems.error(&types.span, format!("`types` must be a list of types, but is {}", types.kind()));
            }
            scope.schemas = Arc::new(Schemas::of(&node));
        }
        scope
    }

    /// This scope with the requirements of a job file, which go before those of the document.
    pub fn overridden(&self, job: &Node, namespaces: &Namespaces, problems: &mut Diagnostics) -> Self {
        let mut scope = self.clone();
        if let Some(fields) = Fields::of(job, "the input object", problems) {
            let known = by_class(fields, REQUIREMENTS, namespaces, problems).into_iter();
            let known = known.filter(|(class, node)| {
                let is_known = known_fields(class).is_some();
                if !is_known {
                    problems.push(unknown_requirement(class, &node.span));
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
            let mut found = Diagnostics::default();
            if let Some(fields) = Fields::of(node, class, &mut found) {
                check_fields(fields, &[known, &["class"]], &mut found);
                add(&mut out, class, required, fields, (namespaces, self.version), &mut found);
            }
            // What is wrong with a hint keeps nobody from running the document.
            let severity = |problem: &Diagnostic| if required { problem.severity } else { Severity::Warning };
            for problem in found.iter() {
                problems.push(Diagnostic { severity: severity(problem), ..problem.clone() });
            }
        }
        if self.version == Some(Version::V1_0) {
            // Version 1.0 has no word for it: expressions see the whole of a Directory.
            out.load_listing = out.load_listing.or(Some(ListingDepth::Deep));
        }
        out
    }
}

/// What is said of a requirement that cannot be followed. One with a prefix is an extension, which others may support;
/// one without is in no version of the standard.
fn unknown_requirement(class: &str, at: &Span) -> Diagnostic {
    let is_real = class.contains(':') || known_fields(class).is_some();
    let problem = if is_real {
        Diagnostic::unsupported(at, format!("the requirement `{class}` is not supported"))
    } else {
        Diagnostic::error(at, format!("there is no requirement `{class}`"))
    };
    // Its prefix is too long to be taken for a slip.
    let bare = (standard_name(&format!("cwltool:{class}"), &Namespaces::default()) == CUDA).then_some(CUDA);
    // Nor is another extension one of its name.
    let near = |known: &&str| *known != CUDA || class.to_uppercase().contains("CUDA");
    let near = bare.or_else(|| nearest(class, CLASSES.iter().map(|(known, _)| *known).filter(near)));
    match near {
        Some(near) if near != class => problem.help(format!("did you mean `{near}`?")),
        _ => problem.help("what runs without it can name it under `hints`"),
    }
}

fn add(
    out: &mut Requirements,
    class: &str,
    required: bool,
    fields: Fields<'_>,
    (namespaces, version): (&Namespaces, Option<Version>),
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
        "ResourceRequirement" => out.resources = resources(fields, version, problems),
        CUDA => out.cuda = cuda(fields, required, version, problems),
        "ToolTimeLimit" => {
            fields.require("timelimit", problems);
            out.time_limit = amount(fields, "timelimit", version, problems);
        }
        "NetworkAccess" => out.network_access = required_condition(fields, "networkAccess", problems),
        "WorkReuse" => {
            out.work_reuse = fields.get("enableReuse").and_then(|node| condition(node, "enableReuse", problems));
        }
        "LoadListingRequirement" => out.load_listing = load_listing(fields, problems).or(Some(ListingDepth::None)),
        "InplaceUpdateRequirement" => out.inplace_update = fields.boolean("inplaceUpdate", problems).unwrap_or(false),
        _ => {}
    }
}

fn known_fields(class: &str) -> Option<&'static [&'static str]> {
    CLASSES.iter().find(|(known, _)| *known == class).map(|(_, fields)| *fields)
}

/// The entries of a list or mapping of requirements, by class.
fn by_class(
    fields: Fields<'_>,
    name: &str,
    namespaces: &Namespaces,
    problems: &mut Diagnostics,
) -> Vec<(String, Node)> {
    let mut found = Vec::new();
    for Entry { name: class, span, node } in all_entries(fields, name, "class", problems) {
        if found.iter().any(|(known, _)| *known == class) {
            let message = format!("`{class}` stands twice in `{name}`; the last one holds");
            problems.push(Diagnostic::warning(span, message));
        }
        // A class without fields may stand alone.
        let value = if node.is_null() { Content::Mapping(Default::default()) } else { node.value.clone() };
        found.push((standard_name(&class, namespaces), Node { value, span: span.clone() }));
    }
    found
}

/// The class's name in the standard, if it is one of the extensions that the standard took over later; the usual name of
/// the one that it did not.
fn standard_name(class: &str, namespaces: &Namespaces) -> String {
    let whole = namespaces.expand(class);
    let extension = whole.strip_prefix("http://commonwl.org/cwltool#").or(whole.strip_prefix("cwltool:"));
    match extension.or(whole.strip_prefix("https://w3id.org/cwl/cwl#")) {
        Some("CUDARequirement") => CUDA.to_owned(),
        Some("TimeLimit") => "ToolTimeLimit".to_owned(),
        Some(name) if known_fields(name).is_some() => name.to_owned(),
        _ => class.to_owned(),
    }
}

fn docker(fields: Fields<'_>, required: bool, problems: &mut Diagnostics) -> Option<DockerRequirement> {
    let pull = text(fields, "dockerPull", problems);
    let image_id = text(fields, "dockerImageId", problems);
    if pull.is_none() && image_id.is_none() {
        let message = "DockerRequirement names no image with `dockerPull` or `dockerImageId`, and sluis builds none";
        // A hint that says how to get an image still says that the tool is not meant for this machine itself.
        let says_how = ["dockerFile", "dockerLoad", "dockerImport"].iter().any(|name| fields.get(name).is_some());
        let problem = Diagnostic { unsupported: required || says_how, ..Diagnostic::warning(fields.span(), message) };
        problems.push(problem.help("build or load the image beforehand and name it with `dockerImageId`"));
        if !required && !says_how {
            return None;
        }
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
            Some(value) => found.push(EnvironmentDefinition { name, value: placed(value.to_owned(), node) }),
            None => problems.error(span, format!("the variable `{name}` needs a text as its value")),
        }
    }
    found
}

fn resources(fields: Fields<'_>, version: Option<Version>, problems: &mut Diagnostics) -> ResourceRequirement {
    let mut of = |name| amount(fields, name, version, problems);
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

pub(super) fn amount(
    fields: Fields<'_>,
    name: &str,
    version: Option<Version>,
    problems: &mut Diagnostics,
) -> Option<Amount> {
    let node = fields.get(name)?;
    match &node.value {
        Content::Integer(number) => Some(Amount::Number(*number as f64)),
        Content::Float(number) => Some(Amount::Number(*number)),
        Content::String(text) if is_expression(text) => Some(Amount::Expression(placed(text.clone(), node))),
        Content::String(text) if text.trim().parse::<f64>().is_ok_and(f64::is_finite) => {
            problems.push(Diagnostic::warning(&node.span, format!("`{name}` is a text, read as a number")));
            text.trim().parse().ok().map(Amount::Number)
        }
        // Version 1.0 takes any text. A tool that needs this amount fails with it; others are not kept from running.
        Content::String(text) if version == Some(Version::V1_0) => {
            let problem = Diagnostic::warning(&node.span, format!("`{name}` is a text that is no number"));
            problems.push(problem.help("write it as a number: cores, or mebibytes"));
            Some(Amount::Expression(placed(text.clone(), node)))
        }
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
        return Some(WorkDirEntry::Expression(placed(text.to_owned(), node)));
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
