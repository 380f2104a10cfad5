//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sluis_model::{Address, DatasetName, EuCountry, ProjectName};

/// Runs CWL workflows on sealed genomic data, inside the EU, with every access decided and written down.
#[derive(Parser, Debug)]
#[command(name = "sluis", version, max_term_width = 110, after_help = EXAMPLES)]
pub struct Arguments {
    /// The site's folder; SLUIS_SITE if not given, else the user's data folder.
    #[arg(long, global = true, value_name = "DIR")]
    pub site: Option<PathBuf>,
    /// Print JSON for scripts instead of tables for people.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  sluis init --country NL                                   make a personal site
  sluis run germline.cwl inputs.yml                         seal the inputs, run, seal the outputs
  sluis run --outdir results germline.cwl inputs.yml        the same, and write the outputs in plain
  sluis provenance 20261123-101500-3fa2b1                   where a run's results came from
Exit codes: 0 success, 1 a tool failed, 2 usage, 3 invalid workflow or inputs, 4 refused, 5 damaged data,
6 the machine lacks something, 7 a fault of sluis, 33 unsupported feature, 130 cancelled.";

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Make a personal site: its keys, registry, policy and store.
    Init(Init),
    /// Seal files into a dataset and print their addresses.
    Put(Put),
    /// Check a workflow or tool and print every problem with its place.
    Validate(Validate),
    /// Run a workflow or tool and print its output object as JSON.
    Run(Run),
    /// Show the runs of the site, or one run with its tasks.
    Status(Status),
    /// Print what a run's tasks printed.
    Logs(Logs),
    /// List the objects of the store.
    Ls,
    /// Show what the store knows of an object.
    Show(Show),
    /// Write an object in plain to a file.
    Export(Export),
    /// Show where a run's or an object's data came from.
    Provenance(Provenance),
    /// Read or verify the audit log.
    Audit(Audit),
    /// Run a workflow or tool as the CWL standard's tools expect it: as `run`, with the outputs in the current folder.
    ///
    /// A link to sluis that is named `cwl-runner` does the same.
    #[command(version, after_help = "Example:\n  cwltest --test conformance_tests.yaml --tool cwl-runner")]
    CwlRunner(Run),
    /// Print a completion script for a shell.
    Completions(Completions),
}

/// `sluis init`
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  sluis init --country NL")]
pub struct Init {
    /// The EU country in which the site's own machines stand, by its two-letter code.
    #[arg(long, value_name = "COUNTRY")]
    pub country: EuCountry,
    /// The site's name.
    #[arg(long, default_value = "personal")]
    pub name: String,
    /// Allow work while this machine swaps to an unencrypted disk: only for data that are public anyway.
    #[arg(long)]
    pub allow_unencrypted_swap: bool,
}

/// `sluis put`
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  sluis put reads_1.fastq.gz reads_2.fastq.gz --dataset trial-7")]
pub struct Put {
    /// The files to seal.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The dataset of the registry to which they belong.
    #[arg(long, default_value = "personal", value_name = "NAME")]
    pub dataset: DatasetName,
    /// The project on whose behalf.
    #[arg(long, default_value = "personal", value_name = "NAME")]
    pub project: ProjectName,
}

/// `sluis validate`
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  sluis validate germline.cwl")]
pub struct Validate {
    /// The CWL document, with `#id` for one process of several.
    #[arg(value_name = "WORKFLOW")]
    pub workflow: String,
    /// An input object to check against it.
    #[arg(value_name = "INPUTS")]
    pub inputs: Option<PathBuf>,
}

/// `sluis run`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  sluis run germline.cwl inputs.yml\n  sluis run --outdir results germline.cwl inputs.yml"
)]
pub struct Run {
    /// The CWL document, with `#id` for one process of several.
    #[arg(value_name = "WORKFLOW")]
    pub workflow: String,
    /// The input object, YAML or JSON. Files are local paths or addresses of the store (b3:…).
    #[arg(value_name = "INPUTS")]
    pub inputs: Option<PathBuf>,
    /// Export the outputs in plain to this folder when the run has completed.
    #[arg(long, value_name = "DIR")]
    pub outdir: Option<PathBuf>,
    /// The project on whose behalf.
    #[arg(long, default_value = "personal", value_name = "NAME")]
    pub project: ProjectName,
    /// The dataset to which plain local input files belong; they are sealed on the way in.
    #[arg(long, default_value = "personal", value_name = "NAME")]
    pub dataset: DatasetName,
    /// What a failed task means for the rest of the run.
    #[arg(long, value_enum, default_value_t = OnFailure::Finish)]
    pub on_failure: OnFailure,
    /// Run every task anew instead of using earlier results.
    #[arg(long)]
    pub no_cache: bool,
    /// Print nothing but the output object and errors.
    #[arg(long, short)]
    pub quiet: bool,
}

/// What a failed task means for the rest of the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum OnFailure {
    /// What depends on it is not run; the rest finishes.
    Finish,
    /// Everything stops at once.
    Stop,
}

/// `sluis status`
#[derive(Args, Debug)]
pub struct Status {
    /// The run, or the beginning of its identifier; all runs if not given.
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
}

/// `sluis logs`
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  sluis logs 20261123-1015 align/mem")]
pub struct Logs {
    /// The run, or the beginning of its identifier.
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Only tasks whose step's path begins so.
    #[arg(value_name = "STEP")]
    pub step: Option<String>,
}

/// `sluis show`
#[derive(Args, Debug)]
pub struct Show {
    /// The object's address, or its beginning.
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// The project on whose behalf.
    #[arg(long, default_value = "personal", value_name = "NAME")]
    pub project: ProjectName,
}

/// `sluis export`
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  sluis export b3:5f0c81 --to variants.vcf.gz")]
pub struct Export {
    /// The object's address, or its beginning.
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// The file to write; it must not exist yet.
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// The project on whose behalf.
    #[arg(long, default_value = "personal", value_name = "NAME")]
    pub project: ProjectName,
}

/// `sluis provenance`
#[derive(Args, Debug)]
pub struct Provenance {
    /// A run, an object's address, or the beginning of either.
    #[arg(value_name = "RUN|ADDRESS")]
    pub subject: String,
    /// The project on whose behalf.
    #[arg(long, default_value = "personal", value_name = "NAME")]
    pub project: ProjectName,
}

/// `sluis audit`
#[derive(Args, Debug)]
pub struct Audit {
    /// What to do with the log.
    #[command(subcommand)]
    pub action: AuditAction,
}

/// What to do with the audit log.
#[derive(Subcommand, Debug)]
pub enum AuditAction {
    /// Check every record, the chain that joins them and the signed checkpoint.
    #[command(after_help = "An auditor needs no site, only a copy of its audit folder and of keys/audit.pub:\n  \
                            sluis audit verify --log audit --public-key audit.pub")]
    Verify {
        /// A copy of a site's audit folder.
        #[arg(long, value_name = "DIR", requires = "public_key")]
        log: Option<PathBuf>,
        /// The site's public audit key.
        #[arg(long, value_name = "FILE", requires = "log")]
        public_key: Option<PathBuf>,
    },
    /// Print the records.
    List,
}

/// `sluis completions`
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  sluis completions bash > ~/.local/share/bash-completion/completions/sluis")]
pub struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// A full address, if the text is one.
pub(crate) fn full_address(text: &str) -> Option<Address> {
    text.parse().ok()
}
