//! Links: each source exists and gives what is wanted (CWL v1.2, Data links).

use sluis_yaml::{Diagnostic, Diagnostics, Span};

use super::{
    LinkPlaces, WorkflowPlaces, describe,
    fit::{Fit, array_of, fit, without_null},
    suggest,
};
use crate::{LinkMerge, PickValue, ScatterMethod, Source, Type, Workflow, WorkflowStep};

/// Something that takes values.
struct Sink<'a> {
    name: String,
    sources: &'a [Source],
    merge: Option<LinkMerge>,
    pick: Option<PickValue>,
    places: &'a LinkPlaces,
    /// What it takes; `None` if an expression stands in between.
    ty: Option<Type>,
    /// Whether null is made up for by a default.
    has_default: bool,
    /// Whether the step looks at its values before it runs.
    is_guarded: bool,
}

/// A source that exists.
struct Found {
    ty: Type,
    at: Option<Span>,
}

/// Reports sources that do not exist and values that cannot fit.
pub(super) fn check(workflow: &Workflow, places: &WorkflowPlaces, problems: &mut Diagnostics) {
    for (step, at) in workflow.steps.iter().zip(&places.steps) {
        for (input, places_of_input) in step.inputs.iter().zip(&at.inputs) {
            let process_input = step.run.inputs().iter().find(|wanted| wanted.name == input.name);
            let ty = process_input.filter(|_| input.value_from.is_none()).map(|wanted| {
                let is_scattered = step.scatter.as_ref().is_some_and(|scatter| scatter.inputs.contains(&input.name));
                if is_scattered { array_of(wanted.ty.clone()) } else { wanted.ty.clone() }
            });
            let sink = Sink {
                name: format!("{}/{}", step.id, input.name),
                sources: &input.sources,
                merge: input.link_merge,
                pick: input.pick_value,
                places: places_of_input,
                ty,
                has_default: input.has_default() || process_input.is_some_and(|input| input.has_default()),
                is_guarded: step.when.is_some(),
            };
            sink.check(workflow, places, problems);
        }
    }
    for (output, places_of_output) in workflow.outputs.iter().zip(&places.outputs) {
        let sink = Sink {
            name: output.name.clone(),
            sources: &output.sources,
            merge: output.link_merge,
            pick: output.pick_value,
            places: places_of_output,
            ty: Some(output.ty.clone()),
            has_default: false,
            is_guarded: false,
        };
        if output.sources.is_empty() && !output.ty.takes_null() {
            let message = format!("the output `{}` has no `outputSource`, so nothing ever comes out", output.name);
            problems.push(Diagnostic::warning(&places_of_output.at, message));
        }
        sink.check(workflow, places, problems);
    }
}

impl Sink<'_> {
    fn check(&self, workflow: &Workflow, places: &WorkflowPlaces, problems: &mut Diagnostics) {
        for (source, span) in self.sources.iter().zip(&self.places.sources) {
            if problems.is_full() {
                return;
            }
            let Some(found) = find(workflow, places, source) else {
                problems.push(unknown(workflow, source, span));
                continue;
            };
            let Some(found) = found else { continue };
            let Some((given, wanted)) = self.compared(&found.ty) else { continue };
            let how_well = fit(&given, &wanted);
            if how_well == Fit::Always || how_well == Fit::Sometimes && self.is_guarded {
                continue;
            }
            let (name, source) = (&self.name, describe(source));
            let (gives, takes) = (given.describe(), wanted.describe());
            let gives = if self.merge.is_some() { format!("{gives} with the others") } else { gives };
            let problem = if how_well == Fit::Never {
                Diagnostic::error(span, format!("`{name}` takes {takes}, but its source `{source}` gives {gives}"))
            } else {
                let message =
                    format!("`{name}` takes {takes}, but its source `{source}` gives {gives}, which may not fit");
                Diagnostic::warning(span, message)
            };
            let problem = match &found.at {
                Some(at) => problem.label(at, format!("`{source}` is {}", found.ty.describe())),
                None => problem,
            };
            let same = self.places.ty == *span || self.places.ty == self.places.at;
            problems.push(if same { problem } else { problem.label(&self.places.ty, format!("`{name}` is {takes}")) });
        }
    }

    /// What one source gives and what is taken of it, after merging and picking; `None` if nothing can be said.
    fn compared(&self, source: &Type) -> Option<(Type, Type)> {
        let wanted = self.ty.clone()?;
        let given = if self.has_default { without_null(source) } else { source.clone() };
        let Some(merge) = self.merge else {
            return match (self.pick, &given) {
                (None, _) => Some((given, wanted)),
                (Some(PickValue::AllNonNull), Type::Array(array)) => {
                    Some((array_of(without_null(&array.items)), wanted))
                }
                (Some(_), Type::Array(array)) => Some((without_null(&array.items), wanted)),
                (Some(_), _) => None,
            };
        };
        let item = match (merge, &given) {
            (LinkMerge::MergeFlattened, Type::Array(array)) => (*array.items).clone(),
            (LinkMerge::MergeFlattened, Type::Union(_) | Type::Any) => return None,
            _ => given,
        };
        match self.pick {
            None => Some((array_of(item), wanted)),
            Some(PickValue::AllNonNull) => Some((array_of(without_null(&item)), wanted)),
            Some(_) => Some((without_null(&item), wanted)),
        }
    }
}

