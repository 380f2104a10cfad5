//! Conditions of a visa: an OR of ANDs of clauses, each to be met by one other visa (GA4GH Passport 1.2, "conditions").

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Visa, VisaType};
use crate::Quoted;

/// How many clauses a visa may have, in all.
const MOST_CLAUSES: usize = 100;
/// The longest text to compare with, in bytes; it bounds what a pattern costs.
const LONGEST: usize = 512;

/// What about a condition is not known. The whole visa is refused then: an alternative that is understood does not make
/// up for one that is not.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConditionProblem {
    /// They are not a list of lists of objects, or a list is empty.
    #[error("they are no list of lists of clauses")]
    Shape,
    /// There are more clauses, or longer ones, than are looked at.
    #[error("they are too many or too long")]
    TooLarge,
    /// A clause names no type, or one that is not known.
    #[error("a clause has no known `type`")]
    Type,
    /// A clause says nothing but its type.
    #[error("a clause says nothing beside its type")]
    Bare,
    /// A clause is about a field that must not be compared, or that is not known.
    #[error("a clause is about {0}, which cannot be compared")]
    Field(Quoted),
    /// A clause compares in a way that is not known.
    #[error("a clause compares by {0}, which is not known")]
    Match(Quoted),
}

/// The alternatives; none at all is no condition.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Conditions(Vec<Vec<Clause>>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Clause {
    kind: VisaType,
    matches: Vec<(Field, Match)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Field {
    Value,
    Source,
    By,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Match {
    Const(String),
    Pattern(String),
    SplitPattern(String),
}

impl Conditions {
    pub fn read(value: &Value) -> Result<Self, ConditionProblem> {
        let alternatives = value.as_array().ok_or(ConditionProblem::Shape)?;
        let mut count = 0;
        let mut read = Vec::new();
        for alternative in alternatives {
            let clauses =
                alternative.as_array().filter(|clauses| !clauses.is_empty()).ok_or(ConditionProblem::Shape)?;
            count += clauses.len();
            if count > MOST_CLAUSES {
                return Err(ConditionProblem::TooLarge);
            }
            let clause = |clause: &Value| Clause::read(clause.as_object().ok_or(ConditionProblem::Shape)?);
            read.push(clauses.iter().map(clause).collect::<Result<_, _>>()?);
        }
        Ok(Self(read))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Until when they are met by these visas, if they are; the visas must be valid, about the same person, and without
    /// conditions themselves: so there are no circles. Without conditions it is the end of time.
    pub fn met_until(&self, visas: &[&Visa]) -> Option<Timestamp> {
        if self.is_empty() {
            return Some(Timestamp::MAX);
        }
        let met = |clause: &Clause| visas.iter().filter(|visa| clause.is_met(visa)).map(|visa| visa.expires).max();
        let all_met = |clauses: &Vec<Clause>| {
            clauses.iter().map(met).try_fold(Timestamp::MAX, |first, until| Some(first.min(until?)))
        };
        self.0.iter().filter_map(all_met).max()
    }
}

impl Clause {
    fn read(fields: &Map<String, Value>) -> Result<Self, ConditionProblem> {
        let kind = fields.get("type").and_then(Value::as_str).and_then(|name| name.parse().ok());
        let kind = kind.ok_or(ConditionProblem::Type)?;
        let mut matches = Vec::new();
        for (name, value) in fields.iter().filter(|(name, _)| *name != "type") {
            let field = match name.as_str() {
                "value" => Field::Value,
                "source" => Field::Source,
                "by" => Field::By,
                _ => return Err(ConditionProblem::Field(Quoted::new(name))),
            };
            let text = value.as_str().ok_or_else(|| ConditionProblem::Field(Quoted::new(name)))?;
            matches.push((field, Match::read(text)?));
        }
        if matches.is_empty() {
            return Err(ConditionProblem::Bare);
        }
        Ok(Self { kind, matches })
    }

    /// All of a clause is met by the same visa.
    fn is_met(&self, visa: &Visa) -> bool {
        self.kind == visa.kind
            && self.matches.iter().all(|(field, wanted)| match field {
                Field::Value => wanted.fits(&visa.value),
                Field::Source => wanted.fits(&visa.source),
                Field::By => visa.by.is_some_and(|by| wanted.fits(by.name())),
            })
    }
}

impl Match {
    fn read(text: &str) -> Result<Self, ConditionProblem> {
        if text.len() > LONGEST {
            return Err(ConditionProblem::TooLarge);
        }
        let (prefix, rest) = text.split_once(':').unwrap_or((text, ""));
        match prefix {
            "const" => Ok(Self::Const(rest.to_owned())),
            "pattern" => Ok(Self::Pattern(rest.to_owned())),
            "split_pattern" => Ok(Self::SplitPattern(rest.to_owned())),
            _ => Err(ConditionProblem::Match(Quoted::new(prefix))),
        }
    }

    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Const(wanted) => wanted == text,
            Self::Pattern(pattern) => fits_pattern(pattern, text),
            Self::SplitPattern(pattern) => text.split(';').any(|part| fits_pattern(pattern, part)),
        }
    }
}

/// Whether a whole text fits a pattern: `?` is any one character, `*` any number of them, all else is itself.
fn fits_pattern(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // Where to go back to: behind the last `*`, and the text behind what it stands for so far.
    let (mut at, mut read, mut back) = (0, 0, None);
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                at += 1;
                back = Some((at, read));
            }
            Some(wanted) if *wanted == '?' || *wanted == text[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                // The last `*` takes one character more.
                let Some((after, from)) = back else { return false };
                back = Some((after, from + 1));
                (at, read) = (after, from + 1);
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}
