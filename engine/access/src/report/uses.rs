//! Who asked for what with whose data, as the audit log tells: read once from its beginning to its end, with what is kept
//! of it as large as the report, a number for each permit, and once what can be done under permits that are alike.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use jiff::{Timestamp, civil::Date};
use serde::Serialize;

use super::{AccessLine, Days};
use crate::{AuditRecord, Verdict, decision::day_of};

/// What a person did with a dataset in a project on one day, of one kind and in one run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AccessUse {
    /// The day, by UTC.
    pub day: Date,
    /// What was asked for, by its name in the audit log.
    pub action: String,
    /// In which run, if in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// How often it was allowed.
    pub allowed: u64,
    /// How often it was refused.
    pub refused: u64,
    /// How often a data key was used that day under what was allowed, then or on a day before.
    pub opened: u64,
    /// When it was first asked for that day, or a key first used.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
}

/// The lines by person, project and dataset, with what their uses are known by.
#[derive(Default)]
pub(super) struct Lines {
    lines: Vec<(AccessLine, HashMap<UseKey, usize>)>,
    by_name: HashMap<(String, String, String), usize>,
    /// What was allowed, each once.
    allowed: Vec<Rc<Allowed>>,
    by_allowed: HashMap<Rc<Allowed>, usize>,
    /// Of a decision that was allowed, on whatever day: what it allowed.
    permits: HashMap<u64, usize>,
}

/// By what a use is told from others of its line.
type UseKey = (Date, String, Option<String>);

/// Who may do what with which data: as what the use of a key under it counts.
#[derive(PartialEq, Eq, Hash)]
struct Allowed {
    person: String,
    project: String,
    datasets: Vec<String>,
    action: String,
    run: Option<String>,
}

impl Lines {
    pub(super) fn line(&mut self, person: &str, project: &str, dataset: &str) -> &mut AccessLine {
        let place = self.place_of(person, project, dataset);
        &mut self.lines[place].0
    }

    fn place_of(&mut self, person: &str, project: &str, dataset: &str) -> usize {
        let key = (person.to_owned(), project.to_owned(), dataset.to_owned());
        *self.by_name.entry(key).or_insert_with(|| {
            self.lines.push((AccessLine::new(person, project, dataset), HashMap::new()));
            self.lines.len() - 1
        })
    }

    /// Counts what somebody did, or wanted to do, if it was on one of the days. What was allowed on other days is kept in
    /// mind: a key may be used under it on one of these.
    pub(super) fn count(&mut self, record: &AuditRecord, days: Days) {
        if record.verdict() == Some(Verdict::Allow) && !record.datasets().is_empty() {
            self.allow(record);
        }
        if !days.contain(day_of(record.at())) {
            return;
        }
        match record.verdict() {
            Some(verdict) => self.count_decision(record, verdict),
            None if record.action() == "use-key" => self.count_key(record),
            None => {}
        }
    }

    fn allow(&mut self, record: &AuditRecord) {
        let allowed = Rc::new(Allowed {
            person: record.caller().to_owned(),
            project: record.project().to_owned(),
            datasets: record.datasets().to_vec(),
            action: record.action().to_owned(),
            run: record.run().map(str::to_owned),
        });
        let place = *self.by_allowed.entry(Rc::clone(&allowed)).or_insert_with(|| {
            self.allowed.push(allowed);
            self.allowed.len() - 1
        });
        self.permits.insert(record.sequence(), place);
    }

    fn count_decision(&mut self, record: &AuditRecord, verdict: Verdict) {
        for dataset in record.datasets() {
            let place = self.place_of(record.caller(), record.project(), dataset);
            let (line, known) = &mut self.lines[place];
            let (action, run) = (record.action().to_owned(), record.run().map(str::to_owned));
            let one = line.use_of(known, record.at(), action, run);
            one.last = record.at();
            match verdict {
                Verdict::Allow => {
                    one.allowed += 1;
                    line.allowed += 1;
                    line.refused_since = None;
                }
                Verdict::Deny => {
                    one.refused += 1;
                    line.refused += 1;
                    line.refused_since.get_or_insert(record.at());
                }
            }
            line.last = Some(record.at());
        }
    }

