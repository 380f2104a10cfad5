//! What is told of the store, in tables.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use sluis_access::Pin;
use sluis_store::Pinned;
use sluis_upkeep::{CheckReport, Collection, Finding, Grouping, Share, Usage, Why};

use crate::output;

/// Prints what the store holds.
pub fn usage(usage: &Usage, by: Option<Grouping>) {
    let mut table = output::table(&["WHAT", "NUMBER", "BYTES"]);
    let mut row = |what: &str, share: Share| {
        table.add_row([what.to_owned(), share.objects.to_string(), output::bytes(share.bytes)]);
    };
    row("objects", usage.objects);
    row("task entries", usage.tasks);
    row("damaged, set aside", usage.damaged);
    row("belonging to nothing", usage.orphaned);
    table.add_row(["together".to_owned(), String::new(), output::bytes(usage.total)]);
    output::print_table(&table);
    let Some(by) = by else { return };
    let (name, none) = match by {
        Grouping::Project => ("PROJECT", "(no run)"),
        Grouping::Dataset => ("DATASET", "(no dataset)"),
        Grouping::Run => ("RUN", "(no run)"),
    };
    let mut table = output::table(&[name, "OBJECTS", "ITS OWN", "SHARED"]);
    let own_and_shared = |unique: Share, shared: Share| {
        [(unique.objects + shared.objects).to_string(), output::bytes(unique.bytes), output::bytes(shared.bytes)]
    };
    for group in &usage.groups {
        table.add_row([vec![group.name.clone()], own_and_shared(group.unique, group.shared).to_vec()].concat());
    }
    table.add_row([vec![none.to_owned()], own_and_shared(usage.ungrouped, Share::default()).to_vec()].concat());
    output::line("");
    output::print_table(&table);
}

/// Prints what went, or would go.
pub fn collection(collection: &Collection, dry_run: bool) {
    let mut whys: BTreeMap<Why, (u64, u64)> = BTreeMap::new();
    for garbage in &collection.garbage {
        let (count, bytes) = whys.entry(garbage.why).or_default();
        *count += 1;
        *bytes += garbage.size;
    }
    let mut table = output::table(&["WHAT", "NUMBER", "BYTES"]);
    for (why, (count, bytes)) in &whys {
        table.add_row([in_words(*why).to_owned(), count.to_string(), output::bytes(*bytes)]);
    }
    if whys.is_empty() {
        output::line("Nothing is garbage that is older than the grace.");
    } else {
        output::print_table(&table);
        let (count, bytes) = whys.values().fold((0, 0), |sum, why| (sum.0 + why.0, sum.1 + why.1));
        let done = if dry_run { "would be removed; nothing was" } else { "were removed" };
        output::line(&format!("{count} things, {}, {done}.", output::bytes(bytes)));
    }
    if !collection.unreadable.is_empty() {
        output::note(&format!(
            "The records of {} objects are damaged; as long as they are there, bodies without a record stay. \
             `sluis store check --set-aside` sets them aside.",
            collection.unreadable.len()
        ));
    }
}

const fn in_words(why: Why) -> &'static str {
    match why {
        Why::EndedRun => "objects that only runs need that ended long ago",
        Why::GoneRun => "objects of runs that are gone",
        Why::NeverReached => "objects that no run or pin names",
        Why::TaskEntry => "task entries that no run refers to",
        Why::OrphanedBody => "bodies without a record, with their packets",
        Why::OrphanedPacket => "header packets without a body",
        Why::OrphanedLabels => "label sets of objects that were replaced",
        Why::Damaged => "parts of damaged objects",
    }
}

/// Prints what a check found.
pub fn check(report: &CheckReport, set_aside: bool) {
    let CheckReport { objects, bytes, tasks, damaged, unreadable, damaged_tasks, .. } = report;
    output::line(&format!("Checked {objects} objects ({}) and {tasks} task entries.", output::bytes(*bytes)));
    for finding in damaged {
        self::finding(finding);
    }
    for key in damaged_tasks {
        output::line(&format!("{key}  damaged; run the workflow again with --no-cache to replace it"));
    }
    self::unreadable(unreadable);
    if report.is_whole() {
        output::line("All of them are whole.");
    } else if !damaged.is_empty() || !damaged_tasks.is_empty() {
        let aside = if set_aside { "They were set aside" } else { "Nothing was set aside (--set-aside does that)" };
        output::line(&format!("{} are damaged. {aside}.", damaged.len() + damaged_tasks.len()));
    }
}

/// Prints what cannot be read, and what to do.
pub fn unreadable(findings: &[Finding]) {
    for one in findings {
        output::line(&format!("{}  cannot be read: {}", one.address, one.part));
        origin(one);
    }
    if !findings.is_empty() {
        output::line(&format!(
            "{} cannot be read now and were left as they are. When the disk or the server answers, check again; if it never \
             will, `sluis store heal --give-up` takes them for damaged.",
            findings.len()
        ));
    }
}

/// Prints what is damaged, and what depends on it.
pub fn finding(finding: &Finding) {
    output::line(&format!("{}  damaged: {}", finding.address, finding.part));
    origin(finding);
}

/// Prints where something comes from, and what depends on it.
fn origin(finding: &Finding) {
    let Finding { made_by, dependents, runs, .. } = finding;
    match made_by {
        Some(maker) => output::line(&format!("    made by   {} (run {}, task {})", maker.step, maker.run, maker.task)),
        None => output::line("    taken in  put the file again, or run again with it"),
    }
    for dependent in dependents {
        let made: Vec<_> = dependent.outputs.iter().map(output::short).collect();
        let task = &dependent.task;
        output::line(&format!(
            "    read by   {} (run {}, task {}), which made {}",
            task.step,
            task.run,
            task.task,
            made.join(" ")
        ));
    }
    for run in runs {
        output::line(&format!("    needed by run {run}"));
    }
}

/// Prints the pins.
pub fn pins(pins: &[(Pinned, Option<Pin>)], json: bool) {
    if json {
        let listed = pins.iter().map(|(pinned, pin)| json!({ "pinned": pinned.to_string(), "pin": pin }));
        return output::json(&listed.collect::<Json>());
    }
    let mut table = output::table(&["PINNED", "SINCE", "BY", "WHY"]);
    for (pinned, pin) in pins {
        let pin = pin.as_ref();
        table.add_row([
            pinned.to_string(),
            pin.map_or_else(String::new, |pin| pin.at.strftime("%Y-%m-%d %H:%M:%S").to_string()),
            pin.map_or_else(String::new, |pin| pin.by.clone()),
            pin.map_or_else(String::new, |pin| pin.reason.clone()),
        ]);
    }
    output::print_table(&table);
}
