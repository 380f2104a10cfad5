//! Taking in the runs' journals: of each only what was appended since.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction, params};
use sluis_access::Site;
use sluis_journal::{JournalError, Summary};
use sluis_model::RunId;
use sluis_schedule::{RunEvent, RunEvents, RunState, RunsError, journal_of, list_runs, read_events};
use sluis_store::stamp_of;

use crate::{
    database::Database,
    error::Trouble,
    position::{Follow, Position, Read, follow},
};

/// How many journals are read before others may have a turn at the file.
const AT_ONCE: usize = 64;

/// The name of a run's state in the index, which is GA4GH's.
pub(crate) fn name_of(state: RunState) -> String {
    serde_json::to_value(state).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Makes the index agree with the runs' journals.
pub(crate) fn catch_up(database: &mut Database, site: &Site) -> Result<(), Trouble> {
    let folder = site.runs_dir();
    let mut known = known_stamps(database)?;
    let mut changed = Vec::new();
    for run in list_runs(&folder)? {
        // Before the journal is read: what is appended from here on changes the stamp.
        let path = journal_of(&folder, &run);
        let stamp = stamp_of(&path).map_err(|source| RunsError::Folder { path, source })?;
        if known.remove(run.as_str()).is_none_or(|known| known.is_none() || known != stamp) {
            changed.push((run, stamp));
        }
    }
    if !known.is_empty() {
        database.change(|transaction| Ok(known.keys().try_for_each(|gone| forget(transaction, gone))?))?;
    }
    changed.chunks(AT_ONCE).try_for_each(|runs| {
        database.change(|transaction| {
            runs.iter().try_for_each(|(run, stamp)| take_run(transaction, site, run, stamp.as_deref()))
        })
    })
}

/// The runs of the index, with how their journals were when they were read.
fn known_stamps(database: &Database) -> Result<BTreeMap<String, Option<String>>, Trouble> {
    let mut query = database.connection.prepare("SELECT run, stamp FROM runs")?;
    let known = query.query_map((), |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(known.and_then(Iterator::collect)?)
}

/// Takes in what is new in one journal; all of it if it does not go on as it began.
fn take_run(transaction: &Transaction<'_>, site: &Site, run: &RunId, stamp: Option<&str>) -> Result<(), Trouble> {
    let query = "SELECT position FROM runs WHERE run = ?1";
    let known = transaction.query_row(query, [run.as_str()], |row| row.get::<_, String>(0)).optional()?;
    let mut read = match known {
        Some(text) => take_events(transaction, site, run, &Position::parse(&text)?)?,
        None => None,
    };
    if read.is_none() {
        forget(transaction, run.as_str())?;
        read = take_events(transaction, site, run, &Position::start())?;
    }
    let Some((read, _)) = read else { return Ok(()) };
    let update = "UPDATE runs SET stamp = ?2, position = ?3 WHERE run = ?1";
    transaction.execute(update, params![run.as_str(), stamp, read.text()?])?;
    Ok(())
}

/// Takes in what stands behind a position; `None` if the journal is not the one of which that is a position.
fn take_events(
    transaction: &Transaction<'_>,
    site: &Site,
    run: &RunId,
    known: &Position,
) -> Result<Option<Read>, Trouble> {
    let events = read_events(&site.runs_dir(), run, &known.before);
    follow(events, known, u64::MAX, |number, event| {
        if number == 0 && !matches!(event, RunEvent::RunStarted { .. }) {
            return Err(RunsError::Headless(run.clone()).into());
        }
        Ok(take_event(transaction, run, &event)?)
    })
}

impl Follow for RunEvents {
    type Record = RunEvent;
    type Error = RunsError;

    fn summary(&self) -> &Summary {
        self.summary()
    }

    fn cause(error: &RunsError) -> Option<&JournalError> {
        if let RunsError::Journal { source, .. } = error { Some(source) } else { None }
    }
}

fn take_event(transaction: &Transaction<'_>, run: &RunId, event: &RunEvent) -> rusqlite::Result<()> {
    match event {
        RunEvent::RunStarted { workflow, project, inputs, at, .. } => {
            let insert = "INSERT INTO runs VALUES (?1, NULL, '', ?2, ?3, ?4, ?5, ?6, NULL, NULL)";
            let (started, state) = (at.as_nanosecond(), name_of(RunState::Running));
            let row = params![run.as_str(), workflow, project.as_str(), inputs.as_bytes(), started, state];
            transaction.execute(insert, row)?;
        }
        RunEvent::TaskComplete { task, key: Some(key), cached, .. } => {
            let insert = "INSERT OR REPLACE INTO run_tasks VALUES (?1, ?2, ?3, ?4)";
            transaction.prepare_cached(insert)?.execute(params![run.as_str(), task.0, key.as_bytes(), cached])?;
        }
        RunEvent::RunEnded { state, outputs, at, .. } => {
            let update = "UPDATE runs SET state = ?2, outputs = ?3, ended = ?4 WHERE run = ?1";
            let outputs = outputs.as_ref().map(|address| address.as_bytes().as_slice());
            transaction.execute(update, params![run.as_str(), name_of(*state), outputs, at.as_nanosecond()])?;
        }
        _ => {}
    }
    Ok(())
}

fn forget(transaction: &Transaction<'_>, run: &str) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM runs WHERE run = ?1", [run])?;
    transaction.execute("DELETE FROM run_tasks WHERE run = ?1", [run]).map(drop)
}
