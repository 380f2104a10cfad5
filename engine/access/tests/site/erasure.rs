//! Erasure: nothing that was made of a subject's data can be read afterwards, by anybody, from any copy.

use sluis_access::Fate;
use walkdir::WalkDir;

use super::{
    subjects::{before_any_were_listed, of_subjects, subjects_site},
    *,
};

pub fn put_of(site: &Site, labels: &Labels, text: &[u8]) -> Address {
    let permit = site.permit_put(&project(), labels).unwrap();
    site.seal(&permit, text).unwrap().address
}

/// Data of the dataset of which nobody said whose they are, from before it listed anybody.
fn put_of_nobody(site: &Site, text: &[u8]) -> Address {
    before_any_were_listed(site, || put_of(site, &of_dataset("trial-7"), text))
}

pub fn derive(site: &Site, inputs: &[Address], text: &[u8]) -> Address {
    let (run, project, none) = (run(), project(), Labels::default());
    let permit = site.permit_task(&request(&run, &project, inputs, &none)).unwrap();
    site.seal(&permit, text).unwrap().address
}

pub fn withdraw(site: &Site) {
    edit(site, "datasets.yaml", "P012: {consent: given", "P012: {consent: withdrawn");
}

/// The names of all files of the store, and whether any of them holds the text.
fn store_has(site: &Site, text: &str) -> bool {
    let files = WalkDir::new(site.dir().join("store")).into_iter().map(Result::unwrap);
    files.filter(|entry| entry.file_type().is_file()).any(|entry| {
        let bytes = fs::read(entry.path()).unwrap();
        entry.path().to_string_lossy().contains(text) || bytes.windows(text.len()).any(|part| part == text.as_bytes())
    })
}

fn fates(erasure: &sluis_access::Erasure) -> Vec<(Address, Fate)> {
    let mut fates: Vec<_> = erasure.objects.iter().map(|object| (object.address, object.fate)).collect();
    fates.sort_by_key(|(address, _)| *address);
    fates
}

#[test]
fn everything_made_of_a_subjects_data_goes_and_everything_else_stays() {
    let folder = tempfile::tempdir().unwrap();
    let site = subjects_site(folder.path());
    declare(&site, "trial-9");
    let subject = "P012".parse().unwrap();
    let (mine, panel) = (put_of(&site, &of_subjects(&["P012"]), b"reads of P012"), put_of_nobody(&site, b"panel"));
    let variants = derive(&site, &[mine, panel], b"variants");
    let report = derive(&site, &[variants], b"report");
    let common = derive(&site, &[mine], b"no variant found");
    assert_eq!(common, put_of(&site, &of_dataset("trial-9"), b"no variant found"));
    let bodies: Vec<_> = [mine, variants, report]
        .map(|address| site.store().object(&address).unwrap().unwrap().body.to_string())
        .into_iter()
        .collect();

    let plan = site.plan_erasure(&subject).unwrap();
    let mut expected =
        vec![(mine, Fate::Erased), (variants, Fate::Erased), (report, Fate::Erased), (common, Fate::Kept)];
    expected.sort_by_key(|(address, _)| *address);
    assert_eq!(fates(&plan), expected);
    assert_eq!(show(&site, &report).unwrap(), b"report", "a plan changes nothing");
    assert!(refusal(site.erase_subject(&subject)).contains("is not withdrawn"));
    assert_eq!(show(&site, &report).unwrap(), b"report", "nor does a refusal");

    withdraw(&site);
    assert_eq!(fates(&site.erase_subject(&subject).unwrap()), expected);
    for address in [mine, variants, report] {
        assert!(matches!(show(&site, &address), Err(AccessError::NotFound(_))));
        assert!(!store_has(&site, &address.hex()[2..]));
    }
    for body in bodies {
        assert!(!store_has(&site, &body[2..]), "no header packet is left for a copy of the body");
    }
    assert!(!store_has(&site, "P012"), "no label names them");
    assert_eq!(show(&site, &common).unwrap(), b"no variant found");
    assert_eq!(show(&site, &panel).unwrap(), b"panel");
    assert_eq!(site.plan_erasure(&subject).unwrap().objects, []);
    let log = fs::read_to_string(site.dir().join("audit/log.jsonl")).unwrap();
    let place = |action: &str, address: &Address| {
        let is_it =
            |line: &str| line.contains(&format!("\"action\":\"{action}\"")) && line.contains(&address.to_string());
        log.lines().position(is_it).unwrap()
    };
    assert!(place("erase", &mine) < place("erased", &mine), "decided, then done");
    assert!(place("unlabelled", &common) > 0);
}

