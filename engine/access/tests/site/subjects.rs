//! Subjects: their labels go wherever their data go, and their consent decides.

use super::*;

const LISTED: &str = "consent: given\n    subjects:\n      P012: {consent: given, consent-date: 2026-01-31}\n      \
                      P013:\n        consent: withdrawn\n        consent-date: 2026-02-28\n";

pub fn of_subjects(subjects: &[&str]) -> Labels {
    let mut labels = of_dataset("trial-7");
    labels.subjects.extend(subjects.iter().map(|name| name.parse().unwrap()));
    labels
}

pub fn subjects_site(folder: &Path) -> Site {
    let site = site(folder);
    declare(&site, "trial-7");
    edit(&site, "datasets.yaml", "description: x\n    consent: given\n", &format!("description: x\n    {LISTED}"));
    site
}

/// As long as the dataset lists nobody, as it did before its subjects were known.
pub fn before_any_were_listed<T>(site: &Site, act: impl FnOnce() -> T) -> T {
    let path = site.dir().join("registry/datasets.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let is_of_subjects = |line: &&str| line.starts_with("    subjects:") || line.starts_with("      ");
    let others: Vec<_> = text.lines().filter(|line| !is_of_subjects(line)).collect();
    fs::write(&path, others.join("\n")).unwrap();
    let outcome = act();
    fs::write(&path, text).unwrap();
    outcome
}

#[test]
fn only_the_data_of_subjects_who_are_listed_and_agreed_are_taken_in() {
    let folder = tempfile::tempdir().unwrap();
    let site = subjects_site(folder.path());
    assert_eq!(site.permit_put(&project(), &of_subjects(&["P012"])).unwrap().labels().to_string(), "trial-7 of P012");
    let text = refusal(site.permit_put(&project(), &of_subjects(&["P012", "P013", "P014"])));
    assert!(text.contains("the consent of the subject P013 was withdrawn on 2026-02-28"), "{text}");
    assert!(text.contains("the subject P014 is in none of the datasets concerned"), "{text}");
    assert!(text.contains("subjects:\n          P014:\n"), "{text}");
    assert!(!text.contains("P012 "), "{text}");
}

#[test]
fn data_of_a_dataset_that_lists_subjects_say_whose_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let site = subjects_site(folder.path());
    let mut elsewhere = of_dataset("trial-7");
    elsewhere.subjects.insert("P014".parse().unwrap());
    for labels in [of_dataset("trial-7"), elsewhere] {
        let text = refusal(site.permit_put(&project(), &labels));
        assert!(text.contains("the dataset trial-7 lists subjects, and none of them is named"), "{text}");
        assert!(text.contains("remedy: name every subject whose data they are: --subject PSEUDONYM"), "{text}");
    }
    let host = "data.example.org".parse().unwrap();
    assert!(refusal(site.permit_fetch(&project(), &of_dataset("trial-7"), &host)).contains("none of them is named"));
    // Of two datasets, each that lists subjects needs one of its own.
    let mut two = of_subjects(&["P012"]);
    two.datasets.insert(dataset("personal"));
    site.permit_put(&project(), &two).unwrap();
    declare_public(&site, "genomes");
    site.permit_put(&project(), &of_dataset("genomes")).unwrap();
}

#[test]
fn a_withdrawn_consent_stops_the_use_of_what_was_made_from_the_subject() {
    let folder = tempfile::tempdir().unwrap();
    let site = subjects_site(folder.path());
    let permit = site.permit_put(&project(), &of_subjects(&["P012"])).unwrap();
    let reads = site.seal(&permit, &b"reads"[..]).unwrap().address;
    let other = before_any_were_listed(&site, || put_for(&site, "trial-7", b"panel").address);
    let (run, project, none) = (run(), project(), Labels::default());
    let (inputs, also) = ([reads, other], [other]);
    let made = site.permit_task(&request(&run, &project, &inputs, &none)).unwrap();
    assert_eq!(made.labels(), &of_subjects(&["P012"]));
    let variants = site.seal(&made, &b"variants"[..]).unwrap().address;
    assert_eq!(show(&site, &variants).unwrap(), b"variants");
    edit(&site, "datasets.yaml", "P012: {consent: given", "P012: {consent: withdrawn");
    for address in [reads, variants] {
        assert!(refusal(show(&site, &address)).contains("the consent of the subject P012 was withdrawn on 2026-01-31"));
    }
    assert!(refusal(site.permit_task(&request(&run, &project, &inputs, &none))).contains("P012"));
    site.permit_task(&request(&run, &project, &also, &none)).unwrap();
}

