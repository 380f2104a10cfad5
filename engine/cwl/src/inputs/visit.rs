//! The files of a value, and what an input wants of each.

use sluis_model::{File, Value};

use crate::{ArrayType, Expression, InputParameter, RecordType, SecondaryFile, Type};

/// What an input, or a field of a record in it, wants of its files.
#[derive(Clone, Copy)]
pub(super) struct Wishes<'a> {
    pub secondary_files: &'a [SecondaryFile],
    pub format: &'a [Expression],
}

/// Calls `change` for each file of the value of an input. Secondary files and listings are left out.
pub(super) fn visit(input: &InputParameter, value: &mut Value, change: &mut dyn FnMut(&mut File, Wishes<'_>)) {
    let wishes = Wishes { secondary_files: &input.secondary_files, format: &input.format };
    visit_value(&input.ty, wishes, value, change);
}

fn visit_value(ty: &Type, wishes: Wishes<'_>, value: &mut Value, change: &mut dyn FnMut(&mut File, Wishes<'_>)) {
    match value {
        Value::File(file) => change(file, wishes),
        Value::Array(items) => {
            let of_items = array_in(ty).map_or(&Type::Any, |array| &*array.items);
            items.iter_mut().for_each(|item| visit_value(of_items, wishes, item, change));
        }
        Value::Record(values) => {
            for field in record_in(ty).into_iter().flat_map(|record| &record.fields) {
                if let Some(value) = values.get_mut(&field.name) {
                    let wishes = Wishes { secondary_files: &field.secondary_files, format: &field.format };
                    visit_value(&field.ty, wishes, value, change);
                }
            }
        }
        _ => {}
    }
}

fn array_in(ty: &Type) -> Option<&ArrayType> {
    match ty {
        Type::Array(array) => Some(array),
        Type::Union(types) => types.iter().find_map(array_in),
        _ => None,
    }
}

fn record_in(ty: &Type) -> Option<&RecordType> {
    match ty {
        Type::Record(record) => Some(record),
        Type::Union(types) => types.iter().find_map(record_in),
        _ => None,
    }
}
