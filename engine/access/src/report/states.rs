//! The states of the registry by which was decided, one after another, as the audit log tells.

use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::Offset,
};
use serde::Serialize;

use super::Days;
use crate::decision::day_of;

/// A state of the registry that was in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StateInForce {
    /// The hash of its files.
    pub digest: String,
    /// From when, within the time of the report.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Whether its files are still there as they were. If not, what it allowed is not known.
    #[serde(rename = "kept")]
    pub is_kept: bool,
}

impl StateInForce {
    /// The days on which it was in force, of some days.
    pub(super) fn days_within(&self, days: Days) -> Days {
        Days { from: day_of(self.from).max(days.from), until: day_of(self.until).min(days.until) }
    }
}

/// The states that were met so far, each with the time of its first record.
#[derive(Default)]
pub(super) struct States(Vec<(String, Timestamp)>);

impl States {
    /// Takes the next record into account.
    pub(super) fn take(&mut self, at: Timestamp, digest: &str) {
        if !digest.is_empty() && self.0.last().is_none_or(|(last, _)| last != digest) {
            self.0.push((digest.to_owned(), at));
        }
    }

    /// Those that were in force on some days, up to now: each from its first record until the next state's.
    pub(super) fn during(self, days: Days, now: Timestamp) -> Vec<StateInForce> {
        let midnight = |day: Date| Offset::UTC.to_timestamp(day.to_datetime(Time::midnight()));
        let begin = midnight(days.from).unwrap_or(Timestamp::MIN);
        let end = days.until.tomorrow().and_then(midnight).unwrap_or(Timestamp::MAX);
        let end = now.min(end - jiff::SignedDuration::from_nanos(1));
        let untils: Vec<_> = self.0.iter().skip(1).map(|(_, at)| *at).chain([now]).collect();
        let states = self.0.into_iter().zip(untils).map(|((digest, from), until)| StateInForce {
            digest,
            from: from.max(begin),
            until: until.min(end),
            is_kept: false,
        });
        states.filter(|state| state.from <= state.until).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_in_force_from_its_first_record_until_the_next_state_s() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let mut states = States::default();
        for (time, digest) in [
            ("2024-05-01T10:00:00Z", "a"),
            ("2025-11-01T10:00:00Z", "b"),
            ("2025-11-02T10:00:00Z", ""),
            ("2025-12-31T23:00:00Z", "b"),
            ("2026-03-01T12:00:00Z", "c"),
            ("2026-03-01T13:00:00Z", "c"),
            ("2026-07-01T12:00:00Z", "b"),
            ("2027-02-01T12:00:00Z", "d"),
        ] {
            states.take(at(time), digest);
        }
        let days = Days { from: "2026-01-01".parse().unwrap(), until: "2026-12-31".parse().unwrap() };
        let found = states.during(days, at("2027-03-01T00:00:00Z"));
        let told: Vec<_> = found
            .iter()
            .map(|state| (&*state.digest, state.from.to_string(), state.days_within(days).until.to_string()))
            .collect();
        let expected = [
            ("b", "2026-01-01T00:00:00Z", "2026-03-01"),
            ("c", "2026-03-01T12:00:00Z", "2026-07-01"),
            ("b", "2026-07-01T12:00:00Z", "2026-12-31"),
        ];
        assert_eq!(told, expected.map(|(digest, from, until)| (digest, from.to_owned(), until.to_owned())));
    }
}
