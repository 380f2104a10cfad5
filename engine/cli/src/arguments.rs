//! The command line.

mod access;
mod audit;
mod crypt;
mod delegation;
mod explain;
mod find;
mod image;
mod key;
mod store;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sluis_bucket::{Endpoint, Place};
use sluis_model::{Address, CloudRegion, DatasetName, EuCountry, Labels, ProjectName, SubjectName};
use sluis_schedule::Priority;

use crate::containers::ContainerExecutor;

pub use access::{Access, AccessQuestion, Airlock, Login, Registry, Withdraw};
pub use audit::{Audit, AuditAction, AuditDecision, AuditFormat, AuditSearch};
pub use crypt::{Crypt, CryptFiles};
pub use delegation::Delegation;
pub use explain::{Explain, Plan, Report};
pub use find::{Find, FindDerived, FindNewest, FindRuns};
pub use image::Image;
pub use key::{Key, Recover, Recovery};
pub use store::{Gc, Store, UsageBy};

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
    /// The file that holds the passphrase of the site's key (or its token's PIN; with `crypt`, of the key file), and that
    /// only you can read;
    /// SLUIS_PASSPHRASE_FILE if not given, else the terminal.
    #[arg(long, global = true, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
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
    /// List the inputs and outputs of a workflow or tool, or write an input object to fill in.
    Describe(Describe),
    /// Run a workflow or tool and print its output object as JSON.
    Run(Run),
    /// Go on with a run whose engine was killed, or whose machine was started anew, or with all of them.
    Resume(Resume),
    /// Show the runs of the site, or one run with its tasks.
    Status(Status),
    /// Print what a run's tasks printed.
    Logs(Logs),
    /// Show what a run would do: what is cached, what would run and why.
    Plan(Plan),
    /// Explain why a step ran again, why it waits, or why it failed.
    Explain(Explain),
    /// Write a page about a run, or a table of its tasks.
    Report(Report),
    /// List the objects of the store.
    Ls,
    /// Show what the store knows of an object.
    Show(Show),
    /// Write an object in plain to a file.
    Export(Export),
    /// Let somebody else read an object with their own key: seal its data key for them.
    Grant(Grant),
    /// Take back what was granted.
    #[command(after_help = "Example:\n  sluis revoke b3:5f0c81 --recipient lab.pub")]
    Revoke(Grant),
    /// Show everything that was made of a subject's data, and erase it.
    Erase(Erase),
    /// Withdraw a subject's consent: stop what uses their data, and erase what was made of it.
    Withdraw(Withdraw),
    /// Let results leave the site after somebody else has looked at them.
    #[command(subcommand)]
    Airlock(Airlock),
    /// Let programs act for you: scheduled jobs.
    #[command(subcommand)]
    Delegation(Delegation),
    /// Explain who may do what, and why.
    #[command(subcommand)]
    Access(Access),
    /// Check the registry of institutions, people, projects and datasets.
    #[command(subcommand)]
    Registry(Registry),
    /// Log in with an issuer that the site trusts.
    Login(Login),
    /// Forget the login.
    Logout,
    /// Show who is logged in.
    Whoami,
    /// Show where a run's or an object's data came from.
    Provenance(Provenance),
    /// Find what was made from an object, the runs that used a dataset, or a workflow's newest result.
    #[command(subcommand)]
    Find(Find),
    /// Read, verify, prove or export the audit log.
    Audit(Audit),
    /// Keep the store in order: what it holds, what nobody needs, whether all of it is whole.
    #[command(subcommand)]
    Store(Store),
    /// The site's own key: its passphrase, another key in its place, recovery by several people.
    #[command(subcommand)]
    Key(Key),
    /// The images in which tools run where there is no Docker daemon.
    #[command(subcommand)]
    Image(Image),
    /// Run a workflow or tool as the CWL standard's tools expect it: as `run`, with the outputs in the current folder.
    ///
    /// A link to sluis that is named `cwl-runner` does the same.
    #[command(version, after_help = "Example:\n  cwltest --test conformance_tests.yaml --tool cwl-runner")]
    CwlRunner(Run),
    /// Crypt4GH files outside of any site: keys, encryption, other recipients, parts.
    #[command(subcommand)]
    Crypt(Crypt),
    /// Print a completion script for a shell.
    Completions(Completions),
}

/// `sluis init`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  sluis init --country NL\n  \
                        sluis init --country NL --store gs://genomes/sluis --region europe-west4")]
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
    /// Keep the store in a bucket, gs://NAME/PREFIX or s3://NAME/PREFIX, instead of the site's folder.
    #[arg(long, value_name = "BUCKET", requires = "region")]
    pub store: Option<Place>,
    /// The EU region in which the bucket lies, such as europe-west4; its server must say so, too.
    #[arg(long, value_name = "REGION", requires = "store")]
    pub region: Option<CloudRegion>,
    /// The bucket's server, if it is not the cloud's own.
    #[arg(long, value_name = "URL", requires = "store")]
    pub endpoint: Option<Endpoint>,
}

/// `sluis put`
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  sluis put reads_1.fastq.gz reads_2.fastq.gz --dataset trial-7 --subject P012")]
pub struct Put {
    /// The files to seal.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub origin: Origin,
    /// The project on whose behalf.
    #[arg(long, default_value = "personal", value_name = "NAME")]
    pub project: ProjectName,
}

