//! Types of parameters (CWL v1.2, CWLType, and the record, enum and array schemas).

use sluis_model::{ListingDepth, Value};

use super::{CommandLineBinding, Expression, OutputBinding, SecondaryFile};

/// The type of a parameter.
#[derive(Clone, PartialEq, Debug)]
pub enum Type {
    /// `null`
    Null,
    /// `boolean`
    Boolean,
    /// `int`
    Int,
    /// `long`
    Long,
    /// `float`
    Float,
    /// `double`
    Double,
    /// `string`
    String,
    /// `File`
    File,
    /// `Directory`
    Directory,
    /// `Any`: everything but null.
    Any,
    /// `stdin`: a file that is given to the command as its standard input.
    Stdin,
    /// `stdout`: the file that takes the command's standard output.
    Stdout,
    /// `stderr`: the file that takes the command's standard error.
    Stderr,
    /// One of some symbols.
    Enum(EnumType),
    /// Named fields.
    Record(RecordType),
    /// Items of one type.
    Array(ArrayType),
    /// Any one of several types.
    Union(Vec<Type>),
}

/// An enum schema.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct EnumType {
    /// The symbols, without the schema's name.
    pub symbols: Vec<String>,
    /// How a value of it goes onto the command line.
    pub input_binding: Option<CommandLineBinding>,
}

/// A record schema.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RecordType {
    /// The fields in the order of the document.
    pub fields: Vec<RecordField>,
    /// How a value of it goes onto the command line.
    pub input_binding: Option<CommandLineBinding>,
}

/// A field of a record schema.
#[derive(Clone, PartialEq, Debug)]
pub struct RecordField {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// How an input goes onto the command line.
    pub input_binding: Option<CommandLineBinding>,
    /// How an output is found.
    pub output_binding: Option<OutputBinding>,
    /// Files that travel with it.
    pub secondary_files: Vec<SecondaryFile>,
    /// The formats that it may have (input), or the one that it gets (output).
    pub format: Vec<Expression>,
    /// Whether expressions see the beginning of the file.
    pub load_contents: bool,
    /// How deep expressions see a directory.
    pub load_listing: Option<ListingDepth>,
}

/// An array schema.
#[derive(Clone, PartialEq, Debug)]
pub struct ArrayType {
    /// The type of the items.
    pub items: Box<Type>,
    /// How each item goes onto the command line.
    pub input_binding: Option<CommandLineBinding>,
}

impl Type {
    /// Whether a value is of this type. An integer is also a double; a `long` holds every integer, an `int` those of
    /// 32 bits.
    pub fn accepts(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Any, value) => !value.is_null(),
            (Self::Null, Value::Null)
            | (Self::Boolean, Value::Boolean(_))
            | (Self::Long | Self::Float | Self::Double, Value::Integer(_))
            | (Self::Float | Self::Double, Value::Float(_))
            | (Self::String, Value::String(_))
            | (Self::File | Self::Stdin | Self::Stdout | Self::Stderr, Value::File(_))
            | (Self::Directory, Value::Directory(_)) => true,
            (Self::Int, Value::Integer(value)) => i32::try_from(*value).is_ok(),
            // JavaScript does not tell 3.0 from 3, and JSON writes large whole numbers with an exponent.
            (Self::Long, Value::Float(value)) => value.fract() == 0.0 && value.abs() < 9.2e18,
            (Self::Enum(ty), Value::String(symbol)) => ty.symbols.contains(symbol),
            (Self::Array(ty), Value::Array(items)) => items.iter().all(|item| ty.items.accepts(item)),
            (Self::Record(ty), Value::Record(fields)) => {
                ty.fields.iter().all(|field| field.ty.accepts(fields.get(&field.name).unwrap_or(&Value::Null)))
            }
            (Self::Union(types), value) => types.iter().any(|ty| ty.accepts(value)),
            _ => false,
        }
    }

    /// Whether null is among the values of the type.
    pub fn takes_null(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Union(types) => types.iter().any(Self::takes_null),
            _ => false,
        }
    }

    /// Whether a part of the type says how its values go onto the command line.
    pub fn has_binding(&self) -> bool {
        match self {
            Self::Enum(ty) => ty.input_binding.is_some(),
            Self::Array(ty) => ty.input_binding.is_some() || ty.items.has_binding(),
            Self::Union(types) => types.iter().any(Self::has_binding),
            Self::Record(ty) => {
                let binds = |field: &RecordField| field.input_binding.is_some() || field.ty.has_binding();
                ty.input_binding.is_some() || ty.fields.iter().any(binds)
            }
            _ => false,
        }
    }

    /// Whether a process may give a value as an output of this type: as [`Type::accepts`], but `Any` takes null too, for
    /// which the next step may have a default.
    pub fn accepts_output(&self, value: &Value) -> bool {
        matches!((self, value), (Self::Any, Value::Null)) || self.accepts(value)
    }

    /// The type in the words of a document: `File[]?`.
    pub fn describe(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Boolean => "boolean".to_owned(),
            Self::Int => "int".to_owned(),
            Self::Long => "long".to_owned(),
            Self::Float => "float".to_owned(),
            Self::Double => "double".to_owned(),
            Self::String => "string".to_owned(),
            Self::File => "File".to_owned(),
            Self::Directory => "Directory".to_owned(),
            Self::Any => "Any".to_owned(),
            Self::Stdin => "stdin".to_owned(),
            Self::Stdout => "stdout".to_owned(),
            Self::Stderr => "stderr".to_owned(),
            Self::Enum(ty) => format!("enum of {}", ty.symbols.join(", ")),
            Self::Record(ty) => {
                let fields: Vec<_> = ty.fields.iter().map(|field| field.name.as_str()).collect();
                format!("record of {}", fields.join(", "))
            }
            Self::Array(ty) => match &*ty.items {
                Self::Union(_) | Self::Enum(_) | Self::Record(_) => format!("array of ({})", ty.items.describe()),
                items => format!("{}[]", items.describe()),
            },
            Self::Union(types) => match types.as_slice() {
                [Self::Null, other] | [other, Self::Null] if !matches!(other, Self::Union(_)) => {
                    format!("{}?", other.describe())
                }
                types => types.iter().map(Self::describe).collect::<Vec<_>>().join(" | "),
            },
        }
    }
}
