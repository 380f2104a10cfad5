//! What a run would do, found out without running or taking in anything.
//!
//! The workflow is walked as a run walks it, with the results that the task cache has in place of commands. Where a
//! command would have to run its outputs are not known, and neither are the tasks that depend on them.

mod look;
mod walk;

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use indexmap::IndexMap;
use serde::Serialize;
use sluis_access::{AccessError, Site};
use sluis_cwl::{Evaluator, Process};
use sluis_model::{Address, ProjectName, Resources, Values};
use sluis_worker::Scratch;
use tokio::runtime::Handle;

use crate::{
    allocator::Room,
    engine::{Executors, RunError},
    explain::Reason,
    gpus::Gpus,
    intake,
    runs::RunsError,
    settings::RunSettings,
};
use walk::Walk;

/// Finds out what runs would do on one machine of a site.
pub struct Planner {
    site: Arc<Site>,
    executors: Executors,
    scratch: Arc<Scratch>,
    room: Room,
    gpus: Gpus,
    evaluator: Evaluator,
}

/// What would be run.
pub struct PlanRequest {
    /// The workflow or tool.
    pub process: Process,
    /// Its name, for people.
    pub workflow: String,
    /// The checked input object.
    pub inputs: Values,
    /// The project on whose behalf.
    pub project: ProjectName,
    /// How it would be carried out.
    pub settings: RunSettings,
}

/// What a run would do.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Plan {
    /// The workflow's name.
    pub workflow: String,
    /// The project on whose behalf.
    pub project: ProjectName,
    /// Its steps, scatters of scatters together, in the order in which they could begin.
    pub steps: Vec<StepPlan>,
}

/// What a run would do for one step.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct StepPlan {
    /// The step, as the workflow has it.
    pub step: String,
    /// How many tasks it has, as far as is known; `None` if that follows from what is not made yet.
    pub tasks: Option<u64>,
    /// How many of them were looked at one by one. The next five numbers are of these.
    pub looked_at: u64,
    /// Would be found in the task cache.
    pub cached: u64,
    /// Would run.
    pub to_run: u64,
    /// Would be skipped by their condition.
    pub skipped: u64,
    /// Expressions.
    pub evaluated: u64,
    /// Could not be run.
    pub refused: u64,
    /// The steps on whose outputs it depends that are not made yet.
    pub waits_for: Vec<String>,
    /// What the first that would run asks for, of each the most.
    pub resources: Option<Resources>,
    /// Why the first that would run is not found in the cache.
    pub reason: Option<Reason>,
    /// How its earlier tasks went.
    pub estimate: Option<Estimate>,
    /// Why some could not be run, each once.
    pub problems: Vec<String>,
}

/// How earlier tasks of a step went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Estimate {
    /// Of how many tasks this tells.
    pub tasks: u64,
    /// How long their commands ran, in milliseconds.
    pub mean_ms: u64,
    /// How long the longest ran, in milliseconds.
    pub longest_ms: u64,
    /// The most memory that one held, in bytes.
    pub peak_memory: Option<u64>,
}

/// Why it cannot be found out what a run would do.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// An input cannot be used.
    #[error(transparent)]
    Input(#[from] RunError),
    /// The site refused or failed.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The journal of an earlier run could not be read.
    #[error(transparent)]
    Runs(#[from] RunsError),
}

impl Planner {
    /// For a machine with this room for tasks, and these GPUs.
    pub fn new(site: Arc<Site>, executors: Executors, scratch: Arc<Scratch>, room: Room, gpus: Gpus) -> Self {
        let room = Room { gpus: gpus.count(), ..room };
        Self { site, executors, scratch, room, gpus, evaluator: Evaluator::default() }
    }

    /// What a run would do. Blocks; `handle` is of the runtime on which executors are asked for images.
    ///
    /// # Errors
    /// If an input cannot be read, or the site's own records. What keeps a task from running is part of the plan.
    pub fn plan(&self, request: PlanRequest, handle: &Handle) -> Result<Plan, PlanError> {
        let PlanRequest { mut process, workflow, mut inputs, project, settings } = request;
        let plain: HashMap<Address, PathBuf> =
            intake::look_at(&self.site, self.scratch.root(), &mut process, &mut inputs)?;
        let walk = Walk::new(self, handle, plain, &workflow, &project, settings);
        walk.root(&process, inputs)?;
        let steps: IndexMap<String, StepPlan> = walk.into_steps();
        Ok(Plan { workflow, project, steps: steps.into_values().collect() })
    }
}

impl Plan {
    /// Whether every task, as far as is known, could be run.
    pub fn is_possible(&self) -> bool {
        self.steps.iter().all(|step| step.problems.is_empty())
    }
}
