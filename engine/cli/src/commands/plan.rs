//! `sluis plan`

use std::path::Path;

use serde_json::json;
use sluis_model::Resources;
use sluis_schedule::{Estimate, PlanRequest, Reuse, RunSettings, StepPlan};
use tokio::runtime::Runtime;

use super::run::{Checked, check};
use crate::{arguments::Plan, engine, exit::Exit, failure::Failure, output, site};

/// Shows what a run would do.
pub fn carry_out(folder: &Path, plan: &Plan, json: bool) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    let Checked { workflow, process, inputs, .. } = check(&site, &plan.workflow, plan.inputs.as_deref(), false, json)?;
    let settings = RunSettings {
        reuse: if plan.no_cache { Reuse::Nothing } else { Reuse::AsDeclared },
        rerun: plan.rerun.clone(),
        ..RunSettings::default()
    };
    settings.check_steps(&process).map_err(|error| Failure::of(Exit::Usage, &error))?;
    let request = PlanRequest { process, workflow, inputs, project: plan.project.clone(), settings };
    let runtime = Runtime::new().map_err(|error| Failure::of(Exit::Environment, &error))?;
    let found = engine::planner(site)?.plan(request, runtime.handle())?;
    if json {
        output::json(&json!(found));
    } else {
        show(&found);
    }
    Ok(if found.is_possible() { Exit::Success } else { Exit::Environment })
}

fn show(plan: &sluis_schedule::Plan) {
    let sum = |of: fn(&StepPlan) -> u64| {
        let about = if plan.steps.iter().any(|step| is_sampled(step) && of(step) > 0) { "about " } else { "" };
        format!("{about}{}", plan.steps.iter().map(|step| of_all(step, of(step))).sum::<u64>())
    };
    let open = plan.steps.iter().filter(|step| !step.waits_for.is_empty()).count();
    let open = if open == 0 { String::new() } else { format!("; {open} step(s) depend on what is not made yet") };
    output::line(&format!(
        "{} for project {}: {} cached, {} to run, {} skipped{open}",
        plan.workflow,
        plan.project,
        sum(|step| step.cached),
        sum(|step| step.to_run),
        sum(|step| step.skipped),
    ));
    let mut table = output::table(&["STEP", "TASKS", "CACHED", "TO RUN", "ASKS FOR", "EARLIER", "WHY"]);
    for step in
        plan.steps.iter().filter(|step| step.tasks.is_some() || !step.waits_for.is_empty() || step.looked_at > 0)
    {
        table.add_row([
            step.step.clone(),
            step.tasks.map_or_else(|| "?".to_owned(), |tasks| tasks.to_string()),
            of_looked_at(step, step.cached),
            of_looked_at(step, step.to_run),
            step.resources.as_ref().map_or_else(String::new, asked),
            step.estimate.as_ref().map_or_else(String::new, earlier),
            why(step),
        ]);
    }
    output::print_table(&table);
    for step in &plan.steps {
        for problem in &step.problems {
            output::note(&format!("error: {}: {problem}", step.step));
        }
    }
}

/// Whether only some of a step's tasks were looked at.
fn is_sampled(step: &StepPlan) -> bool {
    step.looked_at > 0 && step.tasks.is_some_and(|tasks| step.looked_at < tasks)
}

/// A number of the tasks that were looked at, as one of all.
fn of_all(step: &StepPlan, count: u64) -> u64 {
    match step.tasks {
        Some(tasks) if is_sampled(step) => (count as f64 / step.looked_at as f64 * tasks as f64).round() as u64,
        _ => count,
    }
}

/// A number of tasks; with how many were looked at if that were not all.
fn of_looked_at(step: &StepPlan, count: u64) -> String {
    if is_sampled(step) { format!("{count} of {} looked at", step.looked_at) } else { count.to_string() }
}

fn asked(resources: &Resources) -> String {
    let cores = resources.cores.0 as f64 / 1000.0;
    let gpus = match resources.gpus {
        0 => String::new(),
        1 => ", 1 GPU".to_owned(),
        gpus => format!(", {gpus} GPUs"),
    };
    format!("{cores} {}, {}{gpus}", if resources.cores.0 == 1000 { "core" } else { "cores" }, resources.memory)
}

fn earlier(estimate: &Estimate) -> String {
    let time = format!("{:.1} s", estimate.mean_ms as f64 / 1000.0);
    match estimate.peak_memory {
        Some(peak) => format!("{time}, {}", output::bytes(peak)),
        None => time,
    }
}

/// In a few words; `--json` has all of it.
fn why(step: &StepPlan) -> String {
    if !step.waits_for.is_empty() {
        return format!("depends on {}", step.waits_for.join(", "));
    }
    step.reason.as_ref().map_or_else(String::new, sluis_schedule::Reason::in_short)
}
