//! The command lines of `sluis access`, `registry`, `withdraw`, `airlock` and `login`.

use std::path::PathBuf;

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use sluis_model::{ProjectName, SubjectName};

/// `sluis login`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  sluis login\n  sluis login --device")]
pub struct Login {
    /// The issuer, if the site trusts several.
    #[arg(long, value_name = "URL")]
    pub issuer: Option<String>,
    /// Log in on another device, such as a telephone, instead of this machine's browser.
    #[arg(long)]
    pub device: bool,
}

/// `sluis registry`
#[derive(Subcommand, Debug)]
pub enum Registry {
    /// Check a registry as a whole and print every problem with its place.
    #[command(after_help = "Example:\n  sluis registry check ./registry")]
    Check {
        /// The folder of its files; the site's own if not given.
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
}

/// What can be asked for, by the policies' names.
const ACTIONS: [&str; 10] = [
    "submit",
    "read",
    "export",
    "view_provenance",
    "approve",
    "refuse",
    "reanalyse",
    "withdraw",
    "administer",
    "audit",
];

/// `sluis access`
#[derive(Subcommand, Debug)]
pub enum Access {
    /// Tell whether something is allowed, which policies decide, by which facts, and what would make it possible.
    #[command(after_help = "Examples:\n  sluis access explain read trial-7 --project neuroblastoma\n  \
                            sluis access explain export b3:5f0c81 --project neuroblastoma --person anna\n  \
                            sluis access explain audit site")]
    Explain(ExplainAccess),
    /// List who could do something.
    #[command(after_help = "Example:\n  sluis access who-can read trial-7")]
    WhoCan(AccessQuestion),
    /// Report who could read what on which days, who can now, who used it when and for what, and what changed.
    #[command(after_help = "Example:\n  sluis access report --from 2026-01-01 --to 2026-12-31")]
    Report {
        /// The first day of the report; a year ago if not given.
        #[arg(long, alias = "since", value_name = "DATE")]
        from: Option<jiff::civil::Date>,
        /// The last day of the report; today if not given.
        #[arg(long, alias = "until", value_name = "DATE")]
        to: Option<jiff::civil::Date>,
    },
}

/// What somebody would want to do.
#[derive(Args, Debug)]
pub struct AccessQuestion {
    /// What: submit, read, export, view_provenance, approve, refuse, reanalyse, withdraw, administer or audit.
    #[arg(value_parser = PossibleValuesParser::new(ACTIONS), hide_possible_values = true)]
    pub action: String,
    /// With what: a dataset, an object's address or its beginning, or `site`.
    #[arg(value_name = "DATASET|ADDRESS|site")]
    pub thing: String,
    /// On behalf of which project.
    #[arg(long, value_name = "NAME")]
    pub project: Option<ProjectName>,
}

/// `sluis access explain`
#[derive(Args, Debug)]
pub struct ExplainAccess {
    #[command(flatten)]
    pub question: AccessQuestion,
    /// For whom, by their name in the registry; for who asks if not given.
    #[arg(long, value_name = "NAME")]
    pub person: Option<String>,
}

/// `sluis withdraw`
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  sluis withdraw P012 --plan\n  sluis withdraw P012")]
pub struct Withdraw {
    /// The subject's pseudonym.
    #[arg(value_name = "PSEUDONYM")]
    pub subject: SubjectName,
    /// Only show what would happen.
    #[arg(long)]
    pub plan: bool,
}

/// `sluis airlock`
#[derive(Subcommand, Debug)]
pub enum Airlock {
    /// Ask for objects to leave the site, sealed for your key in the registry.
    #[command(
        after_help = "Example:\n  sluis airlock ask b3:5f0c81 --project neuroblastoma --output figures --reason 'Figure 2'"
    )]
    Ask {
        /// The objects, by address or its beginning.
        #[arg(required = true, value_name = "ADDRESS")]
        objects: Vec<String>,
        /// The project on whose behalf.
        #[arg(long, default_value = "personal", value_name = "NAME")]
        project: ProjectName,
        /// Which of the project's `allowed-outputs` they are; a personal site asks for none.
        #[arg(long, default_value = "", value_name = "TEXT")]
        output: String,
        /// Why, for who decides.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List the requests and what became of them.
    List,
    /// Print an object that is to leave, to see whether it may.
    #[command(after_help = "Example:\n  sluis airlock look 3fa2b19c04d7 b3:5f0c81 | less")]
    Look {
        /// The request.
        id: String,
        /// The object, by address or its beginning.
        #[arg(value_name = "ADDRESS")]
        object: String,
    },
    /// Agree to a request, after a look at each of its objects; nobody agrees to their own.
    Approve {
        /// The request.
        id: String,
        /// How many days the objects may leave, up to 30.
        #[arg(long, default_value_t = 7, value_name = "DAYS")]
        days: u16,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Refuse a request.
    Refuse {
        /// The request.
        id: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Write the objects of an approved request to a folder, each as a Crypt4GH file.
    Release {
        /// The request.
        id: String,
        /// The folder.
        #[arg(long, value_name = "DIR", default_value = ".")]
        outdir: PathBuf,
    },
}
