//! Taking in what the audit log says of the datasets that runs were permitted to use.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use sluis_access::{AuditError, AuditRecord, AuditRecords, Site, Verdict};
use sluis_journal::{JournalError, Summary};
use sluis_store::stamp_of;

use crate::{
    database::Database,
    error::Trouble,
    position::{Follow, Position, Read, follow},
};

/// How many records are read before others may have a turn at the file.
const AT_ONCE: u64 = 65_536;

/// The names under which it is kept how the log was and how far it was read.
const STAMP: &str = "audit-stamp";
const POSITION: &str = "audit-position";
/// The action of a decision on a task (`audit list`).
const TASK: &str = "run-task";

/// Makes the index agree with the audit log.
pub(crate) fn catch_up(database: &mut Database, site: &Site) -> Result<(), Trouble> {
    let path = site.audit().path();
    // Before the log is read: what is appended from here on changes the stamp.
    let stamp = stamp_of(&path).map_err(|source| AuditError::File { path, doing: "looked at", source })?;
    if stamp.is_some() && stamp == fact(&database.connection, STAMP)? {
        return Ok(());
    }
    while database.change(|transaction| take_some(transaction, site))? {}
    database.change(|transaction| put_fact(transaction, STAMP, stamp.as_deref()))
}

/// Takes in a part of what is new; all of the log, a part at a time, if it does not go on as it began. Says whether
/// there is more.
fn take_some(transaction: &Transaction<'_>, site: &Site) -> Result<bool, Trouble> {
    let known = match fact(transaction, POSITION)? {
        Some(text) => Position::parse(&text)?,
        None => Position::start(),
    };
    let taken = match take_after(transaction, site, &known)? {
        Some(taken) => Some(taken),
        None => {
            transaction.execute("DELETE FROM uses", ())?;
            take_after(transaction, site, &Position::start())?
        }
    };
    let Some((read, is_more)) = taken else { return Ok(false) };
    put_fact(transaction, POSITION, Some(&read.text()?))?;
    Ok(is_more)
}

/// Takes in a part of what stands behind a position; `None` if the log is not the one of which that is a position.
fn take_after(transaction: &Transaction<'_>, site: &Site, known: &Position) -> Result<Option<Read>, Trouble> {
    let records = site.audit().records_after(&known.before);
    follow(records, known, AT_ONCE, |_, record| Ok(take_record(transaction, &record)?))
}

impl Follow for AuditRecords {
    type Record = AuditRecord;
    type Error = AuditError;

    fn summary(&self) -> &Summary {
        self.summary()
    }

    fn cause(error: &AuditError) -> Option<&JournalError> {
        if let AuditError::Journal(error) = error { Some(error) } else { None }
    }
}

fn take_record(transaction: &Transaction<'_>, record: &AuditRecord) -> rusqlite::Result<()> {
    let (Some(Verdict::Allow), TASK, Some((run, number))) = (record.verdict(), record.action(), record.task()) else {
        return Ok(());
    };
    let mut insert = transaction.prepare_cached("INSERT OR IGNORE INTO uses VALUES (?1, ?2, ?3)")?;
    record.datasets().iter().try_for_each(|dataset| insert.execute(params![dataset, run, number]).map(drop))
}

/// A single value of the index.
fn fact(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let query = "SELECT value FROM facts WHERE name = ?1";
    connection.query_row(query, [name], |row| row.get(0)).optional()
}

/// Puts a single value in place of an earlier one.
fn put_fact(transaction: &Transaction<'_>, name: &str, value: Option<&str>) -> Result<(), Trouble> {
    transaction.execute("DELETE FROM facts WHERE name = ?1", [name])?;
    if let Some(value) = value {
        transaction.execute("INSERT INTO facts VALUES (?1, ?2)", [name, value])?;
    }
    Ok(())
}
