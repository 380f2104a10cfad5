//! `sluis key rotate`

use std::{ops::ControlFlow, path::Path};

use serde_json::json;
use sluis_access::{KeyStatus, RotationEnd, RotationStep};

use crate::{exit::Exit, failure::Failure, output, passphrase, progress, site};

/// Gives the site another key, and gives the old one up if nobody uses it.
pub fn carry_out(folder: &Path, wait: bool, json: bool) -> Result<Exit, Failure> {
    let bar = progress::bar(json);
    let mut tell = |step| {
        if let (Some(bar), RotationStep::PacketsAdded(done, all) | RotationStep::PacketsRemoved(done, all)) =
            (&bar, step)
        {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
            bar.set_message(format!("{done}/{all} header packets"));
        }
        ControlFlow::Continue(())
    };
    let first = site::open(folder)?;
    first.begin_rotation(&passphrase::give, &mut tell)?;
    // As long as this process has the site open with the old key, that is in use.
    drop(first);
    let site = site::open(folder)?;
    let end = site.finish_rotation(wait, &mut tell);
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let end = end?;
    let KeyStatus { public_key, .. } = site.key_status()?;
    if json {
        output::json(&match &end {
            RotationEnd::Done { added, removed } => json!({
                "publicKey": public_key, "finished": true, "packetsAdded": added, "packetsRemoved": removed,
            }),
            _ => json!({ "publicKey": public_key, "finished": false }),
        });
    } else {
        output::line(&public_key);
    }
    outcome(&end)
}

/// What is to be said and done about how it ended.
fn outcome(end: &RotationEnd) -> Result<Exit, Failure> {
    match end {
        RotationEnd::Done { .. } | RotationEnd::Nothing => {
            output::note(
                "The site has another key. Keep a copy of keys/site.sec in a safe place, and make new recovery shares: \
                 the earlier ones restore the earlier key.",
            );
            Ok(Exit::Success)
        }
        RotationEnd::InUse => Err(Failure::new(
            Exit::Environment,
            "the site has its new key, and engines that run still use the old one; run `sluis key rotate` again when \
             they have ended, to give it up",
        )),
        RotationEnd::Unopened(bodies) => Err(Failure::new(
            Exit::Damaged,
            format!(
                "the site has its new key, but {} header packet(s) for the old one do not open, so it is not given up; \
                 `sluis store check --set-aside` and `sluis store gc` remove what is damaged, then run `sluis key \
                 rotate` again; the first body is {}",
                bodies.len(),
                bodies.first().map_or_else(String::new, ToString::to_string)
            ),
        )),
    }
}
