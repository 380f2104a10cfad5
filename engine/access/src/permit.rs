//! The proof that something was decided and written down.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use sluis_crypt4gh::PublicKey;
use sluis_model::{Address, Labels, ProjectName, Region, RunId, TaskId};
use sluis_policy::Execution;

use crate::{DataClass, audit::Written, standing::Standing};

/// What a reader of an object wants to do with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadAction {
    /// Look at it.
    Show,
    /// Write it in plain outside the site.
    Export,
    /// Read what a task printed.
    Logs,
    /// Use an earlier task's result.
    CachedResult,
    /// Let an expression of a workflow see its text.
    Expression,
    /// See where it came from.
    Provenance,
    /// Seal its data key for somebody else.
    Grant,
    /// Do a run again that was made from it.
    Repeat,
    /// See what a task was made of and why it failed.
    Explain,
    /// Find out what a run would do with it.
    Plan,
    /// See whether it may leave the site.
    Review,
}

impl ReadAction {
    /// The name in the audit log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Show => "show",
            Self::Export => "export",
            Self::Logs => "read-log",
            Self::CachedResult => "use-cached-result",
            Self::Expression => "read-in-expression",
            Self::Provenance => "view-provenance",
            Self::Grant => "grant",
            Self::Repeat => "repeat-run",
            Self::Explain => "explain-task",
            Self::Plan => "plan-run",
            Self::Review => "look-at-export",
        }
    }
}

/// What a task wants to do.
#[derive(Clone, Copy, Debug)]
pub struct TaskRequest<'a> {
    /// The run.
    pub run: &'a RunId,
    /// The task in it.
    pub task: TaskId,
    /// The tool's name.
    pub tool: &'a str,
    /// The project on whose behalf.
    pub project: &'a ProjectName,
    /// The objects it reads.
    pub inputs: &'a [Address],
    /// Labels of what reached it by other ways than as an object: strings and numbers made from data.
    pub derived_from: &'a Labels,
    /// Where it is to run.
    pub region: Region,
    /// The executor that is to run it.
    pub executor: &'a str,
    /// Whether it asks to reach the network.
    pub network: bool,
}

/// What a permit is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    Put,
    Task {
        run: RunId,
        task: TaskId,
        project: ProjectName,
        execution: Execution,
    },
    Read(ReadAction),
    /// Find out whether objects are whole, without giving anything of them out.
    Check,
    /// Remove what nobody needs.
    Collect,
    /// See what the store holds and what is kept or would go, without touching it.
    Survey,
}

/// Permission for exactly what was decided: these objects, for this purpose, at this site. Only this crate makes one.
#[derive(Debug)]
pub struct Permit {
    /// The site that decided, by its key: another site's permit says nothing here.
    pub(crate) site: PublicKey,
    pub(crate) purpose: Purpose,
    pub(crate) region: Region,
    pub(crate) addresses: BTreeSet<Address>,
    pub(crate) labels: Labels,
    /// How what is made under it is kept.
    pub(crate) class: DataClass,
    pub(crate) position: u64,
    /// When it was asked for.
    pub(crate) asked: Timestamp,
    /// By what it was last found to hold.
    pub(crate) standing: Mutex<Standing>,
    /// The newest record of something under it that did not wait for the disk.
    pub(crate) unflushed: Mutex<Option<Written>>,
}

impl Permit {
    /// What it allows, by its name in the audit log.
    pub const fn action(&self) -> &'static str {
        Self::action_of(&self.purpose)
    }

    pub(crate) const fn action_of(purpose: &Purpose) -> &'static str {
        match purpose {
            Purpose::Put => "put",
            Purpose::Task { .. } => "run-task",
            Purpose::Read(action) => action.name(),
            Purpose::Check => "check",
            Purpose::Collect => "collect-garbage",
            Purpose::Survey => "survey-store",
        }
    }

    /// The task that it allows, and the task's run.
    pub const fn task(&self) -> Option<(&RunId, TaskId)> {
        match &self.purpose {
            Purpose::Task { run, task, .. } => Some((run, *task)),
            Purpose::Put | Purpose::Read(_) | Purpose::Check | Purpose::Collect | Purpose::Survey => None,
        }
    }

    /// The executor that may run the task.
    pub fn executor(&self) -> Option<&str> {
        match &self.purpose {
            Purpose::Task { execution, .. } => Some(&execution.executor),
            Purpose::Put | Purpose::Read(_) | Purpose::Check | Purpose::Collect | Purpose::Survey => None,
        }
    }

    /// Where the data may be processed.
    pub const fn region(&self) -> Region {
        self.region
    }

    /// The objects that may be opened.
    pub const fn addresses(&self) -> &BTreeSet<Address> {
        &self.addresses
    }

    /// The join of the labels of everything it covers: what is made from it carries these.
    pub const fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The number of the decision's record in the audit log.
    pub const fn audit_record(&self) -> u64 {
        self.position
    }

    /// Remembers a record of something under it that did not wait for the disk.
    pub(crate) fn keep_unflushed(&self, written: Written) {
        let mut newest = self.unflushed.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.as_ref().is_none_or(|other| other.number() < written.number()) {
            *newest = Some(written);
        }
    }

    /// The newest of these. Once it is on the disk, all are.
    pub(crate) fn unflushed(&self) -> Option<Written> {
        self.unflushed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether new objects may be made under it.
    pub(crate) const fn allows_sealing(&self) -> bool {
        matches!(self.purpose, Purpose::Put | Purpose::Task { .. })
    }
}

impl fmt::Display for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the permit to {} of audit record {}", self.action(), self.position)
    }
}
