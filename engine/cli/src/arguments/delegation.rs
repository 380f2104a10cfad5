//! The command line of `sluis delegation`.

use std::path::PathBuf;

use clap::{Subcommand, builder::PossibleValuesParser};
use sluis_model::ProjectName;
use sluis_policy::Action;

/// What a program can be told to do; everything else is for people.
fn delegable() -> PossibleValuesParser {
    let actions = Action::ALL.into_iter().filter(|action| !action.is_for_people());
    PossibleValuesParser::new(actions.map(Action::name))
}

/// `sluis delegation`
#[derive(Subcommand, Debug)]
pub enum Delegation {
    /// Let a program act for you, in one project, for some actions and some days; writes its token to a file.
    #[command(after_help = "Example:\n  sluis delegation make nightly --project neuroblastoma --action submit \
                            --action reanalyse --days 90 --to nightly.token\n  \
                            SLUIS_DELEGATION_FILE=nightly.token sluis run workflow.cwl inputs.yml")]
    Make {
        /// What the program is called.
        service: String,
        /// In which project it may act.
        #[arg(long, value_name = "NAME")]
        project: ProjectName,
        /// What it may do: submit, read, view_provenance or reanalyse; give it several times for several.
        #[arg(long = "action", required = true, value_name = "ACTION", value_parser = delegable())]
        actions: Vec<String>,
        /// For how many days.
        #[arg(long, default_value_t = 30, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=366))]
        days: u16,
        /// The file, which only you can read.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// List the delegations that were not taken back.
    List,
    /// Take a delegation back, from the next decision on.
    Revoke {
        /// The delegation.
        id: String,
    },
}
