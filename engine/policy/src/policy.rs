//! One policy: what an auditor wants to know of it.

use std::{fmt, sync::Arc};

use serde::Serialize;

use crate::template::Template;

/// The name of a policy: that of its annotation `@id`, behind the file's name and a slash for one that a site added. A
/// site's policy without one is named by file, line and column.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct PolicyId(Arc<str>);

impl PolicyId {
    pub(crate) fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PolicyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a policy does where it applies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It allows what no policy forbids.
    Permit,
    /// It refuses, whatever permits it.
    Forbid,
}

/// What is to be known of a policy beside its condition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PolicySummary {
    /// Its name.
    pub id: PolicyId,
    /// What it does.
    pub effect: Effect,
    /// Whether it ships with sluis; otherwise the site added it.
    pub shipped: bool,
    /// The promise to the families that it keeps; empty if a site's policy names none.
    pub promise: String,
}

/// A policy as it was loaded, without its condition, which the engine has.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) summary: PolicySummary,
    pub(crate) reason: Template,
    pub(crate) remedy: Template,
}
