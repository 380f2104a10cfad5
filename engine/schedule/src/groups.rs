//! Task groups: the results of many tasks of a scattered step under one more entry of the task cache.
//!
//! To find one task's result takes a decision, a header packet and many looks at the store. So when all tasks of a group
//! are done, what they gave is sealed once more, together, under a key that is made of theirs (`docs/task-key.md`), and
//! the next run that needs the very same tasks finds them with one decision. A group says nothing that the entries of its
//! tasks do not say: where one is missing, names another result by now or may not be used, each task is looked for by
//! itself.

use std::{
    collections::HashMap,
    io::Read,
    iter,
    num::NonZero,
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sluis_access::{AccessError, ReadAction, TaskRecord, TaskRequest};
use sluis_cwl::{Process, Workflow};
use sluis_model::{Address, Labels, TaskId, TaskKey, Value, Values};
use tokio::runtime::Handle;

use crate::{
    begin::addresses_in,
    frames::{Given, JobSource},
    prepare::{JobFailure, RunContext},
    settings::Reuse,
};

/// Tasks of a group. The more, the fewer decisions; the fewer, the more is still found when some inputs have changed.
const MOST: usize = 256;
/// Fewer are not worth an entry of their own.
const FEWEST: usize = 16;

/// The step of which jobs are looked for.
pub(crate) struct ScatteredStep {
    pub workflow: Arc<Workflow>,
    pub step: usize,
    pub path: String,
}

/// A task that was found with its group.
pub(crate) struct Known {
    pub key: TaskKey,
    pub result: Address,
    pub outputs: Values,
    pub labels: Arc<Labels>,
}

/// A task as its group keeps it.
#[derive(Serialize)]
struct Kept<'a> {
    result: Address,
    outputs: &'a Values,
}

/// The same, as it is read.
#[derive(Deserialize)]
struct KeptTask {
    result: Address,
    outputs: serde_json::Value,
}

/// The tasks of a group that is whole.
pub(crate) struct Whole {
    pub first: TaskId,
    pub path: String,
    pub tasks: Vec<(TaskKey, Address, Values)>,
    pub labels: Labels,
}

/// How far the groups of a step under way are.
pub(crate) struct Groups {
    tasks: Vec<Option<(TaskKey, Address)>>,
    groups: Vec<Progress>,
}

/// The members of a group that is whole.
pub(crate) struct Members {
    /// Their jobs' numbers.
    pub jobs: Range<usize>,
    /// Their keys and results, in this order.
    pub tasks: Vec<(TaskKey, Address)>,
    /// The labels of all of them.
    pub labels: Labels,
}

/// How far one group is.
#[derive(Clone, Default)]
struct Progress {
    done: usize,
    /// Whether there is nothing to keep: it was found, or one of its tasks is none that another run could use.
    closed: bool,
    labels: Labels,
}

impl Groups {
    /// Those of a step of so many jobs, of which some were found.
    pub fn of(jobs: usize, found: &HashMap<u32, Known>) -> Self {
        let is_closed = |group: usize| found.contains_key(&((group * MOST) as u32));
        let groups = (0..jobs.div_ceil(MOST))
            .map(|group| Progress {
                closed: is_closed(group) || range(group, jobs).len() < FEWEST,
                ..Progress::default()
            })
            .collect();
        Self { tasks: vec![None; jobs], groups }
    }

    /// Takes note of a job that is done; `task` is what others could use of it. Gives the members of its group if
    /// that is whole now.
    pub fn done(&mut self, job: usize, task: Option<(TaskKey, Address)>, labels: &Labels) -> Option<Members> {
        let (jobs, group) = (self.tasks.len(), job / MOST);
        let progress = self.groups.get_mut(group).filter(|progress| !progress.closed)?;
        let Some(task) = task else {
            progress.closed = true;
            return None;
        };
        self.tasks[job] = Some(task);
        progress.done += 1;
        progress.labels.join(labels);
        let range = range(group, jobs);
        if progress.done < range.len() {
            return None;
        }
        progress.closed = true;
        let labels = std::mem::take(&mut progress.labels);
        let tasks = self.tasks[range.clone()].iter().copied().flatten().collect();
        Some(Members { jobs: range, tasks, labels })
    }
}

