//! Running one prepared job to its kept result.

use std::{
    error::Error,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use sluis_cwl::BoundTool;
use sluis_executor::Outcome;
use sluis_model::{Gpu, TaskId, Value, Values};
use sluis_worker::{Collect, Finished, WorkError, WorkRequest};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::PERMITS_CHECKED;
use crate::{
    cache,
    frames::Labelled,
    prepare::{Done, JobFailure, RunContext, ToRun},
    record::{FailureKind, Measured},
};

/// What a command left.
pub(super) struct Executed {
    pub done: Done,
    pub measured: Measured,
}

/// Runs a prepared job and keeps its result; `Err(None)` is a cancelled one.
pub(super) async fn execute(
    context: &Arc<RunContext>,
    task: TaskId,
    to_run: Arc<ToRun>,
    gpus: Option<Vec<Gpu>>,
    cancel: CancellationToken,
    command_ended: &(dyn Fn() + Send + Sync),
) -> Result<Executed, Option<JobFailure>> {
    let clock = Clock { queued: to_run.ready.elapsed(), begun: SystemTime::now() };
    if to_run.ready.elapsed() >= PERMITS_CHECKED {
        still_permitted(context, &to_run).await?;
    }
    let worker = context.engine.worker_of(&to_run.bound.task);
    let request = WorkRequest {
        permit: &to_run.permit,
        run: &context.run,
        task_id: task,
        task: &to_run.bound.task,
        key: to_run.key,
        image: to_run.image.clone(),
        gpus,
        command_ended,
        collect: &Outputs(&to_run.bound),
    };
    let finished = worker.run(request, cancel).await;
    let context = Arc::clone(context);
    spawn_blocking(move || conclude(&context, &to_run, task, finished, &clock))
        .await
        .unwrap_or_else(|error| Err(Some(JobFailure::told(FailureKind::System, error.to_string()))))
}

/// Looks once more at the permit of what waited for room, before anything is opened under it.
async fn still_permitted(context: &Arc<RunContext>, to_run: &Arc<ToRun>) -> Result<(), JobFailure> {
    let (context, to_run) = (Arc::clone(context), Arc::clone(to_run));
    let looked = spawn_blocking(move || context.engine.site.still_permits(&to_run.permit)).await;
    match looked {
        Ok(permitted) => permitted.map_err(JobFailure::from),
        Err(error) => Err(JobFailure::told(FailureKind::System, error.to_string())),
    }
}

/// Keeps the result of a command that ended well, and what is to be known of one that did not.
fn conclude(
    context: &RunContext,
    to_run: &ToRun,
    task: TaskId,
    finished: Result<Finished, WorkError>,
    clock: &Clock,
) -> Result<Executed, Option<JobFailure>> {
    let with_account = |failure| Some(to_run.with_account(&context.engine.site, failure));
    let mut finished = finished.map_err(|error| with_account(JobFailure::from_work(error)))?;
    let failed = |failure, finished: &Finished| {
        let measured = Some(Box::new(clock.read(finished)));
        with_account(JobFailure { log: finished.log, measured, ..failure })
    };
    if let Some(problem) = finished.problem.take() {
        return Err(failed(JobFailure::from_work(problem), &finished));
    }
    let Some(mut values) = finished.outputs.take() else {
        return Err(match finished.outcome {
            Outcome::Canceled => None,
            outcome => failed(JobFailure::from_outcome(outcome, &to_run.bound.task, finished.log), &finished),
        });
    };
    let kept = cache::keep(context, to_run, task, &finished, &values);
    let result = kept.map(Some).map_err(|failure| failed(failure, &finished))?;
    let updated = cache::take_updated(&mut values);
    let outputs = Labelled { values, labels: to_run.permit.labels().clone() };
    Ok(Executed { done: Done { outputs, updated, result }, measured: clock.read(&finished) })
}

/// Since when an attempt is under way.
struct Clock {
    /// How long it waited for room.
    queued: Duration,
    /// When its inputs began to be staged.
    begun: SystemTime,
}

impl Clock {
    /// The attempt in numbers, whose outputs are sealed by now.
    fn read(&self, finished: &Finished) -> Measured {
        let between = |from: SystemTime, to: SystemTime| to.duration_since(from).map_or(0, milliseconds);
        Measured {
            usage: finished.usage,
            queued_ms: milliseconds(self.queued),
            staging_ms: between(self.begun, finished.started),
            running_ms: between(finished.started, finished.ended),
            sealing_ms: between(finished.ended, SystemTime::now()),
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A bound tool, as the worker asks it for outputs.
struct Outputs<'a>(&'a BoundTool);

impl Collect for Outputs<'_> {
    fn collect(&self, work: &Path, exit_code: i32) -> Result<Values, Box<dyn Error + Send + Sync>> {
        let mut values = self.0.collect(work, exit_code)?;
        let updated = self.0.updated_inputs(work)?;
        if !updated.is_empty() {
            values.insert(cache::UPDATED.to_owned(), Value::Record(updated));
        }
        Ok(values)
    }
}
