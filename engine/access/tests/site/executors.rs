//! On what a site's data are worked, as `site.yaml` says.

use super::*;

/// The site with more lines in `site.yaml`.
fn reopened(site: &Site, lines: &str) -> Result<Site, AccessError> {
    let path = site.dir().join("site.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let text = text.split("executors:").next().unwrap().split("confidential-computing:").next().unwrap();
    fs::write(&path, format!("{text}{lines}")).unwrap();
    Site::open(site.dir())
}

fn run_on(site: &Site, executor: &str, input: &Address) -> Result<(), AccessError> {
    let (run, project, inputs, labels) = (run(), project(), [*input], Labels::default());
    site.permit_task(&TaskRequest { executor, ..request(&run, &project, &inputs, &labels) }).map(drop)
}

#[test]
fn only_executors_that_the_site_names_run_tasks() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let input = put(&site, b"text").address;
    for executor in ["docker", "sandbox", "engine", "local"] {
        run_on(&site, executor, &input).unwrap();
    }
    let site = reopened(&site, "executors: [docker]\n").unwrap();
    for executor in ["docker", "engine", "local"] {
        run_on(&site, executor, &input).unwrap();
    }
    let refused = refusal(run_on(&site, "sandbox", &input));
    assert!(refused.contains("the executor sandbox is not among those that this site allows"), "{refused}");
    let site = reopened(&site, "executors: []\n").unwrap();
    refusal(run_on(&site, "docker", &input));
    for (lines, says) in [
        ("executors: [local]\n", "are allowed by `local-executor: allow`"),
        ("executors: ['']\n", "an executor has a name"),
        ("confidential-computing: maybe\n", "`confidential-computing`"),
    ] {
        let error = reopened(&site, lines).unwrap_err().to_string();
        assert!(error.contains("site.yaml:") && error.contains(says), "{error}");
    }
}

#[test]
fn what_a_site_is_made_with_it_is_opened_with() {
    let folder = tempfile::tempdir().unwrap();
    let executors = Executors { allowed: Some(["docker".to_owned()].into()), confidential: true };
    let made = Site::create(folder.path(), &SiteConfig { executors: executors.clone(), ..config() }).unwrap();
    assert_eq!(Site::open(made.dir()).unwrap().config().executors, executors);
}

#[test]
fn data_that_are_to_be_encrypted_in_memory_are_worked_on_where_the_site_says_that_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let input = put(&site, b"text").address;
    edit(&site, "datasets.yaml", "class: controlled", "confidential-computing: true");
    let refused = refusal(run_on(&site, "docker", &input));
    assert!(refused.contains("the dataset personal is worked on with confidential computing only"), "{refused}");
    assert_eq!(show(&site, &input).unwrap(), b"text", "people may look at them");
    let site = reopened(&site, "confidential-computing: true\n").unwrap();
    run_on(&site, "docker", &input).unwrap();
    let site = reopened(&site, "confidential-computing: false\n").unwrap();
    refusal(run_on(&site, "docker", &input));
}
