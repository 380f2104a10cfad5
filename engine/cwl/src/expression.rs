//! Parameter references and expressions (CWL v1.2, Expressions).
//!
//! Parameter references are evaluated without JavaScript. Where InlineJavascriptRequirement allows it, everything else
//! runs in an embedded engine that sees nothing but its variables. A session serves the expressions of one task or
//! step in their fixed order, in an engine of its own, so that results depend on documents and inputs alone.

mod javascript;
mod reference;
mod render;
mod scan;
mod session;
mod syntax;
mod view;

use std::time::Duration;

use sluis_model::{Value, ValueError, Values};

pub use javascript::Limits;
pub(crate) use reference::Reference;
pub use reference::ReferenceError;
pub(crate) use render::{sorted, to_argument};
pub(crate) use scan::newer_escapes;
pub use scan::{Piece, Unclosed, is_expression, scan};
pub(crate) use session::{Session, type_name, wrong_type};
pub(crate) use syntax::Syntax;

/// Evaluates expressions; cheap to clone, and shared by all threads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Evaluator {
    limits: Limits,
}

impl Evaluator {
    /// An evaluator with other limits than the default ones.
    pub const fn with_limits(limits: Limits) -> Self {
        Self { limits }
    }
}

/// What names in an expression stand for.
pub(crate) struct Scope<'a> {
    pub inputs: &'a Values,
    pub this: &'a Value,
    pub runtime: &'a Value,
}

/// An expression that could not be evaluated.
#[derive(Debug, thiserror::Error)]
#[error("cannot evaluate `{expression}` in {place}")]
pub struct ExpressionError {
    /// The expression, shortened.
    pub expression: String,
    /// Where it stands in the document: `inputs.reads.inputBinding.valueFrom (align.cwl:12:5)`.
    pub place: String,
    /// Why not.
    #[source]
    pub cause: EvaluationError,
}

/// Why an expression could not be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// It is never closed.
    #[error(transparent)]
    Unclosed(#[from] Unclosed),
    /// A parameter reference names nothing.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// It is JavaScript, which the document does not ask for.
    #[error("`{0}` is no parameter reference; add InlineJavascriptRequirement to evaluate it as JavaScript")]
    NeedsJavascript(String),
    /// The JavaScript is wrong or threw.
    #[error("JavaScript: {0}")]
    Script(String),
    /// A part of the expression library is wrong or threw.
    #[error("expressionLib[{number}] cannot be loaded")]
    Library {
        /// Which part, from zero.
        number: usize,
        /// Why.
        #[source]
        cause: Box<EvaluationError>,
    },
    /// It took too long.
    #[error("it was stopped after {0:?}, the limit for an expression")]
    TimeLimit(Duration),
    /// It wanted too much memory.
    #[error("it wanted more than {0} MiB of memory, the limit for an expression")]
    Memory(usize),
    /// Its result is not a CWL value.
    #[error("its result is not a CWL value")]
    Value(#[source] ValueError),
    /// Its result is not JSON, for instance because it is nested too deep.
    #[error("its result cannot be read")]
    Json(#[source] serde_json::Error),
    /// Its result has another type than its place needs.
    #[error("its result must be {expected}, but is {found}")]
    Type {
        /// What is needed.
        expected: &'static str,
        /// What came.
        found: &'static str,
    },
}

#[cfg(test)]
mod tests;
