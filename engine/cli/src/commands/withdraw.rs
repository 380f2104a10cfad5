//! `sluis withdraw`

use std::{collections::BTreeSet, path::Path};

use serde_json::json;
use sluis_access::{Erasure, Site, SubjectListing};
use sluis_crypt4gh::PublicKey;
use sluis_model::{Address, RunId};
use sluis_schedule::{RunState, TaskState, list_runs, read_run};

use crate::{
    arguments::Withdraw,
    commands::erase::{erasure_json, print},
    exit::Exit,
    failure::Failure,
    output, site,
};

/// What a withdrawal would do beside the erasure.
#[derive(Default)]
struct Planned {
    /// Runs under way that hold data of the subject, with the steps whose tasks run.
    runs: Vec<(RunId, Vec<String>)>,
    /// Objects, and to whom they were granted.
    granted: Vec<(Address, PublicKey)>,
}

impl Planned {
    fn of(site: &Site, erasure: &Erasure) -> Result<Self, Failure> {
        let theirs: BTreeSet<Address> = erasure.objects.iter().map(|object| object.address).collect();
        let folder = site.runs_dir();
        let mut runs = Vec::new();
        for id in list_runs(&folder)? {
            let run = read_run(&folder, &id)?;
            let results = run.tasks.values().filter_map(|task| task.result.as_ref());
            let mut holds = run.files.iter().chain([&run.inputs]).chain(&run.given).chain(results);
            if run.state == RunState::Running && !run.interrupted && holds.any(|address| theirs.contains(address)) {
                let under_way = run.tasks.values().filter(|task| task.state == TaskState::Running);
                runs.push((id, under_way.map(|task| task.step.clone()).collect()));
            }
        }
        Ok(Self { runs, granted: site.others_who_hold(erasure)? })
    }
}

/// Shows what a withdrawal of consent would do, or writes it down and erases what was made of the subject's data.
pub fn carry_out(folder: &Path, withdraw: &Withdraw, json: bool) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    let subject = &withdraw.subject;
    let (listings, erasure) = if withdraw.plan {
        site.plan_withdrawal(subject)?
    } else {
        (site.withdraw(subject)?, site.erase_subject(subject)?)
    };
    let planned = if withdraw.plan { Planned::of(&site, &erasure)? } else { Planned::default() };
    if json {
        let datasets: Vec<_> = listings.iter().map(|listing| listing.dataset.as_str()).collect();
        let mut told = json!({ "datasets": datasets, "erasure": erasure_json(&erasure, !withdraw.plan) });
        if withdraw.plan {
            told["runs"] = planned.runs.iter().map(|(run, tasks)| json!({ "run": run, "running": tasks })).collect();
            let granted = |(address, key): &(Address, PublicKey)| json!({ "address": address, "recipient": hex::encode(key.as_bytes()) });
            told["granted"] = planned.granted.iter().map(granted).collect();
        }
        output::json(&told);
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
        for (run, tasks) in &planned.runs {
            let tasks = if tasks.is_empty() { "no task now".to_owned() } else { tasks.join(", ") };
            output::line(&format!("run {run} would be stopped; under way: {tasks}"));
        }
        for (address, key) in &planned.granted {
            let key = hex::encode(key.as_bytes());
            output::line(&format!("{address} was granted to {key}, who would not be able to open it here any more"));
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
