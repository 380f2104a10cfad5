//! Parameter references (CWL v1.2, Expressions, "Parameter references"), evaluated without JavaScript.

use std::borrow::Cow;

use sluis_model::Value;

use super::{Scope, view::field};

/// A parsed parameter reference: `inputs.reads[0].basename`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reference<'a> {
    symbol: &'a str,
    segments: Vec<Segment<'a>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Segment<'a> {
    Field(Cow<'a, str>),
    Index(usize),
}

/// What makes a parameter reference fail.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReferenceError {
    /// The first name is none of the three.
    #[error("`{0}` is not defined; a reference begins with `inputs`, `self` or `runtime`")]
    Symbol(String),
    /// A field that is not there.
    #[error("`{path}` has no field `{field}`")]
    Field {
        /// The part of the reference before it.
        path: String,
        /// The name of the field.
        field: String,
    },
    /// An index beyond the end or into something that is no array.
    #[error("`{path}` has no item {index}")]
    Index {
        /// The part of the reference before it.
        path: String,
        /// The number of the item, from zero.
        index: usize,
    },
}

/// What `runtime` has (CWL v1.2, Runtime environment).
const RUNTIME: [&str; 8] =
    ["outdir", "tmpdir", "cores", "ram", "outdirSize", "tmpdirSize", "cudaDeviceCount", "exitCode"];

impl<'a> Reference<'a> {
    /// Parses a reference; `None` if the text is not one and only JavaScript can say what it means.
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (symbol, mut rest) = take_word(text)?;
        let mut segments = Vec::new();
        while !rest.is_empty() {
            let (segment, after) = take_segment(rest)?;
            segments.push(segment);
            rest = after;
        }
        Some(Self { symbol, segments })
    }

    /// Why it names nothing, whatever the inputs are.
    pub fn names_nothing(&self) -> Option<String> {
        match (self.symbol, self.segments.first()) {
            ("inputs" | "self", _) => None,
            ("null", None) => None,
            ("runtime", Some(Segment::Field(name))) if !RUNTIME.contains(&name.as_ref()) => {
                let path = "runtime".to_owned();
                Some(ReferenceError::Field { path, field: name.clone().into_owned() }.to_string())
            }
            ("runtime", _) => None,
            (symbol, _) => Some(ReferenceError::Symbol(symbol.to_owned()).to_string()),
        }
    }

    /// The input that it names, if it names one.
    pub fn input(&self) -> Option<&str> {
        match self.segments.first() {
            Some(Segment::Field(name)) if self.symbol == "inputs" => Some(name),
            _ => None,
        }
    }

    /// The value it names.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, ReferenceError> {
        if self.symbol == "null" && self.segments.is_empty() {
            return Ok(Value::Null);
        }
        let (mut value, rest) = match self.symbol {
            "inputs" => match self.segments.split_first() {
                None => return Ok(Value::Record(scope.inputs.clone())),
                Some((Segment::Field(name), rest)) => {
                    let value = scope.inputs.get(name.as_ref()).ok_or_else(|| self.missing(0))?;
                    (Cow::Borrowed(value), rest)
                }
                Some(_) => return Err(self.missing(0)),
            },
            "self" => (Cow::Borrowed(scope.this), &self.segments[..]),
            "runtime" => (Cow::Borrowed(scope.runtime), &self.segments[..]),
            _ => return Err(ReferenceError::Symbol(self.symbol.to_owned())),
        };
        let done = self.segments.len() - rest.len();
        for (number, segment) in rest.iter().enumerate() {
            value = match value {
                Cow::Borrowed(value) => step(value, segment),
                Cow::Owned(value) => step(&value, segment).map(|found| Cow::Owned(found.into_owned())),
            }
            .ok_or_else(|| self.missing(done + number))?;
        }
        Ok(value.into_owned())
    }

    fn missing(&self, at: usize) -> ReferenceError {
        let path = self.segments[..at].iter().fold(self.symbol.to_owned(), |path, segment| match segment {
            Segment::Field(name) => format!("{path}.{name}"),
            Segment::Index(index) => format!("{path}[{index}]"),
        });
        match &self.segments[at] {
            Segment::Field(field) => ReferenceError::Field { path, field: field.to_string() },
            Segment::Index(index) => ReferenceError::Index { path, index: *index },
        }
    }
}

