//! `sluis run`

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use sluis_access::Site;
use sluis_cwl::{Loaded, Snapshot};
use sluis_model::{RunId, Value, Values};
use sluis_schedule::{FailurePolicy, Repeatable, Reuse, RunRequest, RunResult, RunState, RunSummary, Told};
use tokio::{runtime::Runtime, sync::mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    arguments::{OnFailure, Run},
    engine,
    exit::Exit,
    export,
    failure::{Failure, exit_of},
    output, problems,
    progress::{Counts, Progress},
    remote::Documents,
    site,
};

/// A run that ended, with what the display counted.
#[derive(Debug)]
pub struct RunOutcome {
    /// The run's identifier.
    pub run: RunId,
    /// How it ended.
    pub result: RunResult,
    /// How many tasks ran, were cached, failed.
    pub counts: Counts,
    /// How long it took.
    pub elapsed: Duration,
}

/// Runs a workflow and prints its output object.
pub fn carry_out(folder: &Path, run: &Run, json: bool) -> Result<Exit, Failure> {
    let site = site::open_or_make(folder)?;
    let outcome = run_workflow(&site, run, json)?;
    if !run.quiet {
        output::note(&summary(&outcome));
    }
    match (outcome.result.state, outcome.result.outputs) {
        (RunState::Complete, Some(outputs)) => {
            output::json(&outputs_json(&site, run, outputs)?);
            Ok(Exit::Success)
        }
        (RunState::Canceled, _) => Err(Failure::told(Exit::Canceled)),
        _ => Err(Failure::told(outcome.result.failure.as_ref().map_or(Exit::Internal, exit_of))),
    }
}

/// Runs a workflow with a live display and gives back how it ended.
///
/// # Errors
/// What keeps the run from being carried out. A failed task is part of the outcome.
pub fn run_workflow(site: &Arc<Site>, run: &Run, json: bool) -> Result<RunOutcome, Failure> {
    let (workflow, job) = workflow_and_job(run);
    let mut inputs = sluis_cwl::read_inputs(job.as_deref())?;
    let loaded = sluis_cwl::load_for(&workflow, &mut inputs, &Documents::of(site.dir()))?;
    let documents = Snapshot::of(&workflow, &loaded, &inputs);
    let Loaded { process, warnings, .. } = loaded;
    if !warnings.is_empty() && !run.quiet {
        if json {
            output::note(&problems::json(&warnings).to_string());
        } else {
            problems::print(&warnings);
        }
    }
    if let Some(unsupported) = warnings.unsupported() {
        return Err(unsupported.into());
    }
    let inputs = process.check_inputs(inputs)?;
    let request = |cancel, listener| {
        Ok(RunRequest {
            run: new_run_id(site)?,
            workflow: workflow.rsplit('/').next().unwrap_or_default().to_owned(),
            process,
            inputs,
            documents,
            project: run.project.clone(),
            labels: Some(run.origin.labels()),
            on_failure: match run.on_failure {
                OnFailure::Finish => FailurePolicy::FinishOthers,
                OnFailure::Stop => FailurePolicy::StopAll,
            },
            reuse: if run.no_cache { Reuse::Nothing } else { Reuse::AsDeclared },
            cancel,
            listener,
        })
    };
    carry_out_request(site, request, run.quiet, json)
}

/// The document to run and the job file. A job file that stands alone may name its document itself.
fn workflow_and_job(run: &Run) -> (String, Option<PathBuf>) {
    if run.inputs.is_none()
        && let Some(workflow) = sluis_cwl::tool_of_job(Path::new(&run.workflow))
    {
        return (workflow, Some(PathBuf::from(&run.workflow)));
    }
    (run.workflow.clone(), run.inputs.clone())
}

