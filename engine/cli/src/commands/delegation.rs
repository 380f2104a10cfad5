//! `sluis delegation`

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use serde_json::json;
use sluis_access::{Delegated, NewDelegation};
use sluis_identity::Secret;
use sluis_policy::Action;

use crate::{arguments::Delegation, exit::Exit, failure::Failure, output, site};

/// Carries out a subcommand.
pub fn carry_out(folder: &Path, delegation: Delegation, json: bool) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    match delegation {
        Delegation::Make { service, project, actions, days, to } => {
            let actions = Action::ALL.into_iter().filter(|action| actions.iter().any(|name| name == action.name()));
            let new = NewDelegation { service, project, actions: actions.collect(), days };
            let token = site.delegate(&new)?;
            write(&to, &token).map_err(|error| Failure::of(Exit::Environment, &error).about(&to))?;
            output::note(&format!(
                "Whoever has {} can do this in your name for {days} days; `sluis delegation revoke` takes it back.",
                to.display()
            ));
        }
        Delegation::List => list(&site.delegations()?, json),
        Delegation::Revoke { id } => {
            site.revoke_delegation(&id)?;
            output::note("Taken back.");
        }
    }
    Ok(Exit::Success)
}

fn list(delegations: &[Delegated], json: bool) {
    if json {
        output::json(&json!(delegations));
        return;
    }
    let mut table = output::table(&["DELEGATION", "PROGRAM", "FOR", "PROJECT", "ACTIONS", "UNTIL"]);
    for one in delegations {
        let actions = one.actions.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let until = format!("{:.0}", one.until);
        table.add_row([&one.id, &one.service, &one.person, &one.project, &actions, &until]);
    }
    output::print_table(&table);
}

/// A file that is new, and its owner's alone from the beginning.
fn write(path: &Path, token: &Secret) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(token.reveal().as_bytes())?;
    file.sync_all()
}
