//! Where everything stands; lengths are in pixels.

use std::collections::HashMap;

use sluis_cwl::{Process, Source, Workflow, WorkflowStep};

use crate::layers::{Layers, layers};

/// Between neighbours in a layer.
const GAP: f64 = 24.0;
/// Between layers.
const LAYER_GAP: f64 = 48.0;
/// Around the steps of a subworkflow.
const MARGIN: f64 = 20.0;
/// A line of text.
pub const LINE: f64 = 16.0;
/// About the width of a character.
const CHARACTER: f64 = 7.4;
/// The shift between the sheets of a stack.
pub const STACK: f64 = 5.0;
/// The most characters of a name that are shown.
const LONGEST: usize = 40;

/// A workflow with everything at its place.
#[derive(Default)]
pub struct Drawing {
    pub width: f64,
    pub height: f64,
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
}

/// A box.
pub struct Node {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    /// The top and the bottom of its layer.
    pub layer: (f64, f64),
    pub kind: Kind,
    pub name: String,
    /// What stands below the name.
    pub detail: String,
    pub is_scattered: bool,
    pub is_conditional: bool,
    /// The steps of a subworkflow.
    pub inside: Option<Drawing>,
}

/// What a box is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Input,
    Output,
    Tool,
    Expression,
    Workflow,
    Operation,
}

/// A line from the bottom of one box to the top of another, as indices of boxes.
#[derive(Default)]
pub struct Edge {
    pub from: usize,
    pub to: usize,
    /// Where it passes the layers in between.
    pub bends: Vec<Bend>,
}

/// A place where a line goes straight down through a layer.
#[derive(Clone, Copy, Default)]
pub struct Bend {
    pub x: f64,
    pub top: f64,
    pub bottom: f64,
}

impl Drawing {
    /// A workflow with its inputs, steps and outputs.
    pub fn of_workflow(workflow: &Workflow) -> Self {
        let mut parts = Parts::default();
        for input in &workflow.inputs {
            parts.inputs.insert(&input.name, parts.nodes.len());
            parts.nodes.push(Node::parameter(Kind::Input, &input.name, &input.ty.describe()));
        }
        for step in &workflow.steps {
            parts.steps.insert(&step.id, parts.nodes.len());
            parts.nodes.push(Node::step(step));
        }
        for step in &workflow.steps {
            let to = parts.steps[step.id.as_str()];
            step.inputs.iter().flat_map(|input| &input.sources).for_each(|source| parts.link(source, to));
        }
        for output in &workflow.outputs {
            let to = parts.nodes.len();
            parts.nodes.push(Node::parameter(Kind::Output, &output.name, &output.ty.describe()));
            output.sources.iter().for_each(|source| parts.link(source, to));
        }
        arranged(parts.nodes, parts.edges)
    }

    /// A tool with its inputs and outputs.
    pub fn of_tool(process: &Process) -> Self {
        let mut nodes = vec![Node::of(process, process.name())];
        let mut edges = Vec::new();
        for input in process.inputs() {
            edges.push(Edge { from: nodes.len(), to: 0, ..Edge::default() });
            nodes.push(Node::parameter(Kind::Input, &input.name, &input.ty.describe()));
        }
        for (output, ty, _) in process.outputs() {
            edges.push(Edge { from: 0, to: nodes.len(), ..Edge::default() });
            nodes.push(Node::parameter(Kind::Output, output, &ty.describe()));
        }
        arranged(nodes, edges)
    }
}

/// The boxes and lines of a workflow, before they have a place.
#[derive(Default)]
struct Parts<'w> {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    inputs: HashMap<&'w str, usize>,
    steps: HashMap<&'w str, usize>,
}

impl Parts<'_> {
    fn link(&mut self, source: &Source, to: usize) {
        let from = match source {
            Source::WorkflowInput(name) => self.inputs.get(name.as_str()),
            Source::StepOutput { step, .. } => self.steps.get(step.as_str()),
        };
        // Several links between the same two boxes are one line.
        if let Some(&from) = from
            && !self.edges.iter().rev().any(|edge| (edge.from, edge.to) == (from, to))
        {
            self.edges.push(Edge { from, to, ..Edge::default() });
        }
    }
}

