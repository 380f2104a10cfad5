//! The spiked tumour: the same files each time, pairs that fit together, variants at about the stated fraction.

use std::{fs, path::Path};

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[test]
fn the_tumour_differs_from_the_normal_only_in_carriers() {
    let folder = tempfile::tempdir().unwrap();
    let made = sluis_testdata::spiked_tumour(folder.path()).unwrap();
    let (normal, tumour, second) = (lines(&made.normal_1), lines(&made.tumour_1), lines(&made.tumour_2));
    assert_eq!(normal.len(), 4 * 1633);
    assert_eq!((tumour.len(), second.len()), (normal.len(), normal.len()));
    for (index, record) in tumour.chunks(4).enumerate() {
        assert_eq!(record[0], normal[4 * index]);
        assert_eq!(record[0], second[4 * index]);
        assert_eq!(record[1].len(), record[3].len());
    }
    let changed = tumour.chunks(4).zip(normal.chunks(4)).filter(|(a, b)| a[1] != b[1]).count();
    assert!((150..500).contains(&changed), "{changed}");
}

#[test]
fn two_makings_are_equal_and_the_truth_fits_the_reference() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one, other) =
        (sluis_testdata::spiked_tumour(one.path()).unwrap(), sluis_testdata::spiked_tumour(other.path()).unwrap());
    for (a, b) in [(&one.tumour_1, &other.tumour_1), (&one.tumour_2, &other.tumour_2), (&one.truth, &other.truth)] {
        assert!(fs::read(a).unwrap() == fs::read(b).unwrap(), "{a:?}");
    }
    let reference: String = lines(&one.reference).into_iter().skip(1).collect();
    let truth: Vec<_> = lines(&one.truth).into_iter().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(truth.len(), 30);
    for line in truth {
        let fields: Vec<_> = line.split('\t').collect();
        let position: usize = fields[1].parse().unwrap();
        assert!(reference[position - 1..].to_uppercase().starts_with(fields[3]), "{line}");
    }
}
