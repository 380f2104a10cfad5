//! The tree of a document.

use indexmap::IndexMap;

use crate::Span;

/// A mapping by its keys, in the order of the document.
pub type Mapping = IndexMap<String, Field>;

/// A value and its place.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// The value.
    pub value: Content,
    /// Its place. That of a sequence or a mapping is where it begins.
    pub span: Span,
}

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub enum Content {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    String(String),
    /// Items.
    Sequence(Vec<Node>),
    /// Fields.
    Mapping(Mapping),
}

/// A field of a mapping.
#[derive(Clone, PartialEq, Debug)]
pub struct Field {
    /// The place of the key.
    pub key: Span,
    /// The value.
    pub node: Node,
}

impl Node {
    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Content::String(text) => Some(text),
            _ => None,
        }
    }

    /// The items, if it is a sequence.
    pub fn as_sequence(&self) -> Option<&[Self]> {
        match &self.value {
            Content::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The fields, if it is a mapping.
    pub fn as_mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Content::Mapping(fields) => Some(fields),
            _ => None,
        }
    }

    /// The value of a field, if it is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_mapping()?.get(key).map(|field| &field.node)
    }

    /// Whether it is null.
    pub const fn is_null(&self) -> bool {
        matches!(self.value, Content::Null)
    }

    /// What kind of value it is, for messages.
    pub const fn kind(&self) -> &'static str {
        match self.value {
            Content::Null => "null",
            Content::Boolean(_) => "a boolean",
            Content::Integer(_) | Content::Float(_) => "a number",
            Content::String(_) => "a text",
            Content::Sequence(_) => "a list",
            Content::Mapping(_) => "a mapping",
        }
    }
}
