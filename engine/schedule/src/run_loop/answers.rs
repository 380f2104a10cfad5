//! What comes back from other threads, and what follows from it.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use sluis_cwl::Shape;
use sluis_model::{Address, Labels, Resources, TaskKey, Values};

use super::{Completed, RunLoop, execute::Executed};
use crate::{
    core::{Attempt, Event, JobId, StepRef},
    engine::RunError,
    frames::{JobDone, Labelled},
    graph::StepGraph,
    groups::{self, Known},
    prepare::{Done, JobFailure, Prepared},
    record::{FailureKind, RunEvent},
};

/// What comes back from other threads.
pub(super) enum Answer {
    Expanded {
        at: StepRef,
        outcome: Result<Expanded, String>,
    },
    /// It was found before it was prepared.
    Found {
        attempt: Attempt,
        known: Box<Known>,
    },
    Prepared {
        attempt: Attempt,
        outcome: Result<Prepared, JobFailure>,
    },
    /// It no longer waits for another job that runs the same task, since the run stops.
    GaveUp {
        attempt: Attempt,
    },
    Granted {
        job: JobId,
    },
    Started {
        attempt: Attempt,
    },
    CommandEnded {
        attempt: Attempt,
    },
    Ended {
        attempt: Attempt,
        outcome: Result<Executed, Option<JobFailure>>,
    },
    NotPermitted {
        attempt: Attempt,
        failure: JobFailure,
    },
    RetryDue {
        attempt: Attempt,
    },
}

/// The jobs of a step.
pub(super) struct Expanded {
    pub shape: Shape,
    /// What each is given.
    pub jobs: Vec<Values>,
    pub labels: Labels,
    /// Those that were found beforehand.
    pub known: HashMap<u32, Known>,
}

impl RunLoop {
    pub(super) fn take(&mut self, answer: Answer) -> Result<(), RunError> {
        if self.absent.is_some() {
            self.take_last(answer);
            return Ok(());
        }
        match answer {
            Answer::Found { attempt, known } => {
                let Known { key, result, outputs, labels } = *known;
                self.frames.note_made(&outputs);
                let (key, result) = (Some(key), Some(result));
                let completed = Completed { key, result, cached: true, skipped: false, measured: None };
                self.note_complete(attempt.job, completed);
                self.job_done(attempt, Labelled { values: outputs, labels: Labels::clone(&labels) }, None)
            }
            Answer::Expanded { at, outcome: Ok(Expanded { shape, jobs, labels, known }) } => {
                let count = jobs.len() as u32;
                self.frames.expand(at, shape, jobs.len(), labels, known);
                self.pending.insert(at, jobs);
                self.feed(Event::Expanded { step: at, jobs: count })
            }
            Answer::Expanded { at, outcome: Err(text) } => {
                self.problem(self.frames.step_path(at), None, text);
                self.failure.get_or_insert(FailureKind::Binding);
                self.feed(Event::StepFailed { step: at })
            }
            Answer::Prepared { attempt, outcome } => self.take_prepared(attempt, outcome),
            Answer::GaveUp { attempt } => {
                self.feed(Event::Prepared { attempt, resources: Resources::default(), time_limit: None })
            }
            // Nobody asks any more if the run stopped meanwhile.
            Answer::Granted { job } => match self.asking.remove(&job) {
                Some(attempt) => self.feed(Event::Granted { attempt }),
                None => Ok(()),
            },
            Answer::Started { attempt: Attempt { job, .. } } => {
                let step = self.path(job);
                let to_run = self.prepared.get(&job);
                let key = to_run.map(|to_run| to_run.key);
                let given = to_run.map(|to_run| to_run.bound.task.resources);
                self.recorder.record(RunEvent::TaskStarted {
                    task: self.task(job),
                    step,
                    key,
                    given,
                    at: Timestamp::now(),
                });
                Ok(())
            }
            Answer::NotPermitted { attempt, failure } => {
                if let Some(token) = self.running.get(&attempt) {
                    self.stopped.entry(attempt).or_insert(failure);
                    token.cancel();
                }
                Ok(())
            }
            Answer::CommandEnded { attempt } => self.feed(Event::CommandEnded { attempt }),
            Answer::Ended { attempt, outcome } => {
                self.running.remove(&attempt);
                self.take_ended(attempt, outcome)
            }
            Answer::RetryDue { attempt } => match self.resting.remove(&attempt) {
                Some(_) => self.feed(Event::RetryDue { attempt }),
                None => Ok(()),
            },
        }
    }

