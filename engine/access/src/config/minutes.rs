//! Times in `site.yaml`, as whole minutes.

use std::time::Duration;

use sluis_yaml::{Diagnostics, Fields};

/// A day: longer than that nobody wants to wait for anything, or plaintext of a dead engine in memory.
const LONGEST: i64 = 24 * 60;

/// A time of at most a day; `None` if there is no such field, or what is there is told among the problems.
pub(super) fn read(fields: Fields<'_>, key: &str, problems: &mut Diagnostics) -> Option<Duration> {
    let minutes = fields.integer(key, problems)?;
    match u64::try_from(minutes) {
        Ok(time) if minutes <= LONGEST => Some(Duration::from_secs(time * 60)),
        _ => {
            let span = fields.get(key).map_or(fields.span(), |node| &node.span);
            problems.error(span, format!("`{key}`: {minutes} is not from 0 to {LONGEST}"));
            None
        }
    }
}