/// What a source gives: outer `None` if it does not exist, inner `None` if that cannot be said.
fn find(workflow: &Workflow, places: &WorkflowPlaces, source: &Source) -> Option<Option<Found>> {
    match source {
        Source::WorkflowInput(name) => {
            let index = workflow.inputs.iter().position(|input| &input.name == name)?;
            let input = &workflow.inputs[index];
            let ty = if input.has_default() { without_null(&input.ty) } else { input.ty.clone() };
            Some(Some(Found { ty, at: places.inputs.get(index).cloned() }))
        }
        Source::StepOutput { step, output } => {
            let index = workflow.steps.iter().position(|candidate| &candidate.id == step)?;
            let step = &workflow.steps[index];
            let position = step.outputs.iter().position(|name| name == output)?;
            let outputs = step.run.outputs();
            let ty = outputs.into_iter().find(|(name, ..)| name == output).map(|(_, ty, _)| given_by(step, ty));
            Some(ty.map(|ty| Found { ty, at: places.steps[index].outputs.get(position).cloned() }))
        }
    }
}

/// What a step gives for an output of its process: null if it may be skipped, arrays if it is scattered.
fn given_by(step: &WorkflowStep, ty: &Type) -> Type {
    let mut ty = match ty {
        Type::Stdout | Type::Stderr => Type::File,
        ty => ty.clone(),
    };
    if step.when.is_some() {
        ty = crate::load::union(vec![Type::Null, ty]);
    }
    let Some(scatter) = &step.scatter else { return ty };
    let depth = if scatter.method == ScatterMethod::NestedCrossproduct { scatter.inputs.len() } else { 1 };
    (0..depth).fold(ty, |ty, _| array_of(ty))
}

fn unknown(workflow: &Workflow, source: &Source, span: &Span) -> Diagnostic {
    let steps = workflow.steps.iter();
    let message = match source {
        Source::StepOutput { step, output } => match workflow.steps.iter().find(|candidate| &candidate.id == step) {
            Some(found) => {
                let problem = Diagnostic::error(span, format!("the step `{step}` has no `{output}` among its `out`"));
                return suggest(problem, output, found.outputs.iter().map(String::as_str));
            }
            None => format!("there is no step `{step}`"),
        },
        Source::WorkflowInput(name) => format!("the workflow has no input `{name}`"),
    };
    let outputs = steps.flat_map(|step| step.outputs.iter().map(move |output| format!("{}/{output}", step.id)));
    let known: Vec<_> = workflow.inputs.iter().map(|input| input.name.clone()).chain(outputs).collect();
    let name = describe(source);
    let problem = Diagnostic::error(span, message);
    // Whoever writes a step's name alone means its output.
    if let Some(output) = known.iter().find(|known| known.split_once('/').is_some_and(|(step, _)| step == name)) {
        return problem.help(format!("did you mean `{output}`?"));
    }
    suggest(problem, &name, known.iter().map(String::as_str))
}
