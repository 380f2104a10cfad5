//! Fields that many parts of a document share.

use std::collections::HashMap;

use sluis_model::ListingDepth;
use sluis_yaml::{Content, Diagnostic, Diagnostics, Fields, Meant, Node, Span, nearest};

use super::documents::identifier;
use crate::{About, Condition, Expression, expression::is_expression};

/// An entry of a list or mapping that is keyed by a name (SALAD, Identifier maps).
pub(super) struct Entry<'a> {
    /// Its short name.
    pub name: String,
    /// Where it begins.
    pub span: &'a Span,
    /// What stands in the mapping, or the whole item of the list.
    pub node: &'a Node,
}

/// The entries of a field that is a mapping from names, or a list of mappings that hold their name under `key`.
///
/// Of those with the same name the first one holds, of which is warned: other engines let that pass. A step cannot be
/// left out like that.
pub(super) fn entries<'a>(fields: Fields<'a>, name: &str, key: &str, problems: &mut Diagnostics) -> Vec<Entry<'a>> {
    let mut found = all_entries(fields, name, key, problems);
    let mut first: HashMap<String, &Span> = HashMap::new();
    found.retain(|entry| match first.get(&entry.name) {
        None => {
            first.insert(entry.name.clone(), entry.span);
            true
        }
        Some(known) => {
            let message = format!("`{}` stands twice in `{name}`", entry.name);
            problems.push(match name {
                "steps" => Diagnostic::error(entry.span, message).label(known, "first here"),
                _ => Diagnostic::warning(entry.span, message).label(known, "first here, and this one holds"),
            });
            false
        }
    });
    found
}

/// The same where a name may stand several times.
pub(super) fn all_entries<'a>(fields: Fields<'a>, name: &str, key: &str, problems: &mut Diagnostics) -> Vec<Entry<'a>> {
    let Some(node) = fields.get(name) else { return Vec::new() };
    let mut found = Vec::new();
    match &node.value {
        Content::Mapping(mapping) => {
            found.extend(mapping.iter().map(|(name, field)| Entry {
                name: short_name(name).to_owned(),
                span: &field.key,
                node: &field.node,
            }));
        }
        Content::Sequence(items) => {
            for item in items {
                match item.get(key).and_then(Node::as_str) {
                    Some(name) => found.push(Entry { name: short_name(name).to_owned(), span: &item.span, node: item }),
                    None => problems.error(&item.span, format!("an item of `{name}` has no `{key}`, which it needs")),
                }
            }
        }
        _ => problems.error(&node.span, format!("`{name}` must be a mapping or a list, but is {}", node.kind())),
    }
    found
}

/// An identifier without everything that says in which process it stands.
pub(super) fn short_name(id: &str) -> &str {
    let id = identifier(id);
    id.rsplit_once('/').map_or(id, |(_, name)| name)
}

/// Reports fields that CWL does not know here. Extensions, whose names have a prefix, and identifiers are left alone.
pub(super) fn check_fields(fields: Fields<'_>, known: &[&[&str]], problems: &mut Diagnostics) {
    let is_other = |key: &str| key.contains(':') || key.starts_with(['$', '@']) || key == "id" || key == "name";
    let meant = |key: &str| CONFUSED.iter().find(|(wrong, _)| *wrong == key).map(|(_, meant)| *meant);
    fields.check_known_except(&known.concat(), is_other, meant, problems);
}

