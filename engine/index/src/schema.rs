//! The tables.
//!
//! SQLite keeps no checksums. So every column of a table stands in an index of it as well, all in one:
//! `PRAGMA integrity_check` compares the two and sees any byte that was changed.

use rusqlite::Connection;

use crate::error::Trouble;

/// The number of this layout, in the file's `user_version`; another number means that the file is built anew.
const VERSION: i32 = 1;
/// What the file says it is, in its `application_id`: `slui`.
const APPLICATION: i32 = 0x736c_7569;

/// Statements in the order in which they are carried out.
const SCHEMA: [&str; 17] = [
    // Single values: `mark` (see `file`), and how the audit log was and how far it was read.
    "CREATE TABLE facts (name TEXT NOT NULL, value TEXT NOT NULL)",
    "CREATE UNIQUE INDEX facts_whole ON facts (name, value)",
    // Folders of task entries as they were when they were last read.
    "CREATE TABLE folders (name TEXT NOT NULL, stamp TEXT)",
    "CREATE UNIQUE INDEX folders_whole ON folders (name, stamp)",
    // Task records; `key` is the task key, `number` the task's number in `run`, `ended` in nanoseconds since 1970.
    "CREATE TABLE tasks (id INTEGER PRIMARY KEY, key BLOB NOT NULL, folder TEXT NOT NULL, stamp TEXT, \
     run TEXT NOT NULL, number INTEGER NOT NULL, ended BLOB NOT NULL)",
    "CREATE UNIQUE INDEX tasks_whole ON tasks (key, folder, stamp, run, number, ended)",
    "CREATE INDEX tasks_by_folder ON tasks (folder, key)",
    // What a task read, and what it made: everything it left but what it had read.
    "CREATE TABLE reads (object BLOB NOT NULL, task INTEGER NOT NULL, PRIMARY KEY (object, task)) WITHOUT ROWID",
    "CREATE UNIQUE INDEX reads_by_task ON reads (task, object)",
    "CREATE TABLE makes (object BLOB NOT NULL, ended BLOB NOT NULL, task INTEGER NOT NULL, \
     PRIMARY KEY (object, ended, task)) WITHOUT ROWID",
    "CREATE UNIQUE INDEX makes_by_task ON makes (task, object, ended)",
    // Runs, with how their journals were and how far they were read.
    "CREATE TABLE runs (run TEXT NOT NULL, stamp TEXT, position TEXT NOT NULL, workflow TEXT NOT NULL, project TEXT NOT NULL, inputs BLOB NOT NULL, started BLOB NOT NULL, \
     state TEXT NOT NULL, outputs BLOB, ended BLOB)",
    "CREATE UNIQUE INDEX runs_whole ON runs (run, stamp, position, workflow, project, inputs, started, state, \
     outputs, ended)",
    // The complete tasks of a run that have a key; `cached` if they were found in the cache.
    "CREATE TABLE run_tasks (run TEXT NOT NULL, number INTEGER NOT NULL, key BLOB NOT NULL, cached INTEGER NOT NULL, \
     PRIMARY KEY (run, number)) WITHOUT ROWID",
    "CREATE UNIQUE INDEX run_tasks_by_key ON run_tasks (key, run, number, cached)",
    // Datasets that a task of a run was permitted to use.
    "CREATE TABLE uses (dataset TEXT NOT NULL, run TEXT NOT NULL, number INTEGER NOT NULL, \
     PRIMARY KEY (dataset, run, number)) WITHOUT ROWID",
    "CREATE UNIQUE INDEX uses_by_task ON uses (run, number, dataset)",
];

/// Makes the tables in a database that has none.
pub(crate) fn create(connection: &mut Connection) -> Result<(), Trouble> {
    let transaction = connection.transaction()?;
    for statement in SCHEMA {
        transaction.execute(statement, ())?;
    }
    // Any number will do that a clock is unlikely to show as well.
    let mark = "INSERT INTO facts SELECT 'mark', 1 + abs(random() % 999999998)";
    transaction.execute(mark, ())?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    Ok(transaction.commit()?)
}

/// Checks that the tables are the ones that this version of sluis makes.
pub(crate) fn check(connection: &Connection) -> Result<(), Trouble> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    if (number("user_version")?, number("application_id")?) != (VERSION, APPLICATION) {
        return Err(Trouble::Damaged("it is of another version".to_owned()));
    }
    let mut query = connection.prepare("SELECT sql FROM sqlite_schema WHERE sql NOT NULL")?;
    let found = query.query_map((), |row| row.get::<_, String>(0))?;
    let mut found = found.collect::<Result<Vec<_>, _>>()?;
    found.sort_unstable();
    let mut expected = SCHEMA;
    expected.sort_unstable();
    if found == expected { Ok(()) } else { Err(Trouble::Damaged("its tables are others".to_owned())) }
}

/// Has SQLite compare everything in the file with everything else.
pub(crate) fn check_integrity(connection: &Connection) -> Result<(), Trouble> {
    let found = connection.pragma_query_value(None, "integrity_check", |row| row.get::<_, String>(0));
    match found? {
        text if text == "ok" => Ok(()),
        text => Err(Trouble::Damaged(text)),
    }
}
