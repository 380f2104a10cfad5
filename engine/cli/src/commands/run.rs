//! `sluis run`

use std::{
    fs::File,
    io::{self, BufWriter},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use sluis_access::Site;
use sluis_cwl::{Loaded, Process, Snapshot};
use sluis_model::{RunId, Values};
use sluis_report::Trace;
use sluis_schedule::{
    Engine, FailurePolicy, Interrupted, Repeatable, Reuse, RunRequest, RunResult, RunSettings, RunState, RunSummary,
    Told, journal_of,
};
use tokio::{
    runtime::{Handle, Runtime},
    sync::{mpsc, oneshot},
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::report::begin_trace;
use crate::{
    arguments::{OnFailure, Run},
    conclusion::{Conclusion, conclude},
    containers::ContainerExecutor,
    engine,
    exit::Exit,
    failure::Failure,
    output, problems,
    progress::{Counts, Display, Progress},
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
    let ran = || {
        let site = site::open_or_make(folder)?;
        let outcome = run_workflow(&site, run, json)?;
        Conclusion::of(&site, outcome, &run.project, run.outdir.as_deref(), run.quiet)
    };
    conclude(json, ran())
}

/// A process and its inputs, loaded and checked.
pub struct Checked {
    /// The name of the document, for people.
    pub workflow: String,
    /// The workflow or tool.
    pub process: Process,
    /// The checked input object.
    pub inputs: Values,
    /// The documents that the process was loaded from.
    pub documents: Snapshot,
}

/// Loads and checks what is to be run, and prints warnings.
pub fn check(site: &Site, workflow: &str, inputs: Option<&Path>, quiet: bool, json: bool) -> Result<Checked, Failure> {
    let (workflow, job) = workflow_and_job(workflow, inputs);
    let mut inputs = sluis_cwl::read_inputs(job.as_deref())?;
    let loaded = sluis_cwl::load_for(&workflow, &mut inputs, &Documents::of(site.dir()))?;
    let documents = Snapshot::of(&workflow, &loaded, &inputs);
    let Loaded { process, warnings, .. } = loaded;
    if !warnings.is_empty() && !quiet {
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
    let workflow = workflow.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Checked { workflow, process, inputs, documents })
}

/// Runs a workflow with a live display and gives back how it ended.
///
/// # Errors
/// What keeps the run from being carried out. A failed task is part of the outcome.
pub fn run_workflow(site: &Arc<Site>, run: &Run, json: bool) -> Result<RunOutcome, Failure> {
    let checked = check(site, &run.workflow, run.inputs.as_deref(), run.quiet, json)?;
    let Checked { workflow, process, inputs, documents } = checked;
    let container = ContainerExecutor::choose(site, run.executor);
    let settings = settings(run, container);
    settings.check_steps(&process).map_err(|error| Failure::of(Exit::Usage, &error))?;
    let request = |cancel, listener| {
        Ok(RunRequest {
            run: new_run_id(site)?,
            workflow,
            process,
            inputs,
            documents,
            project: run.project.clone(),
            labels: Some(run.origin.labels()),
            settings,
            resume: None,
            cancel,
            listener,
        })
    };
    carry_out_request(
        site,
        container,
        request,
        Shown { display: Display::asked(run.quiet, json), trace: run.trace.as_deref() },
    )
}

fn settings(run: &Run, container: ContainerExecutor) -> RunSettings {
    RunSettings {
        on_failure: match run.on_failure {
            OnFailure::Finish => FailurePolicy::FinishOthers,
            OnFailure::Stop => FailurePolicy::StopAll,
        },
        reuse: if run.no_cache { Reuse::Nothing } else { Reuse::AsDeclared },
        priority: run.priority,
        rerun: run.rerun.clone(),
        executor: container.name(),
    }
}

/// The document to run and the job file. A job file that stands alone may name its document itself.
fn workflow_and_job(workflow: &str, inputs: Option<&Path>) -> (String, Option<PathBuf>) {
    if inputs.is_none()
        && let Some(named) = sluis_cwl::tool_of_job(Path::new(workflow))
    {
        return (named, Some(PathBuf::from(workflow)));
    }
    (workflow.to_owned(), inputs.map(Path::to_owned))
}

/// Does a run again, with every result that is still there.
///
/// # Errors
/// What keeps the run from being carried out. A failed task is part of the outcome.
pub fn repeat(site: &Arc<Site>, run: &RunSummary, json: bool) -> Result<RunOutcome, Failure> {
    let Repeatable { process, inputs, documents } = sluis_schedule::repeatable(site, run)?;
    let container = ContainerExecutor::choose(site, None);
    let settings = RunSettings { reuse: Reuse::Everything, executor: container.name(), ..RunSettings::default() };
    let request = |cancel, listener| {
        Ok(RunRequest {
            run: new_run_id(site)?,
            workflow: run.workflow.clone(),
            process,
            inputs,
            documents,
            project: run.project.clone(),
            labels: None,
            settings,
            resume: None,
            cancel,
            listener,
        })
    };
    // What else is printed as JSON is whoever's who asked for this.
    carry_out_request(site, container, request, Shown { display: Display::asked(json, false), trace: None })
}

/// Goes on with a run that was interrupted.
///
/// # Errors
/// What keeps the run from being carried out. A failed task is part of the outcome.
pub fn resume(site: &Arc<Site>, interrupted: Interrupted, quiet: bool, json: bool) -> Result<RunOutcome, Failure> {
    let container = ContainerExecutor::of_run(site, &interrupted.summary().settings);
    let request = |cancel, listener| to_resume(site, interrupted, cancel, listener);
    carry_out_request(site, container, request, Shown { display: Display::asked(quiet, json), trace: None })
}

/// What an engine is asked for to go on with an interrupted run. Blocks.
///
/// # Errors
/// If what the run was made from may not be read, or cannot be.
pub fn to_resume(
    site: &Site,
    interrupted: Interrupted,
    cancel: CancellationToken,
    listener: mpsc::UnboundedSender<Told>,
) -> Result<RunRequest, Failure> {
    let run = interrupted.summary().clone();
    let Repeatable { process, inputs, documents } = sluis_schedule::repeatable(site, &run)?;
    Ok(RunRequest {
        run: run.run,
        workflow: run.workflow,
        process,
        inputs,
        documents,
        project: run.project,
        labels: None,
        settings: run.settings,
        resume: Some(interrupted),
        cancel,
        listener,
    })
}

/// What is shown and written of a run while it is under way.
#[derive(Clone, Copy)]
struct Shown<'a> {
    display: Display,
    /// The file for the run's trace.
    trace: Option<&'a Path>,
}

/// How often ages and bars are drawn anew.
const DRAWN: Duration = Duration::from_millis(100);

/// Carries a request out with a live display, until it ends or somebody interrupts it.
fn carry_out_request(
    site: &Arc<Site>,
    container: ContainerExecutor,
    request: impl FnOnce(CancellationToken, mpsc::UnboundedSender<Told>) -> Result<RunRequest, Failure>,
    shown: Shown<'_>,
) -> Result<RunOutcome, Failure> {
    let begun = Instant::now();
    let trace = shown.trace.map(begin_trace).transpose()?;
    let runtime = Runtime::new().map_err(|error| Failure::of(Exit::Environment, &error))?;
    let (listener, told) = mpsc::unbounded_channel();
    let cancel = CancellationToken::new();
    let request = request(cancel.clone(), listener)?;
    let run = request.run.clone();
    let ended = runtime.block_on(async {
        let engine = engine::engine(Arc::clone(site), container).await?;
        if shown.display == Display::People {
            output::note(&format!("Run {run}"));
        }
        let interrupts = tokio::spawn(cancel_on_interrupt(cancel));
        let ended = show_and_run(&engine, request, told, shown.display, trace).await;
        interrupts.abort();
        ended
    });
    // What its journal tells of began, whatever became of it.
    let began = || journal_of(&site.runs_dir(), &run).exists();
    let (result, counts) = ended.map_err(|failure| if began() { failure.of_run(&run) } else { failure })?;
    Ok(RunOutcome { run, result, counts, elapsed: begun.elapsed() })
}

/// Has an engine carry a request out, and shows it meanwhile.
///
/// # Errors
/// What keeps the run from being carried out.
pub async fn show_and_run(
    engine: &Arc<Engine>,
    request: RunRequest,
    told: mpsc::UnboundedReceiver<Told>,
    display: Display,
    trace: Option<Trace<BufWriter<File>>>,
) -> Result<(RunResult, Counts), Failure> {
    let counts = start_display(Progress::new(display, engine, &request.run), trace, told)?;
    let result = engine.run(request).await;
    let counts = counts.await;
    Ok((result?, counts.map_err(|_| Failure::new(Exit::Internal, "the display ended early"))?))
}

/// Shows a run in a thread of its own: whoever reads what is printed may be slow, and nothing else has to wait for them.
fn start_display(
    display: Progress,
    trace: Option<Trace<BufWriter<File>>>,
    told: mpsc::UnboundedReceiver<Told>,
) -> Result<oneshot::Receiver<Counts>, Failure> {
    let (ended, counts) = oneshot::channel();
    let runtime = Handle::current();
    let show = move || {
        // Whoever waits for it is gone only with the whole process.
        let _ = ended.send(runtime.block_on(show(display, trace, told)));
    };
    let started = thread::Builder::new().name("display".to_owned()).spawn(show);
    started.map_err(|error| Failure::of(Exit::Environment, &error))?;
    Ok(counts)
}

async fn show(
    mut display: Progress,
    mut trace: Option<Trace<BufWriter<File>>>,
    mut told: mpsc::UnboundedReceiver<Told>,
) -> Counts {
    let mut draw = interval(DRAWN);
    draw.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            next = told.recv() => {
                let Some(next) = next else { break };
                if let Told::Event(event) = &next {
                    write_trace(&mut trace, |trace| trace.take(event));
                }
                display.tell(next);
            }
            _ = draw.tick() => display.draw(),
        }
    }
    write_trace(&mut trace, Trace::flush);
    display.finish();
    display.total()
}

