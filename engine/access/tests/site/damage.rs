//! Ten thousand damages: each is noticed before a byte of it is given out.

use std::thread;

use sluis_access::Checked;

use super::*;

/// Damages that each of the threads tries.
const EACH: u64 = 2500;
const THREADS: u64 = 4;

fn text(seed: u8) -> Vec<u8> {
    (0..150_000_u32).map(|i| (i % 251) as u8 ^ seed).collect()
}

/// Pseudo-random numbers: the same in every run, so that what fails can be looked at.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// The files of an object with their bytes, in the order of [`parts`].
type Snapshot = Vec<(PathBuf, Vec<u8>)>;

fn snapshot(site: &Site, address: &Address) -> Snapshot {
    parts(site, address).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn restore(site: &Site, snapshot: &Snapshot) {
    let _ = fs::remove_dir_all(site.dir().join("store/damaged"));
    for (path, bytes) in snapshot {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// What is done to `one`; `other` is another object, `old` an earlier body of the same content. Says what it did.
fn damage(numbers: &mut Numbers, one: &Snapshot, other: &Snapshot, old: &Snapshot) -> String {
    const SEALED: usize = 65_564;
    let part = numbers.below(4);
    let (path, bytes) = &one[part];
    let mut bytes = bytes.clone();
    let place = numbers.below(bytes.len());
    let what = match numbers.below(8) {
        0..=3 => {
            let bit = numbers.below(8);
            bytes[place] ^= 1 << bit;
            format!("flipped bit {bit} of byte {place}")
        }
        4 => {
            bytes.truncate(place);
            format!("cut to {place} bytes")
        }
        5 => {
            let (from, segment) = (if place.is_multiple_of(2) { other } else { old }, numbers.below(3));
            let whole = &from[3].1;
            bytes.clone_from(&one[3].1);
            let range = segment * SEALED..whole.len().min((segment + 1) * SEALED);
            bytes[range.clone()].copy_from_slice(&whole[range]);
            fs::write(&one[3].0, &bytes).unwrap();
            return format!("segment {segment} of another body");
        }
        6 => {
            bytes.clone_from(&other[part].1);
            "the other object's".to_owned()
        }
        _ => {
            // The label sets of one object at two times are the same.
            let part = 1 + numbers.below(3);
            fs::write(&one[part].0, &old[part].1).unwrap();
            return format!("an earlier version of part {part}");
        }
    };
    fs::write(path, bytes).unwrap();
    format!("part {part}: {what}")
}

fn try_damages(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    declare(&site, "trial-7");
    let text = text(0);
    let address = put(&site, &text).address;
    let old = snapshot(&site, &address);
    for (path, _) in &old {
        fs::remove_file(path).unwrap();
    }
    assert!(!put(&site, &text).existing);
    let one = snapshot(&site, &address);
    let other = put_for(&site, "trial-7", &self::text(1)).address;
    let other = snapshot(&site, &other);
    let mut numbers = Numbers(seed * 0x9e37_79b9 + 1);
    let permit = site.permit_read(&project(), &address, ReadAction::Show).unwrap();
    let check = site.permit_check(&[address]).unwrap();
    for number in 0..EACH {
        restore(&site, &one);
        let what = damage(&mut numbers, &one, &other, &old);
        // Every tenth goes the whole way, with a decision of its own.
        let outcome = if number % 10 == 0 {
            show(&site, &address).map(|_| Vec::new())
        } else {
            let mut out = Vec::new();
            let read = site.unseal(&permit, &address).and_then(|mut reader| {
                reader.read_to_end(&mut out).map(drop).map_err(AccessError::from_reading(&address))
            });
            assert!(text.starts_with(&out), "{what}");
            read.map(|()| out)
        };
        // A label set says nothing to who has a permit already.
        let is_label = what.starts_with("part 0") && number % 10 != 0;
        match outcome {
            // An earlier record names an earlier body, and label sets belong to a body.
            Err(AccessError::Damaged { .. } | AccessError::Refused(_)) => {}
            // But a check sees it.
            Ok(_) if is_label => {
                let found = site.check(&check, &address).unwrap();
                assert!(matches!(found, Checked::Damaged(_)), "{what}: {found:?}");
            }
            other => panic!("seed {seed}, {number}: {what}: {:?}", other.map(|text| text.len())),
        }
    }
}

#[test]
fn ten_thousand_damages_are_each_noticed_before_a_byte_of_them_is_given_out() {
    thread::scope(|scope| (0..THREADS).for_each(|seed| drop(scope.spawn(move || try_damages(seed)))));
}
