//! Going on with the interrupted runs of a site where not everybody sees each other's.

use std::fs;

use super::{
    cached::with_two_projects,
    world::{LAST_LINE, READS},
};

#[test]
fn all_runs_are_those_that_one_may_see_and_each_needs_what_beginning_it_needs() {
    let institute = with_two_projects();
    let address = institute.put("anna", "reads.fa", READS, "P012");
    let (workflow, job) = (institute.site.write("last.cwl", LAST_LINE), institute.job(&address));
    let whole = institute.succeed("anna", &["run", &workflow, &job, "--project", "neuroblastoma"]).json();
    let runs = || institute.run("anna", &["status", "--json"]).json();
    let run = runs()[0]["run"].as_str().unwrap().to_owned();
    let journal = institute.site.site().join("runs").join(&run).join("journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.lines().take(2).flat_map(|line| [line, "\n"]).collect::<String>()).unwrap();

    let strangers = institute.succeed("bob", &["resume", "--all"]);
    assert!(!strangers.out.contains(&run) && !strangers.err.contains(&run), "{}{}", strangers.out, strangers.err);
    // Of a run that cannot be read whoever may not see it is not told that it is there.
    let whole_text = fs::read_to_string(&journal).unwrap();
    let (first, rest) = whole_text.split_once('\n').unwrap();
    fs::write(&journal, format!("{first}\nno record\n{rest}")).unwrap();
    let strangers = institute.succeed("bob", &["resume", "--all"]);
    assert!(!strangers.out.contains(&run) && !strangers.err.contains(&run), "{}{}", strangers.out, strangers.err);
    let damaged = institute.run("anna", &["resume", "--all"]);
    damaged.failed(5, &[]);
    assert!(damaged.out.contains(&format!("Run {run} was not ended: ")), "{}", damaged.out);
    fs::write(&journal, whole_text).unwrap();
    let untrained = institute.run("fred", &["resume", "--all"]);
    untrained.failed(4, &[]);
    assert!(!untrained.out.contains("complete"), "{}", untrained.out);
    assert_eq!(runs()[0]["state"], "interrupted");
    let own = institute.succeed("anna", &["resume", "--all", "--json"]);
    let result = own.out.lines().last().unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(result).unwrap()["outputs"], whole);
    assert_eq!(runs()[0]["state"], "complete");
}
