//! `sluis resume --all`

use std::{collections::HashMap, path::Path, sync::Arc, time::Instant};

use sluis_access::{Site, Visible};
use sluis_journal::Summary;
use sluis_model::RunId;
use sluis_schedule::{Engine, Interrupted, ResumeError, RunEvent, RunState, list_runs, read_events, read_run};
use tokio::{
    runtime::Runtime,
    sync::mpsc,
    task::{JoinError, JoinSet, spawn_blocking},
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
    let mut told = ToldOfAll::new(json);
    let taken = match take_all(site, &mut told) {
        Ok(taken) => taken,
        Err(failure) => return told.none(failure),
    };
    if taken.is_empty() {
        if !quiet && !json {
            output::note("No run is to be gone on with.");
        }
        return told.end();
    }
    let display = match Display::asked(quiet, json) {
        Display::People => Display::OneOfSeveral,
        display => display,
    };
    match Runtime::new() {
        Ok(runtime) => runtime.block_on(go_on(site, taken, display, &mut told)),
        Err(error) => told.none_of(&taken, &Failure::of(Exit::Environment, &error)),
    }
    if !quiet {
        site::tell_duties(site);
    }
    told.end()
}

/// Takes over what is interrupted, and tells of what cannot be.
fn take_all(site: &Site, told: &mut ToldOfAll) -> Result<Vec<Interrupted>, Failure> {
    let (runs, visible) = (site.runs_dir(), site.permit_runs()?);
    let mut taken = Vec::new();
    for run in list_runs(&runs)? {
        match take(&runs, &visible, &run) {
            Ok(interrupted) => taken.extend(interrupted),
            Err(failure) => told.failed(&run, &failure),
        }
    }
    Ok(taken)
}

/// Takes a run over if it is interrupted and may be seen; `None` also if somebody else was faster.
fn take(runs: &Path, visible: &Visible, run: &RunId) -> Result<Option<Interrupted>, Failure> {
    let known = match read_run(runs, run) {
        Ok(known) => known,
        Err(error) if may_be_named(runs, visible, run) => return Err(error.into()),
        Err(_) => return Ok(None),
    };
    if known.state != RunState::Running || !known.interrupted || !visible.shows(&known.project) {
        return Ok(None);
    }
    match Interrupted::take(runs, run.as_str()) {
        Err(ResumeError::UnderWay(_) | ResumeError::Ended { .. }) => Ok(None),
        taken => Ok(Some(taken?)),
    }
}

/// Whether a run may be shown whose journal cannot be read to its end: if its beginning names a project for which that
/// is so.
fn may_be_named(runs: &Path, visible: &Visible, run: &RunId) -> bool {
    let first = || read_events(runs, run, &Summary::empty()).ok()?.next()?.ok();
    match (visible, first()) {
        (Visible::Everything, _) => true,
        (_, Some(RunEvent::RunStarted { project, .. })) => visible.shows(&project),
        _ => false,
    }
}

/// Carries all of them out, and tells of each as soon as it has ended.
async fn go_on(site: &Arc<Site>, taken: Vec<Interrupted>, display: Display, told: &mut ToldOfAll) {
    let container = |run: &Interrupted| ContainerExecutor::of_run(site, &run.summary().settings);
    let containers: Vec<_> = taken.iter().map(container).collect();
    let mut kinds = Vec::new();
    for kind in &containers {
        if !kinds.contains(kind) {
            kinds.push(*kind);
        }
    }
    let engines = match engine::engines(Arc::clone(site), &kinds).await {
        Ok(engines) => engines,
        Err(failure) => return told.none_of(&taken, &failure),
    };
    let cancel = CancellationToken::new();
    let interrupts = tokio::spawn(run::cancel_on_interrupt(cancel.clone()));
    let (mut runs, mut names) = (JoinSet::new(), HashMap::new());
    for (interrupted, kind) in taken.into_iter().zip(containers) {
        let run = interrupted.summary().run.clone();
        match kinds.iter().zip(&engines).find(|(known, _)| **known == kind).map(|(_, engine)| engine) {
            Some(Ok(engine)) => {
                let engine = Arc::clone(engine);
                let one = OneOfAll { site: Arc::clone(site), engine, cancel: cancel.clone(), display };
                names.insert(runs.spawn(one.go_on(interrupted)).id(), run);
            }
            Some(Err(failure)) => told.failed(&run, failure),
            None => told.failed(&run, &Failure::new(Exit::Internal, "there is no engine for it")),
        }
    }
    // A reader who does not read holds up what is told here, and none of the runs.
    while let Some(ended) = runs.join_next_with_id().await {
        // One that panicked ends none of the others.
        let panicked = |error: JoinError| (error.id(), Err(Failure::of(Exit::Internal, &error)));
        let (task, outcome) = ended.unwrap_or_else(panicked);
        match (names.remove(&task), outcome) {
            (_, Ok((summary, conclusion))) => told.ended(&summary, &conclusion),
            (Some(run), Err(failure)) => told.failed(&run, &failure),
            (None, Err(failure)) => told.count_failed(failure.exit),
        }
    }
    interrupts.abort();
}

