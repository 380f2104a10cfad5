//! What was done to a log whose next line is not the record that belongs there.

use std::{
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    path::Path,
};

use serde::Deserialize;
use sluis_journal::{Journal, Summary};

use super::AuditError;

/// What a line says of itself.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "seq")]
    sequence: u64,
    #[serde(rename = "prev")]
    previous: String,
}

/// Tells what is wrong with the line behind those that `before` sums up; `None` if that cannot be told.
pub(super) fn of(path: &Path, before: &Summary) -> Option<AuditError> {
    let wanted = before.records;
    let mut lines = lines_from(path, before.length)?;
    let Some(Line { sequence, previous }) = lines.next()? else {
        return Some(AuditError::Changed { record: wanted, path: path.to_owned() });
    };
    let itself = Summary { records: sequence, head: previous, length: before.length };
    let is_intact = Journal::read_after(path, &itself).ok()?.next().is_some_and(|record| record.is_ok());
    Some(if !is_intact {
        AuditError::Changed { record: wanted, path: path.to_owned() }
    } else if sequence < wanted {
        AuditError::Moved { record: sequence }
    } else if sequence == wanted {
        AuditError::Unchained { record: wanted }
    } else if lines.flatten().any(|line| line.sequence == wanted) {
        AuditError::Moved { record: wanted }
    } else {
        AuditError::Missing { first: wanted, last: sequence - 1 }
    })
}

/// What the lines of a file from a place on say of themselves; `None` for one that is no record.
fn lines_from(path: &Path, place: u64) -> Option<impl Iterator<Item = Option<Line>>> {
    let mut file = File::open(path).ok()?;
    file.seek(SeekFrom::Start(place)).ok()?;
    Some(BufReader::new(file).split(b'\n').map_while(Result::ok).map(|line| serde_json::from_slice(&line).ok()))
}
