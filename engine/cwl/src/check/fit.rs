//! Whether values of one type can be used as values of another.

use crate::{ArrayType, RecordType, Type};

/// How well a type fits another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Fit {
    /// No value fits.
    Never,
    /// Some values fit.
    Sometimes,
    /// Every value fits.
    Always,
}

/// How well values of `from` fit `to`.
pub(super) fn fit(from: &Type, to: &Type) -> Fit {
    match (from, to) {
        (Type::Union(types), to) => {
            let each = types.iter().map(|ty| fit(ty, to));
            let (least, most) =
                each.fold((Fit::Always, Fit::Never), |(least, most), one| (least.min(one), most.max(one)));
            if most == Fit::Never { Fit::Never } else { least.max(Fit::Sometimes) }
        }
        (from, Type::Union(types)) => types.iter().map(|ty| fit(from, ty)).max().unwrap_or(Fit::Never),
        (Type::Null, Type::Null) => Fit::Always,
        (Type::Null, _) | (_, Type::Null) => Fit::Never,
        // `Any` says nothing that could be held against it.
        (Type::Any, _) | (_, Type::Any) => Fit::Always,
        (Type::Array(from), Type::Array(to)) => fit_items(from, to),
        (Type::Record(from), Type::Record(to)) => fit_records(from, to),
        (Type::Enum(from), Type::Enum(to)) => {
            let shared = from.symbols.iter().filter(|symbol| to.symbols.contains(symbol)).count();
            if shared == 0 {
                Fit::Never
            } else if shared == from.symbols.len() {
                Fit::Always
            } else {
                Fit::Sometimes
            }
        }
        (Type::Enum(_), Type::String) => Fit::Always,
        (Type::String, Type::Enum(_)) => Fit::Always,
        (from, to) if is_file(from) && is_file(to) => Fit::Always,
        (from, to) => fit_simple(from, to),
    }
}

/// The type without null.
pub(super) fn without_null(ty: &Type) -> Type {
    match ty {
        Type::Union(types) => {
            let mut rest: Vec<_> = types.iter().filter(|ty| **ty != Type::Null).cloned().collect();
            if rest.len() == 1 { rest.remove(0) } else { Type::Union(rest) }
        }
        ty => ty.clone(),
    }
}

/// An array of a type.
pub(super) fn array_of(ty: Type) -> Type {
    Type::Array(ArrayType { items: Box::new(ty), input_binding: None })
}

fn is_file(ty: &Type) -> bool {
    matches!(ty, Type::File | Type::Stdin | Type::Stdout | Type::Stderr)
}

fn fit_items(from: &ArrayType, to: &ArrayType) -> Fit {
    // An empty array fits everything, but nobody means that.
    fit(&from.items, &to.items)
}

fn fit_records(from: &RecordType, to: &RecordType) -> Fit {
    let each = to.fields.iter().map(|wanted| {
        let given = from.fields.iter().find(|field| field.name == wanted.name);
        fit(given.map_or(&Type::Null, |field| &field.ty), &wanted.ty)
    });
    each.min().unwrap_or(Fit::Always)
}

fn fit_simple(from: &Type, to: &Type) -> Fit {
    use Type::{Double, Float, Int, Long};
    let fits = match (from, to) {
        (Int | Long, Int | Long | Float | Double) | (Float | Double, Float | Double) => true,
        (from, to) => from == to,
    };
    if fits { Fit::Always } else { Fit::Never }
}

#[cfg(test)]
mod tests {
    use super::{Fit, array_of, fit};
    use crate::Type;

    #[test]
    fn types_fit_as_their_values_do() {
        let optional = |ty| Type::Union(vec![Type::Null, ty]);
        for (from, to, expected) in [
            (Type::File, Type::File, Fit::Always),
            (Type::Stdout, Type::File, Fit::Always),
            (Type::Int, Type::Double, Fit::Always),
            (Type::Double, Type::Int, Fit::Never),
            (Type::String, Type::Int, Fit::Never),
            (optional(Type::File), Type::File, Fit::Sometimes),
            (Type::File, optional(Type::File), Fit::Always),
            (optional(Type::File), optional(Type::File), Fit::Always),
            (optional(Type::Int), Type::File, Fit::Never),
            (Type::Null, Type::Any, Fit::Never),
            (array_of(Type::File), Type::File, Fit::Never),
            (array_of(optional(Type::File)), array_of(Type::File), Fit::Sometimes),
        ] {
            assert_eq!(fit(&from, &to), expected, "{} to {}", from.describe(), to.describe());
        }
    }
}
