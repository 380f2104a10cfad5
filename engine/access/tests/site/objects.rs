//! Objects: what is sealed comes back, and only what was sealed.

use std::io::Seek;

use proptest::prelude::*;

use super::*;

#[test]
fn the_same_text_has_one_address_in_a_site_and_another_elsewhere() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let sites = [site(folders[0].path()), site(folders[1].path())];
    let again = Site::open(folders[0].path()).unwrap();
    for text in [Vec::new(), vec![1; 10], vec![2; 200_000]] {
        let first = put(&sites[0], &text);
        let second = put(&again, &text);
        assert_eq!((first.address, first.existing, second.existing), (second.address, false, true));
        assert_ne!(put(&sites[1], &text).address, first.address);
        assert_eq!(show(&again, &first.address).unwrap(), text);
    }
}

#[test]
fn a_flipped_byte_in_any_file_of_an_object_is_refused_and_the_object_can_be_put_again() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let text = vec![7; 70_000];
    let address = put(&site, &text).address;
    for part in 0..4 {
        let files = parts(&site, &address);
        assert_eq!(files.len(), 4);
        let length = fs::read(&files[part]).unwrap().len();
        for place in (0..length).step_by(length.div_ceil(40)) {
            let file = parts(&site, &address).swap_remove(part);
            let mut bytes = fs::read(&file).unwrap();
            bytes[place] ^= 0x20;
            fs::write(&file, bytes).unwrap();
            match show(&site, &address) {
                Err(AccessError::Damaged { address: named, .. }) => assert_eq!(named, address),
                other => panic!("byte {place} of {}: {:?}", file.display(), other.map(|text| text.len())),
            }
            assert!(matches!(show(&site, &address), Err(AccessError::NotFound(_))));
            assert!(!put(&site, &text).existing);
            assert_eq!(show(&site, &address).unwrap(), text);
        }
    }
}

#[test]
fn a_body_that_somebody_else_sealed_for_the_site_does_not_pass() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let (one, two) = (put(&site, b"what was said").address, put(&site, b"what was done").address);
    let (ones, twos) = (parts(&site, &one), parts(&site, &two));
    for part in [2, 3] {
        fs::copy(&twos[part], &ones[part]).unwrap();
    }
    assert!(matches!(show(&site, &one), Err(AccessError::Damaged { .. })));
}

#[test]
fn a_label_set_or_record_of_another_object_does_not_pass() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    declare(&site, "trial-7");
    for prefix in ["labels-", "record"] {
        let (mine, other) = (put(&site, b"mine").address, put_for(&site, "trial-7", b"other").address);
        let files = |address: &Address| {
            let is_it = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(prefix);
            parts(&site, address).into_iter().find(is_it).unwrap()
        };
        let (from, to) = (files(&mine), files(&other));
        // The name of a label set ends with the hash of its content, after the identifier of the object's body.
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        let (owner, hash) = (name(&to), name(&from));
        let (owner, hash) = (owner.rsplit_once('-').map(|parts| parts.0), hash.rsplit_once('-').map(|parts| parts.1));
        let name = owner.zip(hash).map_or("record".to_owned(), |(owner, hash)| format!("{owner}-{hash}"));
        fs::copy(&from, to.with_file_name(name)).unwrap();
        match show(&site, &other) {
            Err(AccessError::Damaged { address, .. }) => assert_eq!(address, other),
            otherwise => panic!("{prefix}: {otherwise:?}"),
        }
    }
}

#[test]
fn a_body_that_was_cut_or_grew_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let text = vec![3; 140_000];
    for change in [-65_564_i64, -1, 1, 65_564] {
        let address = put(&site, &text).address;
        let body = &parts(&site, &address)[3];
        let mut bytes = fs::read(body).unwrap();
        bytes.resize(bytes.len().strict_add_signed(change as isize), 0);
        fs::write(body, bytes).unwrap();
        assert!(matches!(show(&site, &address), Err(AccessError::Damaged { .. })), "{change}");
    }
    let address = put(&site, &text).address;
    fs::remove_file(&parts(&site, &address)[3]).unwrap();
    assert!(matches!(show(&site, &address), Err(AccessError::Damaged { .. })));
}

