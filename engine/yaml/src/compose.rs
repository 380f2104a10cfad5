//! Events to a tree.

use std::{borrow::Cow, io::Read, path::Path, sync::Arc};

use indexmap::map::Entry;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span as Marks, Tag};

use crate::{Content, Diagnostic, Diagnostics, Field, Mapping, Node, Span, relaxed::Relaxed, scalar};

/// The longest text that is read, in bytes.
const LONGEST: usize = 16 << 20;
/// The key that takes over the fields of other mappings (<https://yaml.org/type/merge.html>).
const MERGE: &str = "<<";
/// The deepest nesting.
const DEEPEST: usize = 128;
/// The most nodes of a text.
const MOST_NODES: usize = 2_500_000;
/// The most nodes that aliases may add; 64 bytes of text count as one more.
const ALIAS_BUDGET: usize = 100_000;

/// Reads one YAML 1.2 document (JSON is YAML, too); an empty text is null.
///
/// `file` is the name for messages. Syntax errors, duplicate keys, keys that are no scalars, unknown tags, more than
/// one document, nesting deeper than 128 levels, texts over 16 MiB or 1,000,000 nodes and aliases that add more than
/// 100,000 nodes are errors. The text is kept in the problems, so that they can be shown.
pub fn parse(file: &str, text: &str, problems: &mut Diagnostics) -> Option<Node> {
    let file: Arc<str> = file.into();
    if text.len() > LONGEST {
        problems
            .error(&Span::start_of(file), format!("the text has over {LONGEST} bytes, which is the most that is read"));
        return None;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    problems.add_source(Arc::clone(&file), text);
    let offsets = Offsets::of(text);
    let mut relaxed = Relaxed::new(text);
    loop {
        let mut composer = Composer {
            text,
            relaxed: &relaxed,
            file: Arc::clone(&file),
            problems,
            offsets: &offsets,
            anchors: Vec::new(),
            nodes_left: MOST_NODES,
            alias_budget: ALIAS_BUDGET,
            open: Vec::new(),
            root: None,
            failed: false,
        };
        let stopped = match composer.compose() {
            Ok(()) if composer.failed => return None,
            Ok(()) => {
                let empty = || Node { value: Content::Null, span: Span::start_of(file) };
                return Some(composer.root.unwrap_or_else(empty));
            }
            Err(stopped) => stopped,
        };
        match stopped {
            Stopped::Problem(problem) => {
                problems.push(*problem);
                return None;
            }
            Stopped::Syntax(error) => {
                let problem = composer.syntax_error(&error);
                let doubtful = relaxed.doubtful_quote(&error).map(|quote| composer.span(Marks::new(quote, quote)));
                let byte = Offsets::of(&relaxed.text).byte(error.marker().index(), relaxed.text.len());
                if !relaxed.relax(&error, byte) {
                    problems.push(match doubtful {
                        Some(quote) => problem.label(&quote, "the quoted text that ends there begins here"),
                        None => problem,
                    });
                    return None;
                }
            }
        }
    }
}

/// Reads a file of at most 16 MiB as one document. A file that cannot be read is an error at its beginning.
pub fn read(path: &Path, problems: &mut Diagnostics) -> Option<Node> {
    let name = path.to_string_lossy();
    let mut bytes = Vec::new();
    // A folder opens but cannot be read; a device or a pipe would never end.
    let read = std::fs::metadata(path).and_then(|metadata| {
        if !metadata.is_file() {
            return Err(std::io::Error::other("it is not a regular file"));
        }
        std::fs::File::open(path)?.take(LONGEST as u64 + 1).read_to_end(&mut bytes)
    });
    let text = match read {
        Ok(_) => String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    match text {
        Ok(text) => parse(&name, &text, problems),
        Err(why) => {
            problems.error(&Span::start_of(&*name), format!("cannot read {name}: {why}"));
            None
        }
    }
}

/// Turns character offsets to byte offsets.
enum Offsets {
    /// Every character is one byte.
    Ascii,
    /// The byte offset of each character.
    Table(Vec<u32>),
}

impl Offsets {
    fn of(text: &str) -> Self {
        if text.is_ascii() {
            return Self::Ascii;
        }
        Self::Table(text.char_indices().map(|(offset, _)| offset as u32).collect())
    }

    fn byte(&self, character: usize, length: usize) -> usize {
        match self {
            Self::Ascii => character.min(length),
            Self::Table(table) => table.get(character).map_or(length, |offset| *offset as usize),
        }
    }
}

/// A node that was composed from an anchor, and of how many nodes it is made.
enum Anchor {
    Open,
    Closed(Box<(Node, usize)>),
}

/// A sequence or a mapping that is not ended yet.
struct Open {
    span: Span,
    anchor: usize,
    nodes: usize,
    kind: Kind,
}

enum Kind {
    Sequence(Vec<Node>),
    Mapping {
        fields: Mapping,
        key: Option<(String, Span)>,
        /// The mappings that `<<` names, of which keys that do not stand here are taken.
        merged: Vec<Mapping>,
    },
}

/// Why composing ended early.
enum Stopped {
    Syntax(ScanError),
    Problem(Box<Diagnostic>),
}

impl From<Diagnostic> for Stopped {
    fn from(problem: Diagnostic) -> Self {
        Self::Problem(Box::new(problem))
    }
}

struct Composer<'a> {
    /// The text as it was.
    text: &'a str,
    /// The text that is parsed.
    relaxed: &'a Relaxed<'a>,
    file: Arc<str>,
    problems: &'a mut Diagnostics,
    offsets: &'a Offsets,
    anchors: Vec<Option<Anchor>>,
    nodes_left: usize,
    alias_budget: usize,
    open: Vec<Open>,
    root: Option<Node>,
    failed: bool,
}

impl Composer<'_> {
    fn compose(&mut self) -> Result<(), Stopped> {
        let mut documents = 0;
        for event in Parser::new_from_str(&self.relaxed.text) {
            let (event, marks) = event.map_err(Stopped::Syntax)?;
            let span = self.span(marks);
            match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        let rest = self.text.get(span.range().end..).unwrap_or_default();
                        if !rest.trim().is_empty() {
                            let message = "a second document begins here; only the first one is read";
                            self.problems.push(Diagnostic::warning(&span, message));
                        }
                        return Ok(());
                    }
                }
                Event::Alias(anchor) => self.alias(anchor, span)?,
                Event::Scalar(text, style, anchor, tag) => {
                    let text = self.without_added_break(&text, style, marks);
                    let node = Node { value: self.scalar(text, style, tag.as_deref(), &span), span };
                    // A long text weighs as much as many short ones.
                    self.add(node, text, anchor, 1 + text.len() / 64)?;
                }
                Event::SequenceStart(anchor, tag) => {
                    self.begin(span, anchor, tag, "seq", Kind::Sequence(Vec::new()))?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.begin(
                        span,
                        anchor,
                        tag,
                        "map",
                        Kind::Mapping { fields: Mapping::new(), key: None, merged: Vec::new() },
                    )?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.end(&span)?,
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            }
        }
        Ok(())
    }

    fn span(&self, marks: Marks) -> Span {
        let (start, line, column) = self.relaxed.original(&marks.start);
        let start = self.offsets.byte(start, self.text.len());
        if start >= self.text.len() {
            return self.end_of_text();
        }
        let end = self.offsets.byte(self.relaxed.original(&marks.end).0, self.text.len()).max(start);
        // Block scalars reach into the line after them.
        let trimmed = self.text.get(start..end).map_or(end, |text| start + text.trim_end().len());
        Span::new(Arc::clone(&self.file), line as u32, column as u32 + 1, start as u32, trimmed as u32)
    }

    /// The place after the last character: the parser counts one line more.
    fn end_of_text(&self) -> Span {
        let text = self.text.trim_end();
        let before = text.rfind('\n').map_or(0, |end| end + 1);
        let line = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = text[before..].chars().count() + 1;
        Span::new(Arc::clone(&self.file), line as u32, column as u32, text.len() as u32, text.len() as u32)
    }

    fn syntax_error(&self, error: &ScanError) -> Diagnostic {
        let mark = *error.marker();
        Diagnostic::error(&self.span(Marks::new(mark, mark)), format!("not YAML: {}", error.info()))
            .help("look at the indentation, brackets and quotes here and in the lines before")
    }

    /// A block scalar as it stands at the end of a text: the parser ends its last line even where the text does not.
    fn without_added_break<'t>(&self, scalar: &'t str, style: ScalarStyle, marks: Marks) -> &'t str {
        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        let is_last =
            is_block && self.offsets.byte(self.relaxed.original(&marks.end).0, self.text.len()) == self.text.len();
        if is_last && !self.text.trim_end_matches([' ', '\t']).ends_with('\n') {
            return scalar.strip_suffix('\n').unwrap_or(scalar);
        }
        scalar
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: &Span) -> Content {
        let content = match tag {
            None if style == ScalarStyle::Plain => scalar::resolve(text),
            None => Ok(Content::String(text.to_owned())),
            Some(tag) => tagged(text, tag),
        };
        content.unwrap_or_else(|why| {
            self.problems.error(span, why);
            self.failed = true;
            Content::Null
        })
    }

    fn begin(
        &mut self,
        span: Span,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
        expected: &str,
        kind: Kind,
    ) -> Result<(), Diagnostic> {
        if let Some(tag) = tag
            && !(tag.is_yaml_core_schema() && tag.suffix == expected)
        {
            self.problems.error(&span, format!("the tag `{tag}` is not known"));
            self.failed = true;
        }
        if self.open.len() >= DEEPEST {
            return Err(Diagnostic::error(&span, format!("nested deeper than {DEEPEST} levels")));
        }
        if let Some(Open { kind: Kind::Mapping { key: None, .. }, .. }) = self.open.last() {
            return Err(Diagnostic::error(&span, "a list or a mapping cannot be a key; only a text can"));
        }
        self.set_anchor(anchor, Anchor::Open);
        self.open.push(Open { span, anchor, nodes: 1, kind });
        Ok(())
    }

    fn end(&mut self, end: &Span) -> Result<(), Diagnostic> {
        let Some(Open { span, anchor, nodes, kind }) = self.open.pop() else { return Ok(()) };
        // A collection's place is its first line, so that a message does not show all of it.
        let start = span.range().start;
        let whole = self.text.get(start..end.range().end).unwrap_or_default();
        let first_line = whole.lines().next().unwrap_or_default().trim_end();
        let span = Span::new(span.file, span.line, span.column, start as u32, (start + first_line.len()) as u32);
        let value = match kind {
            Kind::Sequence(items) => Content::Sequence(items),
            Kind::Mapping { mut fields, merged, .. } => {
                for (name, field) in merged.into_iter().flatten() {
                    fields.entry(name).or_insert(field);
                }
                Content::Mapping(fields)
            }
        };
        self.add(Node { value, span }, "", anchor, nodes)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Diagnostic> {
        match self.anchors.get(anchor).and_then(Option::as_ref) {
            Some(Anchor::Closed(closed)) => {
                let (node, nodes) = (&closed.0, closed.1);
                self.alias_budget = self
                    .alias_budget
                    .checked_sub(nodes)
                    .ok_or_else(|| Diagnostic::error(&span, format!("aliases add over {ALIAS_BUDGET} nodes")))?;
                let node = node.clone();
                if self.open.len() + depth(&node) > DEEPEST {
                    return Err(Diagnostic::error(&span, format!("nested deeper than {DEEPEST} levels")));
                }
                let text = self.text.get(node.span.range()).unwrap_or_default().to_owned();
                let text = node.as_str().map_or(text, str::to_owned);
                self.add(Node { span, ..node }, &text, 0, nodes)
            }
            Some(Anchor::Open) => Err(Diagnostic::error(&span, "the alias stands within the node that it names")),
            None => Err(Diagnostic::error(&span, "the alias names no anchor")),
        }
    }

    /// Puts a node where it belongs. `text` is what it is as a key.
    fn add(&mut self, node: Node, text: &str, anchor: usize, nodes: usize) -> Result<(), Diagnostic> {
        if anchor > 0 {
            self.set_anchor(anchor, Anchor::Closed(Box::new((node.clone(), nodes))));
        }
        self.nodes_left = self.nodes_left.checked_sub(1).ok_or_else(|| {
            Diagnostic::error(
                &node.span,
                format!("the text has over {MOST_NODES} nodes, which is the most that is read"),
            )
        })?;
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.nodes = open.nodes.saturating_add(nodes);
        match &mut open.kind {
            Kind::Sequence(items) => items.push(node),
            Kind::Mapping { key: key @ None, .. } => {
                if matches!(node.value, Content::Sequence(_) | Content::Mapping(_)) {
                    return Err(Diagnostic::error(&node.span, "a list or a mapping cannot be a key; only a text can"));
                }
                *key = Some((text.to_owned(), node.span));
            }
            Kind::Mapping { fields, key, merged } => {
                let Some((name, span)) = key.take() else { return Ok(()) };
                if self.text.get(span.range()) == Some(MERGE) {
                    merged.extend(mappings(node)?);
                    return Ok(());
                }
                match fields.entry(name) {
                    Entry::Vacant(entry) => {
                        entry.insert(Field { key: span, node });
                    }
                    Entry::Occupied(entry) => {
                        let message = format!("the key `{}` stands here twice", entry.key());
                        let problem = Diagnostic::error(&span, message).label(&entry.get().key, "first here");
                        self.problems.push(problem);
                        self.failed = true;
                    }
                }
            }
        }
        Ok(())
    }

    fn set_anchor(&mut self, anchor: usize, state: Anchor) {
        if anchor == 0 {
            return;
        }
        if self.anchors.len() <= anchor {
            self.anchors.resize_with(anchor + 1, || None);
        }
        self.anchors[anchor] = Some(state);
    }
}

