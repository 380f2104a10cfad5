//! The questions, over an index that agrees with the truth.
//!
//! What the index says of tasks is borne out by the task records before it is given out: they are authenticated, the
//! index is not.

use std::collections::{BTreeMap, BTreeSet, VecDeque, btree_map::Entry};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use sluis_access::{Site, TaskRecord};
use sluis_model::{Address, DatasetName, ProjectName, RunId, TaskKey};
use sluis_schedule::{RunState, RunSummary, is_abandoned, read_run};

use crate::{error::Trouble, runs::name_of, tasks::is_maker};

/// An object that derives from another.
#[derive(Clone, PartialEq, Debug)]
pub struct Derived {
    /// The object.
    pub address: Address,
    /// The first task that made it from the other or from what derives from it.
    pub record: TaskRecord,
}

/// As what a task made an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MadeAs {
    /// A file among its outputs.
    Output,
    /// Its output object, as JSON.
    OutputObject,
    /// What its command printed.
    Log,
}

impl MadeAs {
    /// As what the task of a record made an object that it made.
    pub fn of(record: &TaskRecord, object: &Address) -> Self {
        if record.outputs.contains(object) {
            Self::Output
        } else if record.result == *object {
            Self::OutputObject
        } else {
            Self::Log
        }
    }
}

/// What is behind an object.
#[derive(Clone, PartialEq, Debug)]
pub struct Behind {
    /// The tasks, each once and before those whose outputs it read. Of several that made the same content it is the one
    /// that ended first.
    pub tasks: Vec<TaskRecord>,
    /// The objects with which they began, which no task made.
    pub origins: Vec<Address>,
}

/// A run that was permitted to use a dataset.
#[derive(Clone, PartialEq, Debug)]
pub struct UsingRun {
    /// The run.
    pub run: RunId,
    /// What its journal tells; `None` if it has none, as when its engine was killed before the first task.
    pub journal: Option<RunFacts>,
}

/// What a run's journal tells of the run as a whole.
#[derive(Clone, PartialEq, Debug)]
pub struct RunFacts {
    /// The workflow's name.
    pub workflow: String,
    /// The project on whose behalf it ran.
    pub project: ProjectName,
    /// Its state; `Running` if its end is not in the journal.
    pub state: RunState,
    /// Whether its end is not in the journal and no engine carries it out any more.
    pub interrupted: bool,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// Every object that derives from `origin`, through any number of tasks, in order of the tasks' ends.
pub(crate) fn derived(connection: &Connection, site: &Site, origin: &Address) -> Result<Vec<Derived>, Trouble> {
    let query = "WITH RECURSIVE derived (object) AS (SELECT ?1 UNION SELECT m.object FROM derived d \
                 CROSS JOIN reads r ON r.object = d.object CROSS JOIN makes m ON m.task = r.task) \
                 SELECT DISTINCT m.object, t.key FROM derived d CROSS JOIN reads r ON r.object = d.object \
                 CROSS JOIN makes m ON m.task = r.task CROSS JOIN tasks t ON t.id = m.task ORDER BY t.ended, t.key";
    let mut query = connection.prepare(query)?;
    let rows = query
        .query_map([origin.as_bytes()], |row| Ok((Address::from_bytes(row.get(0)?), TaskKey::from_bytes(row.get(1)?))));
    let (mut found, mut seen) = (Vec::new(), BTreeSet::from([*origin]));
    let mut records = BTreeMap::new();
    for row in rows? {
        let (address, key) = row?;
        if seen.insert(address) {
            let record = match records.entry(key) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(borne_out(site, &key, |_| true)?),
            };
            found.push((address, key));
            if !is_maker(record, &address) {
                return Err(untrue(&key));
            }
        }
    }
    // Each of the tasks read something that derives from the origin, or the origin.
    let is_derived = |record: &TaskRecord| record.inputs.iter().any(|input| seen.contains(input));
    let derive = |(address, key)| match records.get(&key) {
        Some(record) if is_derived(record) => Ok(Derived { address, record: record.clone() }),
        _ => Err(untrue(&key)),
    };
    found.into_iter().map(derive).collect()
}

/// The tasks behind an object, back to what was taken in.
pub(crate) fn behind(connection: &Connection, site: &Site, object: &Address) -> Result<Behind, Trouble> {
    let query = "SELECT t.key FROM makes m CROSS JOIN tasks t ON t.id = m.task WHERE m.object = ?1 \
                 ORDER BY m.ended, t.key LIMIT 1";
    let mut query = connection.prepare(query)?;
    let mut behind = Behind { tasks: Vec::new(), origins: Vec::new() };
    let (mut seen, mut told) = (BTreeSet::from([*object]), BTreeSet::new());
    let mut open = VecDeque::from([*object]);
    while let Some(next) = open.pop_front() {
        let maker = query.query_row([next.as_bytes()], |row| Ok(TaskKey::from_bytes(row.get(0)?)));
        let Some(key) = maker.optional()? else {
            behind.origins.push(next);
            continue;
        };
        if told.insert(key) {
            let record = borne_out(site, &key, |record| is_maker(record, &next))?;
            open.extend(record.inputs.iter().filter(|input| seen.insert(**input)));
            behind.tasks.push(record);
        }
    }
    Ok(behind)
}

