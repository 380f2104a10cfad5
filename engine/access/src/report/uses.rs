//! Who asked for what with whose data, as the audit log tells: read once from its beginning to its end, with what is kept
//! of it as large as the report and a number for each permit.

use std::collections::{BTreeMap, HashMap};

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
    /// How often a data key was used under what was allowed.
    pub opened: u64,
    /// When it was first asked for that day.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
}

/// The lines by person, project and dataset, with what their uses are known by.
#[derive(Default)]
pub(super) struct Lines {
    lines: Vec<(AccessLine, HashMap<UseKey, usize>)>,
    by_name: HashMap<(String, String, String), usize>,
    /// Of a decision that was allowed: the uses as which it was counted.
    permits: HashMap<u64, Vec<(usize, usize)>>,
}

/// By what a use is told from others of its line.
type UseKey = (Date, String, Option<String>);

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

    /// Counts what somebody did, or wanted to do, if it was on one of the days.
    pub(super) fn count(&mut self, record: &AuditRecord, days: Days) {
        if !days.contain(day_of(record.at())) {
            return;
        }
        match record.verdict() {
            Some(verdict) => self.count_decision(record, verdict),
            None if record.action() == "use-key" => self.count_key(record),
            None => {}
        }
    }

    fn count_decision(&mut self, record: &AuditRecord, verdict: Verdict) {
        let mut counted = Vec::new();
        for dataset in record.datasets() {
            let place = self.place_of(record.caller(), record.project(), dataset);
            let (line, known) = &mut self.lines[place];
            let use_of_line = line.use_of(known, record);
            let one = &mut line.uses[use_of_line];
            one.last = record.at();
            match verdict {
                Verdict::Allow => {
                    one.allowed += 1;
                    line.allowed += 1;
                    line.refused_since = None;
                    counted.push((place, use_of_line));
                }
                Verdict::Deny => {
                    one.refused += 1;
                    line.refused += 1;
                    line.refused_since.get_or_insert(record.at());
                }
            }
            line.last = Some(record.at());
        }
        if !counted.is_empty() {
            self.permits.insert(record.sequence(), counted);
        }
    }

    fn count_key(&mut self, record: &AuditRecord) {
        let uses = record.permit().and_then(|permit| self.permits.get(&permit));
        for (line, one) in uses.into_iter().flatten() {
            self.lines[*line].0.uses[*one].opened += 1;
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

    /// The place of the use as which a decision counts.
    fn use_of(&mut self, known: &mut HashMap<UseKey, usize>, record: &AuditRecord) -> usize {
        let (day, action, run) = (day_of(record.at()), record.action().to_owned(), record.run().map(str::to_owned));
        *known.entry((day, action.clone(), run.clone())).or_insert_with(|| {
            let at = record.at();
            self.uses.push(AccessUse { day, action, run, allowed: 0, refused: 0, opened: 0, first: at, last: at });
            self.uses.len() - 1
        })
    }
}