fn step<'v>(value: &'v Value, segment: &Segment<'_>) -> Option<Cow<'v, Value>> {
    match (value, segment) {
        (Value::Array(items), Segment::Index(index)) => items.get(*index).map(Cow::Borrowed),
        (Value::Array(items), Segment::Field(name)) if name == "length" => {
            Some(Cow::Owned(Value::Integer(i64::try_from(items.len()).ok()?)))
        }
        (Value::Record(fields), Segment::Field(name)) => fields.get(name.as_ref()).map(Cow::Borrowed),
        (_, Segment::Field(name)) => field(value, name).map(Cow::Owned),
        _ => None,
    }
}

fn take_word(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn take_segment(text: &str) -> Option<(Segment<'_>, &str)> {
    if let Some(rest) = text.strip_prefix('.') {
        let (word, rest) = take_word(rest)?;
        return Some((Segment::Field(Cow::Borrowed(word)), rest));
    }
    let inside = text.strip_prefix('[')?;
    match inside.chars().next()? {
        quote @ ('\'' | '"') => take_quoted(inside, quote),
        _ => {
            let (digits, rest) = inside.split_once(']')?;
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse().ok()).flatten().map(|index| (Segment::Index(index), rest))
        }
    }
}

/// A quoted field name and its closing bracket. A backslash may escape the quote or a backslash; what any other escape
/// means is left to JavaScript.
fn take_quoted(inside: &str, quote: char) -> Option<(Segment<'_>, &str)> {
    let mut name = Cow::Borrowed("");
    let body = &inside[1..];
    let mut characters = body.char_indices();
    let mut plain = 0;
    while let Some((at, character)) = characters.next() {
        if character == quote {
            append(&mut name, &body[plain..at]);
            let rest = body[at + 1..].strip_prefix(']')?;
            return Some((Segment::Field(name), rest));
        }
        if character == '\\' {
            let (next, escaped) = characters.next()?;
            if escaped != quote && escaped != '\\' {
                return None;
            }
            append(&mut name, &body[plain..at]);
            plain = next;
        }
    }
    None
}

fn append<'a>(name: &mut Cow<'a, str>, text: &'a str) {
    if name.is_empty() {
        *name = Cow::Borrowed(text);
    } else {
        name.to_mut().push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::{any, proptest};

    use super::{Reference, Segment};

    fn fields(text: &str) -> Option<Vec<String>> {
        let reference = Reference::parse(text)?;
        Some(
            reference
                .segments
                .iter()
                .map(|segment| match segment {
                    Segment::Field(Cow::Borrowed(name)) => (*name).to_owned(),
                    Segment::Field(Cow::Owned(name)) => name.clone(),
                    Segment::Index(index) => format!("#{index}"),
                })
                .collect(),
        )
    }

    #[test]
    fn the_grammar_of_references() {
        assert_eq!(fields("inputs").unwrap(), Vec::<String>::new());
        assert_eq!(fields(" inputs.a_b[12]['b\\'c'][\"d\\\\\"] ").unwrap(), ["a_b", "#12", "b'c", "d\\"]);
        for text in ["", "inputs.", "inputs[", "inputs[a]", "inputs['a'", "inputs.a + 1", "inputs.f()", "inputs['\\n']"]
        {
            assert_eq!(Reference::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            let _ = Reference::parse(&text);
        }

        #[test]
        fn no_text_of_telling_characters_makes_the_parser_panic(text in r#"inputs[.\[\]'"\\a0é ]{0,30}"#) {
            let _ = Reference::parse(&text);
        }
    }
}
