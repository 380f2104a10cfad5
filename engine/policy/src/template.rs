//! Texts of policies with places for facts, as `the training of {person} has ended`.

use crate::{
    Facts,
    fact_text::{self, FactText},
};

#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    Text(String),
    /// The fact's place in the list of all that can be named.
    Fact(usize),
}

/// A text with places for facts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Template(Vec<Piece>);

/// The facts that a text names, with their values.
pub(crate) type Named = std::collections::BTreeMap<&'static str, String>;

impl Template {
    /// Reads a text; what is wrong with it, as a message, if a brace names no fact.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(open);
            let Some((name, after)) = from.strip_prefix('{').and_then(|inner| inner.split_once('}')) else {
                return Err("a brace stands alone: `{` and `}` enclose the name of a fact".to_owned());
            };
            let Some(fact) = fact_text::index_of(name) else {
                return Err(format!("`{{{name}}}` is no fact; there are {}", fact_text::names().join(", ")));
            };
            pieces.extend([Piece::Text(before.to_owned()), Piece::Fact(fact)]);
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        Ok(Self(pieces))
    }

    /// The places of the facts that it names.
    pub(crate) fn facts(&self) -> impl Iterator<Item = usize> {
        self.0.iter().filter_map(|piece| if let Piece::Fact(fact) = piece { Some(*fact) } else { None })
    }

    /// The text, with one of the items of a fact of which there are several, and the facts that it names.
    pub(crate) fn fill(&self, facts: &Facts, one_of: Option<(usize, &str)>, named: &mut Named) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Fact(fact) => {
                    let value = match one_of {
                        Some((several, item)) if several == *fact => item.to_owned(),
                        _ => match fact_text::value(*fact, facts) {
                            FactText::One(value) => value,
                            FactText::Each(values) => values.join(", "),
                        },
                    };
                    text.push_str(&value);
                    named.insert(fact_text::name(*fact), value);
                }
            }
        }
        text
    }
}
