//! Why a task's command was run, or was not.

use jiff::Timestamp;
use serde::Serialize;
use sluis_access::{AccessError, Site};
use sluis_model::{ProjectName, RunId, TaskKey};

use super::{
    ExplainError,
    compare::Comparison,
    nearest::{self, Candidate, Earlier, Whose},
};
use crate::{
    account::{Material, TaskAccount},
    record::TaskState,
    runs::{RunSummary, TaskSummary, read_run, step_of},
    settings::Reuse,
};

/// An earlier task at the same place.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct EarlierTask {
    /// Its run.
    pub run: RunId,
    /// Its step's path from the top.
    pub step: String,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// Why a task's command was run, or was not.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum Reason {
    /// It was not: its result was there already.
    Cached {
        /// The task that made it; `None` if its entry is gone by now, or it was run for another project.
        made_by: Option<EarlierTask>,
    },
    /// It was not: its condition was false.
    Skipped,
    /// There is none: it is an expression, which is evaluated each time.
    Expression,
    /// The run was to use no earlier results (`--no-cache`, `--rerun`).
    AskedFor {
        /// Whether only for some steps.
        by_step: bool,
    },
    /// Its tool permits no earlier results to be used (WorkReuse).
    Forbidden,
    /// No earlier run of the workflow for this project has this step.
    New {
        /// Whether there was an earlier run at all.
        is_first_run: bool,
    },
    /// Its key was another than that of every earlier task.
    Changed {
        /// The one that shares most with it.
        nearest: EarlierTask,
        /// What differs.
        comparison: Comparison,
        /// Steps of this run that made inputs which are others than before.
        upstream: Vec<String>,
    },
    /// An earlier task had the same key, but its result was not there any more.
    Gone {
        /// That task.
        earlier: EarlierTask,
    },
    /// An earlier task had the same key and did not end well.
    FailedBefore {
        /// That task.
        earlier: EarlierTask,
    },
    /// A task with the same key ended only after this one had begun.
    AtTheSameTime {
        /// That task.
        earlier: EarlierTask,
    },
    /// There were earlier tasks, but it cannot be told what they were made of.
    NotKept {
        /// The last of them.
        earlier: EarlierTask,
    },
}

/// Why a task's command was run, or was not; `None` if it has not come so far.
///
/// # Errors
/// If the runs of the site, or what is kept of tasks, cannot be read.
pub(crate) fn of(
    site: &Site,
    run: &RunSummary,
    task: &TaskSummary,
    account: Option<&TaskAccount>,
) -> Result<Option<Reason>, ExplainError> {
    if task.cached {
        return Ok(Some(Reason::Cached { made_by: maker(site, run, task) }));
    }
    if task.skipped {
        return Ok(Some(Reason::Skipped));
    }
    if task.state == TaskState::Complete && task.key.is_none() {
        return Ok(Some(Reason::Expression));
    }
    let material = account.and_then(|account| account.material.as_ref());
    if task.started.is_none() && material.is_none() {
        return Ok(None);
    }
    if material.is_some_and(|material| !material.reuse) {
        return Ok(Some(Reason::Forbidden));
    }
    let by_step = run.settings.runs_anew(&task.step);
    if by_step || run.settings.reuse == Reuse::Nothing {
        return Ok(Some(Reason::AskedFor { by_step }));
    }
    let earlier = nearest::find(&site.runs_dir(), Whose::of(run), &task.step)?;
    let began = task.started;
    let mut reason = to_run(site, &run.project, task.key.as_ref(), began, material, &earlier)?;
    if let Reason::Changed { comparison, upstream, .. } = &mut reason {
        *upstream = nearest::makers(site, run, &task.step, comparison);
    }
    Ok(Some(reason))
}

/// Why a task for which an earlier result was looked for has to run, or had to; `began` is when it did.
///
/// # Errors
/// What keeps the site from being read; a refusal is none.
pub(crate) fn to_run(
    site: &Site,
    project: &ProjectName,
    key: Option<&TaskKey>,
    began: Option<Timestamp>,
    material: Option<&Material>,
    earlier: &Earlier,
) -> Result<Reason, AccessError> {
    if let Some(reason) = key.and_then(|key| of_same_key(key, began, earlier)) {
        return Ok(reason);
    }
    let Some(last) = earlier.candidates.first() else { return Ok(Reason::New { is_first_run: earlier.is_first_run }) };
    let Some(material) = material else { return Ok(Reason::NotKept { earlier: last.told() }) };
    Ok(match nearest::nearest(site, project, material, &earlier.candidates)? {
        Some((nearest, comparison)) => Reason::Changed { nearest: nearest.told(), comparison, upstream: Vec::new() },
        None => Reason::NotKept { earlier: last.told() },
    })
}

/// The task whose result was found, if it was run for the same project: of others nothing is told.
fn maker(site: &Site, run: &RunSummary, task: &TaskSummary) -> Option<EarlierTask> {
    let record = site.task(task.key.as_ref()?).ok()??;
    let maker = read_run(&site.runs_dir(), &record.run).ok()?;
    (maker.project == run.project).then_some(EarlierTask {
        run: record.run,
        step: record.step,
        ended: Some(record.ended),
    })
}

/// What it means that an earlier task had the same key.
fn of_same_key(key: &TaskKey, began: Option<Timestamp>, earlier: &Earlier) -> Option<Reason> {
    let same: Vec<_> =
        earlier.candidates.iter().filter(|candidate| candidate.summary.key.as_ref() == Some(key)).collect();
    let newest = same.first()?;
    let complete = same.iter().find(|candidate| candidate.is_complete());
    let Some(complete) = complete else { return Some(Reason::FailedBefore { earlier: newest.told() }) };
    let overlaps = began.zip(complete.summary.ended).is_some_and(|(began, ended)| began < ended);
    let earlier = complete.told();
    Some(if overlaps { Reason::AtTheSameTime { earlier } } else { Reason::Gone { earlier } })
}

impl Candidate {
    pub(crate) fn told(&self) -> EarlierTask {
        EarlierTask { run: self.run.clone(), step: self.summary.step.clone(), ended: self.summary.ended }
    }
}

/// The steps of tasks, each once.
pub(crate) fn steps<'t>(tasks: impl Iterator<Item = &'t TaskSummary>) -> Vec<String> {
    let mut steps: Vec<_> = tasks.map(|task| step_of(&task.step).to_owned()).collect();
    steps.sort_unstable();
    steps.dedup();
    steps
}
