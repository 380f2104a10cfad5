//! Workflows (CWL v1.2, Workflow).

use sluis_model::{ListingDepth, Value};

use super::{About, Expression, InputParameter, Process, Requirements, Type};

/// A process that runs steps.
#[derive(Clone, Debug, Default)]
pub struct Workflow {
    /// The document's file name and fragment, for people.
    pub name: String,
    /// What the document says about it.
    pub about: About,
    /// Its inputs.
    pub inputs: Vec<InputParameter>,
    /// Its outputs.
    pub outputs: Vec<WorkflowOutput>,
    /// Its steps, in the order of the document.
    pub steps: Vec<WorkflowStep>,
    /// The effective requirements and hints.
    pub requirements: Requirements,
}

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Source {
    /// An input of the workflow.
    WorkflowInput(String),
    /// An output of a step.
    StepOutput {
        /// The step.
        step: String,
        /// The output.
        output: String,
    },
}

/// How the values of several sources become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkMerge {
    /// An array with one item for each source.
    MergeNested,
    /// The items of all sources in one array.
    MergeFlattened,
}

/// How null values are dealt with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PickValue {
    /// The first that is not null.
    FirstNonNull,
    /// The one that is not null.
    TheOnlyNonNull,
    /// All that are not null.
    AllNonNull,
}

/// An output of a workflow.
#[derive(Clone, Debug)]
pub struct WorkflowOutput {
    /// Its name.
    pub name: String,
    /// What the document says about it.
    pub about: About,
    /// Its type.
    pub ty: Type,
    /// Where its value comes from.
    pub sources: Vec<Source>,
    /// How several sources are merged; `None` for a single source whose value is taken as it is.
    pub link_merge: Option<LinkMerge>,
    /// How nulls are dealt with.
    pub pick_value: Option<PickValue>,
}

/// A step of a workflow.
#[derive(Clone, Debug)]
pub struct WorkflowStep {
    /// Its name.
    pub id: String,
    /// What the document says about it.
    pub about: About,
    /// What it runs.
    pub run: Process,
    /// Its inputs.
    pub inputs: Vec<StepInput>,
    /// The outputs of the process that the workflow can use.
    pub outputs: Vec<String>,
    /// Over which inputs it is repeated.
    pub scatter: Option<Scatter>,
    /// Whether it runs at all.
    pub when: Option<Expression>,
    /// What holds for the step's own expressions.
    pub requirements: Requirements,
}

/// An input of a step.
#[derive(Clone, Debug, Default)]
pub struct StepInput {
    /// Its name: an input of the process, or a name that only expressions see.
    pub name: String,
    /// Where its value comes from.
    pub sources: Vec<Source>,
    /// How several sources are merged; `None` for a single source whose value is taken as it is.
    pub link_merge: Option<LinkMerge>,
    /// How nulls are dealt with.
    pub pick_value: Option<PickValue>,
    /// The value if no source gives one.
    pub default: Option<Value>,
    /// Why the default that stands in the document cannot be read; `default` is then none.
    pub unreadable_default: Option<String>,
    /// Computes the value.
    pub value_from: Option<Expression>,
    /// Whether expressions see the beginning of the file.
    pub load_contents: bool,
    /// How deep expressions see a directory.
    pub load_listing: Option<ListingDepth>,
}

impl StepInput {
    /// Whether the document gives a default, be it one that cannot be read.
    pub const fn has_default(&self) -> bool {
        self.default.is_some() || self.unreadable_default.is_some()
    }
}

/// How a step is repeated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scatter {
    /// The inputs whose items are taken one by one; never empty.
    pub inputs: Vec<String>,
    /// How several of them are combined.
    pub method: ScatterMethod,
}

/// How several scattered inputs are combined (CWL v1.2, ScatterMethod).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScatterMethod {
    /// The first items, the second items, …; all arrays have the same length.
    Dotproduct,
    /// Each combination; outputs are nested as deep as there are inputs.
    NestedCrossproduct,
    /// Each combination; outputs are one array.
    FlatCrossproduct,
}
