//! Records for people and for other systems. Each reading is itself a record of the log.

use std::path::Path;

use sluis_access::{AuditFilter, AuditReading, AuditRecord, Outcome, Verdict};

use super::{ecs, events::Event, ocsf};
use crate::{
    arguments::{AuditDecision, AuditFormat, AuditSearch},
    failure::Failure,
    output, site,
};

/// Prints all records.
pub(super) fn list(folder: &Path, json: bool) -> Result<(), Failure> {
    for record in site::open(folder)?.read_audit(AuditReading::List, AuditFilter::default())? {
        let record = record?;
        output::line(&if json { record.json().to_owned() } else { record.to_string() });
    }
    Ok(())
}

/// Prints the records that are looked for: a table, or JSON by the line.
pub(super) fn search(folder: &Path, search: &AuditSearch, json: bool) -> Result<(), Failure> {
    let site = site::open(folder)?;
    let found = site.read_audit(AuditReading::Search, filter(search))?;
    let header =
        ["RECORD", "TIME", "DECISION", "ACTION", "PERSON", "PROJECT", "RUN", "DATASETS", "SUBJECTS", "OBJECTS"];
    let mut table = output::table(&header);
    for record in found {
        let record = record?;
        if json {
            let log = site.audit().verifier_key();
            output::line(&Event::of(&record, &log).map(|event| event.plain().to_string())?);
        } else {
            table.add_row(row(&record));
        }
    }
    if !json {
        output::print_table(&table);
    }
    Ok(())
}

/// Writes the records that are looked for in the form of another system, as they are read.
pub(super) fn export(folder: &Path, format: AuditFormat, search: &AuditSearch) -> Result<(), Failure> {
    let site = site::open(folder)?;
    let log = site.audit().verifier_key();
    for record in site.read_audit(AuditReading::Export, filter(search))? {
        let event = Event::of(&record?, &log)?;
        let json = match format {
            AuditFormat::Jsonl => event.plain(),
            AuditFormat::Ocsf => ocsf::event(&event),
            AuditFormat::Ecs => ecs::event(&event),
        };
        output::line(&json.to_string());
    }
    Ok(())
}

fn filter(search: &AuditSearch) -> AuditFilter {
    AuditFilter {
        caller: search.person.clone(),
        project: search.project.clone(),
        dataset: search.dataset.clone(),
        subject: search.subject.clone(),
        object: search.object.clone(),
        run: search.run.clone(),
        action: search.action.clone(),
        outcome: search.decision.map(|decision| match decision {
            AuditDecision::Allow => Outcome::Allowed,
            AuditDecision::Deny => Outcome::Denied,
            AuditDecision::Done => Outcome::Done,
        }),
        from: search.from,
        to: search.to,
    }
}

fn row(record: &AuditRecord) -> [String; 10] {
    let decision = match record.verdict() {
        Some(Verdict::Allow) => "allow",
        Some(Verdict::Deny) => "DENY",
        None => "done",
    };
    let run = match record.task() {
        Some((run, task)) => format!("{run}/{task}"),
        None => record.run().unwrap_or_default().to_owned(),
    };
    let objects: Vec<String> = record.objects().iter().map(|object| object.chars().take(15).collect()).collect();
    [
        record.sequence().to_string(),
        format!("{:.3}", record.at()),
        decision.to_owned(),
        record.action().to_owned(),
        record.caller().to_owned(),
        record.project().to_owned(),
        run,
        record.datasets().join(" "),
        record.subjects().join(" "),
        objects.join(" "),
    ]
}
