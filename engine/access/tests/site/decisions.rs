//! What is refused, why, and when it is noticed.

use super::*;

#[test]
fn each_missing_fact_refuses_with_its_own_reason_and_is_written_down() {
    let changes = [
        ("datasets.yaml", "consent: given", "consent: withdrawn", "was withdrawn on 20"),
        ("datasets.yaml", "consent-date: \"20", "consent-date: \"40", "holds from 40"),
        ("datasets.yaml", "consent: given", "consent: unknown", "is not known"),
        ("projects.yaml", "datasets: [personal]", "datasets: []", "is not granted to the project"),
        ("projects.yaml", "members: [self]", "members: []", "is not a member"),
        ("projects.yaml", "purpose: research", "purpose: marketing", "research only"),
        ("projects.yaml", "  personal:\n", "  other:\n", "the project personal is not in the registry"),
    ];
    for (file, from, to, reason) in changes {
        let folder = tempfile::tempdir().unwrap();
        let site = site(folder.path());
        let address = put(&site, b"text").address;
        assert_eq!(show(&site, &address).unwrap(), b"text");
        edit(&site, file, from, to);
        let text = refusal(site.permit_read(&project(), &address, ReadAction::Show));
        assert!(text.contains(reason) && text.contains("remedy"), "{text}");
        assert!(refusal(site.permit_put(&project(), &of_dataset("personal"))).contains(reason));
        let last = site.audit().records().unwrap().last().unwrap().unwrap();
        assert!(last.json().contains("\"deny\"") && last.json().contains(reason), "{}", last.json());
        edit(&site, file, to, from);
        assert_eq!(show(&site, &address).unwrap(), b"text");
    }
}

#[test]
fn a_registry_that_is_not_valid_refuses_everything_and_names_the_place() {
    for (from, to, problem) in [
        ("purpose: research", "purpoze: research", "no field `purpoze`"),
        ("datasets: [personal]", "datasets: [elsewhere]", "`elsewhere` is not declared in datasets.yaml"),
        ("members: [self]", "members: [x]", "`x` is not declared in people.yaml"),
        ("projects:\n", "projects: [\n", "projects.yaml:"),
        ("from: \"20", "from: \"90", "cannot end on"),
        ("from: \"20", "from: \"x20", "`from`:"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let site = site(folder.path());
        let address = put(&site, b"text").address;
        edit(&site, "projects.yaml", from, to);
        fs::remove_dir_all(site.dir().join("registry-history")).unwrap();
        match site.permit_read(&project(), &address, ReadAction::Show) {
            Err(AccessError::Registry(problems)) => assert!(problems.to_string().contains(problem), "{problems}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_last_valid_registry_stays_in_force_for_all_to_see() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let address = put(&site, b"text").address;
    let valid = site.in_force().unwrap();
    assert!(valid.problems.is_none());
    edit(&site, "projects.yaml", "members: [self]", "members: [self]\n    membrs: []");
    // Another process knows no earlier state than what is on the disk.
    let site = Site::open(site.dir()).unwrap();
    let in_force = site.in_force().unwrap();
    assert_eq!(in_force.registry.digest, valid.registry.digest);
    assert!(in_force.problems.unwrap().to_string().contains("`membrs`"));
    assert_eq!(show(&site, &address).unwrap(), b"text");
    let shown = site.audit().records().unwrap().map(Result::unwrap).filter(|record| record.action() == "show").last();
    assert!(shown.unwrap().json().contains(&valid.registry.digest));
    // A state that is not the one of its digest is none.
    let kept = site.dir().join("registry-history").join(&valid.registry.digest).join("projects.yaml");
    let text = fs::read_to_string(&kept).unwrap();
    fs::write(kept, text.replace("research", "any")).unwrap();
    let site = Site::open(site.dir()).unwrap();
    assert!(matches!(site.permit_read(&project(), &address, ReadAction::Show), Err(AccessError::Registry(_))));
}

#[test]
fn a_permit_opens_what_it_names_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let (one, two) = (put(&site, b"one").address, put(&site, b"two").address);
    let permit = site.permit_read(&project(), &one, ReadAction::Show).unwrap();
    assert!(site.unseal(&permit, &one).is_ok());
    assert!(matches!(site.unseal(&permit, &two), Err(AccessError::NotCovered(_))));
    assert!(matches!(site.seal(&permit, &b"new"[..]), Err(AccessError::NotCovered(_))));
}

#[test]
fn a_remedy_is_yaml_that_removes_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let text = refusal(site.permit_put(&project(), &of_dataset("trial-7")));
    assert!(text.contains("registry/datasets.yaml") && text.contains("\n        trial-7:\n"), "{text}");
    edit(&site, "datasets.yaml", "datasets:\n", "datasets:\n  trial-7:\n    description: x\n    consent: given\n");
    let text = refusal(site.permit_put(&project(), &of_dataset("trial-7")));
    assert!(text.contains("add trial-7 to its datasets in registry/projects.yaml"), "{text}");
    edit(&site, "projects.yaml", "datasets: [personal]", "datasets: [personal, trial-7]");
    assert_eq!(site.permit_put(&project(), &of_dataset("trial-7")).unwrap().labels().to_string(), "trial-7");
}

#[test]
fn every_reason_is_given_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    edit(&site, "projects.yaml", "members: [self]", "members: []");
    edit(&site, "projects.yaml", "datasets: [personal]", "datasets: []");
    edit(&site, "datasets.yaml", "consent: given", "consent: withdrawn");
    let text = refusal(site.permit_put(&project(), &of_dataset("personal")));
    for reason in ["not a member", "not granted", "was withdrawn"] {
        assert!(text.contains(reason), "{text}");
    }
}

#[test]
fn a_task_runs_where_the_site_stands_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let (run, project, labels) = (run(), project(), Labels::default());
    let here = request(&run, &project, &[], &labels);
    let permit = site.permit_task(&here).unwrap();
    assert_eq!((permit.task(), permit.executor()), (Some((&run, TaskId(7))), Some("local")));
    let elsewhere = TaskRequest { region: sluis_model::Region::on_site(EuCountry::BE), ..here };
    assert!(refusal(site.permit_task(&elsewhere)).contains("it was to be done in BE; allowed are NL"));
}

