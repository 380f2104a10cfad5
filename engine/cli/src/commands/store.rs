//! `sluis store`

mod heal;
mod report;

use std::{path::Path, time::Duration};

use serde_json::json;
use sluis_access::Site;
use sluis_model::Address;
use sluis_schedule::{RunsError, find_run};
use sluis_store::Pinned;
use sluis_upkeep::{Check, CheckReport, Grouping, Options, Progress, UpkeepError};

use crate::{
    arguments::{Gc, Store, UsageBy},
    commands::objects,
    exit::Exit,
    failure::Failure,
    output, progress, site,
};

/// Keeps the store in order.
pub fn carry_out(folder: &Path, store: Store, json: bool) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    match store {
        Store::Du { by } => {
            let by = by.map(|by| match by {
                UsageBy::Project => Grouping::Project,
                UsageBy::Dataset => Grouping::Dataset,
                UsageBy::Run => Grouping::Run,
            });
            let usage = sluis_upkeep::usage(&site, by)?;
            if json {
                output::json(&to_json(&usage)?)
            } else {
                report::usage(&usage, by)
            }
            Ok(Exit::Success)
        }
        Store::Gc(gc) => collect(&site, gc, json),
        Store::Check { restart, set_aside, give_up } => check(&site, Check { restart, set_aside, give_up }, json),
        Store::Heal { no_check, give_up } => heal::carry_out(&site, no_check, give_up, json),
        Store::Pin { subject, reason } => {
            let pinned = resolve(&site, &subject)?;
            if let Pinned::Object(address) = &pinned
                && !site.store().contains(address).map_err(UpkeepError::from)?
            {
                return Err(Failure::new(Exit::Usage, format!("there is no object {address}; `sluis ls` lists them")));
            }
            site.pin(&pinned, &reason)?;
            say(json, "pinned", &pinned);
            Ok(Exit::Success)
        }
        Store::Unpin { subject } => unpin(&site, &subject, json),
        Store::Pins => {
            report::pins(&site.pins(&site.permit_survey()?)?, json);
            Ok(Exit::Success)
        }
    }
}

fn collect(site: &Site, gc: Gc, json: bool) -> Result<Exit, Failure> {
    let Gc { dry_run, runs_older_than, grace } = gc;
    let hour = Duration::from_secs(3600);
    let runs_older_than = runs_older_than.map(|days| hour * 24 * days);
    let collection = sluis_upkeep::collect(site, &Options { grace: hour * grace, runs_older_than, dry_run })?;
    if json {
        let mut value = to_json(&collection)?;
        value["dry_run"] = dry_run.into();
        output::json(&value);
    } else {
        report::collection(&collection, dry_run);
    }
    Ok(Exit::Success)
}

fn check(site: &Site, how: Check, json: bool) -> Result<Exit, Failure> {
    let found = scrub(site, how, json)?;
    if json {
        output::json(&to_json(&found)?)
    } else {
        report::check(&found, how.set_aside)
    }
    Ok(if found.is_whole() { Exit::Success } else { Exit::Damaged })
}

/// Checks everything, with a bar.
fn scrub(site: &Site, how: Check, json: bool) -> Result<CheckReport, Failure> {
    let bar = progress::bar(json);
    let tell = |progress: Progress| {
        let Some(bar) = &bar else { return };
        bar.set_length(progress.total);
        bar.set_position(progress.objects);
        let damaged = if progress.damaged > 0 { format!(", {} damaged", progress.damaged) } else { String::new() };
        let Progress { objects, total, bytes, .. } = progress;
        bar.set_message(format!("{objects}/{total} objects · {}{damaged}", output::bytes(bytes)));
    };
    let found = sluis_upkeep::check(site, how, &tell);
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    Ok(found?)
}

fn unpin(site: &Site, subject: &str, json: bool) -> Result<Exit, Failure> {
    // An object that is damaged or gone may be pinned all the same, so the pins themselves are looked through.
    let pins = site.pins(&site.permit_survey()?)?;
    let mut found = pins.into_iter().map(|(pinned, _)| pinned).filter(|one| one.to_string().starts_with(subject));
    match (found.next(), found.next()) {
        (Some(pinned), None) => {
            site.unpin(&pinned)?;
            say(json, "unpinned", &pinned);
            Ok(Exit::Success)
        }
        (Some(_), Some(_)) => {
            Err(Failure::new(Exit::Usage, format!("several pins begin with {subject}; give more of it")))
        }
        (None, _) => {
            Err(Failure::new(Exit::Usage, format!("{subject} is not pinned; `sluis store pins` lists the pins")))
        }
    }
}

/// The run or object that begins so.
fn resolve(site: &Site, subject: &str) -> Result<Pinned, Failure> {
    if subject.starts_with(Address::PREFIX) {
        return Ok(Pinned::Object(objects::resolve(site, subject)?));
    }
    Ok(Pinned::Run(find_run(&site.runs_dir(), subject).map_err(|error: RunsError| Failure::from(error))?))
}

fn say(json: bool, done: &str, pinned: &Pinned) {
    if json {
        output::json(&json!({ done: pinned.to_string() }));
    } else {
        output::line(&format!("{done} {pinned}"));
    }
}

fn to_json(value: &impl serde::Serialize) -> Result<serde_json::Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::of(Exit::Internal, &error))
}
