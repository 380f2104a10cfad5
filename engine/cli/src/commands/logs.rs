//! `sluis logs`

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use sluis_access::{ReadAction, Site};
use sluis_model::Address;
use sluis_schedule::{RunSummary, TaskSummary, find_run, read_run};
use sluis_worker::Scratch;

use crate::{arguments::Logs, exit::Exit, failure::Failure, output, site};

/// Prints what the tasks of a run printed: of ended ones the sealed logs, of running ones what is there so far.
pub fn carry_out(folder: &Path, logs: &Logs) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    let run = read_run(&site.runs_dir(), &find_run(&site.runs_dir(), &logs.run)?)?;
    let wanted = |step: &str| logs.step.as_deref().is_none_or(|prefix| step.starts_with(prefix));
    for (id, task) in run.tasks.iter().filter(|(_, task)| wanted(&task.step)) {
        let mut out = io::stdout().lock();
        if let Some(address) = log_of(&site, task)? {
            output::note(&format!("── {} (task {id})", task.step));
            print_sealed(&site, &run, &address, &mut out)?;
        } else if task.ended.is_none()
            && !run.interrupted
            && let Some(Ok(mut live)) = Scratch::live_log(&run.run, *id).map(fs::File::open)
        {
            // What a running task prints can hold anything that the run was given.
            site.permit_read(&run.project, &run.inputs, ReadAction::Logs)?;
            output::note(&format!("── {} (task {id}, still running)", task.step));
            io::copy(&mut live, &mut out).map_err(|error| Failure::of(Exit::Environment, &error))?;
        }
    }
    Ok(Exit::Success)
}

fn log_of(site: &Site, task: &TaskSummary) -> Result<Option<Address>, Failure> {
    match (task.log, task.key) {
        (Some(log), _) => Ok(Some(log)),
        (None, Some(key)) => Ok(site.task(&key)?.and_then(|record| record.log)),
        (None, None) => Ok(None),
    }
}

fn print_sealed(site: &Site, run: &RunSummary, address: &Address, out: &mut impl Write) -> Result<(), Failure> {
    let permit = site.permit_read(&run.project, address, ReadAction::Logs)?;
    let mut reader = site.unseal(&permit, address)?;
    output::copy(&mut reader, out).map_err(|error| site.reading_failed(address, error))?;
    Ok(())
}
