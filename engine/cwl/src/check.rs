//! What must hold between the parts of a workflow: names that exist, values that fit, no cycles.

mod cycles;
pub(crate) mod expressions;
mod fit;
mod links;

use sluis_yaml::{Diagnostic, Diagnostics, Span, nearest};

use crate::{Source, StepInput, Workflow, WorkflowStep};

/// Where the parts of a workflow stand, each list in the order of the model.
#[derive(Default)]
pub(crate) struct WorkflowPlaces {
    /// Each input's type.
    pub inputs: Vec<Span>,
    pub steps: Vec<StepPlaces>,
    pub outputs: Vec<LinkPlaces>,
}

/// Where the parts of a step stand.
pub(crate) struct StepPlaces {
    pub at: Span,
    pub inputs: Vec<LinkPlaces>,
    pub outputs: Vec<Span>,
    pub scatter: Vec<Span>,
    /// Whether what it runs could not be loaded.
    pub is_broken: bool,
}

/// Where something that takes values from sources stands.
pub(crate) struct LinkPlaces {
    pub at: Span,
    pub ty: Span,
    pub sources: Vec<Span>,
}

/// Adds everything that is wrong between the parts of a workflow to the problems.
pub(crate) fn check(workflow: &Workflow, places: &WorkflowPlaces, problems: &mut Diagnostics) {
    for (step, at) in workflow.steps.iter().zip(&places.steps) {
        check_scatter(step, at, problems);
        if !at.is_broken {
            check_step_names(step, at, problems);
        }
    }
    links::check(workflow, places, problems);
    cycles::check(workflow, places, problems);
}

fn check_scatter(step: &WorkflowStep, at: &StepPlaces, problems: &mut Diagnostics) {
    let Some(scatter) = &step.scatter else { return };
    for (name, span) in scatter.inputs.iter().zip(&at.scatter) {
        if !step.inputs.iter().any(|input| &input.name == name) {
            let message = format!("the step `{}` scatters `{name}`, but has no such input", step.id);
            problems.push(suggest(
                Diagnostic::error(span, message),
                name,
                step.inputs.iter().map(|input| &*input.name),
            ));
        }
    }
}

fn check_step_names(step: &WorkflowStep, at: &StepPlaces, problems: &mut Diagnostics) {
    let offered = step.run.outputs();
    for (name, span) in step.outputs.iter().zip(&at.outputs) {
        if !offered.iter().any(|(offered, ..)| offered == name) {
            let message = format!("what the step `{}` runs has no output `{name}`", step.id);
            problems.push(suggest(Diagnostic::error(span, message), name, offered.iter().map(|(name, ..)| *name)));
        }
    }
    let wanted = step.run.inputs();
    // Names that the process does not have may serve expressions.
    let has_expressions = step.when.is_some() || step.inputs.iter().any(|input| input.value_from.is_some());
    for (input, places) in step.inputs.iter().zip(&at.inputs) {
        if !has_expressions && !wanted.iter().any(|wanted| wanted.name == input.name) {
            let message =
                format!("what the step `{}` runs has no input `{}`, so this goes nowhere", step.id, input.name);
            let problem = Diagnostic::warning(&places.at, message);
            problems.push(suggest(problem, &input.name, wanted.iter().map(|input| &*input.name)));
        }
    }
    for wanted in wanted.iter().filter(|wanted| !wanted.has_default() && !wanted.ty.takes_null()) {
        let given = step.inputs.iter().zip(&at.inputs).find(|(input, _)| input.name == wanted.name);
        let says_nothing =
            |input: &StepInput| input.sources.is_empty() && !input.has_default() && input.value_from.is_none();
        let place = match given {
            Some((input, places)) if says_nothing(input) => &places.at,
            Some(_) => continue,
            None => &at.at,
        };
        let message = format!(
            "the step `{}` gives nothing for `{}` ({}), which what it runs needs",
            step.id,
            wanted.name,
            wanted.ty.describe()
        );
        problems.error(place, message);
    }
}

/// A source in the words of a document.
fn describe(source: &Source) -> String {
    match source {
        Source::WorkflowInput(name) => name.clone(),
        Source::StepOutput { step, output } => format!("{step}/{output}"),
    }
}

fn suggest<'a>(problem: Diagnostic, word: &str, known: impl Iterator<Item = &'a str>) -> Diagnostic {
    match nearest(word, known) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem,
    }
}
