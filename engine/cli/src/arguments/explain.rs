//! The command line of `sluis plan`, `sluis explain` and `sluis report`.

use std::path::PathBuf;

use clap::Args;
use sluis_model::ProjectName;

/// `sluis plan`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  sluis plan germline.cwl inputs.yml\n  sluis plan --rerun align germline.cwl inputs.yml"
)]
pub struct Plan {
    /// The CWL document, with `#id` for one process of several.
    #[arg(value_name = "WORKFLOW")]
    pub workflow: String,
    /// The input object, YAML or JSON. Files are local paths or addresses of the store (b3:…).
    #[arg(value_name = "INPUTS")]
    pub inputs: Option<PathBuf>,
    /// The project on whose behalf.
    #[arg(long, default_value = "personal", value_name = "NAME")]
    pub project: ProjectName,
    /// As if every task were to be run anew.
    #[arg(long)]
    pub no_cache: bool,
    /// As if this step were to be run anew; give it several times for several.
    #[arg(long, value_name = "STEP", conflicts_with = "no_cache")]
    pub rerun: Vec<String>,
}

/// `sluis explain`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  sluis explain 20261123-1015\n  sluis explain 20261123-1015 align[3]")]
pub struct Explain {
    /// The run, or the beginning of its identifier.
    #[arg(value_name = "RUN")]
    pub run: String,
    /// One step by its path, with its place in a scatter if it has one; all steps if not given.
    #[arg(value_name = "STEP")]
    pub step: Option<String>,
}

/// `sluis report`
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  sluis report 20261123-1015 --to report.html --trace trace.tsv")]
pub struct Report {
    /// The run, or the beginning of its identifier.
    #[arg(value_name = "RUN")]
    pub run: String,
    /// The page to write; RUN.html in the current folder if neither this nor a trace is asked for.
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// The table to write, a line for each attempt at a task.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
}
