//! CWL documents to checked workflows to bound tasks; expressions.

mod bind;
mod check;
mod collect;
mod contents;
mod document;
pub mod expression;
mod expression_tool;
mod inputs;
mod load;
mod ontology;
mod secondary;
mod step;

pub use bind::{BindError, BoundTool, Offer, StagingError, bind, bind_on};
pub use collect::{CollectError, PlaceError};
pub use contents::{CONTENTS_LIMIT, Contents, ContentsError};
pub use document::{
    About, Amount, Argument, ArrayType, CommandLineBinding, CommandLineTool, Condition, CudaRequirement,
    DockerRequirement, EnumType, EnvironmentDefinition, Expression, ExpressionTool, InputParameter, LinkMerge,
    Operation, OutputBinding, OutputParameter, PickValue, Position, Process, RecordField, RecordType, Requirements,
    ResourceRequirement, Scatter, ScatterMethod, SecondaryFile, Source, StepInput, Type, WorkDirEntry, Workflow,
    WorkflowOutput, WorkflowStep,
};
pub use expression::Evaluator;
pub use expression_tool::ExpressionToolError;
pub use inputs::{InputProblem, InputProblems, Inputs, read_inputs, tool_of_job};
pub use load::{Loaded, LocalOnly, RemoteDocuments, Snapshot, SnapshotError, load, load_for, load_whole};
pub use ontology::Ontologies;
pub use step::{Lookup, Scattered, Shape, StepError};
