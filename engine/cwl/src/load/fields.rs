//! Fields that many parts of a document share.

use std::collections::HashSet;

use sluis_model::ListingDepth;
use sluis_yaml::{Content, Diagnostics, Fields, Node, Span, nearest};

use super::documents::identifier;
use crate::{
    Condition, Expression,
    expression::{is_expression, scan},
};

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
pub(super) fn entries<'a>(fields: Fields<'a>, name: &str, key: &str, problems: &mut Diagnostics) -> Vec<Entry<'a>> {
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
    let mut names = HashSet::new();
    found.retain(|entry| {
        let is_new = names.insert(entry.name.clone());
        if !is_new {
            problems.error(entry.span, format!("`{}` stands twice in `{name}`", entry.name));
        }
        is_new
    });
    found
}

/// An identifier without everything that says in which process it stands.
pub(super) fn short_name(id: &str) -> &str {
    let id = identifier(id);
    id.rsplit_once('/').map_or(id, |(_, name)| name)
}

/// Reports fields that CWL does not know here. Extensions, whose names have a prefix, are left alone.
pub(super) fn check_fields(fields: Fields<'_>, known: &[&[&str]], problems: &mut Diagnostics) {
    fields.check_known_except(&known.concat(), |key| key.contains(':') || key.starts_with('$'), problems);
}

/// A text that may be absent.
pub(super) fn text(fields: Fields<'_>, name: &str, problems: &mut Diagnostics) -> Option<String> {
    fields.string(name, problems).map(str::to_owned)
}

/// An expression, or a text that may be one.
pub(super) fn expression(fields: Fields<'_>, name: &str, problems: &mut Diagnostics) -> Option<Expression> {
    let node = fields.get(name)?;
    text(fields, name, problems).map(|text| checked(text, node, problems))
}

/// The expression, after a look at whether all its parts are closed.
fn checked(text: String, node: &Node, problems: &mut Diagnostics) -> Expression {
    if is_expression(&text)
        && let Err(unclosed) = scan(&text)
    {
        problems.error(&node.span, unclosed.to_string());
    }
    Expression(text)
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
    found.into_iter().filter_map(|node| Some(checked(node.as_str()?.to_owned(), node, problems))).collect()
}

/// A boolean or an expression.
pub(super) fn condition(node: &Node, name: &str, problems: &mut Diagnostics) -> Option<Condition> {
    match &node.value {
        Content::Boolean(value) => Some(Condition::Fixed(*value)),
        Content::String(text) if is_expression(text) => Some(Condition::Expression(Expression(text.clone()))),
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
        let problem = sluis_yaml::Diagnostic::error(&node.span, format!("`{name}` cannot be `{found}`"));
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
