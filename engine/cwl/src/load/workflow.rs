//! Workflows and their steps.

use std::sync::Arc;

use sluis_yaml::{Content, Diagnostic, Fields, Node, Span};

use super::{
    Loader,
    documents::identifier,
    fields::{Entry, about, check_fields, entries, expression, load_listing, short_name, texts, word},
    parameters::place,
    requirements::Scope,
    tool::PROCESS,
    types::Place,
    version::Version,
};
use crate::{
    About, Expression, LinkMerge, Operation, PickValue, Process, Scatter, ScatterMethod, Source, StepInput, Type,
    Workflow, WorkflowOutput, WorkflowStep,
    check::{self, LinkPlaces, StepPlaces, WorkflowPlaces},
    expression::is_expression,
};

const LINK_MERGE: &[(&str, LinkMerge)] =
    &[("merge_nested", LinkMerge::MergeNested), ("merge_flattened", LinkMerge::MergeFlattened)];
const PICK_VALUE: &[(&str, PickValue)] = &[
    ("first_non_null", PickValue::FirstNonNull),
    ("the_only_non_null", PickValue::TheOnlyNonNull),
    ("all_non_null", PickValue::AllNonNull),
];
const SCATTER_METHOD: &[(&str, ScatterMethod)] = &[
    ("dotproduct", ScatterMethod::Dotproduct),
    ("nested_crossproduct", ScatterMethod::NestedCrossproduct),
    ("flat_crossproduct", ScatterMethod::FlatCrossproduct),
];

/// Where the values of an input or output come from.
struct Link {
    sources: Vec<Source>,
    places: Vec<Span>,
    merge: Option<LinkMerge>,
    pick: Option<PickValue>,
}

