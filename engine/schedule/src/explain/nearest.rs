//! The earlier task to compare a task with.

use std::{collections::BTreeSet, path::Path};

use jiff::Timestamp;
use sluis_access::{AccessError, Site, TaskRecord};
use sluis_model::{Address, ProjectName, RunId, TaskKey};

use super::{
    compare::{Comparison, compare},
    reason::steps,
};
use crate::{
    account::{Material, TaskAccount},
    record::{RunEvent, TaskState},
    runs::{RunSummary, RunsError, TaskSummary, list_runs, read_events, read_run, step_pattern},
};

/// How many earlier runs of the workflow are looked through.
const RUNS: usize = 20;
/// How many tasks of one run are candidates.
const TASKS_OF_RUN: usize = 32;
/// How many candidates are opened and compared.
const OPENED: usize = 6;
/// Among how many tasks the maker of an input is looked for.
const MAKERS: usize = 10_000;

/// An earlier task at the same place.
pub(crate) struct Candidate {
    pub run: RunId,
    pub summary: TaskSummary,
    /// Whether it has the same path, its place in scatters included.
    is_same_path: bool,
}

/// What was found of earlier tasks.
pub(crate) struct Earlier {
    /// From the newest on; those with the same path first within a run.
    pub candidates: Vec<Candidate>,
    /// Whether the workflow was never run before for this project.
    pub is_first_run: bool,
}

/// Whose earlier tasks are looked for.
#[derive(Clone, Copy)]
pub(crate) struct Whose<'a> {
    /// The workflow's name.
    pub workflow: &'a str,
    pub project: &'a ProjectName,
    /// When the run began that the others are to be older than; `None` if all are.
    pub before: Option<Timestamp>,
}

impl<'a> Whose<'a> {
    /// That of a run.
    pub const fn of(run: &'a RunSummary) -> Self {
        Self { workflow: run.workflow.as_str(), project: &run.project, before: Some(run.started) }
    }
}

/// Looks through the earlier runs of the same workflow for the same project.
pub(crate) fn find(runs: &Path, whose: Whose<'_>, step: &str) -> Result<Earlier, RunsError> {
    let mut earlier = Earlier { candidates: Vec::new(), is_first_run: true };
    let pattern = step_pattern(step);
    for id in runs_of(runs, whose)? {
        // A damaged journal keeps nobody from looking at the others.
        let Ok(other) = read_run(runs, &id) else { continue };
        let mut found: Vec<_> = candidates(other, step, &pattern).collect();
        found.sort_by_key(|candidate| !candidate.is_same_path);
        found.truncate(TASKS_OF_RUN);
        earlier.is_first_run = false;
        earlier.candidates.extend(found);
        if earlier.candidates.len() >= TASKS_OF_RUN * 2 {
            break;
        }
    }
    Ok(earlier)
}