impl Node {
    fn new(kind: Kind, name: &str, detail: &str) -> Self {
        let (name, detail) = (shortened(name), shortened(detail));
        let characters = name.chars().count().max(detail.chars().count());
        Self {
            x: 0.0,
            y: 0.0,
            width: characters as f64 * CHARACTER + 2.0 * MARGIN,
            height: 3.0 * LINE,
            layer: (0.0, 0.0),
            kind,
            name,
            detail,
            is_scattered: false,
            is_conditional: false,
            inside: None,
        }
    }

    fn parameter(kind: Kind, name: &str, ty: &str) -> Self {
        Self::new(kind, name, ty)
    }

    fn of(process: &Process, id: &str) -> Self {
        let kind = match process {
            Process::CommandLineTool(_) => Kind::Tool,
            Process::ExpressionTool(_) => Kind::Expression,
            Process::Workflow(_) => Kind::Workflow,
            Process::Operation(_) => Kind::Operation,
        };
        Self::new(kind, id, if process.name() == id { "" } else { process.name() })
    }

    fn step(step: &WorkflowStep) -> Self {
        let mut node = Self::of(&step.run, &step.id);
        node.is_scattered = step.scatter.is_some();
        node.is_conditional = step.when.is_some();
        if let Some(scatter) = &step.scatter {
            node.detail = shortened(&format!("for each {}", scatter.inputs.join(", ")));
        }
        if step.when.is_some() {
            node.detail = format!("{} (if wanted)", node.detail).trim().to_owned();
        }
        node.width = node.width.max(node.detail.chars().count() as f64 * CHARACTER + 2.0 * MARGIN);
        if let Process::Workflow(workflow) = &step.run {
            let inside = Drawing::of_workflow(workflow);
            node.width = node.width.max(inside.width);
            node.height += inside.height;
            node.inside = Some(inside);
        }
        node
    }
}

/// Gives every box and every line its place.
fn arranged(mut nodes: Vec<Node>, mut edges: Vec<Edge>) -> Drawing {
    let ends: Vec<_> = edges.iter().map(|edge| (edge.from, edge.to)).collect();
    let Layers { layers, bends } = layers(nodes.len(), &ends);
    let width = |item: usize| nodes.get(item).map_or(0.0, |node| node.width);
    let width_of = |layer: &[usize]| {
        layer.iter().map(|item| width(*item)).sum::<f64>() + GAP * layer.len().saturating_sub(1) as f64
    };
    let widths: Vec<_> = layers.iter().map(|layer| width_of(layer)).collect();
    let widest = widths.iter().copied().fold(0.0, f64::max);
    let mut places = vec![Bend::default(); nodes.len() + bends.iter().map(Vec::len).sum::<usize>()];
    let mut y = MARGIN;
    for (layer, layer_width) in layers.iter().zip(widths) {
        let mut x = MARGIN + (widest - layer_width) / 2.0;
        let height = layer.iter().filter_map(|item| nodes.get(*item)).map(|node| node.height).fold(0.0, f64::max);
        for &item in layer {
            match nodes.get_mut(item) {
                Some(node) => {
                    (node.x, node.y) = (x, y + (height - node.height) / 2.0);
                    node.layer = (y, y + height);
                    x += node.width + GAP;
                }
                None => {
                    places[item] = Bend { x, top: y, bottom: y + height };
                    x += GAP;
                }
            }
        }
        y += height + LAYER_GAP;
    }
    for (edge, bends) in edges.iter_mut().zip(bends) {
        edge.bends = bends.into_iter().map(|bend| places[bend]).collect();
    }
    Drawing { width: widest + 2.0 * MARGIN, height: y - LAYER_GAP + MARGIN, nodes, edges }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