#[test]
fn a_tool_reaches_the_network_only_where_the_site_allows_it() {
    let folder = tempfile::tempdir().unwrap();
    let (run, project, labels) = (run(), project(), Labels::default());
    let asks = TaskRequest { network: true, ..request(&run, &project, &[], &labels) };
    let site = site(folder.path());
    assert!(refusal(site.permit_task(&asks)).contains("asks to reach the network"));
    let config = site.dir().join("site.yaml");
    drop(site);
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("network-access: refuse", "network-access: allow")).unwrap();
    let site = Site::open(config.parent().unwrap()).unwrap();
    site.permit_task(&asks).unwrap();
    drop(site);
    fs::write(&config, text.replace("network-access: refuse\n", "")).unwrap();
    let site = Site::open(config.parent().unwrap()).unwrap();
    assert!(refusal(site.permit_task(&asks)).contains("network-access: allow"), "the remedy is told");
}

#[test]
fn consent_withdrawn_during_a_run_stops_the_next_task() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let (run, project, labels) = (run(), project(), Labels::default());
    let inputs = [put(&site, b"reads").address];
    age_registry(&site);
    let before = fs::metadata(site.dir().join("registry/datasets.yaml")).unwrap().modified().unwrap();
    for _ in 0..2 {
        site.permit_task(&request(&run, &project, &inputs, &labels)).unwrap();
    }
    // The same length and the same time of modification, as a tool that restores times leaves it.
    edit(&site, "datasets.yaml", "consent: given", "consent:   wit");
    edit(&site, "datasets.yaml", "consent:   wit", "consent: withd");
    edit(&site, "datasets.yaml", "consent: withd", "consent: unknown");
    File::options().write(true).open(site.dir().join("registry/datasets.yaml")).unwrap().set_modified(before).unwrap();
    assert!(refusal(site.permit_task(&request(&run, &project, &inputs, &labels))).contains("is not known"));
}