fn range(group: usize, jobs: usize) -> Range<usize> {
    group * MOST..jobs.min((group + 1) * MOST)
}

/// The tasks of a scattered step that are found by their groups, by the numbers of their jobs. Blocks.
pub(crate) fn find(
    context: &RunContext,
    step: &ScatteredStep,
    jobs: &[Values],
    labels: &Labels,
) -> HashMap<u32, Known> {
    let labels = Arc::new(labels.clone());
    let is_looked_for = jobs.len() >= FEWEST
        && matches!(step.workflow.steps[step.step].run, Process::CommandLineTool(_))
        && context.settings.reuse != Reuse::Nothing
        // What it had done itself comes first, task by task.
        && !context.is_resumed()
        && !context.settings.runs_anew(&step.path);
    if !is_looked_for {
        return HashMap::new();
    }
    let (next, found) = (AtomicUsize::new(0), Mutex::new(HashMap::new()));
    let (count, runtime) = (jobs.len().div_ceil(MOST), Handle::current());
    let work = || {
        let _entered = runtime.enter();
        let groups = iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed)).take_while(|group| *group < count);
        for range in groups.map(|group| range(group, jobs.len())).filter(|range| range.len() >= FEWEST) {
            let sources = jobs[range.clone()].iter().map(|values| step.source(values, &labels));
            // What goes wrong here goes wrong again, and is told, when each job is prepared.
            if let Ok(Some(tasks)) = find_group(context, &sources.collect::<Vec<_>>()) {
                let numbered = (range.start as u32..).zip(tasks);
                found.lock().unwrap_or_else(PoisonError::into_inner).extend(numbered);
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(count);
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl ScatteredStep {
    fn source(&self, values: &Values, labels: &Arc<Labels>) -> JobSource {
        let process = self.workflow.steps[self.step].run.clone();
        let given = Given { values: values.clone(), labels: Arc::clone(labels) };
        JobSource::of_step(&self.workflow, self.step, process, given)
    }
}

fn find_group(context: &RunContext, sources: &[JobSource]) -> Result<Option<Vec<Known>>, JobFailure> {
    let site = &context.engine.site;
    let store = site.store();
    let mut keys = Vec::with_capacity(sources.len());
    for source in sources {
        let Some(key) = context.shared_key(source)? else { return Ok(None) };
        // Of a group whose first task is new nothing more needs to be known.
        if keys.is_empty() && store.task(&key).map_err(AccessError::from)?.is_none() {
            return Ok(None);
        }
        keys.push(key);
    }
    let group = key_of(context, &keys);
    let Some(record) = site.task(&group)?.filter(|record| record.tasks as usize == keys.len()) else { return Ok(None) };
    // From here on a garbage collection leaves the entry, and with it everything that it names.
    let is_there = store.touch(&record.result).map_err(AccessError::from)?
        && store.touch_task(&group).map_err(AccessError::from)?;
    if !is_there {
        return Ok(None);
    }
    let permit = site.permit_read(&context.project, &record.result, ReadAction::CachedResult)?;
    let mut text = Vec::new();
    let read = site.unseal(&permit, &record.result)?.read_to_end(&mut text);
    read.map_err(|error| site.reading_failed(&record.result, error))?;
    let Ok(kept) = serde_json::from_slice::<Vec<KeptTask>>(&text) else { return Ok(None) };
    let labels = Arc::new(permit.labels().clone());
    let mut found = Vec::with_capacity(keys.len());
    for (KeptTask { result, outputs }, key) in kept.into_iter().zip(keys) {
        let Ok(Value::Record(outputs)) = Value::from_json(outputs) else { return Ok(None) };
        // It may have been done anew since, and have given something else.
        if site.task(&key)?.is_none_or(|record| record.result != result) {
            return Ok(None);
        }
        for address in addresses_in(&outputs).iter().chain([&result]) {
            if !store.contains(address).map_err(AccessError::from)? {
                return Ok(None);
            }
        }
        found.push(Known { key, result, outputs, labels: Arc::clone(&labels) });
    }
    Ok((found.len() == sources.len()).then_some(found))
}

/// Keeps what the tasks of a group gave. Blocks.
pub(crate) fn keep(context: &RunContext, whole: &Whole) -> Result<(), JobFailure> {
    let site = &context.engine.site;
    let permit = site.permit_task(&TaskRequest {
        run: &context.run,
        task: whole.first,
        tool: "the results of a task group",
        project: &context.project,
        inputs: &[],
        derived_from: &whole.labels,
        region: site.region(),
        executor: "engine",
        network: false,
    })?;
    let kept: Vec<_> = whole.tasks.iter().map(|(_, result, outputs)| Kept { result: *result, outputs }).collect();
    let text = serde_json::to_vec(&kept).map_err(|error| AccessError::Plaintext(error.into()))?;
    let result = site.seal(&permit, &*text)?.address;
    let mut outputs = Vec::new();
    for (_, result, values) in &whole.tasks {
        outputs.push(*result);
        outputs.extend(addresses_in(values));
    }
    outputs.sort_unstable();
    outputs.dedup();
    let keys: Vec<_> = whole.tasks.iter().map(|(key, ..)| *key).collect();
    let now = Timestamp::now();
    site.put_task(
        &permit,
        &TaskRecord {
            version: TaskRecord::VERSION,
            key: key_of(context, &keys),
            tasks: keys.len() as u32,
            tool: "task group".to_owned(),
            step: whole.path.clone(),
            run: context.run.clone(),
            task: whole.first,
            image: None,
            region: site.region(),
            executor: "engine".to_owned(),
            inputs: Vec::new(),
            outputs,
            result,
            log: None,
            exit_code: 0,
            started: now,
            ended: now,
        },
    )?;
    Ok(())
}

/// The key of the group of these tasks, in their order.
fn key_of(context: &RunContext, tasks: &[TaskKey]) -> TaskKey {
    let mut material = b"sluis-group-1\n".to_vec();
    tasks.iter().for_each(|key| material.extend_from_slice(key.as_bytes()));
    context.engine.site.task_key(&material)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    fn task(number: usize) -> (TaskKey, Address) {
        (TaskKey::from_bytes([number as u8; 32]), Address::from_bytes([number as u8; 32]))
    }

    #[test]
    fn a_group_is_whole_with_the_last_of_its_tasks_whatever_their_order() {
        let jobs = MOST + FEWEST + 3;
        let mut groups = Groups::of(jobs, &HashMap::new());
        let labels = Labels::default();
        for job in (1..jobs).rev().filter(|job| *job != MOST) {
            assert!(groups.done(job, Some(task(job)), &labels).is_none(), "{job}");
        }
        for (last, expected) in [(MOST, MOST..jobs), (0, 0..MOST)] {
            let Members { jobs, tasks, .. } = groups.done(last, Some(task(last)), &labels).unwrap();
            assert_eq!((jobs, tasks), (expected.clone(), expected.map(task).collect()));
        }
    }

    #[test]
    fn few_tasks_make_no_group_and_neither_do_found_ones_or_one_that_others_may_not_use() {
        let labels = Labels::default();
        let mut few = Groups::of(FEWEST - 1, &HashMap::new());
        assert!((0..FEWEST - 1).all(|job| few.done(job, Some(task(job)), &labels).is_none()));
        let known =
            Known { key: task(0).0, result: task(0).1, outputs: Values::new(), labels: Arc::new(Labels::default()) };
        let mut found = Groups::of(FEWEST, &HashMap::from([(0, known)]));
        assert!((0..FEWEST).all(|job| found.done(job, Some(task(job)), &labels).is_none()));
        let mut odd = Groups::of(FEWEST, &HashMap::new());
        assert!(odd.done(0, None, &labels).is_none());
        assert!((1..FEWEST).all(|job| odd.done(job, Some(task(job)), &labels).is_none()));
    }
}
