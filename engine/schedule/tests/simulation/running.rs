//! Preparing, running, failing and committing attempts.

use std::time::Duration;

use sluis_model::Resources;
use sluis_schedule::{Attempt, Cause, Event, GpuSet, Room};

use crate::{
    disk::Record,
    plan::{Node, Tool},
    world::{Happening, World},
};

/// How often it is looked whether a task that is under way elsewhere has ended.
const PARKED_LOOKS: u64 = 500;

/// A job that was bound and permitted.
#[derive(Debug)]
pub struct Prepared {
    pub tool: Tool,
    resources: Resources,
    time_limit: Option<Duration>,
}

/// A job that runs.
#[derive(Debug)]
pub struct Running {
    pub tool: Tool,
    time_limit: Option<Duration>,
    is_sealing: bool,
    /// Whether the core was told that its command ended.
    pub needs_no_cores: bool,
    /// Whether the core asked for it to be stopped.
    pub is_stopped: bool,
    /// Whether it is to be stopped since its permission was withdrawn.
    refused: bool,
}

fn milliseconds(duration: Duration) -> u64 {
    duration.as_millis() as u64
}

impl World<'_> {
    pub fn prepare(&mut self, run: usize, attempt: Attempt) -> bool {
        if self.is_stopping(run) && self.run_mut(run).parked.contains(&attempt) {
            // It gave up; what it is answered with is forgotten.
            return self.unpark(
                run,
                attempt,
                Event::Prepared { attempt, resources: Resources::default(), time_limit: None },
            );
        }
        let event = self.prepared(run, attempt);
        self.unpark(run, attempt, event)
    }

    fn unpark(&mut self, run: usize, attempt: Attempt, event: Event) -> bool {
        let state = self.run_mut(run);
        if matches!(event, Event::Parked { .. }) {
            let is_new = state.parked.insert(attempt);
            self.tally.parked += u64::from(is_new);
            self.at(PARKED_LOOKS, Happening::Prepare { run, attempt });
            return !is_new || self.deliver(run, event);
        }
        if state.parked.remove(&attempt) {
            state.unparked.insert(attempt);
        }
        state.preparing.remove(&attempt);
        self.deliver(run, event)
    }

    /// Whether a job runs the task, or is about to.
    fn is_under_way(&self, key: u64) -> bool {
        let mut runs = self.runs.iter().flatten();
        runs.any(|run| {
            let prepared = run.prepared.values().map(|prepared| prepared.tool.key);
            prepared.chain(run.running.values().map(|running| running.tool.key)).any(|other| other == key)
        })
    }

    fn prepared(&mut self, run: usize, attempt: Attempt) -> Event {
        let failed = |cause| Event::Failed { attempt, cause };
        let (path, node) = self.node(run, attempt.job);
        let tool = match node {
            Node::Workflow(flow) => return Event::Nested { attempt, graph: self.open_frame(run, path, flow) },
            Node::Expression { fails: true } => return failed(Cause::Lasting),
            Node::Expression { fails: false } => return self.done(run, attempt, None),
            Node::Tool(tool) => tool,
        };
        if self.chance(self.faults.infrastructure) {
            return failed(Cause::Infrastructure);
        }
        let will_do = (GpuSet::first(self.plans.machine.gpus) & tool.gpus).count();
        if !self.plans.machine.fits(Room::of(tool.asks)) || will_do < tool.asks.gpus {
            self.tally.too_large += 1;
            return failed(Cause::Lasting);
        }
        if self.withdrawn.contains(&tool.key) {
            self.tally.refused += 1;
            return failed(Cause::Lasting);
        }
        if self.disk.cache.contains(&tool.key) {
            self.tally.hits += 1;
            return self.done(run, attempt, Some(tool.key));
        }
        if self.is_under_way(tool.key) {
            return Event::Parked { attempt };
        }
        let (mut resources, mut time_limit) = (tool.asks, tool.time_limit);
        let raised = self.run_mut(run).preparing[&attempt];
        raised.replace(&mut resources.memory, &mut time_limit);
        self.tally.raised += u64::from((resources, time_limit) != (tool.asks, tool.time_limit));
        self.run_mut(run).prepared.insert(attempt, Prepared { tool, resources, time_limit });
        Event::Prepared { attempt, resources, time_limit }
    }

    fn done(&mut self, run: usize, attempt: Attempt, key: Option<u64>) -> Event {
        let path = self.run_mut(run).jobs[&attempt.job].clone();
        self.disk.journals[run].append(Record::Complete { path, key });
        self.soon(Happening::Flush { run });
        Event::Done { attempt }
    }

    /// Starts what was prepared and decides how it will go.
    pub fn start(&mut self, index: usize, attempt: Attempt) {
        let run = self.run_mut(index);
        assert!(!run.canceled, "{attempt:?} starts in a run that was cancelled");
        let ticket = run.ticket(attempt);
        let Some(Prepared { tool, resources, time_limit }) = run.prepared.remove(&attempt) else {
            panic!("{attempt:?} runs without a permit");
        };
        assert!(!self.is_stopping(index), "{attempt:?} starts in a run that stops");
        assert!(self.ledger.holds(ticket), "{attempt:?} runs without room");
        let run = self.run_mut(index);
        let memory = resources.memory;
        let running = Running {
            tool: tool.clone(),
            time_limit,
            is_sealing: false,
            needs_no_cores: false,
            is_stopped: false,
            refused: false,
        };
        assert!(run.running.insert(attempt, running).is_none(), "{attempt:?} runs twice");
        let same = run.running.keys().filter(|other| other.job == attempt.job).count();
        assert_eq!(same, 1, "{:?} runs twice", attempt.job);
        let path = run.jobs[&attempt.job].clone();
        let same_task = self.runs.iter().flatten().flat_map(|run| run.running.values());
        assert_eq!(same_task.filter(|running| running.tool.key == tool.key).count(), 1, "a task runs once at a time");
        let run = self.run_mut(index);
        let failures = run.temporary.get(&attempt.job).copied().unwrap_or(0);
        self.disk.journals[index].append(Record::Started(path));
        let (part, time) = (self.random.f64(), milliseconds(tool.time));
        let earlier = (time as f64 * part) as u64;
        let fails = |cause| Happening::Fails { run: index, attempt, cause };
        if self.chance(self.faults.preemption) {
            self.at(earlier, fails(Cause::Preempted));
        } else if self.chance(self.faults.infrastructure) {
            self.at(earlier, fails(Cause::Infrastructure));
        } else if memory < tool.memory {
            self.at(earlier, fails(Cause::OutOfMemory));
        } else if let Some(limit) = time_limit.filter(|limit| *limit < tool.time) {
            self.at(milliseconds(limit), fails(Cause::TimeLimit));
        } else if failures < tool.temporary_failures {
            self.at(time, fails(Cause::Temporary));
        } else if tool.fails {
            self.at(time, fails(Cause::Lasting));
        } else {
            self.at(time, Happening::CommandEnds { run: index, attempt });
        }
    }

    pub fn command_ends(&mut self, run: usize, attempt: Attempt) -> bool {
        // Now and then that is told too late.
        let is_told = self.random.u32(..8) > 0;
        let Some(running) = self.run_mut(run).running.get_mut(&attempt) else { return true };
        running.is_sealing = true;
        running.needs_no_cores = is_told;
        self.soon(Happening::Commits { run, attempt });
        !is_told || self.deliver(run, Event::CommandEnded { attempt })
    }

    /// The store takes the result, or fails before that, or the answer is lost after that.
    pub fn commits(&mut self, run: usize, attempt: Attempt) -> bool {
        let Some(running) = self.run_mut(run).running.get(&attempt) else { return true };
        assert!(running.is_sealing);
        let key = running.tool.key;
        if self.chance(self.faults.store) {
            return self.fails(run, attempt, Cause::Infrastructure);
        }
        let path = self.run_mut(run).jobs[&attempt.job].clone();
        self.disk.commit(&path, key);
        self.tally.commits += 1;
        if self.chance(self.faults.store) {
            self.tally.lost_acknowledgements += 1;
            return self.fails(run, attempt, Cause::Infrastructure);
        }
        if self.crashes() {
            return false;
        }
        self.run_mut(run).running.remove(&attempt);
        let event = self.done(run, attempt, Some(key));
        self.deliver(run, event)
    }

    pub fn fails(&mut self, run: usize, attempt: Attempt, cause: Cause) -> bool {
        let state = self.run_mut(run);
        let Some(running) = state.running.remove(&attempt) else { return true };
        if cause == Cause::Temporary {
            *state.temporary.entry(attempt.job).or_default() += 1;
        }
        assert!(cause != Cause::TimeLimit || running.time_limit.is_some());
        self.deliver(run, Event::Failed { attempt, cause })
    }

    /// What was to be stopped ended before its time: with a refusal if its permission was withdrawn.
    pub fn stops(&mut self, run: usize, attempt: Attempt) -> bool {
        let Some(running) = self.run_mut(run).running.remove(&attempt) else { return true };
        if running.refused {
            return self.deliver(run, Event::Failed { attempt, cause: Cause::Lasting });
        }
        let path = self.run_mut(run).jobs[&attempt.job].clone();
        self.disk.journals[run].append(Record::Canceled(path));
        self.deliver(run, Event::Canceled { attempt })
    }

    /// Stops what runs with data that may not be used any more.
    pub fn check_permits(&mut self) {
        let mut stopped = Vec::new();
        for run in self.runs.iter_mut().flatten() {
            for (&attempt, running) in &mut run.running {
                if self.withdrawn.contains(&running.tool.key) && !running.refused {
                    running.refused = true;
                    stopped.push((run.index, attempt));
                }
            }
        }
        for (run, attempt) in stopped {
            self.tally.stopped += 1;
            self.soon(Happening::Stops { run, attempt });
        }
    }

    /// Everything that runs is gone, and that is noticed sooner or later.
    pub fn lose_executor(&mut self) {
        let all = self.runs.iter().flatten();
        let running: Vec<_> = all.flat_map(|run| run.running.keys().map(|&attempt| (run.index, attempt))).collect();
        for (run, attempt) in running {
            self.soon(Happening::Fails { run, attempt, cause: Cause::Infrastructure });
        }
    }

    pub fn retry(&mut self, index: usize, attempt: Attempt, after: Duration) {
        assert!(!self.is_stopping(index), "{attempt:?} is tried again in a run that stops");
        let cause = self.run_mut(index).last_failure[&attempt.job];
        assert_ne!(cause, Cause::Lasting, "{attempt:?} is tried again for nothing");
        let policy = self.settings.retries;
        assert!(after <= policy.backoff_ceiling);
        let waits = matches!(cause, Cause::Temporary | Cause::Infrastructure | Cause::Preempted);
        assert_eq!(after > Duration::ZERO, waits, "{attempt:?} waits {after:?} after {cause:?}");
        let most = 1 + policy.budget + policy.infrastructure + policy.preemptions;
        assert!(attempt.number < most, "{attempt:?} is tried too often");
        self.tally.retries += 1;
        self.rest(index, attempt);
        let path = self.run_mut(index).jobs[&attempt.job].clone();
        self.disk.journals[index].append(Record::Retried(path));
        self.at(milliseconds(after), Happening::Tell { run: index, event: Event::RetryDue { attempt } });
    }

    pub fn give_up(&mut self, index: usize, attempt: Attempt) {
        let cause = self.run_mut(index).last_failure[&attempt.job];
        let policy = self.settings.retries;
        let free = match cause {
            Cause::Infrastructure => policy.infrastructure,
            Cause::Preempted => policy.preemptions,
            Cause::Temporary => policy.budget,
            Cause::Lasting | Cause::OutOfMemory | Cause::TimeLimit => 0,
        };
        let stopping = self.is_stopping(index);
        assert!(stopping || attempt.number > free, "{attempt:?} is given up too early after {cause:?}");
        self.tally.given_up += 1;
        self.stops_on_failure(index, attempt.job);
        let path = self.run_mut(index).jobs[&attempt.job].clone();
        self.disk.journals[index].append(Record::Failed(path));
    }

    pub fn cancel(&mut self, run: usize) -> bool {
        let Some(state) = self.runs[run].as_mut().filter(|run| !run.canceled) else { return true };
        state.canceled = true;
        self.deliver(run, Event::Cancel)
    }

    pub fn journal_fails(&mut self, run: usize) -> bool {
        let Some(state) = self.runs[run].as_mut() else { return true };
        state.journal_failed = true;
        self.cancel(run)
    }
}
