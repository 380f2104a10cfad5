//! `docker-patience-minutes` of `site.yaml`: for how long a Docker daemon that went away is waited for.

use std::time::Duration;

use sluis_yaml::{Diagnostics, Fields};

use super::minutes;

/// For how long runs wait for the Docker daemon when it goes away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DockerPatience(pub Duration);

impl Default for DockerPatience {
    /// As long as an upgrade of it may take.
    fn default() -> Self {
        Self(Duration::from_secs(5 * 60))
    }
}

pub(super) const KEY: &str = "docker-patience-minutes";

pub(super) fn read(fields: Fields<'_>, problems: &mut Diagnostics) -> DockerPatience {
    minutes::read(fields, KEY, problems).map_or_else(DockerPatience::default, DockerPatience)
}

/// The field as text; nothing if it is as it is anyway.
pub(super) fn to_yaml(patience: DockerPatience) -> String {
    if patience == DockerPatience::default() {
        return String::new();
    }
    format!(
        "# For how long runs wait for the Docker daemon when it goes away; see docs/executors.md.\n{KEY}: {}\n",
        patience.0.as_secs() / 60
    )
}
