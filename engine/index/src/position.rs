//! How far a journal was read, so that reading goes on there.

use serde::{Deserialize, Serialize};
use sluis_journal::{JournalError, Summary};

use crate::error::Trouble;

/// The last record that was read of a journal, and what stands before it.
///
/// The last record is read once more when reading goes on. What was at the end of a journal can be lost with the
/// machine's power, and another record can have come into its place since.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Position {
    /// What stands before the last record.
    pub before: Summary,
    /// The last record's hash; `None` if no record was read.
    last: Option<String>,
}

impl Position {
    /// Before the first record.
    pub fn start() -> Self {
        Self { before: Summary::empty(), last: None }
    }

    /// From its text in the index.
    pub fn parse(text: &str) -> Result<Self, Trouble> {
        serde_json::from_str(text).map_err(|error| Trouble::Damaged(error.to_string()))
    }

    /// As text for the index.
    pub fn text(&self) -> Result<String, Trouble> {
        serde_json::to_string(self).map_err(|error| Trouble::Unusable(error.to_string()))
    }
}

/// What was read: up to where, and whether there is more.
pub(crate) type Read = (Position, bool);

/// A journal that is read on from a position.
pub(crate) trait Follow: Iterator<Item = Result<Self::Record, Self::Error>> {
    /// A record.
    type Record;
    /// Why one cannot be read.
    type Error: Into<Trouble>;

    /// What was read so far.
    fn summary(&self) -> &Summary;

    /// The journal's own error, if it is one.
    fn cause(error: &Self::Error) -> Option<&JournalError>;
}

/// Takes in at most about `limit` records behind a position, each with its number; `None` if the journal is not the one
/// of which that is a position. `records` begins with the last record that was read.
pub(crate) fn follow<F: Follow>(
    records: Result<F, F::Error>,
    known: &Position,
    limit: u64,
    mut take: impl FnMut(u64, F::Record) -> Result<(), Trouble>,
) -> Result<Option<Read>, Trouble> {
    let is_first = known.last.is_none();
    let is_other = |error: &F::Error| !is_first && F::cause(error).is_some_and(is_other);
    let mut records = match records {
        Err(error) if is_other(&error) => return Ok(None),
        records => records.map_err(Into::into)?,
    };
    let mut read = known.clone();
    // Not told by their numbers: an audit log begins later when its first records were removed.
    let mut taken = 0;
    loop {
        let before = records.summary().clone();
        if taken > limit {
            return Ok(Some((read, true)));
        }
        let is_known = !is_first && before == known.before;
        match records.next() {
            // The last record that was read is gone.
            None if is_known => return Ok(None),
            None => return Ok(Some((read, false))),
            Some(Err(error)) if is_other(&error) => return Ok(None),
            Some(Ok(_)) if is_known && known.last.as_ref() != Some(&records.summary().head) => return Ok(None),
            Some(Ok(_)) if is_known => {}
            Some(record) => {
                take(before.records, record.map_err(Into::into)?)?;
                taken += 1;
                read = Position { before, last: Some(records.summary().head.clone()) };
            }
        }
    }
}

/// Whether a journal does not go on as it began.
const fn is_other(error: &JournalError) -> bool {
    matches!(error, JournalError::Cut { .. } | JournalError::Broken { .. } | JournalError::Malformed { .. })
}
