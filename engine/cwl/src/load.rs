//! CWL documents from files: references resolved, types read, requirements pushed down, everything checked.

mod documents;
mod fields;
mod parameters;
mod requirements;
mod tool;
mod types;
mod value;
mod workflow;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sluis_yaml::{Diagnostic, Diagnostics, Fields, Node, Span, nearest};

use crate::{Inputs, Ontologies, Process};
use documents::{Document, Documents, Target};
use requirements::Scope;

pub(crate) use types::{Schemas, union};
pub(crate) use value::value;

/// The most processes that one document may come to, each counted as often as a step runs it.
const MOST_PROCESSES: usize = 10_000;
/// How deep workflows may stand in one another.
const DEEPEST: usize = 64;
/// How often named types may be used in one another.
const MOST_TYPES: usize = 100_000;

/// A document that can be run.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The process.
    pub process: Process,
    /// What may not mean what its writer thinks.
    pub warnings: Diagnostics,
}

/// Loads a document: a path, or a path with `#` and the identifier of a process in its `$graph`.
///
/// # Errors
/// Everything that is wrong with it and with the files that it refers to, all at once. Errors that are all about
/// features that are not supported are told apart by [`Diagnostics::is_unsupported`].
pub fn load(document: &str) -> Result<Loaded, Diagnostics> {
    load_for(document, &mut Inputs::default())
}

/// Loads a document for a job file: the requirements that the file brings along hold before those of the document, and
/// the document's prefixes are written out in the formats of its files.
///
/// # Errors
/// As [`load`].
pub fn load_for(document: &str, inputs: &mut Inputs) -> Result<Loaded, Diagnostics> {
    // A `#` may also be part of a file's name.
    let (path, fragment) = match document.rsplit_once('#') {
        Some((path, fragment)) if !Path::new(document).exists() => (path, Some(fragment.to_owned())),
        _ => (document, None),
    };
    let mut loader = Loader {
        documents: Documents::default(),
        problems: Diagnostics::default(),
        namespaces: Namespaces::default(),
        job: inputs.requirements.clone(),
        open_processes: Vec::new(),
        processes_left: MOST_PROCESSES,
        open_types: Vec::new(),
        types_left: MOST_TYPES,
    };
    let target = Target { path: documents::normalized(Path::new(path)), fragment };
    match loader.process_at(&target, None, &Scope::default()) {
        Some(process) if !loader.problems.has_errors() => {
            if let Some(document) = loader.documents.open(&target.path, None, &mut loader.problems) {
                inputs.expand_formats(&Namespaces::of(&document.root, &document.path));
            }
            Ok(Loaded { process, warnings: loader.problems })
        }
        _ => Err(loader.problems),
    }
}

/// What reads documents, and everything found wrong so far.
struct Loader {
    documents: Documents,
    problems: Diagnostics,
    namespaces: Namespaces,
    /// The job file, if it has requirements: for the outermost process.
    job: Option<Arc<Node>>,
    open_processes: Vec<(PathBuf, Option<String>)>,
    processes_left: usize,
    /// The named types that are being read, by where they stand.
    open_types: Vec<Span>,
    types_left: usize,
}

/// Prefixes of names (`$namespaces`).
#[derive(Clone, Debug, Default)]
pub(crate) struct Namespaces {
    prefixes: Vec<(String, String)>,
    /// The ontologies that the document names (`$schemas`).
    ontologies: Arc<Ontologies>,
}

impl Namespaces {
    /// The prefixes that a document defines.
    pub fn of(root: &Node, path: &Path) -> Self {
        let fields = root.get("$namespaces").and_then(Node::as_mapping);
        let pairs = fields.into_iter().flatten();
        let prefixes = pairs.filter_map(|(prefix, field)| Some((prefix.clone(), field.node.as_str()?.to_owned())));
        let schemas = root.get("$schemas").and_then(Node::as_sequence).into_iter().flatten().filter_map(Node::as_str);
        // Only local ones are read; the one that most documents name by its address is EDAM.
        let local = schemas.filter_map(|name| match name.split_once("://") {
            None => Some(path.with_file_name("").join(name)),
            Some(("file", path)) => Some(path.into()),
            Some(_) => None,
        });
        Self { prefixes: prefixes.collect(), ontologies: Arc::new(Ontologies::of_files(local.collect())) }
    }

