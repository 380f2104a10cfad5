//! The typed model of CWL v1.2 documents, as it stands after loading: references resolved, identifiers shortened,
//! requirements of workflows and steps pushed down to each process.

mod requirements;
mod tool;
mod types;
mod values;
mod workflow;

use std::sync::Arc;

pub use requirements::{
    Amount, Condition, DockerRequirement, EnvironmentDefinition, Requirements, ResourceRequirement, WorkDirEntry,
};
pub use tool::{
    Argument, CommandLineBinding, CommandLineTool, ExpressionTool, InputParameter, Operation, OutputBinding,
    OutputParameter, Position, SecondaryFile,
};
pub use types::{ArrayType, EnumType, RecordField, RecordType, Type};
pub use workflow::{
    LinkMerge, PickValue, Scatter, ScatterMethod, Source, StepInput, Workflow, WorkflowOutput, WorkflowStep,
};

/// A text that may hold parameter references and expressions (CWL v1.2, Expressions).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Expression(pub String);

/// A process of any class.
#[derive(Clone, Debug)]
pub enum Process {
    /// Runs a command.
    CommandLineTool(Arc<CommandLineTool>),
    /// Evaluates an expression.
    ExpressionTool(Arc<ExpressionTool>),
    /// Runs steps.
    Workflow(Arc<Workflow>),
    /// Stands for a process that is not written yet.
    Operation(Arc<Operation>),
}
