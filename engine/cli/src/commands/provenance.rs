//! `sluis provenance`

use std::path::Path;

use sluis_index::Index;
use sluis_model::Address;
use sluis_provenance::{Lineage, LineageError, LineageTask, Origin};
use sluis_schedule::{find_run, read_run};

use crate::{
    arguments::Provenance,
    commands::{find, objects},
    exit::Exit,
    failure::Failure,
    output, site,
};

/// Shows where a run's or an object's data came from.
pub fn carry_out(folder: &Path, provenance: &Provenance, json: bool) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    let runs = site.runs_dir();
    let lineage = if provenance.subject.starts_with(Address::PREFIX) {
        let address = objects::resolve(&site, &provenance.subject)?;
        let mut index = Index::new(&site);
        let lineage = Lineage::of_object(&site, &mut index, &provenance.project, &address);
        find::tell_note(&index);
        lineage
    } else {
        let run = read_run(&runs, &find_run(&runs, &provenance.subject)?)?;
        Lineage::of_run(&site, &run)
    }
    .map_err(|error| match error {
        LineageError::Access(error) => error.into(),
        LineageError::Index(error) => error.into(),
        error => Failure::of(Exit::Usage, &error),
    })?;
    if json {
        output::json(&serde_json::to_value(&lineage).map_err(|error| Failure::of(Exit::Internal, &error))?);
    } else {
        print(&lineage);
    }
    Ok(Exit::Success)
}

fn print(lineage: &Lineage) {
    for task in &lineage.tasks {
        print_task(task);
    }
    for Origin { address, labels } in &lineage.origins {
        output::line(&format!("{}  taken in as {}", output::short(address), join(labels, " or ")));
    }
}

fn print_task(task: &LineageTask) {
    let cached = if task.cached { ", result of an earlier run" } else { "" };
    output::line(&format!("{} — {} (run {}{cached})", task.record.step, task.record.tool, task.record.run));
    let image = task.record.image.as_ref().map_or("no image", |image| image.as_str());
    output::line(&format!("    image    {image}"));
    output::line(&format!("    ran      {} on {}, {}", task.record.region, task.record.executor, task.record.ended));
    output::line(&format!("    read     {}", join(task.record.inputs.iter().map(output::short), " ")));
    output::line(&format!("    made     {}", join(task.record.outputs.iter().map(output::short), " ")));
}

fn join<T: ToString>(items: impl IntoIterator<Item = T>, separator: &str) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(separator)
}
