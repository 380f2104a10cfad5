//! The core driven by a simulated engine that answers in any order and fails as the seed says.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sluis_model::{Mebibytes, MilliCores};

use super::*;

const MACHINE: Room = Room { cores: MilliCores(4000), memory: Mebibytes(1000) };

/// Answers effects by drawing from a list of random numbers, and checks the invariants as it goes.
struct Simulation {
    core: Core,
    draws: Vec<u8>,
    drawn: usize,
    open: Vec<Effect>,
    graphs: BTreeMap<u32, Arc<StepGraph>>,
    nested: u32,
    started: BTreeSet<JobId>,
    over: BTreeSet<JobId>,
    gathered: BTreeSet<StepRef>,
    in_use: BTreeMap<JobId, Resources>,
    sealing: BTreeSet<JobId>,
    finish: Option<JobEnd>,
    failed: bool,
    canceled: bool,
}

impl Simulation {
    fn new(policy: FailurePolicy, draws: Vec<u8>) -> Self {
        Self {
            core: Core::new(MACHINE, 3, policy),
            draws,
            drawn: 0,
            open: Vec::new(),
            graphs: BTreeMap::new(),
            nested: 0,
            started: BTreeSet::new(),
            over: BTreeSet::new(),
            gathered: BTreeSet::new(),
            in_use: BTreeMap::new(),
            sealing: BTreeSet::new(),
            finish: None,
            failed: false,
            canceled: false,
        }
    }

    fn draw(&mut self, below: u8) -> u8 {
        self.drawn += 1;
        self.draws.get(self.drawn % self.draws.len().max(1)).map_or(0, |draw| draw.wrapping_add(self.drawn as u8))
            % below
    }

    fn feed(&mut self, event: Event) {
        let effects = self.core.apply(event).unwrap_or_else(|error| panic!("{error}"));
        assert!(self.core.apply(Event::Start).is_err(), "a run starts once");
        for effect in effects {
            self.take(effect);
        }
    }

    fn take(&mut self, effect: Effect) {
        match effect {
            Effect::Expand(at) => {
                let graph = &self.graphs[&at.frame.0];
                for before in 0..graph.len() {
                    if graph.successors(before).any(|step| step == at.step) {
                        let before = StepRef { frame: at.frame, step: before };
                        assert!(self.gathered.contains(&before), "a step begins after those before it");
                    }
                }
                self.open.push(effect);
            }
            Effect::Run(job) => {
                assert!(self.started.insert(job), "a job runs once");
                assert!(!self.canceled, "nothing starts after a stop");
                self.in_use.insert(job, self.core.jobs[job.0 as usize].resources);
                let busy = self.in_use.iter().filter(|(job, _)| !self.sealing.contains(job));
                let cores: u64 = busy.map(|(_, needs)| needs.cores.0).sum();
                let memory: u64 = self.in_use.values().map(|needs| needs.memory.0).sum();
                assert!(cores <= MACHINE.cores.0 && memory <= MACHINE.memory.0, "the machine is overbooked");
                self.open.push(effect);
            }
            Effect::FrameOpened { frame, .. } => assert!(self.graphs.contains_key(&frame.0)),
            Effect::JobsAdded { .. } | Effect::Forget(_) | Effect::Blocked(_) | Effect::Cancel(_) => {}
            Effect::Finish(end) => {
                assert!(self.finish.is_none(), "a run ends once");
                self.finish = Some(end);
            }
            other => self.open.push(other),
        }
    }

    fn answer(&mut self, effect: Effect) {
        match effect {
            Effect::Expand(step) => {
                if self.draw(12) == 0 {
                    self.failed = true;
                    return self.feed(Event::StepFailed { step });
                }
                let jobs = u32::from(self.draw(4));
                self.feed(Event::Expanded { step, jobs });
            }
            Effect::Gather(step) => {
                self.gathered.insert(step);
                self.feed(Event::Gathered { step });
            }
            Effect::Prepare(job) => self.answer_prepare(job),
            Effect::Run(job) if self.draw(3) > 0 && self.sealing.insert(job) => {
                self.open.push(effect);
                self.feed(Event::CommandEnded { job });
            }
            Effect::Run(job) => {
                self.in_use.remove(&job);
                let end = self.draw_end();
                self.end(job, end);
            }
            Effect::GatherFrame { frame, failed } => {
                let end = if failed { JobEnd::Failed } else { JobEnd::Done };
                assert!(!failed || self.failed || self.canceled, "a frame fails for a reason");
                self.feed(Event::FrameGathered { frame, end });
            }
            other => panic!("{other:?} needs no answer"),
        }
    }