/// Where plain files come from.
#[derive(Args, Debug)]
pub struct Origin {
    /// The dataset of the registry to which plain files belong; they are sealed on the way in.
    #[arg(long, default_value = "personal", value_name = "NAME")]
    pub dataset: DatasetName,
    /// The pseudonym of a subject of that dataset whose data they are, or of a sample of theirs; give it several times for
    /// several.
    #[arg(long, value_name = "PSEUDONYM")]
    pub subject: Vec<SubjectName>,
}

impl Origin {
    /// The labels of what is taken in from there.
    pub fn labels(&self) -> Labels {
        let mut labels = Labels::of_dataset(self.dataset.clone());
        labels.subjects.extend(self.subject.iter().cloned());
        labels
    }
}

/// `sluis validate`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  sluis validate germline.cwl inputs.yml\n  \
                        sluis validate --format sarif germline.cwl > problems.sarif\n  \
                        sluis validate --graph germline.cwl > germline.svg")]
pub struct Validate {
    /// The CWL document, with `#id` for one process of several.
    #[arg(value_name = "WORKFLOW")]
    pub workflow: String,
    /// An input object to check against it.
    #[arg(value_name = "INPUTS")]
    pub inputs: Option<PathBuf>,
    /// How problems are told: for people to standard error, the others to standard output.
    #[arg(long, value_enum, default_value_t = ProblemFormat::People)]
    pub format: ProblemFormat,
    /// Print a drawing of the workflow as SVG.
    #[arg(long, conflicts_with_all = ["format", "json"])]
    pub graph: bool,
}

/// How problems are told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ProblemFormat {
    /// With the lines concerned.
    People,
    /// A list of objects.
    Json,
    /// SARIF 2.1.0, which editors and code hosts read.
    Sarif,
}

/// `sluis describe`
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  sluis describe germline.cwl\n  sluis describe --template germline.cwl > inputs.yml"
)]
pub struct Describe {
    /// The CWL document, with `#id` for one process of several.
    #[arg(value_name = "WORKFLOW")]
    pub workflow: String,
    /// Write an input object to fill in instead.
    #[arg(long)]
    pub template: bool,
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
    #[command(flatten)]
    pub origin: Origin,
    /// What a failed task means for the rest of the run.
    #[arg(long, value_enum, default_value_t = OnFailure::Finish)]
    pub on_failure: OnFailure,
    /// How its tasks stand against those of your other runs on the same machine, as long as one engine carries them out:
    /// -8 to 8, each step counts twice as much as the one below.
    #[arg(long, default_value_t, value_name = "N", allow_negative_numbers = true)]
    pub priority: Priority,
    /// Run every task anew instead of using earlier results.
    #[arg(long)]
    pub no_cache: bool,
    /// Run this step anew, with all that is in it, instead of using an earlier result; give it several times for
    /// several. What depends on it is run anew only if its outputs are others than before.
    #[arg(long, value_name = "STEP", conflicts_with = "no_cache")]
    pub rerun: Vec<String>,
    /// Write a table to this file, a line for each attempt at a task, as `report --trace` does.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// What runs tools in containers, whatever the site says.
    #[arg(long, value_enum, value_name = "EXECUTOR")]
    pub executor: Option<ContainerExecutor>,
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

/// `sluis resume`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  sluis resume 20261123-1015\n  sluis resume --all")]
pub struct Resume {
    /// The run, or the beginning of its identifier.
    #[arg(value_name = "RUN", required_unless_present = "all")]
    pub run: Option<String>,
    /// Go on with every interrupted run that you may see, at once, and say what became of each.
    #[arg(long, conflicts_with_all = ["run", "outdir", "trace"])]
    pub all: bool,
    /// Export the outputs in plain to this folder when the run has completed.
    #[arg(long, value_name = "DIR")]
    pub outdir: Option<PathBuf>,
    /// Write a table of the whole run to this file when it has ended, as `report --trace` does.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Print nothing but the output object and errors.
    #[arg(long, short)]
    pub quiet: bool,
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
    /// Write a Crypt4GH file for those to whom the object was granted, instead of the plain content.
    #[arg(long)]
    pub sealed: bool,
    /// The project on whose behalf.
    #[arg(long, default_value = "personal", value_name = "NAME")]
    pub project: ProjectName,
}

/// `sluis grant` and `sluis revoke`
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  sluis grant b3:5f0c81 --recipient lab.pub\n  \
                        sluis export --sealed b3:5f0c81 --to reads.bam.c4gh")]
pub struct Grant {
    /// The object's address, or its beginning.
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// The recipient's public key.
    #[arg(long, value_name = "FILE")]
    pub recipient: PathBuf,
    /// The project on whose behalf.
    #[arg(long, default_value = "personal", value_name = "NAME")]
    pub project: ProjectName,
}

/// `sluis erase`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  sluis erase P012          what would be erased\n  \
                        sluis erase P012 --yes    erase it, once the registry says that the consent is withdrawn")]
pub struct Erase {
    /// The subject's pseudonym.
    #[arg(value_name = "SUBJECT")]
    pub subject: SubjectName,
    /// Erase, and do not only show what would be.
    #[arg(long)]
    pub yes: bool,
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
