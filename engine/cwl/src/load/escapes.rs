//! Backslashes in texts of older documents: in CWL v1.0 and v1.1 a text that holds expressions takes whatever stands
//! behind a backslash as it is, as the standard's own engine reads it. Such texts are written anew as v1.2 has them.

use sluis_yaml::{Content, Node};

use crate::expression::{is_expression, newer_escapes};

/// The fields whose texts may hold expressions.
const CODE: [&str; 15] = [
    "arguments",
    "valueFrom",
    "position",
    "glob",
    "outputEval",
    "expression",
    "stdin",
    "stdout",
    "stderr",
    "listing",
    "entry",
    "entryname",
    "envValue",
    "secondaryFiles",
    "pattern",
];
/// The field that may hold the values of environment variables by their names.
const VARIABLES: &str = "envDef";

/// The process with its texts written as v1.2 has them; `None` if they are already. Processes within it are left out.
pub(super) fn newer(process: &Node) -> Option<Node> {
    if !any(process, false) {
        return None;
    }
    let mut newer = process.clone();
    rewrite(&mut newer, false);
    Some(newer)
}

/// Whether a text holds both an expression and a backslash.
fn any(node: &Node, is_text_code: bool) -> bool {
    match &node.value {
        Content::String(text) => is_text_code && text.contains('\\') && is_expression(text),
        Content::Sequence(items) => items.iter().any(|item| any(item, is_text_code)),
        Content::Mapping(fields) => fields.iter().any(|(name, field)| match name.as_str() {
            "run" => false,
            VARIABLES => match &field.node.value {
                Content::Mapping(variables) => variables.values().any(|variable| any(&variable.node, true)),
                _ => any(&field.node, false),
            },
            name => any(&field.node, CODE.contains(&name)),
        }),
        _ => false,
    }
}

fn rewrite(node: &mut Node, is_text_code: bool) {
    match &mut node.value {
        Content::String(text) if is_text_code && is_expression(text) => *text = newer_escapes(text),
        Content::Sequence(items) => items.iter_mut().for_each(|item| rewrite(item, is_text_code)),
        Content::Mapping(fields) => {
            for (name, field) in fields {
                match (name.as_str(), &mut field.node.value) {
                    ("run", _) => {}
                    (VARIABLES, Content::Mapping(variables)) => {
                        variables.values_mut().for_each(|variable| rewrite(&mut variable.node, true));
                    }
                    (name, _) => rewrite(&mut field.node, CODE.contains(&name)),
                }
            }
        }
        _ => {}
    }
}
