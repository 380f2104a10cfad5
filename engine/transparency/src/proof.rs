//! Proofs, and their verification.

use serde::{Deserialize, Serialize};

use crate::{Hash, node_hash};

/// Proves that a record is in a tree, at a place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InclusionProof {
    /// The record's number, from 0.
    pub index: u64,
    /// How many records the tree has.
    pub size: u64,
    /// The audit path of RFC 6962, section 2.1.1: from the leaf's sibling upwards.
    pub hashes: Vec<Hash>,
}

impl InclusionProof {
    /// Whether it proves that the leaf is at its place in the tree of its size with this root.
    pub fn proves(&self, leaf: &Hash, root: &Hash) -> bool {
        if self.index >= self.size {
            return false;
        }
        let mut climb = Climb { node: self.index, last: self.size - 1 };
        let mut hash = *leaf;
        for other in &self.hashes {
            match climb.step() {
                None => return false,
                Some(Side::Left) => hash = node_hash(other, &hash),
                Some(Side::Right) => hash = node_hash(&hash, other),
            }
        }
        climb.last == 0 && hash == *root
    }
}

/// Proves that a tree begins with all the records of an earlier one, in the same order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConsistencyProof {
    /// How many records the earlier tree has.
    pub from: u64,
    /// How many records the later tree has.
    pub size: u64,
    /// The proof of RFC 6962, section 2.1.2.
    pub hashes: Vec<Hash>,
}

impl ConsistencyProof {
    /// Whether it proves that the tree with the root `later` begins with the one with the root `earlier`.
    pub fn proves(&self, earlier: &Hash, later: &Hash) -> bool {
        match self.from {
            0 => self.hashes.is_empty() && *earlier == Hash::of_empty_tree(),
            from if from == self.size => self.hashes.is_empty() && earlier == later,
            from if from > self.size => false,
            _ => self.proves_growth(earlier, later),
        }
    }

    fn proves_growth(&self, earlier: &Hash, later: &Hash) -> bool {
        // A tree that is full stands as a whole in the later one, so its root is not in the proof.
        let whole = self.from.is_power_of_two().then_some(earlier);
        let mut hashes = whole.into_iter().chain(&self.hashes);
        let Some(first) = hashes.next() else { return false };
        let mut climb = Climb { node: self.from - 1, last: self.size - 1 };
        while climb.node & 1 == 1 {
            climb.rise();
        }
        let (mut old, mut new) = (*first, *first);
        for other in hashes {
            match climb.step() {
                None => return false,
                Some(Side::Left) => (old, new) = (node_hash(other, &old), node_hash(other, &new)),
                Some(Side::Right) => new = node_hash(&new, other),
            }
        }
        climb.last == 0 && old == *earlier && new == *later
    }
}

/// On which side of the path the proof's next hash stands.
enum Side {
    Left,
    Right,
}

/// The way from a leaf to the root: the node's number in its level, and that of the level's last one.
struct Climb {
    node: u64,
    last: u64,
}

impl Climb {
    /// Goes to the parent; `None` at the root.
    fn step(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        let is_right = self.node & 1 == 1 || self.node == self.last;
        if is_right {
            // A last node without a sibling stands for itself on the levels above.
            while self.node & 1 == 0 && self.node != 0 {
                self.rise();
            }
        }
        self.rise();
        Some(if is_right { Side::Left } else { Side::Right })
    }

    const fn rise(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }
}