/// Words that people write where another is meant.
const CONFUSED: &[(&str, Meant<'static>)] = &[
    ("position", Meant::Within("inputBinding")),
    ("prefix", Meant::Within("inputBinding")),
    ("separate", Meant::Within("inputBinding")),
    ("itemSeparator", Meant::Within("inputBinding")),
    ("shellQuote", Meant::Within("inputBinding")),
    ("glob", Meant::Within("outputBinding")),
    ("outputEval", Meant::Within("outputBinding")),
    ("source", Meant::Field("outputSource")),
    ("outputSource", Meant::Field("source")),
    ("inputs", Meant::Field("in")),
    ("outputs", Meant::Field("out")),
    ("in", Meant::Field("inputs")),
    ("out", Meant::Field("outputs")),
    ("suffix", Meant::Field("pattern")),
    ("content", Meant::Field("entry")),
    ("contents", Meant::Field("entry")),
    ("cores", Meant::Field("coresMin")),
    ("cpu", Meant::Field("coresMin")),
    ("ram", Meant::Field("ramMin")),
    ("memory", Meant::Field("ramMin")),
    ("image", Meant::Field("dockerPull")),
    ("dockerImage", Meant::Field("dockerPull")),
    ("description", Meant::Field("doc")),
    ("command", Meant::Field("baseCommand")),
];

/// `label` and `doc`; a `doc` may be a list of paragraphs.
pub(super) fn about(fields: Fields<'_>, problems: &mut Diagnostics) -> About {
    let paragraphs = texts(fields, "doc", problems);
    let doc: Vec<_> = paragraphs.into_iter().filter_map(Node::as_str).map(str::trim).collect();
    About { label: text(fields, "label", problems), doc: (!doc.is_empty()).then(|| doc.join("\n\n")) }
}

/// A text that may be absent.
pub(super) fn text(fields: Fields<'_>, name: &str, problems: &mut Diagnostics) -> Option<String> {
    fields.string(name, problems).map(str::to_owned)
}

/// An expression, or a text that may be one.
pub(super) fn expression(fields: Fields<'_>, name: &str, problems: &mut Diagnostics) -> Option<Expression> {
    let node = fields.get(name)?;
    text(fields, name, problems).map(|text| placed(text, node))
}

/// An expression and its place.
pub(super) fn placed(text: String, node: &Node) -> Expression {
    Expression { text, at: Some(node.span.clone()) }
}

/// One text or a list of texts.
pub(super) fn texts<'a>(fields: Fields<'a>, name: &str, problems: &mut Diagnostics) -> Vec<&'a Node> {
    let Some(node) = fields.get(name) else { return Vec::new() };
    let items = match &node.value {
        Content::Sequence(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        if item.as_str().is_some() {
            found.push(item);
        } else {
            problems
                .error(&item.span, format!("`{name}` must be a text or a list of texts, but there is {}", item.kind()));
        }
    }
    found
}

/// One text or a list of texts, as expressions.
pub(super) fn expressions(fields: Fields<'_>, name: &str, problems: &mut Diagnostics) -> Vec<Expression> {
    let found = texts(fields, name, problems);
    found.into_iter().filter_map(|node| Some(placed(node.as_str()?.to_owned(), node))).collect()
}

/// A boolean or an expression.
pub(super) fn condition(node: &Node, name: &str, problems: &mut Diagnostics) -> Option<Condition> {
    match &node.value {
        Content::Boolean(value) => Some(Condition::Fixed(*value)),
        Content::String(text) if is_expression(text) => Some(Condition::Expression(placed(text.clone(), node))),
        _ => {
            let message = format!("`{name}` must be true, false or an expression, but is {}", node.kind());
            problems.error(&node.span, message);
            None
        }
    }
}

/// One of some words; reports any other.
pub(super) fn word<T: Copy>(
    fields: Fields<'_>,
    name: &str,
    words: &[(&str, T)],
    problems: &mut Diagnostics,
) -> Option<T> {
    let found = fields.string(name, problems)?;
    let known = words.iter().find(|(word, _)| *word == identifier(found)).map(|(_, value)| *value);
    if let (None, Some(node)) = (known, fields.get(name)) {
        let list: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let problem = Diagnostic::error(&node.span, format!("`{name}` cannot be `{found}`"));
        problems.push(match nearest(found, list.iter().copied()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("it can be {}", list.join(", "))),
        });
    }
    known
}

/// `loadListing`
pub(super) fn load_listing(fields: Fields<'_>, problems: &mut Diagnostics) -> Option<ListingDepth> {
    let words = [
        ("no_listing", ListingDepth::None),
        ("shallow_listing", ListingDepth::Shallow),
        ("deep_listing", ListingDepth::Deep),
    ];
    word(fields, "loadListing", &words, problems)
}

/// Whole numbers that fit into 32 bits.
pub(super) fn codes(fields: Fields<'_>, name: &str, problems: &mut Diagnostics) -> Vec<i32> {
    let mut found = Vec::new();
    for node in fields.list(name, problems) {
        match node.value {
            Content::Integer(code) if i32::try_from(code).is_ok() => found.push(code as i32),
            _ => problems.error(&node.span, format!("`{name}` must be a list of exit codes")),
        }
    }
    found
}
