//! `sluis access report`

use jiff::{Timestamp, ToSpan, civil::Date, tz::Offset};
use serde_json::json;
use sluis_access::{AccessChange, AccessLine, AccessReport, Days, Site, StateInForce};

use crate::{exit::Exit, failure::Failure, output};

/// Prints the report of some days; of the last year if they are not given.
pub fn tell(site: &Site, from: Option<Date>, to: Option<Date>, json: bool) -> Result<(), Failure> {
    let today = Offset::UTC.to_datetime(Timestamp::now()).date();
    let from = from.unwrap_or_else(|| today.saturating_sub(1.year()));
    let until = to.unwrap_or_else(|| today.max(from));
    if until < from {
        return Err(Failure::new(Exit::Usage, format!("a report from {from} cannot end on {until}")));
    }
    let report = site.access_report(Days { from, until })?;
    if json {
        output::json(&json!(report));
        return Ok(());
    }
    for state in report.states.iter().filter(|state| !state.is_kept) {
        output::note(&format!(
            "warning: the registry's state {}, in force from {:.0} to {:.0}, is not in registry-history/ as it was: what \
             it allowed is not in this report",
            state.digest, state.from, state.until
        ));
    }
    let AccessReport { days, states, lines, changes, log_begins, limits } = report;
    output::line(&format!("Access to data from {} to {}", days.from, days.until));
    heading("Who had access, by project and dataset");
    tell_access(&lines);
    heading("Who asked for what, day by day");
    tell_uses(&lines);
    heading("What changed");
    tell_changes(&changes);
    heading("States of the registry that were in force");
    tell_states(&states);
    heading("What this report does not say");
    let begins = log_begins.map(|at| format!("Before {at:.0} there is no record: of earlier days nothing is known."));
    begins.iter().map(String::as_str).chain(limits).for_each(|limit| output::line(&format!("- {limit}")));
    Ok(())
}

fn heading(text: &str) {
    output::line(&format!("\n{text}\n"));
}

fn tell_access(lines: &[AccessLine]) {
    let headings = [
        "PERSON",
        "PROJECT",
        "DATASET",
        "MAY READ",
        "ALLOWED",
        "REFUSED",
        "LAST",
        "REFUSED SINCE",
        "NOT IN REGISTRY",
        "COULD READ",
    ];
    let mut table = output::table(&headings);
    for line in lines {
        let days = line.could_read.iter().map(|days| format!("{} to {}", days.from, days.until));
        table.add_row([
            line.person.clone(),
            line.project.clone(),
            line.dataset.clone(),
            if line.may_read { "yes" } else { "no" }.to_owned(),
            line.allowed.to_string(),
            line.refused.to_string(),
            moment(line.last),
            moment(line.refused_since),
            line.gone.join(", "),
            days.collect::<Vec<_>>().join(", "),
        ]);
    }
    output::print_table(&table);
}

fn tell_uses(lines: &[AccessLine]) {
    let headings = ["DAY", "PERSON", "PROJECT", "DATASET", "ACTION", "RUN", "ALLOWED", "REFUSED", "OPENED"];
    let mut table = output::table(&headings);
    let mut uses: Vec<_> = lines.iter().flat_map(|line| line.uses.iter().map(move |one| (one, line))).collect();
    uses.sort_by_key(|(one, _)| (one.day, one.first));
    for (one, line) in uses {
        table.add_row([
            one.day.to_string(),
            line.person.clone(),
            line.project.clone(),
            line.dataset.clone(),
            one.action.clone(),
            one.run.clone().unwrap_or_default(),
            one.allowed.to_string(),
            one.refused.to_string(),
            one.opened.to_string(),
        ]);
    }
    output::print_table(&table);
}

fn tell_changes(changes: &[AccessChange]) {
    let mut table = output::table(&["AT", "RECORD", "WHAT", "BY", "PROJECT", "ABOUT"]);
    for AccessChange { at, record, action, person, project, about } in changes {
        let (at, record) = (moment(Some(*at)), record.to_string());
        table.add_row([at, record, action.clone(), person.clone(), project.clone(), about.join("; ")]);
    }
    output::print_table(&table);
}

fn tell_states(states: &[StateInForce]) {
    let mut table = output::table(&["FROM", "UNTIL", "KEPT", "DIGEST"]);
    for StateInForce { digest, from, until, is_kept } in states {
        let kept = if *is_kept { "yes" } else { "no" }.to_owned();
        table.add_row([moment(Some(*from)), moment(Some(*until)), kept, digest.clone()]);
    }
    output::print_table(&table);
}

fn moment(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, |at| format!("{at:.0}"))
}
