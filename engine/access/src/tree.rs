//! The address of a content as the root of a tree over groups of 1 MiB, so that a part can be verified without the rest.
//!
//! BLAKE3 is such a tree itself (section 2.1 of its paper): the groups' chaining values, joined as it prescribes, give the
//! very hash that all bytes together have. So a list of them needs no authentication of its own: it belongs to an address
//! if its root is the address.

use blake3::{
    Hash, Hasher,
    hazmat::{ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root},
};
use zeroize::Zeroizing;

/// Bytes of a group, which is what is read and verified at a time: a power of two, many of BLAKE3's chunks.
pub(crate) const GROUP: usize = 1 << 20;

/// Hashes a content group by group.
pub(crate) struct TreeHasher {
    key: Zeroizing<[u8; 32]>,
    /// Of the group that is not full yet.
    group: Hasher,
    length: u64,
    done: Vec<ChainingValue>,
}

impl TreeHasher {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self { key: Zeroizing::new(*key), group: Hasher::new_keyed(key), length: 0, done: Vec::new() }
    }

    /// Adds the next bytes.
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let within = (self.length % GROUP as u64) as usize;
            if within == 0 && self.length > 0 {
                let full = std::mem::replace(&mut self.group, Hasher::new_keyed(&self.key));
                self.group.set_input_offset(self.length);
                self.done.push(full.finalize_non_root());
            }
            let (now, later) = bytes.split_at(bytes.len().min(GROUP - within));
            self.group.update(now);
            self.length += now.len() as u64;
            bytes = later;
        }
    }

    /// The hash of everything, and the groups' values if there is more than one group.
    pub(crate) fn finish(mut self) -> (Hash, Vec<ChainingValue>) {
        if self.done.is_empty() {
            return (self.group.finalize(), Vec::new());
        }
        self.done.push(self.group.finalize_non_root());
        (root(&self.key, &self.done, self.length), self.done)
    }
}

/// Of one group of a content that has more: what the list says of it if it is whole. `keyed` has hashed nothing yet.
pub(crate) fn group_value(keyed: &Hasher, group: u64, bytes: &[u8]) -> ChainingValue {
    Part::of(keyed, group * GROUP as u64, [bytes]).value
}

/// A part of a content of which it is not known yet whether it has more. All parts but the last are of one size, which
/// is a power of two and many of BLAKE3's chunks.
pub(crate) struct Part {
    value: ChainingValue,
    /// Of the first part: the hash of everything, if it is the only one.
    alone: Option<Hash>,
}

impl Part {
    /// Hashes the part's bytes, piece by piece; it begins at this place in the content. `keyed` has hashed nothing yet.
    pub(crate) fn of<'a>(keyed: &Hasher, start: u64, pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = keyed.clone();
        hasher.set_input_offset(start);
        for piece in pieces {
            hasher.update(piece);
        }
        Self { value: hasher.finalize_non_root(), alone: (start == 0).then(|| hasher.finalize()) }
    }
}

/// Joins the parts of a content as they come, in memory that hardly grows with their number.
#[derive(Clone)]
pub(crate) struct Joiner {
    key: Zeroizing<[u8; 32]>,
    parts: u64,
    alone: Option<Hash>,
    /// The subtrees that are whole, the larger ones before. Two of a size are joined when it is certain that more
    /// follows: the last join of all is another one (BLAKE3 paper, section 5.1.2).
    whole: Vec<ChainingValue>,
}