/// Does a run again, with every result that is still there.
///
/// # Errors
/// What keeps the run from being carried out. A failed task is part of the outcome.
pub fn repeat(site: &Arc<Site>, run: &RunSummary, json: bool) -> Result<RunOutcome, Failure> {
    let Repeatable { process, inputs, documents } = sluis_schedule::repeatable(site, run)?;
    let request = |cancel, listener| {
        Ok(RunRequest {
            run: new_run_id(site)?,
            workflow: run.workflow.clone(),
            process,
            inputs,
            documents,
            project: run.project.clone(),
            labels: None,
            on_failure: FailurePolicy::FinishOthers,
            reuse: Reuse::Everything,
            cancel,
            listener,
        })
    };
    carry_out_request(site, request, false, json)
}

/// Carries a request out with a live display, until it ends or somebody interrupts it.
fn carry_out_request(
    site: &Arc<Site>,
    request: impl FnOnce(CancellationToken, mpsc::UnboundedSender<Told>) -> Result<RunRequest, Failure>,
    quiet: bool,
    json: bool,
) -> Result<RunOutcome, Failure> {
    let begun = Instant::now();
    let runtime = Runtime::new().map_err(|error| Failure::of(Exit::Environment, &error))?;
    let (listener, told) = mpsc::unbounded_channel();
    let cancel = CancellationToken::new();
    let request = request(cancel.clone(), listener)?;
    let run = request.run.clone();
    let (result, counts) = runtime.block_on(async {
        let engine = engine::engine(Arc::clone(site)).await?;
        if !quiet && !json {
            output::note(&format!("Run {run}"));
        }
        let shown = tokio::spawn(show(Progress::new(quiet, json), told));
        let interrupts = tokio::spawn(cancel_on_interrupt(cancel));
        let result = engine.run(request).await;
        interrupts.abort();
        let counts = shown.await.map_err(|error| Failure::of(Exit::Internal, &error))?;
        Ok::<_, Failure>((result?, counts))
    })?;
    Ok(RunOutcome { run, result, counts, elapsed: begun.elapsed() })
}

async fn show(mut display: Progress, mut told: mpsc::UnboundedReceiver<Told>) -> Counts {
    while let Some(told) = told.recv().await {
        display.tell(told);
    }
    display.finish();
    display.total()
}

async fn cancel_on_interrupt(cancel: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    output::note("Cancelling: stopping what runs.");
    cancel.cancel();
    // Once more, and the user is taken at their word: the next start cleans up.
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    std::process::exit(Exit::Canceled as i32);
}

/// A line that says what was done and how to see more.
pub fn summary(outcome: &RunOutcome) -> String {
    let Counts { tasks, run, cached, skipped, failed, .. } = outcome.counts;
    let state = match outcome.result.state {
        RunState::Complete if run == 0 && cached > 0 => "complete, every task found in the cache",
        RunState::Complete => "complete",
        RunState::Canceled => "cancelled",
        _ => "failed",
    };
    let mut text = format!(
        "Run {} {state}: {tasks} tasks, {run} run, {cached} cached, {skipped} skipped, {failed} failed, {:.1} s.",
        outcome.run,
        outcome.elapsed.as_secs_f64(),
    );
    if failed > 0 {
        text.push_str(&format!("\nWhat the failed tasks printed: sluis logs {}", outcome.run));
    }
    text
}

fn outputs_json(site: &Arc<Site>, run: &Run, mut outputs: Values) -> Result<serde_json::Value, Failure> {
    if let Some(outdir) = &run.outdir {
        export::export_values(site, &run.project, &mut outputs, outdir)?;
        return export::with_checksums(&Value::Record(outputs));
    }
    Ok(Value::Record(outputs).to_json())
}

fn new_run_id(site: &Site) -> Result<RunId, Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| Failure::of(Exit::Internal, error);
    let mut random = [0; 3];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()).map_err(|error| failed(&error))?;
    let [a, b, c] = random;
    let id = format!("{}-{a:02x}{b:02x}{c:02x}", Timestamp::now().strftime("%Y%m%d-%H%M%S"));
    let id: RunId = id.parse().map_err(|error| failed(&error))?;
    let folder: PathBuf = site.runs_dir().join(id.as_str());
    if folder.exists() { new_run_id(site) } else { Ok(id) }
}
