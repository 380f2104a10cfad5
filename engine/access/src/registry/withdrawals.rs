//! `withdrawals.yaml`: consents that were taken back. sluis writes it, so that a withdrawal never waits for an edit of the
//! datasets; what it says counts in every dataset that lists the subject. What stands there stays: a data steward writes to
//! a withdrawal when the subject consented anew, and a file that lost one is not valid.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::{self, Write},
    path::Path,
};

use jiff::civil::Date;
use sluis_model::SubjectName;
use sluis_yaml::{Diagnostics, Fields, Node, Span};

use super::WITHDRAWALS;
use crate::{AccessError, config::parsed};

/// The withdrawal of each subject.
pub(super) type Withdrawals = BTreeMap<SubjectName, Withdrawal>;

/// A consent that was taken back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Withdrawal {
    /// When.
    pub(super) date: Date,
    /// When it was given anew, if it was: then it is the datasets that say whether it holds.
    pub(super) given_again: Option<Date>,
}

pub(super) fn read_withdrawal(node: &Node, problems: &mut Diagnostics) -> Option<Withdrawal> {
    let fields = Fields::of(node, "a withdrawal", problems)?;
    fields.check_known(&["date", "given-again"], problems);
    let date = parsed(fields, "date", problems)?;
    let given_again = fields.get("given-again").and_then(|_| parsed(fields, "given-again", problems));
    if let Some(place) = fields.get("given-again").filter(|_| given_again.is_some_and(|again| again < date)) {
        problems.error(&place.span, "a consent is given again after it was taken back, not before");
    }
    Some(Withdrawal { date, given_again })
}

/// Reports each withdrawal of an earlier state that is no longer there.
pub(super) fn check_kept(registry: &Path, earlier: &Path, problems: &mut Diagnostics) {
    let path = registry.join(WITHDRAWALS);
    let (Some(known), Some(before)) = (read(&path), read(&earlier.join(WITHDRAWALS))) else { return };
    for (subject, withdrawal) in before.iter().filter(|(subject, _)| !known.contains_key(*subject)) {
        let Withdrawal { date, .. } = withdrawal;
        let message = format!(
            "`{subject}` took their consent back on {date}, and {WITHDRAWALS} no longer says so; put it back (`{subject}: \
             {{date: \"{date}\"}}`), with `given-again: DATE` if they consented anew"
        );
        problems.error(&Span::start_of(path.display().to_string()), message);
    }
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
    if known.get(subject).is_some_and(|known| known.given_again.is_none()) {
        return Ok(());
    }
    known.insert(subject.clone(), Withdrawal { date, given_again: None });
    write(registry, &path, &known).map_err(AccessError::file(&path, "written"))
}

/// The text of the withdrawals in a folder, if it is valid and has all of those in an earlier one, and more.
pub(super) fn newer(registry: &Path, earlier: &Path) -> Result<Option<String>, AccessError> {
    let path = registry.join(WITHDRAWALS);
    let (Some(known), Some(before)) = (read(&path), read(&earlier.join(WITHDRAWALS))) else { return Ok(None) };
    let holds = |withdrawals: &Withdrawals, subject| {
        withdrawals.get(subject).is_some_and(|withdrawal| withdrawal.given_again.is_none())
    };
    let kept = before
        .keys()
        .all(|subject| known.contains_key(subject) && (!holds(&before, subject) || holds(&known, subject)));
    let is_newer = kept && known.keys().any(|subject| holds(&known, subject) && !holds(&before, subject));
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
    for (subject, Withdrawal { date, given_again }) in known {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  {subject}:\n    date: \"{date}\"");
        if let Some(again) = given_again {
            let _ = writeln!(text, "    given-again: \"{again}\"");
        }
    }
    let mut file = tempfile::NamedTempFile::new_in(registry)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    fs::File::open(registry)?.sync_all()
}
