//! `sluis report`

use std::{
    fs::{self, File},
    io::{self, BufWriter},
    path::{Path, PathBuf},
};

use sluis_access::Site;
use sluis_journal::Summary;
use sluis_model::RunId;
use sluis_report::Trace;
use sluis_schedule::{find_run, read_events, read_run};

use crate::{arguments::Report, exit::Exit, failure::Failure, output, site};

/// Writes the page about a run, its trace, or both.
pub fn carry_out(folder: &Path, report: &Report) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    let runs = site.runs_dir();
    let id = find_run(&runs, &report.run)?;
    let run = read_run(&runs, &id)?;
    site.permit_run_status(&run.project, &id)?;
    if let Some(path) = &report.trace {
        write_trace(&site, &id, path)?;
    }
    if report.to.is_some() || report.trace.is_none() {
        let path = report.to.clone().unwrap_or_else(|| PathBuf::from(format!("{id}.html")));
        let page = sluis_report::page(&run).map_err(|error| Failure::of(Exit::Internal, &error))?;
        fs::write(&path, page).map_err(|error| unwritable(&path, &error))?;
        output::note(&format!("Wrote {}.", path.display()));
    }
    Ok(Exit::Success)
}

/// Writes the trace of all that happened in a run so far.
pub fn write_trace(site: &Site, run: &RunId, path: &Path) -> Result<(), Failure> {
    let mut trace = begin_trace(path)?;
    for event in read_events(&site.runs_dir(), run, &Summary::empty())? {
        trace.take(&event?).map_err(|error| unwritable(path, &error))?;
    }
    trace.flush().map_err(|error| unwritable(path, &error))
}

/// A trace into a file, in place of what was there.
pub fn begin_trace(path: &Path) -> Result<Trace<BufWriter<File>>, Failure> {
    let file = File::create(path).map_err(|error| unwritable(path, &error))?;
    Trace::begin(BufWriter::new(file)).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Environment, format!("{} cannot be written: {error}", path.display()))
}