/// Writes to the trace if there is one. The run goes on without it if that fails.
fn write_trace(
    trace: &mut Option<Trace<BufWriter<File>>>,
    write: impl FnOnce(&mut Trace<BufWriter<File>>) -> io::Result<()>,
) {
    if let Some(Err(error)) = trace.as_mut().map(write) {
        output::note(&format!("error: the trace cannot be written: {error}; `sluis report --trace` writes it later"));
        *trace = None;
    }
}

/// Cancels when somebody interrupts this process, and ends it when they do so again.
pub async fn cancel_on_interrupt(cancel: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    cancel.cancel();
    // Nor does it wait for whoever reads standard error.
    drop(spawn_blocking(|| output::note("Cancelling: stopping what runs.")));
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

fn new_run_id(site: &Site) -> Result<RunId, Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| Failure::of(Exit::Internal, error);
    let mut random = [0; 3];
    getrandom::fill(&mut random).map_err(|error| failed(&error))?;
    let [a, b, c] = random;
    let id = format!("{}-{a:02x}{b:02x}{c:02x}", Timestamp::now().strftime("%Y%m%d-%H%M%S"));
    let id: RunId = id.parse().map_err(|error| failed(&error))?;
    let folder: PathBuf = site.runs_dir().join(id.as_str());
    if folder.exists() { new_run_id(site) } else { Ok(id) }
}
