//! The files of a value, and what an input wants of each.

use sluis_model::{File, Value};

use crate::{Expression, InputParameter, SecondaryFile, Type};

/// What an input, or a field of a record in it, wants of its files.
#[derive(Clone, Copy)]
pub(crate) struct Wishes<'a> {
    pub secondary_files: &'a [SecondaryFile],
    pub format: &'a [Expression],
}

/// Calls `change` for each file of the value of an input. Secondary files and listings are left out.
pub(super) fn visit(input: &InputParameter, value: &mut Value, change: &mut dyn FnMut(&mut File, Wishes<'_>)) {
    let wishes = Wishes { secondary_files: &input.secondary_files, format: &input.format };
    visit_value(&input.ty, wishes, value, change);
}

fn visit_value(ty: &Type, wishes: Wishes<'_>, value: &mut Value, change: &mut dyn FnMut(&mut File, Wishes<'_>)) {
    let ty = chosen(ty, value);
    match value {
        Value::File(file) => change(file, wishes),
        Value::Array(items) => {
            let of_items = if let Type::Array(array) = ty { &*array.items } else { &Type::Any };
            items.iter_mut().for_each(|item| visit_value(of_items, wishes, item, change));
        }
        Value::Record(values) => {
            let fields = if let Type::Record(record) = ty { record.fields.as_slice() } else { &[] };
            for field in fields {
                if let Some(value) = values.get_mut(&field.name) {
                    let wishes = Wishes { secondary_files: &field.secondary_files, format: &field.format };
                    visit_value(&field.ty, wishes, value, change);
                }
            }
        }
        _ => {}
    }
}

/// The type of a union that a value has.
fn chosen<'t>(ty: &'t Type, value: &Value) -> &'t Type {
    match ty {
        Type::Union(types) => types.iter().find(|ty| ty.accepts(value)).map_or(ty, |ty| chosen(ty, value)),
        ty => ty,
    }
}
