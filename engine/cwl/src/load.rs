//! CWL documents from files: references resolved, types read, requirements pushed down, everything checked.

mod cuda;
pub(crate) mod documents;
mod escapes;
mod fields;
mod parameters;
mod parts;
mod requirements;
mod snapshot;
mod tool;
mod types;
mod value;
mod version;
mod workflow;

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

use sluis_yaml::{Diagnostic, Diagnostics, Fields, Node, Span, nearest};

use crate::{Inputs, Ontologies, Process, check};
use documents::Documents;
pub(crate) use documents::Target;
pub use documents::{LocalOnly, RemoteDocuments};
use requirements::Scope;
pub use snapshot::{Snapshot, SnapshotError};
use version::Version;

pub(crate) use types::{Schemas, union};
pub(crate) use value::value;

/// The most processes that one document may come to, each counted as often as a step runs it.
const MOST_PROCESSES: usize = 10_000;
/// The most that all processes of a `$graph` may come to.
const MOST_IN_ALL: usize = 20 * MOST_PROCESSES;
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
    /// The documents that were read, with what they import and include, by path or address.
    pub texts: BTreeMap<String, Arc<str>>,
}

/// Loads a document of this machine: a path, or a path with `#` and the identifier of a process in its `$graph`.
///
/// # Errors
/// Everything that is wrong with it and with the files that it refers to, all at once. Errors that are all about
/// features that are not supported are told apart by [`Diagnostics::is_unsupported`].
pub fn load(document: &str) -> Result<Loaded, Diagnostics> {
    load_for(document, &mut Inputs::default(), &LocalOnly)
}

/// Loads a document for a job file: the requirements that the file brings along hold before those of the document, and
/// the document's prefixes are written out in the formats of its files. The document may be an http or https address and
/// refer to such, if `remote` gives them.
///
/// # Errors
/// As [`load`].
pub fn load_for(document: &str, inputs: &mut Inputs, remote: &dyn RemoteDocuments) -> Result<Loaded, Diagnostics> {
    // A `#` may also be part of a file's name.
    let (path, fragment) = match document.rsplit_once('#') {
        Some((path, fragment)) if !is_file(document, remote) => (path, Some(fragment.to_owned())),
        _ => (document, None),
    };
    let mut loader = Loader { job: inputs.requirements.clone(), ..Loader::new(remote) };
    let target = Target { path: documents::path_of(path), fragment };
    let process = loader.process_at(&target, None, &Scope::default());
    if let Some(process) = &process {
        check::expressions::check(std::slice::from_ref(process), &mut loader.problems);
    }
    loader.problems.sort();
    match process {
        Some(process) if !loader.problems.has_errors() => {
            if let Some(document) = loader.documents.open(&target.path, None, &mut loader.problems) {
                inputs.expand_formats(&Namespaces::of(&document.root, &document.path));
            }
            Ok(Loaded { process, warnings: loader.problems, texts: loader.documents.texts })
        }
        _ => Err(loader.problems),
    }
}

fn is_file(document: &str, texts: &dyn RemoteDocuments) -> bool {
    let path = Path::new(document);
    texts.local(path).map_or_else(|| path.exists(), |kept| kept.is_ok())
}

/// Loads a document that is not to be run: every process of a `$graph` is checked. Gives `main`, or all of them if there
/// is no such process.
///
/// # Errors
/// As [`load`].
pub fn load_whole(document: &str, remote: &dyn RemoteDocuments) -> Result<(Vec<Process>, Diagnostics), Diagnostics> {
    let path = documents::path_of(document);
    let ids = if document.contains('#') { Vec::new() } else { identifiers(&path) };
    if ids.len() < 2 {
        return load_for(document, &mut Inputs::default(), remote)
            .map(|loaded| (vec![loaded.process], loaded.warnings));
    }
    let mut loader = Loader::new(remote);
    let mut processes = Vec::with_capacity(ids.len());
    let mut in_all = MOST_IN_ALL;
    let mut known = HashMap::new();
    for (id, at) in &ids {
        if let Some(first) = known.insert(id, at) {
            let problem = Diagnostic::warning(at, format!("`{id}` stands twice in `$graph`"));
            loader.problems.push(problem.label(first, "first here, and this one holds"));
            continue;
        }
        let target = Target { path: path.clone(), fragment: Some(id.clone()) };
        let most = in_all.min(MOST_PROCESSES);
        (loader.processes_left, loader.types_left) = (most, MOST_TYPES);
        processes.extend(loader.process_at(&target, None, &Scope::default()));
        in_all -= most - loader.processes_left;
    }
    check::expressions::check(&processes, &mut loader.problems);
    loader.problems.sort();
    if loader.problems.has_errors() {
        return Err(loader.problems);
    }
    if let Some(main) = processes.iter().position(|process| process.name().ends_with("#main")) {
        processes = vec![processes.swap_remove(main)];
    }
    Ok((processes, loader.problems))
}

/// The identifiers of the processes of a `$graph`, and where each process stands.
fn identifiers(path: &Path) -> Vec<(String, Span)> {
    let root = sluis_yaml::read(path, &mut Diagnostics::default());
    let graph = root.as_ref().and_then(|root| root.get("$graph")).and_then(Node::as_sequence).unwrap_or_default();
    // Types may stand among the processes.
    let processes = graph.iter().filter(|item| item.get("class").is_some());
    let named = processes.filter_map(|item| Some((item.get("id")?.as_str()?, item.span.clone())));
    named.map(|(id, at)| (documents::identifier(id).to_owned(), at)).collect()
}

/// What reads documents, and everything found wrong so far.
struct Loader<'r> {
    documents: Documents<'r>,
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
        let schemas = schemas.filter(|_| documents::web_address(path).is_none());
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

impl<'r> Loader<'r> {
    fn new(remote: &'r dyn RemoteDocuments) -> Self {
        Self {
            documents: Documents::new(remote),
            problems: Diagnostics::default(),
            namespaces: Namespaces::default(),
            job: None,
            open_processes: Vec::new(),
            processes_left: MOST_PROCESSES,
            open_types: Vec::new(),
            types_left: MOST_TYPES,
        }
    }

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
        let mut scope = scope.clone();
        if document.root.get("$graph").is_some() {
            scope.version = Version::of(&document.root, scope.version, &mut self.problems);
        }
        self.open_processes.push(key);
        let outer = std::mem::replace(&mut self.namespaces, Namespaces::of(&document.root, &document.path));
        let process = self.process(node, &scope, &name);
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
        let version = Version::required(node, scope.version, &mut self.problems);
        version.check(node, &mut self.problems);
        let newer = if version < Version::V1_2 { escapes::newer(node) } else { None };
        let node = newer.as_ref().unwrap_or(node);
        let what = format!("the {class}");
        let fields = Fields::of(node, &what, &mut self.problems)?;
        let mut scope = scope.within(fields, &self.namespaces, &mut self.problems);
        scope.version = Some(version);
        if let Some(job) = self.job.take() {
            scope = scope.overridden(&job, &self.namespaces, &mut self.problems);
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