    fn take_prepared(&mut self, attempt: Attempt, outcome: Result<Prepared, JobFailure>) -> Result<(), RunError> {
        let job = attempt.job;
        let waited = self.in_flight.remove(&job);
        match outcome {
            Ok(Prepared::ToRun(to_run)) => {
                let (resources, time_limit) = (to_run.bound.task.resources, to_run.bound.task.time_limit);
                if waited {
                    self.recorder.record(RunEvent::TaskWaitsNoMore { task: self.task(job), step: self.path(job) });
                }
                self.prepared.insert(job, Arc::from(to_run));
                self.feed(Event::Prepared { attempt, resources, time_limit })
            }
            Ok(Prepared::InFlight(wanted)) => {
                let (task, step, at) = (self.task(job), self.path(job), Timestamp::now());
                self.recorder.record(RunEvent::TaskWaits { task, step, key: wanted.key, at });
                self.in_flight.insert(job);
                self.wait_for_flight(attempt, *wanted);
                self.feed(Event::Parked { attempt })
            }
            Ok(Prepared::Nested { workflow, inputs }) => {
                let graph = Arc::new(StepGraph::of_workflow(&workflow));
                let path = self.frames.frame_path(job);
                if !path.is_empty() {
                    self.recorder.record(RunEvent::SubworkflowOpened { task: self.task(job), step: path.clone() });
                }
                self.frames.open(workflow, inputs, path);
                self.feed(Event::Nested { attempt, graph })
            }
            Ok(Prepared::Done { done: Done { outputs, updated, result }, key, cached, skipped }) => {
                self.frames.update_sources(job, &updated, &outputs.labels, &|frame| self.core.owner(frame));
                if result.is_some() {
                    self.frames.note_made(&outputs.values);
                }
                self.note_complete(job, Completed { key, result, cached, skipped, measured: None });
                let task = key.zip(result).filter(|_| updated.is_empty());
                self.job_done(attempt, outputs, task)
            }
            Err(failure) => self.attempt_failed(attempt, failure),
        }
    }

    fn take_ended(&mut self, attempt: Attempt, outcome: Result<Executed, Option<JobFailure>>) -> Result<(), RunError> {
        let job = attempt.job;
        let stopped = self.stopped.remove(&attempt);
        let key = self.prepared.remove(&job).map(|to_run| to_run.key);
        match outcome {
            Ok(Executed { done: Done { outputs, updated, result }, measured }) => {
                self.frames.update_sources(job, &updated, &outputs.labels, &|frame| self.core.owner(frame));
                self.frames.note_made(&outputs.values);
                let measured = Some(measured);
                self.note_complete(job, Completed { key, result, cached: false, skipped: false, measured });
                let task = key.zip(result).filter(|_| updated.is_empty());
                self.job_done(attempt, outputs, task)
            }
            Err(Some(failure)) => self.attempt_failed(attempt, failure),
            Err(None) => match stopped {
                Some(failure) => self.attempt_failed(attempt, failure),
                None => {
                    self.note_canceled(job);
                    self.frames.job_failed(job);
                    self.feed(Event::Canceled { attempt })
                }
            },
        }
    }

    /// `task` is the task that others may use, if the job was one.
    fn job_done(
        &mut self,
        attempt: Attempt,
        outputs: Labelled,
        task: Option<(TaskKey, Address)>,
    ) -> Result<(), RunError> {
        let JobDone { root, group } = self.frames.job_done(attempt.job, outputs, task);
        self.outputs = root.or(self.outputs.take());
        if let Some(whole) = group {
            let context = Arc::clone(&self.context);
            // Without the group its tasks are found one by one: what keeps it from being kept fails nothing.
            self.keeping.spawn_blocking(move || drop(groups::keep(&context, &whole)));
        }
        self.feed(Event::Done { attempt })
    }

    fn attempt_failed(&mut self, attempt: Attempt, failure: JobFailure) -> Result<(), RunError> {
        if failure.is_absence && !self.canceled {
            self.interrupt(failure.text);
            return Ok(());
        }
        let cause = failure.cause;
        self.failed.insert(attempt, failure);
        self.feed(Event::Failed { attempt, cause })
    }
}
