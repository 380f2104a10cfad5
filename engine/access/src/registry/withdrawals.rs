//! `withdrawals.yaml`: consents that were taken back. Only sluis writes it, so that a withdrawal never waits for an
//! edit of the datasets; what it says counts in every dataset that lists the subject.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::{self, Write},
    path::Path,
};

use jiff::civil::Date;
use sluis_model::SubjectName;
use sluis_yaml::{Diagnostics, Fields, Node};

use super::WITHDRAWALS;
use crate::{AccessError, config::parsed};

/// The day of each subject's withdrawal.
pub(super) type Withdrawals = BTreeMap<SubjectName, Date>;

pub(super) fn read_withdrawal(node: &Node, problems: &mut Diagnostics) -> Option<Date> {
    let fields = Fields::of(node, "a withdrawal", problems)?;
    fields.check_known(&["date"], problems);
    parsed(fields, "date", problems)
}

/// Writes one more withdrawal down, on the disk when this returns. One that is there already stays as it is.
pub(super) fn add(registry: &Path, subject: &SubjectName, date: Date) -> Result<(), AccessError> {
    let path = registry.join(WITHDRAWALS);
    let mut problems = Diagnostics::default();
    let mut known: Withdrawals = match path.try_exists() {
        Ok(false) => BTreeMap::new(),
        Ok(true) => {
            let node = sluis_yaml::read(&path, &mut problems);
            super::entries(node.as_ref(), "withdrawals", &mut problems, read_withdrawal)
        }
        Err(error) => return Err(AccessError::file(&path, "read")(error)),
    };
    if problems.has_errors() {
        return Err(AccessError::Registry(problems));
    }
    if known.contains_key(subject) {
        return Ok(());
    }
    known.insert(subject.clone(), date);
    write(registry, &path, &known).map_err(AccessError::file(&path, "written"))
}

/// The text of the withdrawals in a folder, if it is valid and has all of those in an earlier one, and more.
pub(super) fn newer(registry: &Path, earlier: &Path) -> Result<Option<String>, AccessError> {
    let path = registry.join(WITHDRAWALS);
    let (Some(known), Some(before)) = (read(&path), read(&earlier.join(WITHDRAWALS))) else { return Ok(None) };
    let is_newer = known.len() > before.len() && before.keys().all(|subject| known.contains_key(subject));
    is_newer.then(|| fs::read_to_string(&path).map_err(AccessError::file(&path, "read"))).transpose()
}

/// What a file says, none if it is not there; `None` if it is not valid.
fn read(path: &Path) -> Option<Withdrawals> {
    if !path.exists() {
        return Some(Withdrawals::new());
    }
    let mut problems = Diagnostics::default();
    let node = sluis_yaml::read(path, &mut problems);
    let known = super::entries(node.as_ref(), "withdrawals", &mut problems, read_withdrawal);
    (!problems.has_errors()).then_some(known)
}

fn write(registry: &Path, path: &Path, known: &Withdrawals) -> io::Result<()> {
    let mut text = "# Consents that were taken back. Written by `sluis withdraw`.\nwithdrawals:\n".to_owned();
    for (subject, date) in known {
        // Writing to a text cannot fail.
        let _ = write!(text, "  {subject}:\n    date: \"{date}\"\n");
    }
    let mut file = tempfile::NamedTempFile::new_in(registry)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    fs::File::open(registry)?.sync_all()
}