#[test]
fn an_object_under_the_name_of_another_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let (one, two) = (put(&site, b"one").address, put(&site, b"two").address);
    let place = |address: &Address| parts(&site, address)[0].parent().unwrap().to_owned();
    let (one_folder, two_folder) = (place(&one), place(&two));
    fs::remove_dir_all(&one_folder).unwrap();
    fs::rename(two_folder, one_folder).unwrap();
    assert!(matches!(show(&site, &one), Err(AccessError::Damaged { address, .. }) if address == one));
}

#[test]
fn threads_and_instances_share_one_site() {
    let folder = tempfile::tempdir().unwrap();
    let sites = [site(folder.path()), Site::open(folder.path()).unwrap()];
    let addresses: Vec<Vec<Address>> = std::thread::scope(|scope| {
        let work = |site: &Site| (0..12).map(|i| put(site, format!("text {i}").as_bytes()).address).collect();
        let workers: Vec<_> = (0..4)
            .map(|i| {
                let site = &sites[i % 2];
                scope.spawn(move || work(site))
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    assert!(addresses.iter().all(|list| list == &addresses[0]));
    for (i, address) in addresses[0].iter().enumerate() {
        assert_eq!(show(&sites[i % 2], address).unwrap(), format!("text {i}").as_bytes());
    }
    // Each signs what it has written itself.
    let records = sites[1].audit().verify(None).unwrap().records;
    let summary = sites[0].audit().verify(None).unwrap();
    assert_eq!((summary.records, summary.signed), (records, records));
}

#[test]
fn what_cannot_be_read_is_not_kept() {
    struct Failing(usize);
    impl Read for Failing {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            if self.0 == 0 {
                return Err(std::io::Error::other("the cable was cut"));
            }
            let count = out.len().min(self.0);
            self.0 -= count;
            Ok(count)
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let permit = site.permit_put(&project(), &of_dataset("personal")).unwrap();
    for length in [0, 10, 300_000] {
        assert!(matches!(site.seal(&permit, Failing(length)), Err(AccessError::Plaintext(_))));
    }
    assert_eq!(site.store().addresses().unwrap().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_sealed_comes_back(length in prop_oneof![0..200_usize, 65_000..66_000_usize, 250_000..300_000_usize]) {
        let folder = tempfile::tempdir().unwrap();
        let site = site(folder.path());
        let text: Vec<u8> = (0..length).map(|i| (i % 249) as u8).collect();
        let sealed = put(&site, &text);
        prop_assert_eq!(sealed.size, length as u64);
        prop_assert_eq!(show(&site, &sealed.address).unwrap(), text);
    }

    #[test]
    fn any_part_can_be_read_alone(length in 0..200_000_u64, from in 0..200_000_u64, count in 0..70_000_usize) {
        let folder = tempfile::tempdir().unwrap();
        let site = site(folder.path());
        let text: Vec<u8> = (0..length).map(|i| (i % 249) as u8).collect();
        let address = put(&site, &text).address;
        let permit = site.permit_read(&project(), &address, ReadAction::Show).unwrap();
        let mut reader = site.unseal(&permit, &address).unwrap();
        let from = reader.seek(std::io::SeekFrom::Start(from)).unwrap() as usize;
        let mut part = Vec::new();
        reader.by_ref().take(count as u64).read_to_end(&mut part).unwrap();
        prop_assert_eq!(&part, &text[from..(from + count).min(text.len())]);
        reader.rewind().unwrap();
        part.clear();
        reader.read_to_end(&mut part).unwrap();
        prop_assert_eq!(part, text);
    }
}
