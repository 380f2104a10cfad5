//! What is kept of a task so that it can be explained: what its key was made of, and what went wrong.
//!
//! All of it may be values of controlled data, so it is sealed: of a task that succeeded as part of the object that holds
//! its outputs, which costs no object of its own; of one that failed as an object that the run's journal names.

use std::{borrow::Cow, collections::BTreeMap, io::Read};

use serde::{Deserialize, Serialize};
use sluis_access::{AccessError, Permit, ReadAction, Site, TaskRequest};
use sluis_model::{Address, ImageId, ImageReference, ProjectName, StagedEntry, StagedSource, Task, Value, Values};

use crate::{
    begin::addresses_in,
    frames::JobSource,
    prepare::{JobFailure, RunContext, ToRun},
    record::FailureKind,
};

/// Under this name, which no output has, a task's account is sealed with its outputs.
const FIELD: &str = "\0account";
/// The most that is kept of one text, in bytes. Of a longer one its beginning and a hash are kept.
const LONGEST: usize = 8 * 1024;

/// What is kept of a task.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct TaskAccount {
    /// What its key was made of; `None` if it failed before that was known.
    #[serde(default)]
    pub material: Option<Material>,
    /// What went wrong, with its causes.
    #[serde(default)]
    pub problem: Option<String>,
}

/// What a task's key was made of (`docs/task-key.md`), and what of its tool decides whether it is looked up. Nothing else
/// is in it: a task that is done again leaves the same.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Material {
    /// The tool's name.
    pub tool: String,
    /// Program and arguments.
    pub arguments: Vec<String>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// Where standard input comes from.
    pub stdin: Option<String>,
    /// Where standard output goes.
    pub stdout: Option<String>,
    /// Where standard error goes.
    pub stderr: Option<String>,
    /// Exit codes that mean success.
    pub success_codes: Vec<i32>,
    /// The image's name.
    pub image_name: Option<String>,
    /// The image's content digest.
    pub image: Option<String>,
    /// Another path of the working folder.
    pub work_directory: Option<String>,
    /// Whether the network is reachable.
    pub network: bool,
    /// What is staged.
    pub staged: Vec<Staged>,
    /// How outputs are collected, as the task has it.
    pub collection: String,
    /// Whether its tool permits that an earlier result is used; not part of the key.
    pub reuse: bool,
}

/// One staged thing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Staged {
    /// Where.
    pub target: String,
    /// The object, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Address>,
    /// The text, if it is one; a folder if it is neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether the command may change it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub writable: bool,
}

impl Material {
    /// Of a task in an image with this content digest.
    pub fn of(task: &Task, image: Option<&str>) -> Self {
        let command = &task.command;
        Self {
            tool: task.tool.clone(),
            arguments: command.arguments.iter().map(|argument| shorten(argument)).collect(),
            environment: command.environment.iter().map(|(name, value)| (name.clone(), shorten(value))).collect(),
            stdin: command.stdin.clone(),
            stdout: command.stdout.clone(),
            stderr: command.stderr.clone(),
            success_codes: command.success_codes.clone(),
            image_name: task.image.as_ref().map(|ImageReference { name, .. }| name.clone()),
            image: image.map(str::to_owned),
            work_directory: task.work_directory.clone(),
            network: task.network,
            staged: task.staged.iter().map(Staged::of).collect(),
            collection: shorten(&task.collection),
            reuse: task.reuse,
        }
    }
}

impl Staged {
    fn of(entry: &StagedEntry) -> Self {
        let (object, text) = match &entry.source {
            StagedSource::Object(address) => (Some(*address), None),
            StagedSource::Literal(text) => (None, Some(shorten(text))),
            StagedSource::Folder => (None, None),
        };
        Self { target: entry.target.clone(), object, text, writable: entry.writable }
    }
}

/// The text, or the beginning of a long one and a hash that tells it from others with this beginning.
fn shorten(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let beginning = &text[..text.floor_char_boundary(LONGEST)];
    format!("{beginning}… ({} bytes, BLAKE3 {})", text.len(), blake3::hash(text.as_bytes()).to_hex())
}

