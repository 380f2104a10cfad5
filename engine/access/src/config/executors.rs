//! `executors` and `confidential-computing` of `site.yaml`: on what the site's data are worked.

use std::collections::BTreeSet;

use sluis_yaml::{Diagnostics, Fields};

pub(super) const ALLOWED: &str = "executors";

pub(super) const CONFIDENTIAL: &str = "confidential-computing";

/// The executor that runs tools without a container.
pub(crate) const LOCAL: &str = "local";

/// What the engine does itself: sealing inputs, evaluating expressions.
const ENGINE: &str = "engine";

/// On what the site's data are worked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Executors {
    /// The executors that the site allows beside the engine itself and those without a container, of which
    /// `local-executor` says whether they are; every one if `None`.
    pub allowed: Option<BTreeSet<String>>,
    /// Whether the memory of the site's own machines is encrypted by their processors, as who keeps the site says.
    pub confidential: bool,
}

impl Executors {
    /// Whether an executor other than the one without a container is allowed.
    pub(crate) fn allow(&self, executor: &str) -> bool {
        executor == ENGINE || self.allowed.as_ref().is_none_or(|allowed| allowed.contains(executor))
    }
}

pub(super) fn read(fields: Fields<'_>, problems: &mut Diagnostics) -> Executors {
    let mut allowed = fields.get(ALLOWED).map(|_| BTreeSet::new());
    if let Some(allowed) = &mut allowed {
        for node in fields.list(ALLOWED, problems) {
            match node.as_str() {
                Some(LOCAL) => {
                    let message = "`executors`: tools without a container are allowed by `local-executor: allow`";
                    problems.error(&node.span, message.to_owned());
                }
                Some(name) if !name.is_empty() => drop(allowed.insert(name.to_owned())),
                _ => problems.error(&node.span, "`executors`: an executor has a name, as docker or sandbox".to_owned()),
            }
        }
    }
    Executors { allowed, confidential: fields.boolean(CONFIDENTIAL, problems).unwrap_or_default() }
}

/// The fields as text; nothing if they are as they are anyway.
pub(super) fn to_yaml(executors: &Executors) -> String {
    let names =
        |names: &BTreeSet<String>| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let allowed = executors.allowed.as_ref().map(|allowed| format!("{ALLOWED}: [{}]\n", names(allowed)));
    let confidential = if executors.confidential { format!("{CONFIDENTIAL}: true\n") } else { String::new() };
    format!("{}{confidential}", allowed.unwrap_or_default())
}
