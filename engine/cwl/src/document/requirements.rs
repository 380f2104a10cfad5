//! Requirements and hints, merged to what holds for a process (CWL v1.2, Requirements and hints).

use sluis_model::{GpuKind, ListingDepth, Value};

use super::Expression;

/// What holds for a process: requirements before hints, the innermost before those of steps and workflows around it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Requirements {
    /// InlineJavascriptRequirement: the expression library, empty if there is none.
    pub javascript: Option<Vec<String>>,
    /// DockerRequirement
    pub docker: Option<DockerRequirement>,
    /// InitialWorkDirRequirement
    pub initial_work_dir: Vec<WorkDirEntry>,
    /// EnvVarRequirement
    pub environment: Vec<EnvironmentDefinition>,
    /// ShellCommandRequirement
    pub shell_command: bool,
    /// ResourceRequirement
    pub resources: ResourceRequirement,
    /// `cwltool:CUDARequirement`
    pub cuda: Option<CudaRequirement>,
    /// ToolTimeLimit, in seconds; zero means none.
    pub time_limit: Option<Amount>,
    /// NetworkAccess
    pub network_access: Option<Condition>,
    /// WorkReuse
    pub work_reuse: Option<Condition>,
    /// LoadListingRequirement
    pub load_listing: Option<ListingDepth>,
    /// InplaceUpdateRequirement
    pub inplace_update: bool,
}

/// The container of a tool.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DockerRequirement {
    /// `dockerPull`: the name of the image.
    pub pull: Option<String>,
    /// `dockerImageId`: another name, or the digest of its content.
    pub image_id: Option<String>,
    /// `dockerOutputDirectory`
    pub output_directory: Option<String>,
    /// Whether it is a requirement rather than a hint.
    pub required: bool,
}

/// Something to put into the working directory.
#[derive(Clone, PartialEq, Debug)]
pub enum WorkDirEntry {
    /// A `Dirent`.
    Dirent {
        /// A text, or an expression that gives a text, a File, a Directory, an array of these or any other value.
        entry: Expression,
        /// The name that it gets.
        entry_name: Option<Expression>,
        /// Whether the command may change it.
        writable: bool,
    },
    /// A File, a Directory or an array of these, as written.
    Value(Value),
    /// An expression that gives such, null, or an array of Dirents.
    Expression(Expression),
}

/// A variable of the command's environment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnvironmentDefinition {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Expression,
}

/// What a tool needs of the machine; memory and disk in MiB.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ResourceRequirement {
    /// `coresMin`
    pub cores_min: Option<Amount>,
    /// `coresMax`
    pub cores_max: Option<Amount>,
    /// `ramMin`
    pub ram_min: Option<Amount>,
    /// `ramMax`
    pub ram_max: Option<Amount>,
    /// `tmpdirMin`
    pub tmpdir_min: Option<Amount>,
    /// `tmpdirMax`
    pub tmpdir_max: Option<Amount>,
    /// `outdirMin`
    pub outdir_min: Option<Amount>,
    /// `outdirMax`
    pub outdir_max: Option<Amount>,
}

/// The GPUs that a tool needs, or uses if there are any.
#[derive(Clone, PartialEq, Debug)]
pub struct CudaRequirement {
    /// `cudaVersionMin` and `cudaComputeCapability`
    pub kind: GpuKind,
    /// `cudaDeviceCountMin`
    pub count_min: Option<Amount>,
    /// `cudaDeviceCountMax`
    pub count_max: Option<Amount>,
    /// Whether it is a requirement rather than a hint.
    pub required: bool,
}

/// A number, or an expression that gives one.
#[derive(Clone, PartialEq, Debug)]
pub enum Amount {
    /// As written.
    Number(f64),
    /// Computed.
    Expression(Expression),
}

/// A boolean, or an expression that gives one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Condition {
    /// As written.
    Fixed(bool),
    /// Computed.
    Expression(Expression),
}