    fn answer_prepare(&mut self, job: JobId) {
        let kind = self.draw(8);
        if job.0 == 0 || (kind < 2 && self.nested < 6) {
            let steps = usize::from(self.draw(5));
            let mut edges = Vec::new();
            for to in 1..steps {
                for from in 0..to {
                    if self.draw(3) == 0 {
                        edges.push((from, to));
                    }
                }
            }
            let graph = Arc::new(StepGraph::new(steps, edges));
            self.graphs.insert(self.nested, Arc::clone(&graph));
            self.nested += 1;
            return self.feed(Event::Nested { job, graph });
        }
        if kind < 4 {
            let end = self.draw_end();
            return self.end(job, end);
        }
        let resources = Resources {
            cores: MilliCores(u64::from(self.draw(4) + 1) * 1000),
            memory: Mebibytes(u64::from(self.draw(10)) * 100),
            ..Resources::default()
        };
        self.feed(Event::Prepared { job, resources });
    }

    fn draw_end(&mut self) -> JobEnd {
        if self.draw(10) == 0 { JobEnd::Failed } else { JobEnd::Done }
    }

    fn end(&mut self, job: JobId, end: JobEnd) {
        assert!(self.over.insert(job), "a job ends once");
        self.failed |= end == JobEnd::Failed;
        self.canceled |= end == JobEnd::Failed && self.core.policy == FailurePolicy::StopAll;
        self.feed(Event::Ended { job, end });
    }

    fn run(&mut self, cancel_at: Option<usize>) {
        self.feed(Event::Start);
        let mut turns = 0;
        while !self.open.is_empty() {
            turns += 1;
            assert!(turns < 10_000, "the run makes no progress");
            if cancel_at == Some(turns) {
                self.canceled = true;
                self.feed(Event::Cancel);
                continue;
            }
            let place = usize::from(self.draw(255)) % self.open.len();
            let effect = self.open.swap_remove(place);
            self.answer(effect);
        }
        assert!(self.finish.is_some(), "a run ends");
        assert_eq!(self.core.unfinished_jobs(), 0, "no job is lost");
        assert_eq!(self.core.room, MACHINE, "all room is given back");
        if !self.failed && !self.canceled {
            assert_eq!(self.finish, Some(JobEnd::Done));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_run_ends_whatever_fails_and_in_whatever_order(
        draws in proptest::collection::vec(any::<u8>(), 1..200),
        stop_all in any::<bool>(),
        cancel_at in proptest::option::of(1_usize..60),
    ) {
        let policy = if stop_all { FailurePolicy::StopAll } else { FailurePolicy::FinishOthers };
        Simulation::new(policy, draws).run(cancel_at);
    }
}

#[test]
fn a_large_job_is_not_overtaken_for_ever() {
    let mut queue = Queue::default();
    let mut room = MACHINE;
    let needs = |cores| Resources { cores: MilliCores(cores), memory: Mebibytes(1), ..Resources::default() };
    let mut held = vec![needs(1000)];
    room.cores.0 -= 1000;
    queue.push(JobId(0), needs(4000));
    for small in 1..1000 {
        queue.push(JobId(small), needs(1000));
    }
    for _ in 0..1000 {
        if let Some(id) = queue.take_fitting(&mut room) {
            if id == JobId(0) {
                return;
            }
            held.push(needs(1000));
        } else {
            let ended = held.pop().expect("something runs while the large job waits");
            room.give_back_cores(ended);
            room.give_back_memory(ended);
        }
    }
    panic!("the large job never ran");
}
