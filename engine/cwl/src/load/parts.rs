//! Parts of a document that it imports from itself (`$import: '#name'`): packed documents hold their types this way.

use std::collections::{HashMap, HashSet};

use sluis_yaml::{Content, Node};

use super::documents::identifier;

/// The parts that are imported, by identifier.
#[derive(Debug, Default)]
pub(super) struct Parts(HashMap<String, Node>);

impl Parts {
    /// Those of a document in which nothing is resolved yet.
    pub fn of(root: &Node) -> Self {
        let mut wanted = HashSet::new();
        for_each_mapping(root, &mut |node| {
            let name = node.get("$import").and_then(Node::as_str).and_then(|name| name.strip_prefix('#'));
            wanted.extend(name);
        });
        let mut found = HashMap::new();
        if !wanted.is_empty() {
            for_each_mapping(root, &mut |node| {
                for name in ["id", "name"].into_iter().filter_map(|field| node.get(field)?.as_str()) {
                    if wanted.contains(identifier(name)) {
                        found.entry(identifier(name).to_owned()).or_insert_with(|| node.clone());
                    }
                }
            });
        }
        Self(found)
    }

    /// The part with an identifier.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.0.get(name)
    }
}

fn for_each_mapping<'n>(node: &'n Node, visit: &mut impl FnMut(&'n Node)) {
    match &node.value {
        Content::Mapping(fields) => {
            visit(node);
            fields.values().for_each(|field| for_each_mapping(&field.node, visit));
        }
        Content::Sequence(items) => items.iter().for_each(|item| for_each_mapping(item, visit)),
        _ => {}
    }
}
