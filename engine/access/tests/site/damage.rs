//! Ten thousand damages in a folder, and some hundred in a bucket: each is noticed before a byte of it is given out.

use std::{net::SocketAddr, thread};

use sluis_access::{Checked, Permit};
use sluis_bucket::BucketConfig;

use super::*;
use crate::{servers, wire};

/// Damages that each of the threads tries.
const EACH: u64 = 2500;
const THREADS: u64 = 4;
/// Damages in a bucket, and where that lies.
const IN_BUCKET: u64 = 300;
const REGION: &str = "eu-central-1";

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

/// Where a store's blobs lie, for who changes them behind its back.
trait Blobs {
    fn read(&self, name: &str) -> Vec<u8>;
    fn write(&self, name: &str, bytes: &[u8]);
    fn remove(&self, name: &str);
}

/// A site's own folder.
struct Folder(PathBuf);

impl Blobs for Folder {
    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.0.join(name)).unwrap();
    }
}

/// A bucket, as its server has it.
struct InBucket(SocketAddr);

impl InBucket {
    fn ask(&self, method: &str, name: &str, bytes: &[u8]) -> Vec<u8> {
        let request = wire::Request::new(method, &format!("/a-bucket/site/{name}"), bytes);
        let answer = servers::ask_amazon(self.0, REGION, request);
        assert!((200..300).contains(&answer.status), "{method} {name}: {}", answer.status);
        answer.body
    }
}

impl Blobs for InBucket {
    fn read(&self, name: &str) -> Vec<u8> {
        self.ask("GET", name, b"")
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        self.ask("PUT", name, bytes);
    }

    fn remove(&self, name: &str) {
        self.ask("DELETE", name, b"");
    }
}

/// The blobs of an object with their bytes: label set, record, header packet, body.
type Snapshot = Vec<(String, Vec<u8>)>;

fn snapshot(site: &Site, blobs: &impl Blobs, address: &Address) -> Snapshot {
    let parts = site.store().object(address).unwrap().unwrap().parts().unwrap();
    parts.iter().map(|part| (part.name.to_string(), blobs.read(part.name.as_str()))).collect()
}

/// A damage of one part.
struct Damage {
    part: usize,
    bytes: Vec<u8>,
    what: String,
}

/// What is done to `one`; `other` is another object, `old` an earlier body of the same content.
fn damage(numbers: &mut Numbers, one: &Snapshot, other: &Snapshot, old: &Snapshot) -> Damage {
    const SEALED: usize = 65_564;
    let mut part = numbers.below(4);
    let mut bytes = one[part].1.clone();
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
            part = 3;
            bytes.clone_from(&one[part].1);
            let range = segment * SEALED..whole.len().min((segment + 1) * SEALED);
            bytes[range.clone()].copy_from_slice(&whole[range]);
            format!("segment {segment} of another body")
        }
        6 => {
            bytes.clone_from(&other[part].1);
            "the other object's".to_owned()
        }
        _ => {
            // The label sets of one object at two times are the same.
            part = 1 + numbers.below(3);
            bytes.clone_from(&old[part].1);
            "an earlier version".to_owned()
        }
    };
    Damage { part, bytes, what: format!("part {part}: {what}") }
}

/// A site with an object that was made twice, and another one, to be damaged.
struct World<'a, B> {
    site: &'a Site,
    blobs: &'a B,
    text: Vec<u8>,
    address: Address,
    reader: Permit,
    check: Permit,
    one: Snapshot,
    other: Snapshot,
    old: Snapshot,
}

impl<'a, B: Blobs> World<'a, B> {
    fn new(site: &'a Site, blobs: &'a B) -> Self {
        declare(site, "trial-7");
        let text = text(0);
        let address = put(site, &text).address;
        let old = snapshot(site, blobs, &address);
        old.iter().for_each(|(name, _)| blobs.remove(name));
        assert!(!put(site, &text).existing);
        let one = snapshot(site, blobs, &address);
        let other = put_for(site, "trial-7", &self::text(1)).address;
        let other = snapshot(site, blobs, &other);
        let reader = site.permit_read(&project(), &address, ReadAction::Show).unwrap();
        let check = site.permit_check(&[address]).unwrap();
        Self { site, blobs, text, address, reader, check, one, other, old }
    }

    /// Damages the object so often, and sees each time that it is noticed; what was set aside is given to `cleared`.
    fn try_damages(&self, seed: u64, count: u64, cleared: impl Fn()) {
        let mut numbers = Numbers(seed * 0x9e37_79b9 + 1);
        for number in 0..count {
            let Damage { part, bytes, what } = damage(&mut numbers, &self.one, &self.other, &self.old);
            self.blobs.write(&self.one[part].0, &bytes);
            self.try_one(number, part, &format!("seed {seed}, {number}: {what}"));
            cleared();
            // What is damaged is set aside with record and label set.
            self.one.iter().for_each(|(name, bytes)| self.blobs.write(name, bytes));
        }
        assert_eq!(show(self.site, &self.address).unwrap(), self.text, "it is whole again");
    }

    fn try_one(&self, number: u64, part: usize, what: &str) {
        // Every tenth goes the whole way, with a decision of its own.
        let outcome = if number.is_multiple_of(10) {
            show(self.site, &self.address).map(|_| Vec::new())
        } else {
            let mut out = Vec::new();
            let read = self.site.unseal(&self.reader, &self.address).and_then(|mut reader| {
                reader.read_to_end(&mut out).map(drop).map_err(AccessError::from_reading(&self.address))
            });
            assert!(self.text.starts_with(&out), "{what}");
            read.map(|()| out)
        };
        // A label set says nothing to who has a permit already.
        let is_label = part == 0 && !number.is_multiple_of(10);
        match outcome {
            // An earlier record names an earlier body, and label sets belong to a body.
            Err(AccessError::Damaged { .. } | AccessError::Refused(_)) => {}
            // But a check sees it.
            Ok(_) if is_label => {
                let found = self.site.check(&self.check, &self.address).unwrap();
                assert!(matches!(found, Checked::Damaged(_)), "{what}: {found:?}");
            }
            other => panic!("{what}: {:?}", other.map(|text| text.len())),
        }
    }
}

#[test]
fn ten_thousand_damages_are_each_noticed_before_a_byte_of_them_is_given_out() {
    let try_seed = |seed| {
        let folder = tempfile::tempdir().unwrap();
        let site = site(folder.path());
        let store = folder.path().join("store");
        let cleared = || drop(fs::remove_dir_all(store.join("damaged")));
        World::new(&site, &Folder(store.clone())).try_damages(seed, EACH, cleared);
    };
    thread::scope(|scope| (0..THREADS).for_each(|seed| drop(scope.spawn(move || try_seed(seed)))));
}

#[test]
fn damages_of_a_bucket_s_objects_are_each_noticed_before_a_byte_of_them_is_given_out() {
    let (folder, server) = (tempfile::tempdir().unwrap(), servers::amazon(REGION));
    let endpoint = format!("http://{}", server.address).parse().unwrap();
    let place = "s3://a-bucket/site".parse().unwrap();
    let bucket = BucketConfig::new(place, REGION.parse().unwrap(), Some(endpoint)).unwrap();
    let site = Site::create(folder.path(), &SiteConfig { bucket: Some(bucket), ..config() }).unwrap();
    World::new(&site, &InBucket(server.address)).try_damages(7, IN_BUCKET, || {});
}
