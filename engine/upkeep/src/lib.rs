//! What keeps a store in order: who uses how much of it, what nobody needs any more, whether all of it is whole.
//!
//! What is needed is worked out from the journals of the runs, the task entries and the pins; nothing else is kept.
//! `docs/store-upkeep.md` is for those who run a site.

mod check;
mod collect;
mod error;
mod heal;
mod needs;
mod origin;
mod progress_file;
mod usage;

pub use check::{Check, CheckReport, Finding, Progress, check};
pub use collect::{Collection, Garbage, Options, Why, collect};
pub use error::UpkeepError;
pub use heal::{HealPlan, Healed, Lost, WhyNot, healed, plan_healing};
pub use origin::{Dependent, Maker};
pub use usage::{GroupUsage, Grouping, Share, Usage, usage};
