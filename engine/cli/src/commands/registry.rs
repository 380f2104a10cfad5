//! `sluis registry`

use std::path::Path;

use sluis_access::Registry;

use crate::{arguments, exit::Exit, failure::Failure, output};

/// Carries out a subcommand.
pub fn carry_out(site: &Path, command: arguments::Registry) -> Result<Exit, Failure> {
    let arguments::Registry::Check { folder } = command;
    let registry = Registry::check(&folder.unwrap_or_else(|| site.join("registry")))?;
    output::note(&format!(
        "The registry is valid: {} institution(s), {} people, {} project(s), {} dataset(s); digest {}.",
        registry.institutions.len(),
        registry.people.len(),
        registry.projects.len(),
        registry.datasets.len(),
        registry.digest
    ));
    Ok(Exit::Success)
}
