//! Input objects: read from job files, completed with defaults, checked against the types of a process.

mod checksums;
mod formats;
mod job_file;
mod local;
mod typing;
mod visit;

use std::fmt;

use sluis_model::Values;
use sluis_yaml::{Diagnostic, Diagnostics, Span, nearest};

use crate::{InputParameter, Process, Requirements};

pub(crate) use formats::fits;
pub use job_file::{Inputs, read_inputs, tool_of_job};
pub(crate) use job_file::{REQUIREMENTS, parse_inputs};
pub(crate) use local::settle_default;
pub(crate) use typing::check;
pub(crate) use visit::Wishes;

/// What is wrong with an input of a process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InputProblem {
    /// The input.
    pub name: String,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Inputs that a process cannot take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InputProblems(
    /// Each of them; never empty.
    pub Vec<InputProblem>,
);

impl fmt::Display for InputProblems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages: Vec<_> = self.0.iter().map(|problem| problem.message.as_str()).collect();
        formatter.write_str(&messages.join("; "))
    }
}

impl std::error::Error for InputProblems {}

impl Process {
    /// The values that the process gets: defaults filled in, absent inputs null, numbers of the type that is wanted.
    /// Looks at no file (CWL v1.2, Executing a process, steps 2 and 3). What the process has no input for is left out.
    ///
    /// # Errors
    /// Every value that is missing, of a wrong type, or without a secondary file that it must have.
    pub fn complete_inputs(&self, values: Values) -> Result<Values, InputProblems> {
        let (mut values, mut problems) = complete(self.inputs(), values);
        for input in self.inputs() {
            if let Some(value) = values.get_mut(&input.name) {
                problems.extend(formats::wrong_formats(input, value));
                problems.extend(local::missing_secondary_files(input, value));
            }
        }
        if problems.is_empty() { Ok(values) } else { Err(InputProblems(problems)) }
    }

    /// The same for an input object from outside: local files and folders must be there; sizes are filled in, and
    /// secondary files are looked for beside the files (CWL v1.2, SecondaryFileSchema). Files of which the job file gives
    /// a checksum are read to compare it.
    ///
    /// # Errors
    /// Every problem of every input, with its place in the job file, and names that are misspelt as it seems.
    pub fn check_inputs(&self, inputs: impl Into<Inputs>) -> Result<Values, Diagnostics> {
        let mut inputs = inputs.into();
        let known = self.inputs();
        for InputProblem { name, message, help } in misspelt_names(known, &inputs.values) {
            let span = inputs.name_span(&name);
            inputs.problems.push(Diagnostic { help, ..Diagnostic::error(&span, message) });
        }
        let given = std::mem::take(&mut inputs.values);
        let (mut values, wrong) = complete(known, given);
        let is_typed = wrong.is_empty();
        let mut problems = wrong;
        if is_typed {
            for input in known {
                if let Some(value) = values.get_mut(&input.name) {
                    problems.extend(formats::wrong_formats(input, value));
                }
            }
            problems.extend(local::complete_files(known, &mut values, requirements_of(self)));
        } else {
            problems.extend(local::missing_files(known, &mut values));
        }
        for InputProblem { name, message, help } in problems {
            let span = inputs.span(&name);
            let problem = Diagnostic::error(&span, message);
            inputs.problems.push(Diagnostic { help, ..problem });
        }
        let is_known = |name: &str| known.iter().any(|input| input.name == name);
        for checksum in inputs.checksums.iter().filter(|checksum| is_typed && is_known(&checksum.input)) {
            if let Some(problem) = checksum.check() {
                inputs.problems.push(problem);
            }
        }
        if inputs.problems.has_errors() { Err(inputs.problems) } else { Ok(values) }
    }
}

fn requirements_of(process: &Process) -> Option<&Requirements> {
    match process {
        Process::CommandLineTool(tool) => Some(&tool.requirements),
        Process::ExpressionTool(tool) => Some(&tool.requirements),
        Process::Workflow(workflow) => Some(&workflow.requirements),
        Process::Operation(_) => None,
    }
}

/// Names that stand for an input that has no value, as it seems. Other names that the process does not know are left
/// alone: one job file may serve several processes.
fn misspelt_names(known: &[InputParameter], given: &Values) -> Vec<InputProblem> {
    let open = || known.iter().map(|input| input.name.as_str()).filter(|name| !given.contains_key(*name));
    let is_unknown = |name: &&String| !known.iter().any(|input| &input.name == *name);
    let misspelt = given.keys().filter(is_unknown).filter_map(|name| Some((name, nearest(name, open())?)));
    misspelt
        .map(|(name, near)| InputProblem {
            name: name.clone(),
            message: format!("there is no input `{name}`"),
            help: Some(format!("did you mean `{near}`?")),
        })
        .collect()
}

/// The values of all inputs, and what is wrong with them.
fn complete(known: &[InputParameter], mut given: Values) -> (Values, Vec<InputProblem>) {
    let mut values = Values::with_capacity(known.len());
    let mut problems = Vec::new();
    for input in known {
        let value = given.swap_remove(&input.name).filter(|value| !value.is_null());
        let value = typing::coerced(&input.ty, value.or_else(|| input.default.clone()).unwrap_or_default());
        let message = if let (true, Some(why)) = (value.is_null(), &input.unreadable_default) {
            Err(format!("the input `{}` has no value, and its default cannot be used: {why}", input.name))
        } else if value.is_null() && !input.ty.accepts(&value) {
            Err(format!("the input `{}` ({}) has no value", input.name, input.ty.describe()))
        } else {
            typing::check(&input.ty, &value, &format!("`{}`", input.name))
        };
        if let Err(message) = message {
            problems.push(InputProblem { name: input.name.clone(), message, help: None });
        }
        values.insert(input.name.clone(), value);
    }
    (values, problems)
}

/// The beginning of a file that has no name.
fn nowhere() -> Span {
    Span::start_of("inputs")
}
