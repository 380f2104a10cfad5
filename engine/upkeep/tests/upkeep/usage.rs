//! Who uses how much: every object counts once for each who uses it, as theirs alone or as shared, and no byte is left out.

use std::collections::{BTreeMap, BTreeSet};

use sluis_upkeep::{GroupUsage, Grouping, Share, Usage, collect, usage};

use super::*;

/// Declares datasets: `trial`, granted to the project, and `genomes`, which is public.
fn declare(site: &Site) {
    let edit = |file: &str, from: &str, to: &str| {
        let path = site.dir().join("registry").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replace(from, to)).unwrap();
    };
    let more = "datasets:\n  trial:\n    description: x\n    consent: given\n  genomes:\n    description: x\n    class: public\n";
    edit("datasets.yaml", "datasets:\n", more);
    edit("projects.yaml", "datasets: [personal", "datasets: [personal, trial");
}

/// The bytes of all parts of some objects, as they lie in the store.
fn bytes<'a>(site: &Site, addresses: impl IntoIterator<Item = &'a Address>) -> u64 {
    let parts = |address: &Address| site.store().object(address).unwrap().unwrap().parts().unwrap();
    addresses.into_iter().flat_map(parts).map(|part| part.size).sum()
}

fn share(site: &Site, addresses: &[Address]) -> Share {
    Share { objects: addresses.len() as u64, bytes: bytes(site, addresses) }
}

/// The bytes of all files of the store but the one that makes it a store.
fn stored(site: &Site) -> u64 {
    let (mut sum, mut open) = (0, vec![site.dir().join("store")]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.file_name().unwrap().to_str().unwrap() {
                "format" | "unfinished" => {}
                _ if path.is_dir() => open.push(path),
                _ => sum += fs::metadata(path).unwrap().len(),
            }
        }
    }
    sum
}

/// The usage by a grouping, whose sums are right: what `shared` names is what several groups share.
fn grouped(site: &Site, by: Grouping, shared: &[Address]) -> (Usage, BTreeMap<String, GroupUsage>) {
    let found = usage(site, Some(by)).unwrap();
    assert_eq!(found.total, stored(site), "{by:?}");
    assert_eq!(found.total, found.objects.bytes + found.tasks.bytes + found.damaged.bytes + found.orphaned.bytes);
    let shared = share(site, shared);
    let sum = |of: fn(&Share) -> u64| {
        found.groups.iter().map(|group| of(&group.unique)).sum::<u64>() + of(&shared) + of(&found.ungrouped)
    };
    assert_eq!(sum(|share| share.objects), found.objects.objects, "{by:?}: {found:?}");
    assert_eq!(sum(|share| share.bytes), found.objects.bytes, "{by:?}: {found:?}");
    let groups = found.groups.iter().map(|group| (group.name.clone(), group.clone())).collect();
    (found, groups)
}

fn group(name: &str, unique: Share, shared: Share) -> GroupUsage {
    GroupUsage { name: name.to_owned(), unique, shared }
}

#[test]
fn an_object_that_two_runs_or_projects_use_is_shared_and_counts_for_both() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let [genome, reads, other_reads, job, other_job, nobodys] =
        ["a genome", "reads", "other reads", "job", "other job", "nobody's"].map(|text| put(&site, text));
    let (key, made) = keep_task(&site, &run(1), genome, "made");
    let (other_key, other_made) = keep_task(&site, &run(2), genome, "made by the other");
    let first = [started(&run(1), job, vec![reads], 1), complete(key), ended(Some(made[0]), Vec::new(), 1)];
    journal(&site, &run(1), &first);
    // The second of the same project; the third, of another, reads what the first made.
    let second = [started(&run(2), other_job, vec![other_reads], 1), complete(other_key)];
    journal(&site, &run(2), &second);
    let visitors: ProjectName = "visitors".parse().unwrap();
    journal(&site, &run(3), &[started_for(visitors, &run(3), other_job, vec![made[0]], 1)]);

    let (found, groups) = grouped(&site, Grouping::Run, &[genome, other_job, made[0]]);
    assert_eq!(found.ungrouped, share(&site, &[nobodys]));
    assert_eq!(found.tasks.objects, 2);
    let of = |number: u8, unique: &[Address], shared: &[Address]| {
        let name = run(number).to_string();
        assert_eq!(groups[&name], group(&name, share(&site, unique), share(&site, shared)));
    };
    of(1, &[reads, job, made[1], made[2]], &[genome, made[0]]);
    of(2, &[other_reads, other_made[0], other_made[1], other_made[2]], &[genome, other_job]);
    of(3, &[], &[other_job, made[0]]);

    let (found, groups) = grouped(&site, Grouping::Project, &[other_job, made[0]]);
    assert_eq!(groups.keys().collect::<Vec<_>>(), ["personal", "visitors"]);
    assert_eq!(found.ungrouped, share(&site, &[nobodys]));
    let own = [&[genome, reads, other_reads, job][..], &made[1..], &other_made[..]].concat();
    assert_eq!(groups["personal"], group("personal", share(&site, &own), share(&site, &[other_job, made[0]])));
    assert_eq!(groups["visitors"], group("visitors", Share::default(), share(&site, &[other_job, made[0]])));
}

