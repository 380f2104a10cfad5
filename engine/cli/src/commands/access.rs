//! `sluis access`

use std::path::Path;

use jiff::{Timestamp, ToSpan, civil::Date, tz::Offset};
use serde_json::json;
use sluis_access::{Days, Question, Site, Thing};
use sluis_policy::{Action, Effect, Explanation};

use crate::{
    arguments::{Access, AccessQuestion},
    commands::objects::resolve,
    exit::Exit,
    failure::Failure,
    output, site,
};

/// Carries out a subcommand.
pub fn carry_out(folder: &Path, access: Access, json: bool) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    match access {
        Access::Explain(explain) => {
            let explanation = site.explain(explain.person.as_deref(), &question(&site, explain.question)?)?;
            tell(&explanation, json);
        }
        Access::WhoCan(asked) => {
            let able = site.who_can(&question(&site, asked)?)?;
            if json {
                output::json(&json!(able));
            } else {
                for one in able {
                    let project = one.project.map_or_else(String::new, |project| format!("  for {project}"));
                    output::line(&format!("{}{project}", one.person));
                    one.visas.iter().for_each(|text| output::line(&format!("  unless {text}")));
                }
            }
        }
        Access::Report { since, until } => report(&site, since, until, json)?,
    }
    Ok(Exit::Success)
}

fn question(site: &Site, asked: AccessQuestion) -> Result<Question, Failure> {
    let action = Action::ALL.into_iter().find(|action| action.name() == asked.action);
    let action = action.ok_or_else(|| Failure::new(Exit::Usage, format!("there is no action {}", asked.action)))?;
    let thing = match asked.thing.as_str() {
        "site" => Thing::Site,
        text if text.starts_with("b3:") => Thing::Object(resolve(site, text)?),
        text => Thing::Dataset(text.parse().map_err(|error| Failure::of(Exit::Usage, &error))?),
    };
    let is_about_the_site = matches!(thing, Thing::Site);
    let fits = match action {
        Action::Administer | Action::Audit => is_about_the_site,
        Action::Withdraw => true,
        _ => !is_about_the_site,
    };
    if !fits {
        let of = if is_about_the_site { "a dataset or an object, not of the site" } else { "the `site`, not of data" };
        return Err(Failure::new(Exit::Usage, format!("`{}` can be asked of {of}", asked.action)));
    }
    Ok(Question { action, thing, project: asked.project })
}

fn tell(explanation: &Explanation, json: bool) {
    let verdict = &explanation.verdict;
    if json {
        output::json(&json!(explanation));
        return;
    }
    let permits = explanation.policies.iter().filter(|one| one.applied && one.policy.effect == Effect::Permit);
    let permits = permits.map(|one| one.policy.id.to_string()).collect::<Vec<_>>().join(", ");
    if verdict.allowed {
        output::line(&format!("allowed, by {permits}"));
        verdict.duties.iter().for_each(|duty| output::line(&format!("  duty:    {duty}")));
        return;
    }
    output::line("refused");
    for reason in &verdict.reasons {
        output::line(&format!("  {}", reason.text));
        output::line(&format!("    policy:  {}", reason.policy));
        output::line(&format!("    promise: {}", reason.promise));
        output::line(&format!("    remedy:  {}", reason.remedy.replace('\n', "\n             ")));
    }
    if !permits.is_empty() {
        output::line(&format!("Nothing else is against it: with all of that mended it is permitted, by {permits}."));
    }
}

fn report(site: &Site, since: Option<Date>, until: Option<Date>, json: bool) -> Result<(), Failure> {
    let today = Offset::UTC.to_datetime(Timestamp::now()).date();
    let from = since.unwrap_or_else(|| today.saturating_sub(1.year()));
    let until = until.unwrap_or_else(|| today.max(from));
    if until < from {
        return Err(Failure::new(Exit::Usage, format!("a report from {from} cannot end on {until}")));
    }
    let report = site.access_report(Days { from, until })?;
    if json {
        output::json(&json!(report));
        return Ok(());
    }
    for state in report.states.iter().filter(|state| !state.is_kept) {
        output::note(&format!(
            "warning: the registry's state {}, in force from {:.0} to {:.0}, is not in registry-history/ as it was: what \
             it allowed is not in this report",
            state.digest, state.from, state.until
        ));
    }
    let headings = ["PERSON", "PROJECT", "DATASET", "MAY READ", "ALLOWED", "REFUSED", "LAST", "COULD READ"];
    let mut table = output::table(&headings);
    for line in report.lines {
        let days = line.could_read.iter().map(|days| format!("{} to {}", days.from, days.until));
        table.add_row([
            line.person,
            line.project,
            line.dataset,
            if line.may_read { "yes" } else { "no" }.to_owned(),
            line.allowed.to_string(),
            line.refused.to_string(),
            line.last.map_or_else(String::new, |at| format!("{at:.0}")),
            days.collect::<Vec<_>>().join(", "),
        ]);
    }
    output::print_table(&table);
    Ok(())
}
