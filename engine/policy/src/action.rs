//! What can be asked for.

use std::fmt;

use serde::Serialize;

/// What somebody wants to do. Policies know the actions by these names, and by two groups: `use_data` and `govern`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Take data in, or run a task.
    Submit,
    /// See content: an object, what a task printed, an earlier result.
    Read,
    /// Let content leave the site, in plain or sealed for somebody else.
    Export,
    /// See what something was made from.
    ViewProvenance,
    /// Approve what somebody else asked for, and look at it for that.
    Approve,
    /// Refuse what somebody else asked for, without a look at it.
    Refuse,
    /// Do an earlier run again.
    Reanalyse,
    /// Write down that a consent was withdrawn, and erase.
    Withdraw,
    /// Keep the site and its store.
    Administer,
    /// Read the audit log.
    Audit,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 10] = [
        Self::Submit,
        Self::Read,
        Self::Export,
        Self::ViewProvenance,
        Self::Approve,
        Self::Refuse,
        Self::Reanalyse,
        Self::Withdraw,
        Self::Administer,
        Self::Audit,
    ];

    /// Whether it is for people alone, so that no program can be told to do it: the policy `people-decide` refuses it.
    pub const fn is_for_people(self) -> bool {
        match self {
            Self::Submit | Self::Read | Self::ViewProvenance | Self::Reanalyse => false,
            Self::Export | Self::Approve | Self::Refuse | Self::Withdraw | Self::Administer | Self::Audit => true,
        }
    }

    /// Its name in policies and in the audit log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Read => "read",
            Self::Export => "export",
            Self::ViewProvenance => "view_provenance",
            Self::Approve => "approve",
            Self::Refuse => "refuse",
            Self::Reanalyse => "reanalyse",
            Self::Withdraw => "withdraw",
            Self::Administer => "administer",
            Self::Audit => "audit",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
