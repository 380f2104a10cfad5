//! `sluis access`

mod report;

use std::path::Path;

use serde_json::json;
use sluis_access::{Question, Site, Thing};
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
        Access::Report { from, to } => report::tell(&site, from, to, json)?,
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
