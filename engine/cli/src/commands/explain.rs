//! `sluis explain`

use std::path::Path;

use serde_json::json;
use sluis_schedule::{Explainer, find_run, read_run};

use crate::{arguments::Explain, containers::ContainerExecutor, engine, exit::Exit, failure::Failure, output, site};

/// Explains one step of a run, or tells how each went.
pub fn carry_out(folder: &Path, explain: &Explain, json: bool) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    let run = read_run(&site.runs_dir(), &find_run(&site.runs_dir(), &explain.run)?)?;
    site.permit_run_status(&run.project, &run.run)?;
    // Its tasks are repeated by hand in what ran them, whatever the site would choose now.
    let container = ContainerExecutor::of_run(&site, &run.settings).make(&site)?;
    let explainer = Explainer::new(&site, engine::cores_and_memory(), engine::gpus(), &*container);
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