impl Joiner {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self { key: Zeroizing::new(*key), parts: 0, alone: None, whole: Vec::new() }
    }

    /// Adds the next part.
    pub(crate) fn add(&mut self, part: &Part) {
        if self.parts == 0 {
            self.alone = part.alone;
        } else {
            self.alone = None;
            for _ in 0..self.parts.trailing_zeros() {
                self.join_last();
            }
        }
        self.parts += 1;
        self.whole.push(part.value);
    }

    fn join_last(&mut self) {
        if let (Some(right), Some(left)) = (self.whole.pop(), self.whole.pop()) {
            self.whole.push(merge_subtrees_non_root(&left, &right, Mode::KeyedHash(&self.key)));
        }
    }

    /// What was added, which is one part or more, as a part of something larger.
    pub(crate) fn part(mut self) -> Part {
        while self.whole.len() > 1 {
            self.join_last();
        }
        Part { value: self.whole.pop().unwrap_or_default(), alone: None }
    }

    /// The hash of everything.
    pub(crate) fn finish(mut self) -> Hash {
        while self.whole.len() > 2 {
            self.join_last();
        }
        match (self.alone, &*self.whole) {
            (Some(hash), _) => hash,
            (None, [left, right]) => merge_subtrees_root(left, right, Mode::KeyedHash(&self.key)),
            // There was no part.
            (None, _) => blake3::keyed_hash(&self.key, b""),
        }
    }
}

/// The hash of a content of `length` bytes with these groups, of which there are at least two and no more than it has.
pub(crate) fn root(key: &[u8; 32], groups: &[ChainingValue], length: u64) -> Hash {
    let (left, right) = halves(groups, length);
    let (left_length, mode) = (left_subtree_len(length), Mode::KeyedHash(key));
    merge_subtrees_root(&join(key, left, left_length), &join(key, right, length - left_length), mode)
}

fn join(key: &[u8; 32], groups: &[ChainingValue], length: u64) -> ChainingValue {
    if let [only] = groups {
        return *only;
    }
    let (left, right) = halves(groups, length);
    let left_length = left_subtree_len(length);
    let right = join(key, right, length - left_length);
    merge_subtrees_non_root(&join(key, left, left_length), &right, Mode::KeyedHash(key))
}

fn halves(groups: &[ChainingValue], length: u64) -> (&[ChainingValue], &[ChainingValue]) {
    let left = (left_subtree_len(length) / GROUP as u64) as usize;
    groups.split_at(left.clamp(1, groups.len() - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_the_hash_of_all_bytes_however_they_come() {
        let key = [7; 32];
        let bytes: Vec<u8> = (0..5 * GROUP + 12_345).map(|i| (i % 251) as u8).collect();
        for length in [0, 1, GROUP - 1, GROUP, GROUP + 1, 2 * GROUP, 3 * GROUP, 4 * GROUP + 1, bytes.len()] {
            let expected = blake3::keyed_hash(&key, &bytes[..length]);
            for step in [977_777, GROUP, 3 * GROUP + 1] {
                let mut hasher = TreeHasher::new(&key);
                bytes[..length].chunks(step).for_each(|part| hasher.update(part));
                let (hash, groups) = hasher.finish();
                assert_eq!(hash, expected, "{length} bytes in steps of {step}");
                let keyed = Hasher::new_keyed(&key);
                for size in [GROUP, GROUP / 4, 65_536] {
                    let mut joiner = Joiner::new(&key);
                    for (part, number) in bytes[..length].chunks(size).zip(0..) {
                        joiner.add(&Part::of(&keyed, number * size as u64, part.chunks(10_000)));
                    }
                    assert!(joiner.whole.len() < 12);
                    assert_eq!(joiner.finish(), expected, "{length} bytes in parts of {size}");
                    let mut joiner = Joiner::new(&key);
                    for (parts, number) in bytes[..length].chunks(2 * size).zip(0..) {
                        let mut inner = Joiner::new(&key);
                        for (part, within) in parts.chunks(size).zip(0..) {
                            inner.add(&Part::of(&keyed, (2 * number + within) * size as u64, [part]));
                        }
                        joiner.add(&inner.part());
                    }
                    if length > 2 * size {
                        assert_eq!(joiner.finish(), expected, "{length} bytes in parts of parts of {size}");
                    }
                }
                if length > GROUP {
                    assert_eq!(groups.len(), length.div_ceil(GROUP));
                    assert_eq!(groups[1], group_value(&keyed, 1, &bytes[GROUP..length.min(2 * GROUP)]));
                } else {
                    assert!(groups.is_empty());
                }
            }
        }
    }
}
