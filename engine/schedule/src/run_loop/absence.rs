//! A service without which no command can be run, and which goes away: it is told of, waited for by the executor, and the
//! run interrupted if that is in vain.

use jiff::Timestamp;
use sluis_executor::Awaited;
use tokio::sync::watch;

use super::{Completed, RunLoop, answers::Answer, execute::Executed};
use crate::{
    engine::{RunError, RunResult},
    prepare::{Done, RunContext},
    record::RunEvent,
};

/// The service on which the commands in containers depend.
pub(super) struct Service {
    awaited: Option<watch::Receiver<Option<Awaited>>>,
    /// That it is waited for was told.
    missed: Option<Awaited>,
}

impl Service {
    pub fn of(context: &RunContext) -> Self {
        Self { awaited: context.engine.executors.container.awaited(), missed: None }
    }

    /// What happens to it next; nothing, for ever, while it is there.
    pub async fn happens(&mut self) -> RunEvent {
        let Some(awaited) = &mut self.awaited else { return std::future::pending().await };
        let is_missed = self.missed.is_some();
        let Ok(now) = awaited.wait_for(|now| now.is_some() != is_missed).await.map(|now| *now) else {
            return std::future::pending().await;
        };
        let (before, at) = (std::mem::replace(&mut self.missed, now), Timestamp::now());
        match now {
            Some(Awaited { what, patience }) => {
                let until = at.checked_add(patience).unwrap_or(Timestamp::MAX);
                RunEvent::ServiceAwaited { what: what.to_owned(), at, until }
            }
            None => RunEvent::ServiceBack { what: before.map_or("", |before| before.what).to_owned(), at },
        }
    }
}

impl RunLoop {
    /// Begins nothing more. Commands without a container do not outlive this engine and are stopped; those in containers
    /// are left to whoever goes on with the run, as soon as their executor has given them up.
    pub(super) fn interrupt(&mut self, why: String) {
        self.absent = Some(why);
        self.stopping.cancel();
        let is_plain = |job| self.prepared.get(job).is_some_and(|to_run| to_run.bound.task.image.is_none());
        self.running.iter().filter(|(attempt, _)| is_plain(&attempt.job)).for_each(|(_, token)| token.cancel());
    }

    /// Takes what comes once the run is interrupted: only what was completed is written down.
    pub(super) fn take_last(&mut self, answer: Answer) {
        let Answer::Ended { attempt, outcome } = answer else { return };
        self.running.remove(&attempt);
        let key = self.prepared.get(&attempt.job).map(|to_run| to_run.key);
        if let Ok(Executed { done: Done { result, .. }, measured }) = outcome {
            let measured = Some(measured);
            self.note_complete(attempt.job, Completed { key, result, cached: false, skipped: false, measured });
        }
    }

    /// Closes the journal of a run that has not ended.
    pub(super) async fn leave(mut self, why: String) -> Result<RunResult, RunError> {
        while self.keeping.join_next().await.is_some() {}
        self.recorder.close().await?;
        Err(RunError::Absent { run: self.context.run.clone(), why })
    }
}
