//! Taking in the task records: those of folders that changed, and of these only what is new, replaced or gone.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction, params};
use sluis_access::{Site, TaskRecord};
use sluis_model::{Address, TaskKey};
use sluis_store::Stamped;

use crate::{database::Database, error::Trouble};

/// How many records are taken in before others may have a turn at the file.
const AT_ONCE: usize = 8192;

/// Everything that a task left in the store.
pub(crate) fn left_by(record: &TaskRecord) -> impl Iterator<Item = &Address> {
    record.outputs.iter().chain([&record.result]).chain(&record.log)
}

/// Whether a task made an object. A task that read the content and gave it back made nothing.
pub(crate) fn is_maker(record: &TaskRecord, object: &Address) -> bool {
    left_by(record).any(|left| left == object) && !record.inputs.contains(object)
}

/// Makes the index agree with the task records of the store.
pub(crate) fn catch_up(database: &mut Database, site: &Site) -> Result<(), Trouble> {
    let mut open = changed_folders(database, site)?.into_iter().peekable();
    while open.peek().is_some() {
        database.change(|transaction| {
            let mut taken = 0;
            while taken < AT_ONCE
                && let Some(folder) = open.next()
            {
                taken += take_folder(transaction, site, &folder)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// The folders that are not as they were when they were last read. One that is gone is among them.
fn changed_folders(database: &Database, site: &Site) -> Result<Vec<Stamped<String>>, Trouble> {
    let mut query = database.connection.prepare("SELECT name, stamp FROM folders")?;
    let known = query.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut known: BTreeMap<String, Option<String>> = known.collect::<Result<_, _>>()?;
    let mut changed = site.store().task_folders()?;
    changed.retain(|folder| known.remove(&folder.name).is_none_or(|stamp| stamp.is_none() || stamp != folder.stamp));
    changed.extend(known.into_keys().map(|name| Stamped { name, stamp: None }));
    Ok(changed)
}

/// An entry as the index has it.
struct Known {
    id: i64,
    stamp: Option<String>,
}

/// Makes the index agree with one folder; gives the number of records that were read.
fn take_folder(transaction: &Transaction<'_>, site: &Site, folder: &Stamped<String>) -> Result<usize, Trouble> {
    let mut known = known_entries(transaction, &folder.name)?;
    let entries = site.store().task_entries(&folder.name)?;
    let mut taken = 0;
    for entry in &entries {
        let known = known.remove(&entry.name);
        if known.as_ref().is_some_and(|known| known.stamp.is_some() && known.stamp == entry.stamp) {
            continue;
        }
        if let Some(known) = known {
            remove(transaction, known.id)?;
        }
        // One that is gone by now changed its folder, too.
        if let Some(record) = site.task(&entry.name)?.filter(|record| !record.is_group()) {
            insert(transaction, &folder.name, entry, &record)?;
        }
        taken += 1;
    }
    for gone in known.into_values() {
        remove(transaction, gone.id)?;
    }
    transaction.execute("DELETE FROM folders WHERE name = ?1", [&folder.name])?;
    if !entries.is_empty() {
        let row = params![folder.name, folder.stamp];
        transaction.execute("INSERT INTO folders VALUES (?1, ?2)", row)?;
    }
    Ok(taken)
}

fn known_entries(transaction: &Transaction<'_>, folder: &str) -> Result<BTreeMap<TaskKey, Known>, Trouble> {
    let query = "SELECT t.key, t.id, t.stamp FROM tasks t WHERE t.folder = ?1";
    let mut query = transaction.prepare_cached(query)?;
    let known = query.query_map([folder], |row| {
        Ok((TaskKey::from_bytes(row.get(0)?), Known { id: row.get(1)?, stamp: row.get(2)? }))
    });
    Ok(known.and_then(Iterator::collect)?)
}

fn insert(
    transaction: &Transaction<'_>,
    folder: &str,
    entry: &Stamped<TaskKey>,
    record: &TaskRecord,
) -> rusqlite::Result<()> {
    // A store that moves entries between folders could show one twice.
    let find = "SELECT id FROM tasks WHERE key = ?1";
    let twin = transaction.prepare_cached(find)?.query_row([entry.name.as_bytes()], |row| row.get(0)).optional()?;
    if let Some(twin) = twin {
        remove(transaction, twin)?;
    }
    let ended = record.ended.as_nanosecond();
    transaction
        .prepare_cached("INSERT INTO tasks (key, folder, stamp, run, number, ended) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![entry.name.as_bytes(), folder, entry.stamp, record.run.as_str(), record.task.0, ended])?;
    let task = transaction.last_insert_rowid();
    let mut reads = transaction.prepare_cached("INSERT OR IGNORE INTO reads VALUES (?1, ?2)")?;
    for object in &record.inputs {
        reads.execute(params![object.as_bytes(), task])?;
    }
    let mut makes = transaction.prepare_cached("INSERT OR IGNORE INTO makes VALUES (?1, ?2, ?3)")?;
    for object in left_by(record).filter(|object| is_maker(record, object)) {
        makes.execute(params![object.as_bytes(), ended, task])?;
    }
    Ok(())
}

fn remove(transaction: &Transaction<'_>, task: i64) -> rusqlite::Result<()> {
    for statement in
        ["DELETE FROM reads WHERE task = ?1", "DELETE FROM makes WHERE task = ?1", "DELETE FROM tasks WHERE id = ?1"]
    {
        transaction.prepare_cached(statement)?.execute([task])?;
    }
    Ok(())
}