/// The mappings that stand after a merge key: one, or a list of them.
fn mappings(node: Node) -> Result<Vec<Mapping>, Diagnostic> {
    let Node { value, span } = node;
    let wrong = |span: &Span| Diagnostic::error(span, format!("`{MERGE}` takes a mapping or a list of mappings"));
    match value {
        Content::Mapping(fields) => Ok(vec![fields]),
        Content::Sequence(items) => {
            let each = items.into_iter().map(|item| match item.value {
                Content::Mapping(fields) => Ok(fields),
                _ => Err(wrong(&item.span)),
            });
            each.collect()
        }
        _ => Err(wrong(&span)),
    }
}

fn depth(node: &Node) -> usize {
    match &node.value {
        Content::Sequence(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Content::Mapping(fields) => 1 + fields.values().map(|field| depth(&field.node)).max().unwrap_or(0),
        _ => 0,
    }
}

fn tagged(text: &str, tag: &Tag) -> Result<Content, String> {
    let is_plain = tag.handle.is_empty() && tag.suffix == "!" || tag.handle == "!" && tag.suffix.is_empty();
    let wrong = || format!("`{text}` is not a value of the tag `{tag}`");
    match tag.suffix.as_str() {
        _ if is_plain => Ok(Content::String(text.to_owned())),
        _ if !tag.is_yaml_core_schema() => Err(format!("the tag `{tag}` is not known")),
        "str" => Ok(Content::String(text.to_owned())),
        "int" => scalar::integer(text).ok_or_else(wrong)?.map(Content::Integer),
        "float" => scalar::float(text).map(Content::Float).ok_or_else(wrong),
        "bool" | "null" => match (scalar::resolve(text)?, tag.suffix.as_str()) {
            (value @ Content::Boolean(_), "bool") | (value @ Content::Null, "null") => Ok(value),
            _ => Err(wrong()),
        },
        _ => Err(format!("the tag `{tag}` is not known")),
    }
}
