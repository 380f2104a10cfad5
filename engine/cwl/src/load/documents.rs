//! Files of CWL documents: read once, `$import` and `$include` resolved (Semantic Annotations for Linked Avro Data,
//! sections Import and Include).

use std::{
    collections::HashMap,
    fs,
    io::Read,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use sluis_yaml::{Content, Diagnostic, Diagnostics, Field, Mapping, Node, Span, nearest};

/// The most nodes that imports may add.
const IMPORT_BUDGET: usize = 1_000_000;
/// The longest text that `$include` takes, in bytes.
const LONGEST_INCLUDE: u64 = 16 << 20;

/// A file, with everything that it imports.
#[derive(Debug)]
pub(crate) struct Document {
    pub path: PathBuf,
    pub root: Node,
}

/// What a reference names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Target {
    pub path: PathBuf,
    pub fragment: Option<String>,
}

/// All files read so far.
#[derive(Debug)]
pub(crate) struct Documents {
    files: HashMap<PathBuf, Option<Arc<Document>>>,
    /// The files that are being read, each imported by the one before.
    reading: Vec<PathBuf>,
    budget: usize,
}

impl Default for Documents {
    fn default() -> Self {
        Self { files: HashMap::new(), reading: Vec::new(), budget: IMPORT_BUDGET }
    }
}

impl Documents {
    /// The file at a path. `at` is the reference to it, if it stands in a document.
    pub fn open(&mut self, path: &Path, at: Option<&Span>, problems: &mut Diagnostics) -> Option<Arc<Document>> {
        if let Some(known) = self.files.get(path) {
            return known.clone();
        }
        if self.reading.iter().any(|reading| reading == path) {
            let at = at.cloned().unwrap_or_else(|| Span::start_of(&*path.to_string_lossy()));
            problems.error(&at, format!("{} imports itself", path.display()));
            return None;
        }
        if let Some(problem) = at.and_then(|at| unreadable(path, at)) {
            problems.push(problem);
            return None;
        }
        self.reading.push(path.to_owned());
        let node = sluis_yaml::read(path, problems);
        let root = node.and_then(|node| self.resolve(node, problems));
        self.reading.pop();
        let document = root.map(|root| Arc::new(Document { path: path.to_owned(), root }));
        self.files.insert(path.to_owned(), document.clone());
        document
    }

    /// The node with everything that it imports; `None` if something cannot be imported.
    fn resolve(&mut self, node: Node, problems: &mut Diagnostics) -> Option<Node> {
        let Node { value, span } = node;
        let value = match value {
            Content::Sequence(items) => {
                let mut resolved = Vec::with_capacity(items.len());
                for item in items {
                    let is_import = item.get("$import").is_some();
                    match self.resolve(item, problems)? {
                        // A list that is imported into a list becomes part of it.
                        Node { value: Content::Sequence(items), .. } if is_import => resolved.extend(items),
                        item => resolved.push(item),
                    }
                }
                Content::Sequence(resolved)
            }
            Content::Mapping(fields) => match directive(&fields) {
                Some(("$import", reference)) => return self.import(reference, problems),
                Some((_, reference)) => return include(reference, &span, problems),
                None => {
                    let mut resolved = Mapping::with_capacity(fields.len());
                    for (name, Field { key, node }) in fields {
                        let node = self.resolve(node, problems)?;
                        resolved.insert(name, Field { key, node });
                    }
                    Content::Mapping(resolved)
                }
            },
            scalar => scalar,
        };
        Some(Node { value, span })
    }

    fn import(&mut self, reference: &Node, problems: &mut Diagnostics) -> Option<Node> {
        let target = target(reference, problems)?;
        let document = self.open(&target.path, Some(&reference.span), problems)?;
        let node = match target.fragment {
            None => &document.root,
            fragment => find(&document, fragment.as_deref(), &reference.span, problems)?,
        };
        let Some(budget) = self.budget.checked_sub(size(node)) else {
            problems.error(&reference.span, format!("imports add more than {IMPORT_BUDGET} nodes"));
            return None;
        };
        self.budget = budget;
        Some(node.clone())
    }
}

