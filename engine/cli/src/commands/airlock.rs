//! `sluis airlock`

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use serde_json::json;
use sluis_access::{ExportRequest, ExportState, Site};

use crate::{arguments::Airlock, commands::objects::resolve, exit::Exit, failure::Failure, output, site};

/// Carries out a subcommand.
pub fn carry_out(folder: &Path, airlock: Airlock, json: bool) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    match airlock {
        Airlock::Ask { objects, project, output, reason } => {
            let objects = objects.iter().map(|object| resolve(&site, object)).collect::<Result<Vec<_>, _>>()?;
            let request = site.ask_to_export(&project, &objects, &output, &reason)?;
            output::line(&request.id);
            output::note(if site.aggregate_of(&request)?.is_some() {
                "The committee lets outputs of this kind leave as aggregates, if they are of enough subjects and small: sluis \
                 airlock release. Else somebody with the role `committee` looks and decides."
            } else {
                "Somebody else with the role `committee` looks and decides: sluis airlock look, then approve, or refuse."
            });
        }
        Airlock::List => list(&site.list_export_requests()?, json),
        Airlock::Look { id, object } => {
            let address = resolve(&site, &object)?;
            let (mut look, mut out) = (site.look_at_export(&id, &address)?, io::stdout().lock());
            output::copy(&mut look, &mut out).map_err(|error| site.reading_failed(&address, error))?;
            out.flush().map_err(|error| Failure::of(Exit::Environment, &error))?;
            site.looked_at_export(look)?;
        }
        Airlock::Approve { id, days, reason } => {
            let request = site.approve_export(&id, days, &reason)?;
            output::note(&format!(
                "Approved: {} can take {} object(s) out now.",
                request.asked_by,
                request.objects.len()
            ));
        }
        Airlock::Refuse { id, reason } => {
            site.refuse_export(&id, &reason)?;
            output::note("Refused.");
        }
        Airlock::Release { id, outdir } => {
            release(&site, &id, &outdir)?;
            site::tell_duties(&site);
        }
    }
    Ok(Exit::Success)
}

fn list(requests: &[ExportRequest], json: bool) {
    if json {
        output::json(&json!(requests));
        return;
    }
    let mut table = output::table(&["REQUEST", "BY", "PROJECT", "ASKED", "OBJECTS", "OUTPUT", "STATE", "REASON"]);
    for request in requests {
        let state = match &request.state {
            ExportState::Asked => "asked".to_owned(),
            ExportState::Approved { by, until, reason, .. } => format!("approved by {by} until {until:.0}: {reason}"),
            ExportState::Refused { by, reason, .. } => format!("refused by {by}: {reason}"),
        };
        table.add_row([
            request.id.clone(),
            request.asked_by.clone(),
            request.project.to_string(),
            format!("{:.0}", request.at),
            request.objects.len().to_string(),
            request.output.clone(),
            state,
            request.reason.clone(),
        ]);
    }
    output::print_table(&table);
}

/// One file for each object, by its address, beside which nothing half-written stays.
fn release(site: &Site, id: &str, outdir: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::of(Exit::Environment, &error).about(outdir);
    fs::create_dir_all(outdir).map_err(failed)?;
    for address in &site.export_request(id)?.objects {
        let mut sealed = site.release(id, address)?;
        let path = outdir.join(format!("{}.c4gh", address.to_string().trim_start_matches("b3:")));
        let mut file = tempfile::NamedTempFile::new_in(outdir).map_err(failed)?;
        io::copy(&mut sealed, &mut file).map_err(|error| site.reading_failed(address, error))?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist_noclobber(&path).map_err(|error| failed(error.error).about(&path))?;
        output::line(&path.display().to_string());
    }
    File::open(outdir).and_then(|folder| folder.sync_all()).map_err(failed)
}
