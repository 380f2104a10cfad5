//! `sluis explain`

use std::path::Path;

use serde_json::json;
use sluis_schedule::{Explainer, Room, find_run, read_run};

use crate::{arguments::Explain, engine, exit::Exit, failure::Failure, output, site};

/// Explains one step of a run, or tells how each went.
pub fn carry_out(folder: &Path, explain: &Explain, json: bool) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    let run = read_run(&site.runs_dir(), &find_run(&site.runs_dir(), &explain.run)?)?;
    site.permit_run_status(&run.project, &run.run)?;
    let explainer = Explainer::new(&site, Room { gpus: engine::gpus().count(), ..engine::cores_and_memory() });
    match &explain.step {
        Some(step) => {
            let explanation = explainer.task(&run, step)?;
            if json { output::json(&json!(explanation)) } else { output::line(explanation.to_string().trim_end()) }
        }
        None => {
            let lines = explainer.overview(&run)?;
            if json {
                output::json(&json!(lines));
            } else {
                lines.iter().for_each(|line| output::line(&line.to_string()));
            }
        }
    }
    Ok(Exit::Success)
}
