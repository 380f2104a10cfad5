//! Making damaged objects again: the store knows the task that made each, and the run's journal what the run was made
//! from, so the run is done again, with every result that is still there.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sluis_access::{Checked, Site};
use sluis_model::{Address, RunId, TaskKey};
use sluis_schedule::RunSummary;

use crate::{
    CheckReport, Finding, UpkeepError,
    needs::{RunNeeds, TaskRecords},
    origin::Origins,
};

/// Why an object cannot be made again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhyNot {
    /// It was taken in, and no task made it.
    TakenIn,
    /// It is what a task printed, which no second time is the same.
    Log,
    /// The run that made it does not say what it was made from.
    NotKept,
    /// The run was done again, but failed, or made something else.
    NotReproduced,
}

/// A damaged object that stays so.
#[derive(Clone, Debug, Serialize)]
pub struct Lost {
    /// The object, and everything that depends on it.
    #[serde(flatten)]
    pub finding: Finding,
    /// Why.
    pub why: WhyNot,
}

/// What has to be done.
#[derive(Debug, Default)]
pub struct HealPlan {
    /// Runs to do again, each with the damaged objects that it makes.
    pub repeat: Vec<(RunSummary, Vec<Address>)>,
    /// Objects that no run can make again.
    pub lost: Vec<Lost>,
    /// What cannot be read, and is left as it is.
    unreadable: Vec<Finding>,
    /// All that is damaged.
    findings: BTreeMap<Address, Finding>,
    /// Task entries that are damaged.
    tasks: BTreeSet<TaskKey>,
}

/// What became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Healed {
    /// Objects that are whole again.
    pub made_again: Vec<Address>,
    /// Task entries that are whole again.
    pub tasks: Vec<TaskKey>,
    /// Objects that are not.
    pub lost: Vec<Lost>,
    /// Objects that cannot be read now, and were left as they are.
    pub unreadable: Vec<Finding>,
}

/// What can be done about what a check found, and about what was set aside before and is not there again.
///
/// # Errors
/// If the store or a journal cannot be read.
pub fn plan_healing(site: &Site, found: &CheckReport) -> Result<HealPlan, UpkeepError> {
    let tasks = TaskRecords::read(site)?;
    let needs = RunNeeds::read_all(site)?;
    let origins = Origins::of(&tasks, &needs);
    let mut findings: BTreeMap<_, _> = found.damaged.iter().map(|one| (one.address, one.clone())).collect();
    for address in site.store().set_aside_addresses()? {
        if !site.store().contains(&address)? {
            let part = "set aside before".to_owned();
            findings.entry(address).or_insert_with(|| origins.finding(address, part));
        }
    }
    let (tasks_damaged, unreadable) = (tasks.damaged.clone(), found.unreadable.clone());
    let mut plan = HealPlan { tasks: tasks_damaged, unreadable, ..HealPlan::default() };
    let mut repeat: BTreeMap<&RunId, (&RunNeeds, Vec<Address>)> = BTreeMap::new();
    for finding in findings.values() {
        match maker_run(finding, &origins, &needs) {
            Ok(run) => repeat.entry(&run.run.run).or_insert((run, Vec::new())).1.push(finding.address),
            Err(why) => plan.lost.push(Lost { finding: finding.clone(), why }),
        }
    }
    for key in &plan.tasks {
        if let Some(run) = needs.iter().find(|run| run.tasks.contains(key) && run.run.documents.is_some()) {
            repeat.entry(&run.run.run).or_insert((run, Vec::new()));
        }
    }
    plan.repeat = repeat.into_values().map(|(needs, objects)| (needs.run.clone(), objects)).collect();
    plan.findings = findings;
    Ok(plan)
}

/// The newest run that makes an object again.
fn maker_run<'a>(finding: &Finding, origins: &Origins<'_>, needs: &'a [RunNeeds]) -> Result<&'a RunNeeds, WhyNot> {
    let address = &finding.address;
    if origins.is_log(address) {
        return Err(WhyNot::Log);
    }
    let makes = |needs: &&RunNeeds| match &finding.made_by {
        // The entry of a task group is none of the run's tasks.
        Some(maker) => needs.tasks.contains(&maker.key) || needs.run.run == maker.run,
        None => needs.run.outputs == Some(*address),
    };
    let mut makers = needs.iter().filter(makes).peekable();
    if makers.peek().is_none() {
        return Err(if finding.made_by.is_some() { WhyNot::NotKept } else { WhyNot::TakenIn });
    }
    makers.rfind(|needs| needs.run.documents.is_some()).ok_or(WhyNot::NotKept)
}

/// Looks what is whole again when the runs of a plan were done again.
///
/// # Errors
/// If the store cannot be read, or the decision is no.
pub fn healed(site: &Site, plan: HealPlan) -> Result<Healed, UpkeepError> {
    let HealPlan { repeat, mut lost, unreadable, findings, tasks } = plan;
    let mut made_again = Vec::new();
    for address in repeat.iter().flat_map(|(_, objects)| objects) {
        let permit = site.permit_check(&[*address])?;
        if matches!(site.check(&permit, address)?, Checked::Whole(_)) {
            made_again.push(*address);
        } else if let Some(finding) = findings.get(address) {
            lost.push(Lost { finding: finding.clone(), why: WhyNot::NotReproduced });
        }
    }
    let is_whole = |key: &TaskKey| site.task(key).is_ok_and(|record| record.is_some());
    Ok(Healed { made_again, tasks: tasks.into_iter().filter(is_whole).collect(), lost, unreadable })
}
