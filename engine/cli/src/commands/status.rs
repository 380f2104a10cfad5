//! `sluis status`

use std::path::Path;

use serde_json::{Value as Json, json};
use sluis_schedule::{RunState, RunSummary, TaskState, find_run, list_runs, read_run};

use crate::{arguments::Status, exit::Exit, failure::Failure, output, site};

/// Shows the runs of which the caller may know, or one with its tasks.
pub fn carry_out(folder: &Path, status: &Status, json: bool) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    let runs = site.runs_dir();
    match &status.run {
        Some(prefix) => {
            let run = read_run(&runs, &find_run(&runs, prefix)?)?;
            site.permit_run_status(&run.project, &run.run)?;
            show_run(&run, json);
        }
        None => {
            let visible = site.permit_runs()?;
            let summaries = list_runs(&runs)?.iter().map(|run| read_run(&runs, run)).collect::<Result<Vec<_>, _>>()?;
            let summaries: Vec<_> = summaries.into_iter().filter(|run| visible.shows(&run.project)).collect();
            show_runs(&summaries, json);
        }
    }
    Ok(Exit::Success)
}

/// The state in words.
const fn state_of(run: &RunSummary) -> &'static str {
    in_words(run.state, run.interrupted)
}

/// A run's state in words.
pub const fn in_words(state: RunState, interrupted: bool) -> &'static str {
    match state {
        RunState::Running if interrupted => "interrupted",
        RunState::Running => "running",
        RunState::Complete => "complete",
        RunState::ExecutorError => "failed",
        RunState::SystemError => "failed (system)",
        RunState::Canceled => "cancelled",
    }
}

fn show_runs(runs: &[RunSummary], json: bool) {
    if json {
        return output::json(&runs.iter().map(run_json).collect::<Json>());
    }
    let mut table = output::table(&["RUN", "WORKFLOW", "STATE", "STARTED", "TASKS", "CACHED", "FAILED"]);
    for run in runs {
        let failed = run.tasks.values().filter(|task| task.failure.is_some()).count();
        let cached = run.tasks.values().filter(|task| task.cached).count();
        table.add_row([
            run.run.to_string(),
            run.workflow.clone(),
            state_of(run).to_owned(),
            run.started.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            run.tasks.len().to_string(),
            cached.to_string(),
            failed.to_string(),
        ]);
    }
    output::print_table(&table);
}

fn show_run(run: &RunSummary, json: bool) {
    if json {
        return output::json(&run_json(run));
    }
    output::line(&format!("{}  {}  {}  project {}", run.run, run.workflow, state_of(run), run.project));
    if run.self_issued {
        output::line("self-issued: on a personal site, where nobody else vouches for who ran it");
    }
    if run.interrupted {
        output::line(&format!("its engine ended without ending it: `sluis resume {}` goes on with it", run.run));
    }
    if let Some(outputs) = &run.outputs {
        output::line(&format!("output object {outputs}"));
    }
    let mut table = output::table(&["TASK", "STEP", "STATE", "SECONDS"]);
    for (id, task) in &run.tasks {
        let state = match (&task.failure, task.state) {
            (Some(failure), _) => failure.to_string(),
            (None, TaskState::Complete) if task.cached => "cached".to_owned(),
            (None, TaskState::Complete) if task.skipped => "skipped".to_owned(),
            (None, state) => format!("{state:?}").to_lowercase(),
        };
        let seconds = match (task.started, task.ended) {
            (Some(started), Some(ended)) => {
                format!("{:.2}", ended.duration_since(started).as_secs_f64())
            }
            _ => String::new(),
        };
        table.add_row([id.to_string(), task.step.clone(), state, seconds]);
    }
    for (step, _) in run.steps.iter().filter(|(_, step)| step.blocked) {
        table.add_row(["", step, "not run", ""]);
    }
    output::print_table(&table);
}

fn run_json(run: &RunSummary) -> Json {
    let tasks: Vec<Json> = run
        .tasks
        .iter()
        .map(|(id, task)| {
            json!({
                "task": id, "step": task.step, "state": task.state, "key": task.key, "cached": task.cached,
                "skipped": task.skipped, "failure": task.failure, "log": task.log, "started": task.started,
                "ended": task.ended,
            })
        })
        .collect();
    json!({
        "run": run.run, "workflow": run.workflow, "state": state_of(run), "project": run.project,
        "self-issued": run.self_issued, "inputs": run.inputs, "outputs": run.outputs, "started": run.started, "ended": run.ended, "tasks": tasks,
    })
}
