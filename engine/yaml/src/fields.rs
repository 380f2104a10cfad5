//! Reading mappings whose keys are known.

use crate::{Content, Diagnostic, Diagnostics, Mapping, Node, Span};

/// A mapping of which we know what keys it may have.
///
/// Every method that finds something wrong adds it to the problems and goes on as if the field were absent.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    mapping: &'a Mapping,
    span: &'a Span,
    what: &'a str,
}

/// What whoever wrote an unknown key may have meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meant<'k> {
    /// Another key.
    Field(&'k str),
    /// The key, but inside of another field.
    Within(&'k str),
}

impl<'k> Meant<'k> {
    const fn name(self) -> &'k str {
        match self {
            Self::Field(name) | Self::Within(name) => name,
        }
    }
}

impl<'a> Fields<'a> {
    /// A mapping, called `what` in messages. Anything else is an error.
    pub fn of(node: &'a Node, what: &'a str, problems: &mut Diagnostics) -> Option<Self> {
        let mapping = node.as_mapping();
        if mapping.is_none() {
            problems.error(&node.span, format!("{what} must be a mapping, but is {}", node.kind()));
        }
        Some(Self { mapping: mapping?, span: &node.span, what })
    }

    /// Reports each key that is not known, with the nearest one that is.
    pub fn check_known(self, known: &[&str], problems: &mut Diagnostics) {
        self.check_known_except(known, |_| false, |_| None, problems);
    }

    /// The same, but leaves out the keys for which `is_other` says so. `meant` says of words that are often confused
    /// what may be meant.
    pub fn check_known_except(
        self,
        known: &[&str],
        is_other: impl Fn(&str) -> bool,
        meant: impl Fn(&str) -> Option<Meant<'static>>,
        problems: &mut Diagnostics,
    ) {
        for (key, field) in self.mapping {
            if known.contains(&key.as_str()) || is_other(key) || problems.is_full() {
                continue;
            }
            let problem = Diagnostic::error(&field.key, format!("{} has no field `{key}`", self.what));
            let meant = meant(key).filter(|meant| known.contains(&meant.name()));
            let near = nearest(key, known.iter().copied()).map(Meant::Field);
            problems.push(match meant.or(near) {
                Some(Meant::Field(name)) => problem.help(format!("did you mean `{name}`?")),
                Some(Meant::Within(name)) => problem.help(format!("it belongs into `{name}`")),
                None => problem,
            });
        }
    }

    /// The value of a field; `None` if it is absent or null.
    pub fn get(self, key: &str) -> Option<&'a Node> {
        self.mapping.get(key).map(|field| &field.node).filter(|node| !node.is_null())
    }

    /// The value of a field that must be there.
    pub fn require(self, key: &str, problems: &mut Diagnostics) -> Option<&'a Node> {
        let found = self.get(key);
        if found.is_none() {
            problems.error(self.span, format!("{} has no `{key}`, which it needs", self.what));
        }
        found
    }

    /// A text that may be absent.
    pub fn string(self, key: &str, problems: &mut Diagnostics) -> Option<&'a str> {
        let node = self.get(key)?;
        let text = node.as_str();
        if text.is_none() {
            self.wrong(key, "a text", node, problems);
        }
        text
    }

    /// A text that must be there.
    pub fn required_string(self, key: &str, problems: &mut Diagnostics) -> Option<&'a str> {
        self.require(key, problems)?;
        self.string(key, problems)
    }

    /// A boolean that may be absent.
    pub fn boolean(self, key: &str, problems: &mut Diagnostics) -> Option<bool> {
        let node = self.get(key)?;
        if let Content::Boolean(value) = node.value {
            return Some(value);
        }
        self.wrong(key, "true or false", node, problems);
        None
    }

    /// A whole number that may be absent.
    pub fn integer(self, key: &str, problems: &mut Diagnostics) -> Option<i64> {
        let node = self.get(key)?;
        if let Content::Integer(value) = node.value {
            return Some(value);
        }
        self.wrong(key, "a whole number", node, problems);
        None
    }

    /// The items of a list; none if it is absent.
    pub fn list(self, key: &str, problems: &mut Diagnostics) -> &'a [Node] {
        let Some(node) = self.get(key) else { return &[] };
        let items = node.as_sequence();
        if items.is_none() {
            self.wrong(key, "a list", node, problems);
        }
        items.unwrap_or_default()
    }

    /// Texts; none if the field is absent.
    pub fn strings(self, key: &str, problems: &mut Diagnostics) -> Vec<&'a str> {
        let items = self.list(key, problems);
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item.as_str() {
                Some(text) => texts.push(text),
                None => self.wrong(key, "a list of texts", item, problems),
            }
        }
        texts
    }

    /// A mapping that may be absent.
    pub fn mapping(self, key: &str, problems: &mut Diagnostics) -> Option<&'a Mapping> {
        let node = self.get(key)?;
        let mapping = node.as_mapping();
        if mapping.is_none() {
            self.wrong(key, "a mapping", node, problems);
        }
        mapping
    }

    /// The whole mapping.
    pub const fn all(self) -> &'a Mapping {
        self.mapping
    }

    /// Where it is.
    pub const fn span(self) -> &'a Span {
        self.span
    }

    fn wrong(self, key: &str, expected: &str, node: &Node, problems: &mut Diagnostics) {
        problems
            .error(&node.span, format!("`{key}` of {} must be {expected}, but there is {}", self.what, node.kind()));
    }
}

/// The candidate that a misspelt word most likely means.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let score = |candidate: &str| strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase());
    // One wrong character in three still tells what was meant. Very long words would take too long to compare.
    let limit = word.chars().take(200).count().div_ceil(3).min(4);
    let candidates = candidates.into_iter().filter(|candidate| candidate.len().max(word.len()) < 200);
    candidates
        .map(|candidate| (score(candidate), candidate))
        .filter(|(score, _)| *score <= limit)
        .min()
        .map(|(_, near)| near)
}
