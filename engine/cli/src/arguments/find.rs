//! The command line of `sluis find`.

use clap::{Args, Subcommand};
use sluis_model::{DatasetName, ProjectName};

/// `sluis find`
#[derive(Subcommand, Debug)]
pub enum Find {
    /// List every object that was made from one, through any number of tasks.
    #[command(after_help = "Example:\n  sluis find derived b3:5f0c81")]
    Derived(FindDerived),
    /// List the runs that were permitted to use a dataset.
    #[command(after_help = "Example:\n  sluis find runs --dataset trial-7")]
    Runs(FindRuns),
    /// Show the run of a workflow that completed last among those that were given an object.
    #[command(after_help = "Example:\n  sluis find newest germline.cwl --input b3:5f0c81")]
    Newest(FindNewest),
}

/// `sluis find derived`
#[derive(Args, Debug)]
pub struct FindDerived {
    /// The object's address, or its beginning.
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// The project on whose behalf.
    #[arg(long, default_value = "personal", value_name = "NAME")]
    pub project: ProjectName,
}

/// `sluis find runs`
#[derive(Args, Debug)]
pub struct FindRuns {
    /// The dataset.
    #[arg(long, value_name = "NAME")]
    pub dataset: DatasetName,
}

/// `sluis find newest`
#[derive(Args, Debug)]
pub struct FindNewest {
    /// The workflow's file name, with `#id` if it was run with one.
    #[arg(value_name = "WORKFLOW")]
    pub workflow: String,
    /// An object that the run was given: a file that it read, or its input object. An address or its beginning.
    #[arg(long, value_name = "ADDRESS")]
    pub input: String,
    /// The project on whose behalf.
    #[arg(long, default_value = "personal", value_name = "NAME")]
    pub project: ProjectName,
}
