//! Whether what runs is permitted still. It is decided anew whenever something changed by which it was decided.

use std::sync::PoisonError;

use jiff::{Timestamp, civil::Date};
use sluis_model::Labels;

use crate::{
    AccessError, Caller, Permit, Refusal, Site,
    audit::Entry,
    decision::{Basis, day_of},
    error::Reason,
    permit::Purpose,
    registry::Registry,
};

/// What can change while a permit is made use of. As long as it stays the same, so does the decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Standing {
    registry: String,
    today: Date,
    caller: (bool, usize),
}

impl Standing {
    pub(crate) fn of(registry: &Registry, caller: &Caller, now: Timestamp) -> Self {
        Self { registry: registry.digest.clone(), today: day_of(now), caller: caller.standing(now) }
    }
}

impl Site {
    /// Whether a task that was permitted is permitted still, by the registry as it is now, on this day, and by what was
    /// delegated and what visas say. A login has the age that it had when the task was asked for. A refusal is written
    /// down.
    ///
    /// # Errors
    /// The refusal, or what kept it from being found out; if the permit is for something else than a task.
    pub fn still_permits(&self, permit: &Permit) -> Result<(), AccessError> {
        self.check_origin(permit)?;
        let Purpose::Task { run, task, project, execution } = &permit.purpose else {
            return Err(AccessError::NotCovered("a task".to_owned()));
        };
        let (in_force, now) = (self.in_force()?, Timestamp::now());
        let registry = &*in_force.registry;
        let standing = Standing::of(registry, self.caller(), now);
        let mut known = permit.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == standing {
            return Ok(());
        }
        self.note_refused_registry(&in_force)?;
        if let Some(written) = self.note_basis(registry)? {
            written.flush().map_err(AccessError::Audit)?;
        }
        let asked = self.asked_to_run(run, project, permit.region, execution.clone());
        let basis = Basis { asked: permit.asked, ..self.basis(registry, now) };
        let verdict = basis.verdict(&asked, permit.labels(), Vec::new());
        if verdict.allowed {
            *known = standing;
            return Ok(());
        }
        let mut entry = Entry::new("end-permit");
        entry.caller = self.caller().told_name(registry);
        entry.project = project.to_string();
        entry.permit = Some(permit.audit_record());
        (entry.run, entry.task) = (Some(run.to_string()), Some(task.0));
        entry.registry.clone_from(&registry.digest);
        entry.policies = verdict.deciding.iter().map(ToString::to_string).collect();
        let Labels { datasets, subjects } = permit.labels();
        entry.datasets = datasets.iter().map(ToString::to_string).collect();
        entry.subjects = subjects.iter().map(ToString::to_string).collect();
        let mut reasons: Vec<_> = verdict.reasons.into_iter().map(Reason::from).collect();
        reasons.sort();
        reasons.dedup();
        entry.reasons = reasons.iter().map(|reason| reason.text.clone()).collect();
        self.audit().decide(&entry)?;
        Err(AccessError::Refused(Refusal { action: format!("go on under {permit}"), reasons }))
    }
}
