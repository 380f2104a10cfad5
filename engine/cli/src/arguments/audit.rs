//! The command line of `sluis audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::{
    Timestamp,
    civil::{Date, time},
    tz::Offset,
};

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
    /// Check every record, the chain and the tree over them, and the signed checkpoint.
    #[command(after_help = "An auditor needs no site, only a copy of its audit folder and of keys/audit.pub:\n  \
                            sluis audit verify --log audit --public-key audit.pub\n\
                            and, to see that nothing was rewritten since, a checkpoint that they kept:\n  \
                            sluis audit verify --log audit --public-key audit.pub --checkpoint 2026-11.checkpoint")]
    Verify {
        /// A copy of a site's audit folder.
        #[arg(long, value_name = "DIR", requires = "public_key")]
        log: Option<PathBuf>,
        /// The site's public audit key.
        #[arg(long, value_name = "FILE", requires = "log")]
        public_key: Option<PathBuf>,
        /// A checkpoint that was kept: all that it covers must still be there as it was.
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
    /// Print the records.
    List,
    /// Find records.
    #[command(after_help = "Examples:\n  sluis audit search --subject P012 --from 2026-01-01\n  \
                            sluis audit search --decision deny --json")]
    Search(AuditSearch),
    /// Write records for another system, one JSON object a line.
    #[command(after_help = "Example:\n  sluis audit export --format ecs --from 2026-11-01 > november.jsonl")]
    Export {
        /// In which form.
        #[arg(long, value_enum, value_name = "FORMAT", default_value_t = AuditFormat::Jsonl)]
        format: AuditFormat,
        #[command(flatten)]
        search: AuditSearch,
    },
    /// Print the newest signed checkpoint, for others to keep.
    #[command(after_help = "Example:\n  sluis audit checkpoint > 2026-11.checkpoint")]
    Checkpoint {
        /// Print the key that verifies it instead, as the standard's tools take it: NAME+HASH+KEY.
        #[arg(long)]
        key: bool,
    },
    /// Print a proof that a record is in the log, or that the log begins as it did, which the public key is enough to check.
    #[command(after_help = "Examples:\n  sluis audit prove 1234 > proof.json\n  \
                            sluis audit prove --since 1000 > proof.json")]
    Prove {
        /// The number of the record.
        #[arg(value_name = "RECORD", required_unless_present = "since", conflicts_with = "since")]
        record: Option<u64>,
        /// How many records a checkpoint covers that somebody kept.
        #[arg(long, value_name = "SIZE")]
        since: Option<u64>,
    },
    /// Check a proof, without a site.
    #[command(after_help = "Examples:\n  sluis audit check-proof proof.json --public-key audit.pub\n  \
                            sluis audit check-proof proof.json --public-key audit.pub --checkpoint 2026-11.checkpoint")]
    CheckProof {
        /// What `sluis audit prove` printed.
        #[arg(value_name = "PROOF")]
        proof: PathBuf,
        /// The site's public audit key.
        #[arg(long, value_name = "FILE")]
        public_key: PathBuf,
        /// The record that is to be proved, as it stands in the log's `body`; the one in the proof if not given.
        #[arg(long, value_name = "FILE")]
        record: Option<PathBuf>,
        /// The earlier checkpoint that was kept, for a proof that the log begins as it did then.
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
    /// Remove the records whose time is over by `retention` in audit/settings.yaml; their hashes stay.
    Prune {
        /// Only tell what would go.
        #[arg(long)]
        dry_run: bool,
    },
}

/// Which records.
#[derive(Args, Debug)]
pub struct AuditSearch {
    /// Who asked.
    #[arg(long, value_name = "NAME")]
    pub person: Option<String>,
    /// On behalf of which project.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// With data of this dataset.
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<String>,
    /// With data of this subject.
    #[arg(long, value_name = "PSEUDONYM")]
    pub subject: Option<String>,
    /// With this object: its address, or the beginning of it.
    #[arg(long, value_name = "ADDRESS")]
    pub object: Option<String>,
    /// In this run: its identifier, or the beginning of it.
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// What was asked for or done, such as `export`.
    #[arg(long, value_name = "ACTION")]
    pub action: Option<String>,
    /// How it was decided.
    #[arg(long, value_enum, value_name = "DECISION")]
    pub decision: Option<AuditDecision>,
    /// Not before this day or time (UTC), such as 2026-11-23 or 2026-11-23T10:15:00Z.
    #[arg(long, value_name = "TIME", value_parser = time_of)]
    pub from: Option<Timestamp>,
    /// Before this day or time.
    #[arg(long, value_name = "TIME", value_parser = time_of)]
    pub to: Option<Timestamp>,
}

/// How it was decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum AuditDecision {
    /// Permitted.
    Allow,
    /// Refused.
    Deny,
    /// Not a decision: done under one.
    Done,
}

/// In which form records are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum AuditFormat {
    /// The records as they are, with their numbers.
    Jsonl,
    /// Events of the Open Cybersecurity Schema Framework, class API Activity.
    Ocsf,
    /// Events of the Elastic Common Schema.
    Ecs,
}

fn time_of(text: &str) -> Result<Timestamp, String> {
    let day =
        || text.parse::<Date>().ok().and_then(|day| Offset::UTC.to_timestamp(day.to_datetime(time(0, 0, 0, 0))).ok());
    let moment = text.parse().ok().or_else(day);
    moment.ok_or_else(|| "expected a day or a time in UTC, such as 2026-11-23 or 2026-11-23T10:15:00Z".to_owned())
}