#[test]
fn a_withdrawal_in_any_dataset_counts() {
    let folder = tempfile::tempdir().unwrap();
    let site = subjects_site(folder.path());
    let second = "datasets:\n  trial-8:\n    description: y\n    consent: given\n    subjects:\n      \
                  P012: {consent: withdrawn}\n";
    edit(&site, "datasets.yaml", "datasets:\n", second);
    assert!(refusal(site.permit_put(&project(), &of_subjects(&["P012"]))).contains("P012 was withdrawn"));
}

#[test]
fn a_withdrawal_is_undone_by_no_file_that_is_lost_or_older() {
    let folder = tempfile::tempdir().unwrap();
    let site = subjects_site(folder.path());
    let asked = || site.permit_put(&project(), &of_subjects(&["P012"]));
    asked().unwrap();
    site.withdraw(&"P012".parse().unwrap()).unwrap();
    assert!(refusal(asked()).contains("P012 was withdrawn"));
    let file = site.dir().join("registry/withdrawals.yaml");
    let written = fs::read_to_string(&file).unwrap();
    let older = written.replace("P012", "P013");
    for text in [None, Some(older)] {
        match text {
            Some(text) => fs::write(&file, text).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        assert!(refusal(asked()).contains("P012 was withdrawn"));
        let problems = site.in_force().unwrap().problems.expect("the state is refused");
        let told = problems.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>().concat();
        assert!(told.contains("`P012` took their consent back") && told.contains("given-again"), "{told}");
    }
    // Given again, the datasets say whether it holds; taken back again, it does not.
    let day = written.lines().find_map(|line| line.trim().strip_prefix("date: ")).unwrap();
    fs::write(&file, written.replace(day, &format!("{day}\n    given-again: {day}"))).unwrap();
    asked().unwrap();
    assert!(site.in_force().unwrap().problems.is_none());
    site.withdraw(&"P012".parse().unwrap()).unwrap();
    assert!(refusal(asked()).contains("P012 was withdrawn"));
}

#[test]
fn what_comes_from_a_sample_is_its_subjects() {
    let folder = tempfile::tempdir().unwrap();
    let site = subjects_site(folder.path());
    edit(&site, "datasets.yaml", "P012: {consent: given,", "P012: {consent: given, samples: [T-7, N-7],");
    assert_eq!(site.permit_put(&project(), &of_subjects(&["T-7"])).unwrap().labels().to_string(), "trial-7 of P012");
    let text = refusal(site.permit_put(&project(), &of_subjects(&["T-8"])));
    assert!(text.contains("the subject T-8 is in none of the datasets concerned"), "{text}");
    edit(&site, "datasets.yaml", "P012: {consent: given,", "P012: {consent: withdrawn,");
    assert!(refusal(site.permit_put(&project(), &of_subjects(&["N-7"]))).contains("of the subject P012 was withdrawn"));
}

#[test]
fn what_a_data_steward_gets_wrong_is_told_with_its_place() {
    for (wrong, told) in [
        ("subjects: [P012]", "subjects"),
        ("subjects:\n      P012: given", "a subject"),
        ("subjects:\n      P012: {consent: yes}", "none of `given`"),
        ("subjects:\n      Jan Jansen: {consent: given}", "`Jan Jansen` is not a subject's pseudonym"),
        ("subjects:\n      P012: {consent: given, name: Jan}", "`name`"),
        ("subjects:\n      P012: {consent: given, samples: [P012]}", "the sample `P012` has the name of a subject"),
        ("subjects:\n      P012: {consent: given, samples: [T-7, T-7]}", "the sample `T-7` has the name of"),
        ("class: public", "a public dataset has no `consent`"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let site = site(folder.path());
        edit(&site, "datasets.yaml", "class: controlled", wrong);
        let error = site.permit_put(&project(), &of_dataset("personal")).unwrap_err().to_string();
        assert!(error.contains(told) && error.contains("datasets.yaml:"), "{wrong}: {error}");
    }
}
