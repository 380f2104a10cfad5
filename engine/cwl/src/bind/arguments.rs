//! The command line (CWL v1.2, CommandLineTool, Input binding).

use std::{borrow::Cow, slice};

use sluis_model::{Value, Values};

use super::BindError;
use crate::{
    Argument, CommandLineBinding, CommandLineTool, Position, Type,
    expression::{Session, to_argument, type_name, wrong_type},
};

/// A part of a sorting key. Numbers stand before names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Key {
    Number(i64),
    Name(String),
}

/// A binding and the value that it is applied to.
struct Leaf<'a> {
    key: Vec<Key>,
    binding: &'a CommandLineBinding,
    value: Value,
    /// Whether the value was computed: then the items of an array are words.
    computed: bool,
}

/// The binding of plain arguments, and of the items of an array that has an `inputBinding` but whose type has none.
static PLAIN: CommandLineBinding = CommandLineBinding {
    position: None,
    prefix: None,
    separate: true,
    item_separator: None,
    value_from: None,
    shell_quote: true,
};

/// The program and its arguments.
pub(super) fn command(
    tool: &CommandLineTool,
    inputs: &Values,
    session: &Session<'_>,
) -> Result<Vec<String>, BindError> {
    let builder = Builder { session };
    let mut leaves = Vec::new();
    for (argument, number) in tool.arguments.iter().zip(0..) {
        leaves.extend(builder.argument(number, argument)?);
    }
    for input in &tool.inputs {
        let value = inputs.get(&input.name).unwrap_or(&Value::Null);
        if !value.is_null() {
            let tail = [Key::Name(input.name.clone())];
            leaves.extend(builder.parameter(&input.ty, input.input_binding.as_ref(), value, &[], &tail)?);
        }
    }
    leaves.sort_by(|left, right| left.key.cmp(&right.key));
    words(tool, &leaves)
}

fn words(tool: &CommandLineTool, leaves: &[Leaf<'_>]) -> Result<Vec<String>, BindError> {
    let is_shell = tool.requirements.shell_command;
    let base = tool.base_command.iter().map(|word| (word.clone(), true));
    let mut words = base.collect::<Vec<_>>();
    for leaf in leaves {
        words.extend(leaf.words()?.into_iter().map(|word| (word, leaf.binding.shell_quote)));
    }
    if words.is_empty() {
        return Err(BindError::EmptyCommand);
    }
    if let Some((word, _)) = words.iter().find(|(word, _)| word.contains('\0')) {
        return Err(BindError::Nul(word.replace('\0', "\\0")));
    }
    if !is_shell {
        return Ok(words.into_iter().map(|(word, _)| word).collect());
    }
    let quoted = words.iter().map(|(word, quote)| {
        let quoted = if *quote { shlex::try_quote(word) } else { Ok(Cow::Borrowed(word.as_str())) };
        quoted.map_err(|_| BindError::Nul(word.clone()))
    });
    Ok(vec!["/bin/sh".to_owned(), "-c".to_owned(), quoted.collect::<Result<Vec<_>, _>>()?.join(" ")])
}

struct Builder<'s, 'a> {
    session: &'s Session<'a>,
}

impl Builder<'_, '_> {
    /// The argument; `None` if it says no value.
    fn argument<'t>(&self, number: i64, argument: &'t Argument) -> Result<Option<Leaf<'t>>, BindError> {
        let (position, binding, code) = match argument {
            Argument::Text(text) => (Key::Number(0), &PLAIN, text),
            Argument::Binding(binding) => {
                let Some(code) = &binding.value_from else { return Ok(None) };
                (self.position(binding, &Value::Null, &[])?, binding, code)
            }
        };
        let value = self.session.evaluate(code, &Value::Null, &format!("arguments[{number}]"))?;
        Ok(Some(Leaf { key: vec![position, Key::Number(number)], binding, value, computed: true }))
    }

    fn position(&self, binding: &CommandLineBinding, value: &Value, tail: &[Key]) -> Result<Key, BindError> {
        match &binding.position {
            None => Ok(Key::Number(0)),
            Some(Position::Number(number)) => Ok(Key::Number(*number)),
            Some(Position::Expression(expression)) => {
                let place = place(tail, "position");
                match self.session.evaluate(expression, value, &place)? {
                    Value::Null => Ok(Key::Number(0)),
                    Value::Integer(number) => Ok(Key::Number(number)),
                    other => Err(wrong_type(expression, &place, "an integer", &other).into()),
                }
            }
        }
    }

    /// The leaves of a parameter, a field or an item: its own binding and those within its type.
    fn parameter<'t>(
        &self,
        ty: &'t Type,
        binding: Option<&'t CommandLineBinding>,
        value: &Value,
        lead: &[Key],
        tail: &[Key],
    ) -> Result<Vec<Leaf<'t>>, BindError> {
        match (ty, value) {
            (Type::Union(types), _) => match types.iter().find(|ty| ty.accepts(value)) {
                Some(ty) => self.parameter(ty, binding, value, lead, tail),
                None => Ok(Vec::new()),
            },
            (Type::Any, Value::Array(items)) => self.items(ty, binding, items, tail),
            _ => {
                let inner = match binding {
                    Some(binding) if binding.value_from.is_some() => Vec::new(),
                    _ => self.schema(ty, binding, value, lead, tail)?,
                };
                self.with_own(inner, binding, value, lead, tail)
            }
        }
    }

    /// The leaves within a record, an array or an enum.
    fn schema<'t>(
        &self,
        ty: &'t Type,
        outer: Option<&'t CommandLineBinding>,
        value: &Value,
        lead: &[Key],
        tail: &[Key],
    ) -> Result<Vec<Leaf<'t>>, BindError> {
        match (ty, value) {
            (Type::Array(array), Value::Array(items)) => {
                let joins = outer.is_some_and(|outer| outer.item_separator.is_some());
                let plain = (outer.is_some() && !joins).then_some(&PLAIN);
                self.items(&array.items, array.input_binding.as_ref().or(plain), items, tail)
            }
            (Type::Record(record), Value::Record(fields)) => {
                let mut leaves = Vec::new();
                for field in &record.fields {
                    let Some(value) = fields.get(&field.name).filter(|value| !value.is_null()) else { continue };
                    let tail = [Key::Name(field.name.clone())];
                    leaves.extend(self.parameter(&field.ty, field.input_binding.as_ref(), value, lead, &tail)?);
                }
                self.with_own(leaves, record.input_binding.as_ref(), value, lead, tail)
            }
            (Type::Enum(symbols), value) => {
                self.with_own(Vec::new(), symbols.input_binding.as_ref(), value, lead, tail)
            }
            _ => Ok(Vec::new()),
        }
    }

    fn items<'t>(
        &self,
        ty: &'t Type,
        binding: Option<&'t CommandLineBinding>,
        items: &[Value],
        tail: &[Key],
    ) -> Result<Vec<Leaf<'t>>, BindError> {
        let mut leaves = Vec::new();
        for (item, number) in items.iter().zip(0..) {
            leaves.extend(self.parameter(ty, binding, item, &[Key::Number(number)], tail)?);
        }
        Ok(leaves)
    }

    /// The inner leaves with the binding that holds them, whose key stands before theirs.
    fn with_own<'t>(
        &self,
        mut leaves: Vec<Leaf<'t>>,
        own: Option<&'t CommandLineBinding>,
        value: &Value,
        lead: &[Key],
        tail: &[Key],
    ) -> Result<Vec<Leaf<'t>>, BindError> {
        let Some(binding) = own else { return Ok(leaves) };
        let key = [lead, &[self.position(binding, value, tail)?], tail].concat();
        for leaf in &mut leaves {
            leaf.key.splice(0..0, key.iter().cloned());
        }
        let value = match &binding.value_from {
            Some(expression) => self.session.evaluate(expression, value, &place(tail, "valueFrom"))?,
            None => value.clone(),
        };
        leaves.insert(0, Leaf { key, binding, value, computed: binding.value_from.is_some() });
        Ok(leaves)
    }
}