/// The process that a reference names in a file: that with its identifier, or `main` of a `$graph`, or the whole file.
pub(crate) fn find<'a>(
    document: &'a Document,
    fragment: Option<&str>,
    at: &Span,
    problems: &mut Diagnostics,
) -> Option<&'a Node> {
    let Some(graph) = document.root.get("$graph") else {
        let own = document.root.get("id").and_then(Node::as_str).map(identifier);
        if fragment.is_none_or(|fragment| own == Some(fragment) || fragment == "main" || fragment.is_empty()) {
            return Some(&document.root);
        }
        let message = format!("{} has no `{}`", document.path.display(), fragment.unwrap_or_default());
        problems.error(at, message);
        return None;
    };
    let items = graph.as_sequence().unwrap_or_default();
    let id_of = |node: &'a Node| node.get("id").and_then(Node::as_str).map(identifier);
    let wanted = fragment.unwrap_or("main");
    let found = items.iter().find(|item| id_of(item) == Some(wanted));
    match (found, items) {
        (None, [only]) if fragment.is_none() => Some(only),
        (None, _) => {
            let mut problem = Diagnostic::error(at, format!("{} has no `#{wanted}`", document.path.display()));
            if let Some(near) = nearest(wanted, items.iter().filter_map(id_of)) {
                problem = problem.help(format!("did you mean `#{near}`?"));
            } else if fragment.is_none() {
                let ids: Vec<_> = items.iter().filter_map(id_of).collect();
                problem = problem.help(format!("name one of its processes: #{}", ids.join(", #")));
            }
            problems.push(problem);
            None
        }
        (found, _) => found,
    }
}

/// An identifier without the file and the `#` in front of it.
pub(crate) fn identifier(id: &str) -> &str {
    id.rsplit_once('#').map_or(id, |(_, fragment)| fragment)
}

/// What a text in a document refers to: a path beside the file in which it stands, and a fragment.
pub(crate) fn target(reference: &Node, problems: &mut Diagnostics) -> Option<Target> {
    let Some(text) = reference.as_str() else {
        problems.error(&reference.span, format!("a reference must be a text, but is {}", reference.kind()));
        return None;
    };
    let (path, fragment) = match text.split_once('#') {
        Some((path, fragment)) => (path, Some(fragment.to_owned())),
        None => (text, None),
    };
    let path = path.strip_prefix("file://").unwrap_or(path);
    if path.contains("://") {
        let problem = Diagnostic::unsupported(&reference.span, format!("{path} is not on this machine"));
        problems.push(problem.help("fetch it and refer to the local file"));
        return None;
    }
    let file = Path::new(&*reference.span.file);
    let path = if path.is_empty() { file.to_owned() } else { normalized(&folder_of(&reference.span).join(path)) };
    Some(Target { path, fragment })
}

/// The folder of the file in which something stands.
pub(crate) fn folder_of(span: &Span) -> PathBuf {
    Path::new(&*span.file).parent().unwrap_or(Path::new("")).to_owned()
}

/// A path without `.` and, where a folder precedes it, `..`.
pub(crate) fn normalized(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

/// The directive that a mapping is.
fn directive(fields: &Mapping) -> Option<(&'static str, &Node)> {
    ["$import", "$include"].into_iter().find_map(|name| Some((name, &fields.get(name)?.node)))
}

fn include(reference: &Node, span: &Span, problems: &mut Diagnostics) -> Option<Node> {
    let Target { path, .. } = target(reference, problems)?;
    let mut text = String::new();
    let read = fs::File::open(&path).and_then(|file| file.take(LONGEST_INCLUDE + 1).read_to_string(&mut text));
    let why = match read {
        Ok(_) if text.len() as u64 > LONGEST_INCLUDE => format!("it has more than {LONGEST_INCLUDE} bytes"),
        Ok(_) => return Some(Node { value: Content::String(text), span: span.clone() }),
        Err(error) => error.to_string(),
    };
    problems.error(&reference.span, format!("cannot include {}: {why}", path.display()));
    None
}

/// Why a file that is referred to cannot be read.
fn unreadable(path: &Path, at: &Span) -> Option<Diagnostic> {
    let error = match fs::metadata(path) {
        Ok(_) => return None,
        Err(error) => error,
    };
    let problem = Diagnostic::error(at, format!("cannot read {}: {error}", path.display()));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names =
        fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let names: Vec<_> = names.collect();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Some(match nearest(&name, names.iter().map(String::as_str)) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem,
    })
}

fn size(node: &Node) -> usize {
    match &node.value {
        Content::Sequence(items) => 1 + items.iter().map(size).sum::<usize>(),
        Content::Mapping(fields) => 1 + fields.values().map(|field| size(&field.node)).sum::<usize>(),
        _ => 1,
    }
}
