//! How a command that runs a workflow ends: what is told of the run, its output object, the exit code.

use std::{path::Path, sync::Arc};

use serde::Serialize;
use sluis_access::Site;
use sluis_model::{ProjectName, RunId, Value, Values};
use sluis_schedule::RunState;

use crate::{
    commands::run::{RunOutcome, summary},
    exit::Exit,
    export,
    failure::{Failure, exit_of},
    output, site,
};

/// What became of a run.
#[derive(Serialize)]
#[serde(tag = "event", rename = "result")]
pub struct Conclusion {
    /// The run, if it began.
    run: Option<RunId>,
    /// The exit code of a command that runs it alone.
    exit: u8,
    /// What went wrong, unless that was a task: then it is in an event of its own.
    error: Option<String>,
    /// The output object.
    outputs: Option<Outputs>,
    #[serde(skip)]
    code: Exit,
}

/// An output object.
#[derive(Serialize)]
#[serde(untagged)]
enum Outputs {
    /// With addresses of the store.
    Sealed(Values),
    /// With the files to which they were exported.
    Exported(serde_json::Value),
}

impl Conclusion {
    /// Of a run that ended, after its summary was told unless `quiet`; the outputs are exported if there is a folder for
    /// them.
    ///
    /// # Errors
    /// If they cannot be exported.
    pub fn of(
        site: &Arc<Site>,
        outcome: RunOutcome,
        project: &ProjectName,
        outdir: Option<&Path>,
        quiet: bool,
    ) -> Result<Self, Failure> {
        if !quiet {
            output::note(&summary(&outcome));
            site::tell_duties(site);
        }
        let (code, outputs) = match (outcome.result.state, outcome.result.outputs) {
            (RunState::Complete, Some(outputs)) => {
                let exported = exported(site, project, outdir, outputs);
                (Exit::Success, Some(exported.map_err(|failure| failure.of_run(&outcome.run))?))
            }
            (RunState::Canceled, _) => (Exit::Canceled, None),
            _ => (outcome.result.failure.as_ref().map_or(Exit::Internal, exit_of), None),
        };
        Ok(Self { run: Some(outcome.run), exit: code as u8, error: None, outputs, code })
    }

    /// Of a command that was to carry out runs, and found none.
    pub const fn nothing() -> Self {
        Self { run: None, exit: Exit::Success as u8, error: None, outputs: None, code: Exit::Success }
    }

    /// Of a run that could not be carried out.
    pub fn failed(run: Option<&RunId>, failure: &Failure) -> Self {
        let run = run.or(failure.run()).cloned();
        Self { run, exit: failure.exit as u8, error: Some(failure.text()), outputs: None, code: failure.exit }
    }

    /// The exit code of a command that runs it alone.
    pub const fn exit(&self) -> Exit {
        self.code
    }

    /// Prints it as a line of JSON.
    pub fn print_line(&self) {
        output::json_line(self);
    }
}

/// Ends a command that ran one workflow: prints the output object or, with `json`, a last line that says how it ended.
///
/// # Errors
/// If the run failed or could not be carried out.
pub fn conclude(json: bool, ran: Result<Conclusion, Failure>) -> Result<Exit, Failure> {
    match ran {
        Ok(conclusion) => {
            match &conclusion.outputs {
                _ if json => conclusion.print_line(),
                Some(outputs) => output::json(outputs),
                None => {}
            }
            if conclusion.code == Exit::Success { Ok(Exit::Success) } else { Err(Failure::told(conclusion.code)) }
        }
        Err(failure) => {
            if json {
                Conclusion::failed(None, &failure).print_line();
            }
            Err(failure)
        }
    }
}

fn exported(
    site: &Arc<Site>,
    project: &ProjectName,
    outdir: Option<&Path>,
    mut outputs: Values,
) -> Result<Outputs, Failure> {
    let Some(outdir) = outdir else { return Ok(Outputs::Sealed(outputs)) };
    export::export_values(site, project, &mut outputs, outdir)?;
    Ok(Outputs::Exported(export::with_checksums(&Value::Record(outputs))?))
}
