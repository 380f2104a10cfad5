//! Attempts at jobs: how they are begun, forgotten, followed by others and given up.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use sluis_model::Resources;
use tokio::{task::spawn_blocking, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{LOOKS_BEFORE_CLEARED, RunLoop, answers::Answer, execute};
use crate::{
    allocator::{Room, TooLarge},
    core::Attempt,
    prepare::Wanted,
    record::RunEvent,
    retry::Raised,
};

impl RunLoop {
    pub(super) fn prepare(&mut self, attempt: Attempt, raised: Raised) {
        let Some(source) = self.frames.job(attempt.job) else { return };
        let (context, answers) = (Arc::clone(&self.context), self.answers.clone());
        spawn_blocking(move || {
            let outcome = context.prepare(&source, raised).map_err(|failure| context.keep_problem(&source, failure));
            let _ = answers.send(Answer::Prepared { attempt, outcome });
        });
    }

    /// Prepares the attempt when the job has ended that runs the same task, unless the run stops before.
    pub(super) fn wait_for_flight(&mut self, attempt: Attempt, wanted: Wanted) {
        let Some(source) = self.frames.job(attempt.job) else { return };
        let (context, answers, stopping) = (Arc::clone(&self.context), self.answers.clone(), self.stopping.clone());
        tokio::spawn(async move {
            let flight = match context.engine.flights.take(&wanted.key, &stopping).await {
                Ok(None) => {
                    let _ = answers.send(Answer::GaveUp { attempt });
                    return;
                }
                flight => flight.ok().flatten(),
            };
            spawn_blocking(move || {
                let outcome = context.take_off(&source, wanted, flight);
                let _ = answers.send(Answer::Prepared { attempt, outcome });
            });
        });
    }

    pub(super) fn ask(&mut self, attempt: Attempt, resources: Resources) -> Result<(), TooLarge> {
        self.asking.insert(attempt.job, attempt);
        let room = Room::of(resources);
        match self.prepared.get(&attempt.job).filter(|_| room.gpus > 0) {
            Some(to_run) => self.seat.ask(attempt.job, self.context.needs_with_gpus(to_run, room)),
            None => self.seat.ask(attempt.job, room),
        }
    }

    /// Takes GPUs that other engines gave back. What a killed engine left running is cleared away, with its GPUs, once
    /// nothing is under way any more that may go on with it: else what waits for them would wait for ever.
    pub(super) async fn look_for_gpus(&mut self) {
        let is_idle = self.running.is_empty()
            && self.resting.is_empty()
            && self.core.ahead() == self.asking.len()
            && !self.asking.keys().any(|job| self.seat.is_granted(*job));
        self.left_gpus = match self.left_gpus.filter(|_| is_idle) {
            Some(LOOKS_BEFORE_CLEARED..) => {
                self.context.clear_left().await;
                None
            }
            Some(looks) => Some(looks + 1),
            None => self.left_gpus.map(|_| 0),
        };
        self.seat.look_again();
    }

    pub(super) fn start(&mut self, attempt: Attempt) {
        let Some(to_run) = self.prepared.get(&attempt.job).cloned() else { return };
        let cancel = CancellationToken::new();
        let (task, gpus) = (self.task(attempt.job), self.seat.gpus(attempt.job));
        self.running.insert(attempt, cancel.clone());
        let (context, answers) = (Arc::clone(&self.context), self.answers.clone());
        let _ = self.answers.send(Answer::Started { attempt });
        tokio::spawn(async move {
            let command_ended = || {
                let _ = answers.send(Answer::CommandEnded { attempt });
            };
            let outcome = execute::execute(&context, task, to_run, gpus, cancel, &command_ended).await;
            let _ = answers.send(Answer::Ended { attempt, outcome });
        });
    }

    pub(super) fn forget(&mut self, attempt: Attempt) {
        self.prepared.remove(&attempt.job);
        if let Some(timer) = self.resting.remove(&attempt) {
            timer.abort();
        }
        if self.asking.remove(&attempt.job).is_some() {
            self.seat.give_back(attempt.job);
        }
        self.note_canceled(attempt.job);
    }

    /// Tells of a failed attempt that another one will follow, and waits for its time.
    pub(super) fn retry(&mut self, attempt: Attempt, after: Duration) {
        let Some(failure) = self.failed.remove(&attempt) else { return };
        let (task, step, at) = (self.task(attempt.job), self.path(attempt.job), Timestamp::now());
        let wait = if after.is_zero() { String::new() } else { format!(" in {:.1} s", after.as_secs_f64()) };
        let text = format!("{}; attempt {} follows{wait}", failure.text, attempt.number + 1);
        self.problem(step.clone(), Some(task), text);
        self.recorder.record(RunEvent::TaskRetried {
            task,
            step,
            failure: failure.kind,
            log: failure.log,
            measured: failure.measured.map(|measured| *measured),
            account: failure.account,
            at,
            next: at.checked_add(after).unwrap_or(Timestamp::MAX),
        });
        let answers = self.answers.clone();
        let timer = tokio::spawn(async move {
            sleep(after).await;
            let _ = answers.send(Answer::RetryDue { attempt });
        });
        self.resting.insert(attempt, timer.abort_handle());
    }

    /// Tells of a failed attempt that it was the last.
    pub(super) fn give_up(&mut self, attempt: Attempt) {
        let Some(failure) = self.failed.remove(&attempt) else { return };
        let (task, step) = (self.task(attempt.job), self.path(attempt.job));
        self.problem(step.clone(), Some(task), failure.text);
        self.failure.get_or_insert(failure.kind.clone());
        self.recorder.record(RunEvent::TaskFailed {
            task,
            step,
            failure: failure.kind,
            log: failure.log,
            measured: failure.measured.map(|measured| *measured),
            account: failure.account,
            at: Timestamp::now(),
        });
        self.frames.job_failed(attempt.job);
    }
}
