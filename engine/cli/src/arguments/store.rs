//! The command line of `sluis store`.

use clap::{Args, Subcommand, ValueEnum};

/// `sluis store`
#[derive(Subcommand, Debug)]
pub enum Store {
    /// Show how much the store holds, and who uses how much of it.
    #[command(after_help = "Example:\n  sluis store du --by project")]
    Du {
        /// Tell it apart by this.
        #[arg(long, value_enum, value_name = "WHAT")]
        by: Option<UsageBy>,
    },
    /// Remove what no run and no pin needs, and what belongs to nothing.
    #[command(after_help = "Examples:\n  sluis store gc --dry-run\n  sluis store gc --runs-older-than 90")]
    Gc(Gc),
    /// Check that every object is what was sealed; goes on where it was interrupted.
    Check {
        /// Begin anew.
        #[arg(long)]
        restart: bool,
        /// Set aside what is damaged, so that it can be made or put again.
        #[arg(long)]
        set_aside: bool,
        /// Take for damaged what cannot be read: the disk or the server will not give it back.
        #[arg(long, requires = "set_aside")]
        give_up: bool,
    },
    /// Make damaged objects again: check all, set aside what is damaged, and do the runs again that made it.
    #[command(
        after_help = "Every result that is still there is used. What was taken in must be put again by hand; it is \
                            listed with everything that depends on it."
    )]
    Heal {
        /// Check nothing; heal what was set aside before.
        #[arg(long)]
        no_check: bool,
        /// Take for damaged what cannot be read: the disk or the server will not give it back.
        #[arg(long, conflicts_with = "no_check")]
        give_up: bool,
    },
    /// Keep an object, or a run with all that it read and made, whatever the garbage collection finds.
    #[command(after_help = "Example:\n  sluis store pin 20261123-101500-3fa2b1 --reason 'Figure 2'")]
    Pin {
        /// A run, an object's address, or the beginning of either.
        #[arg(value_name = "RUN|ADDRESS")]
        subject: String,
        /// Why.
        #[arg(long, default_value = "", value_name = "TEXT")]
        reason: String,
    },
    /// Take a pin away.
    Unpin {
        /// A run, an object's address, or the beginning of either.
        #[arg(value_name = "RUN|ADDRESS")]
        subject: String,
    },
    /// List the pins.
    Pins,
}

/// `sluis store gc`
#[derive(Args, Clone, Copy, Debug)]
pub struct Gc {
    /// Only tell what would go.
    #[arg(long)]
    pub dry_run: bool,
    /// Runs that ended longer ago need nothing any more, unless they are pinned; all runs count if not given.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    pub runs_older_than: Option<u32>,
    /// Nothing goes that was written or used within this time; longer than any engine takes to seal a run's inputs.
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..))]
    pub grace: u32,
}

/// By what the usage of the store is told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum UsageBy {
    /// By project.
    Project,
    /// By dataset.
    Dataset,
    /// By run.
    Run,
}