    /// The name with its prefix written out.
    pub fn expand(&self, name: &str) -> String {
        let Some((prefix, rest)) = name.split_once(':') else { return name.to_owned() };
        let found = self.prefixes.iter().find(|(known, _)| known == prefix);
        found.map_or_else(|| name.to_owned(), |(_, whole)| format!("{whole}{rest}"))
    }
}

impl Loader {
    /// The process in another file, or with an identifier in this one.
    fn process_at(&mut self, target: &Target, at: Option<&Span>, scope: &Scope) -> Option<Process> {
        let document = self.documents.open(&target.path, at, &mut self.problems)?;
        let start = Span::start_of(&*document.path.to_string_lossy());
        let at = at.unwrap_or(&start);
        let node = documents::find(&document, target.fragment.as_deref(), at, &mut self.problems)?;
        let fragment = node.get("id").and_then(Node::as_str).map(|id| documents::identifier(id).to_owned());
        let name = target.path.file_name().unwrap_or_default().to_string_lossy();
        let name = match &target.fragment {
            Some(fragment) if !fragment.is_empty() => format!("{name}#{fragment}"),
            _ => name.into_owned(),
        };
        let key = (target.path.clone(), fragment);
        if self.open_processes.contains(&key) {
            self.problems.error(at, format!("{name} runs itself"));
            return None;
        }
        if self.open_processes.len() >= DEEPEST {
            self.problems.error(at, format!("workflows stand in one another deeper than {DEEPEST} levels"));
            return None;
        }
        check_version(&document, &mut self.problems);
        self.open_processes.push(key);
        let outer = std::mem::replace(&mut self.namespaces, Namespaces::of(&document.root, &document.path));
        let process = self.process(node, scope, &name);
        self.namespaces = outer;
        self.open_processes.pop();
        process
    }

    /// The process that a node is.
    fn process(&mut self, node: &Node, scope: &Scope, name: &str) -> Option<Process> {
        if self.processes_left == 0 {
            self.problems.error(&node.span, format!("the document has more than {MOST_PROCESSES} processes"));
            return None;
        }
        self.processes_left -= 1;
        let fields = Fields::of(node, "a process", &mut self.problems)?;
        let class = fields.required_string("class", &mut self.problems)?;
        let what = format!("the {class}");
        let fields = Fields::of(node, &what, &mut self.problems)?;
        let mut scope = scope.within(fields, &mut self.problems);
        if let Some(job) = self.job.take() {
            scope = scope.overridden(&job, &mut self.problems);
        }
        let name = name.to_owned();
        Some(match class {
            "CommandLineTool" => Process::CommandLineTool(Arc::new(self.command_line_tool(name, fields, &scope))),
            "ExpressionTool" => Process::ExpressionTool(Arc::new(self.expression_tool(name, fields, &scope))),
            "Workflow" => Process::Workflow(Arc::new(self.workflow(name, fields, &scope))),
            "Operation" => Process::Operation(Arc::new(self.operation(name, fields, &scope))),
            other => {
                let at = fields.get("class").map_or(&node.span, |node| &node.span);
                let problem = Diagnostic::error(at, format!("there is no class `{other}` of processes"));
                let known = ["CommandLineTool", "ExpressionTool", "Workflow", "Operation"];
                self.problems.push(match nearest(other, known) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.help(format!("it can be {}", known.join(", "))),
                });
                return None;
            }
        })
    }
}

fn check_version(document: &Document, problems: &mut Diagnostics) {
    let help = "this version of sluis reads v1.2, and v1.0 and v1.1 as if they were";
    match document.root.get("cwlVersion") {
        None if document.root.as_mapping().is_some() => {
            let start = Span::start_of(&*document.path.to_string_lossy());
            problems.push(Diagnostic::error(&start, "the document has no `cwlVersion`").help(help));
        }
        Some(node) if !matches!(node.as_str(), Some("v1.0" | "v1.1" | "v1.2")) => {
            let version = node.as_str().unwrap_or_default();
            problems.push(
                Diagnostic::unsupported(&node.span, format!("cwlVersion `{version}` is not supported")).help(help),
            );
        }
        _ => {}
    }
}