impl Leaf<'_> {
    fn words(&self) -> Result<Vec<String>, BindError> {
        let prefix = self.binding.prefix.clone();
        let words = match &self.value {
            Value::Array(items) if items.is_empty() => return Ok(Vec::new()),
            Value::Array(items) => match &self.binding.item_separator {
                Some(separator) => vec![texts(items)?.join(separator)],
                None if self.computed => return Ok(prefix.into_iter().chain(flattened(items)?).collect()),
                None => return Ok(prefix.into_iter().collect()),
            },
            Value::Record(_) | Value::Boolean(true) => return Ok(prefix.into_iter().collect()),
            Value::Boolean(false) | Value::Null => return Ok(Vec::new()),
            single => texts(slice::from_ref(single))?,
        };
        Ok(match prefix {
            None => words,
            Some(prefix) if self.binding.separate => std::iter::once(prefix).chain(words).collect(),
            Some(prefix) => words.into_iter().map(|word| format!("{prefix}{word}")).collect(),
        })
    }
}

fn texts(values: &[Value]) -> Result<Vec<String>, BindError> {
    values.iter().map(|value| to_argument(value).ok_or_else(|| BindError::NotText(type_name(value)))).collect()
}

/// The words of a computed array: of all items one after the other, where null adds nothing and an array its own items
/// (CWL v1.2, CommandLineBinding).
fn flattened(items: &[Value]) -> Result<Vec<String>, BindError> {
    let mut words = Vec::new();
    for item in items {
        match item {
            Value::Null => {}
            Value::Array(inner) => words.extend(flattened(inner)?),
            single => words.extend(texts(slice::from_ref(single))?),
        }
    }
    Ok(words)
}

/// Where a part of a binding stands: among the arguments, or with the input or field that `tail` names.
fn place(tail: &[Key], part: &str) -> String {
    match tail.last() {
        Some(Key::Name(name)) => format!("{name}.inputBinding.{part}"),
        _ => format!("arguments.{part}"),
    }
}
