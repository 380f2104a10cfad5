//! `resume-within-minutes` of `site.yaml`: for how long what killed engines leave behind is kept.

use std::time::Duration;

use sluis_yaml::{Diagnostics, Fields};

use super::minutes;

/// For how long the tasks of an engine that was killed, and the plaintext in memory that they work on, are kept so that
/// somebody can go on with them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResumeWithin(pub Duration);

impl Default for ResumeWithin {
    fn default() -> Self {
        Self(Duration::from_secs(15 * 60))
    }
}

pub(super) const KEY: &str = "resume-within-minutes";

pub(super) fn read(fields: Fields<'_>, problems: &mut Diagnostics) -> ResumeWithin {
    minutes::read(fields, KEY, problems).map_or_else(ResumeWithin::default, ResumeWithin)
}

/// The field as text; nothing if it is as it is anyway.
pub(super) fn to_yaml(within: ResumeWithin) -> String {
    if within == ResumeWithin::default() {
        return String::new();
    }
    format!(
        "# For how long what a killed engine leaves behind is kept for `sluis resume`; see docs/resume.md.\n\
         {KEY}: {}\n",
        within.0.as_secs() / 60
    )
}
