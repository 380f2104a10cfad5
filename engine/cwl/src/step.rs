//! Steps of a workflow: what goes in, how often they run, and what comes out.

mod link;
mod scatter;

use sluis_model::{Value, Values};

use crate::{
    Evaluator, Process, Source, Workflow, WorkflowStep,
    contents::{Contents, ContentsError, check_origin, drop_contents, load_contents, show_listing},
    expression::{ExpressionError, Session, type_name},
};

pub use scatter::{Scattered, Shape};

/// Finds the value of a source; `None` if there is none yet.
pub type Lookup<'a> = dyn Fn(&Source) -> Option<Value> + 'a;

/// Why the inputs or outputs of steps cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// A source without a value.
    #[error("`{name}` has a source that has no value")]
    Source {
        /// The input or output.
        name: String,
    },
    /// `pickValue` found nothing.
    #[error("every source of `{name}` is null, but its pickValue wants one that is not")]
    AllNull {
        /// The input or output.
        name: String,
    },
    /// `the_only_non_null` found several.
    #[error("several sources of `{name}` are not null, but its pickValue wants exactly one")]
    SeveralNonNull {
        /// The input or output.
        name: String,
    },
    /// A default that is needed and cannot be read.
    #[error("`{name}` gets no value, and its default cannot be used: {why}")]
    Default {
        /// The input.
        name: String,
        /// Why not.
        why: String,
    },
    /// A workflow output that must have a value and gets none.
    #[error("the output `{name}` has no outputSource, and its type allows no null")]
    NoSource {
        /// The output.
        name: String,
    },
    /// A scattered input that is no array.
    #[error("`{name}` is scattered and must be an array, but is {found}")]
    NotAnArray {
        /// The input.
        name: String,
        /// What it is.
        found: &'static str,
    },
    /// Arrays of different lengths in a dot product.
    #[error("`{first}` has {first_length} items and `{other}` has {other_length}; a dotproduct needs equal lengths")]
    Lengths {
        /// An input.
        first: String,
        /// Its length.
        first_length: usize,
        /// Another input.
        other: String,
        /// Its length.
        other_length: usize,
    },
    /// More jobs than can be counted.
    #[error("the crossproduct of its scattered inputs has too many jobs")]
    TooMany,
    /// A `valueFrom` or `when` that cannot be evaluated.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// `loadContents` failed.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// An expression made up a file of this machine.
    #[error("`{name}` names `{path}`, which is none of the step's inputs; an expression cannot read other files")]
    Path {
        /// The input.
        name: String,
        /// The path.
        path: String,
    },
}

impl WorkflowStep {
    /// The values of the step's inputs before scattering: sources linked, merged and picked, defaults filled in,
    /// contents loaded and listings shown (CWL v1.2, WorkflowStepInput). An input without any value has the default of
    /// the process, so that `valueFrom` and `when` see what it will get, or is null. Defaults of the process and contents
    /// of scattered inputs are left to each job.
    pub fn gather_inputs(&self, lookup: &Lookup<'_>, contents: &dyn Contents) -> Result<Values, StepError> {
        let mut values = Values::with_capacity(self.inputs.len());
        for input in &self.inputs {
            let mut value = link::link(&input.name, &input.sources, input.link_merge, input.pick_value, lookup)?;
            if let (Value::Null, Some(default)) = (&value, &input.default) {
                value = default.clone();
            }
            if let (Value::Null, Some(why)) = (&value, &input.unreadable_default) {
                return Err(StepError::Default { name: input.name.clone(), why: why.clone() });
            }
            if value.is_null() && !self.is_scattered(&input.name) {
                value = self.run.default_of(&input.name).cloned().unwrap_or_default();
            }
            if input.load_contents && !self.is_scattered(&input.name) {
                load_contents(&mut value, contents)?;
            }
            if let Some(depth) = input.load_listing {
                show_listing(&mut value, depth);
            }
            values.insert(input.name.clone(), value);
        }
        Ok(values)
    }

    /// The inputs of each job of the step, in order (CWL v1.2, WorkflowStep, `scatter`). Without `scatter` there is one
    /// job.
    pub fn scatter(&self, inputs: Values) -> Result<Scattered, StepError> {
        scatter::scatter(self.scatter.as_ref(), inputs)
    }

