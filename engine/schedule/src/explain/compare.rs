//! What of two tasks' keys differs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value as Json;
use similar::{Algorithm, ChangeTag, DiffOp, TextDiff, capture_diff_slices};

use crate::account::{Material, Staged};

/// A part of a task's key that differs from the same part of an earlier task's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Change {
    /// Which part, as `argument 3` or `the input /sluis/in/0/reads.fq`.
    pub part: String,
    /// What it was; of a longer text only the lines that differ. `None` if the earlier task had no such part.
    pub old: Option<String>,
    /// What it is; `None` if there is no such part any more.
    pub new: Option<String>,
}

/// Two tasks, compared.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Comparison {
    /// What differs.
    pub changes: Vec<Change>,
    /// How many parts are the same.
    pub same: usize,
}

/// Collects what differs and counts what does not.
#[derive(Default)]
struct Collector {
    changes: Vec<Change>,
    same: usize,
}

/// Compares everything that enters a task's key.
pub(crate) fn compare(old: &Material, new: &Material) -> Comparison {
    let mut found = Collector::default();
    found.arguments(&old.arguments, &new.arguments);
    found.maps(&old.environment, &new.environment, |name| format!("the environment variable {name}"));
    found.option("the image", old.image.as_ref(), new.image.as_ref());
    found.staged(&old.staged, &new.staged);
    found.option("where standard input comes from", old.stdin.as_ref(), new.stdin.as_ref());
    found.option("where standard output goes", old.stdout.as_ref(), new.stdout.as_ref());
    found.option("where standard error goes", old.stderr.as_ref(), new.stderr.as_ref());
    let codes = |codes: &[i32]| codes.iter().map(i32::to_string).collect::<Vec<_>>().join(", ");
    found.one("the exit codes that mean success", &codes(&old.success_codes), &codes(&new.success_codes));
    found.option("the working folder", old.work_directory.as_ref(), new.work_directory.as_ref());
    let network = |reachable| if reachable { "reachable" } else { "not reachable" };
    found.one("the network", network(old.network), network(new.network));
    found.collection(&old.collection, &new.collection);
    Comparison { changes: found.changes, same: found.same }
}

impl Collector {
    fn one(&mut self, part: &str, old: &str, new: &str) {
        self.option(part, Some(old), Some(new));
    }

    fn option<T: AsRef<str> + ?Sized>(&mut self, part: &str, old: Option<&T>, new: Option<&T>) {
        let (old, new) = (old.map(AsRef::as_ref), new.map(AsRef::as_ref));
        if old == new {
            self.same += usize::from(old.is_some());
            return;
        }
        let (old, new) = match (old, new) {
            (Some(old), Some(new)) => {
                let (old, new) = differing_lines(old, new);
                (Some(old), Some(new))
            }
            (old, new) => (old.map(str::to_owned), new.map(str::to_owned)),
        };
        self.changes.push(Change { part: part.to_owned(), old, new });
    }

    /// One that was put in or taken out does not make all behind it others.
    fn arguments(&mut self, old: &[String], new: &[String]) {
        for op in capture_diff_slices(Algorithm::Myers, old, new) {
            if let DiffOp::Equal { len, .. } = op {
                self.same += len;
                continue;
            }
            let (old_range, new_range) = (op.old_range(), op.new_range());
            for step in 0..old_range.len().max(new_range.len()) {
                let (was, is) = (old_range.clone().nth(step), new_range.clone().nth(step));
                let number = is.or(was).unwrap_or_default();
                let part = if number == 0 { "the program".to_owned() } else { format!("argument {number}") };
                self.option(&part, was.and_then(|at| old.get(at)), is.and_then(|at| new.get(at)));
            }
        }
    }

    fn maps(&mut self, old: &BTreeMap<String, String>, new: &BTreeMap<String, String>, part: impl Fn(&str) -> String) {
        let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
        for name in names {
            self.option(&part(name), old.get(name), new.get(name));
        }
    }