/// What one of the runs needs.
struct OneOfAll {
    site: Arc<Site>,
    engine: Arc<Engine>,
    cancel: CancellationToken,
    display: Display,
}

impl OneOfAll {
    async fn go_on(self, interrupted: Interrupted) -> Result<(String, Conclusion), Failure> {
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
    /// Whether a run was told of.
    any: bool,
    worst: Exit,
    /// Whether a run stays interrupted for want of something that may come back.
    is_left: bool,
}

impl ToldOfAll {
    const fn new(json: bool) -> Self {
        Self { json, any: false, worst: Exit::Success, is_left: false }
    }

    fn ended(&mut self, summary: &str, conclusion: &Conclusion) {
        if self.json {
            conclusion.print_line();
        } else {
            output::line(summary);
        }
        self.count_ended(conclusion.exit());
    }

    fn failed(&mut self, run: &RunId, failure: &Failure) {
        if self.json {
            Conclusion::failed(Some(run), failure).print_line();
        } else {
            output::line(&format!("Run {run} was not ended: {}", failure.text()));
        }
        self.count_failed(failure.exit);
    }

    /// Says of each run the same.
    fn none_of(&mut self, taken: &[Interrupted], failure: &Failure) {
        taken.iter().for_each(|run| self.failed(&run.summary().run, failure));
    }

    const fn count_ended(&mut self, exit: Exit) {
        self.any = true;
        if exit as u8 > self.worst as u8 {
            self.worst = exit;
        }
    }

    /// Counts a run that is still interrupted.
    const fn count_failed(&mut self, exit: Exit) {
        self.count_ended(exit);
        self.is_left |= matches!(exit, Exit::Environment);
    }

    /// What the command ends with: that something can be gone on with when the machine has what it lacks is to be known,
    /// whatever became of the others.
    const fn exit(&self) -> Exit {
        if self.is_left { Exit::Environment } else { self.worst }
    }

    /// Ends before it is known which runs there are.
    fn none(self, failure: Failure) -> Result<Exit, Failure> {
        if self.json {
            Conclusion::failed(None, &failure).print_line();
        }
        Err(failure)
    }

    /// Ends when everything was said.
    fn end(self) -> Result<Exit, Failure> {
        if self.json && !self.any {
            Conclusion::nothing().print_line();
        }
        match self.exit() {
            Exit::Success => Ok(Exit::Success),
            exit => Err(Failure::told(exit)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_gone_on_with_later_is_known_whatever_became_of_the_others() {
        let of = |ended: &[Exit], failed: &[Exit]| {
            let mut told = ToldOfAll::new(false);
            ended.iter().for_each(|exit| told.count_ended(*exit));
            failed.iter().for_each(|exit| told.count_failed(*exit));
            told.exit()
        };
        assert_eq!(of(&[Exit::Success], &[]), Exit::Success);
        assert_eq!(of(&[Exit::Canceled, Exit::Unsupported], &[Exit::Environment, Exit::Internal]), Exit::Environment);
        assert_eq!(of(&[Exit::Environment, Exit::Unsupported], &[Exit::Refused]), Exit::Unsupported);
        assert_eq!(of(&[Exit::TaskFailed], &[Exit::Refused]), Exit::Refused);
    }
}
