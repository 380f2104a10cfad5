//! The page for auditors says what the policies say.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use std::fmt::Write;

use sluis_policy::{Effect, PolicySet};

const PAGE: &str = include_str!("../../../docs/policy.md");

#[test]
fn the_page_lists_every_policy_that_ships() {
    let set = PolicySet::shipped().unwrap();
    let mut table = "| policy | promise |\n|---|---|\n".to_owned();
    let mut listed: Vec<_> = set.policies().collect();
    listed.sort_by_key(|policy| policy.effect == Effect::Forbid);
    for policy in listed {
        let effect = if policy.effect == Effect::Permit { " (permit)" } else { "" };
        writeln!(table, "| `{}`{effect} | {} |", policy.id, policy.promise).unwrap();
    }
    assert!(PAGE.contains(&table), "docs/policy.md should have this table:\n{table}");
}

#[test]
fn the_page_lists_every_fact_that_a_text_can_name() {
    let text = "@reason(\"{}\") forbid (principal, action, resource);";
    let error = PolicySet::with_extensions(&[("a.cedar", text)]).unwrap_err().to_string();
    let names = error.split_once("there are ").unwrap().1.split(", ");
    let line = names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ");
    let page = PAGE.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains(&line), "docs/policy.md should have this list:\n{line}");
}