#[test]
fn what_is_made_from_data_carries_all_their_labels() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    declare(&site, "trial-7");
    declare(&site, "trial-8");
    let inputs = [put(&site, b"one").address, put_for(&site, "trial-7", b"two").address];
    let derived = Labels::of_dataset(dataset("trial-8"));
    let permit = site.permit_task(&request(&run(), &project(), &inputs, &derived)).unwrap();
    assert_eq!(permit.labels().to_string(), "personal, trial-7, trial-8");
    let made = site.seal(&permit, &b"made of both"[..]).unwrap().address;
    assert_eq!(site.facts(&made).unwrap().labels, [permit.labels().clone()]);
    edit(
        &site,
        "datasets.yaml",
        "trial-8:\n    description: x\n    consent: given",
        "trial-8:\n    description: x\n    consent: withdrawn",
    );
    assert!(refusal(site.permit_read(&project(), &made, ReadAction::Show)).contains("dataset trial-8 was withdrawn"));
    assert!(site.permit_task(&request(&run(), &project(), &inputs, &Labels::default())).is_ok());
    assert!(site.permit_task(&request(&run(), &project(), &inputs, &derived)).is_err());
}

#[test]
fn one_allowed_label_set_is_enough_and_the_smallest_is_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    declare(&site, "trial-7");
    // The same content came from two datasets together, then from each alone.
    let inputs = [put(&site, b"a").address, put_for(&site, "trial-7", b"b").address];
    let both = site.permit_task(&request(&run(), &project(), &inputs, &Labels::default())).unwrap();
    let address = site.seal(&both, &b""[..]).unwrap().address;
    assert_eq!(put_for(&site, "trial-7", b"").address, address);
    assert!(put(&site, b"").existing);
    assert_eq!(site.facts(&address).unwrap().labels.len(), 3);
    edit(
        &site,
        "datasets.yaml",
        "trial-7:\n    description: x\n    consent: given",
        "trial-7:\n    description: x\n    consent: withdrawn",
    );
    let permit = site.permit_read(&project(), &address, ReadAction::Show).unwrap();
    assert_eq!(permit.labels().to_string(), "personal");
    edit(&site, "projects.yaml", "datasets: [personal, trial-7]", "datasets: [trial-7]");
    assert!(refusal(site.permit_read(&project(), &address, ReadAction::Show)).contains("not granted"));
}

#[test]
fn a_permit_of_another_site_says_nothing() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (one, two) = (site(folders[0].path()), site(folders[1].path()));
    let permit = one.permit_put(&project(), &of_dataset("personal")).unwrap();
    assert!(matches!(two.seal(&permit, &b"text"[..]), Err(AccessError::NotCovered(_))));
    assert!(Site::open(folders[0].path()).unwrap().seal(&permit, &b"text"[..]).is_ok());
}

#[test]
fn a_project_that_has_not_begun_or_is_over_may_do_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let path = site.dir().join("registry/projects.yaml");
    for (from, until, allowed) in
        [("2001-01-01", "2001-12-31", false), ("2001-01-01", "9001-12-31", true), ("9001-01-01", "9001-12-31", false)]
    {
        let text = format!(
            "projects:\n  personal:\n    purpose: research\n    members: [self]\n    datasets: [personal]\n    \
             from: {from}\n    until: {until}\n"
        );
        fs::write(&path, text).unwrap();
        let permit = site.permit_put(&project(), &of_dataset("personal"));
        assert_eq!(permit.is_ok(), allowed, "{from}");
        if !allowed {
            assert!(refusal(permit).contains(&format!("runs from {from} to {until}")));
        }
    }
}

#[test]
fn data_of_no_dataset_are_not_taken_in() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    assert!(refusal(site.permit_put(&project(), &Labels::default())).contains("no dataset"));
    assert!(site.permit_put(&project(), &of_dataset("personal")).is_ok());
}

/// Whether a type is none of those that can be had without a decision: were it one, the name below could mean two things
/// and would not compile.
trait OnlyDecided<How> {
    fn is_only_decided() -> bool {
        true
    }
}

struct ByDefault;
struct ByCopying;
struct ByReading;

impl<T> OnlyDecided<()> for T {}
impl<T: Default> OnlyDecided<ByDefault> for T {}
impl<T: Clone> OnlyDecided<ByCopying> for T {}
impl<T: serde::de::DeserializeOwned> OnlyDecided<ByReading> for T {}

#[test]
fn nothing_but_a_decision_makes_a_permit() {
    assert!(<sluis_access::Permit as OnlyDecided<_>>::is_only_decided());
}
