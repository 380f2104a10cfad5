//! Steps that wait for themselves.

use std::collections::HashMap;

use petgraph::{algo::tarjan_scc, graph::DiGraph};
use sluis_yaml::{Diagnostic, Diagnostics};

use super::WorkflowPlaces;
use crate::{Source, Workflow};

/// Reports each group of steps that wait for one another.
pub(super) fn check(workflow: &Workflow, places: &WorkflowPlaces, problems: &mut Diagnostics) {
    let mut graph = DiGraph::<usize, ()>::new();
    let nodes: Vec<_> = (0..workflow.steps.len()).map(|index| graph.add_node(index)).collect();
    let by_name: HashMap<_, _> = workflow.steps.iter().zip(&nodes).map(|(step, node)| (&*step.id, *node)).collect();
    for (step, node) in workflow.steps.iter().zip(&nodes) {
        for source in step.inputs.iter().flat_map(|input| &input.sources) {
            if let Source::StepOutput { step, .. } = source
                && let Some(from) = by_name.get(step.as_str())
            {
                graph.add_edge(*from, *node, ());
            }
        }
    }
    for group in tarjan_scc(&graph) {
        let mut steps: Vec<_> = group.iter().map(|node| graph[*node]).collect();
        steps.sort_unstable();
        let [first, others @ ..] = steps.as_slice() else { continue };
        let waits_for_itself = graph.contains_edge(nodes[*first], nodes[*first]);
        if others.is_empty() && !waits_for_itself {
            continue;
        }
        let name = |index: usize| &workflow.steps[index].id;
        let at = &places.steps[*first].at;
        let mut problem = if others.is_empty() {
            Diagnostic::error(at, format!("the step `{}` waits for its own output", name(*first)))
        } else {
            let names: Vec<_> = steps.iter().map(|step| format!("`{}`", name(*step))).collect();
            Diagnostic::error(at, format!("the steps {} wait for one another, so none can begin", names.join(", ")))
        };
        for other in others {
            problem = problem.label(&places.steps[*other].at, "in the same circle");
        }
        problems.push(problem);
    }
}
