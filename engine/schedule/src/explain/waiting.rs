//! Why a task that has not run waits, or will never run.

use std::fmt::Display;

use jiff::Timestamp;
use serde::Serialize;
use sluis_access::Visible;
use sluis_cwl::{Amount, Process, Source, Workflow, WorkflowStep};
use sluis_model::{Mebibytes, MilliCores, Resources, TaskKey};

use crate::{
    allocator::Room,
    core::FailurePolicy,
    record::{RunState, TaskState},
    runs::{AwaitedService, RunSummary, TaskSummary, step_of},
    too_large::gpus_of,
};

/// Why a task does not run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitKind {
    /// Steps before it are not done.
    Steps,
    /// The machine has no room for it now, or it is just being made ready.
    Room,
    /// An attempt failed, and the next one begins later.
    Backoff,
    /// Another job does the same now, and its result is waited for.
    SameTask,
    /// What runs commands in containers is away.
    Service,
    /// A step before it failed.
    Blocked,
    /// The engine ended without ending the run.
    Interrupted,
    /// The run was cancelled before it began.
    Canceled,
    /// The run stopped at a failure of another task.
    Stopped,
    /// The run is over, and its journal does not say more.
    NotRun,
}

/// Why a task does not run, for people, too.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Wait {
    /// Why.
    pub kind: WaitKind,
    /// In words, a line for each thing.
    pub text: Vec<String>,
}

/// What is known of a run and the machine.
pub(crate) struct Surroundings<'a> {
    pub run: &'a RunSummary,
    /// Other runs under way on this site.
    pub others: &'a [RunSummary],
    /// The process that the run carries out, if it is kept and may be read.
    pub process: Option<&'a Process>,
    /// The whole machine.
    pub room: Room,
    /// Of which projects the runs may be named; `None` for that of the run alone.
    pub visible: Option<&'a Visible>,
}

