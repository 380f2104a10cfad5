//! `sluis ls`, `sluis show` and `sluis export`

use std::path::Path;

use serde_json::{Value as Json, json};
use sluis_access::{ObjectFacts, ReadAction, Site};
use sluis_model::Address;

use crate::{
    arguments::{Export, Show, full_address},
    exit::Exit,
    export,
    failure::Failure,
    output, site,
};

/// Lists those objects of the store of which the caller may know, by address, size and labels.
pub fn list(folder: &Path, json: bool) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    let mut listed = Vec::new();
    let mut table = output::table(&["ADDRESS", "SIZE", "DATASETS"]);
    for facts in site.list_objects()? {
        if json {
            listed.push(facts_json(&facts));
        } else {
            table.add_row([facts.address.to_string(), output::bytes(facts.size), datasets(&facts)]);
        }
    }
    if json {
        output::json(&listed);
    } else {
        output::print_table(&table);
    }
    Ok(Exit::Success)
}

/// Shows one object and verifies that it can be read to its end.
pub fn show(folder: &Path, show: &Show, json: bool) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    let address = resolve(&site, &show.address)?;
    let permit = site.permit_read(&show.project, &address, ReadAction::Show)?;
    let facts = site.facts(&address)?;
    site.verify(&permit, &address)?;
    if json {
        output::json(&facts_json(&facts));
    } else {
        output::line(&format!("address   {address}"));
        output::line(&format!("size      {} ({} bytes)", output::bytes(facts.size), facts.size));
        output::line(&format!("datasets  {}", datasets(&facts)));
        output::line("content   verified");
    }
    Ok(Exit::Success)
}

/// Writes an object to a file, in plain or sealed.
pub fn export(folder: &Path, export: &Export) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    let address = resolve(&site, &export.address)?;
    if export.sealed {
        export::export_sealed(&site, &export.project, &address, &export.to)?;
        output::note(&format!("Wrote {address} as a Crypt4GH file to {}.", export.to.display()));
    } else {
        export::export_object(&site, &export.project, &address, &export.to)?;
        output::note(&format!("Wrote {address} in plain to {}.", export.to.display()));
    }
    site::tell_duties(&site);
    Ok(Exit::Success)
}

/// The one object whose address begins so.
pub fn resolve(site: &Site, text: &str) -> Result<Address, Failure> {
    match full_address(text) {
        Some(address) => Ok(address),
        None => site.store().resolve(text).map_err(|error| Failure::of(Exit::Usage, &error)),
    }
}

fn datasets(facts: &ObjectFacts) -> String {
    facts.labels.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

fn facts_json(facts: &ObjectFacts) -> Json {
    json!({ "address": facts.address, "size": facts.size, "labels": facts.labels })
}
