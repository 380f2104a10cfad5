//! What carries out the effects of a core, as an engine does, and checks that they are in order.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use sluis_model::MilliCores;
use sluis_schedule::{
    Attempt, Core, CoreSettings, Effect, Event, FailurePolicy, JobEnd, JobId, Raised, Sharer, StepGraph, StepRef,
    Ticket,
};

use crate::{
    disk::Record,
    ledger::Ledger,
    plan::{Flow, Node, Path},
    running::{Prepared, Running},
    world::{Happening, World},
};

/// What is known of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Unseen,
    Expanding,
    Open,
    Gathered,
    Failed,
    Blocked,
}

#[derive(Debug)]
struct Frame {
    path: Path,
    flow: Flow,
    steps: Vec<Step>,
}

/// One run in an engine's memory.
#[derive(Debug)]
pub struct Run {
    pub index: usize,
    pub sharer: Sharer,
    pub core: Core,
    pub jobs: BTreeMap<JobId, Path>,
    frames: Vec<Frame>,
    over: BTreeMap<JobId, JobEnd>,
    /// Jobs that are yet to be prepared.
    queued: BTreeSet<JobId>,
    pub preparing: BTreeMap<Attempt, Raised>,
    /// Those of them that wait for the end of the same task elsewhere.
    pub parked: BTreeSet<Attempt>,
    /// Those that were parked once.
    pub unparked: BTreeSet<Attempt>,
    pub prepared: BTreeMap<Attempt, Prepared>,
    asking: BTreeSet<Attempt>,
    pub running: BTreeMap<Attempt, Running>,
    resting: BTreeSet<Attempt>,
    /// How often each job failed temporarily.
    pub temporary: BTreeMap<JobId, u32>,
    /// Why each job's last attempt failed.
    pub last_failure: BTreeMap<JobId, sluis_schedule::Cause>,
    pub canceled: bool,
    pub journal_failed: bool,
    stopping: bool,
    finished: Option<JobEnd>,
}

impl Run {
    pub fn new(index: usize, sharer: Sharer, settings: CoreSettings) -> Self {
        let root = JobId(0);
        Self {
            index,
            sharer,
            core: Core::new(settings),
            jobs: BTreeMap::from([(root, vec![index as u32])]),
            frames: Vec::new(),
            over: BTreeMap::new(),
            queued: BTreeSet::from([root]),
            preparing: BTreeMap::new(),
            parked: BTreeSet::new(),
            unparked: BTreeSet::new(),
            prepared: BTreeMap::new(),
            asking: BTreeSet::new(),
            running: BTreeMap::new(),
            resting: BTreeSet::new(),
            temporary: BTreeMap::new(),
            last_failure: BTreeMap::new(),
            canceled: false,
            journal_failed: false,
            stopping: false,
            finished: None,
        }
    }

    pub const fn is_complete(&self) -> bool {
        matches!(self.finished, Some(JobEnd::Done))
    }

    pub const fn ticket(&self, attempt: Attempt) -> Ticket {
        Ticket { sharer: self.sharer, job: attempt.job }
    }

    /// What must hold of a run between any two events.
    pub fn check(&self, settings: &CoreSettings, ledger: &Ledger) {
        for (&attempt, running) in &self.running {
            let has_cores = ledger.cores(self.ticket(attempt)) > MilliCores(0);
            assert!(!(running.needs_no_cores && has_cores), "{attempt:?} keeps cores that it does not need");
            let ends = running.needs_no_cores || running.is_stopped || !self.stopping;
            assert!(ends, "{attempt:?} goes on in a run that stops");
        }
        let ahead = self.preparing.len() - self.parked.len() + self.asking.len();
        // What was parked and is ready comes on top of the window.
        let on_top = self.asking.intersection(&self.unparked).count();
        assert!(ahead <= settings.window + on_top, "no more is prepared than the window holds");
        let waits = !self.stopping && !self.queued.is_empty();
        let is_full = ahead >= settings.window || self.parked.len() >= settings.most_parked;
        assert!(!waits || is_full, "{:?} could be prepared", self.queued);
        let alive = ahead + self.parked.len() + self.running.len() + self.resting.len() + self.queued.len();
        assert!(self.finished.is_none() || alive == 0 || self.stopping, "the run ended before its jobs");
    }

