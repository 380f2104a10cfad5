//! `sluis resume --all`

use std::{path::Path, sync::Arc, time::Instant};

use sluis_access::{Site, Visible};
use sluis_model::RunId;
use sluis_schedule::{Engine, Interrupted, ResumeError, RunState, list_runs, read_run};
use tokio::{
    runtime::Runtime,
    sync::mpsc,
    task::{JoinSet, spawn_blocking},
};
use tokio_util::sync::CancellationToken;

use super::run;
use crate::{
    commands::run::{RunOutcome, summary},
    conclusion::Conclusion,
    containers::ContainerExecutor,
    engine,
    exit::Exit,
    failure::Failure,
    output,
    progress::Display,
    site,
};

/// Goes on with every interrupted run that the caller may see, all at once on the room that this machine has, and says
/// of each what became of it.
pub fn carry_out(site: &Arc<Site>, quiet: bool, json: bool) -> Result<Exit, Failure> {
    let mut told = ToldOfAll { json, worst: Exit::Success };
    let mut taken = Vec::new();
    let (runs, visible) = (site.runs_dir(), site.permit_runs()?);
    for run in list_runs(&runs)? {
        match take(&runs, &visible, &run) {
            Ok(interrupted) => taken.extend(interrupted),
            Err(failure) => told.failed(run, &failure),
        }
    }
    if taken.is_empty() {
        if !quiet && !json {
            output::note("No run is to be gone on with.");
        }
        return told.end();
    }
    let runtime = Runtime::new().map_err(|error| Failure::of(Exit::Environment, &error))?;
    let display = match Display::asked(quiet, json) {
        Display::People => Display::OneOfSeveral,
        display => display,
    };
    runtime.block_on(go_on(site, taken, display, &mut told))?;
    if !quiet {
        site::tell_duties(site);
    }
    told.end()
}

/// Takes a run over if it is interrupted and may be seen; `None` also if somebody else was faster.
fn take(runs: &Path, visible: &Visible, run: &RunId) -> Result<Option<Interrupted>, Failure> {
    let known = read_run(runs, run)?;
    if known.state != RunState::Running || !known.interrupted || !visible.shows(&known.project) {
        return Ok(None);
    }
    match Interrupted::take(runs, run.as_str()) {
        Err(ResumeError::UnderWay(_) | ResumeError::Ended { .. }) => Ok(None),
        taken => Ok(Some(taken?)),
    }
}

/// Carries all of them out, and tells of each as soon as it has ended.
async fn go_on(
    site: &Arc<Site>,
    taken: Vec<Interrupted>,
    display: Display,
    told: &mut ToldOfAll,
) -> Result<(), Failure> {
    let container = |run: &Interrupted| ContainerExecutor::of_run(site, &run.summary().settings);
    let containers: Vec<_> = taken.iter().map(container).collect();
    let mut kinds = Vec::new();
    for kind in &containers {
        if !kinds.contains(kind) {
            kinds.push(*kind);
        }
    }
    let engines = engine::engines(Arc::clone(site), &kinds).await?;
    let cancel = CancellationToken::new();
    let interrupts = tokio::spawn(run::cancel_on_interrupt(cancel.clone()));
    let mut runs = JoinSet::new();
    for (interrupted, kind) in taken.into_iter().zip(containers) {
        let engine = kinds.iter().zip(&engines).find(|(known, _)| **known == kind).map(|(_, engine)| engine);
        if let Some(engine) = engine.map(Arc::clone) {
            let one = OneOfAll { site: Arc::clone(site), engine, cancel: cancel.clone(), display };
            runs.spawn(one.go_on(interrupted));
        }
    }
    while let Some(ended) = runs.join_next().await {
        let (run, outcome) = ended.map_err(|error| Failure::of(Exit::Internal, &error))?;
        match outcome {
            Ok((summary, conclusion)) => told.ended(&summary, &conclusion),
            Err(failure) => told.failed(run, &failure),
        }
    }
    interrupts.abort();
    Ok(())
}

/// What one of the runs needs.
struct OneOfAll {
    site: Arc<Site>,
    engine: Arc<Engine>,
    cancel: CancellationToken,
    display: Display,
}

impl OneOfAll {
    async fn go_on(self, interrupted: Interrupted) -> (RunId, Result<(String, Conclusion), Failure>) {
        let run = interrupted.summary().run.clone();
        let ended = self.carry_out(interrupted).await;
        (run, ended)
    }

    async fn carry_out(self, interrupted: Interrupted) -> Result<(String, Conclusion), Failure> {
        let begun = Instant::now();
        let project = interrupted.summary().project.clone();
        let (listener, told) = mpsc::unbounded_channel();
        let (site, cancel) = (Arc::clone(&self.site), self.cancel);
        let request = spawn_blocking(move || run::to_resume(&site, interrupted, cancel, listener));
        let request = request.await.map_err(|error| Failure::of(Exit::Internal, &error))??;
        let run = request.run.clone();
        let (result, counts) = run::show_and_run(&self.engine, request, told, self.display, None).await?;
        let outcome = RunOutcome { run, result, counts, elapsed: begun.elapsed() };
        let summary = summary(&outcome);
        Ok((summary, Conclusion::of(&self.site, outcome, &project, None, true)?))
    }
}

/// What was told of all runs.
struct ToldOfAll {
    json: bool,
    worst: Exit,
}

impl ToldOfAll {
    fn ended(&mut self, summary: &str, conclusion: &Conclusion) {
        if self.json {
            conclusion.print_line();
        } else {
            output::line(summary);
        }
        self.count(conclusion.exit());
    }

    fn failed(&mut self, run: RunId, failure: &Failure) {
        if self.json {
            Conclusion::failed(Some(run), failure).print_line();
        } else {
            output::line(&format!("Run {run} was not ended: {}", failure.text()));
        }
        self.count(failure.exit);
    }

    const fn count(&mut self, exit: Exit) {
        if exit as u8 > self.worst as u8 {
            self.worst = exit;
        }
    }

    /// The worst exit code; everything was said.
    const fn end(self) -> Result<Exit, Failure> {
        match self.worst {
            Exit::Success => Ok(Exit::Success),
            worst => Err(Failure::told(worst)),
        }
    }
}