impl Surroundings<'_> {
    /// Why the task of this path, or a step, does not run; `task` if the journal has something of it.
    pub fn why(&self, path: &str, task: Option<&TaskSummary>) -> Wait {
        if self.run.steps.get(step_of(path)).is_some_and(|step| step.blocked) {
            return self.blocked(path);
        }
        match self.run.state {
            RunState::Running if self.run.interrupted => self.interrupted(path),
            RunState::Running => self.under_way(path, task),
            RunState::Canceled => wait(WaitKind::Canceled, "the run was cancelled before it began"),
            _ if self.run.settings.on_failure == FailurePolicy::StopAll => self.stopped(),
            _ => wait(WaitKind::NotRun, "the run ended before it began"),
        }
    }

    fn blocked(&self, path: &str) -> Wait {
        let failures = self.failures_before(path);
        if failures.is_empty() && self.run.state == RunState::Canceled {
            return wait(WaitKind::Canceled, "the run was cancelled before it began");
        }
        if failures.is_empty() {
            return wait(WaitKind::Blocked, "something before it failed");
        }
        let told = |(step, why): &(String, String)| {
            format!("it needs what `{step}` did not make: {why}; `sluis explain {} '{step}'` says more", self.run.run)
        };
        Wait { kind: WaitKind::Blocked, text: failures.iter().map(told).collect() }
    }

    fn interrupted(&self, path: &str) -> Wait {
        let mut text = vec![format!(
            "the engine that carried the run out ended without ending it; `sluis resume {}` goes on with it",
            self.run.run
        )];
        if let Some(AwaitedService { what, since, .. }) = &self.run.awaited {
            text.push(format!("{what} had not answered since {}: start it first", moment(*since)));
        }
        text.extend(self.steps_before(path).map(|open| format!("then it waits for {open}")));
        Wait { kind: WaitKind::Interrupted, text }
    }

    fn stopped(&self) -> Wait {
        let failed = self.run.tasks.values().find(|task| task.failure.is_some());
        let by = failed.map_or_else(String::new, |task| format!(": `{}`", task.step));
        wait(WaitKind::Stopped, format!("the run was to stop at the first failure (--on-failure stop){by}"))
    }

    fn under_way(&self, path: &str, task: Option<&TaskSummary>) -> Wait {
        if let Some(next) = task.and_then(|task| task.next).filter(|next| *next > Timestamp::now()) {
            return wait(
                WaitKind::Backoff,
                format!("its last attempt failed; the next one begins at {}", moment(next)),
            );
        }
        if let Some((key, since)) = task.and_then(|task| task.key.zip(task.waits_since)) {
            return self.for_the_same(&key, since);
        }
        match self.steps_before(path) {
            Some(open) if !self.run.steps.contains_key(step_of(path)) => {
                wait(WaitKind::Steps, format!("it waits for {open}"))
            }
            _ => match self.run.awaited.as_ref().filter(|_| self.is_in_container(path)) {
                Some(service) => self.for_service(service),
                None => self.for_room(path),
            },
        }
    }

    /// Who does the same, as far as the caller may know.
    fn for_the_same(&self, key: &TaskKey, since: Timestamp) -> Wait {
        let runs = [self.run].into_iter().chain(self.others);
        let mut tasks = runs.flat_map(|run| run.tasks.values().map(move |task| (run, task)));
        let doing = tasks.find(|(_, task)| task.state == TaskState::Running && task.key.as_ref() == Some(key));
        let who = match doing {
            Some((run, task)) => {
                let name = if run.run == self.run.run {
                    format!("`{}` of this run", task.step)
                } else if run.project == self.run.project || self.visible.is_some_and(|to| to.shows(&run.project)) {
                    format!("`{}` of run {}", task.step, run.run)
                } else {
                    "another run".to_owned()
                };
                let since = task.started.map_or_else(String::new, |started| format!(", since {}", moment(started)));
                format!("{name} does the same now{since}")
            }
            None => "another task that is the same runs or waits for its turn".to_owned(),
        };
        let ours = format!("this one waits for its result since {}, and is run itself if there is none", moment(since));
        Wait { kind: WaitKind::SameTask, text: vec![who, ours] }
    }

    fn for_service(&self, service: &AwaitedService) -> Wait {
        let text = format!(
            "{}; the run waits for it until {} and goes on when it is back",
            away(service),
            moment(service.until)
        );
        wait(WaitKind::Service, text)
    }

    /// Whether a step's command runs in a container, as far as the workflow tells.
    pub fn is_in_container(&self, path: &str) -> bool {
        let process = match self.process {
            Some(Process::Workflow(_)) => self.locate(path).map(|(_, step, _)| &step.run),
            process => process,
        };
        matches!(process, Some(Process::CommandLineTool(tool)) if tool.requirements.docker.is_some())
    }

    /// What is asked for, and what others hold.
    fn for_room(&self, path: &str) -> Wait {
        let mut held: Vec<(String, Resources)> = Vec::new();
        for run in [self.run].into_iter().chain(self.others) {
            let running = run.tasks.values().filter(|task| task.state == TaskState::Running);
            // What other projects do is not told.
            let is_ours = run.project == self.run.project;
            let name =
                |task: &TaskSummary| if is_ours { format!("`{}`", task.step) } else { "another project".to_owned() };
            held.extend(running.filter_map(|task| Some((name(task), task.given?))));
        }
        let cores: u64 = held.iter().map(|(_, given)| given.cores.0).sum();
        let memory: u64 = held.iter().map(|(_, given)| given.memory.0).sum();
        let gpus: u32 = held.iter().map(|(_, given)| given.gpus).sum();
        let free = Room {
            cores: MilliCores(self.room.cores.0.saturating_sub(cores)),
            memory: Mebibytes(self.room.memory.0.saturating_sub(memory)),
            gpus: self.room.gpus.saturating_sub(gpus),
            ..self.room
        };
        let mut text = Vec::new();
        if let Some(asked) = self.asked(path) {
            text.push(format!("it asks for {}", amount(asked.cores, asked.memory, asked.gpus)));
        }
        text.push(format!(
            "of this machine's {} for tasks {} are free",
            amount(self.room.cores, self.room.memory, self.room.gpus),
            // How many are free is worth to be told where there are any.
            amount_with(free.cores, free.memory, (self.room.gpus > 0).then_some(free.gpus)),
        ));
        for (holder, given) in held.iter().take(5) {
            text.push(format!("{} are held by {holder}", amount(given.cores, given.memory, given.gpus)));
        }
        if held.len() > 5 {
            text.push(format!("and more by {} other tasks", held.len() - 5));
        }
        Wait { kind: WaitKind::Room, text }
    }

    /// The steps that have to be done first and are not, as far as the journal tells.
    fn steps_before(&self, path: &str) -> Option<String> {
        let (workflow, step, above) = self.locate(path)?;
        let open = predecessors(workflow, step).into_iter().filter_map(|before| self.open(&above, before));
        let open: Vec<_> = open.collect();
        (!open.is_empty()).then(|| open.join(", "))
    }

    /// How far a step is; `None` if it is done.
    fn open(&self, above: &str, step: &WorkflowStep) -> Option<String> {
        let path = format!("{above}{}", step.id);
        let Some(facts) = self.run.steps.get(&path) else { return Some(format!("`{path}` (not begun)")) };
        let of_it = || self.run.tasks.values().filter(|task| is_within(&task.step, &path));
        let done = of_it().filter(|task| task.state == TaskState::Complete).count();
        if matches!(step.run, Process::Workflow(_)) {
            return Some(format!("`{path}` ({done} of its tasks done so far)"));
        }
        let is_open = done < facts.tasks as usize;
        is_open.then(|| format!("`{path}` ({done} of {} tasks done)", facts.tasks))
    }

    /// The steps before a step, directly or through others, of which a task failed, with why.
    fn failures_before(&self, path: &str) -> Vec<(String, String)> {
        let Some((workflow, step, above)) = self.locate(path) else { return Vec::new() };
        let mut open = predecessors(workflow, step);
        let (mut seen, mut found) = (Vec::new(), Vec::new());
        while let Some(step) = open.pop() {
            if seen.contains(&step.id) {
                continue;
            }
            seen.push(step.id.clone());
            open.extend(predecessors(workflow, step));
            let path = format!("{above}{}", step.id);
            let mut tasks = self.run.tasks.values().filter(|task| is_within(&task.step, &path));
            if let Some((task, why)) = tasks.find_map(|task| Some((task, task.failure.as_ref()?))) {
                found.push((task.step.clone(), why.to_string()));
            }
        }
        found
    }

    /// The workflow that holds a step, the step, and what stands before its name in paths.
    fn locate(&self, path: &str) -> Option<(&Workflow, &WorkflowStep, String)> {
        let mut process = self.process?;
        let mut above = String::new();
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            let Process::Workflow(workflow) = process else { return None };
            let step = workflow.steps.iter().find(|step| step.id == step_of(part))?;
            if parts.peek().is_none() {
                return Some((workflow, step, above));
            }
            above.push_str(part);
            above.push('/');
            process = &step.run;
        }
        None
    }

    /// What a step's tool asks for where that is no expression.
    fn asked(&self, path: &str) -> Option<Resources> {
        let (_, step, _) = self.locate(path)?;
        let Process::CommandLineTool(tool) = &step.run else { return None };
        let asked = &tool.requirements.resources;
        let number =
            |least: &Option<Amount>, most: &Option<Amount>, default: f64| match least.as_ref().or(most.as_ref()) {
                None => Some(default),
                Some(Amount::Number(number)) => Some(*number),
                Some(Amount::Expression(_)) => None,
            };
        let default = Resources::default();
        let cores = number(&asked.cores_min, &asked.cores_max, default.cores.0 as f64 / 1000.0)?;
        let memory = number(&asked.ram_min, &asked.ram_max, default.memory.0 as f64)?;
        Some(Resources {
            cores: MilliCores((cores * 1000.0).ceil() as u64),
            memory: Mebibytes(memory.ceil() as u64),
            gpus: match &tool.requirements.cuda {
                Some(cuda) => number(&cuda.count_min, &cuda.count_max, 1.0)?.ceil() as u32,
                None => 0,
            },
            ..default
        })
    }
}