    /// Whether nothing is under way that may go on with what a killed engine left running.
    pub fn is_idle(&self, ledger: &Ledger) -> bool {
        let waits = self.asking.iter().all(|attempt| !ledger.holds(self.ticket(*attempt)));
        self.running.is_empty() && self.resting.is_empty() && self.preparing.len() == self.parked.len() && waits
    }

    fn path_of(&self, at: StepRef) -> Path {
        let mut path = self.frames[at.frame.0 as usize].path.clone();
        path.push(at.step as u32);
        path
    }

    fn step(&mut self, at: StepRef) -> &mut Step {
        &mut self.frames[at.frame.0 as usize].steps[at.step]
    }

    /// The steps for which a step waits.
    fn before(&self, at: StepRef) -> impl Iterator<Item = (usize, Step)> {
        let frame = &self.frames[at.frame.0 as usize];
        frame.flow.edges.iter().filter(move |(_, to)| *to == at.step).map(|&(from, _)| (from, frame.steps[from]))
    }

    fn is_over(&mut self, job: JobId, end: JobEnd) {
        assert!(self.over.insert(job, end).is_none(), "{job:?} is over twice");
    }

    /// What a run's end says about everything in it.
    fn check_end(&self) {
        let failed = self.frames.iter().flat_map(|frame| &frame.steps).any(|step| *step != Step::Gathered)
            || self.over.values().any(|end| *end != JobEnd::Done);
        assert_eq!(self.is_complete(), !failed, "a run is complete if all of it is");
        if self.stopping {
            return;
        }
        assert_eq!(self.core.unfinished_jobs(), 0);
        assert_eq!(self.over.len(), self.jobs.len(), "no job is lost");
        for (index, frame) in self.frames.iter().enumerate() {
            for step in 0..frame.steps.len() {
                let at = StepRef { frame: sluis_schedule::FrameId(index as u32), step };
                let state = self.settled(at, frame.steps[step]);
                let mut before = self.before(at).map(|(from, step)| self.settled(StepRef { step: from, ..at }, step));
                let is_blocked = before.any(|before| matches!(before, Step::Failed | Step::Blocked));
                let is_over = matches!(state, Step::Gathered | Step::Failed | Step::Blocked);
                assert!(is_over && (state == Step::Blocked) == is_blocked, "{at:?} is {state:?}");
            }
        }
    }

    /// A step is failed if a job of it is; nobody is told.
    fn settled(&self, at: StepRef, step: Step) -> Step {
        let path = self.path_of(at);
        let is_its = |job: &Path| job.len() == path.len() + 1 && job.starts_with(&path);
        let mut jobs = self.jobs.iter().filter(|(_, job)| is_its(job));
        let has_failed = step == Step::Open && jobs.any(|(job, _)| self.over[job] != JobEnd::Done);
        if has_failed { Step::Failed } else { step }
    }
}