    /// Counts a use of a key on its own day, whenever it was allowed.
    fn count_key(&mut self, record: &AuditRecord) {
        let Some(place) = record.permit().and_then(|permit| self.permits.get(&permit)) else { return };
        let allowed = Rc::clone(&self.allowed[*place]);
        for dataset in &allowed.datasets {
            let place = self.place_of(&allowed.person, &allowed.project, dataset);
            let (line, known) = &mut self.lines[place];
            let one = line.use_of(known, record.at(), allowed.action.clone(), allowed.run.clone());
            one.opened += 1;
            one.last = record.at();
        }
    }

    /// The lines in the order of their names, and of each its uses by day.
    pub(super) fn sorted(self) -> Vec<AccessLine> {
        let names = self.by_name.into_iter().collect::<BTreeMap<_, _>>();
        let mut lines: Vec<_> = self.lines.into_iter().map(|(line, _)| Some(line)).collect();
        names.into_values().filter_map(|place| lines[place].take()).collect()
    }
}

impl AccessLine {
    fn new(person: &str, project: &str, dataset: &str) -> Self {
        Self {
            person: person.to_owned(),
            project: project.to_owned(),
            dataset: dataset.to_owned(),
            could_read: Vec::new(),
            may_read: false,
            gone: Vec::new(),
            allowed: 0,
            refused: 0,
            refused_since: None,
            last: None,
            uses: Vec::new(),
        }
    }

    /// The use as which something counts that was asked for or done at a time.
    fn use_of(
        &mut self,
        known: &mut HashMap<UseKey, usize>,
        at: Timestamp,
        action: String,
        run: Option<String>,
    ) -> &mut AccessUse {
        let day = day_of(at);
        let place = *known.entry((day, action.clone(), run.clone())).or_insert_with(|| {
            self.uses.push(AccessUse { day, action, run, allowed: 0, refused: 0, opened: 0, first: at, last: at });
            self.uses.len() - 1
        });
        &mut self.uses[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Entry;

    #[test]
    fn the_use_of_a_key_counts_on_its_own_day_whenever_it_was_allowed() {
        let record = |number, at: &str, permit: Option<u64>| {
            let mut entry = Entry::new(if permit.is_some() { "use-key" } else { "show" });
            (entry.at, entry.permit) = (at.parse().unwrap(), permit);
            if permit.is_none() {
                entry.decision = Some(Verdict::Allow);
                entry.caller = "anna".to_owned();
                entry.datasets = vec!["trial-7".to_owned()];
            }
            AuditRecord::of_test(number, entry)
        };
        let days = Days { from: "2026-01-02".parse().unwrap(), until: "2026-01-03".parse().unwrap() };
        let mut lines = Lines::default();
        for record in [
            record(0, "2026-01-01T23:59:00Z", None),
            record(1, "2026-01-01T23:59:30Z", Some(0)),
            record(2, "2026-01-02T00:01:00Z", Some(0)),
            record(3, "2026-01-03T23:59:00Z", None),
            record(4, "2026-01-04T00:01:00Z", Some(3)),
        ] {
            lines.count(&record, days);
        }
        let lines = lines.sorted();
        let uses: Vec<_> = lines
            .iter()
            .flat_map(|line| &line.uses)
            .map(|one| (one.day.to_string(), one.allowed, one.opened))
            .collect();
        assert_eq!(uses, [("2026-01-02".to_owned(), 0, 1), ("2026-01-03".to_owned(), 1, 0)]);
        assert_eq!((lines[0].allowed, lines[0].last), (1, Some("2026-01-03T23:59:00Z".parse().unwrap())));
    }

    #[test]
    fn who_only_was_allowed_something_on_other_days_has_no_line() {
        let mut entry = Entry::new("show");
        entry.decision = Some(Verdict::Allow);
        entry.datasets = vec!["trial-7".to_owned()];
        entry.at = "2026-01-01T10:00:00Z".parse().unwrap();
        let mut lines = Lines::default();
        let day = "2026-01-02".parse().unwrap();
        lines.count(&AuditRecord::of_test(0, entry), Days { from: day, until: day });
        assert_eq!(lines.sorted(), []);
    }
}
