//! `sluis store heal`

use std::sync::Arc;

use serde_json::json;
use sluis_access::Site;
use sluis_schedule::RunState;
use sluis_upkeep::{Check, CheckReport, HealPlan, Healed, Lost, WhyNot};

use super::{report, scrub, to_json};
use crate::{commands::run, exit::Exit, failure::Failure, output};

/// Makes damaged objects again.
pub fn carry_out(site: &Arc<Site>, no_check: bool, give_up: bool, json: bool) -> Result<Exit, Failure> {
    let found = match no_check {
        true => CheckReport::nothing(),
        false => scrub(site, Check { restart: true, set_aside: true, give_up }, json)?,
    };
    let plan = sluis_upkeep::plan_healing(site, &found)?;
    let mut failed = repeat_runs(site, &plan, json);
    let healed = sluis_upkeep::healed(site, plan)?;
    if json {
        let mut value = to_json(&healed)?;
        value["failed_runs"] = failed.drain(..).map(|(run, why)| json!({ "run": run, "why": why })).collect();
        output::json(&value);
    } else {
        tell(&healed, &failed);
    }
    Ok(if healed.lost.is_empty() && healed.unreadable.is_empty() { Exit::Success } else { Exit::Damaged })
}

/// Does the runs of a plan again; gives those that did not complete, with the reason.
fn repeat_runs(site: &Arc<Site>, plan: &HealPlan, json: bool) -> Vec<(String, String)> {
    let mut failed = Vec::new();
    for (earlier, objects) in &plan.repeat {
        if !json {
            output::note(&format!("Doing run {} again for {} damaged objects.", earlier.run, objects.len()));
        }
        let why = match run::repeat(site, earlier, json) {
            Ok(outcome) if outcome.result.state == RunState::Complete => continue,
            Ok(outcome) => format!("it failed as run {}; sluis logs {}", outcome.run, outcome.run),
            Err(failure) => failure.text(),
        };
        failed.push((earlier.run.to_string(), why));
    }
    failed
}

fn tell(healed: &Healed, failed: &[(String, String)]) {
    for address in &healed.made_again {
        output::line(&format!("{address}  made again"));
    }
    for key in &healed.tasks {
        output::line(&format!("{key}  made again"));
    }
    for (run, why) in failed {
        output::line(&format!("run {run} was not done again: {why}"));
    }
    for Lost { finding, why } in &healed.lost {
        report::finding(finding);
        output::line(&format!("    not made again: {}", in_words(*why)));
    }
    report::unreadable(&healed.unreadable);
    let nothing = healed.unreadable.is_empty();
    if nothing && healed.made_again.is_empty() && healed.tasks.is_empty() && healed.lost.is_empty() {
        output::line("Nothing is damaged.");
    }
}

const fn in_words(why: WhyNot) -> &'static str {
    match why {
        WhyNot::TakenIn => "no task made it; put the same file again",
        WhyNot::Log => "it is what a task printed, which is not needed for any result",
        WhyNot::NotKept => "the run that made it does not say what it was made from; run its workflow again",
        WhyNot::NotReproduced => "the run that made it, done again, failed or made something else",
    }
}
