//! `sluis resume`

mod all;

use std::{path::Path, sync::Arc};

use sluis_access::Site;
use sluis_schedule::Interrupted;

use super::{report::write_trace, run};
use crate::{
    arguments::Resume,
    conclusion::{Conclusion, conclude},
    exit::Exit,
    failure::Failure,
    output, site,
};

/// Goes on with an interrupted run and prints its output object; or with all of them.
pub fn carry_out(folder: &Path, resume: &Resume, json: bool) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    match &resume.run {
        Some(run) => conclude(json, one(&site, run, resume, json)),
        None => all::carry_out(&site, resume.quiet, json),
    }
}

fn one(site: &Arc<Site>, run: &str, resume: &Resume, json: bool) -> Result<Conclusion, Failure> {
    let interrupted = Interrupted::take(&site.runs_dir(), run)?;
    let (run, project) = (interrupted.summary().run.clone(), interrupted.summary().project.clone());
    let outcome = run::resume(site, interrupted, resume.quiet, json).map_err(|failure| failure.of_run(&run))?;
    if let Some(path) = &resume.trace {
        // Of what happened before the interruption, too, so not as it happens.
        if let Err(failure) = write_trace(site, &outcome.run, path) {
            // What the run made matters more.
            output::note(&format!("error: {}; `sluis report --trace` writes it later", failure.text()));
        }
    }
    Conclusion::of(site, outcome, &project, resume.outdir.as_deref(), resume.quiet)
}
