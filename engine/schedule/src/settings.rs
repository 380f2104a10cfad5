//! How a run is to be carried out, by the engine that begins it and by any that goes on with it.

use serde::{Deserialize, Serialize};
use sluis_cwl::Process;

use crate::{allocator::Priority, core::FailurePolicy, runs::step_pattern};

/// Which earlier results a run may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reuse {
    /// None: every task is run.
    Nothing,
    /// Those of tools that permit it (CWL v1.2, WorkReuse).
    #[default]
    AsDeclared,
    /// All: the run only makes again what is missing of an earlier one.
    Everything,
}

/// What of a run's request holds for its whole life. The run's journal keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunSettings {
    /// What a failed task means for the rest.
    pub on_failure: FailurePolicy,
    /// Which earlier results may be used.
    pub reuse: Reuse,
    /// How it stands against other runs of its user on the same machine.
    pub priority: Priority,
    /// Steps that use none all the same, with all that is in them: their paths from the top, such as `align/sort`.
    pub rerun: Vec<String>,
    /// What runs tools in containers, by its name, so that whoever goes on with the run finds what it left.
    pub executor: Option<String>,
}

/// A step that is to be run anew and that the workflow does not have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UnknownStep {
    /// The workflow has others.
    #[error("the workflow has no step `{step}`{hint}; its steps are {steps}")]
    NotThere {
        /// The step, as it was asked for.
        step: String,
        /// What it may have been meant to be, as `; did you mean …?`.
        hint: String,
        /// The steps that there are.
        steps: String,
    },
    /// It is a tool, which has none.
    #[error("this is a tool, so it has no step `{0}`; `--no-cache` runs it anew")]
    NoSteps(String),
}

impl RunSettings {
    /// Refuses steps to run anew that a process does not have.
    ///
    /// # Errors
    /// The first one.
    pub fn check_steps(&self, process: &Process) -> Result<(), UnknownStep> {
        let mut known = Vec::new();
        list_steps(process, "", &mut known);
        let unknown = self.rerun.iter().find(|step| !known.contains(step));
        let Some(step) = unknown.cloned() else { return Ok(()) };
        if known.is_empty() {
            return Err(UnknownStep::NoSteps(step));
        }
        let near = sluis_yaml::nearest(&step, known.iter().map(String::as_str));
        let hint = near.map_or_else(String::new, |near| format!(": did you mean `{near}`?"));
        Err(UnknownStep::NotThere { step, hint, steps: known.join(", ") })
    }

    /// Whether a task is to be run anew, by its step's path with its places in scatters, such as `align[3]/sort`.
    pub(crate) fn runs_anew(&self, path: &str) -> bool {
        let path = step_pattern(path);
        let is_in =
            |step: &String| path.strip_prefix(step).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.rerun.iter().any(is_in)
    }
}

/// The paths of all steps below a process.
fn list_steps(process: &Process, above: &str, known: &mut Vec<String>) {
    let Process::Workflow(workflow) = process else { return };
    for step in &workflow.steps {
        let path = if above.is_empty() { step.id.clone() } else { format!("{above}/{}", step.id) };
        known.push(path.clone());
        list_steps(&step.run, &path, known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_runs_anew_with_all_that_is_in_it_and_wherever_it_is_scattered() {
        let settings = RunSettings { rerun: vec!["align".to_owned(), "call/filter".to_owned()], ..Default::default() };
        for path in ["align", "align[3]", "align/sort", "align[3]/sort[0]", "call/filter", "call[1]/filter[2]"] {
            assert!(settings.runs_anew(path), "{path}");
        }
        for path in ["aligned", "call", "call/filters", "x/align", "filter", ""] {
            assert!(!settings.runs_anew(path), "{path}");
        }
        assert!(!RunSettings::default().runs_anew("align"));
    }
}