    fn staged(&mut self, old: &[Staged], new: &[Staged]) {
        let by_target = |staged: &[Staged]| -> BTreeMap<String, String> {
            staged.iter().map(|entry| (entry.target.clone(), source_of(entry))).collect()
        };
        self.maps(&by_target(old), &by_target(new), |target| format!("the input {target}"));
    }

    /// The parts of the canonical description of how outputs are collected.
    fn collection(&mut self, old: &str, new: &str) {
        if old == new {
            self.same += 1;
            return;
        }
        let (Ok(Json::Object(old_parts)), Ok(Json::Object(new_parts))) =
            (serde_json::from_str(old), serde_json::from_str(new))
        else {
            return self.one("how outputs are collected", old, new);
        };
        let parts = |json: &serde_json::Map<String, Json>| -> BTreeMap<String, String> {
            let outputs = json.get("outputs").and_then(Json::as_array).into_iter().flatten();
            let outputs = outputs.map(|output| {
                let name = output["name"].as_str().unwrap_or_default();
                (format!("the output section of {name}"), plain(output))
            });
            let inputs = json.get("inputs").and_then(Json::as_object).into_iter().flatten();
            let inputs =
                inputs.map(|(name, value)| (format!("the input {name}, as output expressions see it"), plain(value)));
            let runtime = json.get("runtime").and_then(Json::as_object).into_iter().flatten();
            let runtime =
                runtime.map(|(name, value)| (format!("runtime.{name}, as output expressions see it"), plain(value)));
            let library =
                json.get("expressionLib").map(|library| ("the expression library".to_owned(), plain(library)));
            let rules = json.get("version").map(|rules| ("sluis's own rules of collecting".to_owned(), plain(rules)));
            outputs.chain(inputs).chain(runtime).chain(library).chain(rules).collect()
        };
        self.maps(&parts(&old_parts), &parts(&new_parts), str::to_owned);
    }
}

/// JSON with a line for each field, so that lines can be compared.
fn plain(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Array(texts) if texts.iter().all(Json::is_string) => {
            texts.iter().filter_map(Json::as_str).collect::<Vec<_>>().join("\n")
        }
        Json::Object(_) | Json::Array(_) => serde_json::to_string_pretty(&without_defaults(json)).unwrap_or_default(),
        other => other.to_string(),
    }
}

/// The same without what says nothing.
fn without_defaults(json: &Json) -> Json {
    let says_something = |value: &Json| match value {
        Json::Null | Json::Bool(false) => false,
        Json::Array(items) => !items.is_empty(),
        Json::Object(fields) => !fields.is_empty(),
        _ => true,
    };
    match json {
        Json::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), without_defaults(value)));
            fields.filter(|(_, value)| says_something(value)).collect()
        }
        Json::Array(items) => items.iter().map(without_defaults).collect(),
        other => other.clone(),
    }
}

fn source_of(entry: &Staged) -> String {
    let writable = if entry.writable { ", which the command may change" } else { "" };
    match (&entry.object, &entry.text) {
        (Some(object), _) => format!("{object}{writable}"),
        // With its writability behind, so that a change of either is one of a line.
        (None, Some(text)) if entry.writable => format!("{text}\n(a text{writable})"),
        (None, Some(text)) => text.clone(),
        (None, None) => format!("an empty folder{writable}"),
    }
}

/// Of texts of several lines those that differ.
fn differing_lines(old: &str, new: &str) -> (String, String) {
    if !old.contains('\n') && !new.contains('\n') {
        return (old.to_owned(), new.to_owned());
    }
    let diff = TextDiff::from_lines(old, new);
    let lines = |tag| {
        let lines = diff.iter_all_changes().filter(|change| change.tag() == tag);
        lines.map(|change| change.value().trim_end_matches('\n').to_owned()).collect::<Vec<_>>().join("\n")
    };
    (lines(ChangeTag::Delete), lines(ChangeTag::Insert))
}

#[cfg(test)]
mod tests;