    /// What one job of the step gives to its process: contents of scattered inputs are loaded, `valueFrom` is
    /// evaluated, then `when`. `None` if the job is skipped. Each `valueFrom` sees all inputs as they were before any `valueFrom` (CWL v1.2, WorkflowStepInput,
    /// `valueFrom`); `when` sees the results. Inputs that the process does not have are left out.
    pub fn job_inputs(
        &self,
        mut job: Values,
        evaluator: &Evaluator,
        contents: &dyn Contents,
    ) -> Result<Option<Values>, StepError> {
        for input in self.inputs.iter().filter(|input| input.load_contents && self.is_scattered(&input.name)) {
            job.get_mut(&input.name).map_or(Ok(()), |value| load_contents(value, contents))?;
        }
        let library = self.requirements.javascript.as_deref();
        let mut session = Session::new(evaluator, library, job, Value::Null);
        let computed = self.computed_inputs(&session)?;
        if !computed.is_empty() {
            let mut values = session.inputs().clone();
            values.extend(computed);
            session.set_inputs(values);
        }
        if let Some(when) = &self.when {
            let place = format!("{}.when", self.id);
            match session.evaluate(when, &Value::Null, &place)? {
                Value::Boolean(true) => {}
                Value::Boolean(false) => return Ok(None),
                other => return Err(crate::expression::wrong_type(when, &place, "a boolean", &other).into()),
            }
        }
        let mut values = session.into_inputs();
        values.retain(|name, _| self.run.has_input(name));
        // What was loaded for the step's own expressions follows from the files: the process does not depend on it.
        for input in self.inputs.iter().filter(|input| input.load_contents) {
            if let Some(value) = values.get_mut(&input.name) {
                drop_contents(value);
            }
        }
        Ok(Some(values))
    }

    fn is_scattered(&self, name: &str) -> bool {
        self.scatter.as_ref().is_some_and(|scatter| scatter.inputs.iter().any(|input| input == name))
    }

    fn computed_inputs(&self, session: &Session<'_>) -> Result<Values, StepError> {
        let mut computed = Values::new();
        for input in &self.inputs {
            let Some(value_from) = &input.value_from else { continue };
            let this = session.inputs().get(&input.name).cloned().unwrap_or_default();
            let place = format!("{}.in.{}.valueFrom", self.id, input.name);
            let value = session.evaluate(value_from, &this, &place)?;
            check_origin(&value, session.inputs())
                .map_err(|path| StepError::Path { name: input.name.clone(), path })?;
            computed.insert(input.name.clone(), value);
        }
        Ok(computed)
    }
}

impl Process {
    fn has_input(&self, name: &str) -> bool {
        self.inputs().iter().any(|input| input.name == name)
    }

    fn default_of(&self, name: &str) -> Option<&Value> {
        self.inputs().iter().find(|input| input.name == name)?.default.as_ref()
    }
}

impl Workflow {
    /// Lets each step load what an input of the workflow asks to be loaded: a workflow has no expressions of its own
    /// that could see it (CWL v1.2, WorkflowInputParameter, `loadContents` and `loadListing`).
    pub(crate) fn load_for_steps(&mut self) {
        for step_input in self.steps.iter_mut().flat_map(|step| &mut step.inputs) {
            for source in &step_input.sources {
                let Source::WorkflowInput(name) = source else { continue };
                let Some(input) = self.inputs.iter().find(|input| &input.name == name) else { continue };
                step_input.load_contents |= input.load_contents;
                step_input.load_listing = step_input.load_listing.or(input.load_listing);
            }
        }
    }

    /// The workflow's outputs, once all its steps have ended (CWL v1.2, WorkflowOutputParameter).
    pub fn gather_outputs(&self, lookup: &Lookup<'_>) -> Result<Values, StepError> {
        if let Some(output) = self.outputs.iter().find(|output| output.sources.is_empty() && !output.ty.takes_null()) {
            return Err(StepError::NoSource { name: output.name.clone() });
        }
        let outputs = self.outputs.iter().map(|output| {
            let value = link::link(&output.name, &output.sources, output.link_merge, output.pick_value, lookup)?;
            Ok((output.name.clone(), value))
        });
        outputs.collect()
    }
}

/// The items of a scattered input.
fn items_of(name: &str, value: Option<Value>) -> Result<Vec<Value>, StepError> {
    match value.unwrap_or_default() {
        Value::Array(items) => Ok(items),
        other => Err(StepError::NotAnArray { name: name.to_owned(), found: type_name(&other) }),
    }
}

#[cfg(test)]
mod tests;