/// The newest runs of the same workflow, by its name, for the same project, from the newest on.
fn runs_of(runs: &Path, whose: Whose<'_>) -> Result<Vec<RunId>, RunsError> {
    let mut found = Vec::new();
    for id in list_runs(runs)?.into_iter().rev() {
        let first = read_events(runs, &id, &sluis_journal::Summary::empty())?.next();
        if let Some(Ok(RunEvent::RunStarted { workflow, project, at, .. })) = first
            && workflow == whose.workflow
            && project == *whose.project
            && whose.before.is_none_or(|before| at < before)
        {
            found.push((at, id));
        }
        // Identifiers tell the second alone: among some more than are wanted are the newest.
        if found.len() == RUNS * 2 {
            break;
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.truncate(RUNS);
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

fn candidates<'a>(run: RunSummary, step: &'a str, pattern: &'a str) -> impl Iterator<Item = Candidate> + 'a {
    let id = run.run;
    let tasks = run.tasks.into_values().filter(move |task| step_pattern(&task.step) == pattern);
    tasks.map(move |summary| Candidate { run: id.clone(), is_same_path: summary.step == step, summary })
}

impl Candidate {
    /// Where what is kept of the task is.
    fn account(&self, site: &Site) -> Option<Address> {
        address_of_account(site, &self.summary)
    }

    /// Whether it ended well.
    pub fn is_complete(&self) -> bool {
        self.summary.state == TaskState::Complete
    }
}

/// Where what is kept of a task is: by itself if it failed, with its outputs otherwise.
pub(crate) fn address_of_account(site: &Site, task: &TaskSummary) -> Option<Address> {
    let of_record = |key: &TaskKey| Some(site.task(key).ok()??.result);
    task.account.or(task.result).or_else(|| task.key.as_ref().and_then(of_record))
}

/// The candidate that shares most with a task, and what differs; `None` if nothing is kept of any, or nothing may be
/// read.
///
/// # Errors
/// What keeps the site from being read; a refusal is none.
pub(crate) fn nearest<'c>(
    site: &Site,
    project: &ProjectName,
    material: &Material,
    candidates: &'c [Candidate],
) -> Result<Option<(&'c Candidate, Comparison)>, AccessError> {
    let inputs: BTreeSet<Address> = material.staged.iter().filter_map(|staged| staged.object).collect();
    let shared = |candidate: &Candidate| {
        let record = candidate.summary.key.as_ref().and_then(|key| site.task(key).ok().flatten());
        record.map_or(0, |record| record.inputs.iter().filter(|input| inputs.contains(input)).count())
    };
    let mut ranked: Vec<_> = candidates
        .iter()
        .enumerate()
        .map(|(age, candidate)| (!candidate.is_same_path, usize::MAX - shared(candidate), age, candidate))
        .collect();
    // Of those that share as many inputs the one at the same place of the scatter is nearest, and then the newest.
    ranked.sort_by_key(|(is_other, missing, age, _)| (*missing, *is_other, *age));
    let mut best: Option<(&Candidate, Comparison)> = None;
    let mut opened = BTreeSet::new();
    for (.., candidate) in ranked {
        let Some(address) = candidate.account(site) else { continue };
        if opened.len() >= OPENED {
            break;
        }
        if !opened.insert(address) {
            continue;
        }
        let Some(other) = read_material(site, project, &address)? else { continue };
        let comparison = compare(&other, material);
        if best.as_ref().is_none_or(|(_, least)| comparison.changes.len() < least.changes.len()) {
            best = Some((candidate, comparison));
        }
    }
    Ok(best)
}

/// The steps of this run that made inputs which a comparison shows to be others than before.
pub(crate) fn makers(site: &Site, run: &RunSummary, step: &str, comparison: &Comparison) -> Vec<String> {
    let objects = comparison.changes.iter().filter_map(|change| change.new.as_deref()?.split(',').next()?.parse().ok());
    let objects: BTreeSet<Address> = objects.collect();
    if objects.is_empty() {
        return Vec::new();
    }
    let is_maker = |task: &&TaskSummary| {
        let record = task.key.as_ref().and_then(|key| site.task(key).ok().flatten());
        // What only gave back what it had read made nothing.
        let made =
            |record: &TaskRecord, object: &Address| record.outputs.contains(object) && !record.inputs.contains(object);
        record.is_some_and(|record| objects.iter().any(|object| made(&record, object)))
    };
    let others = run.tasks.values().filter(|task| task.state == TaskState::Complete && task.step != step);
    steps(others.take(MAKERS).filter(is_maker))
}

/// What an earlier task's key was made of, if it is kept and may be read.
fn read_material(site: &Site, project: &ProjectName, address: &Address) -> Result<Option<Material>, AccessError> {
    match TaskAccount::read(site, project, address) {
        Ok(account) => Ok(account.and_then(|account| account.material)),
        Err(AccessError::Refused(_) | AccessError::NotFound(_) | AccessError::Damaged { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