impl TaskAccount {
    /// The outputs of a task, and this.
    pub(crate) fn beside<'v>(&self, outputs: &'v Values) -> Cow<'v, Values> {
        let Ok(text) = serde_json::to_string(self) else { return Cow::Borrowed(outputs) };
        let mut values = outputs.clone();
        values.insert(FIELD.to_owned(), Value::String(text));
        Cow::Owned(values)
    }

    /// Takes what [`TaskAccount::beside`] added out again. Results of early versions hold none.
    pub(crate) fn take_from(values: &mut Values) -> Option<Self> {
        match values.shift_remove(FIELD) {
            Some(Value::String(text)) => serde_json::from_str(&text).ok(),
            _ => None,
        }
    }

    /// Seals it as an object of its own.
    pub(crate) fn seal(&self, site: &Site, permit: &Permit) -> Result<Address, AccessError> {
        let text = serde_json::to_vec(&*self.beside(&Values::new()));
        Ok(site.seal(permit, &*text.map_err(|error| AccessError::Plaintext(error.into()))?)?.address)
    }

    /// Reads what is kept in a task's result, or in an object of its own; `None` if an early version kept nothing.
    ///
    /// # Errors
    /// If it may not be read, is gone, or is damaged.
    pub fn read(site: &Site, project: &ProjectName, address: &Address) -> Result<Option<Self>, AccessError> {
        let permit = site.permit_read(project, address, ReadAction::Explain)?;
        let mut text = Vec::new();
        let read = site.unseal(&permit, address)?.read_to_end(&mut text);
        read.map_err(|error| site.reading_failed(address, error))?;
        match serde_json::from_slice(&text).map(Value::from_json) {
            Ok(Ok(Value::Record(mut values))) => Ok(Self::take_from(&mut values)),
            _ => Err(AccessError::Damaged { address: *address, part: "what it says of its task".to_owned() }),
        }
    }
}

impl ToRun {
    /// What is kept of this task.
    pub fn account(&self, problem: Option<String>) -> TaskAccount {
        let material = Material::of(&self.bound.task, self.image.as_ref().map(ImageId::as_str));
        TaskAccount { material: Some(material), problem }
    }

    /// The failure, with what is kept of the task. Where that cannot be sealed, it is lost: the failure is told all
    /// the same.
    pub fn with_account(&self, site: &Site, failure: JobFailure) -> JobFailure {
        let account = self.account(Some(failure.text.clone())).seal(site, &self.permit).ok();
        JobFailure { account, ..failure }
    }
}

impl RunContext {
    /// Keeps the text of a failure before the task was permitted, under a permit for everything that the task was given.
    /// What was refused is in the audit log.
    pub fn keep_problem(&self, source: &JobSource, failure: JobFailure) -> JobFailure {
        if failure.kind == FailureKind::Refused || failure.account.is_some() {
            return failure;
        }
        let site = &self.engine.site;
        let permit = site.permit_task(&TaskRequest {
            run: &self.run,
            task: source.task,
            tool: "the account of a failure",
            project: &self.project,
            inputs: &addresses_in(&source.given.values),
            derived_from: &source.given.labels,
            region: site.region(),
            executor: "engine",
            network: false,
        });
        let account = TaskAccount { material: None, problem: Some(failure.text.clone()) };
        let account = permit.and_then(|permit| account.seal(site, &permit)).ok();
        JobFailure { account, ..failure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_come_back_without_the_account() {
        let outputs = Values::from_iter([("a".to_owned(), Value::Integer(1)), ("b".to_owned(), Value::Null)]);
        let account = TaskAccount { material: None, problem: Some("it is \"odd\"".to_owned()) };
        let mut both = account.beside(&outputs).into_owned();
        assert_eq!(both.len(), 3);
        assert_eq!(TaskAccount::take_from(&mut both), Some(account));
        assert_eq!(both, outputs);
        assert_eq!(TaskAccount::take_from(&mut both), None, "an early version's result holds none");
    }

    #[test]
    fn long_texts_are_kept_as_beginnings_that_still_differ() {
        let (one, other) = ("é".repeat(LONGEST), format!("{}a", "é".repeat(LONGEST)));
        assert!(shorten(&one).len() < LONGEST + 200);
        assert_ne!(shorten(&one), shorten(&other));
        assert_eq!(shorten("short"), "short");
    }
}
