//! JSON of strangers: every name once, and not deeply nested.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, Map, Value};

/// How deeply a token or an answer may be nested. The deepest that a standard needs are the conditions of a visa.
pub const DEEPEST: usize = 12;

/// What is wrong with a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JsonError {
    Syntax,
    Deep,
    Duplicate(String),
}

/// Reads an object whose names are all different. `serde_json` alone would keep the last of two equal names, and the
/// signer's own reader perhaps the first.
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    let found = Cell::new(None);
    let mut deserializer = Deserializer::from_slice(bytes);
    let value = Strict { left: DEEPEST, found: &found }.deserialize(&mut deserializer);
    match value.and_then(|value| deserializer.end().map(|()| value)) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(JsonError::Syntax),
        Err(_) => Err(found.take().unwrap_or(JsonError::Syntax)),
    }
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    left: usize,
    found: &'a Cell<Option<JsonError>>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let Some(left) = self.left.checked_sub(1) else {
            self.found.set(Some(JsonError::Deep));
            return Err(E::custom("nested too deeply"));
        };
        Ok(Self { left, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if object.contains_key(&name) {
                self.found.set(Some(JsonError::Duplicate(name)));
                return Err(A::Error::custom("a name stands twice"));
            }
            let value = entries.next_value_seed(inner)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}
