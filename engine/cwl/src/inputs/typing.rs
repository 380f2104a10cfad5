//! Values against types.

use sluis_model::{Value, Values};

use crate::Type;
use crate::expression::type_name;

/// The value with numbers as the type wants them: whole numbers for floating point types as such, and floating point
/// numbers without a fraction as whole ones.
pub(super) fn coerced(ty: &Type, value: Value) -> Value {
    match (ty, value) {
        (Type::Float | Type::Double, Value::Integer(number)) => Value::Float(number as f64),
        (Type::Int | Type::Long, Value::Float(number)) if Type::Long.accepts(&Value::Float(number)) => {
            Value::Integer(number as i64)
        }
        (Type::Array(array), Value::Array(items)) => {
            Value::Array(items.into_iter().map(|item| coerced(&array.items, item)).collect())
        }
        (Type::Record(record), Value::Record(fields)) => {
            let of = |name: &str| record.fields.iter().find(|field| field.name == name).map(|field| &field.ty);
            let coerced_field = |(name, value): (String, Value)| {
                let value = of(&name).map_or_else(|| value.clone(), |ty| coerced(ty, value.clone()));
                (name, value)
            };
            Value::Record(fields.into_iter().map(coerced_field).collect::<Values>())
        }
        (Type::Union(types), value) => {
            // A whole number stays one where it may.
            let is_exact = |ty: &&Type| !matches!((ty, &value), (Type::Float | Type::Double, Value::Integer(_)));
            let mut fitting = types.iter().filter(|ty| ty.accepts(&value));
            let first = fitting.clone().find(is_exact).or_else(|| fitting.next());
            match first {
                Some(ty) => coerced(ty, value),
                None => value,
            }
        }
        (_, value) => value,
    }
}

/// Whether a value is of a type; else says which part of it is not. `name` is what the value is called.
pub(crate) fn check(ty: &Type, value: &Value, name: &str) -> Result<(), String> {
    if ty.accepts(value) {
        return Ok(());
    }
    match (ty, value) {
        (Type::Array(array), Value::Array(items)) => {
            let index = items.iter().position(|item| !array.items.accepts(item)).unwrap_or_default();
            let item = items.get(index).unwrap_or(&Value::Null);
            check(&array.items, item, &format!("item {index} of {name}"))
        }
        (Type::Record(record), Value::Record(fields)) => {
            let value_of = |name: &str| fields.get(name).unwrap_or(&Value::Null);
            match record.fields.iter().find(|field| !field.ty.accepts(value_of(&field.name))) {
                Some(field) => {
                    check(&field.ty, value_of(&field.name), &format!("the field `{}` of {name}", field.name))
                }
                None => Ok(()),
            }
        }
        (Type::Union(types), value) => {
            // With one kind of value besides null, say what is wrong within it.
            let mut rest = types.iter().filter(|ty| **ty != Type::Null);
            match (rest.next(), rest.next()) {
                (Some(only), None) if !value.is_null() => check(only, value, name),
                _ => Err(mismatch(ty, value, name)),
            }
        }
        _ => Err(mismatch(ty, value, name)),
    }
}

fn mismatch(ty: &Type, value: &Value, name: &str) -> String {
    match (ty, value) {
        (Type::Enum(ty), Value::String(symbol)) => {
            format!("{name} must be one of {}, but is {symbol}", ty.symbols.join(", "))
        }
        (Type::Int, Value::Integer(number)) => format!("{name} must be an int of 32 bits, but is {number}"),
        _ => format!("{name} must be {}, but is {}", ty.describe(), type_name(value)),
    }
}
