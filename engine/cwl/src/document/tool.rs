//! CommandLineTool, ExpressionTool and Operation.

use std::sync::Arc;

use sluis_model::{ListingDepth, Value};

use super::{About, Condition, Expression, Requirements, Type};
use crate::Ontologies;

/// A process that runs a command (CWL v1.2, CommandLineTool).
#[derive(Clone, PartialEq, Debug, Default)]
pub struct CommandLineTool {
    /// The document's file name and fragment, for people.
    pub name: String,
    /// What the document says about it.
    pub about: About,
    /// Its inputs.
    pub inputs: Vec<InputParameter>,
    /// Its outputs.
    pub outputs: Vec<OutputParameter>,
    /// The effective requirements and hints.
    pub requirements: Requirements,
    /// The program and its first arguments.
    pub base_command: Vec<String>,
    /// Arguments that belong to no input.
    pub arguments: Vec<Argument>,
    /// The file given as standard input.
    pub stdin: Option<Expression>,
    /// The name of the file that takes standard output.
    pub stdout: Option<Expression>,
    /// The name of the file that takes standard error.
    pub stderr: Option<Expression>,
    /// Exit codes that mean success; empty means 0.
    pub success_codes: Vec<i32>,
    /// Exit codes after which another try may succeed.
    pub temporary_fail_codes: Vec<i32>,
    /// Exit codes after which it cannot.
    pub permanent_fail_codes: Vec<i32>,
}

/// An argument that belongs to no input.
#[derive(Clone, PartialEq, Debug)]
pub enum Argument {
    /// A text, or an expression.
    Text(Expression),
    /// A binding with `valueFrom`.
    Binding(CommandLineBinding),
}

/// How a value goes onto the command line (CWL v1.2, CommandLineBinding).
#[derive(Clone, PartialEq, Debug)]
pub struct CommandLineBinding {
    /// The sorting key; 0 if absent.
    pub position: Option<Position>,
    /// What stands before the value.
    pub prefix: Option<String>,
    /// Whether prefix and value are separate arguments.
    pub separate: bool,
    /// Joins the items of an array to one argument.
    pub item_separator: Option<String>,
    /// What is used in place of the value.
    pub value_from: Option<Expression>,
    /// Whether the argument is quoted for the shell (with ShellCommandRequirement).
    pub shell_quote: bool,
}

impl Default for CommandLineBinding {
    fn default() -> Self {
        Self { position: None, prefix: None, separate: true, item_separator: None, value_from: None, shell_quote: true }
    }
}

/// The position of a binding.
#[derive(Clone, PartialEq, Debug)]
pub enum Position {
    /// As written.
    Number(i64),
    /// Computed, with the value as `self`.
    Expression(Expression),
}

/// An input of a process.
#[derive(Clone, PartialEq, Debug)]
pub struct InputParameter {
    /// Its name.
    pub name: String,
    /// What the document says about it.
    pub about: About,
    /// Its type.
    pub ty: Type,
    /// The value if none is given.
    pub default: Option<Value>,
    /// Why the default that stands in the document cannot be read; `default` is then none.
    pub unreadable_default: Option<String>,
    /// How it goes onto the command line.
    pub input_binding: Option<CommandLineBinding>,
    /// Files that travel with it.
    pub secondary_files: Vec<SecondaryFile>,
    /// The formats that it may have.
    pub format: Vec<Expression>,
    /// What tells which formats are kinds of these.
    pub ontologies: Arc<Ontologies>,
    /// Whether expressions see the beginning of the file.
    pub load_contents: bool,
    /// How deep expressions see a directory.
    pub load_listing: Option<ListingDepth>,
    /// Whether the file is read once from front to back.
    pub streamable: bool,
}

impl InputParameter {
    /// Whether the document gives a default, be it one that cannot be read.
    pub const fn has_default(&self) -> bool {
        self.default.is_some() || self.unreadable_default.is_some()
    }
}

/// A pattern for secondary files (CWL v1.2, SecondaryFileSchema).
#[derive(Clone, PartialEq, Debug)]
pub struct SecondaryFile {
    /// A suffix, with a leading `^` for each extension to take off first, or an expression.
    pub pattern: Expression,
    /// Whether the file must be there; `None` stands for the default: it must for inputs, need not for outputs.
    pub required: Option<Condition>,
}

/// An output of a tool.
#[derive(Clone, PartialEq, Debug)]
pub struct OutputParameter {
    /// Its name.
    pub name: String,
    /// What the document says about it.
    pub about: About,
    /// Its type.
    pub ty: Type,
    /// How it is found.
    pub output_binding: Option<OutputBinding>,
    /// Files that travel with it.
    pub secondary_files: Vec<SecondaryFile>,
    /// The format that it gets.
    pub format: Option<Expression>,
    /// Whether the file is written once from front to back.
    pub streamable: bool,
}

/// How an output is found (CWL v1.2, CommandOutputBinding).
#[derive(Clone, PartialEq, Debug, Default)]
pub struct OutputBinding {
    /// File name patterns.
    pub glob: Vec<Expression>,
    /// Whether `outputEval` sees the beginning of each file.
    pub load_contents: bool,
    /// How deep `outputEval` sees a directory.
    pub load_listing: Option<ListingDepth>,
    /// Computes the value from the files found.
    pub output_eval: Option<Expression>,
}

/// A process that evaluates an expression (CWL v1.2, ExpressionTool).
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ExpressionTool {
    /// The document's file name and fragment, for people.
    pub name: String,
    /// What the document says about it.
    pub about: About,
    /// Its inputs.
    pub inputs: Vec<InputParameter>,
    /// Its outputs.
    pub outputs: Vec<OutputParameter>,
    /// The effective requirements and hints.
    pub requirements: Requirements,
    /// Gives the output object.
    pub expression: Expression,
}

/// A process that is not written yet (CWL v1.2, Operation).
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Operation {
    /// The document's file name and fragment, for people.
    pub name: String,
    /// What the document says about it.
    pub about: About,
    /// Its inputs.
    pub inputs: Vec<InputParameter>,
    /// Its outputs.
    pub outputs: Vec<OutputParameter>,
}
