//! Days on which something held.

use std::collections::BTreeSet;

use jiff::{ToSpan, civil::Date};
use serde::Serialize;
use sluis_model::DatasetName;
use sluis_policy::DataUse;

use crate::registry::{Project, Registry};

/// Days, the first and the last included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Days {
    /// The first.
    pub from: Date,
    /// The last.
    pub until: Date,
}

impl Days {
    /// Whether a day is one of them.
    pub fn contain(self, day: Date) -> bool {
        (self.from..=self.until).contains(&day)
    }

    /// The parts into which they fall if each of these days begins one.
    pub(super) fn split_at(self, firsts: BTreeSet<Date>) -> Vec<Self> {
        let inner = firsts.into_iter().filter(|day| *day > self.from && *day <= self.until);
        let mut firsts: Vec<_> = [self.from].into_iter().chain(inner).collect();
        if self.from > self.until {
            firsts.clear();
        }
        let lasts = firsts.iter().skip(1).map(|next| next.saturating_sub(1.day())).chain([self.until]);
        firsts.iter().zip(lasts).map(|(from, until)| Self { from: *from, until }).collect()
    }
}

/// The first days on which by the registry something is another than the day before, for a person's use of a dataset in a
/// project.
pub(super) fn changes(registry: &Registry, project: &Project, person: &str, dataset: &DatasetName) -> BTreeSet<Date> {
    let after = |day: Date| day.saturating_add(1.day());
    let mut days = BTreeSet::from([project.from, after(project.until)]);
    days.extend(project.data_use.ethics_approval_until.map(after));
    for training in registry.people.get(person).into_iter().flat_map(|person| &person.training) {
        days.extend([training.completed, after(training.until)]);
    }
    if let Some(dataset) = registry.datasets.get(dataset) {
        days.extend(dataset.consent_date);
        let ends = dataset.data_use.iter().filter_map(|term| match term {
            DataUse::Until(day) => Some(after(*day)),
            _ => None,
        });
        days.extend(ends);
    }
    days
}

/// Puts days together that follow one another or overlap.
pub(super) fn join(days: &mut Vec<Days>) {
    days.sort_unstable();
    days.dedup_by(|next, last| {
        let follows = next.from <= last.until.saturating_add(1.day());
        if follows {
            last.until = last.until.max(next.until);
        }
        follows
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(from: &str, until: &str) -> Days {
        Days { from: from.parse().unwrap(), until: until.parse().unwrap() }
    }

    #[test]
    fn days_fall_into_parts_that_are_all_of_them() {
        let year = days("2026-01-01", "2026-12-31");
        let firsts = ["2025-07-01", "2026-01-01", "2026-03-01", "2026-12-31", "2027-01-01"];
        let parts = year.split_at(firsts.iter().map(|day| day.parse().unwrap()).collect());
        let expected =
            [days("2026-01-01", "2026-02-28"), days("2026-03-01", "2026-12-30"), days("2026-12-31", "2026-12-31")];
        assert_eq!(parts, expected);
        assert_eq!(year.split_at(BTreeSet::new()), [year]);
        assert!(days("2026-01-02", "2026-01-01").split_at(BTreeSet::new()).is_empty());
    }

    #[test]
    fn days_that_follow_or_overlap_are_put_together() {
        let mut found = vec![
            days("2026-06-01", "2026-06-30"),
            days("2026-01-01", "2026-01-31"),
            days("2026-02-01", "2026-02-10"),
            days("2026-01-15", "2026-02-05"),
            days("2026-02-12", "2026-02-12"),
        ];
        join(&mut found);
        let expected =
            [days("2026-01-01", "2026-02-10"), days("2026-02-12", "2026-02-12"), days("2026-06-01", "2026-06-30")];
        assert_eq!(found, expected);
    }
}