/// The same content of two subjects of one dataset is each one's: who withdraws takes theirs back, and no more.
#[test]
fn what_is_of_another_subject_of_the_same_dataset_too_stays_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let site = subjects_site(folder.path());
    edit(&site, "datasets.yaml", "      P013:\n", "      P015: {consent: given}\n      P013:\n");
    let address = put_of(&site, &of_subjects(&["P012"]), b"no variant found");
    assert_eq!(address, put_of(&site, &of_subjects(&["P015"]), b"no variant found"));
    assert_eq!(address, put_of_nobody(&site, b"no variant found"));
    let both = put_of(&site, &of_subjects(&["P012", "P015"]), b"of both");
    withdraw(&site);
    let erased = site.erase_subject(&"P012".parse().unwrap()).unwrap();
    let mut expected = vec![(address, Fate::Kept), (both, Fate::Erased)];
    expected.sort_by_key(|(address, _)| *address);
    assert_eq!(fates(&erased), expected);
    // The set that names nobody went with that of the subject: it would have kept what is theirs.
    assert_eq!(site.facts(&address).unwrap().labels, [of_subjects(&["P015"])]);
    assert_eq!(show(&site, &address).unwrap(), b"no variant found");
    edit(&site, "datasets.yaml", "P015: {consent: given", "P015: {consent: withdrawn");
    assert_eq!(fates(&site.erase_subject(&"P015".parse().unwrap()).unwrap()), [(address, Fate::Erased)]);
    assert!(!store_has(&site, &address.hex()[2..]));
}

#[test]
fn what_says_less_of_the_same_data_does_not_keep_them() {
    let folder = tempfile::tempdir().unwrap();
    let site = subjects_site(folder.path());
    let address = put_of(&site, &of_subjects(&["P012"]), b"reads");
    assert_eq!(address, put_of_nobody(&site, b"reads"));
    withdraw(&site);
    assert_eq!(fates(&site.erase_subject(&"P012".parse().unwrap()).unwrap()), [(address, Fate::Erased)]);
}

#[test]
fn damaged_objects_and_those_of_which_nobody_knows_whose_they_were_go_too() {
    let folder = tempfile::tempdir().unwrap();
    let site = subjects_site(folder.path());
    let (one, two) = (put_of(&site, &of_subjects(&["P012"]), b"one"), put_of(&site, &of_subjects(&["P012"]), b"two"));
    let other = put_of_nobody(&site, b"other");
    fs::write(parts(&site, &one).last().unwrap(), "x").unwrap();
    assert!(show(&site, &one).is_err());
    fs::write(&parts(&site, &two)[0], "x").unwrap();
    withdraw(&site);
    let erasure = site.erase_subject(&"P012".parse().unwrap()).unwrap();
    let mut expected = vec![(one, Fate::Erased), (two, Fate::ErasedUnverified)];
    expected.sort_by_key(|(address, _)| *address);
    assert_eq!(fates(&erasure), expected);
    let left = |kind: &str| WalkDir::new(site.dir().join("store").join(kind)).into_iter().map(Result::unwrap);
    let files = |kind: &str| left(kind).filter(|entry| entry.file_type().is_file()).count();
    assert_eq!((files("packets"), files("bodies"), files("damaged")), (1, 1, 0));
    assert_eq!(show(&site, &other).unwrap(), b"other");
}

#[test]
fn nothing_new_is_kept_for_a_permit_from_before_the_withdrawal() {
    let folder = tempfile::tempdir().unwrap();
    let site = subjects_site(folder.path());
    let mine = put_of(&site, &of_subjects(&["P012"]), b"reads");
    let (run, project, none) = (run(), project(), Labels::default());
    let permit = site.permit_task(&request(&run, &project, &[mine], &none)).unwrap();
    withdraw(&site);
    for length in [10, 200_000] {
        assert!(refusal(site.seal(&permit, &vec![1; length][..])).contains("P012"));
    }
    site.erase_subject(&"P012".parse().unwrap()).unwrap();
    assert_eq!(site.store().addresses().unwrap().count(), 0);
}

#[test]
fn what_an_interrupted_removal_or_writer_left_goes_too() {
    let folder = tempfile::tempdir().unwrap();
    let site = subjects_site(folder.path());
    let store = site.dir().join("store");
    for is_noted in [true, false] {
        let address = put_of(&site, &of_subjects(&["P012"]), b"reads");
        let record = parts(&site, &address).into_iter().find(|path| path.ends_with("record")).unwrap();
        if is_noted {
            // A garbage collection that was killed before it was decided whether the object goes.
            fs::create_dir_all(store.join("doomed")).unwrap();
            let note = [b"undecided\n".as_slice(), &fs::read(&record).unwrap()].concat();
            fs::write(store.join("doomed").join(address.hex()), note).unwrap();
        }
        fs::remove_file(record).unwrap();
        if is_noted {
            assert_eq!(show(&site, &address).unwrap(), b"reads");
        }
    }
    withdraw(&site);
    site.erase_subject(&"P012".parse().unwrap()).unwrap();
    for kind in ["objects", "bodies", "packets", "doomed"] {
        let left = WalkDir::new(store.join(kind)).into_iter().map(Result::unwrap);
        assert_eq!(left.filter(|entry| entry.file_type().is_file()).count(), 0, "{kind}");
    }
}