#[test]
fn an_object_in_two_datasets_is_shared_whatever_their_class() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    declare(&site);
    let own = put(&site, "own");
    let both = put(&site, "the same reads");
    assert_eq!(put_for(&site, "trial", "the same reads"), both);
    let trial = put_for(&site, "trial", "of the trial");
    let genome = put_for(&site, "genomes", "a genome that everybody may see");
    let (found, groups) = grouped(&site, Grouping::Dataset, &[both]);
    assert_eq!(found.ungrouped, Share::default());
    let of = |name: &str, unique: &[Address], shared: &[Address]| {
        assert_eq!(groups[name], group(name, share(&site, unique), share(&site, shared)));
    };
    of("personal", &[own], &[both]);
    of("trial", &[trial], &[both]);
    of("genomes", &[genome], &[]);
    assert_eq!(groups.len(), 3);
    // A public object has no header packet, and its body is as long as its content.
    let body = |address: &Address| {
        let parts = site.store().object(address).unwrap().unwrap().parts().unwrap();
        (parts.len(), parts.iter().find(|part| part.name.as_str().starts_with("bodies/")).unwrap().size)
    };
    assert_eq!((body(&genome), body(&own)), ((3, 31), (4, 3 + 28)));

    // What a task makes of both datasets belongs to both.
    let permit = site.permit_task(&task_request(&run(1), &[own, trial])).unwrap();
    let joined = site.seal(&permit, &b"joined"[..]).unwrap().address;
    let (_, groups) = grouped(&site, Grouping::Dataset, &[both, joined]);
    for name in ["personal", "trial"] {
        assert_eq!(groups[name].shared, share(&site, &[both, joined]), "{name}");
    }
}

#[test]
fn a_run_whose_outputs_were_collected_uses_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let (input, job) = (put(&site, "input"), put(&site, "job"));
    let (key, made) = keep_task(&site, &run(1), input, "made");
    let old = [started(&run(1), job, vec![input], 10), complete(key), ended(Some(made[0]), Vec::new(), 10)];
    journal(&site, &run(1), &old);
    journal(&site, &run(2), &[started(&run(2), input, Vec::new(), 1)]);
    let (_, groups) = grouped(&site, Grouping::Run, &[input]);
    let names = [run(1), run(2)].map(|run| run.to_string());
    assert_eq!(groups[&names[0]].unique, share(&site, &[job, made[0], made[1], made[2]]));
    age(&site);
    collect(&site, &options(Some(5 * DAY))).unwrap();
    let left: BTreeSet<_> = site.store().addresses().unwrap().map(Result::unwrap).collect();
    assert_eq!(left, BTreeSet::from([input]), "the younger run needs it");
    for (by, names) in [(Grouping::Run, &names[..]), (Grouping::Project, &["personal".to_owned()])] {
        let shared = if names.len() > 1 { &[input][..] } else { &[] };
        let (found, groups) = grouped(&site, by, shared);
        assert!(groups.keys().eq(names), "{groups:?}");
        assert_eq!((found.ungrouped, found.tasks), (Share::default(), Share::default()));
        for name in names {
            assert_eq!(groups[name].unique, if names.len() > 1 { Share::default() } else { share(&site, &[input]) });
            assert_eq!(groups[name].shared, share(&site, shared));
        }
    }
}

#[test]
fn what_belongs_to_no_object_counts_in_the_total_alone() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let [whole, damaged] = ["whole", "damaged"].map(|text| put(&site, text));
    let parts = site.store().object(&damaged).unwrap().unwrap().parts().unwrap();
    let body = parts.iter().find(|part| part.name.as_str().starts_with("bodies/")).unwrap();
    fs::write(site.dir().join("store").join(body.name.as_str()), "not what was sealed").unwrap();
    let permit = site.permit_read(&project(), &damaged, ReadAction::Show).unwrap();
    assert!(site.verify(&permit, &damaged).is_err());
    for by in [Grouping::Run, Grouping::Project, Grouping::Dataset] {
        let (found, _) = grouped(&site, by, &[]);
        assert_eq!(found.objects, share(&site, &[whole]), "{by:?}");
        // Record and label set are set aside; body and header packet are left.
        assert_eq!((found.damaged.objects, found.orphaned.objects), (2, 2), "{by:?}");
    }
}