impl World<'_> {
    pub fn run_mut(&mut self, run: usize) -> &mut Run {
        self.runs[run].as_mut().expect("only runs under way are told anything")
    }

    /// Tells a core something and carries out what follows; false if the engine crashed meanwhile.
    pub fn deliver(&mut self, run: usize, event: Event) -> bool {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            if self.is_outdated(run, &event) {
                continue;
            }
            self.trace(|| format!("    run {run}: {event:?}"));
            if self.faults.repeated > 0 && self.chance(self.faults.repeated) && !matches!(event, Event::Cancel) {
                self.soon(Happening::TellAgain { run, event: event.clone() });
            }
            self.note(run, &event);
            let effects = self.run_mut(run).core.apply(event).unwrap_or_else(|error| panic!("{error}"));
            for effect in effects {
                if self.crashes() {
                    return false;
                }
                self.trace(|| format!("        {effect:?}"));
                events.extend(self.carry_out(run, effect));
            }
        }
        self.grant(run)
    }

    /// Whether an event came too late to be told: the run stopped, and what it is about was forgotten.
    fn is_outdated(&mut self, run: usize, event: &Event) -> bool {
        let run = self.run_mut(run);
        match event {
            Event::Granted { attempt } => !run.asking.remove(attempt),
            Event::RetryDue { attempt } => !run.resting.remove(attempt),
            _ => false,
        }
    }

    /// A core refuses what it was told before, and is not changed by it.
    pub fn deliver_again(&mut self, run: usize, event: &Event) {
        let Some(run) = self.runs[run].as_mut() else { return };
        let before = format!("{:?}", run.core);
        assert!(run.core.apply(event.clone()).is_err(), "{event:?} is accepted twice");
        assert_eq!(format!("{:?}", run.core), before, "{event:?} is refused and changes something");
        self.tally.repeated += 1;
    }

    /// Grants what the allocator has room for.
    pub fn grant(&mut self, current: usize) -> bool {
        while let Some(ticket) = self.allocator.grant() {
            self.ledger.granted(ticket, &self.allocator);
            let run = self.runs.iter().flatten().find(|run| run.sharer == ticket.sharer).expect("its run is under way");
            let attempt =
                *run.asking.iter().find(|attempt| attempt.job == ticket.job).expect("only what asks is granted");
            let (run, key) = (run.index, run.prepared[&attempt].tool.key);
            self.tally.gpus += u64::from(self.allocator.gpus_of(ticket).count());
            self.take_up(run, key);
            let event = Event::Granted { attempt };
            if run == current && self.random.bool() {
                if !self.deliver(run, event) {
                    return false;
                }
            } else {
                self.soon(Happening::Tell { run, event });
            }
        }
        true
    }

    /// Keeps account of what a core is about to be told.
    fn note(&mut self, index: usize, event: &Event) {
        let settings = self.settings;
        let run = self.run_mut(index);
        match *event {
            Event::Expanded { step, .. } => *run.step(step) = Step::Open,
            Event::StepFailed { step } => {
                *run.step(step) = Step::Failed;
                run.stopping |= settings.on_failure == FailurePolicy::StopAll;
            }
            Event::Gathered { step } => *run.step(step) = Step::Gathered,
            Event::FrameGathered { frame, end } => {
                let path = run.frames[frame.0 as usize].path.clone();
                let job =
                    run.jobs.iter().find(|(_, job)| **job == path).map(|(&job, _)| job).expect("a frame has a job");
                run.is_over(job, end);
                run.stopping |= end == JobEnd::Failed && settings.on_failure == FailurePolicy::StopAll;
            }
            Event::Done { attempt } => run.is_over(attempt.job, JobEnd::Done),
            Event::Canceled { attempt } => run.is_over(attempt.job, JobEnd::Canceled),
            Event::Failed { attempt, cause } => drop(run.last_failure.insert(attempt.job, cause)),
            Event::RetryDue { attempt } => drop(run.queued.insert(attempt.job)),
            Event::Cancel => run.stopping = true,
            _ => {}
        }
    }

    /// Carries out one effect; what is known at once comes back as an event.
    fn carry_out(&mut self, index: usize, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Expand(at) => self.expand(index, at),
            Effect::JobsAdded { step, first, count } => {
                let run = self.run_mut(index);
                for place in 0..count {
                    let mut path = run.path_of(step);
                    path.push(place);
                    let job = JobId(first.0 + place);
                    assert!(run.jobs.insert(job, path).is_none(), "{job:?} is added twice");
                    run.queued.insert(job);
                }
            }
            Effect::Gather(step) => {
                assert_eq!(*self.run_mut(index).step(step), Step::Open, "{step:?} is gathered");
                return Some(Event::Gathered { step });
            }
            Effect::Prepare { attempt, raised } => {
                let run = self.run_mut(index);
                assert!(run.queued.remove(&attempt.job), "{attempt:?} is prepared twice");
                run.preparing.insert(attempt, raised);
                self.soon(Happening::Prepare { run: index, attempt });
            }
            Effect::Ask { attempt, resources } => {
                let run = self.run_mut(index);
                run.asking.insert(attempt);
                let ticket = run.ticket(attempt);
                let needs = self.needs(index, attempt, resources);
                self.ledger.asks(ticket, needs);
                self.allocator.ask(ticket, needs).expect("what is too large is not prepared");
            }
            Effect::Run(attempt) => self.start(index, attempt),
            Effect::Cancel(attempt) => {
                let running = self.run_mut(index).running.get_mut(&attempt);
                running.expect("only what runs is stopped").is_stopped = true;
                self.soon(Happening::Stops { run: index, attempt });
            }
            Effect::GiveBackCores(attempt) => {
                let ticket = self.run_mut(index).ticket(attempt);
                self.ledger.gives_back_cores(ticket);
                self.allocator.give_back_cores(ticket);
            }
            Effect::GiveBack(attempt) => {
                let ticket = self.run_mut(index).ticket(attempt);
                self.ledger.gives_back(ticket);
                self.allocator.give_back(ticket);
            }
            Effect::Forget(attempt) => self.forget_attempt(index, attempt),
            Effect::Retry { attempt, after } => self.retry(index, attempt, after),
            Effect::GiveUp(attempt) => self.give_up(index, attempt),
            Effect::FrameOpened { frame, job } => {
                let run = self.run_mut(index);
                let Frame { path, .. } = &run.frames[frame.0 as usize];
                assert_eq!(&run.jobs[&job], path, "a frame is its job's");
            }
            Effect::Blocked(at) => {
                let step = self.run_mut(index).step(at);
                assert_eq!(*step, Step::Unseen, "only what has not begun is blocked");
                *step = Step::Blocked;
                self.tally.blocked += 1;
            }
            Effect::GatherFrame { frame, failed } => {
                let failed = failed || self.random.u32(..1000) < self.plans.failing;
                let end = match failed {
                    false => JobEnd::Done,
                    true if self.run_mut(index).canceled => JobEnd::Canceled,
                    true => JobEnd::Failed,
                };
                self.soon(Happening::Tell { run: index, event: Event::FrameGathered { frame, end } });
            }
            Effect::Finish(end) => self.finish(index, end),
        }
        None
    }

    fn expand(&mut self, index: usize, at: StepRef) {
        let run = self.run_mut(index);
        assert!(run.before(at).all(|(_, step)| step == Step::Gathered), "{at:?} begins before what it waits for");
        let step = run.step(at);
        assert_eq!(*step, Step::Unseen, "{at:?} begins twice");
        *step = Step::Expanding;
        assert!(!run.stopping, "{at:?} begins in a run that stops");
        let path = run.path_of(at);
        let event = match self.plans.jobs(&path) {
            Some(jobs) => Event::Expanded { step: at, jobs },
            None => Event::StepFailed { step: at },
        };
        self.soon(Happening::Tell { run: index, event });
    }

    fn forget_attempt(&mut self, index: usize, attempt: Attempt) {
        let run = self.run_mut(index);
        run.prepared.remove(&attempt);
        run.asking.remove(&attempt);
        run.resting.remove(&attempt);
        run.queued.remove(&attempt.job);
        run.is_over(attempt.job, JobEnd::Canceled);
        let ticket = run.ticket(attempt);
        self.ledger.forgets(ticket);
        self.allocator.give_back(ticket);
        let path = self.run_mut(index).jobs[&attempt.job].clone();
        self.disk.journals[index].append(Record::Canceled(path));
    }

    fn finish(&mut self, index: usize, end: JobEnd) {
        let run = self.run_mut(index);
        assert!(run.finished.is_none(), "a run ends once");
        run.finished = Some(end);
        assert!(run.running.is_empty(), "the run ended before what runs");
        run.check_end();
        self.soon(Happening::Close { run: index });
    }

    /// Opens a frame for a job that is a workflow, and says how its steps hang together.
    pub fn open_frame(&mut self, index: usize, path: Path, flow: Flow) -> Arc<StepGraph> {
        let graph = Arc::new(StepGraph::new(flow.steps, flow.edges.iter().copied()));
        let steps = vec![Step::Unseen; flow.steps];
        self.run_mut(index).frames.push(Frame { path, flow, steps });
        self.tally.frames += 1;
        graph
    }

    pub fn node(&mut self, run: usize, job: JobId) -> (Path, Node) {
        let path = self.run_mut(run).jobs[&job].clone();
        let node = self.plans.node(&path);
        (path, node)
    }

    /// Lets a run's retry wait, and remembers that it does.
    pub fn rest(&mut self, index: usize, attempt: Attempt) {
        self.run_mut(index).resting.insert(attempt);
    }

    pub fn stops_on_failure(&mut self, index: usize, job: JobId) {
        let stop_all = self.settings.on_failure == FailurePolicy::StopAll;
        let run = self.run_mut(index);
        run.is_over(job, JobEnd::Failed);
        run.stopping |= stop_all;
    }

    pub fn is_stopping(&mut self, index: usize) -> bool {
        self.run_mut(index).stopping
    }
}
