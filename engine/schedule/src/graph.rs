//! The graph of a workflow's steps.

use std::collections::{BTreeSet, HashMap};

use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::Dfs;
use sluis_cwl::{Source, Workflow};

/// Which step of a workflow waits for which: an edge leads from a step to each step that reads its outputs.
#[derive(Debug, Clone)]
pub struct StepGraph {
    graph: DiGraph<(), ()>,
}

impl StepGraph {
    /// A graph of `steps` steps in which the second step of each pair waits for the first.
    pub fn new(steps: usize, edges: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut graph = DiGraph::with_capacity(steps, steps);
        for _ in 0..steps {
            graph.add_node(());
        }
        let edges: BTreeSet<_> = edges.into_iter().collect();
        for (from, to) in edges {
            graph.add_edge(NodeIndex::new(from), NodeIndex::new(to), ());
        }
        Self { graph }
    }

    /// The graph of a checked workflow, whose steps keep their order.
    pub fn of_workflow(workflow: &Workflow) -> Self {
        let place: HashMap<&str, usize> =
            workflow.steps.iter().enumerate().map(|(index, step)| (step.id.as_str(), index)).collect();
        let edges = workflow.steps.iter().enumerate().flat_map(|(index, step)| {
            let place = &place;
            step.inputs.iter().flat_map(|input| &input.sources).filter_map(move |source| match source {
                Source::StepOutput { step, .. } => place.get(step.as_str()).map(|&from| (from, index)),
                Source::WorkflowInput(_) => None,
            })
        });
        Self::new(workflow.steps.len(), edges)
    }

    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Whether there are no steps.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// For how many other steps a step waits.
    pub(crate) fn predecessors(&self, step: usize) -> usize {
        self.graph.neighbors_directed(NodeIndex::new(step), petgraph::Direction::Incoming).count()
    }

    /// The steps that wait for a step directly.
    pub(crate) fn successors(&self, step: usize) -> impl Iterator<Item = usize> {
        self.graph.neighbors(NodeIndex::new(step)).map(NodeIndex::index)
    }

    /// The steps that wait for a step, directly or through others.
    pub(crate) fn downstream(&self, step: usize) -> Vec<usize> {
        let mut found = Vec::new();
        let mut search = Dfs::new(&self.graph, NodeIndex::new(step));
        while let Some(next) = search.next(&self.graph) {
            if next.index() != step {
                found.push(next.index());
            }
        }
        found
    }
}