/// The runs that were permitted to use a dataset, oldest first.
///
/// A task that was found in the cache used what was used by the task that made its result.
pub(crate) fn runs_using(
    connection: &Connection,
    site: &Site,
    dataset: &DatasetName,
) -> Result<Vec<UsingRun>, Trouble> {
    // A run's name begins with the second in which it began.
    let query = "SELECT u.run, r.workflow, r.project, r.state, r.started, r.ended FROM ( \
                 SELECT run FROM uses WHERE dataset = ?1 UNION SELECT c.run FROM uses u \
                 JOIN tasks t ON t.run = u.run AND t.number = u.number \
                 JOIN run_tasks c ON c.key = t.key AND c.cached WHERE u.dataset = ?1) u \
                 LEFT JOIN runs r ON r.run = u.run ORDER BY substr(u.run, 1, 15), r.started, u.run";
    let mut query = connection.prepare(query)?;
    let mut rows = query.query([dataset.as_str()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(using_run(site, row)?);
    }
    Ok(found)
}

fn using_run(site: &Site, row: &rusqlite::Row<'_>) -> Result<UsingRun, Trouble> {
    let text = |column| row.get::<_, Option<String>>(column);
    let moment = |column| -> Result<Option<Timestamp>, Trouble> {
        let nanoseconds: Option<i128> = row.get(column)?;
        nanoseconds.map(Timestamp::from_nanosecond).transpose().map_err(|error| Trouble::Damaged(error.to_string()))
    };
    let wrong = |what: &str| Trouble::Damaged(format!("{what} is not one"));
    let run: RunId = text(0)?.unwrap_or_default().parse().map_err(|_| wrong("a run"))?;
    let (Some(workflow), Some(project), Some(state), Some(started)) = (text(1)?, text(2)?, text(3)?, moment(4)?) else {
        return Ok(UsingRun { run, journal: None });
    };
    let project = project.parse().map_err(|_| wrong("a project"))?;
    let state = serde_json::from_value(state.into()).map_err(|_| wrong("a state"))?;
    let interrupted = state == RunState::Running && is_abandoned(&site.runs_dir(), &run)?;
    let facts = RunFacts { workflow, project, state, interrupted, started, ended: moment(5)? };
    Ok(UsingRun { run, journal: Some(facts) })
}

/// The run of a workflow that completed last among those that were given `input`: as their input object, or as
/// something that one of their tasks read and none had made.
pub(crate) fn newest(
    connection: &Connection,
    site: &Site,
    workflow: &str,
    input: &Address,
) -> Result<Option<RunSummary>, Trouble> {
    let query = "SELECT run FROM runs WHERE workflow = ?1 AND state = ?3 AND (inputs = ?2 OR run IN \
                 (SELECT c.run FROM reads r CROSS JOIN tasks t ON t.id = r.task CROSS JOIN run_tasks c ON c.key = t.key \
                 WHERE r.object = ?2 EXCEPT \
                 SELECT c.run FROM makes m CROSS JOIN tasks t ON t.id = m.task CROSS JOIN run_tasks c ON c.key = t.key \
                 WHERE m.object = ?2)) ORDER BY ended DESC, run DESC LIMIT 1";
    let row = params![workflow, input.as_bytes(), name_of(RunState::Complete)];
    let run = connection.query_row(query, row, |row| row.get::<_, String>(0)).optional()?;
    let Some(run) = run else { return Ok(None) };
    let run = run.parse().map_err(|_| Trouble::Damaged(format!("{run} is not a run")))?;
    let summary = read_run(&site.runs_dir(), &run)?;
    if summary.state != RunState::Complete || summary.workflow != workflow {
        return Err(Trouble::Untrue(format!("run {run} is another")));
    }
    Ok(Some(summary))
}

/// The record of a task, if it is there and as the index says.
fn borne_out(site: &Site, key: &TaskKey, is_so: impl Fn(&TaskRecord) -> bool) -> Result<TaskRecord, Trouble> {
    site.task(key)?.filter(is_so).ok_or_else(|| untrue(key))
}

fn untrue(key: &TaskKey) -> Trouble {
    Trouble::Untrue(format!("the record of {key} is another"))
}