impl Loader<'_> {
    pub(super) fn workflow(&mut self, name: String, fields: Fields<'_>, scope: &Scope) -> Workflow {
        check_fields(fields, &[PROCESS, &["steps"]], &mut self.problems);
        let own = fields.string("id", &mut self.problems).map(identifier).unwrap_or_default();
        let (inputs, input_places) = self.inputs(fields, scope, false);
        let mut workflow = Workflow {
            name,
            about: about(fields, &mut self.problems),
            inputs,
            requirements: scope.effective(&self.namespaces, &mut self.problems),
            ..Workflow::default()
        };
        let mut places = WorkflowPlaces { inputs: input_places, ..WorkflowPlaces::default() };
        fields.require("steps", &mut self.problems);
        for entry in entries(fields, "steps", "id", &mut self.problems) {
            if let Some((step, at)) = self.step(&entry, own, &workflow.name, scope) {
                workflow.steps.push(step);
                places.steps.push(at);
            }
        }
        fields.require("outputs", &mut self.problems);
        for entry in entries(fields, "outputs", "id", &mut self.problems) {
            let (output, at) = self.workflow_output(&entry, own, scope);
            workflow.outputs.push(output);
            places.outputs.push(at);
        }
        workflow.load_for_steps();
        check::check(&workflow, &places, &mut self.problems);
        workflow
    }

    fn workflow_output(&mut self, entry: &Entry<'_>, own: &str, scope: &Scope) -> (WorkflowOutput, LinkPlaces) {
        let mut output = WorkflowOutput {
            name: entry.name.clone(),
            about: About::default(),
            ty: Type::Any,
            sources: Vec::new(),
            link_merge: None,
            pick_value: None,
        };
        let what = format!("the output `{}`", entry.name);
        let mut places = LinkPlaces { at: entry.span.clone(), ty: place(entry), sources: Vec::new() };
        let Some((fields, ty)) = self.typed(entry, &what) else {
            output.ty = self.ty(entry.node, scope, Place::Output);
            return (output, places);
        };
        let known = ["id", "type", "label", "doc", "secondaryFiles", "format", "streamable"];
        // Version 1.0 has it in its schema; it never meant anything.
        let older: &[&str] = if scope.version == Some(Version::V1_0) { &["outputBinding"] } else { &[] };
        check_fields(fields, &[&known, &["outputSource", "linkMerge", "pickValue"], older], &mut self.problems);
        output.about = about(fields, &mut self.problems);
        output.ty = ty.map_or(Type::Any, |ty| self.ty(ty, scope, Place::Output));
        self.file_traits(fields);
        let link = self.link(fields, "outputSource", own);
        self.needs(scope, "MultipleInputFeatureRequirement", link.sources.len() > 1, entry.span);
        output.sources = link.sources;
        output.link_merge = link.merge;
        output.pick_value = link.pick;
        places.sources = link.places;
        (output, places)
    }

    fn step(
        &mut self,
        entry: &Entry<'_>,
        own: &str,
        workflow: &str,
        scope: &Scope,
    ) -> Option<(WorkflowStep, StepPlaces)> {
        let what = format!("the step `{}`", entry.name);
        let fields = Fields::of(entry.node, &what, &mut self.problems)?;
        let known = ["id", "in", "out", "run", "requirements", "hints", "label", "doc", "scatter", "scatterMethod"];
        check_fields(fields, &[&known, &["when"]], &mut self.problems);
        let scope = scope.within(fields, &self.namespaces, &mut self.problems);
        fields.require("in", &mut self.problems);
        let listed = entries(fields, "in", "id", &mut self.problems);
        let (inputs, input_places): (Vec<_>, Vec<_>) =
            listed.iter().filter_map(|entry| self.step_input(entry, own, &scope)).unzip();
        let (outputs, output_places) = self.step_outputs(fields);
        let (scatter, scatter_places) = self.scatter(fields);
        self.needs(&scope, "ScatterFeatureRequirement", scatter.is_some(), entry.span);
        let run = self.run(fields, &scope, &entry.name, workflow);
        let places = StepPlaces {
            at: entry.span.clone(),
            inputs: input_places,
            outputs: output_places,
            scatter: scatter_places,
            is_broken: run.is_none(),
        };
        let run = run.unwrap_or_else(|| Process::Operation(Arc::new(Operation::default())));
        self.needs(&scope, "SubworkflowFeatureRequirement", matches!(run, Process::Workflow(_)), entry.span);
        let step = WorkflowStep {
            id: entry.name.clone(),
            about: about(fields, &mut self.problems),
            run,
            inputs,
            outputs,
            scatter,
            when: self.when(fields),
            requirements: scope.effective(&self.namespaces, &mut self.problems),
        };
        Some((step, places))
    }

    fn when(&mut self, fields: Fields<'_>) -> Option<Expression> {
        let found = expression(fields, "when", &mut self.problems)?;
        if let (false, Some(at)) = (is_expression(&found.text), &found.at) {
            let problem = Diagnostic::warning(at, "`when` must give true or false, but this is a plain text");
            let name = found.text.trim().trim_start_matches("inputs.");
            self.problems.push(problem.help(format!("write an expression, such as `$(inputs.{name})`")));
        }
        Some(found)
    }

    fn run(&mut self, fields: Fields<'_>, scope: &Scope, step: &str, workflow: &str) -> Option<Process> {
        let node = fields.require("run", &mut self.problems)?;
        if node.as_mapping().is_some() {
            let file = workflow.split('#').next().unwrap_or_default();
            return self.process(node, scope, &format!("{file}#{step}"));
        }
        let target = super::documents::target(node, &mut self.problems)?;
        self.process_at(&target, Some(&node.span), scope)
    }

    fn step_input(&mut self, entry: &Entry<'_>, own: &str, scope: &Scope) -> Option<(StepInput, LinkPlaces)> {
        let mut input = StepInput { name: entry.name.clone(), ..StepInput::default() };
        let mut places = LinkPlaces { at: entry.span.clone(), ty: entry.span.clone(), sources: Vec::new() };
        if entry.node.as_mapping().is_none() {
            for node in self.source_nodes(entry.node) {
                input.sources.push(source(node, own));
                places.sources.push(node.span.clone());
            }
            input.link_merge = (input.sources.len() > 1).then_some(LinkMerge::MergeNested);
            self.needs(scope, "MultipleInputFeatureRequirement", input.sources.len() > 1, entry.span);
            return Some((input, places));
        }
        let what = format!("the step input `{}`", entry.name);
        let fields = Fields::of(entry.node, &what, &mut self.problems)?;
        let known = ["id", "source", "linkMerge", "pickValue", "default", "valueFrom", "label"];
        check_fields(fields, &[&known, &["loadContents", "loadListing"]], &mut self.problems);
        let link = self.link(fields, "source", own);
        self.needs(scope, "MultipleInputFeatureRequirement", link.sources.len() > 1, entry.span);
        input.sources = link.sources;
        input.link_merge = link.merge;
        input.pick_value = link.pick;
        places.sources = link.places;
        match fields.get("default").map(|node| self.default(node)).transpose() {
            Ok(default) => input.default = default,
            Err(why) => input.unreadable_default = Some(why),
        }
        input.value_from = expression(fields, "valueFrom", &mut self.problems);
        self.needs(scope, "StepInputExpressionRequirement", input.value_from.is_some(), entry.span);
        input.load_contents = fields.boolean("loadContents", &mut self.problems).unwrap_or(false);
        input.load_listing = load_listing(fields, &mut self.problems);
        Some((input, places))
    }

    fn link(&mut self, fields: Fields<'_>, name: &str, own: &str) -> Link {
        let nodes = texts(fields, name, &mut self.problems);
        let merge = word(fields, "linkMerge", LINK_MERGE, &mut self.problems);
        let pick = word(fields, "pickValue", PICK_VALUE, &mut self.problems);
        // A list of one source is merged only if all that is not null is picked: the result of that is a list.
        let is_list = fields.get(name).is_some_and(|node| node.as_sequence().is_some());
        let merges = nodes.len() > 1 || (is_list && !nodes.is_empty() && pick == Some(PickValue::AllNonNull));
        Link {
            sources: nodes.iter().map(|node| source(node, own)).collect(),
            places: nodes.iter().map(|node| node.span.clone()).collect(),
            merge: merge.or(merges.then_some(LinkMerge::MergeNested)),
            pick,
        }
    }

    fn source_nodes<'a>(&mut self, node: &'a Node) -> Vec<&'a Node> {
        let items = match &node.value {
            Content::Null => return Vec::new(),
            Content::Sequence(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut found = Vec::new();
        for item in items {
            if item.as_str().is_some() {
                found.push(item);
            } else {
                let problem =
                    Diagnostic::error(&item.span, format!("a source must be a text, but there is {}", item.kind()));
                self.problems.push(problem.help("give a fixed value with `{default: …}`"));
            }
        }
        found
    }

    fn step_outputs(&mut self, fields: Fields<'_>) -> (Vec<String>, Vec<Span>) {
        fields.require("out", &mut self.problems);
        let mut found = Vec::new();
        for node in fields.list("out", &mut self.problems) {
            match node.as_str().or_else(|| node.get("id").and_then(Node::as_str)) {
                Some(name) => found.push((short_name(name).to_owned(), node.span.clone())),
                None => self.problems.error(&node.span, "an item of `out` must be the name of an output"),
            }
        }
        found.into_iter().unzip()
    }

    fn scatter(&mut self, fields: Fields<'_>) -> (Option<Scatter>, Vec<Span>) {
        let nodes = texts(fields, "scatter", &mut self.problems);
        let method = word(fields, "scatterMethod", SCATTER_METHOD, &mut self.problems);
        if let (None, [_, second, ..]) = (fields.get("scatterMethod"), nodes.as_slice()) {
            let problem = Diagnostic::error(&second.span, "a scatter over several inputs needs `scatterMethod`");
            self.problems.push(problem.help("dotproduct takes the first items together, then the second ones, …"));
        }
        if nodes.is_empty() {
            return (None, Vec::new());
        }
        let inputs = nodes.iter().filter_map(|node| node.as_str()).map(|name| short_name(name).to_owned()).collect();
        let places = nodes.iter().map(|node| node.span.clone()).collect();
        (Some(Scatter { inputs, method: method.unwrap_or(ScatterMethod::Dotproduct) }), places)
    }

    /// Warns of a feature that is used but not asked for: other engines refuse that.
    fn needs(&mut self, scope: &Scope, class: &str, is_used: bool, at: &Span) {
        if is_used && !scope.has(class) {
            let problem = Diagnostic::warning(at, format!("this needs {class}, which is not among the requirements"));
            self.problems.push(problem.help(format!("add `{class}: {{}}` to `requirements` for other engines")));
        }
    }
}

/// What a reference within a workflow names. `own` is the identifier of the workflow, which may stand before it.
fn source(node: &Node, own: &str) -> Source {
    let text = identifier(node.as_str().unwrap_or_default());
    let is_own = |rest: &&str| !own.is_empty() && rest.starts_with('/');
    let text = text.strip_prefix(own).filter(is_own).map_or(text, |rest| &rest[1..]);
    match text.split_once('/') {
        Some((step, output)) => Source::StepOutput { step: step.to_owned(), output: output.to_owned() },
        None => Source::WorkflowInput(text.to_owned()),
    }
}