/// That a service is away, and since when.
pub(crate) fn away(service: &AwaitedService) -> String {
    format!("{} does not answer since {}", service.what, moment(service.since))
}

fn moment(time: Timestamp) -> impl Display {
    time.strftime("%H:%M:%S UTC")
}

fn wait(kind: WaitKind, text: impl Into<String>) -> Wait {
    Wait { kind, text: vec![text.into()] }
}

/// The steps whose outputs a step reads, each once.
fn predecessors<'w>(workflow: &'w Workflow, step: &WorkflowStep) -> Vec<&'w WorkflowStep> {
    let sources = step.inputs.iter().flat_map(|input| &input.sources);
    let names: Vec<&str> = sources
        .filter_map(|source| match source {
            Source::StepOutput { step, .. } => Some(step.as_str()),
            Source::WorkflowInput(_) => None,
        })
        .collect();
    workflow.steps.iter().filter(|before| names.contains(&before.id.as_str())).collect()
}

/// Whether a path is that of a step, of a task of it, or of something within it.
pub(crate) fn is_within(path: &str, step: &str) -> bool {
    path.strip_prefix(step).is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '/']))
}

/// Cores and memory, and GPUs if there are any.
fn amount(cores: MilliCores, memory: Mebibytes, gpus: u32) -> String {
    amount_with(cores, memory, (gpus > 0).then_some(gpus))
}

fn amount_with(cores: MilliCores, memory: Mebibytes, gpus: Option<u32>) -> String {
    match gpus {
        None => format!("{} and {memory}", cores_of(cores)),
        Some(gpus) => format!("{}, {memory} and {}", cores_of(cores), gpus_of(gpus)),
    }
}

/// A number of cores with the word.
pub(crate) fn cores_of(cores: MilliCores) -> String {
    if cores.0 == 1000 { "1 core".to_owned() } else { format!("{} cores", cores.0 as f64 / 1000.0) }
}
