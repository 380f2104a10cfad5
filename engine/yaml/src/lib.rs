//! YAML 1.2 with source positions, and the diagnostics that point into it.
//!
//! [`parse`] reads one document into a tree of [`Node`]s by the core schema. Whatever is wrong goes into
//! [`Diagnostics`], all at once, each with the place concerned. [`Fields`] reads a mapping whose keys are known.

mod compose;
mod diagnostic;
mod fields;
mod node;
mod relaxed;
mod scalar;
mod span;

pub use compose::{parse, read};
pub use diagnostic::{Diagnostic, Diagnostics, Label, Severity};
pub use fields::{Fields, Meant, nearest};
pub use node::{Content, Field, Mapping, Node};
pub use span::Span;
