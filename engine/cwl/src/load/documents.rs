//! Files of CWL documents: read once, `$import`, `$include` and `$mixin` resolved (Semantic Annotations for Linked
//! Avro Data, sections Import, Include and Mixin).

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::Read,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use sluis_yaml::{Content, Diagnostic, Diagnostics, Field, Mapping, Node, Span, nearest};
use url::Url;

use super::parts::Parts;

/// The most nodes that imports may add; 64 bytes of text count as one more.
const IMPORT_BUDGET: usize = 1_000_000;
/// How deep imports may stand in one another.
const DEEPEST: usize = 64;
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

/// Reads documents that stand on the web.
pub trait RemoteDocuments {
    /// The text at an http or https address.
    ///
    /// # Errors
    /// Why it cannot be had: the policy does not name the host, for instance.
    fn text(&self, address: &str) -> Result<String, String>;

    /// The text that counts for a local file, whatever the file holds now; `None` if what it holds is what counts.
    fn local(&self, _path: &Path) -> Option<Result<String, String>> {
        None
    }
}

/// No document on the web may be read.
#[derive(Clone, Copy, Debug)]
pub struct LocalOnly;

impl RemoteDocuments for LocalOnly {
    fn text(&self, _: &str) -> Result<String, String> {
        Err("only documents of this machine are read here".to_owned())
    }
}

/// All files read so far. What stands on the web has the path `https:/host/path`.
pub(crate) struct Documents<'r> {
    remote: &'r dyn RemoteDocuments,
    /// What was read, by path.
    pub texts: BTreeMap<String, Arc<str>>,
    files: HashMap<PathBuf, Option<Arc<Document>>>,
    /// The files that are being read, each imported by the one before.
    reading: Vec<PathBuf>,
    /// What the file that is being read imports from itself, and which of it is being imported.
    parts: Parts,
    open_parts: Vec<String>,
    /// Whether something could not be imported into the file that is being read.
    is_broken: bool,
    budget: usize,
}

impl<'r> Documents<'r> {
    /// No file yet.
    pub fn new(remote: &'r dyn RemoteDocuments) -> Self {
        let (texts, files, parts) = Default::default();
        let (reading, open_parts) = (Vec::new(), Vec::new());
        Self { remote, texts, files, reading, parts, open_parts, is_broken: false, budget: IMPORT_BUDGET }
    }

    /// The file at a path. `at` is the reference to it, if it stands in a document.
    pub fn open(&mut self, path: &Path, at: Option<&Span>, problems: &mut Diagnostics) -> Option<Arc<Document>> {
        if let Some(known) = self.files.get(path) {
            return known.clone();
        }
        if self.reading.iter().any(|reading| reading == path) || self.reading.len() >= DEEPEST {
            let at = at.cloned().unwrap_or_else(|| Span::start_of(&*path.to_string_lossy()));
            problems.error(
                &at,
                match self.reading.len() {
                    DEEPEST.. => format!("imports stand in one another deeper than {DEEPEST} levels"),
                    _ => format!("{} imports itself", path.display()),
                },
            );
            return None;
        }
        let address = web_address(path);
        let kept = self.remote.local(path).filter(|_| address.is_none());
        if let Some(problem) = at.filter(|_| address.is_none() && kept.is_none()).and_then(|at| unreadable(path, at)) {
            problems.push(problem);
            return None;
        }
        self.reading.push(path.to_owned());
        let outer = std::mem::replace(&mut self.is_broken, false);
        let name = path.to_string_lossy();
        let node = match (&address, kept) {
            (None, None) => sluis_yaml::read(path, problems),
            (None, Some(Ok(text))) => sluis_yaml::parse(&name, &text, problems),
            (None, Some(Err(why))) => {
                problems.error(at.unwrap_or(&Span::start_of(&*name)), format!("cannot read {name}: {why}"));
                None
            }
            (Some(address), _) => self.fetch(path, address, at, problems),
        };
        if let Some(text) = problems.source(&name) {
            self.texts.insert(name.into_owned(), text.into());
        }
        let outer_parts = std::mem::replace(&mut self.parts, node.as_ref().map(Parts::of).unwrap_or_default());
        let root = node.map(|node| self.resolve(node, problems)).filter(|_| !self.is_broken);
        self.parts = outer_parts;
        self.is_broken = outer;
        self.reading.pop();
        let document = root.map(|root| Arc::new(Document { path: path.to_owned(), root }));
        self.files.insert(path.to_owned(), document.clone());
        document
    }

    fn fetch(&self, path: &Path, address: &str, at: Option<&Span>, problems: &mut Diagnostics) -> Option<Node> {
        let name = path.to_string_lossy();
        match self.remote.text(address) {
            Ok(text) => sluis_yaml::parse(&name, &text, problems),
            Err(why) => {
                let start = Span::start_of(&*name);
                let message = format!("cannot read {}: {why}", shown(path));
                let problem = Diagnostic::error(at.unwrap_or(&start), message);
                problems
                    .push(problem.help("refer to a local copy, or have the host added to the site's `remote-hosts`"));
                None
            }
        }
    }

