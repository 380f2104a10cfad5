//! What the documentation says of actions. An entry with an action that is in no list ends a test with a panic, so what is
//! done anywhere is in a list, and what is in a list is documented.

use std::collections::BTreeSet;

use sluis_access::{DECIDED_ACTIONS, DONE_ACTIONS};

const PAGE: &str = include_str!("../../../../../docs/audit.md");

/// The actions that a row of the table names.
fn documented(row: &str) -> BTreeSet<&'static str> {
    let line = PAGE.lines().find(|line| line.starts_with(&format!("| {row} | `")));
    // Between backticks stands every second part.
    line.unwrap().split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_documentation_lists_every_action_and_no_other() {
    for (row, actions) in [("decided", DECIDED_ACTIONS), ("done", DONE_ACTIONS)] {
        let known: BTreeSet<_> = actions.iter().copied().collect();
        assert_eq!(known.len(), actions.len(), "an action of `{row}` is listed twice");
        assert_eq!(documented(row), known, "the row `{row}` of docs/audit.md");
    }
}
