//! An open index: in its file, or in memory for one question.

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::path::Path;

use crate::{
    error::Trouble,
    file::{Hold, PATIENCE},
    schema,
};

/// An open index.
#[derive(Debug)]
pub(crate) struct Database {
    // Before the hold, so that it is closed first.
    pub connection: Connection,
    file: Option<OpenFile>,
}

#[derive(Debug)]
struct OpenFile {
    hold: Hold,
    mark: i64,
    /// Whether the file was as sluis left it when this process began to write into it, or was compared with itself.
    vouched: bool,
}

impl Database {
    /// Opens the index in a site's folder.
    pub fn open(folder: &Path) -> Result<Self, Trouble> {
        Self::held(Hold::shared(folder)?, false)
    }

    /// Puts an empty index in the file's place; with `keep_if_sound` only if it is damaged, since another process may
    /// have done so meanwhile.
    pub fn rebuild(folder: &Path, keep_if_sound: bool) -> Result<Self, Trouble> {
        let hold = Hold::alone(folder)?;
        let is_sound = keep_if_sound && {
            let connection = connect(hold.path());
            connection.is_ok_and(|found| schema::check(&found).and_then(|()| schema::check_integrity(&found)).is_ok())
        };
        if !is_sound {
            hold.replace()?;
            let mut connection = connect(hold.path())?;
            // Stays with the file.
            connection.pragma_update(None, "journal_mode", "wal")?;
            schema::create(&mut connection)?;
        }
        Self::held(hold.share()?, true)
    }

    /// An empty index in memory.
    pub fn in_memory() -> Result<Self, Trouble> {
        let mut connection = Connection::open_in_memory()?;
        prepare(&connection)?;
        schema::create(&mut connection)?;
        Ok(Self { connection, file: None })
    }

    fn held(hold: Hold, vouched: bool) -> Result<Self, Trouble> {
        if !hold.path().try_exists().unwrap_or(true) {
            return Err(Trouble::Damaged("there is none".to_owned()));
        }
        let connection = connect(hold.path())?;
        schema::check(&connection)?;
        let mark = "SELECT value FROM facts WHERE name = 'mark'";
        let mark: String = connection.query_row(mark, (), |row| row.get(0))?;
        let mark = mark.parse().map_err(|_| Trouble::Damaged("its mark is not a number".to_owned()))?;
        let mut file = OpenFile { hold, mark, vouched };
        if !vouched && !file.hold.is_marked(mark) {
            schema::check_integrity(&connection)?;
            file.vouched = true;
        }
        Ok(Self { connection, file: Some(file) })
    }

    /// Carries out a change as one transaction. Others who want to change something wait.
    pub fn change<T>(
        &mut self,
        change: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = transaction?;
        if let Some(file) = &mut self.file {
            file.vouched |= file.hold.is_marked(file.mark);
        }
        let outcome = change(&transaction)?;
        transaction.commit()?;
        Ok(outcome)
    }

    /// Closes the index and marks its file, if it is known to be as sluis left it.
    pub fn close(self) {
        let Some(file) = self.file else { return };
        let vouched = file.vouched || file.hold.is_marked(file.mark);
        let closed = self.connection.close().is_ok();
        if closed && vouched && !file.hold.is_marked(file.mark) {
            // A file without its mark is only compared with itself once more.
            let _ = file.hold.mark(file.mark);
        }
    }
}

fn connect(path: &Path) -> Result<Connection, Trouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    prepare(&connection)?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> Result<(), Trouble> {
    let settings = "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536; \
                    PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;";
    Ok(connection.execute_batch(settings)?)
}
