//! `sluis withdraw`

use std::path::Path;

use serde_json::json;
use sluis_access::SubjectListing;

use crate::{
    arguments::Withdraw,
    commands::erase::{erasure_json, print},
    exit::Exit,
    failure::Failure,
    output, site,
};

/// Shows what a withdrawal of consent would do, or writes it down and erases what was made of the subject's data.
pub fn carry_out(folder: &Path, withdraw: &Withdraw, json: bool) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    let subject = &withdraw.subject;
    let (listings, erasure) = if withdraw.plan {
        site.plan_withdrawal(subject)?
    } else {
        (site.withdraw(subject)?, site.erase_subject(subject)?)
    };
    if json {
        let datasets: Vec<_> = listings.iter().map(|listing| listing.dataset.as_str()).collect();
        output::json(&json!({ "datasets": datasets, "erasure": erasure_json(&erasure, !withdraw.plan) }));
    } else {
        for SubjectListing { dataset, consent_holds } in &listings {
            let state = match (consent_holds, withdraw.plan) {
                (true, true) => "consent would be withdrawn",
                (true, false) => "consent withdrawn from now on",
                (false, _) => "consent did not hold before",
            };
            output::line(&format!("{dataset}  {state}"));
        }
        if !erasure.objects.is_empty() {
            print(&erasure);
        }
    }
    let (objects, tasks) = (erasure.objects.len(), erasure.tasks.len());
    if withdraw.plan {
        output::note(&format!(
            "{objects} object(s) and {tasks} entries of the task cache would be erased; tasks that hold data of {subject} \
             would be stopped, and no new one permitted. Nothing was changed: leave out --plan to withdraw."
        ));
        return Ok(Exit::Success);
    }
    output::note(&format!(
        "The consent of {subject} is withdrawn in {} dataset(s). Erased {objects} object(s) and {tasks} entries of the \
         task cache. No object of the store carries the label of {subject} any more.",
        listings.len()
    ));
    Ok(Exit::Success)
}