    /// The text of a file for `$include`.
    fn include(&mut self, reference: &Node, span: &Span, problems: &mut Diagnostics) -> Option<Node> {
        let Target { path, .. } = target(reference, problems)?;
        let read = match web_address(&path) {
            Some(address) => self.remote.text(&address),
            None => self.remote.local(&path).unwrap_or_else(|| local_text(&path)),
        };
        match read {
            Ok(text) => {
                self.texts.insert(path.to_string_lossy().into_owned(), text.as_str().into());
                let node = Node { value: Content::String(text), span: span.clone() };
                self.pay_for(&node, reference, problems).then_some(node)
            }
            Err(why) => {
                problems.error(&reference.span, format!("cannot include {}: {why}", shown(&path)));
                None
            }
        }
    }

    /// The node with everything that it imports. What cannot be imported is noted and left empty.
    fn resolve(&mut self, node: Node, problems: &mut Diagnostics) -> Node {
        let Node { value, span } = node;
        let value = match value {
            Content::Sequence(items) => {
                let mut resolved = Vec::with_capacity(items.len());
                for item in items {
                    let is_import = item.get("$import").is_some();
                    match self.resolve(item, problems) {
                        // A list that is imported into a list becomes part of it.
                        Node { value: Content::Sequence(items), .. } if is_import => resolved.extend(items),
                        item => resolved.push(item),
                    }
                }
                Content::Sequence(resolved)
            }
            Content::Mapping(fields) => match directive(&fields) {
                Some((directive, reference)) => {
                    for (name, field) in fields.iter().filter(|(name, _)| directive != "$mixin" && *name != directive) {
                        let message = format!("`{name}` stands beside `{directive}` and is not used");
                        problems.push(Diagnostic::warning(&field.key, message));
                    }
                    let found = match directive {
                        "$import" => self.import(reference, problems),
                        "$mixin" => self.mix_in(reference, &fields, problems),
                        _ => self.include(reference, &span, problems),
                    };
                    self.is_broken |= found.is_none();
                    return found.unwrap_or(Node { value: Content::Null, span });
                }
                None => {
                    let mut resolved = Mapping::with_capacity(fields.len());
                    for (name, Field { key, node }) in fields {
                        let mut node = self.resolve(node, problems);
                        if VOCABULARY.contains(&name.as_str()) {
                            shorten_words(&mut node);
                        }
                        resolved.insert(name, Field { key, node });
                    }
                    Content::Mapping(resolved)
                }
            },
            scalar => scalar,
        };
        Node { value, span }
    }

    /// The mapping that a reference names, with the other fields that stand beside the reference in place of its own
    /// (SALAD v1.0 to v1.2, Mixin).
    fn mix_in(&mut self, reference: &Node, beside: &Mapping, problems: &mut Diagnostics) -> Option<Node> {
        let Node { value, span } = self.import(reference, problems)?;
        let Content::Mapping(mut fields) = value else {
            problems.error(&reference.span, "`$mixin` must name a mapping");
            return None;
        };
        for (name, Field { key, node }) in beside.iter().filter(|(name, _)| *name != "$mixin") {
            let node = self.resolve(node.clone(), problems);
            fields.insert(name.clone(), Field { key: key.clone(), node });
        }
        Some(Node { value: Content::Mapping(fields), span })
    }

    fn import(&mut self, reference: &Node, problems: &mut Diagnostics) -> Option<Node> {
        let target = target(reference, problems)?;
        if let (Some(name), true) = (&target.fragment, self.reading.last() == Some(&target.path)) {
            return self.import_part(name, reference, problems);
        }
        let document = self.open(&target.path, Some(&reference.span), problems)?;
        let node = match target.fragment {
            None => &document.root,
            fragment => find(&document, fragment.as_deref(), &reference.span, problems)?,
        };
        let node = node.clone();
        self.pay_for(&node, reference, problems).then_some(node)
    }

    /// A part of the file that is being read.
    fn import_part(&mut self, name: &str, reference: &Node, problems: &mut Diagnostics) -> Option<Node> {
        let Some(part) = self.parts.get(name).cloned() else {
            problems.error(&reference.span, format!("this document has no `#{name}`"));
            return None;
        };
        if self.open_parts.iter().any(|open| open == name) {
            problems.error(&reference.span, format!("`#{name}` imports itself"));
            return None;
        }
        if self.open_parts.len() >= DEEPEST || self.budget == 0 {
            problems.error(&reference.span, format!("imports stand in one another deeper than {DEEPEST} levels"));
            return None;
        }
        self.open_parts.push(name.to_owned());
        let node = self.resolve(part, problems);
        self.open_parts.pop();
        self.pay_for(&node, reference, problems).then_some(node)
    }

