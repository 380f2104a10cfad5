//! The order of the nodes of a graph: layers so that every edge goes down, and few crossings within them.

use petgraph::{
    Direction,
    graph::{DiGraph, NodeIndex},
    visit::Topo,
};

/// How often the layers are put in order, once down and once up.
const SWEEPS: usize = 4;
/// The most bends that are laid out; what needs more goes straight.
const MOST_BENDS: usize = 20_000;

/// Nodes in layers. Nodes are numbered as they were given; the bends of edges come after them.
pub struct Layers {
    /// The nodes of each layer from left to right.
    pub layers: Vec<Vec<usize>>,
    /// For each edge, the bends in the layers between its ends.
    pub bends: Vec<Vec<usize>>,
}

/// The layers of a graph. Every edge goes from a layer to a later one. The edges must have no circle; nodes within one
/// are left out.
pub fn layers(nodes: usize, edges: &[(usize, usize)]) -> Layers {
    let mut graph = DiGraph::<(), ()>::with_capacity(nodes, edges.len());
    (0..nodes).for_each(|_| {
        graph.add_node(());
    });
    for &(from, to) in edges {
        graph.add_edge(NodeIndex::new(from), NodeIndex::new(to), ());
    }
    let (order, depth) = depths(&graph);
    let deepest = order.iter().map(|node| depth[*node]).max().unwrap_or(0);
    let mut layers = vec![Vec::new(); deepest + 1];
    for node in order {
        layers[depth[node]].push(node);
    }
    let mut bends = vec![Vec::new(); edges.len()];
    let mut left = MOST_BENDS;
    for (bends, &(from, to)) in bends.iter_mut().zip(edges) {
        let between = depth[from] + 1..depth[to];
        if between.is_empty() || between.len() > left {
            continue;
        }
        left -= between.len();
        let mut last = NodeIndex::new(from);
        for layer in between {
            let bend = graph.add_node(());
            graph.add_edge(last, bend, ());
            layers[layer].push(bend.index());
            bends.push(bend.index());
            last = bend;
        }
        graph.add_edge(last, NodeIndex::new(to), ());
    }
    layers.retain(|layer| !layer.is_empty());
    put_in_order(&graph, &mut layers);
    Layers { layers, bends }
}

/// The nodes in an order in which they could run, and the layer of each: as early as possible; but what nothing feeds
/// stands right before its first reader.
fn depths(graph: &DiGraph<(), ()>) -> (Vec<usize>, Vec<usize>) {
    let mut depth = vec![0_usize; graph.node_count()];
    let mut order = Vec::with_capacity(graph.node_count());
    let mut walk = Topo::new(graph);
    while let Some(node) = walk.next(graph) {
        let before = graph.neighbors_directed(node, Direction::Incoming).map(|from| depth[from.index()] + 1);
        depth[node.index()] = before.max().unwrap_or(0);
        order.push(node);
    }
    for &node in &order {
        if graph.neighbors_directed(node, Direction::Incoming).next().is_none() {
            let readers = graph.neighbors_directed(node, Direction::Outgoing).map(|to| depth[to.index()]);
            depth[node.index()] = readers.min().map_or(0, |first| first.saturating_sub(1));
        }
    }
    (order.into_iter().map(NodeIndex::index).collect(), depth)
}

/// Puts each node near the middle of its neighbours in the layers above and below.
fn put_in_order(graph: &DiGraph<(), ()>, layers: &mut [Vec<usize>]) {
    let mut places = vec![0.5; graph.node_count()];
    layers.iter().for_each(|layer| spread(layer, &mut places));
    for _ in 0..SWEEPS {
        for layer in layers.iter_mut() {
            straighten(graph, layer, &mut places, Direction::Incoming);
        }
        for layer in layers.iter_mut().rev() {
            straighten(graph, layer, &mut places, Direction::Outgoing);
        }
    }
}

fn straighten(graph: &DiGraph<(), ()>, layer: &mut [usize], places: &mut [f64], direction: Direction) {
    layer.sort_by_cached_key(|node| {
        let others = graph.neighbors_directed(NodeIndex::new(*node), direction);
        let (sum, count) = others.fold((0.0, 0), |(sum, count), other| (sum + places[other.index()], count + 1));
        let middle = if count == 0 { places[*node] } else { sum / f64::from(count) };
        // Places lie between 0 and 1.
        (middle * 1e9) as u64
    });
    spread(layer, places);
}

fn spread(layer: &[usize], places: &mut [f64]) {
    for (index, node) in layer.iter().enumerate() {
        places[*node] = (index as f64 + 0.5) / layer.len() as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::layers;

    #[test]
    fn every_edge_goes_down_and_inputs_stand_beside_their_readers() {
        let found = layers(5, &[(0, 1), (1, 2), (2, 3), (4, 3)]);
        assert_eq!(found.layers[0], [0]);
        assert_eq!(found.layers[3], [3]);
        assert!(found.layers[2].contains(&4));
    }

    #[test]
    fn an_edge_over_several_layers_bends_in_each() {
        let found = layers(4, &[(0, 1), (1, 2), (2, 3), (0, 3)]);
        assert_eq!(found.bends[3].len(), 2);
        for (bend, layer) in found.bends[3].iter().zip(&found.layers[1..]) {
            assert!(layer.contains(bend));
        }
    }
}
