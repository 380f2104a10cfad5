//! `sluis find`

use std::path::Path;

use serde_json::{Value as Json, json};
use sluis_access::{ReadAction, Site, Visible};
use sluis_index::{Derived, Index, MadeAs, UsingRun};
use sluis_schedule::RunSummary;

use crate::{
    arguments::{Find, FindDerived, FindNewest, FindRuns},
    commands::{objects, status},
    exit::Exit,
    failure::Failure,
    output, site,
};

/// Answers a question over all objects, tasks and runs.
pub fn carry_out(folder: &Path, find: &Find, json: bool) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    match find {
        Find::Derived(derived) => find_derived(&site, derived, json),
        Find::Runs(runs) => find_runs(&site, runs, json),
        Find::Newest(newest) => find_newest(&site, newest, json),
    }?;
    Ok(Exit::Success)
}

/// Tells people how an answer was come by, if it was not in the usual way.
pub fn tell_note(index: &Index<'_>) {
    if let Some(note) = index.note() {
        output::note(note);
    }
}

fn find_derived(site: &Site, find: &FindDerived, json: bool) -> Result<(), Failure> {
    let address = objects::resolve(site, &find.address)?;
    let permit = site.permit_read(&find.project, &address, ReadAction::Provenance)?;
    let mut index = Index::new(site);
    let found = index.derived(&permit, &address)?;
    tell_note(&index);
    if json {
        output::json(&found.iter().map(derived_json).collect::<Json>());
        return Ok(());
    }
    let mut table = output::table(&["ADDRESS", "WHAT", "STEP", "TOOL", "RUN", "MADE"]);
    for Derived { address, record } in &found {
        let what = match MadeAs::of(record, address) {
            MadeAs::Output => "output",
            MadeAs::OutputObject => "output object",
            MadeAs::Log => "log",
        };
        let made = record.ended.strftime("%Y-%m-%d %H:%M:%S").to_string();
        let (step, tool, run) = (record.step.clone(), record.tool.clone(), record.run.to_string());
        table.add_row([address.to_string(), what.to_owned(), step, tool, run, made]);
    }
    output::print_table(&table);
    Ok(())
}

fn derived_json(Derived { address, record }: &Derived) -> Json {
    json!({
        "address": address, "what": MadeAs::of(record, address), "key": record.key, "step": record.step,
        "tool": record.tool, "run": record.run, "ended": record.ended,
    })
}

fn find_runs(site: &Site, find: &FindRuns, json: bool) -> Result<(), Failure> {
    let visible = site.permit_runs()?;
    let mut index = Index::new(site);
    let mut found = index.runs_using(&find.dataset)?;
    tell_note(&index);
    // Of what has no journal it is not known whose it is.
    found.retain(|run| match &run.journal {
        Some(facts) => visible.shows(&facts.project),
        None => visible == Visible::Everything,
    });
    if found.is_empty() && !site.registry()?.datasets.contains_key(&find.dataset) {
        let text = format!("the dataset {} is not in the registry, and no run that you may see used it", find.dataset);
        return Err(Failure::new(Exit::Usage, text));
    }
    if json {
        output::json(&found.iter().map(using_run_json).collect::<Json>());
        return Ok(());
    }
    let mut table = output::table(&["RUN", "WORKFLOW", "STATE", "STARTED", "PROJECT"]);
    for UsingRun { run, journal } in found {
        let Some(facts) = journal else {
            table.add_row([run.to_string(), String::new(), "not begun".to_owned()]);
            continue;
        };
        let state = status::in_words(facts.state, facts.interrupted).to_owned();
        let started = facts.started.strftime("%Y-%m-%d %H:%M:%S").to_string();
        table.add_row([run.to_string(), facts.workflow, state, started, facts.project.to_string()]);
    }
    output::print_table(&table);
    Ok(())
}

fn using_run_json(UsingRun { run, journal }: &UsingRun) -> Json {
    let Some(facts) = journal else { return json!({ "run": run, "state": "not begun" }) };
    json!({
        "run": run, "workflow": facts.workflow, "state": status::in_words(facts.state, facts.interrupted),
        "project": facts.project, "started": facts.started, "ended": facts.ended,
    })
}

fn find_newest(site: &Site, find: &FindNewest, json: bool) -> Result<(), Failure> {
    let input = objects::resolve(site, &find.input)?;
    let permit = site.permit_read(&find.project, &input, ReadAction::Provenance)?;
    let mut index = Index::new(site);
    // As a run calls its workflow.
    let workflow = find.workflow.rsplit('/').next().unwrap_or_default();
    let found = index.newest(&permit, workflow, &input)?;
    tell_note(&index);
    match found {
        found if json => output::json(&found.as_ref().map_or(Json::Null, newest_json)),
        Some(run) => {
            let ended = run.ended.map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default();
            output::line(&format!("{}  {}  complete {ended}  project {}", run.run, run.workflow, run.project));
            if let Some(outputs) = &run.outputs {
                output::line(&format!("output object {outputs}"));
            }
        }
        None => output::note(&format!("No run of {workflow} that was given {} has completed.", output::short(&input))),
    }
    Ok(())
}

fn newest_json(run: &RunSummary) -> Json {
    json!({
        "run": run.run, "workflow": run.workflow, "project": run.project, "inputs": run.inputs,
        "outputs": run.outputs, "started": run.started, "ended": run.ended,
    })
}
