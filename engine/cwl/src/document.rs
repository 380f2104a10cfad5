//! The typed model of CWL v1.2 documents, as it stands after loading: references resolved, identifiers shortened,
//! requirements of workflows and steps pushed down to each process.

mod expressions;
mod requirements;
mod tool;
mod types;
mod values;
mod workflow;

use std::sync::Arc;

use sluis_yaml::Span;

pub(crate) use expressions::Surroundings;
pub use requirements::{
    Amount, Condition, CudaRequirement, DockerRequirement, EnvironmentDefinition, Requirements, ResourceRequirement,
    WorkDirEntry,
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
pub struct Expression {
    /// The text.
    pub text: String,
    /// Where it stands, if it comes from a document.
    pub at: Option<Span>,
}

impl From<&str> for Expression {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), at: None }
    }
}

/// What a document says about a part of it, for people.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct About {
    /// `label`: a short name.
    pub label: Option<String>,
    /// `doc`: an explanation.
    pub doc: Option<String>,
}

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

impl Process {
    /// The name of its document and its fragment, for people.
    pub fn name(&self) -> &str {
        match self {
            Self::CommandLineTool(tool) => &tool.name,
            Self::ExpressionTool(tool) => &tool.name,
            Self::Workflow(workflow) => &workflow.name,
            Self::Operation(operation) => &operation.name,
        }
    }

    /// What the document says about it.
    pub fn about(&self) -> &About {
        match self {
            Self::CommandLineTool(tool) => &tool.about,
            Self::ExpressionTool(tool) => &tool.about,
            Self::Workflow(workflow) => &workflow.about,
            Self::Operation(operation) => &operation.about,
        }
    }

    /// Its class.
    pub const fn class(&self) -> &'static str {
        match self {
            Self::CommandLineTool(_) => "CommandLineTool",
            Self::ExpressionTool(_) => "ExpressionTool",
            Self::Workflow(_) => "Workflow",
            Self::Operation(_) => "Operation",
        }
    }

    /// Its inputs.
    pub fn inputs(&self) -> &[InputParameter] {
        match self {
            Self::CommandLineTool(tool) => &tool.inputs,
            Self::ExpressionTool(tool) => &tool.inputs,
            Self::Workflow(workflow) => &workflow.inputs,
            Self::Operation(operation) => &operation.inputs,
        }
    }

    /// The names, types and descriptions of its outputs.
    pub fn outputs(&self) -> Vec<(&str, &Type, &About)> {
        fn of_tool(outputs: &[OutputParameter]) -> Vec<(&str, &Type, &About)> {
            outputs.iter().map(|output| (&*output.name, &output.ty, &output.about)).collect()
        }
        match self {
            Self::CommandLineTool(tool) => of_tool(&tool.outputs),
            Self::ExpressionTool(tool) => of_tool(&tool.outputs),
            Self::Operation(operation) => of_tool(&operation.outputs),
            Self::Workflow(workflow) => {
                workflow.outputs.iter().map(|output| (&*output.name, &output.ty, &output.about)).collect()
            }
        }
    }
}