    /// Whether what is imported is within bounds.
    fn pay_for(&mut self, node: &Node, reference: &Node, problems: &mut Diagnostics) -> bool {
        let left = self.budget.checked_sub(size(node));
        if left.is_none() {
            problems.error(&reference.span, format!("imports add more than {IMPORT_BUDGET} nodes"));
        }
        self.budget = left.unwrap_or(0);
        left.is_some()
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
            if items.is_empty() {
                problem = problem.help("its `$graph` is no list of processes, or an empty one");
            } else if let Some(near) = nearest(wanted, items.iter().filter_map(id_of)) {
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
    let file = Path::new(&*reference.span.file);
    if let Some(base) = web_address(file) {
        if path.is_empty() {
            return Some(Target { path: file.to_owned(), fragment });
        }
        return match joined(&base, path) {
            Ok(address) => Some(Target { path: path_of_address(&address), fragment }),
            Err(why) => {
                problems.error(&reference.span, why);
                None
            }
        };
    }
    let path = path.strip_prefix("file://").unwrap_or(path);
    if is_address(path) {
        return Some(Target { path: path_of_address(path), fragment });
    }
    if path.contains("://") {
        let problem = Diagnostic::unsupported(&reference.span, format!("{path} is neither a file nor on the web"));
        problems.push(problem.help("fetch it and refer to the local file"));
        return None;
    }
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

/// The fields whose values are words of the standard, or types.
const VOCABULARY: [&str; 8] =
    ["class", "cwlVersion", "type", "items", "linkMerge", "pickValue", "scatterMethod", "loadListing"];

/// What may stand before a word of the standard: prefixes, and what they stand for.
const VOCABULARIES: [&str; 6] = [
    "cwl:",
    "https://w3id.org/cwl/cwl#",
    "sld:",
    "https://w3id.org/cwl/salad#",
    "xsd:",
    "http://www.w3.org/2001/XMLSchema#",
];

/// A word of the standard without the vocabulary before it, which some programs write out (SALAD, Vocabulary).
pub(crate) fn short_word(word: &str) -> &str {
    VOCABULARIES.iter().find_map(|before| word.strip_prefix(before)).unwrap_or(word)
}

fn shorten_words(node: &mut Node) {
    match &mut node.value {
        Content::String(word) => {
            let short = short_word(word);
            if short.len() < word.len() {
                *word = short.to_owned();
            }
        }
        Content::Sequence(items) => items.iter_mut().for_each(shorten_words),
        _ => {}
    }
}

/// The directive that a mapping is.
fn directive(fields: &Mapping) -> Option<(&'static str, &Node)> {
    ["$import", "$include", "$mixin"].into_iter().find_map(|name| Some((name, &fields.get(name)?.node)))
}

/// The address of a document on the web, from its path.
pub(crate) fn web_address(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    ["http", "https"].iter().find_map(|scheme| {
        let rest = text.strip_prefix(scheme)?.strip_prefix(":/")?;
        Some(format!("{scheme}://{rest}"))
    })
}

/// Whether a text is the address of something on the web.
fn is_address(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// The path that stands for an address on the web.
fn path_of_address(address: &str) -> PathBuf {
    address.replacen("://", ":/", 1).into()
}

/// The path of what somebody names on the command line.
pub(crate) fn path_of(name: &str) -> PathBuf {
    if is_address(name) { path_of_address(name) } else { normalized(Path::new(name)) }
}

/// A path or an address for people, without what may be secret in it.
fn shown(path: &Path) -> String {
    let Some(mut address) = web_address(path).and_then(|address| Url::parse(&address).ok()) else {
        return path.display().to_string();
    };
    address.set_query(None);
    // An address on the web can be without a user.
    let _ = address.set_username("").and_then(|()| address.set_password(None));
    address.into()
}

/// What a reference in a document on the web names: always another place on the web, never a file of this machine.
pub(crate) fn joined(base: &str, reference: &str) -> Result<String, String> {
    let wrong = || format!("`{reference}` is no place on the web, and a document on the web cannot refer to any other");
    let joined = Url::parse(base).and_then(|base| base.join(reference)).map_err(|_| wrong())?;
    if matches!(joined.scheme(), "http" | "https") { Ok(joined.into()) } else { Err(wrong()) }
}

fn local_text(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    // A device or a pipe would never end.
    if !fs::metadata(path).map_err(|error| error.to_string())?.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(LONGEST_INCLUDE + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > LONGEST_INCLUDE {
        return Err(format!("it has more than {LONGEST_INCLUDE} bytes"));
    }
    Ok(text)
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
        Content::String(text) => 1 + text.len() / 64,
        _ => 1,
    }
}
