//! `sluis erase`

use std::path::Path;

use serde_json::{Value as Json, json};
use sluis_access::{Erasure, Fate};

use crate::{arguments::Erase, exit::Exit, failure::Failure, output, site};

/// Shows everything that carries a subject's label, and erases it if that was asked for.
pub fn carry_out(folder: &Path, erase: &Erase, json: bool) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    let subject = &erase.subject;
    let erasure = if erase.yes { site.erase_subject(subject)? } else { site.plan_erasure(subject)? };
    if json {
        output::json(&erasure_json(&erasure, erase.yes));
        return Ok(Exit::Success);
    }
    if !erasure.objects.is_empty() {
        print(&erasure);
    }
    let tasks = erasure.tasks.len();
    if !erase.yes {
        let objects = erasure.objects.len();
        output::note(&format!(
            "{objects} object(s) and {tasks} entries of the task cache would be erased. Nothing was changed: add --yes to \
             erase them."
        ));
        return Ok(Exit::Success);
    }
    output::note(&format!(
        "Erased {} object(s) and {tasks} entries of the task cache. No object of the store carries the label of {subject} \
         any more.",
        erasure.objects.len()
    ));
    Ok(Exit::Success)
}

/// Prints what becomes of each object.
pub fn print(erasure: &Erasure) {
    let mut table = output::table(&["ADDRESS", "SIZE", "WHAT BECOMES OF IT"]);
    for object in &erasure.objects {
        let fate = match object.fate {
            Fate::Erased if object.damaged => "erased (it was set aside as damaged)",
            Fate::Erased => "erased",
            Fate::ErasedUnverified => "erased: a label set does not verify, so it may be the subject's",
            Fate::Kept => "stays: made of other data, too; the subject's label goes",
        };
        let size = object.size.map(output::bytes).unwrap_or_default();
        table.add_row([object.address.to_string(), size, fate.to_owned()]);
    }
    output::print_table(&table);
}

/// An erasure for scripts.
pub fn erasure_json(erasure: &Erasure, done: bool) -> Json {
    let objects = erasure.objects.iter().map(|object| {
        let fate = match object.fate {
            Fate::Erased => "erased",
            Fate::ErasedUnverified => "erased-unverified",
            Fate::Kept => "kept",
        };
        json!({ "address": object.address, "size": object.size, "fate": fate, "damaged": object.damaged })
    });
    let tasks: Vec<_> = erasure.tasks.iter().map(ToString::to_string).collect();
    json!({
        "subject": erasure.subject.as_str(),
        "done": done,
        "objects": objects.collect::<Vec<_>>(),
        "tasks": tasks,
    })
}
