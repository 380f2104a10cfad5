//! What the demonstration shows when the run has ended.

use std::{
    io::{self, Read, Write},
    path::Path,
};

use comfy_table::{Table, presets};
use serde_json::Value as Json;
use sluis_access::{ReadAction, Site};
use sluis_cli::{Exit, Failure, RunOutcome};
use sluis_model::{File, Location, ProjectName, Value, Values};
use sluis_provenance::{Lineage, LineageTask};

/// Writes a line to standard error.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn line(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Shows the comparison with the truth, the address of each output, and where each step ran.
pub fn results(
    repository: &Path,
    site: &Site,
    project: &ProjectName,
    outcome: &RunOutcome,
    outputs: &Values,
) -> Result<(), Failure> {
    let run = sluis_schedule::read_run(&site.runs_dir(), &outcome.run)?;
    let lineage = Lineage::of_run(site, &run).map_err(|error| Failure::of(Exit::Internal, &error))?;
    show_comparison(site, project, outputs)?;
    show_outputs(outputs);
    show_steps(&lineage.tasks);
    let folder = site.dir().strip_prefix(repository).unwrap_or(site.dir());
    line("\nWhere it all came from:");
    line(&format!("  cargo sluis --site {} provenance {}", folder.display(), outcome.run));
    Ok(())
}

fn show_comparison(site: &Site, project: &ProjectName, outputs: &Values) -> Result<(), Failure> {
    let Some(Value::File(file)) = outputs.get("comparison") else {
        return Err(Failure::new(Exit::Internal, "the demonstration has no output `comparison`"));
    };
    let counts = read_json(site, project, file)?;
    let count = |name: &str| counts.get(name).and_then(Json::as_u64).unwrap_or_default();
    line("\nVariants called, against the Genome in a Bottle truth for NA12878:");
    line(&format!(
        "  {} true positives, {} misses, {} extras (the truth lists single-nucleotide variants alone)",
        count("true_positives"),
        count("misses"),
        count("extras"),
    ));
    Ok(())
}

fn read_json(site: &Site, project: &ProjectName, file: &File) -> Result<Json, Failure> {
    let Location::Object(address) = &file.location else {
        return Err(Failure::new(Exit::Internal, format!("{} is not sealed", file.basename)));
    };
    let permit = site.permit_read(project, address, ReadAction::Show)?;
    let mut text = String::new();
    let read = site.unseal(&permit, address)?.read_to_string(&mut text);
    read.map_err(|error| site.reading_failed(address, error))?;
    serde_json::from_str(&text).map_err(|error| Failure::of(Exit::Internal, &error))
}

fn show_outputs(outputs: &Values) {
    line("\nOutputs, sealed and addressed:");
    let mut table = table();
    for (name, value) in outputs {
        let _ = value.visit_files(&mut |file: &File| {
            if let Location::Object(address) = &file.location {
                table.add_row([format!("  {name}"), file.basename.clone(), address.to_string()]);
            }
            Ok::<_, Failure>(())
        });
    }
    line(&table.trim_fmt());
}

fn show_steps(tasks: &[LineageTask]) {
    line("\nSteps:");
    let mut table = table();
    for task in tasks {
        let image = task.record.image.as_ref().map_or("", |image| image.as_str());
        table.add_row([
            format!("  {}", task.record.step),
            image.chars().take(19).collect(),
            task.record.region.to_string(),
            if task.cached { "cached" } else { "run" }.to_owned(),
        ]);
    }
    line(&table.trim_fmt());
    if let Some(image) = tasks.iter().find_map(|task| task.record.image.as_ref()) {
        line(&format!("  image {image}"));
    }
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}
